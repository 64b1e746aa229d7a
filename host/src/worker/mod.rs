//! Worker processes: started ahead, handed out one by one, and gone with
//! their node.
//!
//! A worker is this program again, as `host worker`, with the sandbox and the
//! GPU and nothing else ([`crate::sandbox::serve`]); its standard input is a
//! socket to the node. There are two kinds: with the drivers of GPUs open, and
//! without, for actors that ask for a process (`isolation = "process"`). It dies with the thread that started it, by the kernel's
//! doing, and ends by itself when the socket is closed: no orphan is left,
//! however the node ends.

mod memory;
mod process;

use std::path::PathBuf;
use std::sync::Arc;

use host_core::{Error, limits};
use host_gpu::Wanted;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

pub use process::run;

use crate::sandbox::{Gpu, Worker};
use process::Starter;

/// What worker processes are started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// This program.
    pub program: PathBuf,
    /// Which GPUs to look for; none: none.
    pub gpus: Option<Gpus>,
}

/// Which GPUs to look for.
#[derive(Clone, Copy, Debug)]
pub struct Gpus {
    /// Which count.
    pub wanted: Wanted,
    /// The most to use; none: all there are.
    pub most: Option<usize>,
}

/// What a process is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An actor without a GPU.
    Plain,
    /// An actor with a GPU.
    Gpu,
}

/// The workers of one node.
pub struct Workers {
    starter: Starter,
    gpus: Vec<Gpu>,
    /// How many processes there may still be.
    room: Arc<Semaphore>,
    /// One of each kind that waits for its actor: starting a process, and
    /// opening a GPU's driver, takes longer than starting an actor should.
    spares: [Mutex<Option<Worker>>; 2],
    runtime: tokio::runtime::Handle,
}

impl Workers {
    /// Gets ready to start workers. If GPUs are looked for, starts the first,
    /// which says what there is.
    ///
    /// # Errors
    /// If it cannot be started, or does not come up.
    pub async fn start(config: Config) -> Result<Arc<Workers>, String> {
        let runtime = tokio::runtime::Handle::current();
        let gpus = config.gpus;
        let starter = Starter::new(config, runtime.clone())?;
        let room = Arc::new(Semaphore::new(limits::WORKERS));
        let spares = <[Mutex<Option<Worker>>; 2]>::default();
        let mut workers = Workers { starter, gpus: Vec::new(), room, spares, runtime };
        if let Some(Gpus { most, .. }) = gpus {
            let first = workers.new_worker(Kind::Gpu).await?;
            workers.gpus = first.gpus().to_vec();
            workers.gpus.truncate(most.unwrap_or(usize::MAX));
            // Without a GPU nobody asks for it.
            if !workers.gpus.is_empty() {
                *workers.spare(Kind::Gpu).lock() = Some(first);
            }
        }
        Ok(Arc::new(workers))
    }

    /// The GPUs that actors can be given.
    pub fn gpus(&self) -> &[Gpu] {
        &self.gpus
    }

    fn spare(&self, kind: Kind) -> &Mutex<Option<Worker>> {
        &self.spares[usize::from(kind == Kind::Gpu)]
    }

    /// A worker that is ready; another is started in its place. Waits while
    /// there are [`limits::WORKERS`].
    ///
    /// # Errors
    /// If none can be had.
    pub async fn take(self: &Arc<Workers>, kind: Kind) -> Result<Worker, Error> {
        // One that ended while it waited would be a crash of its actor.
        let mut spare = self.spare(kind).lock().take();
        let is_well = match &mut spare {
            Some(worker) => worker.is_well().await,
            None => false,
        };
        let worker = match spare.filter(|_| is_well) {
            Some(worker) => Ok(worker),
            None => self.new_worker(kind).await,
        };
        let workers = self.clone();
        self.runtime.spawn(async move { workers.start_ahead(kind).await });
        worker.map_err(Error::Unavailable)
    }

    async fn new_worker(&self, kind: Kind) -> Result<Worker, String> {
        let room = self.room.clone().acquire_owned().await;
        self.starter.worker(kind, room.map_err(|_| "the node stops")?).await
    }

    /// Starts one for the next actor, if there is none and there is room: what
    /// waits for no actor is not to be in the way of one that waits.
    async fn start_ahead(&self, kind: Kind) {
        if self.spare(kind).lock().is_some() {
            return;
        }
        let Ok(room) = self.room.clone().try_acquire_owned() else { return };
        match self.starter.worker(kind, room).await {
            Ok(worker) => *self.spare(kind).lock() = Some(worker),
            Err(error) => tracing::warn!(error, "no worker process can be started ahead"),
        }
    }
}
