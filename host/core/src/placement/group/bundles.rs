//! The bundles that one node keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Holder;
use crate::id::{ActorId, GroupId, NodeId};
use crate::limits;
use crate::placement::{Ledger, Reserve};
use crate::resources::Resources;

/// A node's bundles, and the actors in them. What they take of the node is
/// counted in the node's own ledger, which is given with each call.
#[derive(Clone, Default, Debug)]
pub struct Bundles {
    bundles: BTreeMap<(GroupId, u32), Bundle>,
}

/// One bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// None once the group is known to be there; else who prepares it, and
    /// until when that is believed.
    prepared: Option<(NodeId, Duration)>,
    /// What the actors in it hold.
    inner: Ledger<ActorId>,
}

/// A group that was prepared, and not heard of since. Its coordinator has to be
/// asked while it lives, since it may be about to write the record, and a
/// record that is not there says nothing; once it has gone, the record is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt(pub GroupId);

impl Bundles {
    /// Keeps a bundle for a group that `coordinator` prepares. An error says
    /// why there is no room. Asking again changes nothing.
    pub fn prepare(
        &mut self,
        now: Duration,
        ledger: &mut Ledger<Holder>,
        coordinator: NodeId,
        group: GroupId,
        bundle: u32,
        resources: Resources,
    ) -> Result<(), String> {
        if self.bundles.contains_key(&(group, bundle)) {
            return Ok(());
        }
        ledger.reserve_now(Holder::Bundle(group, bundle), resources.clone())?;
        let until = now.saturating_add(limits::PREPARED_TIME);
        let prepared = Some((coordinator, until));
        self.bundles.insert((group, bundle), Bundle { prepared, inner: Ledger::new(resources) });
        Ok(())
    }

    /// The group is there: its bundles stay until it is removed.
    pub fn commit(&mut self, group: GroupId) {
        for bundle in self.of(group) {
            if let Some(bundle) = self.bundles.get_mut(&bundle) {
                bundle.prepared = None;
            }
        }
    }

    /// The group is not there, or not any more. Returns those whose requests
    /// the node's ledger grants now.
    pub fn remove(&mut self, ledger: &mut Ledger<Holder>, group: GroupId) -> Vec<Holder> {
        let mut granted = Vec::new();
        for (group, bundle) in self.of(group) {
            self.bundles.remove(&(group, bundle));
            granted.extend(ledger.release(Holder::Bundle(group, bundle)));
        }
        granted
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

    /// An actor asks for a part of a bundle. None: the bundle is not here.
    pub fn reserve(
        &mut self,
        group: GroupId,
        bundle: u32,
        actor: ActorId,
        asked: Resources,
    ) -> Option<Reserve> {
        let bundle = self.bundles.get_mut(&(group, bundle))?;
        bundle.prepared.is_none().then(|| bundle.inner.reserve(actor, asked))
    }

    /// An actor in a bundle ended. Returns those that are granted now.
    pub fn release(&mut self, group: GroupId, bundle: u32, actor: ActorId) -> Vec<ActorId> {
        let bundle = self.bundles.get_mut(&(group, bundle));
        bundle.map(|bundle| bundle.inner.release(actor)).unwrap_or_default()
    }

    fn doubtful(&self, is: impl Fn(NodeId, Duration) -> bool) -> Vec<Doubt> {
        let open = self.bundles.iter().filter_map(|((group, _), bundle)| {
            let (coordinator, until) = bundle.prepared?;
            is(coordinator, until).then_some(Doubt(*group))
        });
        let mut doubts: Vec<Doubt> = open.collect();
        doubts.dedup();
        doubts
    }

    fn of(&self, group: GroupId) -> Vec<(GroupId, u32)> {
        self.bundles.range((group, 0)..=(group, u32::MAX)).map(|(key, _)| *key).collect()
    }
}
