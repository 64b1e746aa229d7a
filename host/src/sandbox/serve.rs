//! Serving an async actor: many calls of one instance in progress.

use std::future::poll_fn;
use std::sync::Arc;

use host_core::Error;
use host_wasi::Data;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wasmtime::component::{Accessor, AccessorTask};

use super::contract::{WitArguments, WitError, WitValue};
use super::crash::crash;
use super::imports::values;
use super::instance::{Entry, Instance, InvokeAsync};
use super::state::{Answer, CallSlot, Guest};
use host_refs::{ArgValues, Outcome};

/// A call that an async actor is given.
pub struct Job {
    /// The method's place in the class.
    pub method: u32,
    /// `Class.method`, for errors.
    pub name: String,
    /// The arguments, once they are all there.
    pub args: Answer<'static, Result<ArgValues, Arc<Error>>>,
    /// Where the call is told to stop.
    pub slot: Arc<CallSlot>,
    /// Told how it ended; not called when the actor crashes.
    pub done: Box<dyn FnOnce(Outcome) -> Answer<'static, ()> + Send>,
}

/// One call of an async actor.
pub(super) trait Work: Send + 'static {
    /// Runs it. `number` is unique in the instance.
    fn run(
        self,
        store: &Accessor<Data>,
        entry: &Entered,
        number: u64,
    ) -> impl Future<Output = wasmtime::Result<()>> + Send;
}

/// The way into an instance for its calls.
#[derive(Clone)]
pub(super) struct Entered {
    invoke: InvokeAsync,
    /// The call that crashed it.
    crashed_in: Arc<Mutex<String>>,
}

impl Entered {
    /// Calls a method; an error is the end of the instance.
    pub(super) async fn call(
        &self,
        store: &Accessor<Data>,
        number: u64,
        method: u32,
        name: String,
        args: WitArguments,
    ) -> wasmtime::Result<Result<WitValue, WitError>> {
        let called = self.invoke.call_concurrent(store, (number, method, args)).await;
        let (answer,) = called.inspect_err(|_| *self.crashed_in.lock() = name)?;
        Ok(answer)
    }
}

impl Instance {
    /// Takes calls from `next` until that answers none, and runs up to `most`
    /// of them at once. Returns when all are done, or with the crash that
    /// ended them all.
    pub async fn serve<N>(&mut self, most: u32, next: N) -> Result<(), Error>
    where
        N: AsyncFnMut() -> Option<Job> + Send,
    {
        self.serve_work(most, next).await
    }

    /// The same with work of any kind.
    pub(super) async fn serve_work<W, N>(&mut self, most: u32, next: N) -> Result<(), Error>
    where
        W: Work,
        N: AsyncFnMut() -> Option<W> + Send,
    {
        let Entry::Concurrent(invoke) = self.invoke else {
            unreachable!("only packages of the async world hold async classes")
        };
        let crashed_in = Arc::new(Mutex::new(String::new()));
        let entry = Entered { invoke, crashed_in: crashed_in.clone() };
        let served = self
            .store
            .run_concurrent(async move |store| take_calls(store, entry, most, next).await)
            .await
            .and_then(|served| served);
        served.map_err(|error| {
            let mut name = crashed_in.lock().clone();
            if name.is_empty() {
                // Of many calls in progress, the engine does not say which.
                name.clone_from(&self.what);
            }
            crash(&mut self.store, &self.what, &name, &error)
        })
    }
}

async fn take_calls<W, N>(
    store: &Accessor<Data>,
    entry: Entered,
    most: u32,
    mut next: N,
) -> wasmtime::Result<()>
where
    W: Work,
    N: AsyncFnMut() -> Option<W> + Send,
{
    let room = Arc::new(Semaphore::new(most as usize));
    let mut number = 0;
    loop {
        let permit = room.clone().acquire_owned().await.expect("never closed");
        let Some(work) = next().await else { break };
        number += 1;
        store.spawn(Running { entry: entry.clone(), number, work, permit })?;
    }
    let _all_done = room.acquire_many(most).await.expect("never closed");
    Ok(())
}

struct Running<W> {
    entry: Entered,
    number: u64,
    work: W,
    permit: tokio::sync::OwnedSemaphorePermit,
}

impl<W: Work> AccessorTask<Data> for Running<W> {
    async fn run(self, store: &Accessor<Data>) -> wasmtime::Result<()> {
        let Running { entry, number, work, permit } = self;
        work.run(store, &entry, number).await?;
        drop(permit);
        Ok(())
    }
}

impl Work for Job {
    async fn run(
        self,
        store: &Accessor<Data>,
        entry: &Entered,
        number: u64,
    ) -> wasmtime::Result<()> {
        let Job { method, name, args, slot, done } = self;
        let cancelled = poll_fn(|cx| slot.poll_cancelled(cx));
        // Both arms only wait: nothing is lost when the other wins.
        let args = tokio::select! {
            biased;
            why = cancelled => Err(Arc::new(why)),
            args = args => args,
        };
        let begun = args.and_then(|args| {
            store.with(|mut access| {
                let guest = Guest::of(access.data_mut());
                guest.calls.insert(number, slot);
                values::lower_args(&mut guest.table, args).map_err(Arc::new)
            })
        });
        let outcome = match begun {
            Err(error) => Err(error),
            Ok(args) => match entry.call(store, number, method, name, args).await? {
                Err(error) => Err(Arc::new(Error::from(error))),
                Ok(value) => store
                    .with(|mut access| {
                        values::given(&mut Guest::of(access.data_mut()).table, value)
                    })?
                    .map_err(Arc::new),
            },
        };
        store.with(|mut access| {
            let guest = Guest::of(access.data_mut());
            guest.wake_unwoken();
            guest.calls.remove(&number);
        });
        done(outcome).await;
        Ok(())
    }
}
