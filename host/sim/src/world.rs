//! The loop: what happens next, and where.

mod faults;
mod net;
mod storage;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use host_core::ClusterId;
use host_core::lending::Item;
use host_core::membership::{Expect, View};
use host_core::placement::NodeView;
use host_core::resources::Resources;
use host_core::{ActorId, NodeId};

use crate::counts::{Counts, Fact};
use crate::flaw::Flaw;
use crate::host::{Ctx, Host, Input, Out};
use crate::oracle::{Oracle, Promise, Violation};
use crate::plan::Plan;

use net::Links;
use storage::Storage;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// How much happened.
    pub counts: Counts,
    /// Boxes in the cluster.
    pub boxes: usize,
}

/// Runs the seed, with a rule broken if one is given, and prints what happens
/// if `trace` is.
pub fn run(seed: u64, flaw: Option<Flaw>, trace: Trace) -> Outcome {
    World::new(seed, flaw, trace).run()
}

/// Whether a run is told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// Nothing is printed.
    Quiet,
    /// Every event that matters is, on standard output.
    Print,
}

/// What all nodes of the model know without being told.
pub(crate) struct Shared {
    known: VecDeque<(ActorId, bool)>,
    /// Who ever held an item.
    holders: BTreeMap<Item, BTreeSet<NodeId>>,
    /// Nodes that have no lease any more, or never will use it.
    over: BTreeSet<NodeId>,
    pub(crate) free: BTreeMap<NodeId, Resources>,
    notes: Option<Vec<String>>,
}

enum Happens {
    /// To a process of a box, in this start of it.
    Input(usize, u32, Input),
    /// A request gets to the store.
    Asked(storage::Asked),
    StoreWakes,
    Fault,
    Work(usize),
    Restart(usize),
    Resume(usize),
}

struct Box_ {
    host: Option<Host>,
    start: u32,
    paused: Option<Vec<Input>>,
    cluster: Expect,
    offset: Duration,
    drift_ppm: i64,
    wake_at: Option<Duration>,
    /// Until when the store is not reached.
    store_cut: Duration,
}

struct World {
    now: Duration,
    order: u64,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    /// Boxed, since it is moved about.
    happens: BTreeMap<u64, Box<Happens>>,
    rng: Rng,
    plan: Plan,
    flaw: Option<Flaw>,
    trace: Trace,
    boxes: Vec<Box_>,
    links: Links,
    storage: Storage,
    oracle: Oracle,
    shared: Shared,
}

impl Shared {
    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.push(text());
        }
    }

    /// Handles get around.
    pub(crate) fn know(&mut self, actor: ActorId, movable: bool) {
        self.known.push_back((actor, movable));
        if self.known.len() > 30 {
            self.known.pop_front();
        }
    }

    /// Few go on calling an actor that has ended.
    pub(crate) fn forget(&mut self, actor: ActorId) {
        if self.known.len() > 5 {
            self.known.retain(|(known, _)| *known != actor);
        }
    }

    pub(crate) fn some_actor(&self, rng: &mut Rng) -> Option<(ActorId, bool)> {
        let at = rng.usize(0..self.known.len().max(1));
        self.known.get(at).copied()
    }

    pub(crate) fn held(&mut self, item: Item, node: NodeId) {
        self.holders.entry(item).or_default().insert(node);
    }

    /// Whether a node that held the item has gone: it may be lost.
    pub(crate) fn holder_gone(&self, item: Item) -> bool {
        self.holders.get(&item).is_some_and(|holders| !holders.is_disjoint(&self.over))
    }

    pub(crate) fn node_views(&self, view: &View) -> Vec<NodeView> {
        let views = view.nodes().map(|record| NodeView {
            id: record.id,
            name: record.name.to_string(),
            total: record.total.clone(),
            free: self.free.get(&record.id).unwrap_or(&record.total).clone(),
            labels: record.labels.clone(),
            actors: 0,
            draining: record.draining,
        });
        views.collect()
    }
}

