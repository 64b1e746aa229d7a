use super::*;
use crate::control::{Revision, Store};
use crate::placement::Labels;
use crate::resources::Resources;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn config(name: &str, cluster: Expect) -> Config {
    let record = NodeRecord {
        id: NodeId(0),
        name: name.into(),
        addresses: Vec::new(),
        total: Resources::default(),
        labels: Labels::default(),
        protocol: 1,
        draining: false,
    };
    Config { record, cluster }
}

fn founding() -> Expect {
    Expect::Founding(ClusterId(7))
}

/// A node whose questions are answered at once, while the store is there.
struct Node {
    membership: Membership,
    /// Everything but questions and watches.
    said: Vec<String>,
}

impl Node {
    fn new(name: &str, cluster: Expect) -> Node {
        Node { membership: Membership::new(config(name, cluster)), said: Vec::new() }
    }

    fn step(&mut self, at: u64, event: Event, store: Option<&mut Store>) -> Vec<String> {
        let mut store = store;
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut effects = Vec::new();
            self.membership.handle(ms(at), event, &mut effects);
            for effect in effects {
                let said = match effect {
                    Effect::Ask(ticket, request) => {
                        let mut changes = Vec::new();
                        let answer = match &mut store {
                            Some(store) => store.handle(ms(at), &request, &mut changes),
                            None => Answer::Unknown,
                        };
                        events.push(Event::Answered(ticket, answer));
                        continue;
                    }
                    Effect::Watch(_) => continue,
                    Effect::Registered(id, cluster, until) => {
                        format!("{id} of {} until {}", cluster.0, until.as_millis())
                    }
                    Effect::Renewed(until) => format!("until {}", until.as_millis()),
                    Effect::StopMovable => "stop".into(),
                    Effect::Ended(id) => format!("{id} ended"),
                    Effect::Joined(record) => format!("+{}", record.id),
                    Effect::Changed(record) => {
                        format!("{} draining {}", record.id, record.draining)
                    }
                    Effect::Left(record) => format!("-{}", record.id),
                    Effect::Foreign(found) => format!("foreign {found:?}"),
                };
                self.said.push(said);
            }
        }
        std::mem::take(&mut self.said)
    }

    fn tick(&mut self, at: u64, store: &mut Store) -> Vec<String> {
        self.step(at, Event::Tick, Some(store))
    }
}

#[test]
fn nodes_register_under_ids_never_used_again() {
    let mut store = Store::default();
    let mut one = Node::new("a", founding());
    assert_eq!(one.tick(0, &mut store), ["n1 of 7 until 8000", "+n1"]);
    let mut two = Node::new("b", Expect::Founding(ClusterId(8)));
    assert_eq!(two.tick(1_000, &mut store), ["n2 of 7 until 9000", "+n1", "+n2"]);
    let mut again = Node::new("a", Expect::Known(ClusterId(7)));
    assert_eq!(again.tick(11_000, &mut store), ["n3 of 7 until 19000", "+n3"]);
}

#[test]
fn renewing_moves_the_deadline_from_the_time_it_was_sent() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    assert_eq!(node.membership.wake_at(), Some(limits::LEASE_TTL / 3));
    assert_eq!(node.tick(3_334, &mut store), ["until 11334"]);

    let mut effects = Vec::new();
    node.membership.handle(ms(7_000), Event::Tick, &mut effects);
    let [Effect::Ask(ticket, Request::KeepAlive(_))] = effects[..] else { panic!("{effects:?}") };
    let late = node.step(9_500, Event::Answered(ticket, Answer::Done), None);
    assert_eq!(late, ["until 15000"]);
}

#[test]
fn a_node_that_cannot_renew_stops_before_its_lease_can_end() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    assert_eq!(node.step(7_999, Event::Tick, None), [""; 0]);
    assert_eq!(node.step(8_000, Event::Tick, None), ["stop"]);
    assert_eq!(node.step(8_600, Event::Tick, None), [""; 0]);
    // The lease was still there: the id stays.
    assert_eq!(node.tick(9_300, &mut store), ["until 17300"]);
    assert_eq!(node.step(17_300, Event::Tick, None), ["stop"]);
    let after = node.tick(30_000, &mut store);
    assert_eq!(after, ["n1 ended", "n2 of 7 until 38000", "-n1", "+n2"]);
}

