//! What is committed together.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use redb::{Database, ReadableTable as _, WriteTransaction};

use crate::embedded::leases::Leases;
use crate::embedded::read;
use crate::embedded::tables::{self, ATTACHED, HISTORY, LEASES, RECORDS};
use crate::{
    Answer, Change, Changes, Error, Key, LeaseId, Outcome, Record, Revision, Seen, Transaction,
    WriteKind, wire,
};

/// Changes that were made and not committed yet.
pub(super) struct Batch {
    write: WriteTransaction,
    revision: Revision,
    changes: Vec<Changes>,
    /// The last lease granted, if one was.
    last_lease: Option<LeaseId>,
}

impl Batch {
    pub(super) fn begin(database: &Database, revision: Revision) -> Result<Batch, redb::Error> {
        let write = database.begin_write()?;
        Ok(Batch { write, revision, changes: Vec::new(), last_lease: None })
    }

    /// Does a transaction, or leaves everything as it is.
    pub(super) fn transact(
        &mut self,
        transaction: &Transaction,
        leases: &Leases,
    ) -> Result<Result<Outcome, Error>, redb::Error> {
        let (succeeded, seen) = self.compare(transaction)?;
        if succeeded {
            let gone = transaction.writes.iter().find_map(|write| match write.kind {
                WriteKind::Put { lease: Some(lease), .. } => {
                    (!leases.lives(lease)).then_some(lease)
                }
                WriteKind::Put { lease: None, .. } | WriteKind::Delete => None,
            });
            if let Some(lease) = gone {
                return Ok(Err(Error::LeaseGone { lease }));
            }
            self.write(transaction)?;
        }
        Ok(Ok(Outcome { revision: self.revision, succeeded, seen }))
    }

    fn compare(&self, transaction: &Transaction) -> Result<(bool, Vec<Option<Seen>>), redb::Error> {
        let records = self.write.open_table(RECORDS)?;
        let mut all_hold = true;
        let mut all_seen = Vec::with_capacity(transaction.compares.len());
        for compare in &transaction.compares {
            let row = records.get(compare.key.bytes().as_ref())?;
            let row = row.as_ref().map(|row| row.value());
            all_hold &= compare.test.holds(row.map(|(created, modified, _, value)| {
                (Revision::new(created), Revision::new(modified), value)
            }));
            all_seen.push(row.map(|(created, modified, lease, value)| Seen {
                created: Revision::new(created),
                modified: Revision::new(modified),
                lease: LeaseId::new(lease),
                value: match compare.answer {
                    Answer::Revisions => None,
                    Answer::Value => Some(Bytes::copy_from_slice(value)),
                },
            }));
        }
        Ok((all_hold, all_seen))
    }

    fn write(&mut self, transaction: &Transaction) -> Result<(), redb::Error> {
        let next = Revision::new(self.revision.number() + 1);
        let mut changes = Vec::new();
        for write in &transaction.writes {
            match &write.kind {
                WriteKind::Put { value, lease } => {
                    changes.push(Change::Put(self.put(&write.key, value, *lease, next)?));
                }
                WriteKind::Delete => {
                    if self.delete(&write.key)? {
                        changes.push(Change::Deleted(write.key.clone()));
                    }
                }
            }
        }
        self.changed(changes);
        Ok(())
    }

    fn put(
        &self,
        key: &Key,
        value: &Bytes,
        lease: Option<LeaseId>,
        revision: Revision,
    ) -> Result<Record, redb::Error> {
        let mut records = self.write.open_table(RECORDS)?;
        let before = records.get(key.bytes().as_ref())?.map(|row| {
            let (created, _, lease, _) = row.value();
            (Revision::new(created), LeaseId::new(lease))
        });
        let (created, old_lease) = before.unwrap_or((revision, None));
        if old_lease != lease {
            let mut attached = self.write.open_table(ATTACHED)?;
            if let Some(old) = old_lease {
                attached.remove((old.number(), key.bytes().as_ref()))?;
            }
            if let Some(new) = lease {
                attached.insert((new.number(), key.bytes().as_ref()), ())?;
            }
        }
        let row = (created.number(), revision.number(), LeaseId::number_of(lease), value.as_ref());
        records.insert(key.bytes().as_ref(), row)?;
        Ok(Record { key: key.clone(), value: value.clone(), created, modified: revision, lease })
    }

    /// Deletes a record; whether it was there.
    fn delete(&self, key: &Key) -> Result<bool, redb::Error> {
        let mut records = self.write.open_table(RECORDS)?;
        let lease = records.remove(key.bytes().as_ref())?.map(|row| row.value().2);
        if let Some(lease) = lease.and_then(LeaseId::new) {
            let mut attached = self.write.open_table(ATTACHED)?;
            attached.remove((lease.number(), key.bytes().as_ref()))?;
        }
        Ok(lease.is_some())
    }

    /// A lease begins.
    pub(super) fn begin_lease(&mut self, lease: LeaseId, ttl: Duration) -> Result<(), redb::Error> {
        self.write.open_table(LEASES)?.insert(lease.number(), ttl.as_secs())?;
        self.last_lease = Some(lease);
        Ok(())
    }

    /// A lease ends, and its records with it.
    pub(super) fn end_lease(&mut self, lease: LeaseId) -> Result<(), redb::Error> {
        self.write.open_table(LEASES)?.remove(lease.number())?;
        let keys = {
            let none: &[u8] = &[];
            let attached = self.write.open_table(ATTACHED)?;
            let rows = attached.range((lease.number(), none)..(lease.number() + 1, none))?;
            rows.map(|row| read::stored_key(row?.0.value().1)).collect::<Result<Vec<_>, _>>()?
        };
        for key in &keys {
            self.delete(key)?;
        }
        self.changed(keys.into_iter().map(Change::Deleted).collect());
        Ok(())
    }

    /// Makes the next revision, if there is anything to it.
    fn changed(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.revision = Revision::new(self.revision.number() + 1);
            self.changes.push(Changes { revision: self.revision, changes });
        }
    }

    /// Commits, and takes what is no longer kept from the history's table: up
    /// to `new_floor`, when all up to `old_floor` is gone already. What was
    /// changed is returned.
    pub(super) fn commit(
        self,
        old_floor: Revision,
        new_floor: Revision,
    ) -> Result<(Revision, Vec<Changes>), redb::Error> {
        let Batch { write, revision, changes, last_lease } = self;
        {
            let mut history = write.open_table(HISTORY)?;
            for changes in &changes {
                let encoded = wire::changes_to(changes.clone()).encode_to_vec();
                history.insert(changes.revision.number(), encoded.as_slice())?;
            }
            for revision in old_floor.number()..new_floor.number() {
                history.remove(revision + 1)?;
            }
        }
        if !changes.is_empty() {
            tables::set_number(&write, tables::REVISION_NUMBER, revision.number())?;
        }
        if let Some(lease) = last_lease {
            tables::set_number(&write, tables::LEASE_NUMBER, lease.number())?;
        }
        write.commit()?;
        Ok((revision, changes))
    }
}
