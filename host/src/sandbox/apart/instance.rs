//! The node's side of an actor in a worker process.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use host_core::{Error, limits};
use host_wasi::Output;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::answers;
use super::wire::{self, Ask, Gpu, Hello, Reply, Say, Start, ToNode, ToWorker};
use crate::sandbox::Stop;
use crate::sandbox::contract::{WitError, WitValue};
use crate::sandbox::imports::values;
use crate::sandbox::serve::Job;
use crate::sandbox::state::{Answer, CallSlot, Caller, Guest, Services};
use host_refs::{ArgValues, Outcome, Value};

/// For a worker to open the drivers of its GPUs.
const HELLO_TIME: Duration = Duration::from_secs(20);

/// For a worker that waits to answer.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// For a worker to instantiate a package, or to compile it first.
const START_TIME: Duration = Duration::from_secs(120);

/// Past this, a worker that does not read is not heard either.
const UNWRITTEN_BYTES: usize = 1 << 20;

/// A worker process, as the node keeps it: it is killed when this is dropped.
pub trait Process: Send {
    /// Ends it when it takes more memory than that; [`Process::ended`] then says
    /// so.
    fn bound_memory(&mut self, bytes: u64);

    /// How it ended, in words: it has closed its connection.
    fn ended(&mut self) -> Answer<'_, String>;
}

/// An actor whose instance is in a worker process. After a [`Stop::Crashed`]
/// it is of no more use.
pub struct Apart {
    link: Link,
    guest: Arc<Mutex<Guest>>,
    slot: Arc<CallSlot>,
    output: Arc<dyn Output>,
    asks: FuturesUnordered<Answer<'static, Replied>>,
    /// What was said while the guest was busy with a question.
    unheard: VecDeque<Say>,
    /// Class and id, for errors.
    what: String,
}

type Replied = (u64, wasmtime::Result<Reply>);

/// The connection to a worker that has said who it is.
struct Link {
    read: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    write: OwnedWriteHalf,
    codec: LengthDelimitedCodec,
    out: BytesMut,
    process: Box<dyn Process>,
}

/// What an actor in a worker is made with.
pub struct Birth {
    /// The package's file, if the worker has to compile it.
    pub bytes: bytes::Bytes,
    /// Whom it asks.
    pub services: Arc<dyn Services>,
    /// Who it is.
    pub caller: Arc<Caller>,
    /// Where its output goes.
    pub output: Arc<dyn Output>,
    /// What the worker is told.
    pub start: Start,
}

/// Something that a worker said of its instance.
enum Event {
    NeedsCode,
    Started,
    Constructed(Result<(), WitError>),
    Called(u64, Result<WitValue, WitError>),
}

/// A worker that waits for its actor.
pub struct Worker {
    link: Link,
    hello: Hello,
}

impl Worker {
    /// Waits until a worker process says that it is ready.
    ///
    /// # Errors
    /// What it did instead.
    pub async fn greet(stream: UnixStream, process: Box<dyn Process>) -> Result<Worker, String> {
        let mut link = Link::new(stream, process);
        match tokio::time::timeout(HELLO_TIME, link.recv()).await {
            Ok(Ok(ToNode::Hello(hello))) => Ok(Worker { link, hello }),
            Ok(Ok(_)) => Err("a worker process does not say who it is".into()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(format!("a worker process is not ready after {HELLO_TIME:?}")),
        }
    }

    /// Whether its process still answers: it may have ended while it waited.
    pub async fn is_well(&mut self) -> bool {
        let answered = async {
            self.link.push(&ToWorker::Probe).ok()?;
            self.link.write.write_all_buf(&mut self.link.out).await.ok()?;
            matches!(self.link.recv().await, Ok(ToNode::Well)).then_some(())
        };
        matches!(tokio::time::timeout(PROBE_TIME, answered).await, Ok(Some(())))
    }

    /// The GPUs that it can use, in the order it knows them by.
    pub fn gpus(&self) -> &[Gpu] {
        &self.hello.gpus
    }
}

impl Apart {
    /// Instantiates a package in a worker.
    ///
    /// # Errors
    /// If that fails, or the worker does.
    pub async fn new(worker: Worker, birth: Birth) -> Result<Apart, Error> {
        let mut link = worker.link;
        let what = birth.caller.identity.label.to_string();
        let slot = Arc::new(CallSlot::default());
        let memory = birth.start.memory_bytes_max;
        link.set_bound(memory);
        let gpu = birth.start.gpu.as_ref().map_or(0, |share| share.memory);
        let bytes = memory.saturating_add(gpu).saturating_add(limits::WORKER_MEMORY_BYTES);
        link.process.bound_memory(bytes);
        let guest = Guest::new(birth.services, birth.caller, memory, slot.clone());
        let mut apart = Apart {
            link,
            guest: Arc::new(Mutex::new(guest)),
            slot,
            output: birth.output,
            asks: FuturesUnordered::new(),
            unheard: VecDeque::new(),
            what,
        };
        apart.push("start", &ToWorker::Start(Box::new(birth.start)))?;
        let started = async {
            loop {
                match apart.next("start").await? {
                    Event::NeedsCode => {
                        apart.push("start", &ToWorker::Code(birth.bytes.clone()))?;
                    }
                    Event::Started => return Ok(()),
                    _ => return Err(apart.broke("start", "it did something else first")),
                }
            }
        };
        match tokio::time::timeout(START_TIME, started).await {
            Ok(Ok(())) => Ok(apart),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::TimedOut(format!(
                "{} was not instantiated in its process within {START_TIME:?}",
                apart.what
            ))),
        }
    }

