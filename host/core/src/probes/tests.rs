use std::collections::VecDeque;

use super::*;
use crate::id::ActorId;
use crate::waits::Ticket;

fn actor(node: u32) -> Waiter {
    Waiter::Actor(ActorId { node: NodeId(node), seq: 1 })
}

/// Nodes with an actor each, and messages that wait to be carried.
struct Cluster {
    nodes: BTreeMap<u32, (Probes, Waits)>,
    wire: VecDeque<(NodeId, Message)>,
    /// Who was told of a cycle, and of how many waits it is.
    told: Vec<(u32, usize)>,
}

impl Cluster {
    fn new(nodes: u32) -> Cluster {
        let node = |id| (id, (Probes::new(NodeId(id)), Waits::default()));
        Cluster { nodes: (1..=nodes).map(node).collect(), wire: VecDeque::new(), told: Vec::new() }
    }

    fn handle(&mut self, at: u32, ms: u64, event: Event) {
        let (probes, waits) = self.nodes.get_mut(&at).unwrap();
        let mut effects = Vec::new();
        probes.handle(Duration::from_millis(ms), event, waits, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(to, message) => self.wire.push_back((to, message)),
                Effect::Cycle(_, path) => self.told.push((at, path.len())),
            }
        }
    }

    /// The actor of one node waits for that of another.
    fn wait(&mut self, from: u32, to: u32) -> Ticket {
        let ticket = self.nodes.get_mut(&from).unwrap().1.begin(actor(from), &[actor(to)]).unwrap();
        let began = Event::Began(actor(from), ticket.number(), actor(to), NodeId(to));
        self.handle(from, 0, began);
        ticket
    }

    fn end(&mut self, at: u32, ticket: Ticket) {
        self.handle(at, 0, Event::Ended(ticket.number()));
        self.nodes.get_mut(&at).unwrap().1.end(ticket);
    }

    fn tick(&mut self, ms: u64) {
        let nodes: Vec<u32> = self.nodes.keys().copied().collect();
        nodes.into_iter().for_each(|at| self.handle(at, ms, Event::Tick));
    }

    fn carry(&mut self) -> bool {
        let Some((to, message)) = self.wire.pop_front() else { return false };
        self.handle(to.0, 200, Event::Received(message));
        true
    }

    fn carry_all(&mut self) {
        while self.carry() {}
    }
}

#[test]
fn a_cycle_over_three_nodes_is_told_to_one_wait_of_it() {
    let mut cluster = Cluster::new(3);
    let _tickets = [(1, 2), (2, 3), (3, 1)].map(|(from, to)| cluster.wait(from, to));
    cluster.tick(199);
    assert!(cluster.wire.is_empty(), "most waits end before");
    cluster.tick(200);
    cluster.carry_all();
    // Each member's probe finds it; the same wait is told each time.
    assert_eq!(cluster.told, [(3, 3); 3]);
}

#[test]
fn a_cycle_through_waits_on_one_node_is_found() {
    let mut cluster = Cluster::new(2);
    let inner = Waiter::Actor(ActorId { node: NodeId(2), seq: 9 });
    let (probes, waits) = cluster.nodes.get_mut(&2).unwrap();
    let _first = waits.begin(actor(2), &[inner]).unwrap();
    let second = waits.begin(inner, &[actor(1)]).unwrap();
    let began = Event::Began(inner, second.number(), actor(1), NodeId(1));
    probes.handle(Duration::ZERO, began, waits, &mut Vec::new());
    let _third = cluster.wait(1, 2);
    cluster.tick(200);
    cluster.carry_all();
    assert!(cluster.told.iter().all(|told| *told == (2, 3)), "{:?}", cluster.told);
    assert!(!cluster.told.is_empty());
}

#[test]
fn a_chain_is_no_cycle() {
    let mut cluster = Cluster::new(3);
    let _tickets = [(1, 2), (2, 3)].map(|(from, to)| cluster.wait(from, to));
    for ms in [200, 600, 1_400] {
        cluster.tick(ms);
        cluster.carry_all();
    }
    assert_eq!(cluster.told, []);
}

#[test]
fn waits_that_were_never_there_together_are_no_cycle() {
    let mut cluster = Cluster::new(3);
    let _first = cluster.wait(1, 2);
    let second = cluster.wait(2, 3);
    cluster.handle(1, 200, Event::Tick);
    // The probe of 1 passes 2, which waits for 3; then that wait ends, and 3
    // begins to wait for 1 before the probe gets there.
    assert!(cluster.carry());
    cluster.end(2, second);
    let _third = cluster.wait(3, 1);
    cluster.carry_all();
    assert_eq!(cluster.told, []);
}

#[test]
fn a_wait_that_ended_before_it_is_told_is_left_alone() {
    let mut cluster = Cluster::new(3);
    let _others = [(1, 2), (2, 3)].map(|(from, to)| cluster.wait(from, to));
    let last = cluster.wait(3, 1);
    cluster.handle(3, 200, Event::Tick);
    while !matches!(cluster.wire.front(), Some((_, Message::Cycle(_)))) {
        assert!(cluster.carry());
    }
    cluster.end(3, last);
    cluster.carry_all();
    assert_eq!(cluster.told, []);
}

#[test]
fn a_lost_probe_is_made_up_for_within_two_seconds() {
    let mut cluster = Cluster::new(2);
    let _tickets = [(1, 2), (2, 1)].map(|(from, to)| cluster.wait(from, to));
    cluster.tick(200);
    cluster.wire.clear();
    cluster.tick(600);
    cluster.carry_all();
    assert!(!cluster.told.is_empty());
}
