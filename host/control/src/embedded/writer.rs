//! The thread that writes.
//!
//! It takes everything that waits as one batch, applies it in order within one
//! redb transaction, and commits once: however many wait, they share an fsync.
//! What it answers is sent after the commit. It owns the leases: keeping one
//! alive and ending one come in one order, so no lease is both kept alive and
//! ended. Requests that arrived while a commit took long are read before any
//! lease is ended for their lack.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prost::Message as _;
use redb::{Database, ReadTransaction, ReadableDatabase as _};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::batch::Batch;
use super::history::History;
use super::leases::Leases;
use super::tables::{self, HISTORY, LEASES};
use crate::{
    Changes, Deadline, Error, Lease, LeaseId, Outcome, Revision, Transaction, limits, wire,
};

mod batch;

/// A request to write, with its claim to room in the queue.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) deadline: Deadline,
    pub(super) _room: OwnedSemaphorePermit,
}

/// What to do, and where the answer goes.
pub(super) enum Command {
    Transact { transaction: Transaction, answer: oneshot::Sender<Result<Outcome, Error>> },
    Grant { ttl: Duration, answer: oneshot::Sender<Result<Lease, Error>> },
    KeepAlive { lease: LeaseId, answer: oneshot::Sender<Result<Duration, Error>> },
    Revoke { lease: LeaseId, answer: oneshot::Sender<Result<(), Error>> },
}

/// An answer that waits for the commit.
type Reply = Box<dyn FnOnce()>;

/// What the thread owns.
struct Writer {
    database: Arc<Database>,
    history: Arc<History>,
    leases: Leases,
    /// The last revision that was committed.
    revision: Revision,
    /// The last lease that was granted.
    last_lease: u64,
    /// The revision before the first in the history's table.
    history_floor: Revision,
    /// Set by a fault of the file, after which nothing is written.
    broken: Option<Error>,
}

/// Reads what the file holds and starts the thread. It ends when the other end
/// of the channel is gone. Blocks.
pub(super) fn start(
    database: Arc<Database>,
    requests: Receiver<Request>,
) -> Result<(JoinHandle<()>, Arc<History>), Error> {
    let writer = Writer::load(database).map_err(|error| tables::file_error(&error))?;
    let history = writer.history.clone();
    let thread = thread::Builder::new()
        .name("control-writer".to_owned())
        .spawn(move || writer.run(&requests))
        .map_err(|error| Error::Unavailable {
            why: format!("no thread can be started: {error}"),
            advice: "raise the limit on threads of this user".into(),
        })?;
    Ok((thread, history))
}

impl Writer {
    fn load(database: Arc<Database>) -> Result<Writer, redb::Error> {
        let read = database.begin_read()?;
        let revision = Revision::new(tables::number(&read, tables::REVISION_NUMBER)?);
        let last_lease = tables::number(&read, tables::LEASE_NUMBER)?;
        let mut leases = Leases::default();
        let now = Instant::now();
        for row in read.open_table(LEASES)?.range::<u64>(..)? {
            let (lease, ttl) = row?;
            let lease = LeaseId::new(lease.value())
                .ok_or_else(|| redb::Error::Corrupted("a lease has no number".to_owned()))?;
            leases.begin(lease, Duration::from_secs(ttl.value()), now);
        }
        let (history_floor, kept) = load_history(&read, revision)?;
        let history = History::at(history_floor);
        history.append(kept);
        drop(read);
        let history = Arc::new(history);
        let broken = None;
        Ok(Writer { database, history, leases, revision, last_lease, history_floor, broken })
    }

