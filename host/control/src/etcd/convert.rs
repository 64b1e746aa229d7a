//! Between the types here and etcd's.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt as _};
use host_proto::etcd as proto;
use host_proto::etcd::compare::{CompareResult, CompareTarget, TargetUnion};
use host_proto::etcd::request_op::Request as Operation;
use host_proto::etcd::response_op::Response as Found;

use crate::{
    Answer, Change, ClusterId, Compare, Error, Key, LeaseId, Outcome, Page, Prefix, Range, Record,
    Revision, Seen, Test, Transaction, Write, WriteKind, limits,
};

/// Bytes of a namespace; they are added to every key.
const NAMESPACE_BYTES_MAX: usize = 128;

/// Where things lie in etcd.
pub(super) struct Space {
    /// The key of the cluster's id.
    id: Bytes,
    /// What the keys of records begin with.
    records: Bytes,
}

impl Space {
    pub(super) fn new(namespace: &str) -> Result<Space, Error> {
        if namespace.is_empty() {
            return Err(Error::Invalid { why: "etcd's namespace is empty".into() });
        }
        if namespace.len() > NAMESPACE_BYTES_MAX {
            let what = "the bytes of etcd's namespace";
            return Err(Error::too_large(what, namespace.len(), NAMESPACE_BYTES_MAX));
        }
        Ok(Space {
            id: format!("{namespace}/id").into(),
            records: format!("{namespace}/r/").into(),
        })
    }

    /// Writes the cluster's id if there is none.
    pub(super) fn claim(&self, id: ClusterId) -> proto::TxnRequest {
        let absent = TargetUnion::CreateRevision(0);
        let put = proto::PutRequest { key: self.id.clone(), value: id_bytes(id), lease: 0 };
        proto::TxnRequest {
            compare: vec![equal(self.id.clone(), CompareTarget::Create, absent)],
            success: vec![operation(Operation::RequestPut(put))],
            failure: vec![operation(Operation::RequestRange(self.id_range()))],
        }
    }

    /// Reads if the namespace is of this cluster.
    pub(super) fn read(&self, cluster: ClusterId, range: proto::RangeRequest) -> proto::TxnRequest {
        proto::TxnRequest {
            compare: vec![self.guard(cluster)],
            success: vec![operation(Operation::RequestRange(range))],
            failure: vec![operation(Operation::RequestRange(self.id_range()))],
        }
    }

    /// A transaction, if the namespace is of this cluster. It reads what it
    /// compares before it writes; if it fails, the cluster's id first.
    pub(super) fn transaction(
        &self,
        cluster: ClusterId,
        transaction: &Transaction,
    ) -> proto::TxnRequest {
        let Transaction { compares, writes } = transaction;
        let reads = compares.iter().map(|compare| {
            let keys_only = match compare.answer {
                Answer::Revisions => true,
                Answer::Value => false,
            };
            Operation::RequestRange(self.record_range(&compare.key, keys_only))
        });
        let id = Operation::RequestRange(self.id_range());
        let writes = writes.iter().map(|write| self.write(write));
        let tests = compares.iter().map(|compare| self.compare(compare));
        proto::TxnRequest {
            compare: std::iter::once(self.guard(cluster)).chain(tests).collect(),
            success: reads.clone().chain(writes).map(operation).collect(),
            failure: std::iter::once(id).chain(reads).map(operation).collect(),
        }
    }

    fn guard(&self, cluster: ClusterId) -> proto::Compare {
        equal(self.id.clone(), CompareTarget::Value, TargetUnion::Value(id_bytes(cluster)))
    }

    fn compare(&self, compare: &Compare) -> proto::Compare {
        let created = TargetUnion::CreateRevision;
        let (target, value) = match &compare.test {
            Test::Absent => (CompareTarget::Create, created(0)),
            Test::Present => {
                let compare = equal(self.key(&compare.key), CompareTarget::Create, created(0));
                return proto::Compare { result: CompareResult::Greater.into(), ..compare };
            }
            Test::Created(revision) => (CompareTarget::Create, created(revision_to(*revision))),
            Test::Modified(revision) => {
                (CompareTarget::Mod, TargetUnion::ModRevision(revision_to(*revision)))
            }
            Test::Value(value) => (CompareTarget::Value, TargetUnion::Value(value.clone())),
        };
        equal(self.key(&compare.key), target, value)
    }

