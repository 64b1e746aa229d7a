//! Refs and handles inside a value travel beside its bytes. While the codec
//! works on a value, this thread's attachments are where `Serialize` puts them
//! and `Deserialize` finds them; at any other time serialising one is an error.

use std::cell::RefCell;
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

/// Refs and handles beside one or more values.
#[derive(Default)]
pub(crate) struct Attachments {
    pub(crate) refs: Vec<Rc<RawRef>>,
    pub(crate) handles: Vec<Rc<RawHandle>>,
}

impl Attachments {
    /// What the host delivered with a value.
    pub(crate) fn received(refs: Vec<RawRef>, handles: Vec<RawHandle>) -> Self {
        Attachments {
            refs: refs.into_iter().map(Rc::new).collect(),
            handles: handles.into_iter().map(Rc::new).collect(),
        }
    }
}

/// What the codec is doing on this thread.
enum Work {
    Nothing,
    /// Encoding. Indices count from where the value's attachments begin.
    Sending {
        attachments: Attachments,
        refs_start: usize,
        handles_start: usize,
    },
    /// Decoding.
    Receiving(Attachments),
}

thread_local! {
    static WORK: RefCell<Work> = const { RefCell::new(Work::Nothing) };
}

/// Puts the outer work back, also when a `Serialize` of the user's panics.
struct Restore(Option<Work>);

impl Restore {
    fn start(work: Work) -> Self {
        Restore(Some(WORK.replace(work)))
    }

    fn finish(mut self) -> Work {
        WORK.replace(self.0.take().unwrap_or(Work::Nothing))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(outer) = self.0.take() {
            WORK.set(outer);
        }
    }
}

/// Runs an encoder; the refs and handles it meets are added to `attachments`.
pub(crate) fn collect<R>(attachments: &mut Attachments, encode: impl FnOnce() -> R) -> R {
    let refs_start = attachments.refs.len();
    let handles_start = attachments.handles.len();
    let attachments_now = std::mem::take(attachments);
    let work = Work::Sending { attachments: attachments_now, refs_start, handles_start };
    let restore = Restore::start(work);
    let result = encode();
    if let Work::Sending { attachments: collected, .. } = restore.finish() {
        *attachments = collected;
    }
    result
}

/// Runs a decoder that may take from `attachments`.
pub(crate) fn lend<R>(attachments: Attachments, decode: impl FnOnce() -> R) -> R {
    let restore = Restore::start(Work::Receiving(attachments));
    let result = decode();
    restore.finish();
    result
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
    let index = WORK.with_borrow_mut(|work| match work {
        Work::Sending { attachments, refs_start, .. } => {
            attachments.refs.push(Rc::clone(raw));
            Some(attachments.refs.len() - 1 - *refs_start)
        }
        Work::Nothing | Work::Receiving(_) => None,
    });
    serialize_index(serializer, "an object ref", EXTENSION_REF, index)
}

pub(crate) fn serialize_handle<S: Serializer>(
    raw: &Rc<RawHandle>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let index = WORK.with_borrow_mut(|work| match work {
        Work::Sending { attachments, handles_start, .. } => {
            attachments.handles.push(Rc::clone(raw));
            Some(attachments.handles.len() - 1 - *handles_start)
        }
        Work::Nothing | Work::Receiving(_) => None,
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
    let found = WORK.with_borrow(|work| match work {
        Work::Receiving(attachments) => attachments.refs.get(index).cloned(),
        Work::Nothing | Work::Sending { .. } => None,
    });
    found.ok_or_else(|| D::Error::custom(format_args!("no object ref {index} came with the value")))
}

pub(crate) fn deserialize_handle<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Rc<RawHandle>, D::Error> {
    let index = deserialize_index(deserializer, EXTENSION_HANDLE, "an actor handle")?;
    let found = WORK.with_borrow(|work| match work {
        Work::Receiving(attachments) => attachments.handles.get(index).cloned(),
        Work::Nothing | Work::Sending { .. } => None,
    });
    found.ok_or_else(|| {
        D::Error::custom(format_args!("no actor handle {index} came with the value"))
    })
}
