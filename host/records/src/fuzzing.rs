//! What is read from a control store, for the fuzzers of `tests/fuzz`.

use bytes::Bytes;
use host_control::Key as Path;
use host_core::control::{Key, Value};

use crate::{key, value};

/// The key that a path is.
pub fn key(path: &[u8]) -> Option<Key> {
    key::from_path(&Path::new(Bytes::copy_from_slice(path)).ok()?)
}

/// The path that a key is; none if it cannot be one.
pub fn path(of: &Key) -> Option<Bytes> {
    Some(key::to_path(of).ok()?.bytes().clone())
}

/// What is kept under the key.
pub fn read(of: &Key, bytes: &[u8]) -> Option<Value> {
    value::from_bytes(of, bytes).ok()
}

/// How it is kept.
pub fn written(of: &Key, kept: &Value) -> Option<Bytes> {
    value::to_bytes(of, kept).ok()
}
