//! How a cluster grows, counted by the machines themselves.
//!
//! No faults and no time: for each size, one node's sessions run for a minute
//! of beats, one node of the largest share is lost, and what the machines say
//! is counted.

use std::time::Duration;

use host_core::NodeId;
use host_core::limits;
use host_core::session::{Effect, Event, LinkId, Packet, Session};

/// Nodes and actors of each size.
const SIZES: [(u32, u64); 5] =
    [(3, 1_000), (10, 10_000), (100, 100_000), (300, 300_000), (1_000, 1_000_000)];

/// What one node of a cluster does, by count.
struct Share {
    /// Packets it sends in a minute while nothing happens.
    idle_packets: u64,
    /// Bytes of its sessions with all others.
    session_bytes: usize,
    /// Writes of the whole cluster to the store in a minute.
    writes: u64,
}

/// Prints it.
pub fn print() {
    println!("  nodes    actors  idle packets/min  session bytes  store writes/min");
    for (nodes, actors) in SIZES {
        let Share { idle_packets, session_bytes, writes } = share(nodes);
        println!("{nodes:>7} {actors:>9} {idle_packets:>17} {session_bytes:>14} {writes:>17}");
    }
}

/// Lets one node be connected with all others for a minute.
fn share(nodes: u32) -> Share {
    let local = NodeId(1);
    let mut share = Share { idle_packets: 0, session_bytes: 0, writes: 0 };
    for peer in 2..=nodes {
        let mut session: Session<()> = Session::new(local, NodeId(peer));
        share.session_bytes += size_of::<Session<()>>();
        share.idle_packets += minute(&mut session, NodeId(peer), local);
    }
    let renewals = 60 * u64::from(limits::LEASE_RENEWALS) / limits::LEASE_TTL.as_secs();
    share.writes = renewals * u64::from(nodes);
    share
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
