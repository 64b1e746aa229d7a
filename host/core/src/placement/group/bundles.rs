//! The bundles that one node keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Holder;
use crate::id::{ActorId, GroupId, JobId, NodeId};
use crate::limits;
use crate::placement::{Ledger, Reserve};
use crate::resources::{Amount, Resources};

/// A node's bundles, and the actors in them. What they take of the node is
/// counted in the node's own ledger, which is given with each call.
#[derive(Clone, Default, Debug)]
pub struct Bundles {
    bundles: BTreeMap<(GroupId, u32), Bundle>,
}

/// One bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The job whose actors may be in it.
    job: JobId,
    state: State,
    /// What the actors in it hold.
    inner: Ledger<ActorId>,
    /// Those in it, also if they hold nothing.
    actors: BTreeSet<ActorId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Who prepares it, and until when that is believed.
    Prepared(NodeId, Duration),
    /// The group is known to be there.
    Committed,
    /// The group is gone: it goes with the last actor in it.
    Removed,
}

/// A group that was prepared, and not heard of since. Its coordinator has to be
/// asked while it lives, since it may be about to write the record, and a
/// record that is not there says nothing; once it has gone, the record is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt(pub GroupId);

/// What the end of a group leaves to do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Removed {
    /// Actors in its bundles, which are to end. A bundle's resources are given
    /// back when the last of them is [released](Bundles::release).
    pub actors: Vec<ActorId>,
    /// Those whose requests the node's ledger grants now.
    pub granted: Vec<Holder>,
}

impl Bundles {
    /// Keeps a bundle for a group that `coordinator` prepares. An error says
    /// why there is no room. Asking again changes nothing.
    pub fn prepare(
        &mut self,
        now: Duration,
        ledger: &mut Ledger<Holder>,
        (coordinator, job): (NodeId, JobId),
        (group, at): (GroupId, u32),
        resources: Resources,
    ) -> Result<(), String> {
        match self.bundles.get(&(group, at)).map(|bundle| bundle.state) {
            Some(State::Removed) => return Err(format!("{group}.{at} is being removed")),
            Some(State::Prepared(..) | State::Committed) => return Ok(()),
            None => {}
        }
        ledger.reserve_now(Holder::Bundle(group, at), resources.clone())?;
        let state = State::Prepared(coordinator, now.saturating_add(limits::PREPARED_TIME));
        let (inner, actors) = (Ledger::new(resources), BTreeSet::new());
        self.bundles.insert((group, at), Bundle { job, state, inner, actors });
        Ok(())
    }

    /// The group is there: its bundles stay until it is removed.
    pub fn commit(&mut self, group: GroupId) {
        for key in self.of(group) {
            if let Some(bundle) = self.bundles.get_mut(&key)
                && bundle.state != State::Removed
            {
                bundle.state = State::Committed;
            }
        }
    }

    /// The group is not there, or not any more.
    pub fn remove(&mut self, ledger: &mut Ledger<Holder>, group: GroupId) -> Removed {
        let mut removed = Removed::default();
        for key in self.of(group) {
            let Some(bundle) = self.bundles.get_mut(&key) else { continue };
            bundle.state = State::Removed;
            removed.actors.extend(&bundle.actors);
            removed.granted.extend(self.let_go(ledger, key));
        }
        removed
    }

    /// The groups that are known to be there.
    pub fn committed(&self) -> Vec<GroupId> {
        let committed = self.bundles.iter().filter(|(_, b)| b.state == State::Committed);
        let mut groups: Vec<GroupId> = committed.map(|((group, _), _)| *group).collect();
        groups.dedup();
        groups
    }

    /// Groups that should have been committed or aborted by now. Each is in
    /// doubt until it is committed or removed.
    pub fn doubts(&self, now: Duration) -> Vec<Doubt> {
        self.doubtful(|_, until| until <= now)
    }

    /// A node has gone: what it was preparing is in doubt.
    pub fn node_gone(&self, node: NodeId) -> Vec<Doubt> {
        self.doubtful(|coordinator, _| coordinator == node)
    }

