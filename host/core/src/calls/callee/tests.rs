use super::*;

const HERE: NodeId = NodeId(2);
const FROM: NodeId = NodeId(1);
const TARGET: ActorId = ActorId { node: HERE, seq: 1 };

type Effects = Vec<Effect<(), u32>>;

fn id(seq: u64) -> CallId {
    CallId { node: FROM, seq }
}

fn call(seq: u64, life: Life, stint: u64, retries: u32) -> Call<()> {
    let caller = ActorId { node: FROM, seq: 0 };
    let retries = Tries::AtMost(retries);
    Call { id: id(seq), caller, target: TARGET, life, stint, retries, body: () }
}

fn handle(callee: &mut Callee<u32>, event: Event<(), u32>) -> Effects {
    let mut effects = Vec::new();
    callee.handle(Duration::from_secs(1), event, &mut effects);
    effects
}

fn arrive(callee: &mut Callee<u32>, call: Call<()>) -> Effects {
    handle(callee, Event::Arrived(FROM, call))
}

fn running(life: Life) -> Callee<u32> {
    let mut callee = Callee::default();
    handle(&mut callee, Event::ValidUntil(Duration::from_secs(9)));
    handle(&mut callee, Event::Started(TARGET, life));
    callee
}

fn not_here(seq: u64) -> Effects {
    vec![Effect::Answer(FROM, id(seq), Answer::NotHere)]
}

#[test]
fn a_call_runs_in_the_life_it_is_meant_for_and_no_other() {
    let mut callee = running(Life::Only(2));
    for life in [Life::Only(1), Life::Only(3)] {
        assert_eq!(arrive(&mut callee, call(1, life, 1, 0)), not_here(1));
    }
    let meant = call(2, Life::Only(2), 2, 0);
    assert_eq!(arrive(&mut callee, meant.clone()), [Effect::Run(meant)]);
    assert_eq!(
        handle(&mut callee, Event::Finished(id(2), Ok(7), 4)),
        [Effect::Answer(FROM, id(2), Answer::Ran(7))]
    );
    assert!(callee.is_empty());
}

#[test]
fn an_actor_that_is_about_to_stop_ends_what_it_has_and_takes_no_more() {
    let mut callee = running(Life::Only(0));
    let taken = call(1, Life::Only(0), 1, 0);
    assert_eq!(arrive(&mut callee, taken.clone()), [Effect::Run(taken)]);
    assert_eq!(handle(&mut callee, Event::Closing(TARGET)), []);
    assert_eq!(arrive(&mut callee, call(2, Life::Only(0), 1, 0)), not_here(2));
    assert_eq!(
        handle(&mut callee, Event::Finished(id(1), Ok(7), 4)),
        [Effect::Answer(FROM, id(1), Answer::Ran(7))]
    );
    assert_eq!(handle(&mut callee, Event::Stopped(TARGET)), []);
}

#[test]
fn what_was_sent_after_a_refused_call_is_refused_too() {
    let mut callee = Callee::default();
    handle(&mut callee, Event::ValidUntil(Duration::from_secs(9)));
    assert_eq!(arrive(&mut callee, call(1, Life::Only(1), 5, 0)), not_here(1));
    handle(&mut callee, Event::Started(TARGET, Life::Only(1)));
    assert_eq!(arrive(&mut callee, call(2, Life::Only(1), 5, 0)), not_here(2));
    let again = call(1, Life::Only(1), 6, 0);
    assert_eq!(arrive(&mut callee, again.clone()), [Effect::Run(again)]);
}

#[test]
fn a_node_past_its_lease_takes_no_call_for_an_actor_that_can_move() {
    let mut callee = running(Life::Only(0));
    handle(&mut callee, Event::ValidUntil(Duration::from_secs(1)));
    assert_eq!(arrive(&mut callee, call(1, Life::Only(0), 1, 0)), not_here(1));
    let mut fixed = running(Life::Any);
    handle(&mut fixed, Event::ValidUntil(Duration::from_secs(1)));
    let any = call(1, Life::Any, 1, 0);
    assert_eq!(arrive(&mut fixed, any.clone()), [Effect::Run(any)]);
}

#[test]
fn a_further_try_of_what_is_here_runs_once_and_is_answered_again() {
    let mut callee = running(Life::Any);
    assert_eq!(arrive(&mut callee, call(1, Life::Any, 1, 2)).len(), 1);
    assert_eq!(arrive(&mut callee, call(1, Life::Any, 2, 1)), []);
    let answer = [Effect::Answer(FROM, id(1), Answer::Ran(7))];
    assert_eq!(handle(&mut callee, Event::Finished(id(1), Ok(7), 4)), answer);
    assert_eq!(arrive(&mut callee, call(1, Life::Any, 3, 0)), answer);
}

#[test]
fn a_life_that_ends_gives_back_what_had_not_begun() {
    let mut callee = running(Life::Only(0));
    arrive(&mut callee, call(1, Life::Only(0), 1, 0));
    arrive(&mut callee, call(2, Life::Only(0), 1, 0));
    handle(&mut callee, Event::Begun(id(1)));
    let may_have_run = "a1@n2 stopped; the call may have run".to_string();
    assert_eq!(
        handle(&mut callee, Event::Stopped(TARGET)),
        [
            Effect::Answer(FROM, id(1), Answer::Failed(Error::Unavailable(may_have_run))),
            Effect::Answer(FROM, id(2), Answer::NotHere),
        ]
    );
}

#[test]
fn a_begun_call_that_may_be_retried_goes_back_with_the_rest() {
    let mut callee = running(Life::Only(0));
    arrive(&mut callee, call(1, Life::Only(0), 1, 2));
    handle(&mut callee, Event::Begun(id(1)));
    let stopped = [Effect::Answer(FROM, id(1), Answer::Stopped)];
    assert_eq!(handle(&mut callee, Event::Stopped(TARGET)), stopped);
}

#[test]
fn an_actor_that_is_gone_for_good_is_asked_about() {
    let mut callee = running(Life::Any);
    handle(&mut callee, Event::Died(TARGET, Cause::Killed, "killed".into()));
    assert_eq!(
        arrive(&mut callee, call(1, Life::Any, 1, 0)),
        [Effect::TellEnd(FROM, id(1), TARGET)]
    );
}
