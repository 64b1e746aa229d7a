//! What a peer sends, up to the machines that believe it.

use std::time::Duration;

use bytes::Bytes;
use host_cluster::fuzzing::{Said, message, sent};
use host_core::lending::{Event as LoanEvent, Item, Lending, Message as Loan, PinId};
use host_core::probes::{Event as ProbeEvent, Hop, Message as Probe, Probes};
use host_core::session::{Event, LinkId, Packet, Room, Session};
use host_core::waits::{Waiter, Waits};
use host_core::{ActorId, ClusterId, NodeId, ObjectId};
use host_proto::content as content_proto;
use host_proto::session as session_proto;
use prost::Message as _;

use crate::{joined, parts};

const CLUSTER: ClusterId = ClusterId(0xc1);
const LOCAL: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);

/// A peer's packets, each in a part, one after the other on new connections
/// whenever the session gives one up.
pub(crate) fn session(data: &[u8]) {
    let mut session: Session<Bytes> = Session::new(LOCAL, PEER);
    let mut effects = Vec::new();
    let mut link = 0;
    for (part, at) in parts(data).zip(0..) {
        let now = Duration::from_millis(40 * at);
        if link == 0 || !session.is_up() && at % 4 == 0 {
            link += 1;
            session.handle(now, Event::Connected(LinkId(link)), &mut effects);
        }
        let Ok(packet) = session_proto::Packet::decode(part) else { continue };
        let Ok(packet) = host_transport::fuzzing::packet(CLUSTER, packet) else { continue };
        session.handle(now, Event::Received(LinkId(link), packet), &mut effects);
        let said = Bytes::from_static(b"said");
        let _ = session.send(now, said, 4, Room::Answer, &mut effects);
        session.handle(now, Event::Tick, &mut effects);
    }
}

pub(crate) fn session_seeds() -> Vec<Vec<u8>> {
    let payload = Bytes::from_static(b"hello");
    let frame = |number| Packet::Frame { epoch: 1, number, received: 0, payload: payload.clone() };
    let packets = [
        Packet::Hello { from: PEER, to: LOCAL, epoch: 1, received: 0 },
        frame(1),
        frame(2),
        Packet::Beat { epoch: 1, received: 2 },
        Packet::Hello { from: PEER, to: LOCAL, epoch: 7, received: 0 },
        frame(3),
    ];
    let encode = |packet| host_transport::fuzzing::sent(CLUSTER, packet).encode_to_vec();
    let encoded: Vec<Vec<u8>> = packets.into_iter().map(encode).collect();
    vec![joined(&encoded[..4]), joined(&encoded), joined(&encoded[1..])]
}

/// A peer's messages to a node that holds and lends a few things, and where
/// actors wait.
pub(crate) fn node(data: &[u8]) {
    let mut lending = Lending::new(LOCAL);
    let mut waits = Waits::default();
    let mut probes = Probes::new(LOCAL);
    let (mut loans, mut told) = (Vec::new(), Vec::new());
    let own = item(LOCAL, 1);
    lending.handle(LoanEvent::Made(own), &mut loans);
    lending.pass_on(own, PEER);
    lending.arrived(item(PEER, 2), PinId { node: PEER, seq: 1 }, &mut loans);
    let (waiter, far) = (actor(LOCAL), actor(PEER));
    let _ticket = waits.begin(waiter, &[far]).expect("nobody waits yet");
    probes.handle(Duration::ZERO, ProbeEvent::Began(waiter, 0, far, PEER), &waits, &mut told);
    for (part, at) in parts(data).zip(0..) {
        let Ok(said) = message(part) else { continue };
        assert_eq!(
            message(&sent(&said)).ok().filter(|_| said != Said::Other),
            match &said {
                Said::Other => None,
                known => Some(known.clone()),
            }
        );
        match said {
            Said::Loan(loan) => lending.handle(LoanEvent::Received(PEER, loan), &mut loans),
            Said::Probe(probe) => {
                let event = ProbeEvent::Received(probe);
                probes.handle(Duration::from_millis(at), event, &waits, &mut told);
            }
            Said::Other => {}
        }
    }
    lending.handle(LoanEvent::SessionLost(PEER), &mut loans);
    lending.handle(LoanEvent::Dropped(own), &mut loans);
    lending.handle(LoanEvent::NodeGone(PEER), &mut loans);
}

pub(crate) fn node_seeds() -> Vec<Vec<u8>> {
    let own = item(LOCAL, 1);
    let borrowed = item(PEER, 2);
    let pin = PinId { node: LOCAL, seq: 1 };
    let loans = [
        Loan::Borrow(own, 3),
        Loan::Borrowed(borrowed, 2),
        Loan::Gone(borrowed, 2),
        Loan::Return(own),
        Loan::Release(vec![pin]),
        Loan::Holds(vec![own], vec![pin]),
        Loan::Synced,
    ];
    let here = Hop { node: LOCAL, wait: 0, waiter: actor(LOCAL) };
    let there = Hop { node: PEER, wait: 4, waiter: actor(PEER) };
    let call = Waiter::Call(ObjectId { node: PEER, seq: 5 });
    let probes = [
        Probe::Probe { path: vec![there], target: actor(LOCAL) },
        Probe::Probe { path: vec![here, there], target: actor(LOCAL) },
        Probe::Probe { path: vec![there], target: call },
        Probe::Confirm { path: vec![here, there], next: 0 },
        Probe::Cycle(vec![here, there]),
    ];
    let loans: Vec<Vec<u8>> = loans.into_iter().map(|loan| sent(&Said::Loan(loan))).collect();
    let probes: Vec<Vec<u8>> = probes.into_iter().map(|probe| sent(&Said::Probe(probe))).collect();
    vec![joined(&loans), joined(&probes)]
}

/// A request for a range.
pub(crate) fn content(data: &[u8]) {
    let Ok(request) = content_proto::ReadRequest::decode(data) else { return };
    let _ = host_content::fuzzing::request(CLUSTER, request);
}

pub(crate) fn content_seeds() -> Vec<Vec<u8>> {
    let cluster = Bytes::copy_from_slice(&CLUSTER.bytes());
    let object = content_proto::Object { node: 2, seq: 9 };
    let what = [
        content_proto::read_request::What::Object(object),
        content_proto::read_request::What::Package(Bytes::from_static(&[7; 32])),
    ];
    let request = |what| content_proto::ReadRequest {
        protocol: host_proto::PROTOCOL_VERSION,
        cluster: cluster.clone(),
        from: PEER.0,
        what: Some(what),
        at: 1 << 20,
        len: 4 << 20,
    };
    what.map(|what| request(what).encode_to_vec()).into()
}

fn item(owner: NodeId, seq: u64) -> Item {
    Item::object(ObjectId { node: owner, seq })
}

fn actor(node: NodeId) -> Waiter {
    Waiter::Actor(ActorId { node, seq: 1 })
}
