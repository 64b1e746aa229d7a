//! Values as MessagePack: structs as maps by field name, bytes as bytes, refs
//! and handles as indices into the attachments beside the bytes.
//!
//! The only file that names the serde format.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use crate::attachments::{self, Attachments};
use crate::error::Error;
use crate::host;

/// Nesting that a value from outside may have; each level costs stack.
const DEPTH_MAX: usize = 128;

/// Why bytes are not a value, in words that fit behind `expected TYPE: `.
pub(crate) type Malformed = String;

/// Appends a value to a buffer; refs and handles in it go to `attachments`.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    bytes: &mut Vec<u8>,
    attachments: &mut Attachments,
) -> Result<(), Error> {
    let start = bytes.len();
    attachments::collect(attachments, || append(value, bytes)).map_err(|error| {
        bytes.truncate(start);
        cannot_encode::<T>(&error)
    })
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
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    decoder.set_max_depth(DEPTH_MAX);
    let value = T::deserialize(&mut decoder).map_err(|error| error.to_string())?;
    // The decoder does not say where it is; at the end it cannot read on.
    match IgnoredAny::deserialize(&mut decoder) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
        Ok(_) | Err(_) => Err("more bytes follow the value".to_owned()),
    }
}

/// Reads a value that came from the host.
pub(crate) fn decode<T: DeserializeOwned>(value: host::Value) -> Result<T, Malformed> {
    let (bytes, received) = match value {
        host::Value::Plain(bytes) => (bytes, Attachments::default()),
        host::Value::Carrying(host::Carrying { bytes, refs, handles }) => {
            (bytes, Attachments::received(refs, handles))
        }
    };
    attachments::lend(received, || from_slice(&bytes))
}
