//! Refs and handles inside a value travel beside its bytes. While the codec
//! works on a value, this thread's attachments are where `Serialize` puts them
//! and `Deserialize` finds them; at any other time serialising one is an error.

use std::cell::Cell;
use std::rc::Rc;

use serde::de::{Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::host::{RawHandle, RawRef};

/// The MessagePack extension types of the contract (`wit/types.wit`).
const EXTENSION_REF: i8 = 1;
const EXTENSION_HANDLE: i8 = 2;

/// The name by which rmp-serde knows that a newtype is an extension.
const EXTENSION: &str = "_ExtStruct";

/// Refs and handles beside a value; indices in its bytes count in these.
#[derive(Default)]
pub(crate) struct Attachments {
    pub(crate) refs: Vec<Rc<RawRef>>,
    pub(crate) handles: Vec<Rc<RawHandle>>,
}

impl Attachments {
    /// What the host delivered with a value.
    pub(crate) fn received(refs: Vec<RawRef>, handles: Vec<RawHandle>) -> Box<Self> {
        Box::new(Attachments {
            refs: refs.into_iter().map(Rc::new).collect(),
            handles: handles.into_iter().map(Rc::new).collect(),
        })
    }
}

/// What the codec is doing on this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Nothing,
    Sending,
    Receiving,
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work::Nothing) };
    /// Of the value at hand; none for nearly every value.
    static ATTACHMENTS: Cell<Option<Box<Attachments>>> = const { Cell::new(None) };
}

/// Work on one value. Puts what was before back at its end, also when a
/// `Serialize` of the user's panics.
struct Turn {
    work: Work,
    attachments: Option<Box<Attachments>>,
}

impl Turn {
    #[inline]
    fn begin(work: Work, attachments: Option<Box<Attachments>>) -> Self {
        Turn { work: WORK.replace(work), attachments: ATTACHMENTS.replace(attachments) }
    }

    #[inline]
    fn end(mut self) -> Option<Box<Attachments>> {
        ATTACHMENTS.replace(self.attachments.take())
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        WORK.set(self.work);
        if std::thread::panicking() {
            ATTACHMENTS.set(self.attachments.take());
        }
    }
}

/// Runs an encoder; the refs and handles it meets are added.
#[inline]
pub(crate) fn collect<R>(
    attachments: &mut Option<Box<Attachments>>,
    encode: impl FnOnce() -> R,
) -> R {
    let turn = Turn::begin(Work::Sending, attachments.take());
    let result = encode();
    *attachments = turn.end();
    result
}

/// Runs a decoder that may take from `attachments`.
#[inline]
pub(crate) fn lend<R>(attachments: Option<Box<Attachments>>, decode: impl FnOnce() -> R) -> R {
    let turn = Turn::begin(Work::Receiving, attachments);
    let result = decode();
    turn.end();
    result
}

/// Adds to the value's attachments (`add` answers how many of the kind there
/// are then) and answers the index; none if no value is being encoded.
fn attach(add: impl FnOnce(&mut Attachments) -> usize) -> Option<usize> {
    if WORK.get() != Work::Sending {
        return None;
    }
    let mut attachments = ATTACHMENTS.take().unwrap_or_default();
    let count = add(&mut attachments);
    ATTACHMENTS.set(Some(attachments));
    Some(count - 1)
}

/// Takes from the value's attachments, if a value is decoded.
fn take<T>(find: impl FnOnce(&Attachments) -> Option<T>) -> Option<T> {
    let attachments = ATTACHMENTS.take()?;
    let found = if WORK.get() == Work::Receiving { find(&attachments) } else { None };
    ATTACHMENTS.set(Some(attachments));
    found
}

/// Four bytes that serde sees as bytes.
struct Index(usize);

impl Serialize for Index {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = u32::try_from(self.0).map_err(S::Error::custom)?;
        serializer.serialize_bytes(&index.to_be_bytes())
    }
}

fn serialize_index<S: Serializer>(
    serializer: S,
    what: &str,
    kind: i8,
    index: Option<usize>,
) -> Result<S::Ok, S::Error> {
    match index {
        Some(index) => serializer.serialize_newtype_struct(EXTENSION, &(kind, Index(index))),
        None => Err(S::Error::custom(format_args!(
            "{what} can be serialised only inside an argument, a result or `put`"
        ))),
    }
}

pub(crate) fn serialize_ref<S: Serializer>(
    raw: &Rc<RawRef>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let index = attach(|attachments| {
        attachments.refs.push(Rc::clone(raw));
        attachments.refs.len()
    });
    serialize_index(serializer, "an object ref", EXTENSION_REF, index)
}

pub(crate) fn serialize_handle<S: Serializer>(
    raw: &Rc<RawHandle>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let index = attach(|attachments| {
        attachments.handles.push(Rc::clone(raw));
        attachments.handles.len()
    });
    serialize_index(serializer, "an actor handle", EXTENSION_HANDLE, index)
}

/// Reads an extension and answers its index if it is of the kind wanted.
struct IndexOf {
    kind: i8,
    what: &'static str,
}

impl<'de> Visitor<'de> for IndexOf {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, data: D) -> Result<usize, D::Error> {
        let (kind, index) = <(i8, serde_bytes::ByteBuf)>::deserialize(data)?;
        let index = <[u8; 4]>::try_from(index.as_slice()).ok();
        match index {
            Some(index) if kind == self.kind => Ok(u32::from_be_bytes(index) as usize),
            _ => Err(D::Error::custom(format_args!(
                "expected {}, found another extension (type {kind})",
                self.what
            ))),
        }
    }
}

fn deserialize_index<'de, D: Deserializer<'de>>(
    deserializer: D,
    kind: i8,
    what: &'static str,
) -> Result<usize, D::Error> {
    deserializer.deserialize_newtype_struct(EXTENSION, IndexOf { kind, what })
}

pub(crate) fn deserialize_ref<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Rc<RawRef>, D::Error> {
    let index = deserialize_index(deserializer, EXTENSION_REF, "an object ref")?;
    let found = take(|attachments| attachments.refs.get(index).cloned());
    found.ok_or_else(|| D::Error::custom(format_args!("no object ref {index} came with the value")))
}

pub(crate) fn deserialize_handle<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Rc<RawHandle>, D::Error> {
    let index = deserialize_index(deserializer, EXTENSION_HANDLE, "an actor handle")?;
    let found = take(|attachments| attachments.handles.get(index).cloned());
    found.ok_or_else(|| {
        D::Error::custom(format_args!("no actor handle {index} came with the value"))
    })
}
