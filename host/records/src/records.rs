//! Questions to the store, and its answers.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use host_control::{
    Compare, ControlStore, Deadline, Error, Key as Path, LeaseId as StoreLease, Outcome, Range,
    Reading, Record, Revision as StoreRevision, Seen, Test, Transaction, WriteKind,
};
use host_core::control::{
    Answer, Change, Entry, Guard, Key, LeaseId, Prefix, Request, Revision, Write,
};
use host_core::limits::{CONTROL_TIME, LEASE_TTL};
use tokio::time::timeout;

use crate::failure::{Failure, Unreadable};
use crate::told::Told;
use crate::{key, limits, value, watch};

/// The records of a cluster. Clones are of the same store.
#[derive(Clone)]
pub struct Records {
    pub(crate) store: Arc<dyn ControlStore>,
    pub(crate) told: Arc<Told>,
}

impl Records {
    /// Those in a store.
    pub fn new(store: Arc<dyn ControlStore>) -> Records {
        Records { store, told: Arc::default() }
    }

    /// Puts a question to the store, once, and answers within
    /// [`CONTROL_TIME`] (a range: within half a minute).
    ///
    /// [`Answer::Unknown`] stands for everything that leaves open what the
    /// store holds: it was not reached, did not answer in time, is another
    /// cluster's, or lost the connection on the way. So do a question that no
    /// store can answer, which is a mistake of this host's and is logged as an
    /// error, and a key asked for by itself whose record cannot be read. Where
    /// several records answer, those that cannot be read are left out, and the
    /// log has each once.
    ///
    /// The pages of a large range may be of different moments. The answer's
    /// revision is that of the first, and has nothing that was made later; a
    /// watch behind it misses nothing, and may tell again of records that were
    /// written or deleted meanwhile.
    pub async fn ask(&self, request: Request) -> Answer {
        match self.answer(request).await {
            Ok(answer) => {
                self.told.answered();
                answer
            }
            // A lease that is gone is an answer, and a good one.
            Err(Failure::Store(Error::LeaseGone { .. })) => {
                self.told.answered();
                Answer::LeaseGone
            }
            Err(failure) => {
                self.told.failed(failure);
                Answer::Unknown
            }
        }
    }

