//! The two engines and everything that tunes them. Numbers are nanoseconds
//! per call or ratios, measured on a 2-core machine with wasmtime 48.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use host_core::limits;
use host_wasi::Data;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::package::World;
use super::room::Room;
use super::state::Guest;
use super::{apart, imports};

/// The most memory a guest instance can be given, whatever its options say:
/// the size of its slot in the pool.
const SLOT_BYTES_FAST: usize = 4 << 30;

/// The same, where the pool is made for many small actors.
const SLOT_BYTES_DENSE: usize = 64 << 20;

/// Memory mappings per live actor: measured 6 with copy-on-write images.
const MAPS_PER_ACTOR: u64 = 6;

/// Mappings left for the rest of the process.
const MAPS_RESERVED: u64 = 4_000;

/// Linux's default for `vm.max_map_count`, where it cannot be read.
const MAPS_DEFAULT: u64 = 65_530;

/// More slots of 4 GiB than this do not fit one contiguous reservation.
const ACTORS_MAX_FAST: u32 = 20_000;

/// Page tables and bookkeeping for more were never measured.
const ACTORS_MAX_DENSE: u32 = 250_000;

/// Live actors a pool has room for unless more are asked for: making a pool
/// takes a system call for each (74 ms for 10,000, 25 ms for this many).
const ACTORS_DEFAULT: u32 = 4_000;

/// Live async actors: each engine has a pool of its own, and async actors
/// are the few that wait for many.
const ACTORS_ASYNC: u32 = 2_000;

/// Slots beside those of the actors: for packages that are asked what is in
/// them, and for instances that are just being dropped.
const SLOTS_SPARE: u32 = 64;

/// How many live actors the engine's pool has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Slots.
    pub actors: u32,
    /// Bytes of linear memory that one slot can hold.
    pub slot_bytes: usize,
}

/// The machine cannot hold the pool that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// `vm.max_map_count` is too low.
    #[error(
        "{asked} live actors need about {needed} memory mappings, and vm.max_map_count is {has}; \
         raise it (sysctl -w vm.max_map_count={needed}) or ask for at most {possible}"
    )]
    Maps {
        /// Actors asked for.
        asked: u32,
        /// Mappings they need.
        needed: u64,
        /// The kernel's bound.
        has: u64,
        /// Actors it allows.
        possible: u32,
    },
    /// The machine refuses what the engine needs, such as address space.
    #[error("the engine cannot be set up for {actors} actors: {reason}; ask for fewer")]
    Engine {
        /// The pool's size.
        actors: u32,
        /// What was refused.
        reason: String,
    },
    /// No profile holds so many.
    #[error("{asked} live actors are more than one host can hold; the most is {most}")]
    Most {
        /// Actors asked for.
        asked: u32,
        /// The most.
        most: u32,
    },
}

impl Pool {
    /// The pool for this many live actors; none: a few thousand, as far as the
    /// machine's `vm.max_map_count` allows.
    pub fn for_actors(asked: Option<u32>) -> Result<Pool, PoolError> {
        let has = max_map_count();
        let possible = u32::try_from(has.saturating_sub(MAPS_RESERVED) / MAPS_PER_ACTOR);
        let possible = possible.unwrap_or(u32::MAX).min(ACTORS_MAX_DENSE);
        let Some(asked) = asked else {
            return Ok(Pool { actors: possible.min(ACTORS_DEFAULT), slot_bytes: SLOT_BYTES_FAST });
        };
        if asked > ACTORS_MAX_DENSE {
            return Err(PoolError::Most { asked, most: ACTORS_MAX_DENSE });
        }
        if asked > possible {
            let needed = u64::from(asked) * MAPS_PER_ACTOR + MAPS_RESERVED;
            return Err(PoolError::Maps { asked, needed, has, possible });
        }
        let dense = asked > ACTORS_MAX_FAST;
        let slot_bytes = if dense { SLOT_BYTES_DENSE } else { SLOT_BYTES_FAST };
        Ok(Pool { actors: asked.max(1), slot_bytes })
    }
}

fn max_map_count() -> u64 {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(MAPS_DEFAULT)
}

/// An engine and the linker that belongs to it.
pub(super) struct EngineWorld {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Data>,
    /// The places that the pool has for actors.
    pub(super) room: Arc<Room>,
}

/// The engines of a node. Two, because `concurrency_support`, which async
/// guests need, costs every call dearly (349 -> 1159).
pub struct Engines {
    pool: Pool,
    /// Whether this process is a worker.
    apart: bool,
    sequential: EngineWorld,
    /// Made when the first async package is loaded: most hosts never need it.
    concurrent: OnceLock<EngineWorld>,
    ticking: Arc<AtomicBool>,
}

impl Engines {
    /// Reserves the pool and starts the epoch's clock.
    pub fn new(pool: Pool) -> Result<Engines, PoolError> {
        Engines::of(pool, false)
    }

    /// The engines of a worker process, which has one actor: its guests ask
    /// another process for what they import.
    pub(super) fn for_worker() -> Result<Engines, PoolError> {
        let engines = Engines::of(Pool::for_actors(Some(1))?, true)?;
        // Guests with a GPU need this one, and an actor is to start at once.
        engines
            .world(World::Concurrent)
            .map_err(|error| PoolError::Engine { actors: 1, reason: format!("{error:#}") })?;
        Ok(engines)
    }

