//! Good histories pass, and each planted fault is found as what it is.

use std::collections::VecDeque;

use super::*;

const ACTOR: &str = "log";

fn call(caller: &str, sequence: u64) -> Call {
    Call { caller: caller.to_owned(), sequence }
}

fn place(incarnation: u32, position: u64) -> Place {
    Place { incarnation, position }
}

fn operation(call: Call, from: u64, to: u64, outcome: Outcome) -> Operation {
    let [invoked, ended] = [from, to].map(Duration::from_millis);
    Operation { actor: ACTOR.to_owned(), call, invoked, ended, outcome }
}

fn snapshot(incarnation: u32, at: u64, entries: Vec<Call>) -> Snapshot {
    let invoked = Duration::from_millis(at);
    Snapshot { actor: ACTOR.to_owned(), incarnation, invoked, entries }
}

/// Two callers, a call that failed and ran, one that failed and did not, and
/// one that was refused; in the second life two more.
fn good() -> History {
    let (a, b) = (|sequence| call("a", sequence), |sequence| call("b", sequence));
    let operations = vec![
        operation(a(0), 0, 10, Outcome::Done(place(0, 0))),
        operation(b(0), 5, 20, Outcome::Done(place(0, 1))),
        operation(a(1), 11, 30, Outcome::Unknown),
        operation(b(1), 21, 40, Outcome::Done(place(0, 3))),
        operation(a(2), 31, 50, Outcome::Refused),
        operation(b(2), 41, 60, Outcome::Unknown),
        operation(a(3), 51, 80, Outcome::Done(place(1, 0))),
        operation(b(3), 61, 81, Outcome::Done(place(1, 1))),
        operation(b(4), 82, 0, Outcome::Open),
    ];
    let snapshots = vec![
        snapshot(0, 45, vec![a(0), b(0), a(1), b(1)]),
        snapshot(1, 100, vec![a(3), b(3), b(4)]),
    ];
    History {
        operations,
        snapshots,
        finished: BTreeSet::from(["a".to_owned()]),
        ..History::default()
    }
}

/// Plants a fault, and expects to find it, with nothing else.
fn check(plant: impl FnOnce(&mut History), expected: &[&str]) {
    let mut history = good();
    plant(&mut history);
    let found: Vec<String> =
        history.violations().iter().map(|violation| violation.what.to_string()).collect();
    assert_eq!(found, expected);
}

#[test]
fn good_history_holds() {
    check(|_| (), &[]);
    good().assert_holds();
    assert_eq!(good().done(), 5);
}

#[test]
#[should_panic(expected = "1 promises were broken:\n  log: call a 1 never ended")]
fn broken_promise_fails_the_test() {
    let mut history = good();
    history.operations[2].outcome = Outcome::Open;
    history.assert_holds();
}

#[test]
fn acknowledged_call_that_is_gone_is_lost() {
    check(
        |history| {
            history.snapshots[1].entries.truncate(1);
        },
        &["call b 3 was acknowledged at place 1 of life 1, but a later look finds only 1 calls"],
    );
}

#[test]
fn look_that_was_sent_before_the_answer_need_not_find_it() {
    check(
        |history| {
            history.snapshots[1].invoked = Duration::from_millis(70);
            history.snapshots[1].entries.clear();
        },
        &[],
    );
}

#[test]
fn other_call_at_an_acknowledged_place_is_a_split() {
    check(
        |history| {
            history.operations[7].outcome = Outcome::Done(place(1, 0));
        },
        &["calls a 3 and b 3 both ran at place 0 of life 1"],
    );
}

#[test]
fn call_in_two_lives_ran_twice() {
    check(
        |history| history.snapshots[1].entries.push(call("b", 4)),
        &["call b 4 ran twice, at place 2 of life 1 and place 3 of life 1"],
    );
    check(
        |history| history.snapshots[1].entries[2] = call("a", 1),
        &[
            "call a 1 ran twice, at place 2 of life 0 and place 2 of life 1",
            "call a 3, which was sent later, ran before call a 1",
        ],
    );
}

#[test]
fn order_of_a_caller_counts_also_for_calls_that_failed() {
    check(
        |history| {
            history.operations[5].invoked = Duration::from_millis(21);
            history.snapshots[0].invoked = Duration::from_millis(39);
            history.snapshots[0].entries = vec![call("a", 0), call("b", 0), call("b", 2)];
            history.operations[3].outcome = Outcome::Unknown;
            history.snapshots[1].entries = vec![call("a", 3), call("b", 3), call("b", 4)];
            history.snapshots[0].entries.push(call("b", 1));
        },
        &["call b 2, which was sent later, ran before call b 1"],
    );
}

