//! Named actors.

use std::collections::BTreeMap;

use host_core::Error;
use host_core::spec::Options;
use tests::{Object, check};

fn named(name: &str) -> Options {
    Options { name: Some(name.into()), ..Options::default() }
}

#[test]
fn an_actor_is_found_by_its_name_in_its_namespace() {
    check(async |world| {
        let package = world.load("basic").await;
        let registrar = world.actor("basic", "Registrar", ()).await;
        let _one = world.spawn(&package, "Counter", (), named("hits")).unwrap();
        let elsewhere = Options { namespace: Some("elsewhere".into()), ..named("hits") };
        let _two = world.spawn(&package, "Counter", (), elsewhere).unwrap();
        assert_eq!(registrar.ask("find", ("hits",)).await, Ok(1));
        assert_eq!(registrar.ask("find", ("hits",)).await, Ok(2));
        assert_eq!(registrar.ask("find_in", ("elsewhere", "hits")).await, Ok(1));
        let missing = registrar.ask::<i64>("find_in", ("nowhere", "hits")).await;
        let expected = "no actor is named \"hits\" in namespace \"nowhere\"";
        assert!(matches!(&missing, Err(Error::Invalid(text)) if text == expected), "{missing:?}");
    });
}

#[test]
fn a_taken_name_is_refused_and_its_holder_is_named() {
    check(async |world| {
        let package = world.load("basic").await;
        let holder = world.spawn(&package, "Counter", (), named("hits")).unwrap();
        let second = world.spawn(&package, "Counter", (), named("hits")).map(drop);
        let Err(Error::Invalid(text)) = second else { panic!("{second:?}") };
        assert!(text.contains("\"hits\"") && text.contains(&holder.id().to_string()), "{text}");
        assert_eq!(world.live("Counter").len(), 1);
    });
}

#[test]
fn a_name_is_free_again_after_its_holders_end() {
    check(async |world| {
        let package = world.load("basic").await;
        for _ in 0..3 {
            let counter = world.spawn(&package, "Counter", (), named("hits")).unwrap();
            assert_eq!(counter.ask("increment", ()).await, Ok(1));
            counter.kill();
            counter.until_dead(&world).await;
            assert!(world.lookup("hits").await.is_err());
        }
    });
}

#[test]
fn of_many_that_race_for_a_name_one_makes_the_actor_and_all_get_it() {
    check(async |world| {
        const RACERS: usize = 16;
        let mut racers = Vec::new();
        for _ in 0..RACERS {
            racers.push(world.actor("basic", "Registrar", ()).await);
        }
        let mut rounds: Vec<Vec<Object<(String, i64)>>> = Vec::new();
        for round in 0..40 {
            let name = format!("round {round}");
            let asked = racers.iter().map(|racer| racer.send("get_or_make", (&name,)).unwrap());
            rounds.push(asked.collect());
        }
        for round in rounds {
            let mut counts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            for object in round {
                let (id, count) = object.get().await.unwrap();
                counts.entry(id).or_default().push(count);
            }
            assert_eq!(counts.len(), 1, "one actor for all: {counts:?}");
            let mut counts = counts.into_values().next().unwrap();
            counts.sort_unstable();
            assert_eq!(counts, (1..=RACERS as i64).collect::<Vec<_>>());
        }
        assert_eq!(world.live("Counter").len(), 40);
    });
}

#[test]
fn names_that_would_tear_a_table_are_refused() {
    check(async |world| {
        let package = world.load("basic").await;
        for name in ["", "a\nb", "\u{1b}[2J", &"x".repeat(257)] {
            let refused = world.spawn(&package, "Counter", (), named(name)).map(drop);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{name:?}: {refused:?}");
        }
        assert!(world.live("Counter").is_empty());
    });
}
