//! What is asked of the control store, and what it answers.
//!
//! The store is a linearizable map of keys to values in which every change
//! has a revision, with transactions that compare and write, leases that take
//! their keys along when they end, and watches. This module owns the typed
//! questions and answers and the rules of the store itself ([`Store`]); wire
//! forms, files and etcd are elsewhere. The store is never on the path of a
//! call or of an ordinary spawn.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Cause;
use crate::id::{ActorId, ClusterId, GroupId, NodeId, PackageId};
use crate::placement::{Labels, Request as Placing};
use crate::resources::Resources;
use crate::spec::Tries;

pub use store::Store;

/// Counts the changes of a store; it never goes back. 0 is before the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Revision(pub u64);

/// A lease of the store; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LeaseId(pub u64);

/// Names one question of one machine, so that the answer finds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// A key of the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// The id of the cluster.
    Cluster,
    /// The next node's id.
    NextNode,
    /// A node that lives; bound to its lease.
    Node(NodeId),
    /// Who has a name.
    Name {
        /// Where the name lives.
        namespace: Arc<str>,
        /// The name.
        name: Arc<str>,
    },
    /// An actor that can move.
    Actor(ActorId),
    /// The same by the node it is on, so that a node's actors are found
    /// without reading all.
    Placed(NodeId, ActorId),
    /// A placement group.
    Group(GroupId),
}

/// Several keys at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Prefix {
    /// Every [`Key::Node`].
    Nodes,
    /// Every [`Key::Name`].
    Names,
    /// Every [`Key::Actor`].
    Actors,
    /// Every [`Key::Placed`] of one node.
    Placed(NodeId),
    /// Every [`Key::Placed`].
    AllPlaced,
    /// Every [`Key::Group`].
    Groups,
}

/// What is kept under a key.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Of [`Key::Cluster`].
    Cluster(ClusterId),
    /// Of [`Key::NextNode`].
    NextNode(u32),
    /// Of [`Key::Node`].
    Node(Arc<NodeRecord>),
    /// Of [`Key::Name`].
    Name(ActorId),
    /// Of [`Key::Actor`].
    Actor(Arc<ActorRecord>),
    /// Of [`Key::Placed`]: the life that is to run there.
    Placed(u32),
    /// Of [`Key::Group`].
    Group(Arc<GroupRecord>),
}

/// What the others know of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeRecord {
    /// Which; never used again.
    pub id: NodeId,
    /// How people know it; stays when it starts again.
    pub name: Arc<str>,
    /// Where it is reached.
    pub addresses: Vec<Arc<str>>,
    /// What it has when nothing runs on it.
    pub total: Resources,
    /// What it was labelled with.
    pub labels: Labels,
    /// The version of the wire protocol that it speaks.
    pub protocol: u32,
    /// Whether it is about to leave: nothing more is placed on it.
    pub draining: bool,
}

/// What the others know of an actor that can move.
#[derive(Clone, PartialEq, Debug)]
pub struct ActorRecord {
    /// Which.
    pub id: ActorId,
    /// How people know it.
    pub class: Arc<str>,
    /// Its code.
    pub package: PackageId,
    /// What it asks of its node.
    pub request: Placing,
    /// Restarts after a crash or the loss of its node.
    pub max_restarts: Tries,
    /// Whether it outlives its creator's job.
    pub detached: bool,
    /// Namespace and name, if it has one.
    pub name: Option<(Arc<str>, Arc<str>)>,
    /// Restarts so far.
    pub restarts: u32,
    /// Lives that ended because their node was drained: these count as no
    /// restart.
    pub moves: u32,
    /// The node of its creator, with which it ends unless it is detached.
    pub owner: NodeId,
    /// What is needed to make it again elsewhere: opaque to the rules, at most
    /// [`crate::limits::BIRTH_BYTES`].
    pub birth: Bytes,
    /// How it stands.
    pub state: ActorState,
}

/// How an actor that can move stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActorState {
    /// It runs, or is about to.
    On {
        /// Where.
        node: NodeId,
        /// Which life; only that one may run, and only there.
        incarnation: u32,
    },
    /// It has ended for good.
    Dead {
        /// What ended it.
        cause: Cause,
        /// The whole story in a line.
        message: Arc<str>,
    },
}

/// A placement group as recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRecord {
    /// Which.
    pub id: GroupId,
    /// Each bundle and the node that keeps it.
    pub bundles: Vec<(Resources, NodeId)>,
}

/// A key with its value and history.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// What it holds.
    pub value: Value,
    /// When it was made.
    pub created: Revision,
    /// When it was last written.
    pub modified: Revision,
    /// The lease it goes with.
    pub lease: Option<LeaseId>,
}

/// What has to hold for a transaction to be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Nothing is there.
    Absent(Key),
    /// Something is there.
    Present(Key),
    /// It was last written then.
    At(Key, Revision),
}

/// One change of a transaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Write {
    /// Sets a key; with a lease it goes when the lease ends.
    Put(Key, Value, Option<LeaseId>),
    /// Takes a key out, if it is there.
    Delete(Key),
}

/// A question to the store.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// A new lease of [`crate::limits::LEASE_TTL`].
    Lease,
    /// The lease begins anew.
    KeepAlive(LeaseId),
    /// The lease ends now, with its keys.
    Revoke(LeaseId),
    /// Some keys, as they are at one moment.
    Get(Vec<Key>),
    /// All keys of a kind.
    Range(Prefix),
    /// Carries out all writes, if all guards hold; else nothing.
    Commit {
        /// What has to hold.
        guards: Vec<Guard>,
        /// What is then written.
        writes: Vec<Write>,
    },
}

/// The store's answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// To `Lease`.
    Leased(LeaseId),
    /// To `KeepAlive` and `Revoke`.
    Done,
    /// To whatever names a lease that has ended.
    LeaseGone,
    /// To `Get` and `Range`: what is there.
    Entries {
        /// Only keys that hold something, in order.
        entries: Vec<Entry>,
        /// Of the moment they were read at.
        revision: Revision,
    },
    /// To `Commit`: everything was written, at this revision.
    Committed(Revision),
    /// To `Commit`: a guard did not hold, and nothing was written.
    Refused {
        /// What the guarded keys hold, where they hold something.
        entries: Vec<Entry>,
        /// Of the moment they were read at.
        revision: Revision,
    },
    /// No answer in time: it may have been done, or may yet be.
    Unknown,
}

/// A change that a watch tells of.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Which key.
    pub key: Key,
    /// What it holds now; none if it was taken out.
    pub value: Option<Value>,
    /// Of the change.
    pub revision: Revision,
}

/// The value of each key in the answer.
pub fn by_key(entries: &[Entry]) -> BTreeMap<&Key, &Entry> {
    entries.iter().map(|entry| (&entry.key, entry)).collect()
}

impl Prefix {
    /// Whether the key is one of them.
    pub fn has(self, key: &Key) -> bool {
        match (self, key) {
            (Prefix::Nodes, Key::Node(_))
            | (Prefix::Names, Key::Name { .. })
            | (Prefix::Actors, Key::Actor(_))
            | (Prefix::AllPlaced, Key::Placed(..))
            | (Prefix::Groups, Key::Group(_)) => true,
            (Prefix::Placed(node), Key::Placed(on, _)) => node == *on,
            _ => false,
        }
    }
}

impl Guard {
    /// The key it is about.
    pub fn key(&self) -> &Key {
        match self {
            Guard::Absent(key) | Guard::Present(key) | Guard::At(key, _) => key,
        }
    }
}
