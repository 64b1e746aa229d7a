//! What callers are told when a call fails.

use host_core::spec::Options;
use host_core::{Cause, Error};
use serde::Deserialize;
use tests::{Object, check};

/// The guest's own error, as it encodes it.
#[derive(Debug, PartialEq, Deserialize)]
enum Trouble {
    Short { by: u32 },
    Odd(String),
}

/// The message, and the error in its own type.
#[track_caller]
fn failure<T: std::fmt::Debug>(answer: Result<T, Error>) -> (String, Option<Trouble>) {
    match answer {
        Err(Error::Failed { message, value }) => (message, rmp_serde::from_slice(&value).ok()),
        other => panic!("no error of the application: {other:?}"),
    }
}

#[test]
fn an_applications_error_reaches_its_caller_typed() {
    check(async |world| {
        let critic = world.actor("lives", "Critic", ()).await;
        assert_eq!(critic.ask("typed", (0,)).await, Ok(1));
        let short = failure(critic.ask::<u32>("typed", (7,)).await);
        assert_eq!(short, ("short by 7".into(), Some(Trouble::Short { by: 7 })));
        let odd = failure(critic.ask::<()>("odd", ("five",)).await);
        assert_eq!(odd, ("five is odd".into(), Some(Trouble::Odd("five".into()))));
        assert_eq!(failure(critic.ask::<()>("text", ()).await).0, "plainly wrong");
        // An error is an answer: the actor lives on.
        assert_eq!(critic.ask("typed", (0,)).await, Ok(1));
    });
}

#[test]
fn another_guest_takes_the_error_out_again() {
    check(async |world| {
        let one = world.actor("lives", "Critic", ()).await;
        let two = world.actor("lives", "Critic", ()).await;
        let read = one.ask("read_typed", (&two,)).await;
        assert_eq!(read, Ok("short by 9, typed".to_owned()));
    });
}

#[test]
fn a_panic_reaches_the_caller_with_its_message_and_place() {
    check(async |world| {
        let critic = world.actor("lives", "Critic", ()).await;
        let answer = critic.ask::<()>("panics", ("out of cheese",)).await;
        let Err(Error::Trapped { method, message, backtrace }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(method, "Critic.panics");
        assert!(
            message.starts_with("out of cheese (") && message.contains("lives.rs:"),
            "{message}"
        );
        assert!(!backtrace.is_empty());
    });
}

#[test]
fn a_recursion_too_deep_is_a_trap_that_says_so() {
    check(async |world| {
        let critic = world.actor("lives", "Critic", ()).await;
        assert_eq!(critic.ask("overflows", (50,)).await, Ok(50));
        let answer = critic.ask::<u64>("overflows", (10_000_000,)).await;
        let Err(Error::Trapped { method, message, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(
            (method.as_str(), message.as_str()),
            ("Critic.overflows", "call stack exhausted")
        );
    });
}

#[test]
fn an_unknown_method_is_refused_with_those_there_are() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let refused = counter.send::<i64>("incr", ()).map(|_: Object<i64>| ());
        let expected =
            "class Counter has no method \"incr\"; it has increment, add, get_value".to_owned();
        assert_eq!(refused, Err(Error::Invalid(expected)));
    });
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let text = counter.ask::<i64>("add", ("five",)).await;
        let Err(Error::Invalid(text)) = text else { panic!("{text:?}") };
        assert!(text.contains("Counter.add") && text.contains("`amount`"), "{text}");
        for count in [0, 2] {
            let answer = match count {
                0 => counter.ask::<i64>("add", ()).await,
                _ => counter.ask::<i64>("add", (1, 2)).await,
            };
            let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
            assert!(text.contains("Counter.add takes 1 argument (amount: i64)"), "{text}");
        }
        assert_eq!(counter.ask("get_value", ()).await, Ok(0));
    });
}

#[test]
fn an_unknown_class_is_refused_at_once_and_wrong_arguments_by_the_constructor() {
    check(async |world| {
        let package = world.load("lives").await;
        let refused = world.spawn(&package, "Crtic", (), Options::default()).map(drop);
        let Err(Error::Invalid(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("\"Crtic\"") && text.contains("Critic, "), "{text}");
        let unborn = world.spawn(&package, "Unborn", (1, 2), Options::default()).unwrap();
        let answer = unborn.ask::<bool>("ping", ()).await;
        let Err(Error::Died { cause: Cause::ConstructorFailed, message, .. }) = answer else {
            panic!("{answer:?}")
        };
        assert!(message.contains("Unborn::new takes 1 argument (how: String), got 2"), "{message}");
    });
}
