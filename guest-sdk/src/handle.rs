//! Handles to actors.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::attachments;
use crate::class::Actor;
use crate::error::{Error, Result};
use crate::host::{self, AfterKill, RawHandle};

/// A handle to an actor of class `A`. Its methods are the class's: each
/// answers a [`Call`](crate::Call) to be sent.
///
/// A handle is a capability: whoever holds one may call. It may be cloned and
/// sent inside any serde type. An actor that is not detached ends when the
/// last handle to it is dropped.
pub struct Handle<A: Actor> {
    stub: A::Stub,
}

impl<A: Actor> Handle<A> {
    pub(crate) fn new(raw: RawHandle) -> Self {
        Self::from_rc(Rc::new(raw))
    }

    /// A handle to an actor that somebody else created: it may be of another
    /// class.
    pub(crate) fn checked(raw: RawHandle) -> Result<Self> {
        let class = raw.class();
        if class == A::CLASS.name {
            return Ok(Self::new(raw));
        }
        let wanted = A::CLASS.name;
        Err(Error::Invalid(format!("{} is a {class}, not a {wanted}", raw.id())))
    }

    fn from_rc(raw: Rc<RawHandle>) -> Self {
        Handle { stub: Target(raw).into() }
    }

    fn rc(&self) -> &Rc<RawHandle> {
        &self.stub.as_ref().0
    }

    /// The actor's id, for logs and people. Not a method, so that a class may
    /// have a method `id`.
    pub fn id(this: &Self) -> String {
        this.rc().id()
    }

    /// The name of the actor's class, as its package describes it.
    pub fn class(this: &Self) -> String {
        this.rc().class()
    }

    /// The actor with this name, in the caller's default namespace.
    pub fn lookup(name: &str) -> Result<Self> {
        host::lookup(name, None).and_then(Self::checked)
    }

    /// The actor with this name, in a namespace.
    pub fn lookup_in(namespace: &str, name: &str) -> Result<Self> {
        host::lookup(name, Some(namespace)).and_then(Self::checked)
    }

    /// Ends the actor now and for good. The calls it was running or had queued
    /// fail.
    pub fn kill(&self) -> Result<()> {
        host::kill(self.rc(), AfterKill::StayDead)
    }

    /// Ends the actor now; if it has a restart left, it is constructed anew.
    pub fn kill_and_restart(&self) -> Result<()> {
        host::kill(self.rc(), AfterKill::Restart)
    }
}

impl<A: Actor> Deref for Handle<A> {
    type Target = A::Stub;

    #[inline]
    fn deref(&self) -> &A::Stub {
        &self.stub
    }
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self::from_rc(Rc::clone(self.rc()))
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle<{}>({})", A::CLASS.name, Handle::id(self))
    }
}

impl<A: Actor> Serialize for Handle<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        attachments::serialize_handle(self.rc(), serializer)
    }
}

impl<'de, A: Actor> Deserialize<'de> for Handle<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        attachments::deserialize_handle(deserializer).map(Self::from_rc)
    }
}

/// Whom a stub calls.
#[doc(hidden)]
pub struct Target(pub(crate) Rc<RawHandle>);
