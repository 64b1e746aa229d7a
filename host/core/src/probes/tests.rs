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

#[test]
fn a_wait_for_several_things_elsewhere_is_followed_to_each() {
    let mut cluster = Cluster::new(3);
    let waits = &mut cluster.nodes.get_mut(&1).unwrap().1;
    let both = waits.begin(actor(1), &[actor(2), actor(3)]).unwrap();
    for other in [2, 3] {
        let began = Event::Began(actor(1), both.number(), actor(other), NodeId(other));
        cluster.handle(1, 0, began);
    }
    let _back = cluster.wait(2, 1);
    cluster.tick(200);
    cluster.carry_all();
    assert_eq!(cluster.told, [(2, 2); 2]);
}

#[test]
fn what_moves_is_followed_to_where_it_is_now() {
    let mut cluster = Cluster::new(3);
    let first = cluster.wait(1, 2);
    let moved = Event::Began(actor(1), first.number(), actor(2), NodeId(3));
    cluster.handle(1, 0, moved);
    cluster.tick(200);
    let asked: Vec<NodeId> = cluster.wire.iter().map(|(to, _)| *to).collect();
    assert_eq!(asked, [NodeId(3)]);
}

#[test]
fn a_probe_goes_on_along_what_the_call_it_is_for_needs() {
    let mut cluster = Cluster::new(2);
    let call = |node, seq| Waiter::Call(crate::id::ObjectId { node: NodeId(node), seq });
    let (_, waits) = cluster.nodes.get_mut(&1).unwrap();
    let ticket = waits.begin(actor(1), &[call(1, 7)]).unwrap();
    let began = Event::Began(actor(1), ticket.number(), call(1, 7), NodeId(2));
    cluster.handle(1, 0, began);
    let _back = cluster.wait(2, 1);
    cluster.handle(1, 200, Event::Tick);
    let Some((to, Message::Probe { path, target })) = cluster.wire.pop_front() else { panic!() };
    assert_eq!((to, target), (NodeId(2), call(1, 7)));
    // The call is in the mailbox of 2's actor.
    cluster.handle(2, 200, Event::Probed(path, vec![call(2, 1), actor(2)]));
    cluster.carry_all();
    assert_eq!(cluster.told, [(2, 2)]);
}

#[test]
fn ways_that_meet_are_followed_once() {
    let mut cluster = Cluster::new(30);
    // Two ways from each node to the next, and no way back.
    let via = |node, seq| Waiter::Actor(ActorId { node: NodeId(node), seq });
    for node in 1..30 {
        let waits = &mut cluster.nodes.get_mut(&node).unwrap().1;
        let _both = waits.begin(actor(node), &[via(node, 2), via(node, 3)]).unwrap();
        for seq in [2, 3] {
            let waits = &mut cluster.nodes.get_mut(&node).unwrap().1;
            let on = waits.begin(via(node, seq), &[actor(node + 1)]).unwrap();
            let next = actor(node + 1);
            let began = Event::Began(via(node, seq), on.number(), next, NodeId(node + 1));
            cluster.handle(node, 0, began);
        }
    }
    cluster.handle(1, 200, Event::Tick);
    let mut carried = 0;
    while cluster.carry() {
        carried += 1;
        assert!(carried < 1_000, "a probe for each way");
    }
}
