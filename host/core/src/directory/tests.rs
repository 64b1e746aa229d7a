use super::*;
use crate::control::{Entry, NodeRecord, Store, Write};
use crate::membership::{Config, Effect as Joining, Event as Join, Expect, Membership};
use crate::placement::{Labels, Request as Placing};
use crate::resources::Resources;
use crate::spec::Tries;

/// Nodes that all reach one store, and whose questions it answers at once.
struct Cluster {
    store: Store,
    nodes: BTreeMap<NodeId, (Membership, Directory)>,
    now: Duration,
    said: Vec<String>,
}

fn record(node: u32, seq: u64, restarts: u32, name: Option<&str>) -> Arc<ActorRecord> {
    Arc::new(ActorRecord {
        id: ActorId { node: NodeId(node), seq },
        class: "Counter".into(),
        package: crate::id::PackageId([0; 32]),
        request: Placing::default(),
        max_restarts: Tries::AtMost(restarts),
        detached: true,
        owner: NodeId(node),
        birth: bytes::Bytes::new(),
        name: name.map(|name| ("default".into(), name.into())),
        restarts: 0,
        moves: 0,
        state: ActorState::On { node: NodeId(node), incarnation: 0 },
    })
}

impl Cluster {
    fn new(nodes: u32) -> Cluster {
        let mut cluster = Cluster {
            store: Store::default(),
            nodes: BTreeMap::new(),
            now: Duration::ZERO,
            said: Vec::new(),
        };
        for _ in 0..nodes {
            cluster.join();
        }
        let ids: Vec<NodeId> = cluster.nodes.keys().copied().collect();
        for id in ids {
            cluster.view(id, Join::WatchLost);
            cluster.handle(id, Event::ValidUntil(Duration::MAX));
        }
        cluster.said.clear();
        cluster
    }

    fn join(&mut self) {
        let record = NodeRecord {
            id: NodeId(0),
            name: "node".into(),
            addresses: Vec::new(),
            total: Resources::default(),
            labels: Labels::default(),
            protocol: 1,
            draining: false,
        };
        let cluster = Expect::Founding(crate::id::ClusterId(1));
        let mut membership = Membership::new(Config { record, cluster });
        self.drive(&mut membership, Join::Tick);
        let id = membership.id().unwrap();
        self.nodes.insert(id, (membership, Directory::new(id)));
    }

    fn drive(&mut self, membership: &mut Membership, event: Join) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut effects = Vec::new();
            membership.handle(self.now, event, &mut effects);
            for effect in effects {
                if let Joining::Ask(ticket, request) = effect {
                    let answer = self.store.handle(self.now, &request, &mut Vec::new());
                    events.push(Join::Answered(ticket, answer));
                }
            }
        }
    }

    fn view(&mut self, id: NodeId, event: Join) {
        let (mut membership, directory) = self.nodes.remove(&id).unwrap();
        self.drive(&mut membership, event);
        self.nodes.insert(id, (membership, directory));
    }

    /// Gives an event to a directory, and the store's answers to what follows.
    fn handle(&mut self, id: NodeId, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for (ticket, request) in self.ask(id, event) {
                let answer = self.store.handle(self.now, &request, &mut Vec::new());
                events.push(Event::Answered(ticket, answer));
            }
        }
    }

    /// Gives an event to a directory; what it asks of the store is returned.
    fn ask(&mut self, id: NodeId, event: Event) -> Vec<(Ticket, Request)> {
        let (membership, directory) = self.nodes.get_mut(&id).unwrap();
        let view = membership.view();
        let node = |node: &Arc<NodeRecord>| NodeView {
            id: node.id,
            name: node.name.to_string(),
            total: Resources::default(),
            free: Resources::default(),
            labels: Labels::default(),
            actors: 0,
            draining: node.draining,
        };
        let nodes = || view.nodes().map(node).collect();
        let mut effects = Vec::new();
        directory.handle(self.now, event, Around { view, nodes: &nodes }, &mut effects);
        let mut asked = Vec::new();
        for effect in effects {
            let said = match effect {
                Effect::Ask(ticket, request) => {
                    asked.push((ticket, request));
                    continue;
                }
                Effect::Watch(..) => continue,
                Effect::Start(record, life) => format!("{id} starts {} {life}", record.id),
                Effect::Stop(actor) => format!("{id} stops {actor}"),
                Effect::Created(actor) => format!("{id} created {actor}"),
                Effect::NameTaken(actor, holder) => format!("{actor} yields to {holder}"),
                Effect::EndRecorded(actor) => format!("{actor} ended"),
                Effect::Located(_, place) => format!("{place:?}"),
                other => format!("{other:?}"),
            };
            self.said.push(said);
        }
        asked
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The node's lease ends, and the others hear of it.
    fn lose(&mut self, node: NodeId) {
        let lease = self.store.get(&Key::Node(node)).and_then(|entry| entry.lease).unwrap();
        self.store.handle(self.now, &Request::Revoke(lease), &mut Vec::new());
        self.nodes.remove(&node);
        let others: Vec<NodeId> = self.nodes.keys().copied().collect();
        for other in others {
            self.view(other, Join::WatchLost);
            self.handle(other, Event::NodeGone(node));
        }
    }

    /// Time passes, and all look at what is placed on them.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in &ids {
            self.handle(*id, Event::Tick);
        }
        for id in ids {
            self.handle(id, Event::WatchLost);
        }
    }

    fn locate(&mut self, actor: ActorId) -> String {
        let node = *self.nodes.keys().next().unwrap();
        self.handle(node, Event::Locate(actor));
        self.said().pop().unwrap()
    }
}

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const ACTOR: ActorId = ActorId { node: ONE, seq: 7 };

