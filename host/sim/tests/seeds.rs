//! Seeds that have to pass, and broken rules that have to be noticed.

use host_sim::sweep::sweep;
use host_sim::{Fact, Flaw, Promise, Trace, run};

/// So many pass for every change.
const SEEDS: u64 = 2_000;

/// A broken rule is noticed within so many seeds.
const FLAWED_SEEDS: u64 = 100;

#[test]
fn promises_are_kept() {
    let done = sweep(0..SEEDS, None, Trace::Quiet);
    println!("{}", done.counts);
    assert!(done.failed.is_empty(), "{}", done.report());
    let [small, middle, large] = done.sizes;
    assert!(small > 1_000 && middle > 100 && large > 50, "{:?}", done.sizes);
    for fact in Fact::ALL {
        let least = if fact == Fact::LeasesLost { 50 } else { 500 };
        assert!(done.counts[fact] >= least, "{fact:?} happened {} times", done.counts[fact]);
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    let runs = [(); 2].map(|()| run(3, None, Trace::Quiet).counts);
    assert_eq!(runs[0], runs[1]);
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
fn reservations_that_are_kept_are_noticed() {
    check(Flaw::KeepReservation, &[Promise::Leak]);
}

#[test]
fn names_that_are_forgotten_are_noticed() {
    check(Flaw::LoseNames, &[Promise::Records]);
}

#[test]
fn a_cycle_that_nobody_is_told_of_is_noticed() {
    check(Flaw::DropProbes, &[Promise::Cycles]);
}

#[test]
fn a_cycle_through_waits_that_are_over_is_noticed() {
    check(Flaw::StaleWaits, &[Promise::Cycles]);
}

#[test]
fn a_group_with_a_bundle_that_was_refused_is_noticed() {
    check(Flaw::HalfGroups, &[Promise::Groups]);
}

#[test]
fn bundles_that_are_kept_are_noticed() {
    check(Flaw::KeepBundles, &[Promise::Leak]);
}

#[test]
fn a_group_that_lies_otherwise_than_asked_is_noticed() {
    check(Flaw::LooseGroups, &[Promise::Groups]);
}

#[test]
fn an_actor_where_it_may_not_be_is_noticed() {
    check(Flaw::AnyNode, &[Promise::Conditions]);
}
