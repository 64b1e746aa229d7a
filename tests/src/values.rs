//! Arguments and results between Rust values and the contract's: MessagePack
//! bytes, with refs and handles beside them.
//!
//! An [`Actor`] and an [`Object`] can stand anywhere inside a serde value.
//! While a value is encoded or decoded, this thread's [`Work`] is where they
//! put their references, or find them.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use host::node::Job;
use host_refs::{Args as CallArgs, Attached, ObjectRef, Value};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::world::{Actor, Object};

/// The MessagePack extension types of the contract (`wit/types.wit`).
const REF: i8 = 1;
const HANDLE: i8 = 2;

/// The name by which rmp-serde knows that a newtype is an extension.
const EXTENSION: &str = "_ExtStruct";

#[derive(Default)]
struct Work {
    attached: Attached,
    /// The value is this object's.
    replaced: Option<ObjectRef>,
    job: Option<Arc<Job>>,
}

thread_local! {
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

/// The arguments of one call: a tuple.
pub trait Args {
    /// Encodes them, one behind the other.
    fn into_args(self) -> CallArgs;
}

/// An object as an argument: the method gets its value.
pub struct Later<'a, T>(pub &'a Object<T>);

macro_rules! args {
    ($($ty:ident $field:tt),*) => {
        impl<$($ty: Serialize),*> Args for ($($ty,)*) {
            fn into_args(self) -> CallArgs {
                #[allow(unused_mut, reason = "there may be none")]
                let mut args = Encoded::default();
                $(args.add($field, &self.$field);)*
                args.finish()
            }
        }
    };
}

args!();
args!(A 0);
args!(A 0, B 1);
args!(A 0, B 1, C 2);
args!(A 0, B 1, C 2, D 3);

impl Args for CallArgs {
    fn into_args(self) -> CallArgs {
        self
    }
}

/// Arguments that are being encoded.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    attached: Attached,
    objects: Vec<(u32, ObjectRef)>,
}

impl Encoded {
    fn add<T: Serialize>(&mut self, place: u32, value: &T) {
        let attached = std::mem::take(&mut self.attached);
        WORK.set(Some(Work { attached, ..Work::default() }));
        let bytes = rmp_serde::to_vec_named(value).expect("a test's arguments can be encoded");
        let work = WORK.take().expect("set above");
        self.attached = work.attached;
        match work.replaced {
            Some(object) => self.objects.push((place, object)),
            None => self.bytes.extend(bytes),
        }
    }

    fn finish(self) -> CallArgs {
        let plain = self.attached.refs.is_empty() && self.attached.handles.is_empty();
        let attached = (!plain).then(|| Box::new(self.attached));
        CallArgs {
            values: Value { bytes: self.bytes.into(), attached },
            far: None,
            objects: self.objects,
        }
    }
}

/// Decodes a result. Fails the test if it is no `T`.
pub(crate) fn decode<T: DeserializeOwned>(job: &Arc<Job>, mut value: Value) -> T {
    let attached = value.attached.take().map(|attached| *attached).unwrap_or_default();
    WORK.set(Some(Work { attached, replaced: None, job: Some(job.clone()) }));
    let decoded = rmp_serde::from_slice(&value.bytes);
    WORK.set(None);
    decoded.unwrap_or_else(|error| {
        panic!("the result is not a {}: {error}; {:?}", std::any::type_name::<T>(), value.bytes)
    })
}

fn extension<S: Serializer>(serializer: S, kind: i8, index: usize) -> Result<S::Ok, S::Error> {
    let index = u32::try_from(index).map_err(S::Error::custom)?;
    let data = serde_bytes::ByteBuf::from(index.to_be_bytes());
    serializer.serialize_newtype_struct(EXTENSION, &(kind, data))
}

fn with_work<R>(use_it: impl FnOnce(&mut Work) -> R) -> Option<R> {
    WORK.with_borrow_mut(|work| work.as_mut().map(use_it))
}

fn add_ref(object: &ObjectRef) -> usize {
    with_work(|work| {
        work.attached.refs.push(object.clone());
        work.attached.refs.len() - 1
    })
    .expect("objects are encoded as arguments only")
}

fn index<'de, D: Deserializer<'de>>(deserializer: D, wanted: i8) -> Result<usize, D::Error> {
    struct Index;
    impl<'de> serde::de::Visitor<'de> for Index {
        type Value = (i8, serde_bytes::ByteBuf);
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a reference")
        }
        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            data: D,
        ) -> Result<Self::Value, D::Error> {
            Deserialize::deserialize(data)
        }
    }
    let (kind, data) = deserializer.deserialize_newtype_struct(EXTENSION, Index)?;
    let data = <[u8; 4]>::try_from(data.as_slice()).map_err(D::Error::custom)?;
    if kind != wanted {
        return Err(D::Error::custom(format!("extension {kind} where {wanted} was expected")));
    }
    Ok(u32::from_be_bytes(data) as usize)
}

impl<T> Serialize for Later<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_work(|work| work.replaced = Some(self.0.object.clone()));
        serializer.serialize_unit()
    }
}

impl<T> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        extension(serializer, REF, add_ref(&self.object))
    }
}

impl<'de, T> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = index(deserializer, REF)?;
        let found = with_work(|work| (work.attached.refs.get(index).cloned(), work.job.clone()));
        match found {
            Some((Some(object), Some(job))) => Ok(Object { object, job, value: PhantomData }),
            _ => Err(D::Error::custom(format!("no object ref {index} came with the value"))),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = with_work(|work| {
            work.attached.handles.push(self.handle.clone());
            work.attached.handles.len() - 1
        });
        extension(serializer, HANDLE, index.expect("handles are encoded as arguments only"))
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = index(deserializer, HANDLE)?;
        let handle = |work: &mut Work| work.attached.handles.get(index).cloned();
        let found = with_work(|work| (handle(work), work.job.clone()));
        match found {
            Some((Some(handle), Some(job))) => Ok(Actor { handle, job }),
            _ => Err(D::Error::custom(format!("no handle {index} came with the value"))),
        }
    }
}
