//! The way of one group to its bundles: plan, ask the nodes, record, and again
//! if it came to nothing.

use std::sync::Arc;
use std::time::Duration;

use super::{Coordinator, Effect, Nodes, Reserving, State};
use crate::control::GroupRecord;
use crate::id::{GroupId, NodeId};
use crate::limits;
use crate::placement::group::plan::{Plan, plan};
use crate::placement::group::reservation::{self, Reservation};
use crate::resources::Resources;

/// Groups that are planned in one look: each costs as much as its bundles and
/// the nodes.
pub(super) const GROUPS_IN_LOOK: usize = 64;

impl Coordinator {
    /// Plans a group that waits, and asks the nodes of the plan.
    pub(super) fn look(
        &mut self,
        now: Duration,
        id: GroupId,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let State::Waiting(said) = &mut group.state else { return };
        let mut views = nodes();
        for view in &mut views {
            if group.refused.contains(&view.id) {
                view.free = Resources::default();
            }
        }
        match plan(&group.wish.bundles, group.wish.strategy, &views) {
            Plan::Place(chosen) => {
                let bundles: Vec<_> = group.wish.bundles.iter().cloned().zip(chosen).collect();
                let record = Arc::new(GroupRecord { id, bundles: bundles.clone() });
                group.attempt += 1;
                let mut asked = Vec::new();
                let machine = Reservation::new(now, id, bundles, &mut asked);
                let (record_again, ending, lost) = (None, None, None);
                let reserving = Reserving { machine, record, record_again, ending, lost };
                group.state = State::Reserving(Box::new(reserving));
                self.waiting.remove(&id);
                self.reserving.insert(id);
                self.carry_out(now, id, asked, nodes, effects);
            }
            Plan::Wait(reasons) | Plan::Never(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                let why = reasons.join("; ");
                if *said != why {
                    said.clone_from(&why);
                    effects.push(Effect::Waits(id, why));
                }
                let mut again = now.saturating_add(limits::GROUP_LOOK_TIME);
                if !group.refused.is_empty() {
                    group.not_before = now.saturating_add(pause(id, group.attempt));
                    again = group.not_before;
                }
                self.look_at = Some(self.look_at.map_or(again, |at| at.min(again)));
            }
        }
    }

    /// Looks at groups that wait, in the order of their creation, and goes on
    /// behind these the next time.
    pub(super) fn look_at_some(
        &mut self,
        now: Duration,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        (self.look_at, self.looked) = (None, Some(now));
        let first = self.next.unwrap_or(GroupId { node: NodeId(0), seq: 0 });
        let behind = self.waiting.range(first..).chain(self.waiting.range(..first));
        let some: Vec<GroupId> = behind.take(GROUPS_IN_LOOK + 1).copied().collect();
        self.next = some.get(GROUPS_IN_LOOK).copied();
        for id in some.into_iter().take(GROUPS_IN_LOOK) {
            let Some(group) = self.groups.get_mut(&id) else { continue };
            if group.not_before > now {
                let again = group.not_before;
                self.look_at = Some(self.look_at.map_or(again, |at| at.min(again)));
                continue;
            }
            group.refused.clear();
            self.look(now, id, nodes, effects);
        }
    }

    pub(super) fn room(&mut self, now: Duration, nodes: Nodes<'_>, effects: &mut Vec<Effect>) {
        let Some(look_at) = self.look_at else { return };
        let soonest = self.looked.map_or(now, |at| at.saturating_add(limits::GROUP_LOOK_INTERVAL));
        if soonest <= now {
            self.look_at_some(now, nodes, effects);
        } else {
            self.look_at = Some(look_at.min(soonest));
        }
    }

    pub(super) fn attempted(
        &mut self,
        now: Duration,
        id: GroupId,
        attempt: u32,
        event: reservation::Event,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if self.groups.get(&id).is_some_and(|group| group.attempt == attempt) {
            self.reservation(now, id, event, nodes, effects);
        }
    }

