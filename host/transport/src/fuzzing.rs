//! What is read from peers, for the fuzzers of `tests/fuzz`.

use bytes::Bytes;
use host_core::ClusterId;
use host_core::session::Packet;
use host_proto::session as proto;

use crate::wire;

/// A packet as a peer sends it.
///
/// # Errors
/// What is wrong with it.
pub fn packet(cluster: ClusterId, packet: proto::Packet) -> Result<Packet<Bytes>, String> {
    wire::decode(cluster, packet)
}

/// A packet as it is sent.
pub fn sent(cluster: ClusterId, packet: Packet<Bytes>) -> proto::Packet {
    wire::encode(cluster, packet)
}