    /// What changes behind a revision, in order, as it is asked for: a slow
    /// reader costs nothing, and is cut off once the store has forgotten what
    /// comes next. The stream ends when the watch cannot begin within
    /// [`CONTROL_TIME`], is cut off, or breaks for good; a moment later, so
    /// that whoever begins again at once does not spin.
    pub fn watch(&self, prefix: Prefix, after: Revision) -> BoxStream<'static, Change> {
        watch::changes(self.clone(), prefix, after)
    }

    /// Why the store did not answer the last question; none if it did. For
    /// people, and to tell a store that is away from one that is another
    /// cluster's ([`Error::WrongCluster`]), which will never answer.
    pub fn trouble(&self) -> Option<Error> {
        self.told.trouble()
    }

    async fn answer(&self, request: Request) -> Result<Answer, Failure> {
        let (store, deadline) = (&self.store, Deadline::after(CONTROL_TIME));
        match request {
            Request::Lease => {
                let granted = limited("granting a lease", store.grant(LEASE_TTL, deadline)).await?;
                Ok(Answer::Leased(LeaseId(granted.id.number())))
            }
            Request::KeepAlive(lease) => {
                let Some(lease) = StoreLease::new(lease.0) else { return Ok(Answer::LeaseGone) };
                let kept = store.keep_alive(lease, deadline);
                limited("keeping a lease alive", kept).await?;
                Ok(Answer::Done)
            }
            Request::Revoke(lease) => {
                let Some(lease) = StoreLease::new(lease.0) else { return Ok(Answer::Done) };
                limited("revoking a lease", store.revoke(lease, deadline)).await?;
                Ok(Answer::Done)
            }
            Request::Get(keys) => self.get(keys).await,
            Request::Range(prefix) => {
                let reading = self.range(prefix);
                let what = "a range of many pages";
                let late = |_| Error::TimedOut { what: what.into() };
                timeout(limits::RANGE_TIME, reading).await.map_err(late)?
            }
            Request::Commit { guards, writes } => self.commit(guards, writes).await,
        }
    }

    /// Reads keys as they are at one moment: several by a transaction that
    /// compares and does nothing, since a store's read is of one.
    async fn get(&self, keys: Vec<Key>) -> Result<Answer, Failure> {
        let paths = keys.iter().map(key::to_path).collect::<Result<Vec<_>, _>>()?;
        let deadline = Deadline::after(CONTROL_TIME);
        let (revision, seen) = if let [path] = &paths[..] {
            let Reading { revision, record } =
                limited("a get", self.store.get(path, deadline)).await?;
            (revision, vec![record.map(seen)])
        } else {
            let compares = paths.iter().map(|path| Compare {
                key: path.clone(),
                test: Test::Present,
                answer: host_control::Answer::Value,
            });
            let transaction = Transaction { compares: compares.collect(), writes: Vec::new() };
            let Outcome { revision, succeeded: _, seen } = self.transact(&transaction).await?;
            (revision, seen)
        };
        let mut entries = Vec::with_capacity(keys.len());
        for ((key, path), seen) in keys.into_iter().zip(paths).zip(seen) {
            let Some(seen) = seen else { continue };
            let modified = seen.modified;
            let entry = entry(key, seen);
            entries.push(entry.map_err(|why| Failure::Unreadable { path, modified, why })?);
        }
        Ok(Answer::Entries { entries, revision: Revision(revision.number()) })
    }

    async fn range(&self, prefix: Prefix) -> Result<Answer, Failure> {
        let mut range = Range::of(key::to_paths(prefix));
        let (mut entries, mut bytes, mut first) = (Vec::new(), 0, None);
        loop {
            let deadline = Deadline::after(CONTROL_TIME);
            let page = limited("a range", self.store.range(&range, deadline)).await?;
            let revision = *first.get_or_insert(page.revision);
            let last = page.records.last().map(|record| record.key.clone());
            for record in page.records {
                bytes += record.value.len();
                // Made since the first page: left to the watch. Ids are given
                // out in the order of revisions, and whoever sees a later one
                // takes an earlier one that is missing for gone.
                if record.created <= revision {
                    entries.extend(self.entry_of(prefix, record));
                }
            }
            if !page.more {
                // The store's order is that of its keys' texts.
                entries.sort_unstable_by(|one: &Entry, other| one.key.cmp(&other.key));
                return Ok(Answer::Entries { entries, revision: Revision(revision.number()) });
            }
            if entries.len() > limits::RANGE_RECORDS_MAX || bytes > limits::RANGE_BYTES_MAX {
                return Err(too_large(prefix, entries.len(), bytes).into());
            }
            if last <= range.after {
                let why = format!("a page of {prefix:?} is followed by itself");
                return Err(Error::Corrupt { why }.into());
            }
            range.after = last;
        }
    }

    async fn commit(&self, guards: Vec<Guard>, writes: Vec<Write>) -> Result<Answer, Failure> {
        let compares = guards.iter().map(compare).collect::<Result<_, _>>()?;
        let writes = writes.iter().map(write).collect::<Result<_, _>>()?;
        let transaction = Transaction { compares, writes };
        let Outcome { revision, succeeded, seen } = self.transact(&transaction).await?;
        let revision = Revision(revision.number());
        if succeeded {
            return Ok(Answer::Committed(revision));
        }
        let held = guards.iter().zip(&transaction.compares).zip(seen);
        let entries = held.filter_map(|((guard, compare), seen)| {
            let seen = seen?;
            let modified = seen.modified;
            let entry = entry(guard.key().clone(), seen);
            entry.map_err(|why| self.told.left_out(&compare.key, modified, &why)).ok()
        });
        Ok(Answer::Refused { entries: entries.collect(), revision })
    }

    async fn transact(&self, transaction: &Transaction) -> Result<Outcome, Failure> {
        let asked = transaction.compares.len();
        if asked > limits::KEYS_MAX {
            let why = format!("it is about {asked} keys, more than {}", limits::KEYS_MAX);
            return Err(Failure::Mistake(why));
        }
        let deadline = Deadline::after(CONTROL_TIME);
        let doing = self.store.transact(transaction, deadline);
        let outcome = limited("a transaction", doing).await?;
        if outcome.seen.len() == asked {
            return Ok(outcome);
        }
        let why = format!("{} answers to {asked} comparisons", outcome.seen.len());
        Err(Error::Corrupt { why }.into())
    }

    /// A record that a range found, if it can be read.
    fn entry_of(&self, prefix: Prefix, record: Record) -> Option<Entry> {
        let (path, modified) = (record.key.clone(), record.modified);
        let entry = self.key_of(prefix, &path, modified).map(|key| {
            entry(key, seen(record)).map_err(|why| self.told.left_out(&path, modified, &why))
        });
        entry?.ok()
    }

    /// What a key of the store is the key of, if it is one of these.
    pub(crate) fn key_of(&self, prefix: Prefix, path: &Path, at: StoreRevision) -> Option<Key> {
        let key = key::from_path(path).filter(|key| prefix.has(key));
        if key.is_none() {
            self.told.left_out(path, at, &Unreadable::Malformed("its key is none of ours"));
        }
        key
    }
}