    /// Where the running call of a sequential actor is told to stop.
    pub fn slot(&self) -> &Arc<CallSlot> {
        &self.slot
    }

    /// Makes the instance an actor of a class.
    pub async fn construct(&mut self, class: &str, args: ArgValues) -> Result<(), Stop> {
        let name = format!("{class}.new");
        let args = values::lower_args(&mut self.guest.lock().await.table, args);
        let args = args.map_err(Stop::answered)?;
        self.push(&name, &ToWorker::Construct { class: class.into(), args }).map_err(crashed)?;
        match self.next(&name).await.map_err(crashed)? {
            Event::Constructed(constructed) => constructed.map_err(Stop::answered),
            _ => Err(crashed(self.broke(&name, "it did something else"))),
        }
    }

    /// Calls a method of a sequential actor. `name` is for errors.
    pub async fn invoke(
        &mut self,
        method: u32,
        name: &str,
        args: ArgValues,
    ) -> Result<Value, Stop> {
        self.call(0, method, name, args).await.map_err(Stop::answered)?;
        match self.next(name).await.map_err(crashed)? {
            Event::Called(0, outcome) => match self.given(name, outcome).await {
                Ok(outcome) => outcome.map_err(Stop::Answered),
                Err(error) => Err(crashed(error)),
            },
            _ => Err(crashed(self.broke(name, "it answered another call"))),
        }
    }

    /// Ends with the worker, and what ended it: between calls there is nothing
    /// else for it to say.
    pub async fn gone(&mut self) -> Error {
        match self.next("between calls").await {
            Ok(_) => self.broke("between calls", "it answered without a call"),
            Err(error) => error,
        }
    }

    /// Takes calls from `next` until that answers none, and runs up to `most`
    /// of them at once. Returns when all are done, or with the crash that
    /// ended them all.
    pub async fn serve<N>(&mut self, most: u32, mut next: N) -> Result<(), Error>
    where
        N: AsyncFnMut() -> Option<Job> + Send,
    {
        let mut calls = Calls::default();
        loop {
            let more = !calls.closed && calls.open < most;
            if calls.closed && calls.open == 0 {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = calls.settling.select_next_some(), if !calls.settling.is_empty() => {
                    calls.open -= 1;
                }
                (number, args) = calls.beginning.select_next_some(), if !calls.beginning.is_empty() => {
                    self.begin(&mut calls, number, args).await?;
                }
                event = self.next("between calls") => self.ended(&mut calls, event?).await?,
                job = next(), if more => match job {
                    Some(job) => calls.take(job),
                    None => calls.closed = true,
                },
            }
        }
    }

