//! Records as they are, and what becomes of them.

use bytes::Bytes;

/// Records to write, if others are still as they were read: one transaction of
/// a control store. If a comparison fails, somebody was faster; read the
/// records again and ask again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "nothing has happened until this is written"]
pub struct Change {
    /// What has to hold.
    pub compares: Vec<Compare>,
    /// What is then written.
    pub writes: Vec<Write>,
}

/// A record that has to be as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compare {
    /// Its key.
    pub key: String,
    /// Its value; none if there has to be no such record.
    pub value: Option<Bytes>,
}

/// A record to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// Its key.
    pub key: String,
    /// Its value; none to delete it.
    pub value: Option<Bytes>,
}

/// A record as a control store holds it, which was found to be sealed by the
/// authority ([`Authority::open`](crate::Authority::open)).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored<T> {
    value: T,
    bytes: Bytes,
}

impl<T> Stored<T> {
    pub(crate) fn new(value: T, bytes: Bytes) -> Stored<T> {
        Stored { value, bytes }
    }

    /// What it says.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Its bytes, which a transaction compares.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Change {
    /// Only if the record is as it was read, or not there.
    pub(crate) fn compare<T>(mut self, key: String, current: Option<&Stored<T>>) -> Change {
        let value = current.map(|stored| stored.bytes.clone());
        self.compares.push(Compare { key, value });
        self
    }

    pub(crate) fn put(mut self, key: String, value: impl Into<Bytes>) -> Change {
        self.writes.push(Write { key, value: Some(value.into()) });
        self
    }

    pub(crate) fn delete(mut self, key: String) -> Change {
        self.writes.push(Write { key, value: None });
        self
    }

    /// Both, in one transaction.
    pub(crate) fn and(mut self, other: Change) -> Change {
        self.compares.extend(other.compares);
        self.writes.extend(other.writes);
        self
    }
}