/// Waits for the store within the time limit. A store keeps to its deadline by
/// itself; that it does is not relied on.
pub(crate) async fn limited<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match timeout(CONTROL_TIME, work).await {
        Ok(Err(error @ (Error::Invalid { .. } | Error::TooLarge { .. }))) => {
            Err(Failure::Mistake(error.to_string()))
        }
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::TimedOut { what: what.into() }.into()),
    }
}

fn too_large(prefix: Prefix, records: usize, bytes: usize) -> Error {
    let (what, size, limit) = if records > limits::RANGE_RECORDS_MAX {
        ("the number", records, limits::RANGE_RECORDS_MAX)
    } else {
        ("the bytes", bytes, limits::RANGE_BYTES_MAX)
    };
    let what = format!("{what} of records of {prefix:?}").into();
    Error::TooLarge { what, size: size as u64, limit: limit as u64 }
}

fn entry(key: Key, seen: Seen) -> Result<Entry, Unreadable> {
    let Seen { created, modified, lease, value } = seen;
    let value = value.ok_or(Unreadable::Malformed("the store does not tell its value"))?;
    let value = value::from_bytes(&key, &value)?;
    Ok(Entry {
        key,
        value,
        created: Revision(created.number()),
        modified: Revision(modified.number()),
        lease: lease.map(|lease| LeaseId(lease.number())),
    })
}

fn seen(record: Record) -> Seen {
    let Record { key: _, value, created, modified, lease } = record;
    Seen { created, modified, lease, value: Some(value) }
}

fn compare(guard: &Guard) -> Result<Compare, Failure> {
    let test = match guard {
        Guard::Absent(_) => Test::Absent,
        Guard::Present(_) => Test::Present,
        Guard::At(_, revision) => Test::Modified(StoreRevision::new(revision.0)),
    };
    let answer = host_control::Answer::Value;
    Ok(Compare { key: key::to_path(guard.key())?, test, answer })
}

fn write(write: &Write) -> Result<host_control::Write, Failure> {
    match write {
        Write::Put(key, value, lease) => {
            let lease = match lease {
                None => None,
                Some(LeaseId(number)) => Some(StoreLease::new(*number).ok_or_else(|| {
                    Failure::Mistake(format!("{key:?} is to be bound to lease 0"))
                })?),
            };
            let kind = WriteKind::Put { value: value::to_bytes(key, value)?, lease };
            Ok(host_control::Write { key: key::to_path(key)?, kind })
        }
        Write::Delete(key) => {
            Ok(host_control::Write { key: key::to_path(key)?, kind: WriteKind::Delete })
        }
    }
}
