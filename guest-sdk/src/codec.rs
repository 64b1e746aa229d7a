//! Values as MessagePack: structs as maps by field name, bytes as bytes, refs
//! and handles as indices into the attachments beside the bytes.
//!
//! The only file that names the serde format.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use crate::attachments::{self, Attachments};
use crate::bytes::{SHARED_MIN, share};
use crate::error::Error;
use crate::host;

/// Nesting that a value from outside may have; each level costs stack.
const DEPTH_MAX: usize = 128;

/// Why bytes are not a value, in words that fit behind `expected TYPE: `.
pub(crate) type Malformed = String;

/// Appends a value to a buffer, and the refs and handles in it to those that
/// are there already.
#[inline]
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    bytes: &mut Vec<u8>,
    attachments: &mut Option<Box<Attachments>>,
) -> Result<(), Error> {
    attachments::collect(attachments, || append(value, bytes))
        .map_err(|error| cannot_encode::<T>(&error))
}

#[cold]
fn cannot_encode<T: ?Sized>(error: &rmp_serde::encode::Error) -> Error {
    Error::Invalid(format!("cannot encode a {}: {error}", std::any::type_name::<T>()))
}

#[inline]
fn append<T: Serialize + ?Sized>(
    value: &T,
    bytes: &mut Vec<u8>,
) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(bytes).with_struct_map())
}

/// A value with no refs or handles in it, such as an application error.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::new();
    append(value, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Reads what [`to_vec`] wrote.
#[inline]
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.next()?;
    if decoder.ends() { Ok(value) } else { Err(trailing()) }
}

/// Reads values that stand one behind the other.
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    inner: Inner<'a>,
    /// Where it is: rmp-serde does not say. None behind a value that does not
    /// show its length at its beginning.
    at: Option<usize>,
}

type Inner<'a> = rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'a, [u8]>>;

impl<'a> Decoder<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut inner = Inner::from_read_ref(bytes);
        inner.set_max_depth(DEPTH_MAX);
        Decoder { bytes, inner, at: Some(0) }
    }

    /// The next value.
    #[inline]
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, Malformed> {
        let value = T::deserialize(&mut self.inner).map_err(malformed)?;
        self.at = self.at.and_then(|at| Some(at + scalar_length(self.bytes.get(at..)?)?));
        Ok(value)
    }

    /// Whether nothing follows.
    #[inline]
    pub(crate) fn ends(mut self) -> bool {
        match self.at {
            Some(at) => at == self.bytes.len(),
            // At the end it cannot read on.
            None => matches!(
                IgnoredAny::deserialize(&mut self.inner),
                Err(rmp_serde::decode::Error::InvalidMarkerRead(_))
            ),
        }
    }
}

/// How many values stand one behind the other; what is malformed counts as
/// one, and ends them.
#[cold]
pub(crate) fn count(bytes: &[u8]) -> usize {
    let mut inner = Decoder::new(bytes).inner;
    let mut count = 0;
    loop {
        match IgnoredAny::deserialize(&mut inner) {
            Ok(_) => count += 1,
            Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => return count,
            Err(_) => return count + 1,
        }
    }
}

#[cold]
fn malformed(error: rmp_serde::decode::Error) -> Malformed {
    error.to_string()
}

#[cold]
fn trailing() -> Malformed {
    "more bytes follow the value".to_owned()
}

/// The bytes that a value has, if its first few tell: numbers, text, bytes.
#[inline]
fn scalar_length(bytes: &[u8]) -> Option<usize> {
    let length = |at: usize| bytes.get(at).copied().map(usize::from);
    let long = |count: usize| {
        let bytes = bytes.get(1..=count)?;
        Some(bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
    };
    Some(match *bytes.first()? {
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => 1,
        first @ 0xa0..=0xbf => 1 + usize::from(first & 0x1f),
        0xc4 | 0xd9 => length(1)?.saturating_add(2),
        0xc5 | 0xda => long(2)?.saturating_add(3),
        0xc6 | 0xdb => long(4)?.saturating_add(5),
        0xcc | 0xd0 => 2,
        0xcd | 0xd1 => 3,
        0xca | 0xce | 0xd2 => 5,
        0xcb | 0xcf | 0xd3 => 9,
        _ => return None,
    })
}

/// Runs a decoder of a message, which large [`Bytes`](crate::Bytes) in it may
/// share.
#[inline]
pub(crate) fn with_message<R>(message: Vec<u8>, decode: impl FnOnce(&[u8]) -> R) -> R {
    if message.len() < SHARED_MIN { decode(&message) } else { share(message, decode) }
}

/// Reads a value that came from the host.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(value: host::Value) -> Result<T, Malformed> {
    match value {
        host::Value::Plain(bytes) => attachments::lend(None, || with_message(bytes, from_slice)),
        host::Value::Carrying(host::Carrying { bytes, refs, handles }) => {
            let received = Attachments::received(refs, handles);
            attachments::lend(Some(received), || with_message(bytes, from_slice))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let mut bytes = to_vec(&value).expect("it can be encoded");
        if let Some(length) = scalar_length(&bytes) {
            assert_eq!(length, bytes.len(), "{value:?}");
        }
        assert_eq!(from_slice::<T>(&bytes).as_ref(), Ok(&value));
        for end in 0..bytes.len().min(100) {
            assert!(from_slice::<T>(&bytes[..end]).is_err(), "{value:?} cut at {end}");
        }
        bytes.push(0);
        assert_eq!(from_slice::<T>(&bytes), Err(trailing()), "{value:?}");
    }

    #[test]
    fn values_come_back_and_nothing_may_follow_them() {
        for bits in 0..64 {
            check(1u64 << bits);
            check(-1i64 << bits);
        }
        check(1.5f32);
        check(1.5f64);
        check(true);
        check(());
        for length in [0, 31, 32, 255, 256, 65_535, 65_536] {
            check("x".repeat(length));
            check(crate::Bytes::from(vec![7; length]));
            check(vec![7u8; length]);
        }
        check(std::collections::BTreeMap::from([(1, vec![Some("a".to_owned()), None])]));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        #[derive(Debug, serde::Deserialize)]
        struct Deep(#[allow(dead_code, reason = "only decoded")] Vec<Deep>);

        let deep = [vec![0x91; 100_000], vec![0x90]].concat();
        assert!(from_slice::<Deep>(&deep).is_err());
    }
}