    /// An actor of a job asks for a part of a bundle; that it is sent here says
    /// that the group is there. An error says why it can never be in it.
    pub fn reserve(
        &mut self,
        (group, at): (GroupId, u32),
        (actor, job): (ActorId, JobId),
        asked: Resources,
    ) -> Result<Reserve, String> {
        let bundle = self.bundles.get_mut(&(group, at));
        let Some(bundle) = bundle.filter(|bundle| bundle.state != State::Removed) else {
            return Err(format!("placement group {group} is not there any more"));
        };
        if bundle.job != job {
            return Err(format!("placement group {group} is of another job"));
        }
        if let Some(shortage) = asked.first_shortage(bundle.inner.total()) {
            let (asked, has) = shortage.shown();
            return Err(format!("bundle {at} of {group} cannot hold {asked} (has {has})"));
        }
        let reserved = match bundle.inner.reserve(actor, asked) {
            Reserve::Waiting(why) => Reserve::Waiting(format!("in bundle {at} of {group}: {why}")),
            reserved => reserved,
        };
        bundle.actors.insert(actor);
        Ok(reserved)
    }

    /// An actor in a bundle ended, or waits no longer. Returns those that are
    /// granted now: in the bundle, or of the node with the last of a removed
    /// one.
    pub fn release(
        &mut self,
        ledger: &mut Ledger<Holder>,
        key: (GroupId, u32),
        actor: ActorId,
    ) -> Vec<Holder> {
        let Some(bundle) = self.bundles.get_mut(&key) else { return Vec::new() };
        bundle.actors.remove(&actor);
        let inside = bundle.inner.release(actor);
        if bundle.state == State::Removed {
            return self.let_go(ledger, key);
        }
        inside.into_iter().map(Holder::Actor).collect()
    }

    /// Whether somebody could have so much of a bundle now.
    pub fn has_room(&self, key: (GroupId, u32), asked: &Resources) -> bool {
        self.bundles.get(&key).is_some_and(|bundle| bundle.inner.has_room(asked))
    }

    /// Whether an actor waits in a bundle.
    pub fn is_waiting(&self, key: (GroupId, u32), actor: ActorId) -> bool {
        self.bundles.get(&key).is_some_and(|bundle| bundle.inner.is_waiting(actor))
    }

    /// How many wait in bundles.
    pub fn waiting_count(&self) -> usize {
        self.bundles.values().map(|bundle| bundle.inner.waiting_count()).sum()
    }

    /// The GPUs that an actor holds of those of its bundle, by their places in
    /// it, and how much of each.
    pub fn gpus_of(&self, key: (GroupId, u32), actor: ActorId) -> &[(usize, Amount)] {
        self.bundles.get(&key).map_or(&[], |bundle| bundle.inner.gpus_of(actor))
    }

    /// Every bundle that is here: its group and place in it, its job, what it
    /// holds, how much of that is free, and how many actors are in it.
    pub fn list(&self) -> impl Iterator<Item = ((GroupId, u32), BundleView<'_>)> {
        self.bundles.iter().map(|(key, bundle)| {
            let (total, free) = (bundle.inner.total(), bundle.inner.free());
            (*key, BundleView { job: bundle.job, total, free, actors: bundle.actors.len() })
        })
    }

    fn doubtful(&self, is: impl Fn(NodeId, Duration) -> bool) -> Vec<Doubt> {
        let open = self.bundles.iter().filter_map(|((group, _), bundle)| match bundle.state {
            State::Prepared(coordinator, until) => is(coordinator, until).then_some(Doubt(*group)),
            State::Committed | State::Removed => None,
        });
        let mut doubts: Vec<Doubt> = open.collect();
        doubts.dedup();
        doubts
    }

    /// Gives a removed bundle back, if nobody is in it.
    fn let_go(&mut self, ledger: &mut Ledger<Holder>, key: (GroupId, u32)) -> Vec<Holder> {
        if self.bundles.get(&key).is_some_and(|bundle| !bundle.actors.is_empty()) {
            return Vec::new();
        }
        self.bundles.remove(&key);
        ledger.release(Holder::Bundle(key.0, key.1))
    }

    fn of(&self, group: GroupId) -> Vec<(GroupId, u32)> {
        self.bundles.range((group, 0)..=(group, u32::MAX)).map(|(key, _)| *key).collect()
    }
}

/// A bundle, for people.
#[derive(Clone, Copy, Debug)]
pub struct BundleView<'a> {
    /// The job whose actors may be in it.
    pub job: JobId,
    /// What it holds of its node.
    pub total: &'a Resources,
    /// What of that no actor in it holds.
    pub free: &'a Resources,
    /// How many actors are in it.
    pub actors: usize,
}
