//! Strategies and labels where there is only one node: held to, or refused.

use host::node::Config;
use host_core::Error;
use host_core::placement::Labels;
use tests::{check, check_with};

fn labelled(config: &mut Config) {
    config.name = "alone".into();
    config.labels = Labels::parse(["zone=a", "disk=ssd"]).unwrap().into();
}

fn unplaceable(answer: Result<i64, Error>, why: &str) {
    assert!(matches!(&answer, Err(Error::Unplaceable(said)) if said == why), "{answer:?}");
}

#[test]
fn an_actor_knows_its_node() {
    check_with(labelled, async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let place: (String, String, Option<String>) = courier.ask("place", ()).await.unwrap();
        assert_eq!(place, ("n1".into(), "alone".into(), Some("a".into())));
    });
}

#[test]
fn the_only_node_does_if_it_is_what_is_asked_for() {
    check_with(labelled, async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        for node in ["alone", "n1"] {
            assert_eq!(courier.ask("make_on", (node,)).await, Ok(1));
        }
        assert_eq!(courier.ask("make_near", ("elsewhere",)).await, Ok(1));
        for conditions in ["zone=a", "zone in (a, b), disk, !slow", "rack!=1, zone notin (c)"] {
            assert_eq!(courier.ask("make_where", (conditions,)).await, Ok(1), "{conditions}");
        }
        assert_eq!(courier.ask("make_labelled", ("disk", "ssd")).await, Ok(1));
        let zoned = world.actor("basic", "Zoned", ()).await;
        assert_eq!(zoned.ask("zone", ()).await, Ok(Some("a".to_owned())));
    });
}

#[test]
fn what_the_only_node_is_not_is_refused_with_the_condition_that_fails() {
    check_with(labelled, async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        unplaceable(courier.ask("make_on", ("beta",)).await, "there is no node beta");
        unplaceable(
            courier.ask("make_where", ("disk=ssd, zone=b",)).await,
            "alone does not match zone=b",
        );
        unplaceable(
            courier.ask("make_labelled", ("zone", "c")).await,
            "alone does not match zone=c",
        );
    });
}

#[test]
fn the_conditions_of_a_class_are_held_to_and_senseless_ones_refused() {
    check(async |world| {
        let package = world.load("basic").await;
        let refused = world.spawn(&package, "Zoned", (), Default::default()).map(drop);
        let why = "local does not match zone=a";
        assert!(matches!(&refused, Err(Error::Unplaceable(said)) if said == why), "{refused:?}");
        let courier = world.actor("basic", "Courier", ()).await;
        for (method, senseless) in [("make_where", "zone like a"), ("make_on", "")] {
            let refused = courier.ask::<i64>(method, (senseless,)).await;
            assert!(matches!(&refused, Err(Error::Invalid(_))), "{method}: {refused:?}");
        }
        let refused = courier.ask::<i64>("make_labelled", ("zone", "a,b")).await;
        assert!(matches!(&refused, Err(Error::Invalid(_))), "{refused:?}");
    });
}
