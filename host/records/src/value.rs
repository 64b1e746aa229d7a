//! What records are in bytes: `records.proto`.
//!
//! Whatever is read is checked like what a stranger sends: whoever can write
//! to the store could have written anything, and a later version will.

mod actor;
mod node;
mod parts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use host_control::limits::VALUE_BYTES_MAX;
use host_core::control::{GroupRecord, Key, Value};
use host_core::{ClusterId, GroupId};
use host_proto::records as proto;
use host_proto::records::record::Record as Kind;
use prost::Message as _;

use crate::failure::{Failure, Unreadable};
use crate::limits;

/// Of the contract.
const VERSION: u32 = 1;

/// The bytes of a record. Nothing is written that could not be read again.
pub(crate) fn to_bytes(key: &Key, value: &Value) -> Result<Bytes, Failure> {
    let kind = match value {
        Value::Cluster(cluster) => Kind::Cluster(Bytes::copy_from_slice(&cluster.bytes())),
        Value::NextNode(next) => Kind::NextNode(*next),
        Value::Node(record) => Kind::Node(node::to_proto(record)),
        Value::Name(actor) => Kind::Name(parts::actor_to(*actor)),
        Value::Actor(record) => Kind::Actor(actor::to_proto(record)),
        Value::Placed(incarnation) => Kind::Placed(*incarnation),
        Value::Group(record) => Kind::Group(group_to(record)),
    };
    let record = proto::Record { version: VERSION, record: Some(kind) };
    let bytes = Bytes::from(record.encode_to_vec());
    match from_bytes(key, &bytes) {
        Ok(_) => Ok(bytes),
        Err(why) => Err(Failure::Mistake(format!("a record for {key:?}: {why}"))),
    }
}

/// The record that the bytes under a key are. It shares no memory with them:
/// they are part of a page.
pub(crate) fn from_bytes(key: &Key, bytes: &[u8]) -> Result<Value, Unreadable> {
    Unreadable::bounded("bytes", bytes.len(), VALUE_BYTES_MAX)?;
    let record = proto::Record::decode(bytes);
    let proto::Record { version, record } =
        record.map_err(|_| Unreadable::Malformed("it does not decode"))?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    match (key, record) {
        (Key::Cluster, Some(Kind::Cluster(id))) => ClusterId::from_slice(&id)
            .map(Value::Cluster)
            .ok_or(Unreadable::Malformed("a cluster's id has 16 bytes")),
        (Key::NextNode, Some(Kind::NextNode(next))) => Ok(Value::NextNode(next)),
        (Key::Node(id), Some(Kind::Node(record))) => {
            let record = node::from_proto(record)?;
            mine(record.id == *id)?;
            Ok(Value::Node(Arc::new(record)))
        }
        (Key::Name { .. }, Some(Kind::Name(actor))) => Ok(Value::Name(parts::actor_from(&actor))),
        (Key::Actor(id), Some(Kind::Actor(record))) => {
            let record = actor::from_proto(record)?;
            mine(record.id == *id)?;
            Ok(Value::Actor(Arc::new(record)))
        }
        (Key::Placed(..), Some(Kind::Placed(incarnation))) => Ok(Value::Placed(incarnation)),
        (Key::Group(id), Some(Kind::Group(record))) => {
            let record = group_from(record)?;
            mine(record.id == *id)?;
            Ok(Value::Group(Arc::new(record)))
        }
        _ => Err(Unreadable::Malformed("it is not of its key's kind")),
    }
}

fn mine(is: bool) -> Result<(), Unreadable> {
    if is { Ok(()) } else { Err(Unreadable::Malformed("it is another key's")) }
}

fn group_to(record: &GroupRecord) -> proto::Group {
    let GroupRecord { id, bundles } = record;
    let bundles = bundles.iter().map(|(resources, node)| proto::Bundle {
        resources: parts::resources_to(resources),
        node: node.0,
    });
    let GroupId { node, seq } = *id;
    let id = proto::Born { node: node.0, seq };
    proto::Group { id: Some(id), bundles: bundles.collect() }
}

fn group_from(group: proto::Group) -> Result<GroupRecord, Unreadable> {
    let proto::Group { id, bundles } = group;
    let proto::Born { node, seq } = id.ok_or(Unreadable::Malformed("a group without an id"))?;
    Unreadable::bounded("bundles", bundles.len(), limits::BUNDLES_MAX)?;
    let bundles = bundles.into_iter().map(|bundle| {
        let proto::Bundle { resources, node } = bundle;
        Ok((parts::resources_from(resources)?, host_core::NodeId(node)))
    });
    let id = GroupId { node: host_core::NodeId(node), seq };
    Ok(GroupRecord { id, bundles: bundles.collect::<Result<_, _>>()? })
}
