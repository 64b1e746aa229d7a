//! What is read from peers, for the fuzzers of `tests/fuzz`.

use host_core::{ClusterId, NodeId};
use host_proto::content as proto;

use crate::{Config, wire};

/// A request for a range, as a node of the cluster reads it.
///
/// # Errors
/// What is wrong with it.
pub fn request(cluster: ClusterId, request: proto::ReadRequest) -> Result<(u64, u64), String> {
    let config = Config { cluster, local: NodeId(1), under_way_bytes_max: 1 };
    let range = wire::request_from(&config, request).map_err(|status| status.to_string())?;
    Ok((range.at, range.len))
}
