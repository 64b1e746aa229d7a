//! What the host sees of each case.

use std::time::{Duration, Instant};

use host_gpu::{Devices, Grant, Kind, Wanted, drain};

use crate::actor::{self, Actor};
use crate::world::{MEMORY, World};

/// Nothing here takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Sequences of calls drawn by chance.
const SEEDS: u64 = 40;

/// A case of which the host sees more than the guest.
type HostCase = (&'static str, fn(&World));

pub(crate) const HOST: [HostCase; 7] = [
    ("the_example_computes_in_an_actor", example),
    ("the_example_without_a_grant_says_so", example_without_a_grant),
    ("a_guest_without_a_grant_sees_no_adapter", no_grant),
    ("devices_say_what_they_are", devices),
    ("guests_on_two_adapters_do_not_meet", two_adapters),
    ("a_guest_killed_in_flight_leaves_nothing", killed),
    ("a_guest_goes_on_beside_one_that_waits", beside),
];

/// Runs a case of the guest, and then looks at what it left: no thread, no
/// byte, and a GPU that another guest can use.
pub(crate) fn guest_case(world: &World, name: &str) {
    let seeds = if name == "calls_drawn_by_chance" { 0..SEEDS } else { 0..1 };
    for seed in seeds {
        let mut grant = world.grant();
        if name == "traps_while_it_waits_for_long_work" {
            grant = grant.with_timeout(Duration::from_millis(500));
        }
        let ended = world.runtime.block_on(async {
            let case = world.case(Some(grant.clone()), name, seed);
            tokio::time::timeout(PATIENCE, case).await.expect("it ends")
        });
        match (name.starts_with("traps_"), ended) {
            (true, Ok(())) => panic!("it did not trap"),
            (false, Err(error)) => panic!("seed {seed}: {error:?}"),
            (true, Err(error)) => println!("{name}: {}", error.root_cause()),
            (false, Ok(())) => {}
        }
        assert!(grant.peak() <= MEMORY);
        left_nothing(world, &grant);
    }
}

fn left_nothing(world: &World, grant: &Grant) {
    assert!(drain(PATIENCE), "its devices do not close");
    assert_eq!(grant.used(), 0);
    square(world, world.grant());
}

fn square(world: &World, grant: Grant) {
    world.runtime.block_on(world.case(Some(grant), "square_numbers", 0)).unwrap();
}

fn no_grant(world: &World) {
    let error = world.runtime.block_on(world.case(None, "square_numbers", 0)).unwrap_err();
    assert!(error.root_cause().to_string().contains("unreachable"), "{error:?}");
}

fn devices(world: &World) {
    assert_eq!(world.devices.all().len(), 2, "lavapipe twice");
    for adapter in world.devices.all() {
        let about = adapter.about();
        assert_eq!((about.kind, about.backend), (Kind::Software, "vulkan"));
        assert!(about.name.contains("llvmpipe") && about.memory_bytes >= 1 << 27, "{about:?}");
    }
    let hardware = world.runtime.block_on(Devices::find(Wanted::Gpus));
    assert!(hardware.all().is_empty(), "a software device counts only if asked for");
    let nothing = world.runtime.block_on(Devices::find(Wanted::Nothing));
    assert_eq!(nothing.all().len(), 1);
}

fn two_adapters(world: &World) {
    let [one, two] = world.devices.all() else { panic!("two devices") };
    let grants = [one, two].map(|adapter| Grant::new(adapter.clone(), MEMORY));
    let [first, second] = grants
        .clone()
        .map(|grant| async { world.case(Some(grant), "many_small_dispatches", 0).await });
    let ended = world.runtime.block_on(async { tokio::join!(first, second) });
    assert!(ended.0.is_ok() && ended.1.is_ok(), "{ended:?}");
    for grant in &grants {
        assert!(grant.peak() > 0);
        left_nothing(world, grant);
    }
}

/// Dropping a store's future is how the host kills: at any moment, and most
/// often in the midst of a wait.
fn killed(world: &World) {
    for milliseconds in [1, 3, 10, 30, 100] {
        let grant = world.grant();
        world.runtime.block_on(async {
            let case = world.case(Some(grant.clone()), "traps_while_it_waits_for_long_work", 0);
            let limit = Duration::from_millis(milliseconds);
            let started = Instant::now();
            assert!(tokio::time::timeout(limit, case).await.is_err(), "it was done already");
            // The work takes several seconds more; to drop the store must not.
            let gone = started.elapsed();
            assert!(gone < Duration::from_secs(2), "dropping the store took {gone:?}");
        });
        left_nothing(world, &grant);
    }
}

/// A wait for the GPU takes no thread of the executor, which has one here.
fn beside(world: &World) {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let second = world.devices.all()[1].clone();
    let waiting = world.grant().with_timeout(Duration::from_secs(5));
    one.block_on(async {
        let waits = world.case(Some(waiting), "traps_while_it_waits_for_long_work", 0);
        let goes_on = async {
            let mut longest = Duration::ZERO;
            for _ in 0..50 {
                let started = Instant::now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                longest = longest.max(started.elapsed());
            }
            let grant = Grant::new(second, MEMORY);
            world.case(Some(grant), "square_numbers", 0).await.unwrap();
            longest
        };
        tokio::select! {
            _ = waits => panic!("the work was done too early to tell"),
            longest = goes_on => println!("the executor stood still for {longest:?} at most"),
        }
    });
    assert!(drain(PATIENCE));
}

/// Its methods are in the order of the source.
const SUM: u32 = 0;
const PRODUCT: u32 = 1;

fn example(world: &World) {
    let component = actor::example(world);
    let grant = world.grant();
    world.runtime.block_on(async {
        let mut actor = Actor::start(world, &component, Some(grant.clone())).await;
        actor.construct("Calculator").await.unwrap();
        let (a, b) = (vec![1.5_f32; 1_000], (0..1_000_u16).map(f32::from).collect::<Vec<_>>());
        let sum: Vec<f32> = actor.invoke(SUM, &[&a, &b]).await.unwrap();
        assert_eq!(sum, b.iter().map(|number| number + 1.5).collect::<Vec<_>>());

        let size = 20_u16;
        let a: Vec<f32> = (0..size * size).map(|i| f32::from(i % 7)).collect();
        let b: Vec<f32> = (0..size * size).map(|i| f32::from(i % 5)).collect();
        for _ in 0..3 {
            let args: [&dyn actor::erased::Value; 3] = [&u32::from(size), &a, &b];
            let product: Vec<f32> = actor.invoke(PRODUCT, &args).await.unwrap();
            assert_eq!(product, product_of(usize::from(size), &a, &b));
        }
        let error = actor.invoke::<Vec<f32>>(SUM, &[&vec![1.0_f32], &b]).await.unwrap_err();
        assert!(error.contains("1 and 400 numbers"), "{error}");
    });
    left_nothing(world, &grant);
}

fn product_of(size: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
    let cell = |row: usize, column: usize| {
        (0..size).map(|i| a[row * size + i] * b[i * size + column]).sum::<f32>()
    };
    (0..size * size).map(|place| cell(place / size, place % size)).collect()
}

fn example_without_a_grant(world: &World) {
    let component = actor::example(world);
    let constructed = world.runtime.block_on(async {
        Actor::start(world, &component, None).await.construct("Calculator").await
    });
    let error = constructed.unwrap_err();
    assert!(error.contains("this actor was granted no gpu"), "{error}");
}
