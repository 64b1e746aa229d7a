use super::*;
use crate::id::NodeId;

fn actor(seq: u64) -> Waiter {
    Waiter::Actor(ActorId { node: NodeId(1), seq })
}

fn call(seq: u64) -> Waiter {
    Waiter::Call(ObjectId { node: NodeId(1), seq })
}

fn path(result: Result<Ticket, Cycle>) -> Vec<Waiter> {
    result.unwrap_err().path
}

#[test]
fn two_that_wait_for_each_other_are_a_cycle() {
    let mut waits = Waits::default();
    let ticket = waits.begin(actor(1), &[actor(2)]).unwrap();
    let cycle = waits.begin(actor(2), &[actor(1)]).unwrap_err();
    assert_eq!(cycle.path, [actor(2), actor(1), actor(2)]);
    assert_eq!(cycle.to_string(), "a call cycle: a2@n1 waits for a1@n1 waits for a2@n1");
    waits.end(ticket);
    assert!(waits.is_empty(), "a refused wait was recorded");
}

#[test]
fn waiting_for_oneself_is_the_shortest_cycle() {
    let mut waits = Waits::default();
    assert_eq!(path(waits.begin(actor(1), &[actor(1)])), [actor(1), actor(1)]);
    let both = [actor(2), actor(1)];
    assert_eq!(path(waits.begin(actor(1), &both)), [actor(1), actor(1)]);
    assert!(waits.is_empty());
}

#[test]
fn a_wait_that_ended_closes_no_circle() {
    let mut waits = Waits::default();
    let first = waits.begin(actor(1), &[actor(2)]).unwrap();
    waits.end(first);
    let second = waits.begin(actor(2), &[actor(1)]).unwrap();
    waits.end(second);
    assert!(waits.is_empty());
}

#[test]
fn the_path_names_all_in_between() {
    let mut waits = Waits::default();
    let _lasts = waits.begin(actor(1), &[call(2)]).unwrap();
    let _lasts = waits.begin(call(2), &[actor(3)]).unwrap();
    let _lasts = waits.begin(actor(3), &[actor(4)]).unwrap();
    let expected = [actor(4), actor(1), call(2), actor(3), actor(4)];
    assert_eq!(path(waits.begin(actor(4), &[actor(1)])), expected);
}

#[test]
fn an_actor_and_a_call_of_the_same_number_differ() {
    let mut waits = Waits::default();
    let _lasts = waits.begin(actor(1), &[actor(2)]).unwrap();
    assert!(waits.begin(actor(2), &[call(1)]).is_ok());
}

#[test]
fn one_of_many_leads_back() {
    let mut waits = Waits::default();
    let _lasts = waits.begin(actor(1), &[actor(7), actor(8), actor(9)]).unwrap();
    let _lasts = waits.begin(actor(8), &[actor(5)]).unwrap();
    let expected = [actor(5), actor(3), actor(1), actor(8), actor(5)];
    let _lasts = waits.begin(actor(3), &[actor(1)]).unwrap();
    assert_eq!(path(waits.begin(actor(5), &[actor(4), actor(3)])), expected);
}

#[test]
fn several_waits_of_one_waiter_count_together_and_end_apart() {
    let mut waits = Waits::default();
    let one = waits.begin(call(1), &[actor(2)]).unwrap();
    let two = waits.begin(call(1), &[actor(3)]).unwrap();
    let three = waits.begin(call(1), &[actor(2)]).unwrap();
    assert!(waits.begin(actor(2), &[call(1)]).is_err());
    assert!(waits.begin(actor(3), &[call(1)]).is_err());
    waits.end(two);
    let back = waits.begin(actor(3), &[call(1)]).unwrap();
    waits.end(one);
    assert!(waits.begin(actor(2), &[call(1)]).is_err());
    waits.end(three);
    let other = waits.begin(actor(2), &[call(1)]).unwrap();
    waits.end(back);
    waits.end(other);
    assert!(waits.is_empty());
}

#[test]
fn duplicates_are_one_and_nothing_is_nothing() {
    let mut waits = Waits::default();
    let twice = waits.begin(actor(1), &[actor(2), actor(2)]).unwrap();
    assert!(waits.begin(actor(2), &[actor(1), actor(1)]).is_err());
    let nothing = waits.begin(actor(2), &[]).unwrap();
    waits.end(twice);
    assert!(waits.is_empty());
    waits.end(nothing);
    assert!(waits.is_empty());
}

#[test]
fn a_long_chain_is_followed_to_its_end() {
    let mut waits = Waits::default();
    let length = 200_000;
    let tickets: Vec<_> =
        (1..length).map(|n| waits.begin(actor(n), &[actor(n + 1)]).unwrap()).collect();
    let path = path(waits.begin(actor(length), &[actor(1)]));
    assert_eq!(path.len() as u64, length + 1);
    assert!(waits.begin(actor(length), &[actor(length + 1)]).is_ok());
    drop(tickets);
}

#[test]
fn crossing_ways_are_walked_once() {
    // Each of 60 levels doubles the ways: 2^60 in all.
    let mut waits = Waits::default();
    let level = |n: u64| [actor(2 * n), actor(2 * n + 1)];
    for n in 0..60 {
        for waiter in level(n) {
            let _lasts = waits.begin(waiter, &level(n + 1)).unwrap();
        }
    }
    assert!(waits.begin(actor(1_000), &level(0)).is_ok());
    assert_eq!(path(waits.begin(actor(121), &level(0))).len(), 62);
}

#[test]
fn a_long_cycle_is_shown_in_part() {
    let path = (1..=20).chain([1]).map(actor).collect();
    let text = Cycle { path }.to_string();
    assert!(text.starts_with("a call cycle: a1@n1 waits for a2@n1 waits for"), "{text}");
    assert!(text.ends_with("a8@n1 waits for 12 more, which wait for a1@n1"), "{text}");
}