    fn write(&self, write: &Write) -> Operation {
        let key = self.key(&write.key);
        match &write.kind {
            WriteKind::Put { value, lease } => Operation::RequestPut(proto::PutRequest {
                key,
                value: value.clone(),
                lease: lease.map_or(0, lease_to),
            }),
            WriteKind::Delete => Operation::RequestDeleteRange(proto::DeleteRangeRequest {
                key,
                range_end: Bytes::new(),
            }),
        }
    }

    pub(super) fn id_range(&self) -> proto::RangeRequest {
        proto::RangeRequest { key: self.id.clone(), ..Default::default() }
    }

    pub(super) fn record_range(&self, key: &Key, keys_only: bool) -> proto::RangeRequest {
        proto::RangeRequest { key: self.key(key), keys_only, ..Default::default() }
    }

    pub(super) fn page_range(&self, range: &Range, limit: usize) -> proto::RangeRequest {
        let (first, range_end) = self.bounds(&range.prefix);
        let key = match &range.after {
            // The next key there can be.
            Some(after) => self.joined(&[after.bytes(), b"\0"]).max(first),
            None => first,
        };
        proto::RangeRequest { key, range_end, limit: limit as i64, ..Default::default() }
    }

    /// The first key with a prefix, and the first behind all of them.
    pub(super) fn bounds(&self, prefix: &Prefix) -> (Bytes, Bytes) {
        let first = self.joined(&[prefix.bytes()]);
        let mut end = first.to_vec();
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        let last = end.last_mut().expect("a namespace is text, which has no such bytes");
        *last += 1;
        (first, end.into())
    }

    fn key(&self, key: &Key) -> Bytes {
        self.joined(&[key.bytes()])
    }

    fn joined(&self, parts: &[&[u8]]) -> Bytes {
        let mut whole = BytesMut::new();
        whole.put(self.records.as_ref());
        parts.iter().for_each(|part| whole.put(*part));
        whole.freeze()
    }

    /// The cluster's id in the answer of a transaction that failed.
    pub(super) fn found(&self, answer: &proto::TxnResponse) -> Result<Option<ClusterId>, Error> {
        let first = answer.responses.first().and_then(|first| first.response.as_ref());
        let Some(Found::ResponseRange(range)) = first else {
            return Err(Error::corrupt("etcd left out the cluster's id"));
        };
        Ok(range.kvs.first().and_then(|found| ClusterId::from_slice(&found.value)))
    }

    /// What a transaction on the right cluster came to.
    pub(super) fn outcome(
        &self,
        answer: proto::TxnResponse,
        transaction: &Transaction,
    ) -> Result<Outcome, Error> {
        let revision = revision(answer.header.as_ref())?;
        let succeeded = answer.succeeded;
        let ranges = ranges(answer)?;
        // The cluster's id comes first if it failed.
        let ranges = ranges.into_iter().skip(usize::from(!succeeded));
        let seen: Vec<_> = ranges
            .zip(&transaction.compares)
            .map(|(range, compare)| {
                range.kvs.into_iter().next().map(|found| Seen {
                    created: revision_from(found.create_revision),
                    modified: revision_from(found.mod_revision),
                    lease: lease_from(found.lease),
                    value: match compare.answer {
                        Answer::Revisions => None,
                        Answer::Value => Some(found.value),
                    },
                })
            })
            .collect();
        if seen.len() != transaction.compares.len() {
            return Err(Error::corrupt("etcd left out what it compared"));
        }
        Ok(Outcome { revision, succeeded, seen })
    }

    pub(super) fn page(
        &self,
        revision: Revision,
        range: proto::RangeResponse,
    ) -> Result<Page, Error> {
        let mut page = Page { revision, records: Vec::new(), more: range.more };
        let mut bytes = 0;
        for found in range.kvs {
            bytes += found.key.len() + found.value.len();
            if bytes > limits::PAGE_BYTES_MAX && !page.records.is_empty() {
                page.more = true;
                break;
            }
            page.records.push(self.record(found)?);
        }
        Ok(page)
    }

    pub(super) fn record(&self, found: proto::KeyValue) -> Result<Record, Error> {
        Ok(Record {
            key: self.name(&found.key)?,
            value: found.value,
            created: revision_from(found.create_revision),
            modified: revision_from(found.mod_revision),
            lease: lease_from(found.lease),
        })
    }