#[test]
fn an_actor_starts_once_it_is_recorded_and_its_name_is_its_own() {
    let mut cluster = Cluster::new(2);
    cluster.handle(ONE, Event::Create(record(1, 7, 1, Some("hits"))));
    assert_eq!(cluster.said(), ["n1 created a7@n1", "n1 starts a7@n1 0"]);
    cluster.handle(TWO, Event::Create(record(2, 8, 1, Some("hits"))));
    assert_eq!(cluster.said(), ["a8@n2 yields to a7@n1"]);
    cluster.handle(TWO, Event::Lookup(LookupId(1), "default".into(), "hits".into()));
    assert_eq!(cluster.said(), [format!("{:?}", Effect::Found(LookupId(1), Some(ACTOR)))]);
    cluster.handle(ONE, Event::Ended(ACTOR, Cause::Killed, "killed".into()));
    assert_eq!(cluster.said(), ["a7@n1 ended"]);
    cluster.handle(TWO, Event::Create(record(2, 9, 1, Some("hits"))));
    assert_eq!(cluster.said(), ["n2 created a9@n2", "n2 starts a9@n2 0"]);
}

#[test]
fn restarts_are_counted_over_crashes_and_lost_nodes() {
    let mut cluster = Cluster::new(3);
    cluster.handle(ONE, Event::Create(record(1, 7, 2, Some("hits"))));
    cluster.handle(ONE, Event::Crashed(ACTOR));
    assert_eq!(cluster.said()[2..], ["n1 starts a7@n1 1"]);
    cluster.lose(ONE);
    cluster.pass(limits::TAKEOVER_DELAY * 3);
    assert_eq!(cluster.said(), ["n2 starts a7@n1 2"]);
    cluster.lose(TWO);
    cluster.pass(limits::TAKEOVER_DELAY * 3);
    assert_eq!(cluster.said(), [""; 0]);
    assert_eq!(
        cluster.locate(ACTOR),
        "Dead(NodeLost, \"node n2 lost, after 2 restarts\")",
        "and its name is free"
    );
    let name = Key::Name { namespace: "default".into(), name: "hits".into() };
    assert_eq!(cluster.store.get(&name), None);
}

#[test]
fn an_actor_of_a_lost_node_is_started_by_one_node_only() {
    let mut cluster = Cluster::new(5);
    for seq in 0..20 {
        cluster.handle(ONE, Event::Create(record(1, seq, 1, None)));
    }
    cluster.said();
    cluster.lose(ONE);
    cluster.pass(limits::TAKEOVER_DELAY * 5);
    let mut started = cluster.said();
    started.sort();
    started.dedup();
    assert_eq!(started.len(), 20, "{started:?}");
}

