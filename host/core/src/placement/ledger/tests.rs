use super::*;
use crate::id::NodeId;
use crate::resources::Amount;

fn of<const N: usize>(entries: [(&str, f64); N]) -> Resources {
    entries.map(|(name, n)| (name, Amount::from_f64(n).unwrap())).into_iter().collect()
}

fn actor(seq: u64) -> ActorId {
    ActorId { node: NodeId(1), seq }
}

fn actors<const N: usize>(seqs: [u64; N]) -> Vec<ActorId> {
    seqs.map(actor).into()
}

fn waits(reason: &str) -> Reserve {
    Reserve::Waiting(reason.into())
}

/// A node with these totals of which actor 100 holds the second.
fn partly_held<const N: usize, const M: usize>(
    total: [(&str, f64); N],
    held: [(&str, f64); M],
) -> Ledger {
    let mut ledger = Ledger::new(of(total));
    assert_eq!(ledger.reserve(actor(100), of(held)), Reserve::Granted);
    ledger
}

#[test]
fn what_fits_is_granted_and_comes_back() {
    let mut ledger = Ledger::new(of([("cpus", 4.0), ("gpus", 1.0)]));
    assert_eq!(ledger.reserve(actor(1), of([("cpus", 1.5), ("gpus", 1.0)])), Reserve::Granted);
    assert_eq!(*ledger.free(), of([("cpus", 2.5)]));
    assert_eq!(ledger.release(actor(1)), []);
    assert_eq!(ledger.free(), ledger.total());
    assert_eq!(ledger.release(actor(1)), []);
    assert_eq!(ledger.free(), ledger.total());
}

#[test]
fn more_than_the_node_has_is_never_granted() {
    let mut ledger = Ledger::new(of([("cpus", 4.0), ("gpus", 1.0)]));
    for (asked, reason) in [
        (of([("gpus", 2.0)]), "the node cannot hold 2 gpus (has 1)"),
        (of([("cpus", 1.0), ("tpu", 1.0)]), "the node cannot hold 1 tpu (has 0)"),
    ] {
        assert_eq!(ledger.reserve(actor(1), asked), Reserve::Never(reason.into()));
    }
    assert_eq!(ledger.free(), ledger.total());
    assert_eq!(ledger.reserve(actor(1), of([("gpus", 1.0)])), Reserve::Granted);
}

#[test]
fn those_who_ask_for_nothing_are_never_in_the_way() {
    let mut ledger = partly_held([("cpus", 1.0)], [("cpus", 1.0)]);
    ledger.reserve(actor(1), of([("cpus", 1.0)]));
    assert_eq!(ledger.reserve(actor(2), Resources::default()), Reserve::Granted);
    assert_eq!(ledger.reserve(actor(2), Resources::default()), Reserve::Granted);
    assert_eq!(ledger.release(actor(2)), []);
    assert_eq!(ledger.waiting().count(), 1);
}

#[test]
fn a_large_request_is_not_passed_by_small_ones() {
    let mut ledger = partly_held([("gpus", 4.0)], [("gpus", 3.0)]);
    assert_eq!(
        ledger.reserve(actor(1), of([("gpus", 2.0)])),
        waits("waits for 2 gpus (1 of 4 available)")
    );
    assert_eq!(ledger.reserve(actor(2), of([("gpus", 1.0)])), waits("waits for gpus behind a1@n1"));
    assert_eq!(ledger.release(actor(100)), actors([1, 2]));
    assert_eq!(*ledger.free(), of([("gpus", 1.0)]));
}

#[test]
fn a_request_for_something_else_passes() {
    let mut ledger = partly_held([("cpus", 4.0), ("gpus", 1.0)], [("gpus", 1.0)]);
    ledger.reserve(actor(1), of([("gpus", 1.0)]));
    assert_eq!(ledger.reserve(actor(2), of([("cpus", 4.0)])), Reserve::Granted);
    assert_eq!(ledger.release(actor(100)), actors([1]));
}

#[test]
fn all_that_the_first_in_line_asks_for_is_kept() {
    let mut ledger = partly_held([("cpus", 4.0), ("gpus", 1.0)], [("gpus", 1.0)]);
    ledger.reserve(actor(1), of([("cpus", 2.0), ("gpus", 1.0)]));
    assert_eq!(ledger.reserve(actor(2), of([("cpus", 1.0)])), Reserve::Granted);
    assert_eq!(
        ledger.reserve(actor(3), of([("cpus", 2.0)])),
        waits("waits for 2 cpus (1 of 4 available)")
    );
    assert_eq!(*ledger.free(), of([("cpus", 3.0)]));
    assert_eq!(ledger.release(actor(100)), actors([1]));
    assert_eq!(ledger.release(actor(2)), actors([3]));
}