    /// An event's revision and what changed.
    pub(super) fn change(&self, event: proto::Event) -> Result<(Revision, Change), Error> {
        let kind = event.r#type();
        let found = event.kv.ok_or_else(|| Error::corrupt("etcd tells a change of nothing"))?;
        let revision = revision_from(found.mod_revision);
        let change = match kind {
            proto::event::EventType::Put => Change::Put(self.record(found)?),
            proto::event::EventType::Delete => Change::Deleted(self.name(&found.key)?),
        };
        Ok((revision, change))
    }

    fn name(&self, key: &Bytes) -> Result<Key, Error> {
        if !key.starts_with(&self.records) {
            return Err(Error::corrupt("etcd answers with a key of another namespace"));
        }
        Key::new(key.slice(self.records.len()..))
            .map_err(|error| Error::corrupt(format!("somebody else wrote a record: {error}")))
    }
}

/// The answers to the reads of a transaction.
pub(super) fn ranges(answer: proto::TxnResponse) -> Result<Vec<proto::RangeResponse>, Error> {
    let ranges = answer.responses.into_iter().filter_map(|response| match response.response {
        Some(Found::ResponseRange(range)) => Some(Ok(range)),
        Some(Found::ResponsePut(_) | Found::ResponseDeleteRange(_)) => None,
        None => Some(Err(Error::corrupt("etcd left out an answer"))),
    });
    ranges.collect()
}

pub(super) fn revision(header: Option<&proto::ResponseHeader>) -> Result<Revision, Error> {
    let header = header.ok_or_else(|| Error::corrupt("etcd says no revision"))?;
    Ok(revision_from(header.revision))
}

/// A lease's name that nobody else draws.
pub(super) fn draw_lease() -> Result<LeaseId, Error> {
    let random = crate::identity::draw()?;
    let (half, _) = random.split_at(size_of::<u64>());
    let number = u64::from_be_bytes(half.try_into().expect("half of 16 bytes"));
    // etcd's are positive.
    Ok(LeaseId::new((number >> 1).max(1)).expect("it is not 0"))
}

/// The error of a transaction, with the name of the lease that is gone: etcd
/// does not say it. Of several it may be another.
pub(super) fn name_lease(error: Error, transaction: &Transaction) -> Error {
    let leases = transaction.writes.iter().filter_map(|write| match write.kind {
        WriteKind::Put { lease, .. } => lease,
        WriteKind::Delete => None,
    });
    match (error, leases.into_iter().next()) {
        (Error::LeaseGone { .. }, Some(lease)) => Error::LeaseGone { lease },
        (other, _) => other,
    }
}

/// A stream of one message that is not ended after it.
pub(super) fn one_and_open<T: Send>(message: T) -> impl Stream<Item = T> + Send {
    stream::once(std::future::ready(message)).chain(stream::pending())
}

/// A lease's number in etcd. Numbers past etcd's are of no lease there either.
pub(super) fn lease_to(lease: LeaseId) -> i64 {
    i64::try_from(lease.number()).unwrap_or(i64::MAX)
}

fn lease_from(lease: i64) -> Option<LeaseId> {
    u64::try_from(lease).ok().and_then(LeaseId::new)
}

/// A revision's number in etcd. One past etcd's was never reached there.
pub(super) fn revision_to(revision: Revision) -> i64 {
    i64::try_from(revision.number()).unwrap_or(i64::MAX)
}

pub(super) fn revision_from(revision: i64) -> Revision {
    Revision::new(revision.max(0) as u64)
}

fn id_bytes(id: ClusterId) -> Bytes {
    Bytes::copy_from_slice(&id.bytes())
}

fn operation(request: Operation) -> proto::RequestOp {
    proto::RequestOp { request: Some(request) }
}

fn equal(key: Bytes, target: CompareTarget, value: TargetUnion) -> proto::Compare {
    proto::Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key,
        target_union: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_before_the_next_key_that_lacks_it() {
        let space = Space::new("g").unwrap();
        let check = |prefix: &'static [u8], end: &'static [u8]| {
            let (_, found) = space.bounds(&Prefix::new(prefix).unwrap());
            assert_eq!(found, end);
        };
        check(b"", b"g/r0");
        check(b"a", b"g/r/b");
        check(b"a\xff\xff", b"g/r/b");
        check(b"\xff", b"g/r0");
    }

    #[test]
    fn lease_names_are_etcds() {
        let lease = draw_lease().unwrap();
        assert!(lease_to(lease) > 0);
        assert_eq!(lease_from(lease_to(lease)), Some(lease));
    }
}
