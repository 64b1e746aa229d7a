//! A counted handle to an actor, and the call one sends through it.

use std::sync::Arc;
use std::task::Context as TaskContext;

use host_core::spec::Tries;
use host_core::trace::Context;
use host_core::{ActorId, Error};

use crate::{Args, ObjectRef};

/// An actor, as whoever calls it sees it: here, in a worker, or on another
/// node.
pub trait Target: Send + Sync {
    /// The actor's id.
    fn id(&self) -> ActorId;

    /// The actor's class.
    fn class(&self) -> &str;

    /// Whether it runs one call at a time.
    fn is_sequential(&self) -> bool;

    /// Whether its calls go through the cluster.
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// The place of a method in the class.
    fn method_index(&self, name: &str) -> Result<u32, Error>;

    /// Puts a call into the mailbox. With `quietly`, the actor is not woken
    /// for it: the caller promises to [`Target::wake`] it, or to
    /// [`Target::run_inline`] the call, before it waits for anything.
    fn send(&self, call: Call, quietly: bool) -> Result<(), Error>;

    /// Makes the actor look into its mailbox.
    fn wake(&self);

    /// Runs the call that makes `object` right here, if the actor is idle and
    /// the call is the next one; else like [`Target::wake`]. If the call has
    /// to wait, it goes on in the actor's own task.
    fn run_inline(self: Arc<Self>, object: &ObjectRef, cx: &mut TaskContext<'_>);

    /// Settles the call that makes `object` with `why`; it will not run, or
    /// stops soon.
    fn cancel(&self, object: &ObjectRef, why: Error);

    /// Ends the actor now; with `restart`, only this incarnation.
    fn kill(&self, restart: bool);

    /// Counts one more handle.
    fn retain(&self);

    /// Counts one handle less; the last ends an actor that is not detached.
    fn release(self: Arc<Self>);
}

/// A counted handle: the actor lives while there is one, unless it is
/// detached.
pub struct Handle(Arc<dyn Target>);

/// A call on its way to a mailbox. Cloning shares the bytes.
#[derive(Clone)]
pub struct Call {
    /// The method's place in the class.
    pub method: u32,
    /// The arguments.
    pub args: Args,
    /// What the result becomes; none if nobody wants it.
    pub result: Option<ObjectRef>,
    /// Who sent it: its calls run in order. None if it came from outside.
    pub caller: Option<ActorId>,
    /// How often it may be tried again after a crash; none: as the actor's
    /// options say.
    pub retries: Option<Tries>,
    /// What it is done under, if that is traced.
    pub trace: Option<Context>,
    /// Announces, for as long as the call waits for its arguments, what it
    /// waits for.
    pub held_up: Option<Arc<dyn Send + Sync>>,
}

impl Handle {
    /// A new handle to an actor; counts.
    pub fn new(target: Arc<dyn Target>) -> Handle {
        target.retain();
        Handle(target)
    }

    /// The actor, not counted.
    pub fn target(&self) -> &Arc<dyn Target> {
        &self.0
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::new(self.0.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.clone().release();
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({}({}))", self.0.class(), self.0.id())
    }
}

impl Call {
    /// Settles the call without running it.
    pub fn refuse(self, error: Arc<Error>) {
        if let Some(result) = self.result {
            result.settle(Err(error), None);
        }
    }
}
