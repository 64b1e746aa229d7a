//! One node's part in the cluster: its lease, its id, and its view of the
//! others.
//!
//! Registers, renews, and knows until when what it runs is surely nobody
//! else's. It never decides what to do with an actor: it says [`Effect`]s.
//! Start with [`Membership::handle`], which everything else that a node does
//! must come after: a node that was paused for longer than its lease learns
//! here, and first, that its time is over.

#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::Duration;

use crate::control::{
    Answer, Change, Guard, Key, LeaseId, NodeRecord, Prefix, Request, Ticket, Value, Write, by_key,
};
use crate::id::{ClusterId, NodeId};
use crate::limits;

pub use view::{Standing, View};

/// What a node says of itself when it registers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its record; the id in it is replaced by the one it gets.
    pub record: NodeRecord,
    /// Which cluster it belongs to.
    pub cluster: Expect,
}

/// Which cluster the store has to belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Any; an empty store gets this id.
    Founding(ClusterId),
    /// This one: an empty store was wiped, and is refused like a foreign one.
    Known(ClusterId),
}

/// What happens to a node's membership.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed; also to be given at the start, and at
    /// [`Membership::wake_at`].
    Tick,
    /// The store answered. Every question is answered, if need be with
    /// [`Answer::Unknown`].
    Answered(Ticket, Answer),
    /// The watch of the nodes told of a change.
    Changed(Change),
    /// The watch broke, or what it should tell of is not kept any more.
    WatchLost,
    /// The node is about to leave: its record says so from now on, also under
    /// another id.
    Drain,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the store.
    Ask(Ticket, Request),
    /// Watch the nodes for changes after the revision, in place of any watch
    /// there is.
    Watch(crate::control::Revision),
    /// The node is a member with this id, in this cluster, and may run
    /// movable actors until then.
    Registered(NodeId, ClusterId, Duration),
    /// It may run movable actors until then; again, if it had to stop them.
    Renewed(Duration),
    /// The lease may be over soon: every movable actor has to stop at once,
    /// before anything else is done.
    StopMovable,
    /// The lease is over, and with it this id and everything that bears it.
    /// The node registers again by itself.
    Ended(NodeId),
    /// Another node, or this one, is there.
    Joined(Arc<NodeRecord>),
    /// What a node says of itself has changed.
    Changed(Arc<NodeRecord>),
    /// A node has gone for good.
    Left(Arc<NodeRecord>),
    /// The store belongs to another cluster, or to none any more: nothing is
    /// asked of it again.
    Foreign(Option<ClusterId>),
}

/// A node's membership.
#[derive(Clone, Debug)]
pub struct Membership {
    config: Config,
    state: State,
    view: View,
    /// The question that is open about the view.
    viewing: Option<Ticket>,
    view_at: Option<Duration>,
    next_ticket: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// Not a member; asks for a lease then.
    Away(Duration),
    /// Waits for a lease, since the time it asked.
    Leasing(Ticket, Duration),
    /// Waits for the counter and the cluster's id.
    Reading(Ticket, LeaseId, Duration),
    /// Waits for its record to be written.
    Writing(Ticket, LeaseId, Duration, NodeId, ClusterId),
    Member(Member),
    /// The store is not its cluster's.
    Foreign,
}

#[derive(Clone, Debug)]
struct Member {
    id: NodeId,
    lease: LeaseId,
    /// What it runs is nobody else's until then.
    until: Duration,
    renew_at: Duration,
    /// The renewal in progress, and when it was sent.
    renewing: Option<(Ticket, Duration)>,
    /// Whether its movable actors have been stopped since the last renewal.
    stopped: bool,
    /// The write that says that it drains.
    saying: Saying,
}

/// How far the others were told that this node drains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Saying {
    /// There is nothing to tell, or it is told.
    Done,
    /// To be written then.
    Due(Duration),
    /// Being written.
    Asked(Ticket),
}

impl Membership {
    /// A node that is no member yet; the first event makes it ask.
    pub fn new(config: Config) -> Membership {
        Membership {
            config,
            state: State::Away(Duration::ZERO),
            view: View::default(),
            viewing: None,
            view_at: None,
            next_ticket: 0,
        }
    }

    /// Takes an event at `now`, on the node's own clock, which never goes
    /// back, and appends what is to be done.
    pub fn handle(&mut self, now: Duration, event: Event, effects: &mut Vec<Effect>) {
        self.keep_deadline(now, effects);
        match event {
            Event::Tick => {}
            Event::Answered(ticket, answer) if self.viewing == Some(ticket) => {
                self.viewing = None;
                self.viewed(now, answer, effects);
            }
            Event::Answered(ticket, answer) => self.answered(now, ticket, answer, effects),
            Event::Changed(change) => {
                self.view.change(change, effects);
                self.leave_if_gone(now, effects);
            }
            Event::WatchLost => self.view_at = Some(now),
            Event::Drain => {
                self.config.record.draining = true;
                if let State::Member(member) = &mut self.state
                    && member.saying == Saying::Done
                {
                    member.saying = Saying::Due(now);
                }
            }
        }
        self.act(now, effects);
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let own = match &self.state {
            State::Away(at) => Some(*at),
            State::Member(member) => {
                let renew = member.renewing.is_none().then_some(member.renew_at);
                let stop = (!member.stopped).then_some(member.until);
                let say = match member.saying {
                    Saying::Due(at) => Some(at),
                    Saying::Done | Saying::Asked(_) => None,
                };
                renew.into_iter().chain(stop).chain(say).min()
            }
            _ => None,
        };
        // Nothing is due about the view while a question about it is open.
        let view = self.view_at.filter(|_| self.viewing.is_none());
        own.into_iter().chain(view).min()
    }

