//! What the host keeps beside one guest: who it is, what it holds, how much
//! it has used, and whom it asks.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use host_core::id::Label;
use host_core::placement::Labels;
use host_core::placement::group::GroupStrategy;
use host_core::resources::Resources;
use host_core::spec::Options;
use host_core::trace::Context as TraceContext;
use host_core::{Error, GroupId, JobId, Level, NodeId, limits};
use host_gpu::GpuCtx;
use host_wasi::Data;
use parking_lot::Mutex;
use wasmtime::ResourceLimiter;

use super::apart::Line;
use super::package::Package;
use super::table::Table;
use crate::trace;
use host_refs::{Args, Handle, ObjectRef, Producer, Target, Value};

/// A guest of the host, as those it asks see it.
pub struct Caller {
    /// Its ids.
    pub identity: Identity,
    /// The package whose classes it can create actors of.
    pub package: Arc<Package>,
    /// The actor it is; dangling in a driver that is not one.
    pub me: Weak<dyn Target>,
}

/// The ids of a guest.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Class and actor id.
    pub label: Label,
    /// The job it belongs to.
    pub job: JobId,
    /// The node it runs on.
    pub node: NodeId,
    /// That node's name.
    pub node_name: Arc<str>,
    /// What that node is labelled with.
    pub node_labels: Arc<Labels>,
    /// Where it looks up names.
    pub namespace: String,
    /// Its own name.
    pub name: Option<String>,
    /// Restarts before this life.
    pub incarnation: u32,
    /// Whether it is a driver, not an actor.
    pub is_driver: bool,
}

/// A future that a port answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What guests ask the host for. Node implements it; the sandbox only checks
/// that the question is well formed.
pub trait Services: Send + Sync {
    /// Creates an actor of a class of the caller's package. With `reuse`, a
    /// taken name answers the actor that has it.
    fn spawn<'a>(
        &'a self,
        caller: &'a Caller,
        class: String,
        args: Args,
        options: Options,
        reuse: bool,
    ) -> Answer<'a, Result<Handle, Error>>;

    /// The actor with a name.
    fn lookup<'a>(
        &'a self,
        caller: &'a Caller,
        name: String,
        namespace: Option<String>,
    ) -> Answer<'a, Result<Handle, Error>>;

    /// Asks for a placement group of the caller's job. Its id comes before it
    /// is reserved.
    fn create_group<'a>(
        &'a self,
        caller: &'a Caller,
        bundles: Vec<Resources>,
        strategy: GroupStrategy,
    ) -> Answer<'a, Result<GroupId, Error>>;

    /// An object that is settled when a group of the caller's job is reserved,
    /// or is known not to be there.
    fn group_ready(&self, caller: &Caller, group: GroupId) -> Result<ObjectRef, Error>;

    /// Ends a placement group of the caller's job; nothing happens if there is
    /// no such group.
    fn remove_group(&self, caller: &Caller, group: GroupId);

    /// A new object that `producer` will make.
    fn pending(&self, producer: Producer) -> ObjectRef;

    /// Stores a value.
    fn put(&self, value: Value) -> Answer<'_, Result<ObjectRef, Error>>;

    /// Cancels the call that makes an object, if it is not settled by then.
    fn cancel_after(&self, object: &ObjectRef, timeout: Duration);

    /// Notes that the caller waits until all of these are settled, for as
    /// long as the answer lives. An error if it would wait for itself.
    fn waiting(
        &self,
        caller: &Caller,
        call: Option<&ObjectRef>,
        on: &[ObjectRef],
    ) -> Result<Box<dyn Send>, Error>;

    /// Notes what the call that makes `object` waits for before it can run,
    /// for as long as the answer lives; none if all its arguments are there.
    fn held_up(&self, object: &ObjectRef, args: &Args) -> Option<Arc<dyn Send + Sync>>;

    /// Ends the calling actor once its queued calls are done.
    fn exit(&self, caller: &Caller);

    /// The least important level that is kept.
    fn max_level(&self) -> Level;

    /// Adds a line to the caller's log.
    fn log(&self, caller: &Caller, level: Level, target: &str, message: &str);
}

/// One call in progress: whether it should stop. Shared by the actor, which
/// cancels, and the guest's host functions, which notice.
#[derive(Default)]
pub struct CallSlot {
    cancelled: AtomicBool,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    why: Option<Error>,
    waker: Option<Waker>,
    /// What the call makes: it stands for the call when cycles are looked for.
    object: Option<ObjectRef>,
    /// What calls that it makes go under.
    trace: Option<TraceContext>,
}

impl CallSlot {
    /// Makes the slot ready for the next call, which is done under `trace`.
    pub fn begin(&self, object: Option<ObjectRef>, trace: Option<TraceContext>) {
        self.cancelled.store(false, Ordering::Relaxed);
        *self.state.lock() = SlotState { why: None, waker: None, object, trace };
    }

