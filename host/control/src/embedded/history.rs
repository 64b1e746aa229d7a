//! The last revisions, for watches.
//!
//! There is one history, and no queue per watcher: a watcher holds a revision
//! and reads on from there. So a slow one costs nothing, resuming is the same
//! as going on, and both end in [`Error::Compacted`] when the bound has taken
//! what they would read next.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::{Change, Changes, Error, Prefix, Revision, Watch, limits};

/// The history; shared by the writer, which appends, and the watches.
pub(super) struct History {
    /// Held for a moment, never across an await.
    kept: RwLock<Kept>,
    /// The last revision, to wake watches; closed with the store.
    last: watch::Sender<Revision>,
}

/// Revisions without a gap: `floor + 1`, `floor + 2`, and so on.
struct Kept {
    revisions: VecDeque<Arc<Changes>>,
    /// The revision before the first of those.
    floor: Revision,
    bytes: usize,
}

impl History {
    /// Nothing kept, at a revision.
    pub(super) fn at(revision: Revision) -> History {
        let kept = Kept { revisions: VecDeque::new(), floor: revision, bytes: 0 };
        History { kept: RwLock::new(kept), last: watch::Sender::new(revision) }
    }

    /// Appends the next revisions and drops the oldest past the bounds.
    pub(super) fn append(&self, changes: impl IntoIterator<Item = Changes>) {
        let mut kept = self.kept.write();
        for changes in changes {
            let next = kept.floor.number() + kept.revisions.len() as u64 + 1;
            assert_eq!(changes.revision.number(), next, "revisions come without a gap");
            kept.bytes += size(&changes);
            kept.revisions.push_back(Arc::new(changes));
        }
        while kept.revisions.len() > limits::HISTORY_REVISIONS_MAX
            || kept.bytes > limits::HISTORY_BYTES_MAX
        {
            let oldest = kept.revisions.pop_front().expect("the bounds are above nothing");
            kept.bytes -= size(&oldest);
            kept.floor = oldest.revision;
        }
        let last = Revision::new(kept.floor.number() + kept.revisions.len() as u64);
        drop(kept);
        self.last.send_replace(last);
    }

    /// The revision before the first that is kept.
    pub(super) fn floor(&self) -> Revision {
        self.kept.read().floor
    }

    /// Watches a prefix from behind a revision.
    pub(super) fn watch(
        history: &Arc<History>,
        prefix: &Prefix,
        after: Revision,
    ) -> Result<Watch, Error> {
        let last = history.last.subscribe();
        let reached = *last.borrow();
        if after > reached {
            let why = format!(
                "it is at revision {reached}, and {after} was seen: an old copy was put in place"
            );
            return Err(Error::Corrupt { why });
        }
        let floor = history.floor();
        if after < floor {
            return Err(Error::Compacted { oldest: floor });
        }
        // Weak: a watch does not keep a closed store's history, and ends.
        let history = Arc::downgrade(history);
        let start = (history, prefix.clone(), after, last);
        Ok(Watch::new(futures_util::stream::unfold(start, |mut watcher| async move {
            loop {
                let (history, prefix, after, last) = &mut watcher;
                // Before the look, so that what comes after it wakes.
                last.borrow_and_update();
                let found = history.upgrade()?.next(prefix, after);
                match found {
                    Ok(Some(changes)) => return Some((Ok(changes), watcher)),
                    Ok(None) => last.changed().await.ok()?,
                    Err(error) => return Some((Err(error), watcher)),
                }
            }
        })))
    }

    /// The first revision behind `after` that changed something under the
    /// prefix. Moves `after` to it, or to the last if there is none.
    fn next(&self, prefix: &Prefix, after: &mut Revision) -> Result<Option<Changes>, Error> {
        let kept = self.kept.read();
        let Some(skip) = after.number().checked_sub(kept.floor.number()) else {
            return Err(Error::Compacted { oldest: kept.floor });
        };
        for changes in kept.revisions.range(skip as usize..) {
            *after = changes.revision;
            let of_prefix = changes.changes.iter().filter(|change| prefix.holds(change.key()));
            let of_prefix: Vec<Change> = of_prefix.cloned().collect();
            if !of_prefix.is_empty() {
                return Ok(Some(Changes { revision: changes.revision, changes: of_prefix }));
            }
        }
        Ok(None)
    }
}

/// About what a revision takes in memory.
fn size(changes: &Changes) -> usize {
    let bytes = changes.changes.iter().map(|change| match change {
        Change::Put(record) => record.key.bytes().len() + record.value.len(),
        Change::Deleted(key) => key.bytes().len(),
    });
    bytes.sum::<usize>() + changes.changes.len() * size_of::<Change>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn deleted(revision: u64, key: &'static str) -> Changes {
        let changes = vec![Change::Deleted(Key::new(key).unwrap())];
        Changes { revision: Revision::new(revision), changes }
    }

    fn all() -> Prefix {
        Prefix::new("").unwrap()
    }

    #[tokio::test]
    async fn watch_tells_what_its_prefix_has_of_each_revision() {
        let history = Arc::new(History::at(Revision::new(3)));
        history.append([deleted(4, "a/1"), deleted(5, "b/1"), deleted(6, "a/2")]);
        let prefix = Prefix::new("a/").unwrap();
        let mut watch = History::watch(&history, &prefix, Revision::new(4)).unwrap();
        assert_eq!(watch.next().await, Ok(deleted(6, "a/2")));
        history.append([deleted(7, "a/3")]);
        assert_eq!(watch.next().await, Ok(deleted(7, "a/3")));
    }

    #[tokio::test]
    async fn watcher_behind_the_bound_is_told_so_and_keeps_nothing() {
        let history = Arc::new(History::at(Revision::ZERO));
        let mut watch = History::watch(&history, &all(), Revision::ZERO).unwrap();
        let end = limits::HISTORY_REVISIONS_MAX as u64 + 10;
        history.append((1..=end).map(|revision| deleted(revision, "a")));
        let compacted = Err(Error::Compacted { oldest: Revision::new(10) });
        assert_eq!(watch.next().await, compacted);
        assert_eq!(watch.next().await, compacted);
        assert!(History::watch(&history, &all(), Revision::new(9)).is_err());
        let mut watch = History::watch(&history, &all(), Revision::new(10)).unwrap();
        assert_eq!(watch.next().await, Ok(deleted(11, "a")));
    }

    #[tokio::test]
    async fn watch_ends_with_its_store() {
        let history = Arc::new(History::at(Revision::ZERO));
        let mut watch = History::watch(&history, &all(), Revision::ZERO).unwrap();
        drop(history);
        assert!(matches!(watch.next().await, Err(Error::Unavailable { .. })));
    }

    #[test]
    fn revision_that_the_store_has_not_reached_is_a_sign_of_damage() {
        let history = Arc::new(History::at(Revision::new(5)));
        let watch = History::watch(&history, &all(), Revision::new(6));
        assert!(matches!(watch, Err(Error::Corrupt { .. })));
    }
}
