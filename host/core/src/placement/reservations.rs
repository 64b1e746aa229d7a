//! Everything that one node has given away: to actors, to the bundles of
//! placement groups, and to actors in bundles.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::group::{Bundles, Holder};
use super::{Ledger, Reserve};
use crate::id::{ActorId, GroupId, JobId};
use crate::resources::{Amount, Resources};

/// A node's [`Ledger`] and [`Bundles`], which an actor asks alike.
#[derive(Clone, Debug)]
pub struct Reservations {
    ledger: Ledger<Holder>,
    bundles: Bundles,
    /// The actors in bundles, and in which.
    inside: FxHashMap<ActorId, (GroupId, u32)>,
}

/// The bundle that an actor is to be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inside {
    /// The group.
    pub group: GroupId,
    /// Which of its bundles, from 0.
    pub bundle: u32,
    /// The actor's job, which has to be the group's.
    pub job: JobId,
}

/// Actors that the end of a group concerns.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ends {
    /// They were in its bundles, and are to end.
    pub end: Vec<ActorId>,
    /// Their requests are granted now.
    pub granted: Vec<ActorId>,
}

impl Reservations {
    /// A node that has `total`, all of it free.
    pub fn new(total: Resources) -> Reservations {
        let (bundles, inside) = (Bundles::default(), FxHashMap::default());
        Reservations { ledger: Ledger::new(total), bundles, inside }
    }

    /// The actor asks for resources, of the node or of a bundle. It must not
    /// hold or wait for any.
    pub fn reserve(&mut self, actor: ActorId, asked: Resources, inside: Option<Inside>) -> Reserve {
        let Some(Inside { group, bundle, job }) = inside else {
            return self.ledger.reserve(Holder::Actor(actor), asked);
        };
        match self.bundles.reserve((group, bundle), (actor, job), asked) {
            Ok(reserved) => {
                self.inside.insert(actor, (group, bundle));
                reserved
            }
            Err(why) => Reserve::Never(why),
        }
    }

    /// The same for one that will not wait: [`Reserve::Waiting`] says why not
    /// now, and nothing was recorded.
    pub fn reserve_now(
        &mut self,
        actor: ActorId,
        asked: Resources,
        inside: Option<Inside>,
    ) -> Reserve {
        let reserved = self.reserve(actor, asked, inside);
        if matches!(reserved, Reserve::Waiting(_)) {
            let granted = self.release(actor);
            assert!(granted.is_empty(), "what came last kept nothing from anybody");
        }
        reserved
    }

    /// The actor's reservation ends, held or still waiting; one that has none
    /// is left alone. Returns those whose requests are granted now, in the
    /// order they came.
    pub fn release(&mut self, actor: ActorId) -> Vec<ActorId> {
        let granted = match self.inside.remove(&actor) {
            Some(bundle) => self.bundles.release(&mut self.ledger, bundle, actor),
            None => self.ledger.release(Holder::Actor(actor)),
        };
        actors(granted)
    }

    /// Keeps a bundle; see [`Bundles::prepare`].
    pub fn prepare(
        &mut self,
        now: Duration,
        by: (crate::NodeId, JobId),
        bundle: (GroupId, u32),
        resources: Resources,
    ) -> Result<(), String> {
        self.bundles.prepare(now, &mut self.ledger, by, bundle, resources)
    }

    /// The group is there; see [`Bundles::commit`].
    pub fn commit(&mut self, group: GroupId) {
        self.bundles.commit(group);
    }

    /// The group is gone; see [`Bundles::remove`].
    pub fn remove(&mut self, group: GroupId) -> Ends {
        let removed = self.bundles.remove(&mut self.ledger, group);
        Ends { end: removed.actors, granted: actors(removed.granted) }
    }

    /// Whether this one waits.
    pub fn is_waiting(&self, actor: ActorId) -> bool {
        match self.inside.get(&actor) {
            Some(bundle) => self.bundles.is_waiting(*bundle, actor),
            None => self.ledger.is_waiting(Holder::Actor(actor)),
        }
    }

    /// How many wait.
    pub fn waiting_count(&self) -> usize {
        self.ledger.waiting_count() + self.bundles.waiting_count()
    }

    /// Whether an actor in a bundle could have so much now.
    pub fn has_room(&self, bundle: (GroupId, u32), asked: &Resources) -> bool {
        self.bundles.has_room(bundle, asked)
    }

    /// The bundles that are kept here.
    pub fn bundles(&self) -> &Bundles {
        &self.bundles
    }

    /// What the node has.
    pub fn total(&self) -> &Resources {
        self.ledger.total()
    }

    /// What neither an actor nor a bundle holds.
    pub fn free(&self) -> &Resources {
        self.ledger.free()
    }

    /// What a newcomer can have of that; see [`Ledger::spare`].
    pub fn spare(&self) -> &Resources {
        self.ledger.spare()
    }

    /// The GPUs that an actor holds, by their places among the node's, and how
    /// much of each.
    pub fn gpus_of(&self, actor: ActorId) -> Vec<(usize, Amount)> {
        let Some((group, bundle)) = self.inside.get(&actor) else {
            return self.ledger.gpus_of(Holder::Actor(actor)).to_vec();
        };
        // Its places are those among the bundle's GPUs.
        let of_bundle = self.ledger.gpus_of(Holder::Bundle(*group, *bundle));
        let of_actor = self.bundles.gpus_of((*group, *bundle), actor).iter();
        of_actor.filter_map(|(at, amount)| Some((of_bundle.get(*at)?.0, *amount))).collect()
    }