    /// The node's id while it is a member.
    pub fn id(&self) -> Option<NodeId> {
        match &self.state {
            State::Member(member) => Some(member.id),
            _ => None,
        }
    }

    /// The lease that what this node writes can be bound to.
    pub fn lease(&self) -> Option<LeaseId> {
        match &self.state {
            State::Member(member) => Some(member.lease),
            _ => None,
        }
    }

    /// Until when what this node runs is surely nobody else's, on its own
    /// clock.
    pub fn valid_until(&self) -> Option<Duration> {
        match &self.state {
            State::Member(member) => Some(member.until),
            _ => None,
        }
    }

    /// The others, as far as this node knows.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The deadline comes before whatever happened.
    fn keep_deadline(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let State::Member(member) = &mut self.state
            && now >= member.until
            && !member.stopped
        {
            member.stopped = true;
            effects.push(Effect::StopMovable);
        }
    }

    /// What is due by now.
    fn act(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match &self.state {
            State::Away(at) if *at <= now => {
                let ticket = self.ask(Request::Lease, effects);
                self.state = State::Leasing(ticket, now);
            }
            State::Member(member) if member.renewing.is_none() && member.renew_at <= now => {
                let ticket = self.ask(Request::KeepAlive(member.lease), effects);
                if let State::Member(member) = &mut self.state {
                    member.renewing = Some((ticket, now));
                }
            }
            _ => {}
        }
        if let State::Member(Member { id, lease, saying: Saying::Due(at), .. }) = &self.state
            && *at <= now
        {
            let (id, lease) = (*id, *lease);
            let record = NodeRecord { id, ..self.config.record.clone() };
            let guards = vec![Guard::Present(Key::Node(id))];
            let value = Value::Node(Arc::new(record));
            let writes = vec![Write::Put(Key::Node(id), value, Some(lease))];
            let ticket = self.ask(Request::Commit { guards, writes }, effects);
            if let State::Member(member) = &mut self.state {
                member.saying = Saying::Asked(ticket);
            }
        }
        if self.viewing.is_none() && self.view_at.is_some_and(|at| at <= now) {
            self.view_at = None;
            self.viewing = Some(self.ask(Request::Range(Prefix::Nodes), effects));
        }
    }

    fn answered(
        &mut self,
        now: Duration,
        ticket: Ticket,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        match &self.state {
            State::Leasing(asked, since) if *asked == ticket => match answer {
                Answer::Leased(lease) => {
                    let since = *since;
                    self.read(lease, since, effects);
                }
                _ => self.start_again(now),
            },
            State::Reading(asked, lease, since) if *asked == ticket => {
                let (lease, since) = (*lease, *since);
                match answer {
                    Answer::Entries { entries, .. } => {
                        self.write(lease, since, &entries, effects);
                    }
                    _ => self.start_again(now),
                }
            }
            State::Writing(asked, lease, since, id, cluster) if *asked == ticket => {
                let (lease, since, id, cluster) = (*lease, *since, *id, *cluster);
                match answer {
                    Answer::Committed(_) => self.joined(now, lease, since, id, cluster, effects),
                    // Another node was faster: its id is taken, the lease is good.
                    Answer::Refused { .. } => self.read(lease, since, effects),
                    // It may have been written: that record ends with its lease.
                    _ => self.start_again(now),
                }
            }
            State::Member(member) if member.saying == Saying::Asked(ticket) => {
                self.said(now, &answer);
            }
            State::Member(_) => self.renewed(now, ticket, &answer, effects),
            _ => {}
        }
    }

    fn start_again(&mut self, now: Duration) {
        self.state = State::Away(now.saturating_add(limits::CONTROL_RETRY));
    }

    fn read(&mut self, lease: LeaseId, since: Duration, effects: &mut Vec<Effect>) {
        let ticket = self.ask(Request::Get(vec![Key::Cluster, Key::NextNode]), effects);
        self.state = State::Reading(ticket, lease, since);
    }

