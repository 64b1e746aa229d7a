//! Members of one cluster, in one process over loopback: what calls, objects
//! and actors of several nodes do to each other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod placing;
mod world;

use host_cluster::Counts;
use host_core::spec::{ActorSpec, Tries};
use host_core::waits::Waiter;
use host_core::{Cause, Error};
use host_refs::{Args, Handle};

use world::{Control, Node, carrying, cluster, plain, until, whole_node, within};

/// Two nodes, and an actor on the second that the first made and holds.
async fn pair() -> (Vec<Node>, Handle) {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let here = nodes[0].spawn(whole_node()).await.unwrap();
    assert_eq!(here.target().id().node, nodes[0].id(), "the first is as near as can be");
    let there = nodes[0].spawn(whole_node()).await.unwrap();
    assert_eq!(there.target().id().node, nodes[1].id());
    (nodes, there)
}

/// Nothing is left of what nodes kept for each other.
async fn nothing_is_left(nodes: &[Node]) {
    for node in nodes {
        let counts = || node.member.counts();
        let what = format!("nothing is left on {}: {:?}", node.id(), counts());
        until(&what, || counts() == Counts::default()).await;
    }
}

#[tokio::test]
async fn a_call_runs_where_the_actor_is_and_its_result_comes_back() {
    let (nodes, there) = pair().await;
    for expected in 1..=3 {
        assert_eq!(nodes[0].number(&there, "count").await.unwrap(), expected);
    }
    let echoed = nodes[0].ask(&there, "echo", Args::plain("hello")).await.unwrap();
    assert_eq!(echoed.bytes, "hello");
    let failed = nodes[0].ask(&there, "fail", Args::default()).await.unwrap_err();
    assert!(matches!(&*failed, Error::Failed { message, .. } if message == "as asked"));
    let unknown = nodes[0].ask(&there, "nothing", Args::default()).await.unwrap_err();
    assert!(matches!(&*unknown, Error::Invalid(why) if why.contains("nothing")), "{unknown}");
    drop(there);
    drop(nodes[0].spawn(plain()).await);
    until("the actor ends with its last handle", || nodes[1].host.actors() == 0).await;
    nothing_is_left(&nodes).await;
}

#[tokio::test]
async fn calls_sent_one_after_the_other_run_in_that_order() {
    let (nodes, there) = pair().await;
    let calls: Vec<_> =
        (0..2_000).map(|_| nodes[0].call(&there, "count", Args::default())).collect();
    for (at, call) in calls.into_iter().enumerate() {
        let value = within(call.outcome()).await.unwrap();
        assert_eq!(u64::from_be_bytes(value.bytes[..].try_into().unwrap()), at as u64 + 1);
    }
}

#[tokio::test]
async fn arguments_may_be_objects_that_are_not_ready() {
    let (nodes, there) = pair().await;
    let slow = nodes[0].call(&there, "count", Args::default());
    let args = Args { objects: vec![(0, slow)], ..Args::default() };
    let echoed = nodes[0].ask(&there, "echo", args).await.unwrap();
    assert_eq!(u64::from_be_bytes(echoed.bytes[..].try_into().unwrap()), 1);
}

#[tokio::test]
async fn what_is_large_comes_whole_both_ways() {
    let (nodes, there) = pair().await;
    for size in [64 << 10, (64 << 10) + 1, 5 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at: usize| at as u8).collect();
        let echoed = nodes[0].ask(&there, "echo", Args::plain(bytes.clone())).await.unwrap();
        assert_eq!(echoed.bytes.len(), bytes.len());
        assert!(echoed.bytes == bytes);
        let object = nodes[0].put(bytes.clone());
        let args = Args { objects: vec![(0, object)], ..Args::default() };
        let echoed = nodes[0].ask(&there, "echo", args).await.unwrap();
        assert!(echoed.bytes == bytes);
    }
    drop(there);
    nothing_is_left(&nodes).await;
}

#[tokio::test]
async fn an_object_lives_as_long_as_some_node_holds_it() {
    let (nodes, there) = pair().await;
    let object = nodes[0].put("kept");
    let keep = nodes[0].call(&there, "keep", carrying(vec![object], Vec::new()));
    within(keep.outcome()).await.unwrap();
    drop(keep);
    let read = nodes[0].ask(&there, "read", Args::default()).await.unwrap();
    assert_eq!(read.bytes, "kept");
    assert_eq!(nodes[0].member.counts().objects_lent, 1);
    nodes[0].ask(&there, "drop", Args::default()).await.unwrap();
    drop(there);
    nothing_is_left(&nodes).await;
}

