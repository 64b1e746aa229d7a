//! Waiting for objects: `get`, `get_timeout`, `wait`.

use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::host::{self, RawRef};
use crate::object::{ObjectRef, decode};

/// An [`ObjectRef`] or a reference to one.
pub trait AnyRef {
    /// The type of the object.
    type Value: DeserializeOwned;

    /// The ref itself.
    fn object(&self) -> &ObjectRef<Self::Value>;
}

impl<T: DeserializeOwned> AnyRef for ObjectRef<T> {
    type Value = T;

    fn object(&self) -> &ObjectRef<T> {
        self
    }
}

impl<T: DeserializeOwned> AnyRef for &ObjectRef<T> {
    type Value = T;

    fn object(&self) -> &ObjectRef<T> {
        self
    }
}

/// What [`get`] accepts: an [`ObjectRef`], or an array, a slice, a `Vec` or a
/// tuple of them, by value or by reference.
#[diagnostic::on_unimplemented(
    message = "`get` takes object refs, and `{Self}` is not one",
    note = "a call answers an `ObjectRef` once it is sent: `get(counter.increment().remote()?)`"
)]
pub trait Gettable: Sized {
    /// The values of these objects.
    type Output;

    #[doc(hidden)]
    fn raws(&self) -> Raws<'_>;

    #[doc(hidden)]
    fn decode(values: Vec<host::Value>) -> Result<Self::Output>;

    #[doc(hidden)]
    #[inline]
    fn get(self, timeout: Option<u64>) -> Result<Self::Output> {
        let Raws(raws) = self.raws();
        if raws.is_empty() {
            return Self::decode(Vec::new());
        }
        Self::decode(host::get(&raws, timeout)?)
    }
}

/// The objects to get.
#[doc(hidden)]
pub struct Raws<'a>(pub(crate) Vec<&'a RawRef>);

impl<'a> Raws<'a> {
    fn of<R: AnyRef>(refs: &'a [R]) -> Self {
        Raws(refs.iter().map(|any| any.object().raw()).collect())
    }
}

/// Waits for objects and answers their values; with the first error found if
/// one of them failed.
///
/// The host is not blocked meanwhile. A ref that is given away (not
/// `&object`) is released in the same step, which is the fastest way.
///
/// ```
/// use greenroom::prelude::*;
///
/// # fn main() -> Result<()> {
/// let (one, two) = (put(&1)?, put(&"two".to_string())?);
/// assert_eq!(get(&one)?, 1);
/// assert_eq!(get([&one, &one])?, [1, 1]);
/// assert_eq!(get((one, two))?, (1, "two".to_string()));
/// # Ok(())
/// # }
/// ```
#[inline]
pub fn get<R: Gettable>(refs: R) -> Result<R::Output> {
    refs.get(None)
}

/// [`get`] that answers [`Error::TimedOut`] if it takes longer than this.
pub fn get_timeout<R: Gettable>(refs: R, timeout: Duration) -> Result<R::Output> {
    refs.get(Some(host::nanoseconds(timeout)))
}

impl<T: DeserializeOwned> Gettable for ObjectRef<T> {
    type Output = T;

    fn raws(&self) -> Raws<'_> {
        Raws(vec![self.raw()])
    }

    fn decode(values: Vec<host::Value>) -> Result<T> {
        decode_one(values)
    }

    #[inline]
    fn get(self, timeout: Option<u64>) -> Result<T> {
        match Rc::try_unwrap(self.into_raw()) {
            Ok(raw) => decode(host::take(raw, timeout)?),
            Err(shared) => decode_one(host::get(&[&*shared], timeout)?),
        }
    }
}

impl<T: DeserializeOwned> Gettable for &ObjectRef<T> {
    type Output = T;

    fn raws(&self) -> Raws<'_> {
        Raws(vec![self.raw()])
    }

    fn decode(values: Vec<host::Value>) -> Result<T> {
        decode_one(values)
    }
}

fn decode_one<T: DeserializeOwned>(values: Vec<host::Value>) -> Result<T> {
    decode(values.into_iter().next().ok_or_else(too_few)?)
}

