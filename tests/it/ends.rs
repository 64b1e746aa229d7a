//! How actors end, and how they live again.

use host_core::spec::Options;
use host_core::{Cause, Error};
use tests::{Actor, Later, Object, check, spawn_in};

/// The cause and the message of a death.
#[track_caller]
fn death<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Cause, String) {
    match answer {
        Err(Error::Died { cause, message, .. }) => (cause, message),
        other => panic!("not an answer of the dead: {other:?}"),
    }
}

#[test]
fn a_killed_actor_fails_what_it_ran_what_was_queued_and_what_comes() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let running: Object<()> = gate.send("forever", ()).unwrap();
        let queued: Object<i64> = gate.send("echo", (1,)).unwrap();
        gate.until_running(&world).await;
        gate.kill();
        let expected = (Cause::Killed, "it was killed".to_owned());
        assert_eq!(death(running.get().await), expected);
        assert_eq!(death(queued.get().await), expected);
        assert_eq!(death(gate.ask::<i64>("echo", (2,)).await), expected);
        world.until_gone("Gate").await;
    });
}

#[test]
fn a_guest_kills_an_actor() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let counter = world.actor("basic", "Counter", ()).await;
        assert_eq!(counter.ask("increment", ()).await, Ok(1));
        assert_eq!(waiter.ask("kills", (&counter,)).await, Ok(()));
        assert_eq!(death(counter.ask::<i64>("increment", ()).await).0, Cause::Killed);
    });
}

#[test]
fn killed_with_a_restart_left_it_lives_again_without_its_state() {
    check(async |world| {
        let package = world.load("basic").await;
        let options = Options { max_restarts: Some(1), ..Options::default() };
        let counter = world.spawn(&package, "Counter", (), options).unwrap();
        let waiter = world.actor("basic", "Waiter", ()).await;
        assert_eq!(counter.ask("add", (5,)).await, Ok(5));
        assert_eq!(waiter.ask("kills_and_restarts", (&counter,)).await, Ok(()));
        assert_eq!(counter.ask("increment", ()).await, Ok(1));
        assert_eq!(world.only("Counter").restarts, 1);
        counter.kill_and_restart();
        let (cause, message) = death(counter.ask::<i64>("increment", ()).await);
        assert_eq!(cause, Cause::Killed, "{message}");
    });
}

#[test]
fn a_call_that_ran_when_its_actor_was_restarted_may_have_run() {
    check(async |world| {
        let package = world.load("basic").await;
        let options = Options { max_restarts: Some(1), ..Options::default() };
        let gate = world.spawn(&package, "Gate", (), options).unwrap();
        let running: Object<()> = gate.send("forever", ()).unwrap();
        let queued: Object<i64> = gate.send("echo", (1,)).unwrap();
        gate.until_running(&world).await;
        gate.kill_and_restart();
        let answer = running.get().await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        assert_eq!(queued.get().await, Ok(1));
    });
}

async fn flaky(world: &tests::World, options: Options) -> (Actor, Actor) {
    let package = world.load("lives").await;
    let tally = world.actor("lives", "Tally", ()).await;
    (world.spawn(&package, "Flaky", (&tally,), options).unwrap(), tally)
}

fn restarts(max_restarts: i32, max_retries: i32) -> Options {
    Options {
        max_restarts: Some(max_restarts),
        max_retries: Some(max_retries),
        ..Options::default()
    }
}

#[test]
fn a_crash_without_a_restart_is_the_end() {
    check(async |world| {
        let (flaky, _tally) = flaky(&world, Options::default()).await;
        let crash: Result<(), _> = flaky.ask("trap", ()).await;
        let Err(Error::Trapped { method, message, .. }) = crash else { panic!("{crash:?}") };
        assert_eq!(method, "Flaky.trap");
        assert!(message.starts_with("on purpose ("), "{message}");
        let (cause, story) = death(flaky.ask::<(u32, u32)>("life", ()).await);
        assert_eq!(cause, Cause::Crashed);
        assert!(story.contains("Flaky.trap") && story.contains("on purpose"), "{story}");
    });
}

#[test]
fn each_restart_is_an_incarnation_of_its_own_until_none_is_left() {
    check(async |world| {
        let (flaky, _tally) = flaky(&world, restarts(2, 0)).await;
        for incarnation in 0..=2 {
            assert_eq!(flaky.ask("life", ()).await, Ok((1, incarnation)));
            assert_eq!(flaky.ask("life", ()).await, Ok((2, incarnation)));
            let crash: Result<(), _> = flaky.ask("trap", ()).await;
            assert!(matches!(crash, Err(Error::Trapped { .. })), "{crash:?}");
        }
        assert_eq!(death(flaky.ask::<(u32, u32)>("life", ()).await).0, Cause::Crashed);
    });
}

#[test]
fn a_call_is_tried_again_and_those_behind_it_wait() {
    check(async |world| {
        let (flaky, tally) = flaky(&world, restarts(-1, 2)).await;
        let call: Object<i64> = flaky.send("succeed_at", (3,)).unwrap();
        let behind: Object<()> = flaky.send("note", ("behind",)).unwrap();
        assert_eq!(call.get().await, Ok(3));
        behind.get().await.unwrap();
        let notes: Vec<String> = tally.ask("notes", ()).await.unwrap();
        assert_eq!(notes, ["try 1", "try 2", "try 3", "behind"]);
        assert_eq!(world.only("Flaky").restarts, 2);
    });
}