    pub(super) fn refused(
        &mut self,
        now: Duration,
        (id, attempt, bundle): (GroupId, u32, u32),
        why: String,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let State::Reserving(reserving) = &group.state else { return };
        if group.attempt != attempt {
            return;
        }
        if let Some((_, node)) = reserving.record.bundles.get(bundle as usize) {
            group.refused.insert(*node);
        }
        let event = reservation::Event::Refused(bundle, why);
        self.reservation(now, id, event, nodes, effects);
    }

    pub(super) fn recorded(
        &mut self,
        now: Duration,
        id: GroupId,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(reserving) = self.reserving(id) else { return };
        if let Some(why) = reserving.ending.take().or_else(|| reserving.lost.take()) {
            let record = reserving.record.clone();
            return self.undo(now, &record, why, effects);
        }
        self.reservation(now, id, reservation::Event::Recorded, nodes, effects);
    }

    pub(super) fn reservation(
        &mut self,
        now: Duration,
        id: GroupId,
        event: reservation::Event,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(reserving) = self.reserving(id) else { return };
        let mut said = Vec::new();
        reserving.machine.handle(now, event, &mut said);
        self.carry_out(now, id, said, nodes, effects);
    }

    pub(super) fn carry_out(
        &mut self,
        now: Duration,
        id: GroupId,
        said: Vec<reservation::Effect>,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let attempt = group.attempt;
        for effect in said {
            match effect {
                reservation::Effect::Prepare(node, bundle, resources) => {
                    effects.push(Effect::Prepare(node, id, attempt, bundle, resources));
                }
                reservation::Effect::Record(record) => effects.push(Effect::Record(record)),
                reservation::Effect::Commit(node) => effects.push(Effect::Commit(node, id)),
                reservation::Effect::Abort(node) => effects.push(Effect::Abort(node, id)),
                reservation::Effect::Reserved => {
                    let State::Reserving(reserving) = &group.state else { return };
                    let record = reserving.record.clone();
                    group.state = State::Reserved(record.clone());
                    self.reserving.remove(&id);
                    effects.push(Effect::Reserved(record));
                }
                reservation::Effect::Failed(why) => {
                    return self.failed(now, id, why, nodes, effects);
                }
            }
        }
    }

    /// A reservation came to nothing: another plan is tried.
    fn failed(
        &mut self,
        now: Duration,
        id: GroupId,
        why: String,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        if let State::Reserving(reserving) = &mut group.state
            && let Some(why) = reserving.ending.take()
        {
            return self.forget(id, why, effects);
        }
        group.state = State::Waiting(why);
        self.reserving.remove(&id);
        self.waiting.insert(id);
        self.look(now, id, nodes, effects);
    }

    /// Bundles that were asked for at a node count as refused, if it has not
    /// said yet that it keeps them.
    pub(super) fn lost(
        &mut self,
        now: Duration,
        peer: NodeId,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut asked = Vec::new();
        for id in &self.reserving {
            let Some(group) = self.groups.get(id) else { continue };
            let State::Reserving(reserving) = &group.state else { continue };
            let there = reserving.record.bundles.iter().zip(0..);
            let there = there.filter(|((_, node), _)| *node == peer);
            asked.extend(there.map(|(_, bundle)| (*id, group.attempt, bundle)));
        }
        for bundle in asked {
            self.refused(now, bundle, format!("{peer} was not reached"), nodes, effects);
        }
    }
}

/// How long a group waits that nodes have refused, by its id and the number of
/// its tries: so that two that are after the same nodes do not take them from
/// each other for ever. Drawn from a time that doubles with each try, as
/// Ethernet does it (binary exponential backoff), from 0.1 to 3.2 s.
pub(super) fn pause(id: GroupId, attempt: u32) -> Duration {
    let mut mixed = id.seq ^ (u64::from(id.node.0) << 40) ^ (u64::from(attempt) << 20);
    // The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let part = (mixed ^ (mixed >> 31)) % 1_024;
    let most = limits::GROUP_LOOK_INTERVAL * (1 << attempt.min(5));
    most * u32::try_from(part).unwrap_or(0) / 1_024
}
