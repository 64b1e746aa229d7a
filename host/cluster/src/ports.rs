//! What a member of a cluster needs of the host around it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use host_core::control::{self, NodeRecord};
use host_core::placement::{Ends, Reservations};
use host_core::resources::Resources;
use host_core::spec::ActorSpec;
use host_core::waits::Waits;
use host_core::{ActorId, Cause, Error, JobId, NodeId, ObjectId, PackageId};
use host_refs::{Args, ObjectRef, Target, Value};
use tonic::transport::Channel;

/// A future that a port answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that is needed to make an actor, here or elsewhere, but the
/// constructor's arguments.
#[derive(Clone, PartialEq, Debug)]
pub struct Birth {
    /// Its code.
    pub package: PackageId,
    /// Its class in the package.
    pub class: Arc<str>,
    /// The job that ends it, unless it is detached.
    pub job: JobId,
    /// Whether it runs one call at a time.
    pub sequential: bool,
    /// Its options, complete.
    pub spec: ActorSpec,
}

/// How an actor is to be made here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// Its id.
    pub actor: ActorId,
    /// Lives before this one, crashed or moved on; 0 in the first.
    pub restarts: u32,
    /// Whether the cluster restarts it, here or elsewhere: then its crash is
    /// only told ([`Member::actor_ended`](crate::Member::actor_ended)).
    pub movable: bool,
    /// Waits for resources if there are none now.
    pub wait: bool,
}

/// Why an actor was not made.
#[derive(Clone, PartialEq, Debug)]
pub enum Refused {
    /// Its resources are not free now, and which.
    Full(String),
    /// It cannot be made.
    Failed(Error),
}

/// The host of a member: runs actors, keeps objects. None of these blocks.
pub trait Local: Send + Sync {
    /// A number for a new actor; never given before.
    fn next_actor(&self) -> u64;

    /// The id of a new object.
    fn next_object(&self) -> ObjectId;

    /// Makes an actor whose package is here. It starts by itself.
    fn spawn(&self, birth: &Birth, args: Args, life: Life) -> Result<Arc<dyn Target>, Refused>;

    /// The live actor with this id.
    fn actor(&self, id: ActorId) -> Option<Arc<dyn Target>>;

    /// Takes back an actor that still waits for its resources: it ends as if
    /// its node had gone. False if it has them, or is not here.
    fn withdraw(&self, id: ActorId) -> bool;

    /// How many actors wait for resources here.
    fn waiting(&self) -> usize;

    /// Ends an actor at once; nothing happens if it is not here.
    fn end(&self, id: ActorId, cause: Cause);

    /// Ends an actor once the calls that are queued now are done; at once, if
    /// it still waits for its resources.
    fn retire(&self, id: ActorId, cause: Cause);

    /// Ends all actors at once, since the node goes, with this message; who
    /// they were, for people. Actors that can move are among them.
    fn end_all(&self, message: &str) -> Vec<(ActorId, String)>;

    /// Ends the actors of a job that are not detached.
    fn end_job(&self, job: JobId, cause: Cause);

    /// Ends the actors of all jobs of a node that are not detached.
    fn end_jobs_of(&self, node: NodeId, cause: Cause);

    /// Whether a package is loaded.
    fn has_package(&self, id: PackageId) -> bool;

    /// Sees to it that a package is loaded; `from` are nodes that may have it.
    fn package(&self, id: PackageId, from: Vec<NodeId>) -> Answer<'static, Result<(), Error>>;

    /// Brings an object of another node here.
    fn pull(
        &self,
        object: ObjectId,
        size: u64,
        from: NodeId,
    ) -> Answer<'static, Result<Bytes, Error>>;

    /// A new object of this node with this value.
    fn put(&self, value: Value) -> ObjectRef;

    /// Settles an object with a value that came from elsewhere, at once or
    /// when the object store has room for it.
    fn settle(&self, object: &ObjectRef, value: Value);

    /// Room for bytes in the object store, to be held while they are in
    /// memory, if there is room now.
    fn admit(&self, object: ObjectId, bytes: usize) -> Option<Box<dyn Send>>;

    /// What a new actor can reserve, and how many actors live here.
    fn load(&self) -> (Resources, u32);

    /// Works on what this node has given away; then ends those actors that are
    /// to end with their placement group, and starts those that are granted
    /// something.
    fn reservations(&self, work: &mut dyn FnMut(&mut Reservations) -> Ends);

    /// Looks at the waits of this node's actors.
    fn waits(&self, look: &mut dyn FnMut(&Waits));
}

/// Makes channels to other nodes.
pub trait Reach: Send + Sync {
    /// A channel to the node, connected, once it has proved to be that node;
    /// or why there is none, for the log.
    fn reach(&self, node: Arc<NodeRecord>) -> Answer<'static, Result<Channel, String>>;
}

/// The control store, as the rules ask it. Never on the path of a call.
pub trait Control: Send + Sync {
    /// Carries out one request; `Unknown` when it was not answered in time.
    fn ask(&self, request: control::Request) -> Answer<'static, control::Answer>;

    /// Tells each change under the prefix behind the revision, in order, to
    /// `tell`, until that answers false or the watch is lost.
    fn watch(
        &self,
        prefix: control::Prefix,
        after: control::Revision,
        tell: Box<dyn FnMut(control::Change) -> bool + Send>,
    ) -> Answer<'static, ()>;
}
