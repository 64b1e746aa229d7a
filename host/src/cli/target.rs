//! What a command is about: an id such as `a7@n1`, or an actor's name.

use std::str::FromStr;

use host_core::NodeId;
use host_proto::admin as proto;
use host_proto::admin::target::Of;

/// Whom a command is about.
#[derive(clap::Args, Debug)]
pub(super) struct Target {
    /// An id, such as a7@n1 or j3@n1, or an actor's name
    #[arg(value_name = "ID|NAME")]
    text: String,
    /// The namespace of the name
    #[arg(long, value_name = "NAME", default_value = host_core::spec::DEFAULT_NAMESPACE)]
    namespace: String,
}

impl Target {
    /// As people wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// As it is sent: what looks like an id is one.
    pub(super) fn wire(&self) -> proto::Target {
        let of = self.text.parse().map_or_else(
            |NoId| {
                let (name, namespace) = (self.text.clone(), self.namespace.clone());
                Of::Named(proto::Name { name, namespace })
            },
            |AnyId(of)| of,
        );
        proto::Target { of: Some(of) }
    }
}

/// The id of an actor, a job or an object.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct AnyId(pub(super) Of);

/// The text is no id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an id looks like a7@n1 (an actor), j3@n1 (a job) or o5@n1 (an object)")]
pub(super) struct NoId;

impl FromStr for AnyId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<AnyId, NoId> {
        let (thing, node) = text.split_once('@').ok_or(NoId)?;
        let (kind, seq) = thing.split_at_checked(1).ok_or(NoId)?;
        let id = proto::Id { node: node_id(node)?.0, seq: number(seq)? };
        match kind {
            "a" => Ok(AnyId(Of::Actor(id))),
            "j" => Ok(AnyId(Of::Job(id))),
            "o" => Ok(AnyId(Of::Object(id))),
            _ => Err(NoId),
        }
    }
}

fn node_id(text: &str) -> Result<NodeId, NoId> {
    let number = number(text.strip_prefix('n').ok_or(NoId)?)?;
    u32::try_from(number).map(NodeId).map_err(|_| NoId)
}

fn number(text: &str) -> Result<u64, NoId> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or(NoId)
}

/// An id as people read it; `kind` is its letter.
pub(super) fn shown(kind: char, id: Option<proto::Id>) -> String {
    let proto::Id { node, seq } = id.unwrap_or_default();
    format!("{kind}{seq}@{}", NodeId(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_are_shown() {
        let id = proto::Id { node: 2, seq: 7 };
        for (kind, of) in [('a', Of::Actor(id)), ('j', Of::Job(id)), ('o', Of::Object(id))] {
            assert_eq!(shown(kind, Some(id)).parse(), Ok(AnyId(of)));
        }
    }

    #[test]
    fn what_is_no_id_is_a_name() {
        for text in ["", "a", "a7", "a7@", "a7@1", "@n1", "a@n1", "x7@n1", "a+7@n1", "é7@n1"] {
            assert_eq!(text.parse::<AnyId>(), Err(NoId), "{text}");
        }
        assert_eq!(format!("a7@n{}", u64::from(u32::MAX) + 1).parse::<AnyId>(), Err(NoId));
    }
}