#[test]
fn a_queue_for_gpus_keeps_back_the_cpus_of_one() {
    let mut ledger = partly_held([("cpus", 4.0), ("gpus", 1.0)], [("gpus", 1.0)]);
    for seq in 1..=10 {
        ledger.reserve(actor(seq), of([("cpus", 1.0), ("gpus", 1.0)]));
    }
    assert_eq!(ledger.reserve(actor(11), of([("cpus", 3.0)])), Reserve::Granted);
    assert_eq!(ledger.release(actor(100)), actors([1]));
    assert_eq!(*ledger.free(), Resources::default());
}

#[test]
fn two_things_that_come_free_in_turn_reach_who_wants_both() {
    let mut ledger = Ledger::new(of([("a", 1.0), ("b", 1.0)]));
    ledger.reserve(actor(1), of([("a", 1.0)]));
    ledger.reserve(actor(2), of([("b", 1.0)]));
    ledger.reserve(actor(3), of([("a", 1.0), ("b", 1.0)]));
    assert_eq!(ledger.release(actor(1)), []);
    // It is short of b alone now, but a stays kept for it.
    assert!(matches!(ledger.reserve(actor(4), of([("a", 1.0)])), Reserve::Waiting(_)));
    assert_eq!(ledger.release(actor(2)), actors([3]));
    assert_eq!(ledger.release(actor(3)), actors([4]));
}

#[test]
fn one_who_gives_up_lets_others_in() {
    let mut ledger = partly_held([("cpus", 4.0)], [("cpus", 2.0)]);
    ledger.reserve(actor(1), of([("cpus", 3.0)]));
    for seq in 2..=4 {
        ledger.reserve(actor(seq), of([("cpus", 1.0)]));
    }
    assert_eq!(ledger.withdraw(actor(1)), actors([2, 3]));
    assert_eq!(
        ledger.waiting().collect::<Vec<_>>(),
        [(actor(4), "waits for 1 cpus (0 of 4 available)".to_string())]
    );
    assert_eq!(ledger.withdraw(actor(1)), []);
}

#[test]
fn releasing_one_who_waits_is_giving_up() {
    let mut ledger = partly_held([("cpus", 2.0)], [("cpus", 1.0)]);
    ledger.reserve(actor(1), of([("cpus", 2.0)]));
    ledger.reserve(actor(2), of([("cpus", 1.0)]));
    assert_eq!(ledger.release(actor(1)), actors([2]));
}

#[test]
fn giving_up_does_not_end_what_is_held() {
    let mut ledger = partly_held([("cpus", 2.0)], [("cpus", 2.0)]);
    assert_eq!(ledger.withdraw(actor(100)), []);
    assert_eq!(*ledger.free(), Resources::default());
}

#[test]
fn the_waiting_are_listed_in_order_with_what_each_waits_for() {
    let total = [("cpus", 4.0), ("gpus", 2.0), ("memory", 4096.0)];
    let mut ledger = partly_held(total, [("cpus", 4.0), ("gpus", 1.0)]);
    ledger.reserve(actor(1), of([("gpus", 2.0)]));
    ledger.reserve(actor(2), of([("cpus", 1.0), ("gpus", 1.0)]));
    ledger.reserve(actor(3), of([("cpus", 1.0), ("memory", 4096.0)]));
    ledger.reserve(actor(4), of([("memory", 1024.0)]));
    let expected = [
        (1, "waits for 2 gpus (1 of 2 available)"),
        (2, "waits for gpus behind a1@n1"),
        (3, "waits for 1 cpus (0 of 4 available)"),
        (4, "waits for 1 KiB of memory (0 B of 4 KiB available)"),
    ];
    let expected = expected.map(|(seq, reason)| (actor(seq), reason.to_string()));
    assert_eq!(ledger.waiting().collect::<Vec<_>>(), expected);
}

#[test]
#[should_panic = "a1@n1 asks for resources a second time"]
fn asking_twice_is_a_bug() {
    let mut ledger = Ledger::new(of([("cpus", 4.0)]));
    ledger.reserve(actor(1), of([("cpus", 1.0)]));
    ledger.reserve(actor(1), of([("cpus", 1.0)]));
}

#[test]
fn a_crowd_that_waits_does_not_slow_a_release() {
    // Looking at all who wait at each release would take minutes.
    let crowd = 100_000;
    let mut ledger = partly_held([("cpus", 1.0), ("gpus", 1.0)], [("cpus", 1.0)]);
    for seq in 101..101 + crowd {
        ledger.reserve(actor(seq), of([("cpus", 1.0)]));
    }
    for seq in 100..100 + crowd {
        assert_eq!(ledger.release(actor(seq)), actors([seq + 1]));
    }
    assert_eq!(ledger.waiting().count(), 0);
}
