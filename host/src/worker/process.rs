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
use tokio::sync::oneshot;

use super::{Config, Wish};
use crate::sandbox::{Process, Worker, serve};

/// For a process that has closed its connection to be gone.
const EXIT_TIME: Duration = Duration::from_secs(2);

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
                let started = start(&config).map_err(|error| {
                    format!("{} worker cannot be started: {error}", config.program.display())
                });
                let _ = wish.send(started);
            }
        });
        begun.map_err(|error| format!("no thread can be started: {error}"))?;
        Ok(Starter { wishes })
    }

    /// A worker that is ready.
    pub(super) async fn worker(&self) -> Result<Worker, String> {
        let (wish, started) = oneshot::channel();
        let gone = || "no worker process can be started any more".to_owned();
        self.wishes.send(wish).map_err(|_| gone())?;
        let (stream, child) = started.await.map_err(|_| gone())??;
        Worker::greet(stream, Box::new(child)).await
    }
}

fn start(config: &Config) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&config.program);
    command.arg("worker");
    if config.wanted == Wanted::GpusAndSoftware {
        command.arg("--software-gpu");
    }
    // The node's own settings are not its guests' affair, tokens least of all.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GREENROOM_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).kill_on_drop(true);
    let child = command.spawn()?;
    Ok((UnixStream::from_std(ours)?, Child(child)))
}

/// A worker process; killed when this is dropped.
pub(super) struct Child(tokio::process::Child);

impl Process for Child {
    fn ended(&mut self) -> crate::sandbox::Answer<'_, String> {
        Box::pin(async {
            match tokio::time::timeout(EXIT_TIME, self.0.wait()).await {
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
pub async fn run(wanted: Wanted) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = StdUnixStream::from(socket);
    // A pipe or a terminal has no peer.
    stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    serve(UnixStream::from_std(stream)?, wanted).await
}
