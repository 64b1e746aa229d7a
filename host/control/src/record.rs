//! What a store holds, and what reading answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Error, Key, Prefix, limits};

/// A state of the store. Every transaction that changes something makes the
/// next one, so of two changes the one with the higher revision came later.
/// It never goes back, which makes it a fencing token.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision(u64);

impl Revision {
    /// Before everything.
    pub const ZERO: Revision = Revision(0);

    /// From its number.
    pub fn new(number: u64) -> Revision {
        Revision(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a lease; a cluster never uses one again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeaseId(u64);

impl LeaseId {
    /// From its number; there is no lease 0.
    pub fn new(number: u64) -> Option<LeaseId> {
        (number != 0).then_some(LeaseId(number))
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The number on disk and on the wire, where 0 stands for none.
    pub(crate) fn number_of(lease: Option<LeaseId>) -> u64 {
        lease.map_or(0, LeaseId::number)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A lease that was granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives unless kept alive: at least what was asked for.
    pub ttl: Duration,
}

/// A record as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its name.
    pub key: Key,
    /// What it holds.
    pub value: Bytes,
    /// The revision that created it.
    pub created: Revision,
    /// The revision that wrote it last.
    pub modified: Revision,
    /// The lease it is deleted with.
    pub lease: Option<LeaseId>,
}

/// The answer to a get.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The store's revision when it was read.
    pub revision: Revision,
    /// The record, if there is one.
    pub record: Option<Record>,
}

/// Which records to read, a page at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Range {
    /// What their keys begin with.
    pub prefix: Prefix,
    /// Only keys behind this one: the last of the page before.
    pub after: Option<Key>,
    /// The most records that one page has: 1 to
    /// [`PAGE_RECORDS_MAX`](limits::PAGE_RECORDS_MAX). A page may have fewer
    /// although more follow.
    pub limit: usize,
}

impl Range {
    /// The first page, as large as pages are.
    pub fn of(prefix: Prefix) -> Range {
        Range { prefix, after: None, limit: limits::PAGE_RECORDS_MAX }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.limit == 0 {
            return Err(Error::Invalid { why: "a page of no records".into() });
        }
        if self.limit > limits::PAGE_RECORDS_MAX {
            let limit = limits::PAGE_RECORDS_MAX;
            return Err(Error::too_large("the records of a page", self.limit, limit));
        }
        Ok(())
    }
}

/// A page of records, in the order of their keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The store's revision when it was read. Pages are read one by one: those
    /// of one range may be of different revisions. A watch behind the revision
    /// of the first tells everything that changed meanwhile.
    pub revision: Revision,
    /// The records.
    pub records: Vec<Record>,
    /// Whether more follow behind the last of these.
    pub more: bool,
}

/// A lease's time in whole seconds, the unit that all stores have.
pub(crate) fn check_ttl(ttl: Duration) -> Result<Duration, Error> {
    if ttl < limits::LEASE_TTL_MIN {
        return Err(Error::Invalid { why: "a lease of less than a second".into() });
    }
    if ttl > limits::LEASE_TTL_MAX {
        let limit = limits::LEASE_TTL_MAX.as_secs() as usize;
        return Err(Error::too_large("the seconds of a lease", ttl.as_secs() as usize, limit));
    }
    let part = u64::from(ttl.subsec_nanos() > 0);
    Ok(Duration::from_secs(ttl.as_secs() + part))
}