#[test]
fn a_write_without_an_answer_is_asked_again_and_done_once() {
    let mut cluster = Cluster::new(1);
    let asked = cluster.ask(ONE, Event::Create(record(1, 7, 1, None)));
    let (ticket, request) = asked[0].clone();
    // It was carried out, and the answer was lost.
    cluster.store.handle(Duration::ZERO, &request, &mut Vec::new());
    cluster.handle(ONE, Event::Answered(ticket, Answer::Unknown));
    assert_eq!(cluster.said(), [""; 0]);
    cluster.now = limits::CONTROL_RETRY;
    cluster.handle(ONE, Event::Tick);
    assert_eq!(cluster.said(), ["n1 created a7@n1", "n1 starts a7@n1 0"]);
}

#[test]
fn what_a_node_writes_that_was_thought_dead_is_refused() {
    let mut cluster = Cluster::new(2);
    cluster.handle(ONE, Event::Create(record(1, 7, 5, None)));
    cluster.said();
    let lease = cluster.store.get(&Key::Node(ONE)).and_then(|entry: &Entry| entry.lease).unwrap();
    cluster.store.handle(Duration::ZERO, &Request::Revoke(lease), &mut Vec::new());
    cluster.handle(ONE, Event::Crashed(ACTOR));
    assert_eq!(cluster.said(), ["n1 stops a7@n1"]);
    cluster.handle(ONE, Event::Create(record(1, 8, 5, None)));
    assert!(cluster.said()[0].starts_with("NotCreated"));
}

#[test]
fn nothing_starts_past_the_lease_until_it_is_renewed() {
    let mut cluster = Cluster::new(1);
    cluster.handle(ONE, Event::ValidUntil(Duration::ZERO));
    cluster.handle(ONE, Event::Create(record(1, 7, 1, None)));
    assert_eq!(cluster.said(), ["n1 created a7@n1"]);
    cluster.handle(ONE, Event::ValidUntil(Duration::MAX));
    assert_eq!(cluster.said(), ["n1 starts a7@n1 0"]);
}

#[test]
fn what_finds_no_room_moves_on_or_tries_again_and_uses_no_restart() {
    let mut cluster = Cluster::new(2);
    cluster.handle(ONE, Event::Create(record(1, 7, 0, None)));
    cluster.said();
    cluster.handle(ONE, Event::NoRoom(ACTOR));
    cluster.pass(Duration::ZERO);
    assert_eq!(cluster.said(), ["n1 stops a7@n1", "n2 starts a7@n1 1"]);
    cluster.lose(ONE);
    cluster.handle(TWO, Event::NoRoom(ACTOR));
    assert_eq!(cluster.said(), [""; 0]);
    cluster.pass(limits::TAKEOVER_RETRY);
    assert_eq!(cluster.said(), ["n2 starts a7@n1 1"]);
}

#[test]
fn nothing_is_written_without_naming_the_revision_and_the_writers_lease() {
    let mut cluster = Cluster::new(1);
    let asked = cluster.ask(ONE, Event::Create(record(1, 7, 1, Some("hits"))));
    let Request::Commit { guards, writes } = &asked[0].1 else { panic!("{asked:?}") };
    let name = Key::Name { namespace: "default".into(), name: "hits".into() };
    use crate::control::Guard;
    assert_eq!(
        guards[..],
        [
            Guard::Present(Key::Node(ONE)),
            Guard::Absent(Key::Actor(ACTOR)),
            Guard::Absent(name.clone()),
        ]
    );
    assert!(matches!(&writes[2], Write::Put(key, Value::Name(ACTOR), None) if *key == name));
}

#[test]
fn what_may_only_run_on_a_node_ends_with_it() {
    let mut cluster = Cluster::new(2);
    let mut bound = (*record(1, 7, 2, None)).clone();
    bound.request.strategy = crate::placement::Strategy::Only("n1".into());
    cluster.handle(ONE, Event::Create(Arc::new(bound)));
    cluster.said();
    cluster.lose(ONE);
    cluster.pass(limits::TAKEOVER_DELAY * 3);
    assert_eq!(
        cluster.locate(ACTOR),
        "Dead(NodeLost, \"node n1 lost, and it may run on no other\")"
    );
}

