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

/// What stands beside or instead of an argument's bytes.
enum Carried {
    Attachments(Box<Attachments>),
    /// The argument is the value of this object.
    Object(Rc<RawRef>),
}

/// The arguments of a call that is being put together.
#[doc(hidden)]
pub struct Args {
    /// All of them, one behind the other.
    bytes: Scratch,
    count: usize,
    /// Where each ends in `bytes`.
    ends: [usize; INLINE_MAX],
    more_ends: Vec<usize>,
    /// By the argument's place, ascending.
    carried: Vec<(usize, Carried)>,
    /// The first argument that could not be encoded; sending answers it.
    problem: Option<Box<Error>>,
}

impl Args {
    #[expect(clippy::new_without_default, reason = "not for users")]
    #[inline]
    pub fn new() -> Self {
        Args {
            bytes: Scratch::take(),
            count: 0,
            ends: [0; INLINE_MAX],
            more_ends: Vec::new(),
            carried: Vec::new(),
            problem: None,
        }
    }

    /// Adds the argument for a parameter of type `T`.
    #[inline]
    pub fn add<T>(&mut self, argument: impl IntoArg<T>) {
        argument.add_to(self);
    }

    #[inline]
    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) {
        match codec::encode(value, &mut self.bytes) {
            Ok(None) => {}
            Ok(Some(attachments)) => {
                self.carried.push((self.count, Carried::Attachments(attachments)));
            }
            Err(error) => {
                self.problem.get_or_insert_with(|| Box::new(error));
            }
        }
        self.end_argument();
    }

    fn add_object<T>(&mut self, object: ObjectRef<T>) {
        self.carried.push((self.count, Carried::Object(object.into_raw())));
        self.end_argument();
    }

    #[inline]
    fn end_argument(&mut self) {
        let end = self.bytes.len();
        match self.ends.get_mut(self.count) {
            Some(slot) => *slot = end,
            None => self.more_ends.push(end),
        }
        self.count += 1;
    }

    /// Hands the arguments to a host function.
    #[inline]
    pub(crate) fn send<R>(mut self, send: impl FnOnce(&[Outgoing<'_>]) -> Result<R>) -> Result<R> {
        if let Some(problem) = self.problem.take() {
            return Err(*problem);
        }
        let mut start = 0;
        match (self.count, self.carried.is_empty()) {
            (0, _) => send(&[]),
            (1, true) => send(&[Outgoing::Plain(&self.bytes)]),
            (2..=INLINE_MAX, true) => {
                let outgoing: [Outgoing<'_>; INLINE_MAX] = std::array::from_fn(|index| {
                    let end = self.ends[index].max(start);
                    Outgoing::Plain(&self.bytes[std::mem::replace(&mut start, end)..end])
                });
                send(&outgoing[..self.count])
            }
            _ => self.send_any(send),
        }
    }

    /// The way for attachments and for many arguments.
    fn send_any<R>(&self, send: impl FnOnce(&[Outgoing<'_>]) -> Result<R>) -> Result<R> {
        let lent: Vec<Lent<'_>> = self.carried.iter().map(|(_, carried)| carried.lend()).collect();
        let ends = self.ends[..self.count.min(INLINE_MAX)].iter().chain(&self.more_ends);
        let mut start = 0;
        let mut outgoing = Vec::with_capacity(self.count);
        for (place, end) in ends.enumerate() {
            let bytes = &self.bytes[start..*end];
            start = *end;
            let carried = self.carried.binary_search_by_key(&place, |(place, _)| *place);
            outgoing.push(match carried {
                Ok(index) => lent[index].beside(bytes),
                Err(_) => Outgoing::Plain(bytes),
            });
        }
        send(&outgoing)
    }
}

impl Carried {
    fn lend(&self) -> Lent<'_> {
        match self {
            Carried::Attachments(attachments) => attachments.lend(),
            Carried::Object(object) => Lent::Object(object),
        }
    }
}

/// What stands beside or instead of bytes, as the host takes it.
pub(crate) enum Lent<'a> {
    Attachments { refs: Vec<&'a RawRef>, handles: Vec<&'a RawHandle> },
    Object(&'a RawRef),
}

impl Lent<'_> {
    pub(crate) fn beside<'a>(&'a self, bytes: &'a [u8]) -> Outgoing<'a> {
        match self {
            Lent::Attachments { refs, handles } => {
                Outgoing::Carrying(OutgoingCarrying { bytes, refs, handles })
            }
            Lent::Object(object) => Outgoing::Object(object),
        }
    }
}

impl Attachments {
    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent::Attachments {
            refs: self.refs.iter().map(|raw| &**raw).collect(),
            handles: self.handles.iter().map(|raw| &**raw).collect(),
        }
    }

    /// Gives a value away with its attachments. Of what the actor goes on
    /// holding it gives another ref or handle.
    pub(crate) fn into_value(self, bytes: Vec<u8>) -> host::Value {
        let give_ref = |raw| Rc::try_unwrap(raw).unwrap_or_else(|held| RawRef::clone(&held));
        let give_handle = |raw| Rc::try_unwrap(raw).unwrap_or_else(|held| RawHandle::clone(&held));
        host::Value::Carrying(host::Carrying {
            bytes,
            refs: self.refs.into_iter().map(give_ref).collect(),
            handles: self.handles.into_iter().map(give_handle).collect(),
        })
    }
}
