//! The records about identities in the control store.

use std::sync::Arc;

use bytes::Bytes;
use host_control::{
    ControlStore, Deadline, Error as StoreError, Key, Prefix, Range, Revision, Transaction,
};
use host_identity::Change;

use crate::{Error, limits};

/// Reads and writes records as `host-identity` names them.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) store: Arc<dyn ControlStore>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// It is in the store.
    Done,
    /// Somebody was faster: read the records anew and decide anew.
    Overtaken,
}

impl Records {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let key = Key::new(key.to_owned())?;
        let reading = self.store.get(&key, deadline()).await?;
        Ok(reading.record.map(|record| record.value))
    }

    /// All records whose keys begin so, and the revision behind which a watch
    /// tells what these lack.
    pub(crate) async fn list(
        &self,
        prefix: &'static str,
    ) -> Result<(Revision, Vec<(String, Bytes)>), Error> {
        let mut range = Range::of(Prefix::new(prefix)?);
        let mut revision = None;
        let mut all = Vec::new();
        loop {
            let page = self.store.range(&range, deadline()).await?;
            revision.get_or_insert(page.revision);
            range.after = page.records.last().map(|record| record.key.clone());
            for record in page.records {
                // Ours are text; what is not, is nobody's.
                if let Ok(key) = String::from_utf8(record.key.bytes().to_vec()) {
                    all.push((key, record.value));
                }
            }
            if all.len() > limits::RECORDS_MAX {
                return Err(Error::TooMany { prefix, most: limits::RECORDS_MAX });
            }
            if !page.more || range.after.is_none() {
                return Ok((revision.unwrap_or(Revision::ZERO), all));
            }
        }
    }

    /// Writes a change. When the store does not say whether it did, the
    /// records say it.
    pub(crate) async fn write(&self, change: &Change) -> Result<Written, Error> {
        let transaction = transaction(change)?;
        match self.store.transact(&transaction, deadline()).await {
            Ok(outcome) if outcome.succeeded => Ok(Written::Done),
            Ok(_) => Ok(Written::Overtaken),
            Err(StoreError::Uncertain { .. } | StoreError::TimedOut { .. }) => {
                self.look_whether_written(change).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All writes of a change are done together, and none is what was there
    /// before, so one of them tells.
    async fn look_whether_written(&self, change: &Change) -> Result<Written, Error> {
        let Some(write) = change.writes.first() else { return Ok(Written::Done) };
        let there = self.get(&write.key).await?;
        Ok(if there == write.value { Written::Done } else { Written::Overtaken })
    }
}

/// Until when an operation that begins now may take.
pub(crate) fn deadline() -> Deadline {
    Deadline::after(limits::STORE_TIME)
}

fn transaction(change: &Change) -> Result<Transaction, Error> {
    let mut transaction = Transaction::new();
    for compare in &change.compares {
        let key = Key::new(compare.key.clone())?;
        transaction = match &compare.value {
            Some(value) => transaction.value(key, value.clone()),
            None => transaction.absent(key),
        };
    }
    for write in &change.writes {
        let key = Key::new(write.key.clone())?;
        transaction = match &write.value {
            Some(value) => transaction.put(key, value.clone()),
            None => transaction.delete(key),
        };
    }
    Ok(transaction)
}