    /// What the call is done under, if it is traced.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        self.state.lock().trace
    }

    /// The call is over; its result is no longer held here.
    pub fn end(&self) {
        self.state.lock().object = None;
    }

    /// Tells the call to stop.
    pub fn cancel(&self, why: Error) {
        let waker = {
            let mut state = self.state.lock();
            state.why = Some(why);
            self.cancelled.store(true, Ordering::Release);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the call should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// What the call makes.
    pub(super) fn object(&self) -> Option<ObjectRef> {
        self.state.lock().object.clone()
    }

    /// Ready, with the reason, once the call should stop.
    pub(super) fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<Error> {
        let mut state = self.state.lock();
        match &state.why {
            Some(why) => Poll::Ready(why.clone()),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The host's half of one instance.
pub(super) struct Guest {
    pub(super) services: Arc<dyn Services>,
    pub(super) caller: Arc<Caller>,
    pub(super) table: Table,
    pub(super) memory: Memory,
    /// The call of a sequential actor.
    pub(super) slot: Arc<CallSlot>,
    /// The calls of an async actor, by the numbers the guest knows them by.
    pub(super) calls: HashMap<u64, Arc<CallSlot>>,
    /// An actor that was created or sent a call quietly and has to be woken
    /// before this guest waits for anything or computes for long. It saves a
    /// wake-up, and often a thread hop, when the guest's next step is to wait
    /// for that very call.
    pub(super) unwoken: Option<Unwoken>,
    /// What the guest's panic hook said last.
    pub(super) panic: Option<String>,
    /// In a worker process: the node.
    pub(super) line: Option<Arc<Line>>,
    /// Its GPU, once it looks for one: outside of worker processes there is
    /// none.
    pub(super) gpu: Option<Box<GpuCtx>>,
}

/// An actor that does not know yet what it was sent.
pub(super) struct Unwoken {
    pub(super) target: Arc<dyn Target>,
    /// Calls it was sent: none if it was only created.
    pub(super) calls: u32,
}

impl Guest {
    pub(super) fn new(
        services: Arc<dyn Services>,
        caller: Arc<Caller>,
        memory_bytes_max: u64,
        slot: Arc<CallSlot>,
    ) -> Guest {
        Guest {
            services,
            caller,
            table: Table::default(),
            memory: Memory::new(memory_bytes_max),
            slot,
            calls: HashMap::new(),
            unwoken: None,
            panic: None,
            line: None,
            gpu: None,
        }
    }

    /// The node, in a worker process.
    pub(super) fn line(&self) -> wasmtime::Result<Arc<Line>> {
        self.line.clone().ok_or_else(|| wasmtime::format_err!("a worker has no node"))
    }

    pub(super) fn gpu_of(data: &mut Data) -> &mut GpuCtx {
        Guest::of(data).gpu.get_or_insert_with(|| Box::new(GpuCtx::new(None)))
    }

    pub(super) fn of(data: &mut Data) -> &mut Guest {
        data.ext.downcast_mut().expect("every store of the sandbox holds a Guest")
    }

    pub(super) fn of_ref(data: &Data) -> &Guest {
        data.ext.downcast_ref().expect("every store of the sandbox holds a Guest")
    }

    /// Wakes the actor that was sent a call quietly.
    pub(super) fn wake_unwoken(&mut self) {
        if let Some(unwoken) = self.unwoken.take() {
            unwoken.target.wake();
        }
    }

    /// Remembers an actor that was created quietly.
    pub(super) fn created_quietly(&mut self, target: Arc<dyn Target>) {
        self.wake_unwoken();
        self.unwoken = Some(Unwoken { target, calls: 0 });
    }

    /// Remembers an actor that was sent a call quietly. One call waits like
    /// this at most: a guest that sends a second without waiting for the
    /// first wants them to run beside it.
    pub(super) fn sent_quietly(&mut self, target: Arc<dyn Target>) {
        match &mut self.unwoken {
            Some(unwoken) if Arc::ptr_eq(&unwoken.target, &target) && unwoken.calls == 0 => {
                unwoken.calls = 1;
            }
            Some(unwoken) if Arc::ptr_eq(&unwoken.target, &target) => self.wake_unwoken(),
            _ => {
                self.wake_unwoken();
                self.unwoken = Some(Unwoken { target, calls: 1 });
            }
        }
    }

    /// Before a handle is dropped: its actor must know of its calls first.
    pub(super) fn wake_before_drop(&mut self, handle: &Handle) {
        let unwoken = self.unwoken.as_ref();
        if unwoken.is_some_and(|unwoken| Arc::ptr_eq(&unwoken.target, handle.target())) {
            self.wake_unwoken();
        }
    }

    /// What a call goes under that the guest makes now. An async actor does
    /// not say which of its calls it makes one for: with several in progress,
    /// none is as good as wrong.
    pub(super) fn trace(&self) -> Option<TraceContext> {
        if !trace::is_on() {
            return None;
        }
        match self.calls.len() {
            0 => self.slot.trace(),
            1 => self.calls.values().next().and_then(|slot| slot.trace()),
            _ => None,
        }
    }

    /// The slot of a call: the only one in a sequential actor.
    pub(super) fn slot_of(&self, call: u64) -> Arc<CallSlot> {
        self.calls.get(&call).unwrap_or(&self.slot).clone()
    }
}

/// The memory limit of one actor: all its memories and tables together.
pub(super) struct Memory {
    bytes: u64,
    bytes_max: u64,
    elements: usize,
    /// What was asked for when it was refused, since the call began.
    pub(super) refused: Option<u64>,
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Memory {
        Memory { bytes: 0, bytes_max, elements: 0, refused: None }
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Bytes of linear memory in use.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let total = self.bytes.saturating_add(more);
        if total > self.bytes_max || maximum.is_some_and(|max| desired > max) {
            self.refused = Some(total);
            return Ok(false);
        }
        self.bytes = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a guest's memory could not grow");
        self.refused = Some(self.bytes);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_add(desired.saturating_sub(current));
        if total > limits::ACTOR_TABLE_ELEMENTS || maximum.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        self.elements = total;
        Ok(true)
    }
}
