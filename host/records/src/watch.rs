//! News of changes.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use host_control::{Change as StoreChange, Changes, Deadline, Revision as StoreRevision, Watch};
use host_core::control::{Change, Prefix, Revision};
use host_core::limits::{CONTROL_RETRY, CONTROL_TIME};
use tokio::time::sleep;

use crate::failure::Failure;
use crate::records::{Records, limited};
use crate::{key, value};

/// A watch and what it told that was not handed on yet.
struct Watching {
    records: Records,
    prefix: Prefix,
    after: Revision,
    /// None until it begins.
    watch: Option<Watch>,
    /// Of one revision: never more than a store changes at once.
    ready: VecDeque<Change>,
}

/// See [`Records::watch`].
pub(crate) fn changes(
    records: Records,
    prefix: Prefix,
    after: Revision,
) -> BoxStream<'static, Change> {
    let watching = Watching { records, prefix, after, watch: None, ready: VecDeque::new() };
    let changes = stream::unfold(watching, |mut watching| async {
        match watching.next().await {
            Ok(change) => Some((change, watching)),
            Err(why) => {
                tracing::info!(prefix = ?watching.prefix, %why, "a watch ended");
                sleep(CONTROL_RETRY).await;
                None
            }
        }
    });
    changes.fuse().boxed()
}

async fn begin(records: &Records, prefix: Prefix, after: Revision) -> Result<Watch, Failure> {
    let (paths, after) = (key::to_paths(prefix), StoreRevision::new(after.0));
    let beginning = records.store.watch(&paths, after, Deadline::after(CONTROL_TIME));
    limited("beginning a watch", beginning).await
}

impl Watching {
    async fn next(&mut self) -> Result<Change, Failure> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            let watch = match &mut self.watch {
                Some(watch) => watch,
                None => {
                    let watch = begin(&self.records, self.prefix, self.after).await?;
                    self.watch.insert(watch)
                }
            };
            // No time limit: it may well be that nothing changes.
            let Changes { revision, changes } = watch.next().await?;
            let changes = changes.into_iter().filter_map(|change| self.change(revision, change));
            self.ready = changes.collect();
        }
    }

    /// A change as the rules know it; none if it cannot be read.
    fn change(&self, revision: StoreRevision, change: StoreChange) -> Option<Change> {
        let path = change.key();
        let key = self.records.key_of(self.prefix, path, revision)?;
        let value = match &change {
            StoreChange::Deleted(_) => None,
            StoreChange::Put(record) => match value::from_bytes(&key, &record.value) {
                Ok(value) => Some(value),
                Err(why) => {
                    self.records.told.left_out(path, revision, &why);
                    return None;
                }
            },
        };
        Some(Change { key, value, revision: Revision(revision.number()) })
    }
}
