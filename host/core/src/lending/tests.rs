use std::collections::VecDeque;

use super::*;

fn node(n: u32) -> NodeId {
    NodeId(n)
}

fn item(seq: u64) -> Item {
    Item::object(ObjectId { node: node(1), seq })
}

/// Nodes 1 to n whose messages arrive in order, one by one.
struct Nodes {
    nodes: BTreeMap<NodeId, Lending>,
    wires: BTreeMap<(NodeId, NodeId), VecDeque<Message>>,
    said: Vec<String>,
}

impl Nodes {
    fn new(n: u32) -> Nodes {
        let nodes = (1..=n).map(|n| (node(n), Lending::new(node(n)))).collect();
        Nodes { nodes, wires: BTreeMap::new(), said: Vec::new() }
    }

    fn apply(&mut self, at: u32, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, message) => {
                    self.wires.entry((node(at), to)).or_default().push_back(message);
                }
                Effect::Free(_) => self.said.push(format!("n{at} frees")),
                Effect::Lost(_) => self.said.push(format!("n{at} lost it")),
            }
        }
    }

    fn handle(&mut self, at: u32, event: Event) {
        let mut effects = Vec::new();
        self.nodes.get_mut(&node(at)).unwrap().handle(event, &mut effects);
        self.apply(at, effects);
    }

    /// Passes the item on and lets it arrive.
    fn pass(&mut self, from: u32, to: u32, item: Item) {
        let pin = self.nodes.get_mut(&node(from)).unwrap().pass_on(item, node(to));
        self.arrive(to, item, pin);
    }

    fn arrive(&mut self, to: u32, item: Item, pin: PinId) {
        let mut effects = Vec::new();
        self.nodes.get_mut(&node(to)).unwrap().arrived(item, pin, &mut effects);
        self.apply(to, effects);
    }

    fn settle(&mut self) {
        while let Some((&(from, to), _)) = self.wires.iter().find(|(_, wire)| !wire.is_empty()) {
            let message = self.wires.get_mut(&(from, to)).unwrap().pop_front().unwrap();
            self.handle(to.0, Event::Received(from, message));
        }
    }

    fn cut(&mut self, one: u32, two: u32) {
        self.wires.remove(&(node(one), node(two)));
        self.wires.remove(&(node(two), node(one)));
        self.handle(one, Event::SessionLost(node(two)));
        self.handle(two, Event::SessionLost(node(one)));
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    fn assert_empty(&self) {
        for (id, lending) in &self.nodes {
            assert_eq!(lending.counts(), (0, 0, 0), "{id}");
        }
    }
}

#[test]
fn a_first_hold_borrows_and_the_last_returns() {
    let mut lending = Lending::new(node(2));
    let (pin, other) = (PinId { node: node(1), seq: 4 }, PinId { node: node(3), seq: 9 });
    let mut effects = Vec::new();
    lending.arrived(item(1), pin, &mut effects);
    lending.arrived(item(1), other, &mut effects);
    assert_eq!(effects, [Effect::Send(node(1), Message::Borrow(item(1), 1))]);
    effects.clear();
    lending.handle(Event::Received(node(1), Message::Borrowed(item(1), 1)), &mut effects);
    assert_eq!(
        effects,
        [
            Effect::Send(node(1), Message::Release(vec![pin])),
            Effect::Send(node(3), Message::Release(vec![other])),
        ]
    );
    effects.clear();
    lending.handle(Event::Dropped(item(1)), &mut effects);
    assert_eq!(effects, [Effect::Send(node(1), Message::Return(item(1)))]);
    assert_eq!(lending.counts(), (0, 0, 0));
}

#[test]
fn an_item_lives_while_it_is_under_way() {
    let mut nodes = Nodes::new(3);
    nodes.handle(1, Event::Made(item(1)));
    nodes.pass(1, 2, item(1));
    nodes.handle(1, Event::Dropped(item(1)));
    nodes.settle();
    let pin = nodes.nodes.get_mut(&node(2)).unwrap().pass_on(item(1), node(3));
    nodes.handle(2, Event::Dropped(item(1)));
    nodes.settle();
    assert_eq!(nodes.said(), [""; 0]);
    nodes.arrive(3, item(1), pin);
    nodes.settle();
    assert_eq!(nodes.nodes[&node(2)].counts(), (0, 0, 0));
    assert_eq!(nodes.said(), [""; 0]);
    nodes.handle(3, Event::Dropped(item(1)));
    nodes.settle();
    assert_eq!(nodes.said(), ["n1 frees"]);
    nodes.assert_empty();
}

