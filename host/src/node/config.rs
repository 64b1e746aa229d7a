//! What a node is started with.

use std::path::PathBuf;
use std::sync::Arc;

use host_core::placement::Labels;
use host_core::resources::{Amount, Resources};
use host_core::{Level, NodeId};
use host_wasi::{Grants, Output};

use crate::log::Sink;
use crate::sandbox::{Pool, PoolError};
use crate::worker::Workers;

/// The name of a node that is in no cluster.
const ALONE: &str = "local";

/// What a node is started with.
#[derive(Clone)]
pub struct Config {
    /// The node's id: 1 for a node by itself, in a cluster what it got there.
    pub id: NodeId,
    /// Its name: what an actor can ask for, beside the id.
    pub name: Arc<str>,
    /// What it is labelled with.
    pub labels: Arc<Labels>,
    /// How many actors can live at once.
    pub pool: Pool,
    /// What actors can reserve.
    pub resources: Resources,
    /// What guests may do.
    pub grants: Grants,
    /// Bytes of objects in memory, at most.
    pub object_store_bytes: u64,
    /// Where objects go that memory has no room for, in a folder of their own.
    pub spill_parent: PathBuf,
    /// Where compiled code is kept; none: nowhere.
    pub code_cache: Option<PathBuf>,
    /// Where actors' log lines go.
    pub sink: Arc<dyn Sink>,
    /// Where what drivers print goes, as it is, unless their job says otherwise.
    pub driver_output: Arc<dyn Output>,
    /// The least important level of guests' log lines that is kept.
    pub log_level: Level,
    /// The processes of actors with a GPU or with `isolation = "process"`; none:
    /// it has no GPUs and refuses such actors.
    pub workers: Option<Arc<Workers>>,
}

impl Config {
    /// The machine's cores and memory, no grants, no cache.
    pub fn for_this_machine(
        sink: Arc<dyn Sink>,
        driver_output: Arc<dyn Output>,
    ) -> Result<Config, PoolError> {
        let memory = memory_bytes();
        let mut resources = Resources::default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        resources.set("cpus", Amount::whole(cores as u64).unwrap_or(Amount::ZERO));
        resources.set("memory", Amount::whole(memory).unwrap_or(Amount::ZERO));
        Ok(Config {
            id: NodeId(1),
            name: ALONE.into(),
            labels: Arc::default(),
            pool: Pool::for_actors(None)?,
            resources,
            grants: Grants::default(),
            // Ray's share.
            object_store_bytes: memory / 10 * 3,
            spill_parent: std::env::temp_dir(),
            code_cache: None,
            sink,
            driver_output,
            log_level: Level::Info,
            workers: None,
        })
    }
}

/// The memory this process may use: the machine's, or less in a cgroup.
fn memory_bytes() -> u64 {
    const FALLBACK: u64 = 1 << 30;
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib << 10)
    });
    let cgroup = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(cgroup).min().unwrap_or(FALLBACK)
}
