//! The thread that polls a device while somebody waits for it, and that drops
//! it once its work has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use wasmtime::Result;
use wgpu::{PollStatus, PollType};

use crate::errors::caught;
use crate::limits;

/// Threads of devices that are still there.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts one of them.
pub(super) struct Alive(());

/// The handle of a device's polling thread, which ends when this is dropped.
pub(super) struct Poller(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Submissions whose end has not been seen.
    in_flight: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// Who waits for an answer.
    waiting: usize,
    /// Since when somebody has.
    since: Option<Instant>,
    /// The device is no longer used.
    over: bool,
}

/// Somebody waits, until this is dropped.
pub(super) struct Waiting<'a>(&'a Shared);

impl Alive {
    pub(super) fn new() -> Alive {
        ALIVE.fetch_add(1, Relaxed);
        Alive(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

/// Waits until the devices of all actors that ended are closed; whether they
/// are. A process should call this before it exits: to exit under a driver's
/// threads may crash in the driver. If the answer is no, some work does not
/// end, and only leaving without clean-up (`_exit`) is safe.
pub fn drain(limit: Duration) -> bool {
    let started = Instant::now();
    while ALIVE.load(Relaxed) > 0 {
        if started.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

impl Poller {
    /// Starts the thread, which keeps the device until its work has ended.
    pub(super) fn start(
        device: wgpu::Device,
        queue: wgpu::Queue,
        in_flight: Arc<AtomicUsize>,
    ) -> Result<Poller> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), in_flight });
        let poller = Poller(shared.clone());
        let alive = Alive::new();
        thread::Builder::new().name("gpu-poll".into()).spawn(move || {
            let _alive = alive;
            shared.run(&device);
            reap(device, queue);
        })?;
        Ok(poller)
    }

    /// Polls often, until this is dropped.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        let mut state = self.0.state.lock();
        if state.waiting == 0 {
            state.since = Some(Instant::now());
        }
        state.waiting += 1;
        drop(state);
        self.0.changed.notify_one();
        Waiting(&self.0)
    }

    /// Polls now and then, until what was submitted has ended.
    pub(super) fn work_began(&self) {
        // Only the first of many has to wake it.
        if self.0.in_flight.load(Relaxed) == 1 {
            // With the lock, so that it is asleep, or will see the work.
            drop(self.0.state.lock());
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.0.state.lock().over = true;
        self.0.changed.notify_one();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.lock().waiting -= 1;
    }
}

impl Shared {
    fn run(&self, device: &wgpu::Device) {
        loop {
            let mut state = self.state.lock();
            while !state.over && state.waiting == 0 && self.in_flight.load(Relaxed) == 0 {
                self.changed.wait(&mut state);
            }
            if state.over {
                return;
            }
            if state.waiting > 0 {
                // An eighth of the wait so far: the end is seen at most that
                // much late, and a long wait costs little.
                let pause = state.since.map_or(Duration::ZERO, |since| since.elapsed() / 8);
                drop(state);
                let (shortest, longest) = limits::POLL_PAUSES;
                thread::sleep(pause.clamp(shortest, longest));
            } else {
                // A new waiter, or the end, cuts this short.
                self.changed.wait_for(&mut state, limits::IDLE_PAUSE);
                drop(state);
            }
            if caught(|| device.poll(PollType::Poll)).is_err() {
                return;
            }
        }
    }
}

/// Drops a device when its work has ended. wgpu panics when a busy queue is
/// dropped, and frees memory that the GPU still writes to.
fn reap(device: wgpu::Device, queue: wgpu::Queue) {
    let started = Instant::now();
    let mut pause = limits::POLL_PAUSES.0;
    while started.elapsed() < limits::REAP {
        match caught(|| device.poll(PollType::Poll)) {
            Ok((Ok(PollStatus::QueueEmpty), _)) => {
                if let Err(error) = caught(move || drop((queue, device))) {
                    tracing::error!(%error, "a GPU device could not be closed");
                }
                return;
            }
            Ok((Ok(_), _)) => thread::sleep(pause),
            // Lost or broken: it will not get empty.
            Ok((Err(_), _)) | Err(_) => break,
        }
        pause = (pause * 2).min(limits::POLL_PAUSES.1);
    }
    tracing::error!(
        after = ?started.elapsed(),
        "the work of a GPU device that nobody uses does not end; its memory stays taken until this process ends"
    );
    std::mem::forget((device, queue));
}
