//! The jobs that clients run here. A job is one task, which ends with the
//! client's stream, with an order, or with its work.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use host_core::spec::Options;
use host_core::trace::Context;
use host_core::{Error, JobId, PackageId};
use host_proto::admin as proto;
use host_proto::admin::call_answer::Outcome;
use host_proto::admin::run_event::Event;
use host_refs::{Args, Handle, Value};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::lines::{Follower, Lines, Of};
use super::output::Printed;
use super::{limits, wire};
use crate::node::{Job, Node};
use crate::sandbox::Package;

/// The jobs that are running. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Jobs(Arc<Mutex<BTreeMap<JobId, Entry>>>);

/// A running job, for people.
#[derive(Clone)]
pub(super) struct Entry {
    /// Who runs it.
    pub(super) owner: String,
    /// What it does.
    pub(super) what: String,
    /// The package it runs.
    pub(super) package: PackageId,
    /// When it began.
    pub(super) since: Instant,
    stop: CancellationToken,
}

/// A job's place among the others, until it is dropped.
struct Place {
    jobs: Jobs,
    id: JobId,
}

/// What a job is to do.
pub(super) enum Work {
    /// Its driver, with these arguments.
    Driver(Vec<String>),
    /// Calls.
    Calls(Vec<proto::Invocation>),
}

impl Jobs {
    /// A job that is running.
    pub(super) fn get(&self, id: JobId) -> Option<Entry> {
        self.0.lock().get(&id).cloned()
    }

    /// How many are running.
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// The first `limit` behind `after`, and whether more follow.
    pub(super) fn after(&self, after: Option<JobId>, limit: usize) -> (Vec<(JobId, Entry)>, bool) {
        let jobs = self.0.lock();
        let mut behind = jobs.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        let taken = behind.by_ref().take(limit);
        let items = taken.map(|(id, entry)| (*id, entry.clone())).collect();
        (items, behind.next().is_some())
    }

    /// Ends a job; false if there is none.
    pub(super) fn stop(&self, id: JobId) -> bool {
        self.get(id).inspect(|entry| entry.stop.cancel()).is_some()
    }

    /// Ends all.
    pub(super) fn stop_all(&self) {
        self.0.lock().values().for_each(|entry| entry.stop.cancel());
    }

    fn register(&self, id: JobId, entry: Entry) -> Result<Place, Status> {
        let mut jobs = self.0.lock();
        if jobs.len() >= limits::JOBS {
            return Err(Status::resource_exhausted(format!(
                "{} jobs run on this node, the most there may be; try again or ask another node",
                limits::JOBS
            )));
        }
        jobs.insert(id, entry);
        Ok(Place { jobs: self.clone(), id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.jobs.0.lock().remove(&self.id);
    }
}

impl Work {
    /// What it does, in a line.
    fn what(&self) -> String {
        const SHOWN: usize = 80;
        let text = match self {
            Work::Driver(args) if args.is_empty() => "driver".into(),
            Work::Driver(args) => format!("driver {}", args.join(" ")),
            Work::Calls(calls) => {
                let names = calls.iter().map(|call| format!("{}.{}", call.class, call.method));
                names.take(8).collect::<Vec<_>>().join(", ")
            }
        };
        let clean: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        if clean.len() < text.len() { format!("{clean} …") } else { clean }
    }
}

/// A job that a client wants.
pub(super) struct Wanted {
    pub(super) owner: String,
    /// What the client does it under.
    pub(super) trace: Option<Context>,
    pub(super) package: Arc<Package>,
    pub(super) work: Work,
}

/// Begins a job; its events come through the answer. When that is dropped the
/// job ends.
pub(super) fn begin(
    jobs: &Jobs,
    node: &Node,
    lines: &Arc<Lines>,
    wanted: Wanted,
) -> Result<mpsc::Receiver<Result<proto::RunEvent, Status>>, Status> {
    let Wanted { owner, trace, package, work } = wanted;
    let printed = Arc::new(Printed::default());
    let job = node.begin_job_with(printed.clone()).under(trace);
    let stop = CancellationToken::new();
    let entry = Entry {
        owner,
        what: work.what(),
        package: package.code.id,
        since: Instant::now(),
        stop: stop.clone(),
    };
    let place = jobs.register(job.id(), entry)?;
    let (events, taken) = mpsc::channel(limits::EVENTS);
    let logs = lines.follow(Of::Job(job.id()), 0);
    let running = Running { printed, logs, feed: Feed { events, stop }, place };
    tokio::spawn(running.run(job, package, work));
    Ok(taken)
}

struct Running {
    printed: Arc<Printed>,
    logs: Follower,
    feed: Feed,
    place: Place,
}

/// The way to the client, as long as the job is wanted.
#[derive(Clone)]
struct Feed {
    events: mpsc::Sender<Result<proto::RunEvent, Status>>,
    stop: CancellationToken,
}

/// Nobody wants the job any more.
enum Unwanted {
    /// The client has gone.
    Gone,
    /// Somebody ended it.
    Stopped,
}

impl Feed {
    async fn send(&self, event: Event) -> Result<(), Unwanted> {
        let event = Ok(proto::RunEvent { event: Some(event) });
        // A client that does not read holds up its own job and nothing else.
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Unwanted::Stopped),
            sent = self.events.send(event) => sent.map_err(|_| Unwanted::Gone),
        }
    }

