//! Placement groups on one node: all or nothing, kept apart from the node, and
//! an end that takes their actors along.

use host::node::Config;
use host_core::resources::{Amount, Resources};
use host_core::{Cause, Error};
use tests::{Actor, Object, World, check, check_with, until};

fn with_cpus(cpus: u64) -> impl FnOnce(&mut Config) + Send + 'static {
    move |config| {
        let mut resources = Resources::default();
        resources.set("cpus", Amount::whole(cpus).unwrap());
        config.resources = resources;
    }
}

/// A group, as it travels: its id.
type Group = String;

async fn plan(planner: &Actor, strategy: &str, cpus: &[f64]) -> Result<Group, Error> {
    planner.ask("plan", (strategy, cpus.to_vec())).await
}

async fn planned(planner: &Actor, strategy: &str, cpus: &[f64]) -> Group {
    let group = plan(planner, strategy, cpus).await.unwrap();
    assert_eq!(planner.ask("is_ready", (group.clone(), 10_000)).await, Ok(true));
    group
}

fn free_cpus(world: &World) -> f64 {
    world.node.resources().1.get("cpus").as_f64()
}

async fn check_removed(member: &Actor) {
    let answer = member.ask::<u32>("count", ()).await;
    let removed = |cause: Cause| cause == Cause::GroupRemoved;
    assert!(matches!(&answer, Err(Error::Died { cause, .. }) if removed(*cause)), "{answer:?}");
}

#[test]
fn members_take_from_their_bundle_and_not_from_the_node() {
    check_with(with_cpus(4), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        let group = planned(&planner, "pack", &[2.0, 1.0]).await;
        assert_eq!(free_cpus(&world), 1.0);
        let first: Actor = planner.ask("join", (&group, Some(0), 1.5)).await.unwrap();
        assert_eq!(first.ask("count", ()).await, Ok(1));
        assert_eq!(free_cpus(&world), 1.0);
        // It waits for its bundle, though the node has a CPU free.
        let second: Actor = planner.ask("join", (&group, Some(0), 1.0)).await.unwrap();
        let waits = second.send::<u32>("count", ()).unwrap();
        let third: Actor = planner.ask("join", (&group, None::<u32>, 1.0)).await.unwrap();
        assert_eq!(third.ask("count", ()).await, Ok(1), "any bundle means one with room");
        assert!(!waits.is_settled());
        let state = second.snapshot(&world).unwrap().state;
        assert!(format!("{state:?}").contains("in bundle 0 of"), "{state:?}");
        drop(first);
        assert_eq!(waits.get().await, Ok(1));
    });
}

#[test]
fn a_group_that_is_removed_takes_its_members_along_and_no_others() {
    check_with(with_cpus(4), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        let group = planned(&planner, "strict-pack", &[2.0, 1.0]).await;
        let join = async |bundle: Option<u32>, cpus: f64| -> Actor {
            planner.ask("join", (&group, bundle, cpus)).await.unwrap()
        };
        let (inside, idle) = (join(Some(0), 2.0).await, join(Some(1), 0.0).await);
        let waiting = join(Some(0), 1.0).await;
        let stays: Actor = planner.ask("join_to_stay", (&group,)).await.unwrap();
        let outside = world.actor("groups", "Member", ()).await;
        assert_eq!(inside.ask("count", ()).await, Ok(1));
        planner.ask::<()>("remove", (&group,)).await.unwrap();
        for member in [inside, idle, waiting, stays] {
            check_removed(&member).await;
        }
        assert_eq!(outside.ask("count", ()).await, Ok(1));
        until("its resources are free", || free_cpus(&world) == 4.0).await;
        let joined = planner.ask::<Actor>("join", (&group, Some(0), 1.0)).await.map(drop);
        assert!(matches!(&joined, Err(Error::Invalid(why)) if why.contains("not there any more")));
        assert_eq!(planner.ask("remove", (&group,)).await, Ok(()), "once more does nothing");
    });
}

#[test]
fn what_the_node_can_never_hold_is_refused_with_the_reason() {
    check_with(with_cpus(4), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        for (strategy, cpus, why) in [
            ("strict-spread", vec![1.0, 1.0], "1 of 2 bundles find a node of their own"),
            ("strict-pack", vec![3.0, 2.0], "no node has 5 cpus (largest has 4)"),
            ("pack", vec![1.0, 5.0], "no node has 5 cpus (largest has 4)"),
        ] {
            let refused = plan(&planner, strategy, &cpus).await;
            let Err(Error::Unplaceable(said)) = &refused else { panic!("{refused:?}") };
            assert!(said.contains(why), "{said}");
        }
        for (cpus, why) in [(vec![], "0 bundles"), (vec![0.0], "bundle 0"), (vec![-1.0], "cpus")] {
            let refused = plan(&planner, "pack", &cpus).await;
            assert!(matches!(&refused, Err(Error::Invalid(said)) if said.contains(why)));
        }
        let refused = plan(&planner, "pack", &vec![0.01; 257]).await;
        assert!(matches!(&refused, Err(Error::Invalid(said)) if said.contains("1 to 256")));
        assert_eq!(free_cpus(&world), 4.0);
        let group = planned(&planner, "spread", &[1.0, 2.0]).await;
        let large = planner.ask::<Actor>("join", (&group, None::<u32>, 3.0)).await.map(drop);
        let Err(Error::Unplaceable(said)) = &large else { panic!("{large:?}") };
        assert!(said.contains("bundle 1 cannot hold 3 cpus (has 2)"), "{said}");
        let none = planner.ask::<Actor>("join", (&group, Some(2), 1.0)).await.map(drop);
        assert!(matches!(&none, Err(Error::Invalid(said)) if said.contains("no bundle 2")));
    });
}

