//! Seeds that have to pass, and broken rules that have to be noticed.

use host_sim::{Flaw, Promise, Trace, run};

/// Enough to see every kind of fault; thousands run in CI by the binary.
const SEEDS: u64 = 12;

/// A broken rule is noticed within so many seeds.
const FLAWED_SEEDS: u64 = 60;

#[test]
fn promises_are_kept() {
    for seed in 0..SEEDS {
        let outcome = run(seed, None, Trace::Quiet);
        assert_eq!(outcome.violations, [], "cargo run -p host-sim -- --seed {seed} --trace");
        assert!(outcome.counts.ran > 0, "seed {seed} did nothing");
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    let runs = [(); 2].map(|()| run(3, None, Trace::Quiet).counts);
    assert_eq!(format!("{:?}", runs[0]), format!("{:?}", runs[1]));
}

/// Breaks a rule until the oracle sees it.
fn check(flaw: Flaw, promises: &[Promise]) {
    for seed in 0..FLAWED_SEEDS {
        let outcome = run(seed, Some(flaw), Trace::Quiet);
        if outcome.violations.iter().any(|violation| promises.contains(&violation.promise)) {
            return;
        }
    }
    panic!("nobody noticed {flaw:?} in {FLAWED_SEEDS} seeds");
}

#[test]
fn frames_that_are_taken_twice_are_noticed() {
    check(Flaw::TakeTwice, &[Promise::AtMostOnce]);
}

#[test]
fn retries_that_nobody_asked_for_are_noticed() {
    check(Flaw::RetryAll, &[Promise::AtMostOnce]);
}

#[test]
fn a_node_that_does_not_stop_itself_is_noticed() {
    check(Flaw::SkipSelfStop, &[Promise::OneLife]);
}

#[test]
fn writes_without_guards_are_noticed() {
    check(Flaw::BlindWrites, &[Promise::OneLife, Promise::Records]);
}

#[test]
fn a_mailbox_out_of_order_is_noticed() {
    check(Flaw::LastFirst, &[Promise::Order]);
}

#[test]
fn calls_for_another_life_are_noticed() {
    check(Flaw::NoFencing, &[Promise::Order, Promise::OneLife]);
}

#[test]
fn a_lost_session_that_nobody_hears_of_is_noticed() {
    check(Flaw::ForgetLost, &[Promise::OneResult]);
}

#[test]
fn a_pin_that_is_dropped_early_is_noticed() {
    check(Flaw::DropPin, &[Promise::Held]);
}

#[test]
fn pins_that_are_kept_are_noticed() {
    check(Flaw::KeepPin, &[Promise::Leak]);
}

#[test]
fn actors_without_a_reservation_are_noticed() {
    check(Flaw::OverReserve, &[Promise::Room]);
}

#[test]
fn names_that_are_forgotten_are_noticed() {
    check(Flaw::LoseNames, &[Promise::Records]);
}