impl World {
    fn new(seed: u64, flaw: Option<Flaw>, trace: Trace) -> World {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::new(&mut rng);
        let boxes = (0..plan.boxes).map(|_| Box_::new(&mut rng, &plan)).collect();
        let notes = (trace == Trace::Print).then(Vec::new);
        let mut world = World {
            now: Duration::ZERO,
            order: 0,
            queue: BinaryHeap::new(),
            happens: BTreeMap::new(),
            links: Links::new(plan.boxes),
            storage: Storage::new(flaw),
            oracle: Oracle::new(plan.loses_leases),
            shared: Shared {
                known: VecDeque::new(),
                holders: BTreeMap::new(),
                over: BTreeSet::new(),
                free: BTreeMap::new(),
                notes,
            },
            rng,
            plan,
            flaw,
            trace,
            boxes,
        };
        for at in 0..world.boxes.len() {
            let later = Duration::from_millis(world.rng.u64(0..500));
            world.schedule(later, Happens::Restart(at));
            world.schedule(Duration::from_secs(1), Happens::Work(at));
        }
        world.schedule(Duration::from_secs(3), Happens::Fault);
        world
    }

    fn run(mut self) -> Outcome {
        if self.trace == Trace::Print {
            println!("{:?}", self.plan);
        }
        let skewed = self.boxes.iter().filter(|this| this.drift_ppm != 0);
        self.oracle.counts[Fact::SkewedClocks] = skewed.count() as u64;
        while let Some(Reverse((at, order))) = self.queue.pop() {
            let Some(happens) = self.happens.remove(&order) else { continue };
            if at > self.plan.end || !self.oracle.violations.is_empty() {
                break;
            }
            self.now = at;
            self.oracle.now = at;
            self.oracle.counts[Fact::Steps] += 1;
            self.step(*happens);
            self.oracle.check_step(&self.storage.store);
            self.print_notes();
        }
        if self.oracle.violations.is_empty() {
            self.now = self.plan.end;
            self.check_end();
        }
        self.oracle.counts[Fact::Writes] = self.storage.store.revision().0;
        Outcome {
            violations: self.oracle.violations,
            counts: self.oracle.counts,
            boxes: self.plan.boxes,
        }
    }

    fn schedule(&mut self, at: Duration, happens: Happens) {
        self.order += 1;
        self.happens.insert(self.order, Box::new(happens));
        self.queue.push(Reverse((at, self.order)));
    }

    fn step(&mut self, happens: Happens) {
        match happens {
            Happens::Input(at, start, input) => self.input(at, start, input),
            Happens::Asked(asked) => self.store_asked(asked),
            Happens::StoreWakes => self.store_wakes(),
            Happens::Fault => self.fault(),
            Happens::Work(at) => {
                if self.now >= self.plan.busy {
                    let next = self.now + WIND_DOWN;
                    self.schedule(next, Happens::Work(at));
                    let start = self.boxes[at].start;
                    self.input(at, start, Input::WindDown);
                } else {
                    let mean = self.plan.work_every.as_micros() as u64;
                    let next = self.now + Duration::from_micros(self.rng.u64(0..2 * mean));
                    self.schedule(next, Happens::Work(at));
                    let start = self.boxes[at].start;
                    self.input(at, start, Input::Work);
                }
            }
            Happens::Restart(at) => self.restart(at),
            Happens::Resume(at) => {
                let start = self.boxes[at].start;
                self.note(|| format!("box {at} resumes"));
                for input in self.boxes[at].paused.take().unwrap_or_default() {
                    self.input(at, start, input);
                }
                self.input(at, start, Input::Wake);
            }
        }
    }

    /// Something comes to a process, if that one still runs.
    fn input(&mut self, at: usize, start: u32, input: Input) {
        let this = &mut self.boxes[at];
        if this.start != start {
            return;
        }
        if let Some(backlog) = &mut this.paused {
            // Nobody works while asleep.
            if !matches!(input, Input::Work | Input::Wake) {
                backlog.push(input);
            }
            return;
        }
        let now = this.local(self.now);
        if matches!(input, Input::Wake) {
            this.wake_at = None;
        }
        let Some(host) = &mut this.host else { return };
        let mut ctx = Ctx {
            now,
            rng: &mut self.rng,
            oracle: &mut self.oracle,
            shared: &mut self.shared,
            flaw: self.flaw,
            out: Vec::new(),
        };
        host.handle(&mut ctx, input);
        let out = ctx.out;
        let wake = host.wake_at().map(|wake| this.global(wake).max(self.now));
        if let Some(wake) = wake
            && this.wake_at.is_none_or(|before| wake < before)
        {
            this.wake_at = Some(wake);
            self.schedule(wake, Happens::Input(at, start, Input::Wake));
        }
        for out in out {
            self.carry(at, start, out);
        }
    }

