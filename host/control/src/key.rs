//! The names of records.

use std::fmt;

use bytes::Bytes;

use crate::{Error, limits};

/// The name of a record: 1 to [`KEY_BYTES_MAX`](limits::KEY_BYTES_MAX) bytes,
/// in the order of the bytes. By custom a path, such as `nodes/NAME`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Bytes);

/// What keys begin with; an empty one is that of all.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Prefix(Bytes);

impl Key {
    /// A key.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the bound, [`Error::Invalid`] for an empty one.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Key, Error> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(Error::Invalid { why: "a key is empty".into() });
        }
        check(bytes).map(Key)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Prefix {
    /// A prefix.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the bound of keys.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Prefix, Error> {
        check(bytes.into()).map(Prefix)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Whether a key begins with it.
    pub fn holds(&self, key: &Key) -> bool {
        key.0.starts_with(&self.0)
    }
}

fn check(bytes: Bytes) -> Result<Bytes, Error> {
    if bytes.len() > limits::KEY_BYTES_MAX {
        return Err(Error::too_large("the bytes of a key", bytes.len(), limits::KEY_BYTES_MAX));
    }
    Ok(bytes)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*", self.0.escape_ascii())
    }
}
