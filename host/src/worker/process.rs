//! One worker process: its start, its end, and what it does first.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use host_gpu::Wanted;
use rustix::process::Signal;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::memory::Watch;
use super::{Config, Kind};
use crate::sandbox::{Process, Worker, serve};

/// For a process that has closed its connection to be gone.
const EXIT_TIME: Duration = Duration::from_secs(2);

/// A worker to be started, and whom to tell.
struct Wish {
    kind: Kind,
    tell: oneshot::Sender<Result<(UnixStream, tokio::process::Child), String>>,
}

/// A thread that starts workers. They die with it: the kernel's signal at a
/// parent's death comes when the thread ends that started them, and any other
/// thread of a runtime may end before the process does.
pub(super) struct Starter {
    wishes: mpsc::Sender<Wish>,
}

impl Starter {
    pub(super) fn new(config: Config, runtime: tokio::runtime::Handle) -> Result<Starter, String> {
        let (wishes, wished) = mpsc::channel::<Wish>();
        let begun = thread::Builder::new().name("workers".into()).spawn(move || {
            let _runtime = runtime.enter();
            while let Ok(wish) = wished.recv() {
                let started = start(&config, wish.kind).map_err(|error| {
                    format!("{} worker cannot be started: {error}", config.program.display())
                });
                let _ = wish.tell.send(started);
            }
        });
        begun.map_err(|error| format!("no thread can be started: {error}"))?;
        Ok(Starter { wishes })
    }

    /// A worker that is ready, and has its place until it is gone.
    pub(super) async fn worker(
        &self,
        kind: Kind,
        place: OwnedSemaphorePermit,
    ) -> Result<Worker, String> {
        let (tell, started) = oneshot::channel();
        let gone = || "no worker process can be started any more".to_owned();
        self.wishes.send(Wish { kind, tell }).map_err(|_| gone())?;
        let (stream, process) = started.await.map_err(|_| gone())??;
        let child = Child { watch: None, process, _place: place };
        Worker::greet(stream, Box::new(child)).await
    }
}

fn start(config: &Config, kind: Kind) -> io::Result<(UnixStream, tokio::process::Child)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&config.program);
    command.arg("worker");
    match config.gpus.filter(|_| kind == Kind::Gpu).map(|gpus| gpus.wanted) {
        Some(Wanted::GpusAndSoftware) => _ = command.arg("--software-gpu"),
        Some(_) => {}
        None => _ = command.arg("--no-gpu"),
    }
    // The node's own settings are not its guests' affair, tokens least of all.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GREENROOM_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).kill_on_drop(true);
    let child = command.spawn()?;
    Ok((UnixStream::from_std(ours)?, child))
}

/// A worker process; killed when this is dropped.
struct Child {
    /// Dropped first: it knows the process by its number.
    watch: Option<Watch>,
    process: tokio::process::Child,
    /// One of those that there may be.
    _place: OwnedSemaphorePermit,
}

impl Process for Child {
    fn bound_memory(&mut self, bytes: u64) {
        // One that is gone already takes none.
        let Some(process) = self.process.id() else { return };
        match Watch::new(process, bytes) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => {
                tracing::error!(%error, "a worker's memory cannot be watched: it is ended");
                let _ = self.process.start_kill();
            }
        }
    }

    fn ended(&mut self) -> crate::sandbox::Answer<'_, String> {
        Box::pin(async {
            let ended = tokio::time::timeout(EXIT_TIME, self.process.wait()).await;
            if let Some(verdict) = self.watch.as_ref().and_then(Watch::verdict) {
                return verdict.to_owned();
            }
            match ended {
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it closed its connection".to_owned(),
            }
        })
    }
}

/// Is a worker process, until the node that started it hangs up.
///
/// # Errors
/// If this process was not started by a node.
pub async fn run(wanted: Option<Wanted>) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = StdUnixStream::from(socket);
    // A pipe or a terminal has no peer.
    stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    serve(UnixStream::from_std(stream)?, wanted).await
}
