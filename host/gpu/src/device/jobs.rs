//! A thread for what takes long or needs much stack: compiling shaders, and
//! submitting to a driver that computes meanwhile.

use std::sync::mpsc;
use std::thread;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use wasmtime::Result;

use super::poller::Alive;
use crate::limits::COMPILE_STACK;

type Job = Box<dyn FnOnce() + Send>;

/// One device's thread, started when it is first needed: a new stack for each
/// shader would cost a millisecond. It ends with the device; a job that is
/// under way then is finished for nobody.
///
/// The queue is as long as there are calls of the guest that wait, which its
/// host bounds.
#[derive(Default)]
pub(super) struct Jobs(Mutex<Option<mpsc::Sender<Job>>>);

impl Jobs {
    /// Runs a job; its answer comes from the receiver.
    pub(super) fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<oneshot::Receiver<R>> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _ = tell.send(job());
        });
        let mut sender = self.0.lock();
        let sender = match &*sender {
            Some(sender) => sender,
            None => sender.insert(start()?),
        };
        sender.send(job).map_err(|_| wasmtime::format_err!("the GPU's thread ended"))?;
        Ok(told)
    }
}

fn start() -> Result<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let alive = Alive::new();
    thread::Builder::new().name("gpu-jobs".into()).stack_size(COMPILE_STACK).spawn(move || {
        let _alive = alive;
        jobs.into_iter().for_each(|job| job());
    })?;
    Ok(sender)
}
