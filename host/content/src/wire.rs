//! Between the types here and their form on the wire.

use bytes::Bytes;
use host_core::{ClusterId, NodeId, ObjectId, PackageId};
use host_proto::PROTOCOL_VERSION;
use host_proto::content as proto;
use host_proto::content::read_request::What as Thing;
use tonic::Status;

use crate::{Config, What};

/// A range of something, as it is asked for.
pub(crate) struct Range {
    pub(crate) from: NodeId,
    pub(crate) what: What,
    pub(crate) at: u64,
    pub(crate) len: u64,
}

pub(crate) fn request_to(config: &Config, what: What, at: u64, len: u64) -> proto::ReadRequest {
    let what = match what {
        What::Object(ObjectId { node, seq }) => Thing::Object(proto::Object { node: node.0, seq }),
        What::Package(PackageId(hash)) => Thing::Package(Bytes::copy_from_slice(&hash)),
    };
    proto::ReadRequest {
        protocol: PROTOCOL_VERSION,
        cluster: Bytes::copy_from_slice(&config.cluster.bytes()),
        from: config.local.0,
        what: Some(what),
        at,
        len,
    }
}

/// Refuses what is of another version, of another cluster, or no request.
pub(crate) fn request_from(config: &Config, request: proto::ReadRequest) -> Result<Range, Status> {
    let proto::ReadRequest { protocol, cluster, from, what, at, len } = request;
    if protocol != PROTOCOL_VERSION {
        let why = format!("protocol {protocol} is not {PROTOCOL_VERSION}, which this host speaks");
        return Err(Status::failed_precondition(why));
    }
    if ClusterId::from_slice(&cluster) != Some(config.cluster) {
        let why = format!("this is a node of cluster {}", config.cluster);
        return Err(Status::failed_precondition(why));
    }
    let what = match what {
        Some(Thing::Object(proto::Object { node, seq })) => {
            What::Object(ObjectId { node: NodeId(node), seq })
        }
        Some(Thing::Package(hash)) => {
            let hash = hash.as_ref().try_into();
            What::Package(PackageId(
                hash.map_err(|_| Status::invalid_argument("a package's id has 32 bytes"))?,
            ))
        }
        None => return Err(Status::invalid_argument("a request for nothing")),
    };
    Ok(Range { from: NodeId(from), what, at, len })
}
