//! Counts what a guest holds open, so that neither it nor all guests together
//! take the file descriptors that the host needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, TcpSocket};

use crate::files::Entries;
use crate::limits;

/// What all guests of a profile hold open.
pub(crate) struct Pool {
    open: AtomicUsize,
    max: usize,
}

/// One guest's part of a [`Pool`].
///
/// It is settled when the guest opens something: handles it dropped since are
/// given back then, or at its end, so the pool never counts too few.
pub(crate) struct Share {
    pool: Arc<Pool>,
    counted: usize,
}

/// There is no room for another handle.
pub(crate) struct Full;

impl Pool {
    /// A pool that leaves half of the files that the process may open to the
    /// host.
    pub(crate) fn new() -> Pool {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let max =
            files.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
        Pool { open: AtomicUsize::new(0), max }
    }
}

impl Share {
    pub(crate) fn new(pool: Arc<Pool>) -> Share {
        Share { pool, counted: 0 }
    }

    /// Makes room for one more handle beside those in `table`.
    pub(crate) fn claim(&mut self, table: &mut ResourceTable) -> Result<(), Full> {
        let wanted = count(table) + 1;
        if wanted > limits::HANDLES {
            return Err(Full);
        }
        let settled = self.pool.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            let open = open - self.counted + wanted;
            (open <= self.pool.max).then_some(open)
        });
        settled.map_err(|_| Full)?;
        self.counted = wanted;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.open.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// The entries that may hold a file descriptor or a buffer.
fn count(table: &mut ResourceTable) -> usize {
    let entries = table.iter_mut();
    entries
        .filter(|entry| {
            entry.is::<Descriptor>()
                || entry.is::<DynInputStream>()
                || entry.is::<DynOutputStream>()
                || entry.is::<TcpSocket>()
                || entry.is::<Entries>()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test::{Silent, writer};

    fn stream(table: &mut ResourceTable) {
        let stream: DynOutputStream = Box::new(writer(Arc::new(Silent)));
        table.push(stream).unwrap();
    }

    fn pool(max: usize) -> Arc<Pool> {
        Arc::new(Pool { open: AtomicUsize::new(0), max })
    }

    #[test]
    fn a_guest_has_its_limit() {
        let (mut share, mut table) = (Share::new(pool(usize::MAX)), ResourceTable::new());
        for _ in 0..limits::HANDLES {
            assert!(share.claim(&mut table).is_ok());
            stream(&mut table);
        }
        assert!(share.claim(&mut table).is_err());
    }

    #[test]
    fn all_guests_together_have_theirs_and_give_back_what_they_drop() {
        let pool = pool(2);
        let (mut first, mut second) = (Share::new(pool.clone()), Share::new(pool.clone()));
        let (mut full, mut empty) = (ResourceTable::new(), ResourceTable::new());
        stream(&mut full);
        assert!(first.claim(&mut full).is_ok());
        assert!(second.claim(&mut empty).is_err());
        assert!(first.claim(&mut ResourceTable::new()).is_ok(), "it dropped its stream");
        assert!(second.claim(&mut empty).is_ok());
        drop((first, second));
        assert_eq!(pool.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn other_resources_do_not_count() {
        let mut table = ResourceTable::new();
        table.push("a pollable, say").unwrap();
        assert_eq!(count(&mut table), 0);
    }
}
