//! The record of a node.

use std::collections::BTreeMap;

use host_core::NodeId;
use host_core::control::NodeRecord;
use host_core::limits::NAME_BYTES;
use host_core::placement::Labels;
use host_proto::records as proto;

use super::parts::{named, resources_from, resources_to, text};
use crate::failure::Unreadable;
use crate::limits;

pub(super) fn to_proto(record: &NodeRecord) -> proto::Node {
    let NodeRecord { id, name, addresses, total, labels, protocol, draining } = record;
    let Labels(labels) = labels;
    let labels = labels
        .iter()
        .map(|(name, value)| proto::Label { name: name.to_string(), value: value.to_string() });
    proto::Node {
        id: id.0,
        name: name.to_string(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        total: resources_to(total),
        labels: labels.collect(),
        protocol: *protocol,
        draining: *draining,
    }
}

pub(super) fn from_proto(node: proto::Node) -> Result<NodeRecord, Unreadable> {
    let proto::Node { id, name, addresses, total, labels, protocol, draining } = node;
    Unreadable::bounded("addresses", addresses.len(), limits::ADDRESSES_MAX)?;
    let addresses = addresses
        .into_iter()
        .map(|address| text("bytes of an address", address, limits::ADDRESS_BYTES_MAX));
    Ok(NodeRecord {
        id: NodeId(id),
        name: named(name)?,
        addresses: addresses.collect::<Result<_, _>>()?,
        total: resources_from(total)?,
        labels: labels_from(labels)?,
        protocol,
        draining,
    })
}

fn labels_from(entries: Vec<proto::Label>) -> Result<Labels, Unreadable> {
    Unreadable::bounded("labels", entries.len(), limits::LABELS_MAX)?;
    let mut labels = BTreeMap::new();
    for proto::Label { name, value } in entries {
        let value = text("bytes of a label", value, NAME_BYTES)?;
        if labels.insert(named(name)?, value).is_some() {
            return Err(Unreadable::Malformed("a label named twice"));
        }
    }
    Ok(Labels(labels))
}
