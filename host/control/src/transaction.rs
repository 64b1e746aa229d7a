//! Writes that happen together, if what they rely on still holds.

use std::collections::HashSet;

use bytes::Bytes;

use crate::{Error, Key, LeaseId, Revision, limits};

/// Writes that are all done, in one revision, if all comparisons hold; else
/// none is. Without comparisons they are done in any case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Transaction {
    /// What has to hold.
    pub compares: Vec<Compare>,
    /// What is then written; each key at most once.
    pub writes: Vec<Write>,
}

/// A comparison with a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compare {
    /// The record's name.
    pub key: Key,
    /// What has to hold.
    pub test: Test,
    /// What is answered about the record, in either case.
    pub answer: Answer,
}

/// What has to hold of a record. Only [`Absent`](Test::Absent) holds of one
/// that is not there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// It is not there.
    Absent,
    /// It is there, whatever it holds.
    Present,
    /// This revision created it.
    Created(Revision),
    /// This revision wrote it last.
    Modified(Revision),
    /// It has this value.
    Value(Bytes),
}

/// What a comparison tells about its record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Its revisions and its lease.
    Revisions,
    /// Its value as well; for at most
    /// [`VALUES_ANSWERED_MAX`](limits::VALUES_ANSWERED_MAX) comparisons.
    Value,
}

/// A write to a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// The record's name.
    pub key: Key,
    /// What becomes of it.
    pub kind: WriteKind,
}

/// What becomes of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WriteKind {
    /// It has this value now.
    Put {
        /// The value.
        value: Bytes,
        /// The lease it is deleted with from now on; the one it had before
        /// counts no longer.
        lease: Option<LeaseId>,
    },
    /// It is gone; nothing happens if it was not there.
    Delete,
}

/// What a transaction came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The store's revision: the one that the writes made, or the one that the
    /// comparisons saw.
    pub revision: Revision,
    /// Whether all comparisons held and the writes were done.
    pub succeeded: bool,
    /// What each comparison saw, before any write.
    pub seen: Vec<Option<Seen>>,
}

/// A record as a comparison saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The revision that created it.
    pub created: Revision,
    /// The revision that wrote it last.
    pub modified: Revision,
    /// The lease it is deleted with.
    pub lease: Option<LeaseId>,
    /// Its value, where [`Answer::Value`] asked for it.
    pub value: Option<Bytes>,
}

impl Transaction {
    /// One that does nothing yet.
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// Only if the record is not there.
    pub fn absent(self, key: Key) -> Transaction {
        self.compare(Compare { key, test: Test::Absent, answer: Answer::Revisions })
    }

    /// Only if the record was last written by this revision.
    pub fn modified(self, key: Key, revision: Revision) -> Transaction {
        let test = Test::Modified(revision);
        self.compare(Compare { key, test, answer: Answer::Revisions })
    }

    /// Only if the record was created by this revision.
    pub fn created(self, key: Key, revision: Revision) -> Transaction {
        let test = Test::Created(revision);
        self.compare(Compare { key, test, answer: Answer::Revisions })
    }

    /// Only if the record has this value.
    pub fn value(self, key: Key, value: impl Into<Bytes>) -> Transaction {
        let test = Test::Value(value.into());
        self.compare(Compare { key, test, answer: Answer::Revisions })
    }

    /// Only if this holds.
    pub fn compare(mut self, compare: Compare) -> Transaction {
        self.compares.push(compare);
        self
    }

    /// Writes a record that stays until it is deleted.
    pub fn put(self, key: Key, value: impl Into<Bytes>) -> Transaction {
        self.write(Write { key, kind: WriteKind::Put { value: value.into(), lease: None } })
    }

    /// Writes a record that goes with a lease.
    pub fn put_leased(self, key: Key, value: impl Into<Bytes>, lease: LeaseId) -> Transaction {
        let kind = WriteKind::Put { value: value.into(), lease: Some(lease) };
        self.write(Write { key, kind })
    }

    /// Deletes a record.
    pub fn delete(self, key: Key) -> Transaction {
        self.write(Write { key, kind: WriteKind::Delete })
    }

    /// Does this write.
    pub fn write(mut self, write: Write) -> Transaction {
        self.writes.push(write);
        self
    }

    /// Its bytes as [`TRANSACTION_BYTES_MAX`](limits::TRANSACTION_BYTES_MAX)
    /// counts them. The key of a comparison counts three times: etcd is told it
    /// for the comparison and to read it in either case.
    pub fn size(&self) -> usize {
        let compares = self.compares.iter().map(|compare| {
            let value = match &compare.test {
                Test::Value(value) => value.len(),
                Test::Absent | Test::Present | Test::Created(_) | Test::Modified(_) => 0,
            };
            3 * compare.key.bytes().len() + value
        });
        let writes = self.writes.iter().map(|write| {
            let value = match &write.kind {
                WriteKind::Put { value, .. } => value.len(),
                WriteKind::Delete => 0,
            };
            write.key.bytes().len() + value
        });
        compares.chain(writes).sum()
    }

    /// Checks all bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bound = |what, size: usize, limit| {
            if size > limit { Err(Error::too_large(what, size, limit)) } else { Ok(()) }
        };
        let operations = self.compares.len() + self.writes.len();
        bound("the number of operations of a transaction", operations, limits::OPERATIONS_MAX)?;
        let answered = self.compares.iter().filter(|it| it.answer == Answer::Value).count();
        bound("the number of values asked for", answered, limits::VALUES_ANSWERED_MAX)?;
        let tested = self.compares.iter().filter_map(|compare| match &compare.test {
            Test::Value(value) => Some(value),
            Test::Absent | Test::Present | Test::Created(_) | Test::Modified(_) => None,
        });
        let written = self.writes.iter().filter_map(|write| match &write.kind {
            WriteKind::Put { value, .. } => Some(value),
            WriteKind::Delete => None,
        });
        for value in tested.chain(written) {
            bound("the bytes of a value", value.len(), limits::VALUE_BYTES_MAX)?;
        }
        bound("the bytes of a transaction", self.size(), limits::TRANSACTION_BYTES_MAX)?;
        if self.compares.iter().any(|compare| compare.test.is_impossible()) {
            return Err(Error::Invalid { why: "revision 0 wrote nothing".into() });
        }
        let mut keys = HashSet::new();
        match self.writes.iter().find(|write| !keys.insert(&write.key)) {
            Some(twice) => {
                Err(Error::Invalid { why: format!("{} is written twice", twice.key).into() })
            }
            None => Ok(()),
        }
    }
}

impl Test {
    /// Whether it can hold of nothing. etcd counts what is absent as written
    /// by revision 0, which would make it hold there.
    fn is_impossible(&self) -> bool {
        match self {
            Test::Created(revision) | Test::Modified(revision) => *revision == Revision::ZERO,
            Test::Absent | Test::Present | Test::Value(_) => false,
        }
    }

    /// Whether it holds of a record: the revisions that created it and wrote
    /// it last, and its value.
    pub(crate) fn holds(&self, record: Option<(Revision, Revision, &[u8])>) -> bool {
        match (self, record) {
            (Test::Absent, record) => record.is_none(),
            (_, None) => false,
            (Test::Present, Some(_)) => true,
            (Test::Created(wanted), Some((created, _, _))) => *wanted == created,
            (Test::Modified(wanted), Some((_, modified, _))) => *wanted == modified,
            (Test::Value(wanted), Some((_, _, value))) => *wanted == value,
        }
    }
}
