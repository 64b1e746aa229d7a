//! References to objects: results of calls, and what `put` stored.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::attachments;
use crate::codec;
use crate::error::{Error, Result};
use crate::host::{self, Outgoing, RawRef};
use crate::scratch::Scratch;

/// A reference to an immutable object: the result of a call, or what [`put`]
/// stored.
///
/// It may be cloned, kept, passed as an argument (the callee then gets the
/// value), or sent inside any serde type (the receiver then gets a ref). The
/// object is freed when nobody refers to it any more.
pub struct ObjectRef<T> {
    raw: Rc<RawRef>,
    value: PhantomData<fn() -> T>,
}

impl<T> ObjectRef<T> {
    #[inline]
    pub(crate) fn new(raw: RawRef) -> Self {
        Self::from_rc(Rc::new(raw))
    }

    fn from_rc(raw: Rc<RawRef>) -> Self {
        ObjectRef { raw, value: PhantomData }
    }

    pub(crate) fn raw(&self) -> &RawRef {
        &self.raw
    }

    #[inline]
    pub(crate) fn into_raw(self) -> Rc<RawRef> {
        self.raw
    }

    /// The object's id, for logs and people.
    pub fn id(&self) -> String {
        self.raw.id()
    }
}

impl<T> Clone for ObjectRef<T> {
    fn clone(&self) -> Self {
        Self::from_rc(Rc::clone(&self.raw))
    }
}

impl<T> fmt::Debug for ObjectRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectRef({})", self.id())
    }
}

impl<T> Serialize for ObjectRef<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        attachments::serialize_ref(&self.raw, serializer)
    }
}

impl<'de, T> Deserialize<'de> for ObjectRef<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        attachments::deserialize_ref(deserializer).map(Self::from_rc)
    }
}

/// Stores a value. Several calls can then use it, and it is sent to each node
/// once.
///
/// ```
/// use greenroom::prelude::*;
///
/// # fn main() -> Result<()> {
/// let words = put(&vec!["one".to_string(), "two".to_string()])?;
/// assert_eq!(get(&words)?.len(), 2);
/// # Ok(())
/// # }
/// ```
pub fn put<T: Serialize>(value: &T) -> Result<ObjectRef<T>> {
    let mut bytes = Scratch::take();
    let mut attachments = None;
    codec::encode(value, &mut bytes, &mut attachments)?;
    let stored = match attachments {
        None => host::put(Outgoing::Plain(&bytes)),
        Some(attachments) => host::put(attachments.lend().beside(&bytes)),
    };
    stored.map(ObjectRef::new)
}

/// Cancels the call that makes this object.
///
/// A call still queued never runs. A running one sees
/// [`context::is_cancelled`](crate::context::is_cancelled), and its waits
/// answer [`Error::Cancelled`]; if it goes on regardless, its actor is
/// interrupted. No effect on an object that is ready.
pub fn cancel<T>(object: &ObjectRef<T>) -> Result<()> {
    host::cancel(object.raw())
}

/// Decodes what an object holds.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(value: host::Value) -> Result<T> {
    codec::decode(value).map_err(|malformed| not_a::<T>(&malformed))
}

#[cold]
fn not_a<T>(malformed: &str) -> Error {
    Error::Invalid(format!("the object is not a {}: {malformed}", std::any::type_name::<T>()))
}
