//! Every node's membership and directory, around one store.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use host_core::control::{
    ActorRecord, ActorState, Answer, Change, Key, NodeRecord, Prefix, Request, Store, Value, Write,
};
use host_core::directory::{Around, Directory, Effect, Event};
use host_core::membership::{Config, Effect as Joined, Event as Join, Expect, Membership};
use host_core::placement::{Labels, NodeView, Request as Placing};
use host_core::spec::Tries;
use host_core::{ActorId, ClusterId, NodeId, PackageId};

use crate::host::{cpus, total};

/// What the store was asked, and what it told.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    pub(super) renewals: u64,
    pub(super) reads: u64,
    pub(super) entries: u64,
    pub(super) writes: u64,
    /// Changes, to each watcher.
    pub(super) told: u64,
}

struct Node {
    membership: Membership,
    directory: Directory,
}

pub(super) struct Cluster {
    store: Store,
    now: Duration,
    nodes: BTreeMap<NodeId, Node>,
    due: BinaryHeap<Reverse<(Duration, NodeId)>>,
    before: usize,
    pub(super) counts: Counts,
}

/// What comes to a node.
enum Input {
    Join(Join),
    Directory(Event),
}

impl Cluster {
    /// All are registered, and know each other.
    pub(super) fn new(count: u32) -> Cluster {
        let mut cluster = Cluster {
            store: Store::default(),
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            due: BinaryHeap::new(),
            before: resident(),
            counts: Counts::default(),
        };
        for at in 1..=count {
            cluster.join(at);
        }
        for id in cluster.ids() {
            cluster.handle(id, Input::Join(Join::WatchLost));
        }
        cluster
    }

    pub(super) fn clear_counts(&mut self) {
        self.counts = Counts::default();
    }

    /// Resident bytes for each node since the cluster was made; the records of
    /// nodes are shared here, so what each would have of them is added.
    pub(super) fn memory(&self) -> usize {
        let grown = resident().saturating_sub(self.before) / self.nodes.len();
        grown + self.nodes.len() * size_of::<NodeRecord>()
    }

    /// Actors that can move, the same number on each node.
    pub(super) fn place(&mut self, actors: u64) {
        let ids = self.ids();
        for (seq, node) in (0..actors).zip(ids.iter().copied().cycle()) {
            let id = ActorId { node, seq };
            let record = ActorRecord {
                id,
                class: "Model".into(),
                package: PackageId([0; 32]),
                request: Placing::of(cpus(0.0)),
                max_restarts: Tries::Unbounded,
                moves: 0,
                detached: true,
                owner: node,
                birth: bytes::Bytes::new(),
                name: None,
                restarts: 0,
                state: ActorState::On { node, incarnation: 0 },
            };
            let writes = vec![
                Write::Put(Key::Actor(id), Value::Actor(Arc::new(record)), None),
                Write::Put(Key::Placed(node, id), Value::Placed(0), None),
            ];
            let request = Request::Commit { guards: Vec::new(), writes };
            self.store.handle(self.now, &request, &mut Vec::new());
        }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(Reverse((at, id))) = self.due.pop() {
            if at > until {
                self.due.push(Reverse((at, id)));
                break;
            }
            self.now = self.now.max(at);
            // One that was woken meanwhile has said so anew.
            if self.nodes.get(&id).and_then(Node::wake_at).is_some_and(|wake| wake <= self.now) {
                self.handle(id, Input::Join(Join::Tick));
                self.handle(id, Input::Directory(Event::Tick));
            }
        }
        self.now = until;
    }

    /// The node with the highest id is lost; how long it takes until nothing is
    /// placed on it. What follows later is counted for a minute.
    pub(super) fn lose_one(&mut self) -> Duration {
        let lost = self.ids().pop().expect("there are nodes");
        let lease = self.store.get(&Key::Node(lost)).and_then(|entry| entry.lease);
        self.nodes.remove(&lost);
        let mut changes = Vec::new();
        let revoke = Request::Revoke(lease.expect("a node has a lease"));
        self.store.handle(self.now, &revoke, &mut changes);
        let mut inputs = VecDeque::new();
        self.tell(&changes, &mut inputs);
        for (id, input) in inputs {
            self.handle(id, input);
        }
        let began = self.now;
        let mut done = None;
        while self.now < began + Duration::from_secs(60) {
            let left = self.store.iter().any(|entry| Prefix::Placed(lost).has(&entry.key));
            if !left {
                done.get_or_insert(self.now - began);
            }
            self.pass(Duration::from_millis(500));
        }
        done.unwrap_or(Duration::MAX)
    }

    fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn join(&mut self, at: u32) {
        let record = NodeRecord {
            draining: false,
            id: NodeId(0),
            name: format!("node-{at}").as_str().into(),
            addresses: vec![format!("10.0.0.{at}:7000").as_str().into()],
            total: total(),
            labels: Labels::default(),
            protocol: 1,
        };
        let cluster = Expect::Founding(ClusterId(1));
        let membership = Membership::new(Config { record, cluster });
        let id = NodeId(at);
        self.nodes.insert(id, Node { membership, directory: Directory::new(id) });
        self.handle(id, Input::Join(Join::Tick));
    }

    /// Gives an input to a node, and the store's answers, and what others are
    /// told of that.
    fn handle(&mut self, id: NodeId, input: Input) {
        let mut inputs = VecDeque::from([(id, input)]);
        while let Some((id, input)) = inputs.pop_front() {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            let mut asked = Vec::new();
            match input {
                Input::Join(event) => {
                    let mut effects = Vec::new();
                    node.membership.handle(self.now, event, &mut effects);
                    for effect in effects {
                        match effect {
                            Joined::Ask(ticket, request) => asked.push((ticket, request, true)),
                            Joined::Registered(_, _, until) | Joined::Renewed(until) => {
                                inputs.push_back((id, Input::Directory(Event::ValidUntil(until))));
                            }
                            Joined::Left(record) => {
                                inputs
                                    .push_back((id, Input::Directory(Event::NodeGone(record.id))));
                            }
                            _ => {}
                        }
                    }
                }
                Input::Directory(event) => {
                    for effect in node.directory(self.now, event) {
                        if let Effect::Ask(ticket, request) = effect {
                            asked.push((ticket, request, false));
                        }
                    }
                }
            }
            let wake = node.wake_at();
            self.due.extend(wake.map(|at| Reverse((at, id))));
            for (ticket, request, joining) in asked {
                let mut changes = Vec::new();
                let answer = self.ask(&request, &mut changes);
                inputs.push_back((
                    id,
                    if joining {
                        Input::Join(Join::Answered(ticket, answer))
                    } else {
                        Input::Directory(Event::Answered(ticket, answer))
                    },
                ));
                self.tell(&changes, &mut inputs);
            }
        }
    }

    fn ask(&mut self, request: &Request, changes: &mut Vec<Change>) -> Answer {
        let answer = self.store.handle(self.now, request, changes);
        match request {
            Request::KeepAlive(_) => self.counts.renewals += 1,
            Request::Get(_) | Request::Range(_) => self.counts.reads += 1,
            Request::Commit { .. } | Request::Lease | Request::Revoke(_) => self.counts.writes += 1,
        }
        if let Answer::Entries { entries, .. } = &answer {
            self.counts.entries += entries.len() as u64;
        }
        answer
    }

    /// Every node watches the nodes, and what is placed on it.
    fn tell(&mut self, changes: &[Change], inputs: &mut VecDeque<(NodeId, Input)>) {
        for change in changes {
            match &change.key {
                Key::Node(_) => {
                    self.counts.told += self.nodes.len() as u64;
                    let all = self.nodes.keys();
                    inputs.extend(all.map(|id| (*id, Input::Join(Join::Changed(change.clone())))));
                }
                Key::Placed(node, _) if self.nodes.contains_key(node) => {
                    self.counts.told += 1;
                    inputs.push_back((*node, Input::Directory(Event::Changed(change.clone()))));
                }
                _ => {}
            }
        }
    }
}

impl Node {
    fn wake_at(&self) -> Option<Duration> {
        self.membership.wake_at().into_iter().chain(self.directory.wake_at()).min()
    }

    fn directory(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        let view = self.membership.view();
        let one = |record: &Arc<NodeRecord>| NodeView {
            id: record.id,
            name: record.name.to_string(),
            total: record.total.clone(),
            free: record.total.clone(),
            labels: record.labels.clone(),
            actors: 0,
            draining: record.draining,
        };
        let nodes = || view.nodes().map(one).collect();
        let mut effects = Vec::new();
        self.directory.handle(now, event, Around { view, nodes: &nodes }, &mut effects);
        effects
    }
}

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4_096
}
