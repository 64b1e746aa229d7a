//! Actors that wait for each other in a circle.

use host_core::Error;
use tests::{Actor, World, check};

/// Actors of a class, each of which calls the next, the last the first.
async fn ring(world: &World, guest: &str, class: &str, size: usize) -> Vec<Actor> {
    let mut links = Vec::new();
    for _ in 0..size {
        links.push(world.actor(guest, class, ()).await);
    }
    for (index, link) in links.iter().enumerate() {
        let next = &links[(index + 1) % size];
        assert_eq!(link.ask("set_next", (next,)).await, Ok(()));
    }
    links
}

/// The call ends with an error that names every actor of the ring.
async fn check_reported(links: &[Actor]) {
    let answer = links[0].ask::<u32>("pass_on", (100,)).await;
    let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
    assert!(text.starts_with("call cycle, nobody could go on: "), "{text}");
    for link in links {
        let class = link.handle.target().class();
        assert!(text.contains(&format!("{class}({})", link.id())), "{} in {text}", link.id());
    }
    // Everybody lives on.
    for link in links {
        assert_eq!(link.ask("pass_on", (0,)).await, Ok(0));
    }
}

#[test]
fn an_actor_that_waits_for_itself_is_told() {
    check(async |world| {
        let link = world.actor("basic", "Link", ()).await;
        let answer = link.ask::<u32>("call_itself", ()).await;
        let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
        let me = format!("Link({})", link.id());
        assert_eq!(text, format!("call cycle, nobody could go on: {me} waits for {me}"));
        assert_eq!(link.ask("pass_on", (0,)).await, Ok(0));
    });
}

#[test]
fn a_call_to_oneself_that_nobody_waits_for_is_no_cycle() {
    check(async |world| {
        let link = world.actor("basic", "Link", ()).await;
        assert_eq!(link.ask("tell_itself", ()).await, Ok(()));
        assert_eq!(link.ask("pass_on", (0,)).await, Ok(0));
    });
}

#[test]
fn a_wait_for_a_call_that_waits_for_the_waiter_is_told() {
    check(async |world| {
        for guest in ["basic", "concurrent"] {
            let first = world.actor("basic", "Link", ()).await;
            let class = if guest == "basic" { "Link" } else { "AsyncLink" };
            let next = world.actor(guest, class, ()).await;
            assert_eq!(first.ask("set_next", (&next,)).await, Ok(()));
            let answer = first.ask::<u32>("wait_for_own_later_call", ()).await;
            let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
            let me = format!("Link({})", first.id());
            assert!(text.contains(&format!("{me} waits for the call for ")), "{text}");
            assert!(text.ends_with(&format!(" waits for {me}")), "{text}");
            assert_eq!(first.ask("pass_on", (0,)).await, Ok(0));
            assert_eq!(next.ask("pass_on", (0,)).await, Ok(0));
        }
    });
}

#[test]
fn two_actors_that_wait_for_each_other_are_told() {
    check(async |world| check_reported(&ring(&world, "basic", "Link", 2).await).await);
}

#[test]
fn a_longer_cycle_is_told_with_all_its_names() {
    check(async |world| check_reported(&ring(&world, "basic", "Link", 5).await).await);
}

#[test]
fn a_long_chain_that_is_no_cycle_is_answered() {
    check(async |world| {
        let links = ring(&world, "basic", "Link", 20).await;
        assert_eq!(links[0].ask("pass_on", (19,)).await, Ok(19));
    });
}

#[test]
fn async_actors_go_round_as_often_as_they_like() {
    check(async |world| {
        let links = ring(&world, "concurrent", "AsyncLink", 3).await;
        assert_eq!(links[0].ask("pass_on", (50,)).await, Ok(50));
    });
}

#[test]
fn a_cycle_of_a_sequential_actor_through_an_async_one_is_told() {
    check(async |world| {
        let plain = world.actor("basic", "Link", ()).await;
        let passing = world.actor("concurrent", "AsyncLink", ()).await;
        assert_eq!(plain.ask("set_next", (&passing,)).await, Ok(()));
        assert_eq!(passing.ask("set_next", (&plain,)).await, Ok(()));
        let answer = plain.ask::<u32>("pass_on", (10,)).await;
        let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains(&format!("Link({})", plain.id())), "{text}");
        assert_eq!(plain.ask("pass_on", (0,)).await, Ok(0));
        assert_eq!(passing.ask("pass_on", (0,)).await, Ok(0));
    });
}
