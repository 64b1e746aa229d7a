//! Worker processes: started ahead, handed out one by one, and gone with
//! their node.
//!
//! A worker is this program again, as `host worker`, with the sandbox and the
//! GPU and nothing else ([`crate::sandbox::serve`]); its standard input is a
//! socket to the node. It dies with the thread that started it, by the kernel's
//! doing, and ends by itself when the socket is closed: no orphan is left,
//! however the node ends.

mod process;

use std::path::PathBuf;
use std::sync::Arc;

use host_core::Error;
use host_gpu::Wanted;
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub use process::run;

use crate::sandbox::{Gpu, Worker};
use process::Starter;

/// What worker processes are started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// This program.
    pub program: PathBuf,
    /// Which GPUs count.
    pub wanted: Wanted,
    /// The most GPUs to use; none: all there are.
    pub most: Option<usize>,
}

/// The workers of one node.
pub struct Workers {
    starter: Starter,
    gpus: Vec<Gpu>,
    /// One that waits for its actor: opening a GPU's driver takes longer than
    /// starting an actor should.
    spare: Mutex<Option<Worker>>,
    runtime: tokio::runtime::Handle,
}

impl Workers {
    /// Starts the first worker, which says what GPUs there are.
    ///
    /// # Errors
    /// If it cannot be started, or does not come up.
    pub async fn start(config: Config) -> Result<Arc<Workers>, String> {
        let most = config.most.unwrap_or(usize::MAX);
        let runtime = tokio::runtime::Handle::current();
        let starter = Starter::new(config, runtime.clone())?;
        let first = starter.worker().await?;
        let mut gpus = first.gpus().to_vec();
        gpus.truncate(most);
        // Without a GPU nobody asks for it.
        let spare = Mutex::new((!gpus.is_empty()).then_some(first));
        Ok(Arc::new(Workers { starter, gpus, spare, runtime }))
    }

    /// The GPUs that actors can be given.
    pub fn gpus(&self) -> &[Gpu] {
        &self.gpus
    }

    /// A worker that is ready; another is started in its place.
    ///
    /// # Errors
    /// If none can be had.
    pub async fn take(self: &Arc<Workers>) -> Result<Worker, Error> {
        // One that ended while it waited would be a crash of its actor.
        let mut spare = self.spare.lock().take();
        let is_well = match &mut spare {
            Some(worker) => worker.is_well().await,
            None => false,
        };
        let worker = match spare.filter(|_| is_well) {
            Some(worker) => Ok(worker),
            None => self.starter.worker().await,
        };
        let workers = self.clone();
        self.runtime.spawn(async move {
            if workers.spare.lock().is_some() {
                return;
            }
            match workers.starter.worker().await {
                Ok(worker) => *workers.spare.lock() = Some(worker),
                Err(error) => tracing::warn!(error, "no worker process can be started ahead"),
            }
        });
        worker.map_err(Error::Unavailable)
    }
}

/// A worker to be started, and whom to tell.
type Wish = oneshot::Sender<Result<(tokio::net::UnixStream, process::Child), String>>;
