//! Placement groups, against the fake host: what it refuses a real host
//! refuses too.

use greenroom::prelude::*;
use greenroom::{Bundle, Cause, PlacementGroup};

#[derive(Default)]
struct Worker;

#[actor(cpus = 1, strategy = "spread")]
impl Worker {
    fn new() -> Self {
        Worker
    }

    fn ping(&self) -> bool {
        true
    }

    /// Passed on, the group is the same.
    fn grow(&self, group: PlacementGroup) -> Result<Handle<Worker>> {
        Worker::options().in_bundle(&group, 1).remote()
    }
}

#[test]
fn actors_in_a_group_end_with_it_and_others_stay() {
    let group = PlacementGroup::pack([Bundle::cpus(1.0), Bundle::cpus(1.0).and_memory("1GiB")]);
    let group = group.unwrap();
    get(group.ready().unwrap()).unwrap();
    let first = Worker::options().in_group(&group).remote().unwrap();
    let second = get(first.grow(group.clone()).remote().unwrap()).unwrap();
    let outside = Worker::remote().unwrap();
    assert!(get(second.ping().remote().unwrap()).unwrap());
    group.remove().unwrap();
    group.remove().unwrap();
    for worker in [first, second] {
        match get(worker.ping().remote().unwrap()) {
            Err(Error::Died(death)) => assert_eq!(death.cause, Cause::GroupRemoved),
            other => panic!("{other:?}"),
        }
    }
    assert!(get(outside.ping().remote().unwrap()).unwrap());
    let error = get(group.ready().unwrap()).unwrap_err();
    assert!(error.to_string().contains("is not there any more"), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_bundle() {
    let refused = |group: Result<PlacementGroup>| group.unwrap_err().to_string();
    let none: [Bundle; 0] = [];
    assert!(refused(PlacementGroup::pack(none)).contains("0 bundles"));
    let error = refused(PlacementGroup::pack([Bundle::cpus(1.0), Bundle::default()]));
    assert!(error.contains("bundle 1"), "{error}");
    let error = refused(PlacementGroup::spread([Bundle::memory("1 elephant")]));
    assert!(error.contains("bundle 0") && error.contains("elephant"), "{error}");
    let spread = PlacementGroup::strict_spread([Bundle::gpus(1.0), Bundle::resource("tpu", 1.0)]);
    assert!(matches!(spread, Err(Error::Unplaceable(_))), "{spread:?}");

    let group = PlacementGroup::strict_pack([Bundle::cpus(1.0)]).unwrap();
    let large = Worker::options().cpus(2.0).in_group(&group).remote().unwrap_err();
    assert!(matches!(large, Error::Unplaceable(_)), "{large}");
    let no_bundle = Worker::options().in_bundle(&group, 1).remote().unwrap_err();
    assert!(no_bundle.to_string().contains("there is no bundle 1"), "{no_bundle}");
    let detached = Worker::options().in_group(&group).detached().remote().unwrap_err();
    assert!(matches!(detached, Error::Invalid(_)), "{detached}");
}
