//! Programs that use a GPU badly, as actors in their processes: the same that
//! the bindings alone are tested with. Whatever one does, the node, the GPU and
//! the actor next to it go on.

use std::collections::BTreeSet;

use host_core::Error;
use host_core::spec::Options;
use tests::{World, check_gpu};

/// Cases that need another grant than an actor has: half a second of patience.
const ELSEWHERE: [&str; 1] = ["traps_while_it_waits_for_long_work"];

/// How many programs are drawn by chance.
const DRAWN: u64 = 10;

fn check_cases(kind: &'static str, least: usize) {
    check_gpu(1, async move |world| {
        let package = world.load("cards").await;
        let options = Options { gpus: Some(0.5), ..Options::default() };
        let neighbour = world.spawn(&package, "Card", (), options).unwrap();
        let rascal = world.actor("rascals", "Rascal", ()).await;
        let cases: BTreeSet<String> = rascal.ask("cases", (kind,)).await.unwrap();
        assert!(cases.len() >= least, "only {} cases of {kind}", cases.len());
        drop(rascal);
        for case in cases.iter().filter(|case| !ELSEWHERE.contains(&case.as_str())) {
            let numbers = if kind == "fuzz" { 0..DRAWN } else { 0..1 };
            for number in numbers {
                run(&world, kind, case, number).await;
                let doubled = neighbour.ask("double", (vec![1.0f32, 2.5],)).await;
                assert_eq!(doubled, Ok(vec![2.0f32, 5.0]), "beside {case}");
            }
        }
        world.until_gone("Rascal").await;
    });
}

async fn run(world: &World, kind: &str, case: &str, number: u64) {
    let rascal = world.actor("rascals", "Rascal", ()).await;
    let ended: Result<(), Error> = rascal.ask("run", (kind, case, number)).await;
    match (case.starts_with("traps_"), ended) {
        (true, Err(Error::Trapped { .. })) | (false, Ok(())) => {}
        (_, ended) => panic!("{case} with {number}: {ended:?}"),
    }
}

#[test]
fn of_buffers() {
    check_cases("buffers", 10);
}

#[test]
fn of_bounds() {
    check_cases("bounds", 15);
}

#[test]
fn of_computing() {
    check_cases("computing", 5);
}

#[test]
fn of_mistakes() {
    check_cases("errors", 10);
}

#[test]
fn of_other_devices() {
    check_cases("others", 5);
}

#[test]
fn of_textures() {
    check_cases("textures", 3);
}

#[test]
fn of_chance() {
    check_cases("fuzz", 1);
}
