//! Messages of `probes` on the wire.

use host_core::probes::{Hop, Message};
use host_core::waits::Waiter;
use host_core::{NodeId, limits};
use host_proto::node as proto;
use host_proto::node::probe::Kind;
use host_proto::node::waiter::Kind as WaiterKind;

use super::{Read, WireId};

/// A message for the wire.
pub(crate) fn probe(message: Message) -> proto::Probe {
    let path = |path: Vec<Hop>, target, next| {
        let hops = path.into_iter().map(hop).collect();
        proto::Path { hops, target, next }
    };
    let kind = match message {
        Message::Probe { path: hops, target } => Kind::Probe(path(hops, Some(waiter(target)), 0)),
        Message::Confirm { path: hops, next } => Kind::Confirm(path(hops, None, next as u32)),
        Message::Cycle(hops) => Kind::Cycle(path(hops, None, 0)),
    };
    proto::Probe { kind: Some(kind) }
}

/// A message from the wire.
pub(crate) fn read_probe(probe: proto::Probe) -> Read<Message> {
    Ok(match probe.kind.ok_or("a probe of an unknown kind")? {
        Kind::Probe(path) => {
            let target = read_waiter(path.target)?;
            Message::Probe { path: read_path(path)?, target }
        }
        Kind::Confirm(path) => {
            let next = path.next as usize;
            Message::Confirm { path: read_path(path)?, next }
        }
        Kind::Cycle(path) => Message::Cycle(read_path(path)?),
    })
}

fn hop(hop: Hop) -> proto::Hop {
    proto::Hop { node: hop.node.0, wait: hop.wait, waiter: Some(waiter(hop.waiter)) }
}

fn read_path(path: proto::Path) -> Read<Vec<Hop>> {
    if path.hops.is_empty() || path.hops.len() > limits::PROBE_PATH {
        return Err(format!("a probe of {} hops", path.hops.len()));
    }
    let hop = |hop: proto::Hop| {
        Ok(Hop { node: NodeId(hop.node), wait: hop.wait, waiter: read_waiter(hop.waiter)? })
    };
    path.hops.into_iter().map(hop).collect()
}

fn waiter(waiter: Waiter) -> proto::Waiter {
    let kind = match waiter {
        Waiter::Actor(actor) => WaiterKind::Actor(actor.id()),
        Waiter::Call(object) => WaiterKind::Call(object.id()),
    };
    proto::Waiter { kind: Some(kind) }
}

fn read_waiter(waiter: Option<proto::Waiter>) -> Read<Waiter> {
    Ok(match waiter.and_then(|waiter| waiter.kind).ok_or("nobody waits")? {
        WaiterKind::Actor(id) => Waiter::Actor(WireId::read(Some(id))?),
        WaiterKind::Call(id) => Waiter::Call(WireId::read(Some(id))?),
    })
}

#[cfg(test)]
mod tests {
    use host_core::{ActorId, ObjectId};

    use super::*;

    #[test]
    fn every_probe_comes_back_as_it_was() {
        let node = NodeId(3);
        let actor = Waiter::Actor(ActorId { node, seq: 1 });
        let call = Waiter::Call(ObjectId { node, seq: 2 });
        let path = vec![
            Hop { node, wait: 4, waiter: actor },
            Hop { node: NodeId(5), wait: 6, waiter: call },
        ];
        let messages = [
            Message::Probe { path: path.clone(), target: call },
            Message::Confirm { path: path.clone(), next: 1 },
            Message::Cycle(path),
        ];
        for message in messages {
            assert_eq!(read_probe(probe(message.clone())), Ok(message));
        }
        assert!(read_probe(probe(Message::Cycle(Vec::new()))).is_err());
        let long = vec![Hop { node, wait: 4, waiter: actor }; limits::PROBE_PATH + 1];
        assert!(read_probe(probe(Message::Cycle(long))).is_err());
    }
}