    async fn unwanted(&self) -> Unwanted {
        tokio::select! {
            () = self.stop.cancelled() => Unwanted::Stopped,
            () = self.events.closed() => Unwanted::Gone,
        }
    }
}

impl Running {
    async fn run(mut self, job: Job, package: Arc<Package>, work: Work) {
        let id = job.id();
        let done = match self.feed.send(Event::Job(wire::job_id_to(id))).await {
            Ok(()) => self.work(&job, &package, work).await,
            Err(unwanted) => Err(unwanted),
        };
        let left = job.end().await;
        if let Some(first) = left.first() {
            tracing::warn!(job = %id, actors = left.len(), %first, "actors did not end in time");
        }
        let fault = match done {
            Ok(fault) => match self.rest().await {
                Ok(()) => fault,
                Err(_) => return,
            },
            Err(Unwanted::Gone) => {
                tracing::info!(job = %id, "a job was ended, since its client has gone");
                return;
            }
            Err(Unwanted::Stopped) => {
                Some(wire::fault_to(&Error::Cancelled(format!("job {id} was ended"))))
            }
        };
        let Running { feed, place, .. } = self;
        // Gone from the list before the client hears of the end.
        drop(place);
        let end = Event::End(proto::End { fault });
        // The client may have gone just now. It has no room only if it does
        // not read, and then the end of the stream says the same.
        let _ = feed.events.try_send(Ok(proto::RunEvent { event: Some(end) }));
    }

    /// Does the work, and passes on what it prints; answers what failed.
    async fn work(
        &mut self,
        job: &Job,
        package: &Arc<Package>,
        work: Work,
    ) -> Result<Option<proto::Fault>, Unwanted> {
        let feed = self.feed.clone();
        let mut work = std::pin::pin!(carry_out(job, package, work, &feed));
        loop {
            // All are cancel-safe: what is not taken stays where it is. None goes
            // first, or much output would hold up the lines.
            tokio::select! {
                unwanted = feed.unwanted() => return Err(unwanted),
                (stream, bytes) = self.printed.next() => {
                    feed.send(Event::Output(wire::output_to(stream, bytes))).await?;
                }
                batch = self.logs.next() => feed.send(Event::Logs(wire::lines_to(batch))).await?,
                done = &mut work => return done,
            }
        }
    }

    /// Passes on what was printed and not yet sent.
    async fn rest(&mut self) -> Result<(), Unwanted> {
        while let Some((stream, bytes)) = self.printed.now() {
            self.feed.send(Event::Output(wire::output_to(stream, bytes))).await?;
        }
        loop {
            let batch = self.logs.now();
            if batch.lines.is_empty() {
                return Ok(());
            }
            self.feed.send(Event::Logs(wire::lines_to(batch))).await?;
        }
    }
}

async fn carry_out(
    job: &Job,
    package: &Arc<Package>,
    work: Work,
    feed: &Feed,
) -> Result<Option<proto::Fault>, Unwanted> {
    match work {
        Work::Driver(args) => {
            Ok(job.run(package, args).await.err().map(|error| wire::fault_to(&error)))
        }
        Work::Calls(calls) => {
            let mut actors = HashMap::new();
            for call in calls {
                match wire::outcome_to(one_call(job, package, &mut actors, call).await) {
                    Outcome::Result(value) => feed.send(Event::Result(value)).await?,
                    Outcome::Fault(fault) => return Ok(Some(fault)),
                }
            }
            Ok(None)
        }
    }
}

/// Makes a call, and its actor first if the call says how.
async fn one_call(
    job: &Job,
    package: &Arc<Package>,
    actors: &mut HashMap<String, Handle>,
    call: proto::Invocation,
) -> Result<Value, Arc<Error>> {
    let proto::Invocation { class, construct, method, args } = call;
    if let Some(construct) = construct {
        let args = Args::plain(construct);
        let actor = job.place(package, &class, args, Options::default()).await?;
        actors.insert(class.clone(), actor);
    }
    let actor = actors.get(&class).ok_or_else(|| {
        Error::Invalid(format!("the first call of {class:?} has no constructor's arguments"))
    })?;
    job.ask(actor, &method, Args::plain(args)).await
}
