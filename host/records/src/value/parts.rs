//! What several records have in them.

use std::sync::Arc;

use host_core::resources::{Amount, Resources};
use host_core::spec::check_name;
use host_core::{ActorId, NodeId};
use host_proto::records as proto;

use crate::failure::Unreadable;
use crate::limits;

pub(super) fn actor_to(id: ActorId) -> proto::Born {
    let ActorId { node, seq } = id;
    proto::Born { node: node.0, seq }
}

pub(super) fn actor_from(born: &proto::Born) -> ActorId {
    let proto::Born { node, seq } = *born;
    ActorId { node: NodeId(node), seq }
}

pub(super) fn resources_to(resources: &Resources) -> Vec<proto::Resource> {
    let resource = |(name, amount): (&str, Amount)| proto::Resource {
        name: name.to_owned(),
        ten_thousandths: amount.ten_thousandths(),
    };
    resources.iter().map(resource).collect()
}

pub(super) fn resources_from(entries: Vec<proto::Resource>) -> Result<Resources, Unreadable> {
    Unreadable::bounded("resources", entries.len(), limits::RESOURCES_MAX)?;
    let mut resources = Resources::default();
    for proto::Resource { name, ten_thousandths } in entries {
        let amount = Amount::from_ten_thousandths(ten_thousandths);
        if amount == Amount::ZERO || resources.get(&name) != Amount::ZERO {
            return Err(Unreadable::Malformed("an amount of nothing, or a resource named twice"));
        }
        resources.set(&named(name)?, amount);
    }
    Ok(resources)
}

/// A name that guests or operators chose.
pub(super) fn named(name: String) -> Result<Arc<str>, Unreadable> {
    match check_name("name", &name) {
        Ok(()) => Ok(name.into()),
        Err(_) => Err(Unreadable::Malformed("a name is empty, too long, or not for people")),
    }
}

/// A text that may be empty.
pub(super) fn text(
    what: &'static str,
    text: String,
    bytes_max: usize,
) -> Result<Arc<str>, Unreadable> {
    Unreadable::bounded(what, text.len(), bytes_max)?;
    Ok(text.into())
}

/// A field that says something only by being there, and is always true.
pub(super) fn marker(is: bool) -> Result<(), Unreadable> {
    if is { Ok(()) } else { Err(Unreadable::Malformed("a mark that is false")) }
}