#[test]
fn ten_thousand_items_round_a_ring_leave_nothing() {
    let mut nodes = Nodes::new(3);
    for seq in 0..10_000 {
        nodes.handle(1, Event::Made(item(seq)));
        let rounds = 1 + seq % 3;
        for _ in 0..rounds {
            for (from, to) in [(1, 2), (2, 3), (3, 1)] {
                nodes.pass(from, to, item(seq));
                if seq % 2 == 0 {
                    nodes.settle();
                }
                if from != 1 {
                    nodes.handle(from, Event::Dropped(item(seq)));
                }
            }
        }
        nodes.handle(1, Event::Dropped(item(seq)));
    }
    nodes.settle();
    assert_eq!(nodes.said().len(), 10_000);
    nodes.assert_empty();
}

#[test]
fn a_lost_session_is_made_up_for_by_saying_again_what_is_held() {
    let mut nodes = Nodes::new(2);
    for seq in 1..=4 {
        nodes.handle(1, Event::Made(item(seq)));
    }
    // 1: arrived, its borrow is lost. 2: returned, which is lost. 3: never
    // arrived. 4: confirmed, and kept.
    nodes.pass(1, 2, item(2));
    nodes.pass(1, 2, item(4));
    nodes.settle();
    nodes.pass(1, 2, item(1));
    nodes.handle(2, Event::Dropped(item(2)));
    nodes.nodes.get_mut(&node(1)).unwrap().pass_on(item(3), node(2));
    (1..=4).for_each(|seq| nodes.handle(1, Event::Dropped(item(seq))));
    nodes.cut(1, 2);
    nodes.cut(1, 2);
    nodes.settle();
    assert_eq!(nodes.said(), ["n1 frees", "n1 frees"]);
    nodes.handle(2, Event::Dropped(item(1)));
    nodes.handle(2, Event::Dropped(item(4)));
    nodes.settle();
    nodes.assert_empty();
}

#[test]
fn a_dropped_hold_releases_its_pin_before_the_owner_has_answered() {
    let mut nodes = Nodes::new(3);
    nodes.handle(1, Event::Made(item(1)));
    nodes.pass(1, 2, item(1));
    nodes.handle(2, Event::Dropped(item(1)));
    nodes.pass(1, 2, item(1));
    nodes.settle();
    nodes.handle(1, Event::Dropped(item(1)));
    nodes.settle();
    assert_eq!(nodes.said(), [""; 0], "node 2 holds it again");
    nodes.handle(2, Event::Dropped(item(1)));
    nodes.settle();
    nodes.assert_empty();
}

#[test]
fn borrows_and_pins_end_with_their_node() {
    let mut nodes = Nodes::new(3);
    nodes.handle(1, Event::Made(item(1)));
    nodes.handle(1, Event::Made(item(2)));
    nodes.pass(1, 2, item(1));
    nodes.settle();
    // Under way from 2 to 3 when 2 goes.
    let late = nodes.nodes.get_mut(&node(2)).unwrap().pass_on(item(1), node(3));
    nodes.nodes.get_mut(&node(1)).unwrap().pass_on(item(2), node(2));
    nodes.handle(1, Event::Dropped(item(1)));
    nodes.handle(1, Event::Dropped(item(2)));
    nodes.handle(1, Event::NodeGone(node(2)));
    assert_eq!(nodes.said(), ["n1 frees", "n1 frees"]);
    nodes.arrive(3, item(1), late);
    nodes.handle(3, Event::NodeGone(node(2)));
    nodes.settle();
    assert_eq!(nodes.said(), ["n3 lost it"]);
    assert_eq!(nodes.nodes[&node(3)].counts(), (0, 0, 0));
}

#[test]
fn items_go_with_their_owner() {
    let mut nodes = Nodes::new(3);
    nodes.handle(1, Event::Made(item(1)));
    nodes.pass(1, 2, item(1));
    nodes.settle();
    nodes.pass(2, 3, item(1));
    nodes.handle(2, Event::NodeGone(node(1)));
    nodes.handle(3, Event::NodeGone(node(1)));
    nodes.wires.retain(|(from, to), _| *from != node(1) && *to != node(1));
    nodes.settle();
    assert_eq!(nodes.said(), ["n2 lost it", "n3 lost it"]);
    assert_eq!(nodes.nodes[&node(2)].counts(), (0, 0, 0));
    assert_eq!(nodes.nodes[&node(3)].counts(), (0, 0, 0));
}