#[tokio::test]
async fn a_handle_may_be_passed_to_a_third_node_and_back() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let mut actors = Vec::new();
    for _ in 0..3 {
        actors.push(nodes[0].spawn(whole_node()).await.unwrap());
    }
    let [own, second, third] = &actors[..] else { unreachable!("three were made") };
    // The second keeps handles to all, the third gets them from it.
    let all = vec![own.clone(), second.clone(), third.clone()];
    let echoed = nodes[0].ask(second, "echo", carrying(Vec::new(), all)).await.unwrap();
    let back = echoed.attached.as_ref().unwrap().handles.clone();
    for (handle, sent) in back.iter().zip([own, second, third]) {
        assert_eq!(handle.target().id(), sent.target().id());
        assert_eq!(nodes[0].number(handle, "count").await.unwrap(), 1);
    }
    nodes[0].ask(third, "keep", carrying(Vec::new(), back)).await.unwrap();
    drop((actors, echoed));
    // The third holds itself and the others: all of them live.
    assert_eq!(nodes.iter().map(|node| node.host.actors()).sum::<usize>(), 3);
}

#[tokio::test]
async fn an_actor_that_dies_answers_why() {
    let (nodes, there) = pair().await;
    let id = there.target().id();
    let stuck = nodes[0].call(&there, "stuck", Args::default());
    there.target().kill(false);
    let died = within(stuck.outcome()).await.unwrap_err();
    assert!(matches!(&*died, Error::Died { cause: Cause::Killed, .. }), "{died}");
    let late = nodes[0].ask(&there, "count", Args::default()).await.unwrap_err();
    assert!(matches!(&*late, Error::Died { cause: Cause::Killed, .. }), "{late}");
    assert!(nodes[1].host.handle(id).is_none());
}

#[tokio::test]
async fn a_cancelled_call_is_over_at_once() {
    let (nodes, there) = pair().await;
    let stuck = nodes[0].call(&there, "stuck", Args::default());
    there.target().cancel(&stuck, Error::Cancelled("enough".into()));
    let cancelled = within(stuck.outcome()).await.unwrap_err();
    assert!(matches!(&*cancelled, Error::Cancelled(_)));
    until("nothing is under way", || nodes.iter().all(|n| n.member.counts().calls == 0)).await;
}

#[tokio::test]
async fn a_circle_of_waits_over_two_nodes_is_broken_with_its_name() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let here = nodes[0].spawn(whole_node()).await.unwrap();
    let there = nodes[0].spawn(whole_node()).await.unwrap();
    let (a, b) = (here.target().id(), there.target().id());
    // The actor there holds a handle to the one here, to call it back.
    let kept = carrying(Vec::new(), vec![here.clone()]);
    nodes[0].ask(&there, "keep", kept).await.unwrap();
    let back = nodes[1].host.kept(b).unwrap().handles[0].clone();
    let first = nodes[0].call(&there, "stuck", Args::default());
    let second = nodes[1].call(&back, "stuck", Args::default());
    let waits = |node: &Node, waiter, on: &host_refs::ObjectRef, target| {
        let ticket = node.host.waits.lock().begin(Waiter::Actor(waiter), &[Waiter::Actor(target)]);
        node.member.wait_began(
            Waiter::Actor(waiter),
            ticket.as_ref().unwrap().number(),
            vec![on.id()],
        );
        ticket.unwrap()
    };
    let (_one, _two) = (waits(&nodes[0], a, &first, b), waits(&nodes[1], b, &second, a));
    let settled = within(async {
        tokio::select! {
            outcome = first.outcome() => outcome,
            outcome = second.outcome() => outcome,
        }
    });
    let error = settled.await.unwrap_err();
    let named = |id: host_core::ActorId| error.to_string().contains(&id.to_string());
    assert!(matches!(&*error, Error::Invalid(_)) && named(a) && named(b), "{error}");
    assert!(!(first.is_settled() && second.is_settled()), "one call fails, not both");
}