#[test]
fn an_answer_that_is_older_than_the_end_of_an_actor_starts_nothing() {
    let mut cluster = Cluster::new(1);
    cluster.handle(ONE, Event::ValidUntil(Duration::ZERO));
    cluster.handle(ONE, Event::Create(record(1, 7, 1, None)));
    // The renewal reads the record, and so does a watch that begins anew.
    let mut asked = cluster.ask(ONE, Event::ValidUntil(Duration::MAX));
    let placed = Key::Placed(ONE, ACTOR);
    let change = Change { key: placed, value: Some(Value::Placed(0)), revision: Revision(9) };
    asked.extend(cluster.ask(ONE, Event::Changed(change)));
    let mut answers = Vec::new();
    for (ticket, request) in asked {
        let answer = cluster.store.handle(cluster.now, &request, &mut Vec::new());
        answers.push(Event::Answered(ticket, answer));
    }
    assert_eq!(answers.len(), 2);
    let late = answers.pop().unwrap();
    cluster.handle(ONE, answers.pop().unwrap());
    cluster.handle(ONE, Event::Ended(ACTOR, Cause::Killed, "killed".into()));
    assert_eq!(cluster.said(), ["n1 created a7@n1", "n1 starts a7@n1 0", "a7@n1 ended"]);
    cluster.handle(ONE, late);
    assert_eq!(cluster.said(), [""; 0]);
}

/// Records on a node that has gone, which nobody was told of.
fn left_behind(cluster: &mut Cluster, node: NodeId, actors: u64) {
    for seq in 0..actors {
        let record = record(node.0, seq, 2, None);
        let (id, placed) = (record.id, Key::Placed(node, record.id));
        let writes = vec![
            Write::Put(Key::Actor(id), Value::Actor(record), None),
            Write::Put(placed, Value::Placed(0), None),
        ];
        let request = Request::Commit { guards: Vec::new(), writes };
        cluster.store.handle(cluster.now, &request, &mut Vec::new());
    }
}

#[test]
fn few_nodes_look_at_an_actor_of_a_lost_node() {
    let mut cluster = Cluster::new(12);
    left_behind(&mut cluster, ONE, 20);
    cluster.lose(ONE);
    let looks: usize = cluster.nodes.values().map(|(_, directory)| directory.lost.len()).sum();
    assert!(looks <= 20 * limits::TAKEOVER_RANKS as usize, "{looks}");
    cluster.pass(limits::TAKEOVER_DELAY);
    cluster.pass(limits::TAKEOVER_DELAY);
    assert_eq!(cluster.said().len(), 20, "each is started once");
}

#[test]
fn what_those_few_left_is_taken_over_by_the_sweep() {
    let mut cluster = Cluster::new(12);
    cluster.lose(ONE);
    // The others renew theirs.
    cluster.store.extend_leases(limits::SWEEP_INTERVAL * 2);
    left_behind(&mut cluster, ONE, 20);
    cluster.pass(limits::SWEEP_INTERVAL);
    cluster.pass(limits::TAKEOVER_DELAY * limits::TAKEOVER_RANKS);
    cluster.pass(Duration::ZERO);
    assert_eq!(cluster.said().len(), 20);
}

#[test]
fn a_life_that_a_drain_ended_counts_as_no_restart() {
    let mut cluster = Cluster::new(2);
    cluster.handle(ONE, Event::Create(record(1, 7, 0, None)));
    cluster.handle(ONE, Event::Drained(ACTOR));
    cluster.pass(limits::TAKEOVER_RETRY);
    let said = cluster.said();
    assert_eq!(said[2..], ["n1 stops a7@n1", "n2 starts a7@n1 1"], "{said:?}");
    let moved = cluster.store.get(&Key::Actor(ACTOR)).unwrap().value.actor().unwrap();
    assert_eq!((moved.restarts, moved.moves), (0, 1));
}

#[test]
fn only_the_last_ends_stay_recorded() {
    let mut cluster = Cluster::new(1);
    let of = |seq| ActorId { node: ONE, seq };
    for seq in 0..=limits::DEAD_ACTORS as u64 {
        cluster.handle(ONE, Event::Create(record(1, seq, 0, None)));
        cluster.handle(ONE, Event::Ended(of(seq), Cause::Killed, "killed".into()));
    }
    assert_eq!(cluster.store.get(&Key::Actor(of(0))), None, "the first is forgotten");
    assert!(cluster.store.get(&Key::Actor(of(1))).is_some(), "the others are not");
}