fn decode_all<T: DeserializeOwned>(values: Vec<host::Value>) -> Result<Vec<T>> {
    values.into_iter().map(decode).collect()
}

#[cold]
fn too_few() -> Error {
    Error::Invalid("the host answered fewer values than there are refs".to_owned())
}

macro_rules! gettable_list {
    ($ty:ty) => {
        impl<R: AnyRef> Gettable for $ty {
            type Output = Vec<R::Value>;

            fn raws(&self) -> Raws<'_> {
                Raws::of(self)
            }

            fn decode(values: Vec<host::Value>) -> Result<Vec<R::Value>> {
                decode_all(values)
            }
        }
    };
}

gettable_list!(&[R]);
gettable_list!(Vec<R>);
gettable_list!(&Vec<R>);

macro_rules! gettable_array {
    ($ty:ty) => {
        impl<R: AnyRef, const N: usize> Gettable for $ty {
            type Output = [R::Value; N];

            fn raws(&self) -> Raws<'_> {
                Raws::of(self.as_slice())
            }

            fn decode(values: Vec<host::Value>) -> Result<[R::Value; N]> {
                decode_all(values)?.try_into().map_err(|_| too_few())
            }
        }
    };
}

gettable_array!([R; N]);
gettable_array!(&[R; N]);

macro_rules! gettable_tuple {
    ($($ty:ident $field:tt),+) => {
        impl<$($ty: AnyRef),+> Gettable for ($($ty,)+) {
            type Output = ($($ty::Value,)+);

            fn raws(&self) -> Raws<'_> {
                Raws(vec![$(self.$field.object().raw()),+])
            }

            fn decode(values: Vec<host::Value>) -> Result<Self::Output> {
                let mut values = values.into_iter();
                Ok(($(decode::<$ty::Value>(values.next().ok_or_else(too_few)?)?,)+))
            }
        }
    };
}

gettable_tuple!(A 0);
gettable_tuple!(A 0, B 1);
gettable_tuple!(A 0, B 1, C 2);
gettable_tuple!(A 0, B 1, C 2, D 3);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
gettable_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// Waits until `count` objects are ready, or failed, or the time has passed;
/// answers those that are (at most `count`) and the others, each in the order
/// given.
///
/// Given a `Vec`, it gives the refs back; given a reference to one, it answers
/// references.
///
/// ```
/// use greenroom::prelude::*;
///
/// # fn main() -> Result<()> {
/// let mut refs = vec![put(&1)?, put(&2)?, put(&3)?];
/// while !refs.is_empty() {
///     let (ready, rest) = wait(refs, 1, None)?;
///     println!("{:?}", get(ready)?);
///     refs = rest;
/// }
/// # Ok(())
/// # }
/// ```
pub fn wait<R: AnyRef>(
    refs: impl IntoIterator<Item = R>,
    count: usize,
    timeout: Option<Duration>,
) -> Result<(Vec<R>, Vec<R>)> {
    let refs: Vec<R> = refs.into_iter().collect();
    let ready = match checked_count(count, refs.len())? {
        // As many are always ready.
        0 => Vec::new(),
        count => {
            let raw: Vec<&RawRef> = refs.iter().map(|any| any.object().raw()).collect();
            host::wait(&raw, count, timeout.map(host::nanoseconds))?
        }
    };
    Ok(split(refs, &ready))
}

/// More objects than there are will never be ready.
pub(crate) fn checked_count(count: usize, len: usize) -> Result<u32> {
    match u32::try_from(count) {
        Ok(checked) if count <= len => Ok(checked),
        _ => Err(Error::Invalid(format!("wait for {count} of {len} objects"))),
    }
}

/// Splits by ascending indices.
pub(crate) fn split<R>(refs: Vec<R>, ready: &[u32]) -> (Vec<R>, Vec<R>) {
    let mut next = ready.iter().copied().peekable();
    let mut sides = (Vec::with_capacity(ready.len()), Vec::new());
    for (index, object) in (0u32..).zip(refs) {
        if next.next_if_eq(&index).is_some() {
            sides.0.push(object);
        } else {
            sides.1.push(object);
        }
    }
    sides
}