    /// The arguments of a call are there: it runs.
    async fn begin(
        &mut self,
        calls: &mut Calls,
        number: u64,
        args: Result<ArgValues, Arc<Error>>,
    ) -> Result<(), Error> {
        let Some(call) = calls.running.get(&number) else { return Ok(()) };
        let (method, name, slot) = (call.method, call.name.clone(), call.slot.clone());
        let sent = match args {
            Ok(args) => {
                self.guest.lock().await.calls.insert(number, slot);
                self.call(number, method, &name, args).await.map_err(Arc::new)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.settle(calls, number, Err(error)).await;
        }
        Ok(())
    }

    /// A call is over.
    async fn ended(&mut self, calls: &mut Calls, event: Event) -> Result<(), Error> {
        let Event::Called(number, outcome) = event else {
            return Err(self.broke("between calls", "it did something else"));
        };
        let Some(call) = calls.running.get(&number) else {
            return Err(self.broke("between calls", "it answered a call that does not run"));
        };
        let name = call.name.clone();
        let outcome = self.given(&name, outcome).await?;
        self.settle(calls, number, outcome).await;
        Ok(())
    }

    async fn settle(&mut self, calls: &mut Calls, number: u64, outcome: Outcome) {
        self.guest.lock().await.calls.remove(&number);
        if let Some(call) = calls.running.remove(&number) {
            calls.settling.push((call.done)(outcome));
        }
    }

    async fn call(
        &mut self,
        number: u64,
        method: u32,
        name: &str,
        args: ArgValues,
    ) -> Result<(), Error> {
        let args = values::lower_args(&mut self.guest.lock().await.table, args)?;
        self.push(name, &ToWorker::Invoke { number, method, name: name.into(), args })
    }

    /// What a method returned, with the refs and handles that it gave away.
    async fn given(
        &mut self,
        name: &str,
        outcome: Result<WitValue, WitError>,
    ) -> Result<Outcome, Error> {
        let value = match outcome {
            Ok(value) => value,
            Err(error) => return Ok(Err(Arc::new(error.into()))),
        };
        let given = values::given(&mut self.guest.lock().await.table, value);
        let given = given.map_err(|error| self.broke(name, &error.to_string()))?;
        Ok(given.map_err(Arc::new))
    }

    fn push(&mut self, name: &str, message: &ToWorker) -> Result<(), Error> {
        self.link.push(message).map_err(|error| self.broke(name, &error))
    }

    /// What the worker says next of its instance; answers its questions until
    /// then. Nothing is lost if this is dropped.
    async fn next(&mut self, name: &str) -> Result<Event, Error> {
        loop {
            self.hear(name).await?;
            let has_room = self.link.out.len() < UNWRITTEN_BYTES;
            let asks_few = self.asks.len() < limits::ACTOR_QUESTIONS;
            let heard = tokio::select! {
                biased;
                (number, reply) = self.asks.select_next_some(), if has_room && !self.asks.is_empty() => {
                    let reply = reply.map_err(|error| self.broke(name, &error.to_string()))?;
                    self.push(name, &ToWorker::Reply(number, reply))?;
                    continue;
                }
                written = self.link.write.write_buf(&mut self.link.out), if !self.link.out.is_empty() => {
                    if let Err(error) = written {
                        return Err(self.died(name, &error.to_string()).await);
                    }
                    continue;
                }
                heard = self.link.read.next(), if has_room && asks_few => heard,
            };
            let message = match heard {
                Some(Ok(message)) => wire::decode(&message),
                Some(Err(error)) => Err(error),
                None => return Err(self.died(name, "").await),
            };
            let message = match message {
                Ok(message) => message,
                Err(error) => return Err(self.died(name, &error.to_string()).await),
            };
            match message {
                ToNode::Ask(number, ask) => self.ask(number, *ask),
                ToNode::Say(said) => self.unheard.push_back(said),
                ToNode::NeedCode => return Ok(Event::NeedsCode),
                ToNode::Started => return Ok(Event::Started),
                ToNode::Constructed(constructed) => return Ok(Event::Constructed(constructed)),
                ToNode::Called(number, outcome) => return Ok(Event::Called(number, outcome)),
                ToNode::Crashed(error) => return Err(error.into()),
                ToNode::Hello(_) | ToNode::Well => {
                    return Err(self.broke(name, "it greets twice"));
                }
            }
        }
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        let guest = self.guest.clone();
        let answered = answers::answer(guest, ask).map(move |reply| (number, reply));
        self.asks.push(Box::pin(answered));
    }

    /// Hears what was said, unless a question holds the guest: then it is heard
    /// behind that.
    async fn hear(&mut self, name: &str) -> Result<(), Error> {
        if self.unheard.is_empty() {
            return Ok(());
        }
        let guest = self.guest.clone();
        let Ok(mut guest) = guest.try_lock() else {
            // A guest that waits says nothing.
            let few = self.unheard.len() < limits::ACTOR_QUESTIONS;
            return if few { Ok(()) } else { Err(self.broke(name, "it does not stop")) };
        };
        while let Some(said) = self.unheard.pop_front() {
            let heard = answers::hear(&mut guest, &*self.output, said);
            heard.map_err(|error| self.broke(name, &error.to_string()))?;
        }
        drop(guest);
        // Whoever prints without end gives way to others.
        tokio::task::coop::consume_budget().await;
        Ok(())
    }

    /// The worker does what no worker does: its guest may have taken it over.
    #[cold]
    fn broke(&self, name: &str, how: &str) -> Error {
        tracing::warn!(actor = %self.what, how, "a worker process broke the contract");
        Error::Trapped {
            method: name.into(),
            message: format!("the worker process broke the contract: {how}"),
            backtrace: String::new(),
        }
    }

    #[cold]
    async fn died(&mut self, name: &str, error: &str) -> Error {
        let how = self.link.process.ended().await;
        let error = if error.is_empty() { String::new() } else { format!(" ({error})") };
        Error::Trapped {
            method: name.into(),
            message: format!("the worker process ended: {how}{error}"),
            backtrace: String::new(),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Ok(mut guest) = self.guest.try_lock() {
            guest.wake_unwoken();
        }
    }
}

/// The calls of an async actor.
#[derive(Default)]
struct Calls {
    last: u64,
    /// Begun, in whatever way, and not done.
    open: u32,
    closed: bool,
    running: HashMap<u64, RunningCall>,
    /// Calls that wait for their arguments.
    beginning: FuturesUnordered<Answer<'static, (u64, Arguments)>>,
    /// Calls whose outcomes are put away.
    settling: FuturesUnordered<Answer<'static, ()>>,
}

type Arguments = Result<ArgValues, Arc<Error>>;

struct RunningCall {
    method: u32,
    name: String,
    slot: Arc<CallSlot>,
    done: Box<dyn FnOnce(Outcome) -> Answer<'static, ()> + Send>,
}

impl Calls {
    fn take(&mut self, job: Job) {
        let Job { method, name, args, slot, done } = job;
        self.last += 1;
        self.open += 1;
        let (number, mine) = (self.last, slot.clone());
        self.running.insert(number, RunningCall { method, name, slot, done });
        self.beginning.push(Box::pin(async move {
            let cancelled = poll_fn(|cx| mine.poll_cancelled(cx));
            // Both arms only wait: nothing is lost when the other wins.
            let args = tokio::select! {
                biased;
                why = cancelled => Err(Arc::new(why)),
                args = args => args,
            };
            (number, args)
        }));
    }
}

impl Link {
    fn new(stream: UnixStream, process: Box<dyn Process>) -> Link {
        let (read, write) = stream.into_split();
        let read = FramedRead::new(read, wire::codec(0));
        Link { read, write, codec: wire::codec(0), out: BytesMut::new(), process }
    }

    fn set_bound(&mut self, memory_bytes_max: u64) {
        *self.read.decoder_mut() = wire::codec(memory_bytes_max);
        // What the node sends is bounded where it comes from.
        self.codec = wire::codec(u64::MAX);
    }

    fn push(&mut self, message: &ToWorker) -> Result<(), String> {
        wire::encode(&mut self.codec, message, &mut self.out).map_err(|error| error.to_string())
    }

    /// The worker's first message.
    async fn recv(&mut self) -> Result<ToNode, String> {
        let message = match self.read.next().await {
            Some(message) => message,
            None => {
                let how = self.process.ended().await;
                return Err(format!("a worker process ended at its start: {how}"));
            }
        };
        let decoded = message.and_then(|message| wire::decode(&message));
        decoded.map_err(|error: io::Error| format!("a worker process makes no sense: {error}"))
    }
}

fn crashed(error: Error) -> Stop {
    Stop::Crashed(Box::new(error))
}
