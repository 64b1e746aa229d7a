//! Serving an async actor: many calls of one instance in progress.

use std::future::poll_fn;
use std::sync::Arc;

use host_core::Error;
use host_wasi::Data;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wasmtime::component::{Accessor, AccessorTask};

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

impl Instance {
    /// Takes calls from `next` until that answers none, and runs up to `most`
    /// of them at once. Returns when all are done, or with the crash that
    /// ended them all.
    pub async fn serve<N>(&mut self, most: u32, next: N) -> Result<(), Error>
    where
        N: AsyncFnMut() -> Option<Job> + Send,
    {
        let Entry::Concurrent(invoke) = self.invoke else {
            unreachable!("only packages of the async world hold async classes")
        };
        let crashed_in = Arc::new(Mutex::new(String::new()));
        let noted = crashed_in.clone();
        let served = self
            .store
            .run_concurrent(async move |store| take_calls(store, invoke, most, next, noted).await)
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

async fn take_calls<N>(
    store: &Accessor<Data>,
    invoke: InvokeAsync,
    most: u32,
    mut next: N,
    crashed_in: Arc<Mutex<String>>,
) -> wasmtime::Result<()>
where
    N: AsyncFnMut() -> Option<Job> + Send,
{
    let room = Arc::new(Semaphore::new(most as usize));
    let mut number = 0;
    loop {
        let permit = room.clone().acquire_owned().await.expect("never closed");
        let Some(job) = next().await else { break };
        number += 1;
        let crashed_in = crashed_in.clone();
        store.spawn(Running { invoke, number, job, permit, crashed_in })?;
    }
    let _all_done = room.acquire_many(most).await.expect("never closed");
    Ok(())
}

struct Running {
    invoke: InvokeAsync,
    number: u64,
    job: Job,
    permit: tokio::sync::OwnedSemaphorePermit,
    crashed_in: Arc<Mutex<String>>,
}

impl AccessorTask<Data> for Running {
    async fn run(self, store: &Accessor<Data>) -> wasmtime::Result<()> {
        let Running { invoke, number, job, permit, crashed_in } = self;
        let Job { method, name, args, slot, done } = job;
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
            Ok(args) => {
                let called = invoke.call_concurrent(store, (number, method, args)).await;
                let (answer,) = called.inspect_err(|_| *crashed_in.lock() = name)?;
                match answer {
                    Err(error) => Err(Arc::new(Error::from(error))),
                    Ok(value) => store
                        .with(|mut access| {
                            values::given(&mut Guest::of(access.data_mut()).table, value)
                        })?
                        .map_err(Arc::new),
                }
            }
        };
        store.with(|mut access| {
            let guest = Guest::of(access.data_mut());
            guest.wake_unwoken();
            guest.calls.remove(&number);
        });
        done(outcome).await;
        drop(permit);
        Ok(())
    }
}
