//! One node of the model: the machines, and what lies between them.
//!
//! It does what the tasks of a real node do: gives each machine its events,
//! its membership first, and carries out what they say. What leaves the node
//! is an [`Out`].

mod actors;
mod groups;
mod member;
mod waiting;
mod work;

use std::time::Duration;

use fastrand::Rng;
use host_core::control::{Answer, Change, NodeRecord, Prefix, Request, Revision, Ticket};
use host_core::lending::Item;
use host_core::membership::{Config, Effect, Event, Expect, Membership};
use host_core::placement::Labels;
use host_core::resources::{Amount, Resources};
use host_core::session::{LinkId, Packet};
use host_core::{ActorId, CallId, NodeId};

use crate::flaw::Flaw;
use crate::message::Message;
use crate::oracle::Oracle;
use crate::world::Shared;

pub(crate) use member::Member;

/// Which machine asked the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    Membership,
    Directory(NodeId),
    Groups(NodeId),
}

/// What comes to a node.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Wake,
    Answered(Asker, Ticket, Answer),
    Changed(Asker, Change),
    WatchLost(Asker),
    /// A connection of this node, by the id it then had, with a peer.
    Connected(NodeId, LinkId, NodeId),
    DialFailed(NodeId, NodeId),
    Disconnected(NodeId, LinkId),
    Packet(NodeId, LinkId, Packet<Message>),
    Finish(NodeId, ActorId, CallId),
    DropHold(NodeId, Item),
    Work,
    /// Work is over: room is made for what still waits for some.
    WindDown,
}

/// What leaves a node.
#[derive(Clone, Debug)]
pub(crate) enum Out {
    Ask(Asker, Ticket, Request),
    Watch(Asker, Prefix, Revision),
    /// From, to, and the box that has the address.
    Dial(NodeId, NodeId, Option<usize>),
    Packet(LinkId, Packet<Message>),
    Close(LinkId),
    Later(Duration, Input),
}

/// What a node can use while it handles an input.
pub(crate) struct Ctx<'a> {
    /// On the node's own clock.
    pub(crate) now: Duration,
    pub(crate) rng: &'a mut Rng,
    pub(crate) oracle: &'a mut Oracle,
    pub(crate) shared: &'a mut Shared,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) out: Vec<Out>,
}

/// A process on a box.
pub(crate) struct Host {
    pub(crate) name: String,
    labels: Labels,
    membership: Membership,
    pub(crate) member: Option<Member>,
}

/// What every box of the model has.
pub(crate) fn total() -> Resources {
    cpus(8.0)
}

pub(crate) fn cpus(count: f64) -> Resources {
    [("cpus", Amount::from_f64(count).expect("an amount"))].into_iter().collect()
}

/// What the boxes are labelled with: each of three zones has a third of them,
/// and every second box has a disk.
fn labels(at: usize) -> Labels {
    let zone = ("zone", ["a", "b", "c"][at % 3]);
    let disk = at.is_multiple_of(2).then_some(("disk", "ssd"));
    [zone].into_iter().chain(disk).collect()
}

impl Host {
    pub(crate) fn new(at: usize, cluster: Expect) -> Host {
        let name = format!("box-{at}");
        let record = NodeRecord {
            id: NodeId(0),
            name: name.as_str().into(),
            addresses: vec![at.to_string().into()],
            total: total(),
            labels: labels(at),
            protocol: 1,
            draining: false,
        };
        let membership = Membership::new(Config { record, cluster });
        Host { name, labels: labels(at), membership, member: None }
    }

    pub(crate) fn handle(&mut self, ctx: &mut Ctx<'_>, input: Input) {
        // A node that was paused learns first that its time is over.
        self.membership(ctx, Event::Tick);
        match input {
            Input::Wake => {}
            Input::Answered(Asker::Membership, ticket, answer) => {
                self.membership(ctx, Event::Answered(ticket, answer));
            }
            Input::Changed(Asker::Membership, change) => {
                self.membership(ctx, Event::Changed(change));
            }
            Input::WatchLost(Asker::Membership) => self.membership(ctx, Event::WatchLost),
            input => {
                if let Some(member) = &mut self.member {
                    member.input(ctx, self.membership.view(), input);
                }
            }
        }
        if let Some(member) = &mut self.member {
            member.tick(ctx, self.membership.view());
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Duration> {
        let member = self.member.as_ref().and_then(Member::wake_at);
        self.membership.wake_at().into_iter().chain(member).min()
    }

    fn membership(&mut self, ctx: &mut Ctx<'_>, event: Event) {
        let mut effects = Vec::new();
        self.membership.handle(ctx.now, event, &mut effects);
        for effect in effects {
            if !matches!(effect, Effect::Ask(..) | Effect::Watch(_) | Effect::Renewed(_)) {
                ctx.shared.note(|| format!("{} {effect:?}", self.name));
            }
            let view = self.membership.view();
            match effect {
                Effect::Ask(ticket, request) => {
                    ctx.out.push(Out::Ask(Asker::Membership, ticket, request));
                }
                Effect::Watch(revision) => {
                    ctx.out.push(Out::Watch(Asker::Membership, Prefix::Nodes, revision));
                }
                Effect::Registered(id, _, until) => {
                    let mut member = Member::new(id, self.membership.lease(), self.labels.clone());
                    member.valid_until(ctx, view, until);
                    self.member = Some(member);
                }
                Effect::Renewed(until) => {
                    if let Some(member) = &mut self.member {
                        member.valid_until(ctx, view, until);
                    }
                }
                Effect::StopMovable => {
                    if let Some(member) = &mut self.member {
                        if ctx.flaw == Some(Flaw::SkipSelfStop) {
                            member.valid_until(ctx, view, Duration::MAX);
                        } else {
                            member.stop_movable(ctx, view);
                        }
                    }
                }
                Effect::Ended(id) => {
                    if let Some(member) = self.member.take() {
                        member.close(ctx);
                    }
                    ctx.oracle.node_over(id);
                }
                Effect::Left(record) => {
                    if let Some(member) = &mut self.member {
                        member.node_gone(ctx, view, record.id, &record.name);
                    }
                }
                Effect::Joined(_) | Effect::Changed(_) | Effect::Foreign(_) => {}
            }
        }
    }
}