    fn of(pool: Pool, apart: bool) -> Result<Engines, PoolError> {
        let refused = |error: wasmtime::Error| PoolError::Engine {
            actors: pool.actors,
            reason: format!("{error:#}"),
        };
        let sequential = EngineWorld::new(World::Sequential, pool, apart).map_err(refused)?;
        let ticking = Arc::new(AtomicBool::new(true));
        tick(sequential.engine.clone(), ticking.clone()).map_err(refused)?;
        Ok(Engines { pool, apart, sequential, concurrent: OnceLock::new(), ticking })
    }

    /// The pool it was made with.
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// The places for actors, by the name of the engine; of the one for async
    /// actors only if there is one.
    pub fn rooms(&self) -> Vec<(&'static str, Arc<Room>)> {
        let made = self.concurrent.get().map(|world| ("async", world.room.clone()));
        [("sequential", self.sequential.room.clone())].into_iter().chain(made).collect()
    }

    pub(super) fn world(&self, world: World) -> wasmtime::Result<&EngineWorld> {
        if world == World::Sequential {
            return Ok(&self.sequential);
        }
        if let Some(made) = self.concurrent.get() {
            return Ok(made);
        }
        let pool = Pool { actors: self.pool.actors.min(ACTORS_ASYNC), ..self.pool };
        let made = EngineWorld::new(world, pool, self.apart)?;
        if self.concurrent.set(made).is_ok() {
            let engine = self.concurrent.get().expect("just set").engine.clone();
            tick(engine, self.ticking.clone())?;
        }
        Ok(self.concurrent.get().expect("set by this or another thread"))
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        self.ticking.store(false, Ordering::Relaxed);
    }
}

impl EngineWorld {
    fn new(world: World, pool: Pool, apart: bool) -> wasmtime::Result<EngineWorld> {
        let engine = Engine::new(&config(world, pool))?;
        let mut linker = Linker::new(&engine);
        host_wasi::add_to_linker(&mut linker)?;
        if apart {
            apart::add_to_linker(&mut linker, world)?;
        } else {
            imports::add_to_linker(&mut linker, world)?;
        }
        if world == World::Concurrent {
            host_gpu::add_to_linker(&mut linker, Guest::gpu_of)?;
        }
        let room = Arc::new(Room::new(pool.actors));
        Ok(EngineWorld { engine, linker, room })
    }
}

/// Advances the epoch until the engines are dropped. A thread of its own: a
/// busy runtime must not delay what makes guests yield.
fn tick(engine: Engine, ticking: Arc<AtomicBool>) -> wasmtime::Result<()> {
    std::thread::Builder::new().name("epoch".into()).spawn(move || {
        while ticking.load(Ordering::Relaxed) {
            std::thread::sleep(limits::EPOCH_TICK);
            engine.increment_epoch();
        }
    })?;
    Ok(())
}

/// The one place where wasmtime is tuned.
fn config(world: World, pool: Pool) -> Config {
    let mut config = Config::new();
    config
        // Preemption: +8 % on calls, up to 40 % in tight memory loops. Fuel,
        // the alternative, costs 24-75 %.
        .epoch_interruption(true)
        .concurrency_support(world == World::Concurrent)
        .wasm_component_model_async(world == World::Concurrent)
        .cranelift_opt_level(OptLevel::Speed)
        // No measurable cost, and a trap without a stack helps nobody.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(30))
        // Guests recurse up to 128 KiB deep; the other half of the fiber's
        // stack is for host functions they call.
        .max_wasm_stack(128 << 10)
        .async_stack_size(256 << 10)
        .memory_reservation(pool.slot_bytes as u64)
        .memory_guard_size(64 << 10)
        .guard_before_linear_memory(false)
        // What a slot cannot hold must not be compiled in.
        .wasm_memory64(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)));
    config
}

/// With these, instantiate and drop takes 5.5 us and scales to two threads
/// (225,000/s); with wasmtime's defaults 10.6 us and 49,000/s.
fn pooling(pool: Pool) -> PoolingAllocationConfig {
    let n = pool.actors.saturating_add(SLOTS_SPARE);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(n)
        .total_memories(n)
        // A store that was ever called through the async API keeps its stack.
        .total_stacks(n)
        // A Rust component has up to four core modules: its own, and the
        // shims between it and its imports; two of them have tables.
        .total_core_instances(n.saturating_mul(4))
        .total_tables(n.saturating_mul(2))
        .max_memory_size(pool.slot_bytes)
        .max_memories_per_component(4)
        .max_core_instances_per_component(16)
        .max_tables_per_component(8)
        .table_elements(limits::ACTOR_TABLE_ELEMENTS)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(256 << 10);
    pooling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_past_the_kernels_bound_is_refused_with_the_number_to_set() {
        let Err(error) = Pool::for_actors(Some(ACTORS_MAX_DENSE)) else {
            // The kernel allows it here: then the dense profile is chosen.
            let pool = Pool::for_actors(Some(ACTORS_MAX_DENSE)).unwrap();
            assert_eq!(pool.slot_bytes, SLOT_BYTES_DENSE);
            return;
        };
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        assert!(Pool::for_actors(Some(ACTORS_MAX_DENSE + 1)).is_err());
    }

    #[test]
    fn by_default_the_pool_is_quickly_made() {
        let pool = Pool::for_actors(None).unwrap();
        assert!(pool.actors > 0 && pool.actors <= ACTORS_DEFAULT);
        assert_eq!(pool.slot_bytes, SLOT_BYTES_FAST);
    }
}
