//! How a cluster grows, counted by the machines themselves.
//!
//! No faults but one, and a store that answers at once: for each size, all
//! nodes register and are idle for a minute, then one of them is lost and the
//! others take its actors over. What the machines ask and say is counted.

mod cluster;

use std::time::Duration;

use host_core::NodeId;
use host_core::session::{Effect, Event, LinkId, Packet, Session};

use cluster::Cluster;

/// Nodes and actors of each size. Of ten actors one can move, and is recorded.
const SIZES: [(u32, u64); 5] =
    [(3, 1_000), (10, 10_000), (100, 100_000), (300, 300_000), (1_000, 1_000_000)];
const RECORDED_SHARE: u64 = 10;

/// Prints it.
pub fn print() {
    println!(
        "| nodes | actors | idle: packets a node and minute | store writes a minute | memory a node | a node is lost: changes told | reads | entries read | writes | done after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    // The first one grows the process for all.
    drop(Cluster::new(100));
    for (nodes, actors) in SIZES {
        let packets = idle_packets(nodes);
        let mut cluster = Cluster::new(nodes);
        let memory = cluster.memory() + session_bytes(nodes);
        cluster.place(actors / RECORDED_SHARE);
        cluster.clear_counts();
        cluster.pass(Duration::from_secs(60));
        let renewals = cluster.counts.renewals;
        cluster.clear_counts();
        let done = cluster.lose_one();
        let counts = cluster.counts;
        println!(
            "| {nodes} | {actors} | {packets} | {renewals} | {:.0} KiB | {} | {} | {} | {} | {:.1} s |",
            memory as f64 / 1_024.0,
            counts.told,
            counts.reads,
            counts.entries,
            counts.writes,
            done.as_secs_f64(),
        );
    }
}

/// The bytes of a node's sessions with all others, with nothing under way.
fn session_bytes(nodes: u32) -> usize {
    (nodes as usize - 1) * size_of::<Session<bytes::Bytes>>()
}

/// The packets that one node sends in a minute while it is connected with all
/// others and nothing happens.
fn idle_packets(nodes: u32) -> u64 {
    let local = NodeId(1);
    let minute = |peer| {
        let mut session: Session<()> = Session::new(local, peer);
        minute(&mut session, peer, local)
    };
    (2..=nodes).map(NodeId).map(minute).sum()
}

/// The packets that a session sends in a minute to a peer that only beats.
fn minute(session: &mut Session<()>, peer: NodeId, local: NodeId) -> u64 {
    let link = LinkId(1);
    let mut effects = Vec::new();
    session.handle(Duration::ZERO, Event::Connected(link), &mut effects);
    let hello = Packet::Hello { from: peer, to: local, epoch: 1, received: 0 };
    session.handle(Duration::ZERO, Event::Received(link, hello), &mut effects);
    while let Some(now) = session.wake_at().filter(|at| at.as_secs() < 60) {
        let beat = Packet::Beat { epoch: 1, received: 0 };
        session.handle(now, Event::Received(link, beat), &mut effects);
        session.handle(now, Event::Tick, &mut effects);
    }
    let sent = effects.iter().filter(|effect| matches!(effect, Effect::Transmit(..)));
    sent.count() as u64
}
