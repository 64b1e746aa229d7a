//! Where the records are in a control store.
//!
//! | key | record |
//! |---|---|
//! | `cluster` | the cluster's id |
//! | `next-node` | the id of the next node |
//! | `nodes/n7` | a node; with its lease |
//! | `names/NAMESPACE/NAME` | the actor that has the name |
//! | `actors/a5@n7` | an actor that can move |
//! | `placed/n9/a5@n7` | the life of the actor that is to run on the node |
//! | `groups/g3@n7` | a placement group |
//!
//! Ids are written as people see them. In a namespace, `~` is written `~0` and
//! `/` is `~1` (RFC 6901); a name stands last and is written as it is. A key
//! has one text only, so that what is compared is what was written.

use host_control::{Key as Path, Prefix as Paths};
use host_core::control::{Key, Prefix};
use host_core::spec::check_name;

use crate::failure::Failure;

const CLUSTER: &str = "cluster";
const NEXT_NODE: &str = "next-node";
const NODES: &str = "nodes/";
const NAMES: &str = "names/";
const ACTORS: &str = "actors/";
const PLACED: &str = "placed/";
const GROUPS: &str = "groups/";

/// The store's key of a record; [`Failure::Mistake`] for a name that is none.
pub(crate) fn to_path(key: &Key) -> Result<Path, Failure> {
    let text = match key {
        Key::Cluster => CLUSTER.to_owned(),
        Key::NextNode => NEXT_NODE.to_owned(),
        Key::Node(node) => format!("{NODES}{node}"),
        Key::Name { namespace, name } => {
            well_named(namespace, name).map_err(Failure::Mistake)?;
            format!("{NAMES}{}/{name}", escape(namespace))
        }
        Key::Actor(actor) => format!("{ACTORS}{actor}"),
        Key::Placed(node, actor) => format!("{PLACED}{node}/{actor}"),
        Key::Group(group) => format!("{GROUPS}{group}"),
    };
    Path::new(text).map_err(|error| Failure::Mistake(error.to_string()))
}

/// The record that a key of the store is of; none for a key that
/// [`to_path`] does not make.
pub(crate) fn from_path(path: &Path) -> Option<Key> {
    let text = std::str::from_utf8(path.bytes()).ok()?;
    let Some((kind, rest)) = text.split_once('/') else {
        return match text {
            CLUSTER => Some(Key::Cluster),
            NEXT_NODE => Some(Key::NextNode),
            _ => None,
        };
    };
    match kind {
        "nodes" => rest.parse().ok().map(Key::Node),
        "names" => {
            let (namespace, name) = rest.split_once('/')?;
            let namespace = unescape(namespace)?;
            well_named(&namespace, name).ok()?;
            Some(Key::Name { namespace: namespace.into(), name: name.into() })
        }
        "actors" => rest.parse().ok().map(Key::Actor),
        "placed" => {
            let (node, actor) = rest.split_once('/')?;
            Some(Key::Placed(node.parse().ok()?, actor.parse().ok()?))
        }
        "groups" => rest.parse().ok().map(Key::Group),
        _ => None,
    }
}

/// What the store's keys of several records begin with, and no others do.
pub(crate) fn to_paths(prefix: Prefix) -> Paths {
    let text = match prefix {
        Prefix::Nodes => NODES.to_owned(),
        Prefix::Names => NAMES.to_owned(),
        Prefix::Actors => ACTORS.to_owned(),
        // The slash at the end keeps n1 apart from n10.
        Prefix::Placed(node) => format!("{PLACED}{node}/"),
        Prefix::AllPlaced => PLACED.to_owned(),
        Prefix::Groups => GROUPS.to_owned(),
    };
    Paths::new(text).expect("it is short")
}

fn well_named(namespace: &str, name: &str) -> Result<(), String> {
    let checked = check_name("namespace", namespace).and_then(|()| check_name("name", name));
    checked.map_err(|error| error.to_string())
}

fn escape(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// None for a text that [`escape`] does not make.
fn unescape(text: &str) -> Option<String> {
    let plain = text.replace("~1", "/").replace("~0", "~");
    (escape(&plain) == text).then_some(plain)
}

#[cfg(test)]
mod tests {
    use host_core::{ActorId, GroupId, NodeId};

    use super::*;

    const NODE: NodeId = NodeId(7);
    const ACTOR: ActorId = ActorId { node: NODE, seq: 5 };

    fn name(namespace: &str, name: &str) -> Key {
        Key::Name { namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn every_key_has_one_path_and_reads_back() {
        let slashes = "/".repeat(host_core::limits::NAME_BYTES);
        let long = format!("names/{}/{slashes}", "~1".repeat(slashes.len()));
        for (key, path) in [
            (Key::Cluster, "cluster"),
            (Key::NextNode, "next-node"),
            (Key::Node(NODE), "nodes/n7"),
            (name("default", "hits"), "names/default/hits"),
            (name("a/b~", "c/d~1"), "names/a~1b~0/c/d~1"),
            (name("~1", "ö"), "names/~01/ö"),
            (name(&slashes, &slashes), &long),
            (Key::Actor(ACTOR), "actors/a5@n7"),
            (Key::Placed(NodeId(9), ACTOR), "placed/n9/a5@n7"),
            (Key::Group(GroupId { node: NODE, seq: 0 }), "groups/g0@n7"),
        ] {
            let made = to_path(&key).unwrap();
            assert_eq!(made.bytes(), path.as_bytes(), "{key:?}");
            assert_eq!(from_path(&made), Some(key), "{path}");
        }
    }

    #[test]
    fn what_no_key_is_written_as_is_no_key() {
        for path in [
            "clusters",
            "cluster/",
            "nodes/",
            "nodes/7",
            "nodes/n07",
            "nodes/n7/",
            "nodes/n4294967296",
            "names/a",
            "names//b",
            "names/a/",
            "names/a~/b",
            "names/a~2/b",
            "names/a/b\n",
            "actors/a5",
            "actors/g5@n7",
            "placed/n9",
            "placed/a5@n7",
            "groups/a5@n7",
            "identity/ca",
        ] {
            assert_eq!(from_path(&Path::new(path).unwrap()), None, "{path}");
        }
        assert_eq!(from_path(&Path::new(&b"nodes/\xff"[..]).unwrap()), None);
    }

    #[test]
    fn names_that_are_none_have_no_path() {
        for (namespace, of) in [("", "a"), ("a", ""), ("a", "b\0"), ("a", &"b".repeat(257))] {
            assert!(to_path(&name(namespace, of)).is_err(), "{namespace:?} {of:?}");
        }
    }

    #[test]
    fn a_prefix_begins_the_paths_of_its_keys_and_of_no_others() {
        let keys = [
            Key::Cluster,
            Key::Node(NODE),
            name("default", "hits"),
            Key::Actor(ACTOR),
            Key::Placed(NodeId(1), ACTOR),
            Key::Placed(NodeId(10), ACTOR),
            Key::Group(GroupId { node: NODE, seq: 5 }),
        ];
        for prefix in [
            Prefix::Nodes,
            Prefix::Names,
            Prefix::Actors,
            Prefix::Placed(NodeId(1)),
            Prefix::AllPlaced,
            Prefix::Groups,
        ] {
            for key in &keys {
                let holds = to_paths(prefix).holds(&to_path(key).unwrap());
                assert_eq!(holds, prefix.has(key), "{prefix:?} {key:?}");
            }
        }
    }
}