    /// Who holds which GPUs of the node, in no order: the GPU's place among
    /// the node's, and how much of it. An actor in a bundle is not named
    /// beside its bundle.
    pub fn gpu_holders(&self) -> impl Iterator<Item = (Holder, usize, Amount)> {
        self.ledger.gpu_holders()
    }
}

/// Bundles never wait: those that are granted something are actors.
fn actors(granted: Vec<Holder>) -> Vec<ActorId> {
    let actor = |holder| match holder {
        Holder::Actor(actor) => Some(actor),
        Holder::Bundle(..) => None,
    };
    granted.into_iter().filter_map(actor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    const NODE: NodeId = NodeId(1);
    const JOB: JobId = JobId { node: NODE, seq: 1 };
    const GROUP: GroupId = GroupId { node: NODE, seq: 1 };

    fn some(resources: &[(&str, f64)]) -> Resources {
        let amount = |n: &f64| Amount::from_f64(*n).unwrap();
        resources.iter().map(|(name, n)| (*name, amount(n))).collect()
    }

    fn actor(seq: u64) -> ActorId {
        ActorId { node: NODE, seq }
    }

    fn bundle(bundle: u32) -> Option<Inside> {
        Some(Inside { group: GROUP, bundle, job: JOB })
    }

    fn with_bundles(total: Resources, bundles: &[Resources]) -> Reservations {
        let mut all = Reservations::new(total);
        for (resources, at) in bundles.iter().zip(0..) {
            all.prepare(Duration::ZERO, (NODE, JOB), (GROUP, at), resources.clone()).unwrap();
        }
        all.commit(GROUP);
        all
    }

    #[test]
    fn actors_in_a_bundle_take_from_it_and_not_from_the_node() {
        let cpus = |n| some(&[("cpus", n)]);
        let mut all = with_bundles(cpus(4.0), &[cpus(2.0)]);
        assert_eq!(*all.free(), cpus(2.0));
        assert_eq!(all.reserve(actor(1), cpus(1.5), bundle(0)), Reserve::Granted);
        assert_eq!(*all.free(), cpus(2.0));
        let waits = all.reserve(actor(2), cpus(1.0), bundle(0));
        let why = "in bundle 0 of g1@n1: waits for 1 cpus (0.5 of 2 available)";
        assert_eq!(waits, Reserve::Waiting(why.into()));
        assert!(all.is_waiting(actor(2)) && all.waiting_count() == 1);
        assert_eq!(all.release(actor(1)), [actor(2)]);
        assert!(!all.is_waiting(actor(2)));
    }

    #[test]
    fn what_a_bundle_can_never_hold_and_who_may_not_be_in_it_is_refused() {
        let cpus = |n| some(&[("cpus", n)]);
        let mut all = with_bundles(cpus(4.0), &[cpus(2.0)]);
        let refused =
            |all: &mut Reservations, asked, inside| match all.reserve(actor(9), asked, inside) {
                Reserve::Never(why) => why,
                other => panic!("{other:?}"),
            };
        let why = refused(&mut all, cpus(3.0), bundle(0));
        assert_eq!(why, "bundle 0 of g1@n1 cannot hold 3 cpus (has 2)");
        let other = JobId { node: NODE, seq: 2 };
        let stranger = Some(Inside { group: GROUP, bundle: 0, job: other });
        assert_eq!(
            refused(&mut all, cpus(1.0), stranger),
            "placement group g1@n1 is of another job"
        );
        let why = refused(&mut all, cpus(1.0), bundle(1));
        assert_eq!(why, "placement group g1@n1 is not there any more");
        assert_eq!(all.waiting_count(), 0);
    }

    #[test]
    fn a_removed_bundle_is_given_back_with_its_last_actor() {
        let cpus = |n| some(&[("cpus", n)]);
        let mut all = with_bundles(cpus(4.0), &[cpus(3.0)]);
        assert_eq!(all.reserve(actor(1), cpus(2.0), bundle(0)), Reserve::Granted);
        assert_eq!(all.reserve(actor(2), Resources::default(), bundle(0)), Reserve::Granted);
        assert!(matches!(all.reserve(actor(3), cpus(4.0), None), Reserve::Waiting(_)));
        let ends = all.remove(GROUP);
        assert_eq!(ends, Ends { end: vec![actor(1), actor(2)], granted: vec![] });
        assert!(matches!(all.reserve(actor(4), cpus(1.0), bundle(0)), Reserve::Never(_)));
        assert_eq!(all.release(actor(1)), []);
        assert_eq!(all.release(actor(2)), [actor(3)]);
        assert_eq!(all.bundles().list().count(), 0);
    }

    #[test]
    fn the_gpus_of_an_actor_in_a_bundle_are_the_bundles() {
        let gpus = |n| some(&[("gpus", n)]);
        let mut all = Reservations::new(gpus(4.0));
        assert_eq!(all.reserve(actor(1), gpus(1.0), None), Reserve::Granted);
        for (at, n) in [(0, 2.0), (1, 0.5)] {
            all.prepare(Duration::ZERO, (NODE, JOB), (GROUP, at), gpus(n)).unwrap();
        }
        all.commit(GROUP);
        let whole = Amount::whole(1).unwrap();
        assert_eq!(all.reserve(actor(2), gpus(1.0), bundle(0)), Reserve::Granted);
        assert_eq!(all.reserve(actor(3), gpus(1.0), bundle(0)), Reserve::Granted);
        assert_eq!(all.gpus_of(actor(2)), [(1, whole)]);
        assert_eq!(all.gpus_of(actor(3)), [(2, whole)]);
        let quarter = Amount::from_f64(0.25).unwrap();
        assert_eq!(all.reserve(actor(4), gpus(0.25), bundle(1)), Reserve::Granted);
        assert_eq!(all.gpus_of(actor(4)), [(3, quarter)]);
    }
}