    /// Carries out what a process wants from the world.
    fn carry(&mut self, at: usize, start: u32, out: Out) {
        match out {
            Out::Ask(asker, ticket, request) => self.ask_store(at, start, asker, ticket, request),
            Out::Watch(asker, prefix, revision) => {
                self.watch_store(at, start, asker, prefix, revision);
            }
            Out::Dial(from, to, address) => self.dial(at, start, from, to, address),
            Out::Packet(link, packet) => self.packet(at, link, packet),
            Out::Close(link) => self.close(at, link),
            Out::Later(delay, input) => {
                let later = self.now + delay;
                self.schedule(later, Happens::Input(at, start, input));
            }
        }
    }

    fn restart(&mut self, at: usize) {
        let this = &mut self.boxes[at];
        this.host = Some(Host::new(at, this.cluster));
        this.cluster = Expect::Known(CLUSTER);
        this.wake_at = None;
        let start = this.start;
        self.oracle.counts[Fact::Recoveries] += u64::from(start > 0);
        self.note(|| format!("box {at} starts"));
        self.input(at, start, Input::Wake);
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        self.shared.note(text);
    }

    fn print_notes(&mut self) {
        if let Some(notes) = &mut self.shared.notes {
            for note in notes.drain(..) {
                println!("{:>9.3} {note}", self.now.as_secs_f64());
            }
        }
    }

    /// What has to hold when time has passed without faults and work.
    fn check_end(&mut self) {
        self.oracle.check_records(&self.storage.store);
        self.oracle.check_end();
        self.oracle.check_groups(&self.storage.store);
        let mut free = Vec::new();
        let mut seen = Vec::new();
        for this in &self.boxes {
            let Some(host) = &this.host else { continue };
            let Some(member) = &host.member else {
                seen.push((Promise::Leak, format!("{} is no member", host.name)));
                continue;
            };
            let id = member.id;
            free.push((id, member.ledger.total().clone(), member.ledger.free().clone()));
            if member.lending.counts() != (0, 0, 0) {
                let (owned, borrowed, pins) = member.lending.counts();
                let text = format!("{id} owns {owned}, borrows {borrowed}, pins {pins}");
                seen.push((Promise::Leak, text));
            }
            if !member.callee.is_empty() {
                seen.push((Promise::Leak, format!("{id} has {} calls", member.callee.len())));
            }
            if !member.caller.is_empty() {
                seen.push((Promise::OneResult, format!("{id} waits for {}", member.caller.len())));
            }
            let unacked: usize =
                member.sessions.values().map(host_core::session::Session::unacked).sum();
            if unacked > 0 {
                seen.push((Promise::Leak, format!("{id} has {unacked} frames to send")));
            }
        }
        for (id, total, free) in free {
            self.oracle.check_free(id, &total, &free);
        }
        for (promise, text) in seen {
            self.oracle.broken(promise, text);
        }
    }
}

/// How often room is made once work has ended.
const WIND_DOWN: Duration = Duration::from_secs(5);

const CLUSTER: ClusterId = ClusterId(0xc1);

impl Box_ {
    fn new(rng: &mut Rng, plan: &Plan) -> Box_ {
        let most = i64::from(plan.drift_ppm);
        Box_ {
            host: None,
            start: 0,
            paused: None,
            cluster: Expect::Founding(CLUSTER),
            offset: Duration::from_secs(rng.u64(0..1_000_000)),
            drift_ppm: rng.i64(-most..=most),
            wake_at: None,
            store_cut: Duration::ZERO,
        }
    }

    /// The box's own clock.
    fn local(&self, now: Duration) -> Duration {
        let nanos = now.as_nanos() as i128;
        let drifted = nanos + nanos * i128::from(self.drift_ppm) / 1_000_000;
        self.offset + Duration::from_nanos(drifted as u64)
    }

    /// When its clock shows that, or a moment later.
    fn global(&self, local: Duration) -> Duration {
        let nanos = local.saturating_sub(self.offset).as_nanos() as i128;
        let even = nanos * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        Duration::from_nanos(u64::try_from(even).unwrap_or(u64::MAX / 2)) + Duration::from_micros(1)
    }
}
