//! News of changes.

use std::fmt;
use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};

use crate::{Error, Key, Record, Revision};

/// What one revision changed under a watched prefix; at least one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changes {
    /// The revision.
    pub revision: Revision,
    /// All of its changes.
    pub changes: Vec<Change>,
}

/// A change of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// It was created or written.
    Put(Record),
    /// It was deleted, or went with its lease.
    Deleted(Key),
}

impl Change {
    /// The record's name.
    pub fn key(&self) -> &Key {
        match self {
            Change::Put(record) => &record.key,
            Change::Deleted(key) => key,
        }
    }
}

/// A watch; dropping it ends it.
///
/// It tells every change, each once, in the order of the revisions, those of
/// one revision together. It outlives broken connections and restarts of the
/// store, and is silent meanwhile.
pub struct Watch {
    changes: Pin<Box<dyn Stream<Item = Result<Changes, Error>> + Send>>,
    /// Why it ended.
    end: Option<Error>,
}

impl Watch {
    pub(crate) fn new(
        changes: impl Stream<Item = Result<Changes, Error>> + Send + 'static,
    ) -> Watch {
        Watch { changes: Box::pin(changes), end: None }
    }

    /// The next change, however long it takes. Nothing is lost if the future
    /// is dropped.
    ///
    /// # Errors
    /// An error is the end of the watch, and is repeated.
    /// [`Error::Compacted`] if it fell so far behind that changes were
    /// dropped: read anew and watch from there. [`Error::WrongCluster`],
    /// [`Error::Denied`] and [`Error::Corrupt`] as with other operations;
    /// [`Error::Unavailable`] only if the store was closed in this process.
    pub async fn next(&mut self) -> Result<Changes, Error> {
        if let Some(error) = &self.end {
            return Err(error.clone());
        }
        let closed = || Error::Unavailable {
            why: "it was closed".to_owned(),
            advice: "this process is stopping".into(),
        };
        let next = self.changes.next().await.unwrap_or_else(|| Err(closed()));
        self.end = next.as_ref().err().cloned();
        next
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("end", &self.end).finish_non_exhaustive()
    }
}