#[test]
fn a_node_that_was_paused_stops_before_anything_else() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    let mut effects = Vec::new();
    node.membership.handle(ms(5_000), Event::Tick, &mut effects);
    let Effect::Ask(ticket, _) = effects[0] else { panic!("{effects:?}") };
    // The answer had come before the pause, and is seen after it.
    let said = node.step(60_000, Event::Answered(ticket, Answer::Done), None);
    assert_eq!(said, ["stop"]);
}

#[test]
fn a_wiped_or_foreign_store_is_refused() {
    let mut store = Store::default();
    let mut node = Node::new("a", Expect::Known(ClusterId(7)));
    assert_eq!(node.tick(0, &mut store), ["foreign None"]);
    Node::new("b", Expect::Founding(ClusterId(8))).tick(0, &mut store);
    let mut node = Node::new("a", Expect::Known(ClusterId(7)));
    assert_eq!(node.tick(0, &mut store), ["foreign Some(ClusterId(8))"]);
    assert_eq!(node.membership.wake_at(), None);
}

#[test]
fn a_registration_without_an_answer_is_begun_anew() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    assert_eq!(node.step(0, Event::Tick, None), [""; 0]);
    assert_eq!(node.tick(499, &mut store), [""; 0]);
    assert_eq!(node.tick(500, &mut store), ["n1 of 7 until 8500", "+n1"]);
}

#[test]
fn an_older_view_never_replaces_a_newer() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    let mut other = Node::new("b", founding());
    other.tick(0, &mut store);
    let record = other.membership.view().get(NodeId(2)).unwrap().clone();
    let change = |value, revision| {
        Event::Changed(Change { key: Key::Node(NodeId(2)), value, revision: Revision(revision) })
    };
    let joins = change(Some(Value::Node(record)), 2);
    assert_eq!(node.step(1, joins.clone(), None), ["+n2"]);
    assert_eq!(node.step(1, joins.clone(), None), [""; 0]);
    assert_eq!(node.step(1, change(None, 5), None), ["-n2"]);
    assert_eq!(node.step(1, joins, None), [""; 0]);
    let view = node.membership.view();
    assert_eq!(view.standing(NodeId(1)), Standing::Live);
    assert_eq!(view.standing(NodeId(2)), Standing::Gone);
    assert_eq!(view.standing(NodeId(3)), Standing::Unseen);
}

#[test]
fn a_watch_that_broke_is_made_up_for() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    Node::new("b", founding()).tick(100, &mut store);
    assert_eq!(node.step(200, Event::WatchLost, None), [""; 0]);
    assert_eq!(node.membership.wake_at(), Some(ms(700)));
    assert_eq!(node.tick(700, &mut store), ["+n2"]);
}

#[test]
fn that_a_node_drains_is_in_its_record_and_told_once() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    // The store does not answer at first.
    assert_eq!(node.step(1, Event::Drain, None), [""; 0]);
    assert_eq!(node.membership.wake_at(), Some(ms(501)));
    node.tick(501, &mut store);
    assert_eq!(node.step(502, Event::WatchLost, Some(&mut store)), ["n1 draining true"]);
    assert_eq!(node.step(503, Event::WatchLost, Some(&mut store)), [""; 0]);
    let entry = store.get(&Key::Node(NodeId(1))).unwrap();
    assert_eq!(entry.lease, node.membership.lease(), "it still goes with its lease");
}

#[test]
fn nothing_is_due_while_the_view_is_being_read() {
    let mut store = Store::default();
    let mut node = Node::new("a", founding());
    node.tick(0, &mut store);
    let mut effects = Vec::new();
    node.membership.handle(ms(1), Event::WatchLost, &mut effects);
    node.membership.handle(ms(1), Event::WatchLost, &mut effects);
    assert_eq!(effects.len(), 1, "one question is enough: {effects:?}");
    assert_eq!(node.membership.wake_at(), Some(limits::LEASE_TTL / 3));
}