#[tokio::test]
async fn what_a_lost_node_ran_and_held_is_lost() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let here = nodes[0].spawn(whole_node()).await.unwrap();
    let there = nodes[0].spawn(whole_node()).await.unwrap();
    let echoed = nodes[0].ask(&there, "echo", Args::plain(vec![7; 1 << 20])).await.unwrap();
    assert_eq!(echoed.bytes.len(), 1 << 20);
    let far = nodes[0].call(&there, "echo", Args::plain(vec![7; 1 << 20]));
    let stuck = nodes[0].call(&there, "stuck", Args::default());
    until("the large result is there", || far.is_settled()).await;
    control.lose(nodes[1].id());
    let lost = within(stuck.outcome()).await.unwrap_err();
    assert!(
        matches!(&*lost, Error::Died { cause: Cause::NodeLost, .. } | Error::Unavailable(_)),
        "{lost}"
    );
    let died = nodes[0].ask(&there, "count", Args::default()).await.unwrap_err();
    assert!(matches!(&*died, Error::Died { cause: Cause::NodeLost, .. }), "{died}");
    assert_eq!(within(nodes[1].member.ended()).await, host_cluster::Ended::LeaseLost);
    drop((here, there, far, stuck));
    nothing_is_left(&nodes[..1]).await;
    // An id that is gone is gone for good: with its session goes whoever
    // would dial it again.
    let sessions = nodes[0].member.sessions();
    assert!(!sessions.peers().contains(&nodes[1].id()), "{:?}", sessions.peers());
}

#[tokio::test]
async fn actors_of_a_lost_creator_end() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let _here = nodes[0].spawn(whole_node()).await.unwrap();
    let _there = nodes[0].spawn(whole_node()).await.unwrap();
    assert_eq!(nodes[1].host.actors(), 1);
    control.lose(nodes[0].id());
    until("the actor of the lost node ends", || nodes[1].host.actors() == 0).await;
}

#[tokio::test]
async fn what_fits_nowhere_is_refused_with_the_reason_of_each_node() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let mut spec = whole_node();
    let five = host_core::resources::Amount::whole(5).unwrap();
    spec.resources.set("cpus", five);
    let refused = nodes[0].spawn(spec).await.unwrap_err();
    assert!(matches!(&refused, Error::Unplaceable(why) if why.contains('5')), "{refused}");
}

fn named(name: &str) -> ActorSpec {
    ActorSpec { name: Some(name.into()), ..plain() }
}

#[tokio::test]
async fn a_name_is_one_actor_on_all_nodes() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let made = nodes[0].spawn(named("hits")).await.unwrap();
    for node in &nodes {
        let found = within(node.member.lookup("default", "hits")).await.unwrap();
        assert_eq!(found.target().id(), made.target().id());
        node.number(&found, "count").await.unwrap();
    }
    assert_eq!(nodes[1].number(&made, "count").await.unwrap(), 4);
    let taken = nodes[2].spawn(named("hits")).await.unwrap_err();
    assert!(matches!(&taken, Error::Invalid(why) if why.contains("taken")), "{taken}");
    let same = nodes[2].spawn_with(named("hits"), Args::default(), true).await.unwrap();
    assert_eq!(same.target().id(), made.target().id());
    let nobody = within(nodes[1].member.lookup("default", "others")).await.unwrap_err();
    assert!(matches!(&nobody, Error::Invalid(why) if why.contains("others")), "{nobody}");
    drop((made, same));
    until("it ends with its last handle", || nodes.iter().all(|n| n.host.actors() == 0)).await;
    nothing_is_left(&nodes).await;
}

/// The owner goes while it is asked, or before, or after: whoever looks for the
/// name gets a handle or an error, and soon.
#[tokio::test]
async fn a_lookup_ends_whenever_the_owner_is_lost() {
    let mut unanswered = 0;
    for turns in 0..40 {
        let control = Control::new();
        let nodes = cluster(&control, 2).await;
        let _made = nodes[0].spawn(named("hits")).await.unwrap();
        let member = nodes[1].member.clone();
        let looking = tokio::spawn(async move { member.lookup("default", "hits").await });
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        control.lose(nodes[0].id());
        match within(looking).await.unwrap() {
            Ok(_) | Err(Error::Invalid(_) | Error::Died { .. }) => {}
            Err(Error::Unavailable(why)) => {
                assert!(why.contains("hits"), "{why}");
                unanswered += 1;
            }
            Err(other) => panic!("after {turns} turns: {other}"),
        }
    }
    assert!(unanswered > 0, "it was never lost while it was asked");
}

