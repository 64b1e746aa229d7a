//! Placement groups: an actor that makes them, and actors that live in them.

use std::time::Duration;

use greenroom::prelude::*;
use greenroom::{Bundle, PlacementGroup};

/// Makes groups, and fills them.
struct Planner;

#[actor]
impl Planner {
    fn new() -> Self {
        Planner
    }

    /// A group of bundles of so many CPUs, by the name of its strategy.
    fn plan(&self, strategy: String, cpus: Vec<f64>) -> Result<PlacementGroup> {
        let bundles = cpus.into_iter().map(Bundle::cpus);
        match strategy.as_str() {
            "pack" => PlacementGroup::pack(bundles),
            "spread" => PlacementGroup::spread(bundles),
            "strict-pack" => PlacementGroup::strict_pack(bundles),
            _ => PlacementGroup::strict_spread(bundles),
        }
    }

    /// Whether it is reserved within so many milliseconds.
    fn is_ready(&self, group: PlacementGroup, millis: u64) -> Result<bool> {
        match get_timeout(group.ready()?, Duration::from_millis(millis)) {
            Ok(()) => Ok(true),
            Err(Error::TimedOut(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn ready(&self, group: PlacementGroup) -> Result<ObjectRef<()>> {
        group.ready()
    }

    /// A member in a bundle, or in any.
    fn join(
        &self,
        group: PlacementGroup,
        bundle: Option<u32>,
        cpus: f64,
    ) -> Result<Handle<Member>> {
        let options = Member::options().cpus(cpus);
        match bundle {
            Some(bundle) => options.in_bundle(&group, bundle).remote(),
            None => options.in_group(&group).remote(),
        }
    }

    /// A member that may restart, and has a name.
    fn join_to_stay(&self, group: PlacementGroup) -> Result<Handle<Member>> {
        Member::options().in_group(&group).max_restarts(1).name("member").remote()
    }

    fn remove(&self, group: PlacementGroup) -> Result<()> {
        group.remove()
    }

    /// How many groups can be made before one is refused, up to so many.
    fn fill(&self, most: u32) -> Result<u32> {
        for made in 0..most {
            if PlacementGroup::pack([Bundle::cpus(0.001)]).is_err() {
                return Ok(made);
            }
        }
        Ok(most)
    }
}

/// Lives in a group.
struct Member {
    calls: u32,
}

#[actor]
impl Member {
    fn new() -> Self {
        Member { calls: 0 }
    }

    fn count(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    fn crash(&self) {
        panic!("as it was told");
    }
}