    fn run(mut self, requests: &Receiver<Request>) {
        loop {
            let first = match self.leases.next_end().filter(|_| self.broken.is_none()) {
                Some(end) => {
                    let time = end.saturating_duration_since(Instant::now());
                    match requests.recv_timeout(time) {
                        Ok(request) => Some(request),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                None => match requests.recv() {
                    Ok(request) => Some(request),
                    Err(_) => return,
                },
            };
            // Before the queue is read: what is over now was not kept alive by
            // anything that had arrived by then.
            let now = Instant::now();
            let waiting = first.into_iter().chain(requests.try_iter());
            self.work(waiting.take(limits::QUEUE_KIB_MAX as usize).collect(), now);
        }
    }

    /// Does everything that waits, then ends the leases that were over at
    /// `now`; commits; answers.
    fn work(&mut self, requests: Vec<Request>, now: Instant) {
        let mut replies = Vec::new();
        match self.commit(&mut replies, requests, now) {
            Ok(()) => replies.into_iter().for_each(|reply| reply()),
            Err(error) => {
                // Replies that are dropped tell their callers that the outcome
                // is not known: the fault may have come after the last byte.
                tracing::error!(%error, "the control store's file fails");
                self.broken = Some(tables::file_error(&error));
            }
        }
    }

    fn commit(
        &mut self,
        replies: &mut Vec<Reply>,
        requests: Vec<Request>,
        now: Instant,
    ) -> Result<(), redb::Error> {
        let mut batch = None;
        for request in requests {
            let Request { command, deadline, _room } = request;
            if let Some(error) = &self.broken {
                refuse(command, error.clone());
            } else if deadline.passed() {
                // Nobody waits for it: surely not done is better than perhaps.
                refuse(command, Error::TimedOut { what: "waiting for the writer".into() });
            } else {
                replies.push(self.apply(&mut batch, command)?);
            }
        }
        if self.broken.is_none() {
            for lease in self.leases.over(now) {
                tracing::info!(%lease, "a lease ended: it was not kept alive");
                self.leases.end(lease);
                self.batch(&mut batch)?.end_lease(lease)?;
            }
        }
        let Some(batch) = batch else { return Ok(()) };
        let floor = self.history.floor();
        let (revision, changes) = batch.commit(self.history_floor, floor)?;
        self.history_floor = floor;
        self.revision = revision;
        self.history.append(changes);
        Ok(())
    }

    /// Does one thing; its answer has to wait for the commit.
    fn apply(&mut self, batch: &mut Option<Batch>, command: Command) -> Result<Reply, redb::Error> {
        Ok(match command {
            Command::Transact { transaction, answer } => {
                let outcome = self.batch(batch)?.transact(&transaction, &self.leases)?;
                reply(answer, outcome)
            }
            Command::Grant { ttl, answer } => {
                self.last_lease += 1;
                let id = LeaseId::new(self.last_lease).expect("it counts from 1");
                self.leases.begin(id, ttl, Instant::now());
                self.batch(batch)?.begin_lease(id, ttl)?;
                reply(answer, Ok(Lease { id, ttl }))
            }
            Command::KeepAlive { lease, answer } => {
                let kept = self.leases.keep_alive(lease, Instant::now());
                reply(answer, kept.ok_or(Error::LeaseGone { lease }))
            }
            Command::Revoke { lease, answer } => {
                if self.leases.end(lease) {
                    self.batch(batch)?.end_lease(lease)?;
                }
                reply(answer, Ok(()))
            }
        })
    }

    /// The batch under way, begun by the first that needs it.
    fn batch<'a>(&self, batch: &'a mut Option<Batch>) -> Result<&'a mut Batch, redb::Error> {
        match batch {
            Some(batch) => Ok(batch),
            None => Ok(batch.insert(Batch::begin(&self.database, self.revision)?)),
        }
    }
}

/// The history in the file, without a gap up to the last revision, and the
/// revision before it.
fn load_history(
    read: &ReadTransaction,
    last: Revision,
) -> Result<(Revision, Vec<Changes>), redb::Error> {
    let corrupted = |why: String| redb::Error::Corrupted(format!("the history: {why}"));
    let mut kept = Vec::new();
    for row in read.open_table(HISTORY)?.range::<u64>(..)? {
        let (_, encoded) = row?;
        let changes = host_proto::control::Changes::decode(encoded.value())
            .map_err(|error| corrupted(error.to_string()))?;
        kept.push(wire::changes_from(changes).map_err(|error| corrupted(error.to_string()))?);
    }
    let first = last.number().checked_sub(kept.len() as u64);
    let floor = first.ok_or_else(|| corrupted("more revisions than there were".to_owned()))?;
    let whole = kept.iter().zip(floor + 1..).all(|(it, number)| it.revision.number() == number);
    if whole { Ok((Revision::new(floor), kept)) } else { Err(corrupted("it has a gap".to_owned())) }
}

fn reply<T: 'static>(answer: oneshot::Sender<T>, value: T) -> Reply {
    // Whoever gave up waiting is not told.
    Box::new(move || drop(answer.send(value)))
}

fn refuse(command: Command, error: Error) {
    match command {
        Command::Transact { answer, .. } => drop(answer.send(Err(error))),
        Command::Grant { answer, .. } => drop(answer.send(Err(error))),
        Command::KeepAlive { answer, .. } => drop(answer.send(Err(error))),
        Command::Revoke { answer, .. } => drop(answer.send(Err(error))),
    }
}
