//! Arguments on their way out: encoded one behind the other into one buffer,
//! without an allocation for the usual small call.

use std::rc::Rc;

use serde::Serialize;

use crate::attachments::Attachments;
use crate::bytes::Bytes;
use crate::codec;
use crate::error::{Error, Result};
use crate::host::{self, Outgoing, OutgoingCarrying, RawHandle, RawRef};
use crate::object::ObjectRef;
use crate::scratch::Scratch;

/// Arguments that need no allocation; nearly every method has fewer.
const INLINE_MAX: usize = 4;

/// Something that a method takes as a `T`: a `T`, a `&T`, or an
/// [`ObjectRef<T>`](ObjectRef), whose value the callee gets once it is ready.
///
/// What borrows well works as well: `&str` for a `String`, slices and arrays
/// for a `Vec`, `Vec<u8>` and `&[u8]` for [`Bytes`].
#[diagnostic::on_unimplemented(
    message = "the method takes `{T}`, and `{Self}` is neither that nor a reference to it nor an `ObjectRef` of it",
    label = "expected `{T}`, `&{T}` or `ObjectRef<{T}>`"
)]
pub trait IntoArg<T> {
    #[doc(hidden)]
    fn add_to(self, args: &mut Args);
}

impl<T: Serialize> IntoArg<T> for T {
    #[inline]
    fn add_to(self, args: &mut Args) {
        args.add_value(&self);
    }
}

impl<T: Serialize> IntoArg<T> for &T {
    #[inline]
    fn add_to(self, args: &mut Args) {
        args.add_value(self);
    }
}

impl<T> IntoArg<T> for ObjectRef<T> {
    fn add_to(self, args: &mut Args) {
        args.add_object(self);
    }
}

impl<T> IntoArg<T> for &ObjectRef<T> {
    fn add_to(self, args: &mut Args) {
        args.add_object(self.clone());
    }
}

impl IntoArg<String> for &str {
    #[inline]
    fn add_to(self, args: &mut Args) {
        args.add_value(self);
    }
}

impl<T: Serialize> IntoArg<Vec<T>> for &[T] {
    fn add_to(self, args: &mut Args) {
        args.add_value(self);
    }
}

impl<T: Serialize, const N: usize> IntoArg<Vec<T>> for [T; N] {
    fn add_to(self, args: &mut Args) {
        args.add_value(self.as_slice());
    }
}

impl<T: Serialize, const N: usize> IntoArg<Vec<T>> for &[T; N] {
    fn add_to(self, args: &mut Args) {
        args.add_value(self.as_slice());
    }
}

impl IntoArg<Bytes> for Vec<u8> {
    fn add_to(self, args: &mut Args) {
        args.add_value(serde_bytes::Bytes::new(&self));
    }
}

impl IntoArg<Bytes> for &Vec<u8> {
    fn add_to(self, args: &mut Args) {
        args.add_value(serde_bytes::Bytes::new(self));
    }
}

impl IntoArg<Bytes> for &[u8] {
    fn add_to(self, args: &mut Args) {
        args.add_value(serde_bytes::Bytes::new(self));
    }
}

impl<const N: usize> IntoArg<Bytes> for &[u8; N] {
    fn add_to(self, args: &mut Args) {
        args.add_value(serde_bytes::Bytes::new(self.as_slice()));
    }
}

/// Where an argument ends in the shared buffers; it begins where the one
/// before ends.
#[derive(Clone, Copy, Default)]
struct Segment {
    bytes_end: usize,
    refs_end: usize,
    handles_end: usize,
    /// Whether the one ref of this argument stands for its value.
    is_object: bool,
}

/// The arguments of a call that is being put together.
#[doc(hidden)]
#[derive(Default)]
pub struct Args {
    bytes: Scratch,
    attachments: Attachments,
    count: usize,
    inline: [Segment; INLINE_MAX],
    more: Vec<Segment>,
    /// The first argument that could not be encoded; sending answers it.
    problem: Option<Box<Error>>,
}

impl Args {
    #[inline]
    pub fn new() -> Self {
        Args { bytes: Scratch::take(), ..Args::default() }
    }

    /// Adds the argument for a parameter of type `T`.
    #[inline]
    pub fn add<T>(&mut self, argument: impl IntoArg<T>) {
        argument.add_to(self);
    }