#[test]
fn call_before_one_that_was_answered_before_is_stale() {
    check(
        |history| {
            history.operations[6].outcome = Outcome::Done(place(0, 4));
            history.operations[7].outcome = Outcome::Done(place(1, 0));
            history.snapshots[1].entries = vec![call("b", 3), call("b", 4)];
            history.operations[6].invoked = Duration::from_millis(90);
            history.operations[6].ended = Duration::from_millis(95);
        },
        &["call a 3 was sent after b 3 had been answered, but stands before it"],
    );
}

#[test]
fn look_into_a_life_that_is_over_finds_a_zombie() {
    check(
        |history| history.snapshots[0].invoked = Duration::from_millis(85),
        &["life 0 answered a look sent after call a 3 had been answered at place 0 of life 1"],
    );
}

#[test]
fn refused_call_must_not_have_run() {
    check(
        |history| history.snapshots[0].entries.push(call("a", 2)),
        &["call a 2 was refused, but ran at place 4 of life 0"],
    );
}

#[test]
fn call_that_nobody_sent_is_invented() {
    check(
        |history| history.snapshots[1].entries.push(call("c", 0)),
        &["call c 0 ran at place 3 of life 1, but nobody sent it"],
    );
}

#[test]
fn caller_that_was_cut_off_may_have_sent_more_than_it_told() {
    check(
        |history| {
            history.cut_off.insert("c".to_owned());
            history.snapshots[1].entries.push(call("c", 0));
        },
        &[],
    );
}

#[test]
fn open_call_of_a_caller_that_went_on_has_hung() {
    check(
        |history| {
            history.finished.insert("b".to_owned());
        },
        &["call b 4 never ended"],
    );
}

/// A log that really runs the calls of three callers, each with several under
/// way, and crashes now and then.
fn random(random: &mut fastrand::Rng) -> History {
    let mut history = History::default();
    let mut queues: [VecDeque<usize>; 3] = Default::default();
    let mut log: Vec<Call> = Vec::new();
    let mut incarnation = 0;
    for step in 0..200_u64 {
        let now = Duration::from_millis(step);
        let caller = random.usize(..3);
        let name = format!("caller {caller}");
        match random.u32(..10) {
            0..=4 => {
                let sequence = step;
                let call = Call { caller: name, sequence };
                let invoked = now;
                queues[caller].push_back(history.operations.len());
                history.operations.push(Operation {
                    actor: ACTOR.to_owned(),
                    call,
                    invoked,
                    ended: Duration::ZERO,
                    outcome: Outcome::Open,
                });
            }
            5..=8 => {
                let Some(index) = queues[caller].pop_front() else { continue };
                let operation = &mut history.operations[index];
                operation.ended = now + Duration::from_millis(random.u64(..5));
                let position = log.len() as u64;
                operation.outcome = match random.u32(..8) {
                    0 => Outcome::Refused,
                    1 => Outcome::Unknown,
                    2 => {
                        log.push(operation.call.clone());
                        Outcome::Unknown
                    }
                    _ => {
                        log.push(operation.call.clone());
                        Outcome::Done(Place { incarnation, position })
                    }
                };
            }
            _ => {
                let entries = log.clone();
                history.snapshots.push(Snapshot {
                    actor: ACTOR.to_owned(),
                    incarnation,
                    invoked: now,
                    entries,
                });
                if random.bool() {
                    incarnation += 1;
                    log.clear();
                }
            }
        }
    }
    history
}

#[test]
fn what_one_log_really_does_always_holds() {
    for seed in 0..500 {
        let history = random(&mut fastrand::Rng::with_seed(seed));
        assert_eq!(history.violations(), [], "seed {seed}");
    }
}

/// Makes a call that was acknowledged disappear from the log, or run once
/// more, or change places with its neighbour.
#[test]
fn every_tampered_log_is_found_out() {
    let mut tampered = 0;
    for seed in 0..500 {
        let mut random_numbers = fastrand::Rng::with_seed(seed);
        let mut history = random(&mut random_numbers);
        let acknowledged = |snapshot: &Snapshot, index: usize| {
            history.operations.iter().any(|operation| {
                let position = index as u64;
                let place = Place { incarnation: snapshot.incarnation, position };
                operation.outcome == Outcome::Done(place) && operation.ended < snapshot.invoked
            })
        };
        let choices: Vec<(usize, usize)> = (0..)
            .zip(&history.snapshots)
            .flat_map(|(at, snapshot)| (0..snapshot.entries.len()).map(move |index| (at, index)))
            .filter(|(at, index)| acknowledged(&history.snapshots[*at], *index))
            .collect();
        let Some(&(at, index)) = random_numbers.choice(&choices) else { continue };
        let entries = &mut history.snapshots[at].entries;
        match seed % 3 {
            0 => {
                entries.remove(index);
            }
            1 => entries.push(entries[index].clone()),
            _ if index > 0 => entries.swap(index, index - 1),
            _ => continue,
        }
        tampered += 1;
        assert_ne!(history.violations(), [], "seed {seed}: call {index} of snapshot {at}");
    }
    assert!(tampered > 300, "{tampered} histories were tampered with");
}