#[tokio::test]
async fn an_actor_that_may_restart_comes_back_and_with_its_arguments() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let spec = ActorSpec { max_restarts: Tries::AtMost(2), ..plain() };
    let actor = nodes[0].spawn_with(spec, Args::plain("argument"), false).await.unwrap();
    assert_eq!(nodes[0].number(&actor, "restarts").await.unwrap(), 0);
    let crashed = nodes[0].ask(&actor, "crash", Args::default()).await.unwrap_err();
    assert!(matches!(&*crashed, Error::Unavailable(_)), "{crashed}");
    assert_eq!(nodes[0].number(&actor, "restarts").await.unwrap(), 1);
}

#[tokio::test]
async fn a_call_that_may_be_retried_outlives_the_crash_it_ran_in() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let tries = Tries::AtMost(1);
    let spec = ActorSpec { max_restarts: Tries::AtMost(3), max_retries: tries, ..plain() };
    let actor = nodes[0].spawn(spec).await.unwrap();
    // The first try crashes it, the second too; behind it nothing is lost.
    let crash = nodes[0].call(&actor, "crash", Args::default());
    let behind = nodes[0].call(&actor, "restarts", Args::default());
    let crashed = within(crash.outcome()).await.unwrap_err();
    assert!(matches!(&*crashed, Error::Unavailable(_)), "{crashed}");
    let restarts = within(behind.outcome()).await.unwrap();
    assert_eq!(u64::from_be_bytes(restarts.bytes[..].try_into().unwrap()), 2);
}

#[tokio::test]
async fn a_detached_actor_comes_back_on_another_node() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let spec = ActorSpec { detached: true, max_restarts: Tries::AtMost(1), ..named("lasting") };
    let made = nodes[0].spawn(spec).await.unwrap();
    let home = made.target().id().node;
    drop(made);
    let other = nodes.iter().find(|node| node.id() != home).unwrap();
    let found = within(other.member.lookup("default", "lasting")).await.unwrap();
    assert_eq!(other.number(&found, "count").await.unwrap(), 1);
    control.lose(home);
    // Its state is gone with the node, and its name is where it was.
    let deadline = tokio::time::Instant::now() + world::LONG;
    let count = loop {
        match other.number(&found, "count").await {
            Ok(count) => break count,
            Err(error) => {
                assert!(matches!(&*error, Error::Unavailable(_)), "{error}");
                assert!(tokio::time::Instant::now() < deadline);
            }
        }
    };
    assert_eq!(count, 1);
    assert_eq!(other.number(&found, "restarts").await.unwrap(), 1);
}

#[tokio::test]
async fn an_actor_is_found_by_its_id_where_guests_could_hold_it() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let named = nodes[0].spawn(named("hits")).await.unwrap();
    let detached = ActorSpec { detached: true, ..plain() };
    let detached = nodes[0].spawn(detached).await.unwrap();
    let restartable = ActorSpec { max_restarts: Tries::AtMost(1), ..plain() };
    let restartable = nodes[0].spawn(restartable).await.unwrap();
    for made in [&named, &detached, &restartable] {
        for (at, node) in nodes.iter().enumerate() {
            let found = within(node.member.find(made.target().id())).await.unwrap();
            assert_eq!(node.number(&found, "count").await.unwrap(), at as u64 + 1);
        }
    }
    // A handle that was found is one like any other: the last ends the actor.
    let id = restartable.target().id();
    let found = within(nodes[2].member.find(id)).await.unwrap();
    drop(restartable);
    assert_eq!(nodes[2].number(&found, "count").await.unwrap(), 4);
    found.target().kill(false);
    let died = nodes[2].ask(&found, "count", Args::default()).await.unwrap_err();
    assert!(matches!(&*died, Error::Died { cause: Cause::Killed, .. }), "{died}");
}

#[tokio::test]
async fn an_id_gives_a_node_no_right_to_an_actor_of_others() {
    let (nodes, there) = pair().await;
    let id = there.target().id();
    let held = within(nodes[0].member.find(id)).await.unwrap();
    assert_eq!(nodes[0].number(&held, "count").await.unwrap(), 1);
    // It runs on the second node, but is the first one's: that has no record,
    // and nobody gave the second a handle.
    let refused = within(nodes[1].member.find(id)).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(why) if why.contains("no record")), "{refused}");
    drop((held, there));
    nothing_is_left(&nodes).await;
}
