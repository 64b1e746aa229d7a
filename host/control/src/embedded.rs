//! The store of the cluster's first node: a redb file in its data directory.
//!
//! One thread writes ([`writer`]); it owns the leases and shares one fsync
//! among all requests that wait. Reads look at the last state on disk, on
//! threads that may block. Watches read on in the [`history`], which is kept
//! with the records, so they resume across a restart too.
//!
//! A write is acknowledged once it is on the disk and never before, so a crash
//! loses none. After a fault of the disk the store says `Unavailable` to
//! everything: what the file holds is only known again once it is opened anew.

mod history;
mod leases;
mod read;
mod tables;
mod writer;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use redb::Database;
use tokio::sync::{Semaphore, oneshot};
use tonic::async_trait;

use self::history::History;
use self::writer::{Command, Request};
use crate::{
    ClusterId, ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range,
    Reading, Revision, Transaction, Watch, limits, record,
};

/// A control store in a file. Clones are the same store; it closes with the
/// last, or by [`close`](Embedded::close).
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    cluster: ClusterId,
    /// What an open store has; none once it is closed. Locked for a moment.
    open: Mutex<Option<Open>>,
    /// Room among the requests to write, in KiB.
    room: Arc<Semaphore>,
    /// Room among the readers.
    readers: Arc<Semaphore>,
    /// The writer, until it is waited for.
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Open {
    database: Arc<Database>,
    history: Arc<History>,
    /// To the writer; bounded by `room`.
    requests: mpsc::Sender<Request>,
}

impl Embedded {
    /// Opens the store in a folder. Makes one if there is none, unless that of
    /// a certain cluster is expected. Leases that lived when it was closed, or
    /// when its process died, live again for their whole time.
    ///
    /// # Errors
    /// [`Error::WrongCluster`] if it is the store of another cluster or was
    /// wiped; [`Error::Corrupt`] for a file of another format;
    /// [`Error::Unavailable`] if the file is in use or the disk fails.
    pub async fn open(folder: &Path, expected: Option<ClusterId>) -> Result<Embedded, Error> {
        let folder = folder.to_owned();
        off_the_async_threads(move || {
            let (database, cluster) = tables::open(&folder, expected)?;
            let database = Arc::new(database);
            let (requests, arriving) = mpsc::channel();
            let (writer, history) = writer::start(database.clone(), arriving)?;
            let open = Open { database, history, requests };
            let shared = Shared {
                cluster,
                open: Mutex::new(Some(open)),
                room: Arc::new(Semaphore::new(limits::QUEUE_KIB_MAX as usize)),
                readers: Arc::new(Semaphore::new(limits::READS_MAX as usize)),
                writer: Mutex::new(Some(writer)),
            };
            Ok(Embedded { shared: Arc::new(shared) })
        })
        .await
    }

    /// Closes the store: requests that wait are done first, later ones and
    /// watches end with [`Error::Unavailable`]. Then the file is free.
    pub async fn close(&self) {
        drop(self.shared.open.lock().take());
        // Readers hold the file as well; nobody begins to read any more.
        let _all = self.shared.readers.acquire_many(limits::READS_MAX).await;
        let writer = self.shared.writer.lock().take();
        if let Some(writer) = writer {
            let joined = off_the_async_threads(move || {
                writer.join().map_err(|_| Error::corrupt("its writer panicked"))
            });
            if let Err(error) = joined.await {
                tracing::error!(%error, "the control store did not close well");
            }
        }
    }

    fn open_now(&self) -> Result<Open, Error> {
        self.shared.open.lock().clone().ok_or_else(closed)
    }

    /// Has the writer do something.
    async fn ask<T>(
        &self,
        what: &'static str,
        bytes: usize,
        deadline: Deadline,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let waiting = async {
            let kib = limits::REQUEST_KIB_MIN + (bytes >> 10) as u32;
            let room = self.shared.room.clone().acquire_many_owned(kib).await;
            let room = room.expect("the semaphore is never closed");
            let (answer, answered) = oneshot::channel();
            let request = Request { command: command(answer), deadline, _room: room };
            self.open_now()?.requests.send(request).map_err(|_| closed())?;
            // Dropped only by a writer that panicked in the middle.
            answered.await.unwrap_or_else(|_| {
                Err(Error::Uncertain { why: "the store's writer failed".to_owned() })
            })
        };
        deadline.limit(what, waiting).await
    }

    /// Reads the file off the async threads.
    async fn look<T: Send + 'static>(
        &self,
        what: &'static str,
        deadline: Deadline,
        read: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let looking = async {
            let turn = self.shared.readers.clone().acquire_owned().await;
            let turn = turn.expect("the semaphore is never closed");
            let Open { database, history: _, requests: _ } = self.open_now()?;
            off_the_async_threads(move || {
                let result = read(&database).map_err(|error| tables::file_error(&error));
                drop(database);
                drop(turn);
                result
            })
            .await
        };
        deadline.limit(what, looking).await
    }
}

#[async_trait]
impl ControlStore for Embedded {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        deadline.limit("identifying the store", async { Ok(self.shared.cluster) }).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        let key = key.clone();
        self.look("a get", deadline, move |database| read::get(database, &key)).await
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        range.check()?;
        let range = range.clone();
        self.look("a range", deadline, move |database| read::page(database, &range)).await
    }

    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        transaction.check()?;
        let command = |answer| Command::Transact { transaction: transaction.clone(), answer };
        self.ask("a transaction", transaction.size(), deadline, command).await
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        let ttl = record::check_ttl(ttl)?;
        self.ask("granting a lease", 0, deadline, |answer| Command::Grant { ttl, answer }).await
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        let command = |answer| Command::KeepAlive { lease, answer };
        self.ask("keeping a lease alive", 0, deadline, command).await
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        let command = |answer| Command::Revoke { lease, answer };
        self.ask("revoking a lease", 0, deadline, command).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        let beginning = async { History::watch(&self.open_now()?.history, prefix, after) };
        deadline.limit("beginning a watch", beginning).await
    }
}

/// Runs what blocks where that does no harm.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::corrupt(format!("the store failed: {error}"))),
    }
}

fn closed() -> Error {
    Error::Unavailable {
        why: "it was closed".to_owned(),
        advice: "the process that serves it is stopping; start it again".into(),
    }
}
