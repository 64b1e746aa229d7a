//! The bundles that this node keeps, for whatever group.

use host_core::control::{Key, Request};
use host_core::placement::group::{Doubt, Fate};
use host_core::placement::{Ends, Reservations};
use host_core::resources::Resources;
use host_core::{GroupId, JobId, NodeId, limits};
use host_proto::node as proto;
use host_proto::node::message::Kind;

use super::Question;
use crate::machines::Machines;
use crate::wire::{self, Read, WireId};

/// Records in one question to the control store.
const COMPARED_MAX: usize = 256;

impl Machines {
    /// Looks at what this node has given away.
    pub(crate) fn look_at_bundles<T>(
        &self,
        look: impl FnOnce(&mut Reservations) -> T,
    ) -> Option<T> {
        let (mut look, mut found) = (Some(look), None);
        self.shared.local.reservations(&mut |all| {
            found = look.take().map(|look| look(all));
            Ends::default()
        });
        found
    }

    /// Keeps a bundle for a coordinator.
    pub(super) fn prepare(
        &mut self,
        coordinator: NodeId,
        job: JobId,
        bundle: (GroupId, u32),
        resources: Resources,
    ) -> Result<(), String> {
        if self.drains.is_own() {
            return Err("it is being drained".into());
        }
        let now = self.now;
        let by = (coordinator, job);
        let kept = self.look_at_bundles(|all| all.prepare(now, by, bundle, resources));
        let compare_at = now.saturating_add(limits::GROUP_COMPARE_TIME);
        self.groups.compare_at.get_or_insert(compare_at);
        kept.unwrap_or_else(|| Err("the node has ended".into()))
    }

    pub(super) fn commit_group(&self, id: GroupId) {
        let _ = self.look_at_bundles(|all| all.commit(id));
    }

    /// The bundles of a group are no more, and the actors in them end.
    pub(super) fn let_group_go(&self, id: GroupId) {
        self.shared.local.reservations(&mut |all| all.remove(id));
    }

    pub(crate) fn take_prepare(&mut self, from: NodeId, prepare: proto::PrepareBundle) -> Read<()> {
        self.owe_load();
        let proto::PrepareBundle { group, attempt, bundle, job, resources } = prepare;
        let (id, job) = (owned(from, group)?, JobId::read(job)?);
        if bundle as usize >= limits::GROUP_BUNDLES {
            return Err(format!("bundle {bundle} of {id}"));
        }
        let resources = wire::read_amounts(&resources)?;
        if resources.is_empty() {
            return Err(format!("bundle {bundle} of {id} holds nothing"));
        }
        let refused = self.prepare(from, job, (id, bundle), resources).err();
        let group = Some(id.id());
        let prepared = proto::BundlePrepared { group, attempt, bundle, refused };
        self.answer(from, Kind::BundlePrepared(prepared));
        Ok(())
    }

    pub(crate) fn take_commit(&self, from: NodeId, commit: proto::CommitGroup) -> Read<()> {
        self.commit_group(owned(from, commit.group)?);
        Ok(())
    }

    pub(crate) fn take_abort(&mut self, from: NodeId, abort: proto::AbortGroup) -> Read<()> {
        self.owe_load();
        self.let_group_go(owned(from, abort.group)?);
        Ok(())
    }

    /// A node that keeps bundles asks what became of a group of this node.
    pub(crate) fn take_doubt(&mut self, from: NodeId, doubt: proto::DoubtGroup) -> Read<()> {
        let id = GroupId::read(doubt.group)?;
        let group = Some(id.id());
        match self.groups.coordinator.fate(id, from) {
            Fate::There => self.answer(from, Kind::CommitGroup(proto::CommitGroup { group })),
            Fate::Gone => self.answer(from, Kind::AbortGroup(proto::AbortGroup { group })),
            Fate::Open => {}
        }
        Ok(())
    }

    /// Sees whether the bundles here are still wanted.
    pub(super) fn compare_bundles(&mut self) {
        let now = self.now;
        let found = self.look_at_bundles(|all| {
            let bundles = all.bundles();
            (bundles.doubts(now), bundles.committed(), bundles.list().next().is_none())
        });
        let Some((doubts, committed, none_left)) = found else { return };
        let again = now.saturating_add(limits::GROUP_COMPARE_TIME);
        self.groups.compare_at = (!none_left).then_some(again);
        for Doubt(id) in doubts {
            self.in_doubt(id);
        }
        let (own, others): (Vec<_>, Vec<_>) =
            committed.into_iter().partition(|id| id.node == self.shared.id);
        for id in own {
            if self.groups.coordinator.fate(id, self.shared.id) == Fate::Gone {
                self.let_group_go(id);
            }
        }
        for some in others.chunks(COMPARED_MAX) {
            let keys = some.iter().map(|id| Key::Group(*id)).collect();
            self.ask_of_group(Question::Compare(some.to_vec()), Request::Get(keys));
        }
    }

    /// While the coordinator lives it knows, and may be about to write the
    /// record; once it has gone, nobody can.
    fn in_doubt(&mut self, id: GroupId) {
        if id.node == self.shared.id {
            if self.groups.coordinator.fate(id, id.node) == Fate::Gone {
                self.let_group_go(id);
            }
        } else if self.view().get(id.node).is_none() {
            self.let_group_go(id);
        } else {
            let group = Some(id.id());
            self.answer(id.node, Kind::DoubtGroup(proto::DoubtGroup { group }));
        }
    }

    /// Groups end with the node that they were created on.
    pub(super) fn bundles_of_gone(&self, node: NodeId) {
        let of_node = self.look_at_bundles(|all| {
            let groups = all.bundles().list().map(|((id, _), _)| id);
            let mut groups: Vec<GroupId> = groups.filter(|id| id.node == node).collect();
            groups.dedup();
            groups
        });
        of_node.into_iter().flatten().for_each(|id| self.let_group_go(id));
    }
}

/// A group that only its coordinator speaks for.
fn owned(from: NodeId, group: Option<proto::Id>) -> Read<GroupId> {
    let id = GroupId::read(group)?;
    if id.node != from {
        return Err(format!("{from} speaks for {id}, which is not its own"));
    }
    Ok(id)
}
