use super::*;
use crate::error::Cause;

const ME: NodeId = NodeId(1);
const THERE: NodeId = NodeId(2);
const OTHER: NodeId = NodeId(3);
const TARGET: ActorId = ActorId { node: THERE, seq: 1 };

/// Drives a caller; what it says comes back in short.
struct Driver {
    caller: Caller<()>,
    now: Duration,
}

impl Driver {
    fn new() -> Driver {
        Driver { caller: Caller::default(), now: Duration::ZERO }
    }

    fn handle(&mut self, event: Event<(), u32>) -> Vec<String> {
        let mut effects = Vec::new();
        self.caller.handle(self.now, event, &mut effects);
        let said = effects.into_iter().map(|effect| match effect {
            Effect::Send(to, Call { id, life: Life::Any, .. }) => format!("{}->{to}", id.seq),
            Effect::Send(to, Call { id, life: Life::Only(life), .. }) => {
                format!("{}->{to}.{life}", id.seq)
            }
            Effect::Locate(actor) => format!("locate {actor}"),
            Effect::Settle(id, Ok(value)) => format!("{}={value}", id.seq),
            Effect::Settle(id, Err(error)) => format!("{} {}", id.seq, error.kind()),
        });
        said.collect()
    }

    fn submit(&mut self, seq: u64, movable: bool, retries: u32) -> Vec<String> {
        let caller = ActorId { node: ME, seq: 0 };
        let (id, retries) = (CallId { node: ME, seq }, Tries::AtMost(retries));
        let submit = Submit { id, caller, target: TARGET, movable, retries, body: () };
        self.handle(Event::Submit(submit))
    }

    fn answer(&mut self, from: NodeId, seq: u64, answer: Answer<u32>) -> Vec<String> {
        self.handle(Event::Answered(from, CallId { node: ME, seq }, answer))
    }

    fn located(&mut self, node: NodeId, life: u32) -> Vec<String> {
        self.handle(Event::Located(TARGET, Place::At(node, Life::Only(life))))
    }
}

#[test]
fn calls_go_to_the_birth_node_and_come_back_in_any_order() {
    let mut driver = Driver::new();
    assert_eq!(driver.submit(1, false, 0), ["1->n2"]);
    assert_eq!(driver.submit(2, false, 0), ["2->n2"]);
    assert_eq!(driver.answer(THERE, 2, Answer::Ran(20)), ["2=20"]);
    assert_eq!(driver.answer(OTHER, 1, Answer::Ran(10)), [""; 0]);
    assert_eq!(driver.answer(THERE, 1, Answer::Ran(10)), ["1=10"]);
    assert!(driver.caller.is_empty());
}

#[test]
fn a_target_that_moved_gets_all_in_order_once_nothing_is_under_way() {
    let mut driver = Driver::new();
    assert_eq!(driver.submit(1, true, 0), ["1->n2.0"]);
    assert_eq!(driver.submit(2, true, 0), ["2->n2.0"]);
    assert_eq!(driver.answer(THERE, 1, Answer::NotHere), ["locate a1@n2"]);
    assert_eq!(driver.submit(3, true, 0), [""; 0]);
    assert_eq!(driver.located(OTHER, 1), [""; 0], "2 may still run there");
    assert_eq!(driver.answer(THERE, 2, Answer::NotHere), ["1->n3.1", "2->n3.1", "3->n3.1"]);
}

#[test]
fn a_call_whose_target_stopped_is_tried_again_as_often_as_it_may_be() {
    let mut driver = Driver::new();
    driver.submit(1, true, 1);
    driver.submit(2, true, 0);
    assert_eq!(driver.answer(THERE, 1, Answer::Stopped), ["locate a1@n2"]);
    assert_eq!(driver.answer(THERE, 2, Answer::NotHere), [""; 0]);
    assert_eq!(driver.located(OTHER, 1), ["1->n3.1", "2->n3.1"], "in order");
    assert_eq!(driver.answer(OTHER, 1, Answer::Stopped), ["1 unavailable"]);
}

#[test]
fn a_place_that_the_directory_named_is_not_asked_for_again_at_once() {
    let mut driver = Driver::new();
    driver.submit(1, true, 0);
    driver.answer(THERE, 1, Answer::NotHere);
    assert_eq!(driver.located(OTHER, 1), ["1->n3.1"]);
    assert_eq!(driver.answer(OTHER, 1, Answer::NotHere), [""; 0]);
    driver.now = driver.caller.wake_at().unwrap();
    assert_eq!(driver.now, limits::LOCATE_RETRY);
    assert_eq!(driver.handle(Event::Tick), ["locate a1@n2"]);
    driver.now = limits::LOCATE_TIME;
    assert_eq!(driver.handle(Event::NotLocated(TARGET)), ["1 unavailable"]);
}

#[test]
fn a_lost_session_fails_what_is_tried_once_and_keeps_the_rest_in_order() {
    let mut driver = Driver::new();
    for (seq, retries) in [(1, 1), (2, 0), (3, 1)] {
        driver.submit(seq, false, retries);
    }
    assert_eq!(driver.handle(Event::SessionLost(THERE)), ["2 unavailable"]);
    assert_eq!(driver.submit(4, false, 0), ["4 unavailable"]);
    assert_eq!(driver.submit(5, false, 1), [""; 0]);
    assert_eq!(driver.handle(Event::SessionUp(THERE)), ["1->n2", "3->n2", "5->n2"]);
    let again = driver.handle(Event::SessionLost(THERE));
    assert_eq!(again, ["1 unavailable", "3 unavailable"]);
}

#[test]
fn a_node_that_is_gone_ends_what_cannot_move_and_sends_the_rest_elsewhere() {
    let mut fixed = Driver::new();
    fixed.submit(1, false, 1);
    let gone = || Event::NodeGone(THERE, "beta".into());
    assert_eq!(fixed.handle(gone()), ["1 died"]);
    let mut movable = Driver::new();
    movable.submit(1, true, 1);
    assert_eq!(movable.handle(gone()), ["locate a1@n2"]);
    assert_eq!(movable.located(THERE, 0), [""; 0]);
    assert_eq!(movable.located(OTHER, 1), ["1->n3.1"]);
    let dead = Place::Dead(Cause::Killed, "killed".into());
    assert_eq!(movable.handle(Event::Located(TARGET, dead)), ["1 died"]);
    assert!(movable.caller.is_empty());
}

#[test]
fn a_call_without_room_fails_and_the_next_goes_on() {
    let mut driver = Driver::new();
    driver.submit(1, false, 0);
    let full = Event::Full(CallId { node: ME, seq: 1 }, "n2 is behind".into());
    assert_eq!(driver.handle(full), ["1 mailbox-full"]);
    assert_eq!(driver.submit(2, false, 0), ["2->n2"]);
}