    /// Writes the record under the next id, which is used up with it.
    fn write(
        &mut self,
        lease: LeaseId,
        since: Duration,
        entries: &[crate::control::Entry],
        effects: &mut Vec<Effect>,
    ) {
        let entries = by_key(entries);
        let found = match entries.get(&Key::Cluster).map(|entry| &entry.value) {
            Some(Value::Cluster(id)) => Some(*id),
            _ => None,
        };
        let cluster = match (self.config.cluster, found) {
            (Expect::Founding(_), Some(found)) => found,
            (Expect::Founding(new), None) => new,
            (Expect::Known(known), Some(found)) if known == found => found,
            (Expect::Known(_), found) => {
                self.state = State::Foreign;
                effects.push(Effect::Foreign(found));
                return;
            }
        };
        let mut writes = Vec::new();
        let mut guards = Vec::new();
        match entries.get(&Key::Cluster) {
            Some(entry) => guards.push(Guard::At(Key::Cluster, entry.modified)),
            None => {
                guards.push(Guard::Absent(Key::Cluster));
                writes.push(Write::Put(Key::Cluster, Value::Cluster(cluster), None));
            }
        }
        let next = match entries.get(&Key::NextNode).map(|entry| (&entry.value, entry.modified)) {
            Some((Value::NextNode(next), modified)) => {
                guards.push(Guard::At(Key::NextNode, modified));
                *next
            }
            _ => {
                guards.push(Guard::Absent(Key::NextNode));
                1
            }
        };
        let id = NodeId(next);
        let record = NodeRecord { id, ..self.config.record.clone() };
        writes.push(Write::Put(Key::NextNode, Value::NextNode(next.saturating_add(1)), None));
        writes.push(Write::Put(Key::Node(id), Value::Node(Arc::new(record)), Some(lease)));
        let ticket = self.ask(Request::Commit { guards, writes }, effects);
        self.state = State::Writing(ticket, lease, since, id, cluster);
    }

    fn joined(
        &mut self,
        now: Duration,
        lease: LeaseId,
        since: Duration,
        id: NodeId,
        cluster: ClusterId,
        effects: &mut Vec<Effect>,
    ) {
        let until = safe_until(since);
        let renew_at = since.saturating_add(limits::LEASE_TTL / limits::LEASE_RENEWALS);
        // A wiped store is recognised from now on.
        self.config.cluster = Expect::Known(cluster);
        let saying = match self.config.record.draining {
            true => Saying::Due(now),
            false => Saying::Done,
        };
        let (renewing, stopped) = (None, false);
        let member = Member { id, lease, until, renew_at, renewing, stopped, saying };
        self.state = State::Member(member);
        effects.push(Effect::Registered(id, cluster, until));
        self.view_at = Some(now);
        self.keep_deadline(now, effects);
    }

    fn renewed(
        &mut self,
        now: Duration,
        ticket: Ticket,
        answer: &Answer,
        effects: &mut Vec<Effect>,
    ) {
        let State::Member(member) = &mut self.state else { return };
        let Some((asked, sent)) = member.renewing else { return };
        if asked != ticket {
            return;
        }
        member.renewing = None;
        match answer {
            Answer::Done => {
                member.until = safe_until(sent);
                member.renew_at = sent.saturating_add(limits::LEASE_TTL / limits::LEASE_RENEWALS);
                if now < member.until {
                    member.stopped = false;
                    effects.push(Effect::Renewed(member.until));
                }
            }
            Answer::LeaseGone => {
                self.end(now, effects);
            }
            _ => member.renew_at = now.saturating_add(limits::CONTROL_RETRY),
        }
    }

    /// The write that says that this node drains was answered. A record that is
    /// gone is seen by the view.
    fn said(&mut self, now: Duration, answer: &Answer) {
        let State::Member(member) = &mut self.state else { return };
        member.saying = match answer {
            Answer::Committed(_) | Answer::Refused { .. } => Saying::Done,
            _ => Saying::Due(now.saturating_add(limits::CONTROL_RETRY)),
        };
    }

    fn viewed(&mut self, now: Duration, answer: Answer, effects: &mut Vec<Effect>) {
        match answer {
            Answer::Entries { entries, revision } => {
                self.view.replace(&entries, revision, effects);
                effects.push(Effect::Watch(self.view.revision()));
                self.leave_if_gone(now, effects);
            }
            _ => self.view_at = Some(now.saturating_add(limits::CONTROL_RETRY)),
        }
    }

    /// The store may lose a lease before its time: the others then believe that
    /// this node is gone, and it has to believe it too.
    fn leave_if_gone(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.id().is_some_and(|id| self.view.standing(id) == Standing::Gone) {
            self.end(now, effects);
        }
    }

    fn end(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let State::Member(member) = &self.state else { return };
        if !member.stopped {
            effects.push(Effect::StopMovable);
        }
        effects.push(Effect::Ended(member.id));
        self.state = State::Away(now);
    }

    fn ask(&mut self, request: Request, effects: &mut Vec<Effect>) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        effects.push(Effect::Ask(ticket, request));
        ticket
    }
}

/// How long a lease that was asked for at `sent` can be relied on: it began
/// no earlier, and clocks drift.
fn safe_until(sent: Duration) -> Duration {
    sent.saturating_add(limits::LEASE_TTL - limits::LEASE_TTL / limits::LEASE_MARGIN)
}