    #[inline]
    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) {
        if let Err(error) = codec::encode(value, &mut self.bytes, &mut self.attachments) {
            self.problem.get_or_insert_with(|| Box::new(error));
        }
        self.end_segment(false);
    }

    fn add_object<T>(&mut self, object: ObjectRef<T>) {
        self.attachments.refs.push(object.into_raw());
        self.end_segment(true);
    }

    #[inline]
    fn end_segment(&mut self, is_object: bool) {
        let segment = Segment {
            bytes_end: self.bytes.len(),
            refs_end: self.attachments.refs.len(),
            handles_end: self.attachments.handles.len(),
            is_object,
        };
        match self.inline.get_mut(self.count) {
            Some(slot) => *slot = segment,
            None => self.more.push(segment),
        }
        self.count += 1;
    }

    /// Hands the arguments to a host function.
    #[inline]
    pub(crate) fn send<R>(mut self, send: impl FnOnce(&[Outgoing<'_>]) -> Result<R>) -> Result<R> {
        if let Some(problem) = self.problem.take() {
            return Err(*problem);
        }
        if self.count > INLINE_MAX || !self.attachments.is_empty() {
            return self.send_any(send);
        }
        let mut start = 0;
        let outgoing: [Outgoing<'_>; INLINE_MAX] = std::array::from_fn(|index| {
            let end = self.inline[index].bytes_end.max(start);
            let plain = Outgoing::Plain(&self.bytes[start..end]);
            start = end;
            plain
        });
        send(&outgoing[..self.count])
    }

    /// The way for attachments and for many arguments.
    fn send_any<R>(&self, send: impl FnOnce(&[Outgoing<'_>]) -> Result<R>) -> Result<R> {
        let refs: Vec<&RawRef> = self.attachments.refs.iter().map(|raw| &**raw).collect();
        let handles: Vec<&RawHandle> = self.attachments.handles.iter().map(|raw| &**raw).collect();
        let segments = self.inline[..self.count.min(INLINE_MAX)].iter().chain(&self.more);
        let mut start = Segment::default();
        let mut outgoing = Vec::with_capacity(self.count);
        for end in segments {
            let bytes = &self.bytes[start.bytes_end..end.bytes_end];
            let refs = &refs[start.refs_end..end.refs_end];
            let handles = &handles[start.handles_end..end.handles_end];
            outgoing.push(match refs {
                [object] if end.is_object => Outgoing::Object(object),
                _ if refs.is_empty() && handles.is_empty() => Outgoing::Plain(bytes),
                _ => Outgoing::Carrying(OutgoingCarrying { bytes, refs, handles }),
            });
            start = *end;
        }
        send(&outgoing)
    }
}

impl Attachments {
    fn is_empty(&self) -> bool {
        self.refs.is_empty() && self.handles.is_empty()
    }

    /// Lends a value with its attachments to a host function.
    pub(crate) fn lend_value<R>(
        &self,
        bytes: &[u8],
        send: impl FnOnce(Outgoing<'_>) -> Result<R>,
    ) -> Result<R> {
        if self.is_empty() {
            return send(Outgoing::Plain(bytes));
        }
        let refs: Vec<&RawRef> = self.refs.iter().map(|raw| &**raw).collect();
        let handles: Vec<&RawHandle> = self.handles.iter().map(|raw| &**raw).collect();
        send(Outgoing::Carrying(OutgoingCarrying { bytes, refs: &refs, handles: &handles }))
    }

    /// Gives a value away with its attachments. Of what the actor goes on
    /// holding it gives another ref or handle.
    #[inline]
    pub(crate) fn into_value(self, bytes: Vec<u8>) -> host::Value {
        if self.is_empty() {
            return host::Value::Plain(bytes);
        }
        let give_ref = |raw| Rc::try_unwrap(raw).unwrap_or_else(|held| RawRef::clone(&held));
        let give_handle = |raw| Rc::try_unwrap(raw).unwrap_or_else(|held| RawHandle::clone(&held));
        host::Value::Carrying(host::Carrying {
            bytes,
            refs: self.refs.into_iter().map(give_ref).collect(),
            handles: self.handles.into_iter().map(give_handle).collect(),
        })
    }
}
