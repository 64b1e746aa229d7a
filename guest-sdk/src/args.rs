//! Arguments on their way out: encoded one behind the other into one buffer,
//! without an allocation for the usual small call.

use std::rc::Rc;

use serde::Serialize;

use crate::attachments::Attachments;
use crate::bytes::Bytes;
use crate::codec;
use crate::error::{Error, Result};
use crate::host::{
    self, Outgoing, OutgoingArguments, OutgoingArgumentsCarrying, OutgoingCarrying, RawHandle,
    RawRef,
};
use crate::object::ObjectRef;
use crate::scratch::Scratch;

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

/// The arguments of a call that is being put together.
#[doc(hidden)]
pub struct Args {
    /// Those that are values, one behind the other.
    bytes: Scratch,
    count: u32,
    /// What the bytes carry.
    attachments: Option<Box<Attachments>>,
    /// Those that are objects, with their places.
    objects: Vec<(u32, Rc<RawRef>)>,
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
            attachments: None,
            objects: Vec::new(),
            problem: None,
        }
    }

    /// Adds the argument for a parameter of type `T`.
    #[inline]
    pub fn add<T>(&mut self, argument: impl IntoArg<T>) {
        argument.add_to(self);
        self.count += 1;
    }

    #[inline]
    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) {
        if let Err(error) = codec::encode(value, &mut self.bytes, &mut self.attachments) {
            self.problem.get_or_insert_with(|| Box::new(error));
        }
    }

    fn add_object<T>(&mut self, object: ObjectRef<T>) {
        self.objects.push((self.count, object.into_raw()));
    }

    /// Hands the arguments to a host function.
    #[inline]
    pub(crate) fn send<R>(
        mut self,
        send: impl FnOnce(OutgoingArguments<'_>) -> Result<R>,
    ) -> Result<R> {
        if let Some(problem) = self.problem.take() {
            return Err(*problem);
        }
        if self.attachments.is_none() && self.objects.is_empty() {
            return send(OutgoingArguments::Plain(&self.bytes));
        }
        let lent = self.attachments.as_ref().map(|attachments| attachments.lend());
        let Lent { refs, handles } = lent.unwrap_or_default();
        let objects: Vec<(u32, &RawRef)> =
            self.objects.iter().map(|(place, raw)| (*place, &**raw)).collect();
        send(OutgoingArguments::Carrying(OutgoingArgumentsCarrying {
            bytes: &self.bytes,
            refs: &refs,
            handles: &handles,
            objects: &objects,
        }))
    }
}

/// What stands beside bytes, as the host takes it.
#[derive(Default)]
pub(crate) struct Lent<'a> {
    refs: Vec<&'a RawRef>,
    handles: Vec<&'a RawHandle>,
}

impl Lent<'_> {
    pub(crate) fn beside<'a>(&'a self, bytes: &'a [u8]) -> Outgoing<'a> {
        let Lent { refs, handles } = self;
        Outgoing::Carrying(OutgoingCarrying { bytes, refs, handles })
    }
}

impl Attachments {
    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent {
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