#[test]
fn a_call_is_tried_at_most_as_often_as_its_actor_says() {
    check(async |world| {
        let (flaky, tally) = flaky(&world, restarts(-1, 2)).await;
        let answer = flaky.ask::<i64>("succeed_at", (10,)).await;
        assert!(matches!(answer, Err(Error::Trapped { .. })), "{answer:?}");
        let notes: Vec<String> = tally.ask("notes", ()).await.unwrap();
        assert_eq!(notes, ["try 1", "try 2", "try 3"]);
        assert_eq!(flaky.ask("life", ()).await, Ok((1, 3)));
    });
}

#[test]
fn a_caller_may_ask_for_more_tries_than_the_actor() {
    check(async |world| {
        let (flaky, tally) = flaky(&world, restarts(-1, 0)).await;
        let caller = world.actor("lives", "Tally", ()).await;
        let package = world.load("lives").await;
        let caller = world.spawn(&package, "Flaky", (&caller,), Options::default()).unwrap();
        assert_eq!(caller.ask("retry", (&flaky, 2, 1)).await, Ok(2));
        let notes: Vec<String> = tally.ask("notes", ()).await.unwrap();
        assert_eq!(notes, ["try 1", "try 2"]);
    });
}

#[test]
fn a_constructor_error_is_permanent_and_tells_its_cause() {
    check(async |world| {
        let package = world.load("lives").await;
        for (how, told) in [("error", "short by 3"), ("panic", "no constructor for panic")] {
            let options = Options { max_restarts: Some(5), ..Options::default() };
            let unborn = world.spawn(&package, "Unborn", (how,), options).unwrap();
            for _ in 0..2 {
                let (cause, message) = death(unborn.ask::<bool>("ping", ()).await);
                assert_eq!(cause, Cause::ConstructorFailed);
                assert!(message.starts_with("its constructor failed: "), "{message}");
                assert!(message.contains(told), "{message}");
            }
        }
        world.until_gone("Unborn").await;
    });
}

#[test]
fn a_constructors_argument_may_be_late() {
    check(async |world| {
        let package = world.load("lives").await;
        let how = world.promise::<String>();
        let unborn = world.spawn(&package, "Unborn", (Later(&how),), Options::default()).unwrap();
        let ping: Object<bool> = unborn.send("ping", ()).unwrap();
        assert!(!ping.is_settled());
        how.fulfil("fine");
        assert_eq!(ping.get().await, Ok(true));
    });
}

#[test]
fn an_actor_that_exits_first_does_what_was_queued() {
    check(async |world| {
        let late = world.promise::<i64>();
        let quitter = world.actor("lives", "Quitter", ()).await;
        let first: Object<i64> = quitter.send("echo", (Later(&late),)).unwrap();
        let quit: Object<()> = quitter.send("quit", ()).unwrap();
        let queued: Object<i64> = quitter.send("echo", (2,)).unwrap();
        late.fulfil(1);
        assert_eq!(first.get().await, Ok(1));
        assert_eq!(quit.get().await, Ok(()));
        assert_eq!(queued.get().await, Ok(2));
        quitter.until_dead(&world).await;
        let expected = (Cause::Exited, "it ended itself".to_owned());
        assert_eq!(death(quitter.ask::<i64>("echo", (3,)).await), expected);
    });
}

#[test]
fn an_actor_ends_with_its_last_handle_after_the_calls_it_was_sent() {
    check(async |world| {
        let late = world.promise::<i64>();
        let counter = world.actor("basic", "Counter", ()).await;
        let first: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let second: Object<i64> = counter.send("increment", ()).unwrap();
        drop(counter);
        assert_eq!(world.live("Counter").len(), 1);
        late.fulfil(1);
        assert_eq!((first.get().await, second.get().await), (Ok(1), Ok(2)));
        world.until_gone("Counter").await;
    });
}

#[test]
fn an_actor_that_was_never_called_ends_with_its_last_handle() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let again = counter.clone();
        drop(counter);
        assert_eq!(again.ask("increment", ()).await, Ok(1));
        drop(again);
        world.until_gone("Counter").await;
    });
}

#[test]
fn an_ended_actor_frees_its_instance() {
    check(async |world| {
        let package = world.load("basic").await;
        // Three times as many as the pool has room for.
        for _ in 0..600 {
            let counter = world.spawn(&package, "Counter", (), Options::default()).unwrap();
            assert_eq!(counter.ask("increment", ()).await, Ok(1));
        }
        world.until_gone("Counter").await;
    });
}

#[test]
fn actors_end_with_their_job_and_detached_ones_do_not() {
    check(async |world| {
        let package = world.load("basic").await;
        let job = world.other_job();
        let mortal = spawn_in(&job, &package, "Counter", (), Options::default()).unwrap();
        let detached =
            Options { detached: Some(true), name: Some("kept".into()), ..Options::default() };
        let kept = spawn_in(&job, &package, "Counter", (), detached).unwrap();
        // Each actor's handle here holds its job.
        let (mortal, kept) = {
            let (ours, theirs) = (&world.job, (mortal, kept));
            (theirs.0.in_job(ours), theirs.1.in_job(ours))
        };
        assert_eq!(mortal.ask("increment", ()).await, Ok(1));
        assert_eq!(kept.ask("increment", ()).await, Ok(1));
        drop(job);
        let (cause, message) = death(mortal.ask::<i64>("increment", ()).await);
        assert_eq!(cause, Cause::JobEnded);
        assert_eq!(message, "the job that created it ended");
        drop(kept);
        let kept = world.lookup("kept").await.unwrap();
        assert_eq!(kept.ask("increment", ()).await, Ok(2));
        kept.kill();
        kept.until_dead(&world).await;
    });
}
