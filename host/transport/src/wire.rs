//! Packets as they are on the wire.

use bytes::Bytes;
use host_core::session::Packet;
use host_core::{ClusterId, NodeId};
use host_proto::PROTOCOL_VERSION;
use host_proto::session as proto;
use host_proto::session::packet::Kind;

/// The largest payload of a frame: what is larger moves as an object.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// A batch is closed behind the packet that passes this, so that one write is
/// no longer than needed to fill a connection.
pub(crate) const BATCH_BYTES: usize = 64 << 10;

/// The most packets in a batch; a hostile peer's larger one is refused.
pub(crate) const BATCH_PACKETS: usize = 1_024;

/// The largest message that is read: a full batch, and a payload behind it.
pub(crate) const MESSAGE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + BATCH_BYTES + (64 << 10);

/// A packet's size beside its payload, at most.
pub(crate) const OVERHEAD: usize = 48;

/// A packet for the wire.
pub(crate) fn encode(cluster: ClusterId, packet: Packet<Bytes>) -> proto::Packet {
    let kind = match packet {
        Packet::Hello { from, to, epoch, received } => Kind::Hello(proto::Hello {
            protocol: PROTOCOL_VERSION,
            cluster: Bytes::copy_from_slice(&cluster.bytes()),
            from: from.0,
            to: to.0,
            epoch,
            received,
        }),
        Packet::Frame { epoch, number, received, payload } => {
            Kind::Frame(proto::Frame { epoch, number, received, payload })
        }
        Packet::Beat { epoch, received } => Kind::Beat(proto::Beat { epoch, received }),
    };
    proto::Packet { kind: Some(kind) }
}

/// A packet from the wire; or what is wrong with it.
pub(crate) fn decode(cluster: ClusterId, packet: proto::Packet) -> Result<Packet<Bytes>, String> {
    match packet.kind {
        Some(Kind::Hello(hello)) => greeting(cluster, &hello),
        Some(Kind::Frame(proto::Frame { epoch, number, received, payload })) => {
            if payload.len() > PAYLOAD_BYTES_MAX {
                return Err(format!("a frame of {} bytes", payload.len()));
            }
            Ok(Packet::Frame { epoch, number, received, payload })
        }
        Some(Kind::Beat(proto::Beat { epoch, received })) => Ok(Packet::Beat { epoch, received }),
        None => Err("a packet of an unknown kind".into()),
    }
}

fn greeting(cluster: ClusterId, hello: &proto::Hello) -> Result<Packet<Bytes>, String> {
    if hello.protocol != PROTOCOL_VERSION {
        return Err(format!(
            "protocol version {}, and this node speaks {PROTOCOL_VERSION}: upgrade the older",
            hello.protocol
        ));
    }
    if ClusterId::from_slice(&hello.cluster) != Some(cluster) {
        return Err("a hello from another cluster".into());
    }
    let (from, to) = (NodeId(hello.from), NodeId(hello.to));
    Ok(Packet::Hello { from, to, epoch: hello.epoch, received: hello.received })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: ClusterId = ClusterId(7);

    #[test]
    fn packets_come_back() {
        let payload = Bytes::from_static(b"something");
        let packets = [
            Packet::Hello { from: NodeId(1), to: NodeId(2), epoch: 3, received: 4 },
            Packet::Frame { epoch: u64::MAX, number: 1, received: 0, payload },
            Packet::Beat { epoch: 1, received: 2 },
        ];
        for packet in packets {
            let encoded = encode(CLUSTER, packet.clone());
            assert_eq!(decode(CLUSTER, encoded), Ok(packet));
        }
    }

    #[test]
    fn what_is_not_from_this_cluster_and_version_is_refused() {
        let hello = Packet::Hello { from: NodeId(1), to: NodeId(2), epoch: 3, received: 4 };
        let encoded = encode(CLUSTER, hello);
        assert!(decode(ClusterId(8), encoded.clone()).unwrap_err().contains("another cluster"));
        let Some(Kind::Hello(mut hello)) = encoded.kind else { unreachable!("it is a hello") };
        hello.protocol += 1;
        let encoded = proto::Packet { kind: Some(Kind::Hello(hello)) };
        assert!(decode(CLUSTER, encoded).unwrap_err().contains("upgrade"));
        assert!(decode(CLUSTER, proto::Packet { kind: None }).is_err());
        let payload = Bytes::from(vec![0; PAYLOAD_BYTES_MAX + 1]);
        let frame = Packet::Frame { epoch: 1, number: 1, received: 0, payload };
        assert!(decode(CLUSTER, encode(CLUSTER, frame)).is_err());
    }
}