#[test]
fn a_group_waits_until_others_give_back_all_that_it_needs() {
    check_with(with_cpus(4), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        let first = planned(&planner, "pack", &[3.0]).await;
        let second = plan(&planner, "pack", &[1.0, 1.0]).await.unwrap();
        assert_eq!(planner.ask("is_ready", (&second, 50)).await, Ok(false));
        assert_eq!(free_cpus(&world), 1.0, "nothing is held for half a group");
        let early = planner.ask::<Actor>("join", (&second, None::<u32>, 1.0)).await.map(drop);
        assert!(matches!(&early, Err(Error::Unavailable(why)) if why.contains("ready")));
        planner.ask::<()>("remove", (&first,)).await.unwrap();
        assert_eq!(planner.ask("is_ready", (&second, 10_000)).await, Ok(true));
        let member: Actor = planner.ask("join", (&second, Some(1), 1.0)).await.unwrap();
        assert_eq!(member.ask("count", ()).await, Ok(1));
        // One that is removed while it waits says so to those who wait for it.
        let third = plan(&planner, "pack", &[4.0]).await.unwrap();
        let ready: Object<()> = planner.ask("ready", (&third,)).await.unwrap();
        planner.ask::<()>("remove", (&third,)).await.unwrap();
        let outcome = ready.get().await;
        assert!(matches!(&outcome, Err(Error::Invalid(why)) if why.contains("was removed")));
    });
}

#[test]
fn a_group_belongs_to_its_job_and_ends_with_it() {
    check_with(with_cpus(4), async |world| {
        let package = world.load("groups").await;
        let job = world.other_job();
        let theirs = tests::spawn_in(&job, &package, "Planner", (), Default::default()).unwrap();
        let group = planned(&theirs, "pack", &[3.0]).await;
        let ours = world.actor("groups", "Planner", ()).await;
        let strangers = ours.ask::<bool>("is_ready", (&group, 1_000)).await;
        assert!(matches!(&strangers, Err(Error::Denied(why)) if why.contains("another job")));
        assert_eq!(ours.ask("remove", (&group,)).await, Ok(()));
        let joined = ours.ask::<Actor>("join", (&group, None::<u32>, 1.0)).await.map(drop);
        assert!(joined.is_err(), "{joined:?}");
        let theirs_still: Actor = theirs.ask("join", (&group, None::<u32>, 1.0)).await.unwrap();
        assert_eq!(theirs_still.ask("count", ()).await, Ok(1));
        assert_eq!(free_cpus(&world), 1.0);
        drop((theirs, theirs_still, job));
        until("the group has ended with its job", || free_cpus(&world) == 4.0).await;
    });
}

#[test]
fn a_member_restarts_in_its_bundle() {
    check_with(with_cpus(4), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        let group = planned(&planner, "pack", &[4.0]).await;
        let member: Actor = planner.ask("join_to_stay", (&group,)).await.unwrap();
        assert_eq!(member.ask("count", ()).await, Ok(1));
        assert!(member.ask::<()>("crash", ()).await.is_err());
        assert_eq!(member.ask("count", ()).await, Ok(1), "a new life");
        planner.ask::<()>("remove", (&group,)).await.unwrap();
        check_removed(&member).await;
    });
}

#[test]
fn ids_that_are_no_groups_are_refused() {
    check(async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        for id in ["", "a1@n1", "g1", "g01@n1", "g1@n1\n"] {
            let refused = planner.ask::<bool>("is_ready", (id, 10)).await;
            assert!(matches!(&refused, Err(Error::Invalid(_))), "{id}: {refused:?}");
            assert!(planner.ask::<()>("remove", (id,)).await.is_err(), "{id}");
        }
        let unknown = planner.ask::<bool>("is_ready", ("g9@n1", 1_000)).await;
        assert!(matches!(&unknown, Err(Error::Invalid(why)) if why.contains("not there")));
        assert_eq!(planner.ask("remove", ("g9@n1",)).await, Ok(()));
    });
}

#[test]
fn a_runaway_planner_is_told_when_there_are_too_many() {
    check_with(with_cpus(64), async |world| {
        let planner = world.actor("groups", "Planner", ()).await;
        assert_eq!(planner.ask("fill", (20_000,)).await, Ok(10_000));
        let other = world.actor("groups", "Member", ()).await;
        assert_eq!(other.ask("count", ()).await, Ok(1));
    });
}
