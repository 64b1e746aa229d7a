//! One device of one actor: every call of wgpu goes through here.

mod jobs;
mod poller;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use wasmtime::{Result, bail};

pub use self::poller::drain;

use self::jobs::Jobs;
use self::poller::Poller;
use crate::devices::Kind;
use crate::errors::{Error, Scopes, caught};
use crate::grant::{Charge, Grant, Seat, Spent};
use crate::limits;

/// A device, shared by everything that was made with it.
pub(crate) struct Device {
    wgpu: wgpu::Device,
    queue: wgpu::Queue,
    grant: Grant,
    scopes: Arc<Scopes>,
    lost: watch::Receiver<Option<Lost>>,
    jobs: Jobs,
    /// Whether its driver computes within a submission.
    blocks: bool,
    /// Submissions that are being made elsewhere.
    busy: Arc<AtomicUsize>,
    /// Submissions whose end has not been seen.
    in_flight: Arc<AtomicUsize>,
    /// Written, and sent off with the next submission.
    staged: Mutex<Vec<Charge>>,
    /// The bytes of those.
    staged_bytes: AtomicU64,
    /// Last: it drops the device when the work has ended.
    poller: Poller,
    /// After all of it.
    _seat: Seat,
}

/// Why a device is no more.
#[allow(unreachable_pub, reason = "the generated bindings name it in public")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lost {
    pub(crate) destroyed: bool,
    pub(crate) message: String,
}

/// What keeps memory alive, and counted.
pub(crate) type Held = Arc<Charge>;

impl Device {
    /// Opens a device. Takes milliseconds, so never on an executor's thread.
    pub(crate) fn open(
        grant: &Grant,
        seat: Seat,
        descriptor: &wgpu::DeviceDescriptor<'_>,
    ) -> Result<std::result::Result<Arc<Device>, wgpu::RequestDeviceError>> {
        let request = || {
            // With the backends of this host the future is ready at once.
            let mut future = std::pin::pin!(grant.adapter().wgpu().request_device(descriptor));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            future.as_mut().poll(&mut cx)
        };
        let (device, queue) = match caught(request)?.0 {
            std::task::Poll::Ready(Ok(opened)) => opened,
            std::task::Poll::Ready(Err(error)) => return Ok(Err(error)),
            std::task::Poll::Pending => bail!("the GPU's driver did not open a device at once"),
        };
        let scopes = Arc::new(Scopes::default());
        let sink = scopes.clone();
        device.on_uncaptured_error(Arc::new(move |error| sink.take(error)));
        let (told, lost) = watch::channel(None);
        device.set_device_lost_callback(move |reason, message| {
            let destroyed = reason == wgpu::DeviceLostReason::Destroyed;
            told.send_if_modified(|lost| {
                lost.is_none() && lost.replace(Lost { destroyed, message }).is_none()
            });
        });
        let in_flight = Arc::new(AtomicUsize::new(0));
        let poller = Poller::start(device.clone(), queue.clone(), in_flight.clone())?;
        Ok(Ok(Arc::new(Device {
            wgpu: device,
            queue,
            grant: grant.clone(),
            scopes,
            lost,
            jobs: Jobs::default(),
            blocks: grant.adapter().about().kind == Kind::Software,
            busy: Arc::default(),
            in_flight,
            staged: Mutex::default(),
            staged_bytes: AtomicU64::new(0),
            poller,
            _seat: seat,
        })))
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn scopes(&self) -> &Arc<Scopes> {
        &self.scopes
    }

    pub(crate) fn lost(&self) -> watch::Receiver<Option<Lost>> {
        self.lost.clone()
    }

    pub(crate) fn limits(&self) -> wgpu::Limits {
        self.wgpu.limits()
    }

    pub(crate) fn features(&self) -> wgpu::Features {
        self.wgpu.features()
    }

    /// Gives an error to the guest's scopes.
    pub(crate) fn report(&self, error: impl Into<Error>) {
        self.scopes.report(error.into());
    }

    /// Calls wgpu; its errors go to the guest's scopes.
    pub(crate) fn call<R>(&self, call: impl FnOnce(&wgpu::Device, &wgpu::Queue) -> R) -> Result<R> {
        usable(&self.lost)?;
        let (answer, errors) = caught(|| call(&self.wgpu, &self.queue))?;
        errors.into_iter().for_each(|error| self.report(error));
        Ok(answer)
    }

    /// Calls wgpu, and answers its errors as well.
    pub(crate) fn apart<R>(
        &self,
        call: impl FnOnce(&wgpu::Device) -> R,
    ) -> Result<(R, Vec<Error>)> {
        caught(|| call(&self.wgpu))
    }

    /// Makes an object that is invalid, so that whatever uses it is an error
    /// and no crash. What wgpu says of that was said to the guest before.
    pub(crate) fn invalid<R>(&self, make: impl FnOnce(&wgpu::Device) -> R) -> Result<R> {
        Ok(caught(|| make(&self.wgpu))?.0)
    }

    /// Calls wgpu on a thread of the device's own, with a large stack, and
    /// answers its errors as well.
    pub(crate) async fn elsewhere<R: Send + 'static>(
        &self,
        call: impl FnOnce(&wgpu::Device) -> R + Send + 'static,
    ) -> Result<(R, Vec<Error>)> {
        usable(&self.lost)?;
        let device = self.wgpu.clone();
        let answer = self.jobs.run(move || caught(|| call(&device)))?;
        let Ok(answer) = tokio::time::timeout(self.grant.timeout(), answer).await else {
            bail!("the GPU's driver was not done after {:?}", self.grant.timeout())
        };
        answer.map_err(|_| wasmtime::format_err!("the GPU's thread ended"))?
    }

    /// Takes bytes from the grant. If they are not there, those of work that
    /// has just ended may be.
    pub(crate) fn charge(&self, bytes: u64) -> Result<std::result::Result<Charge, Spent>> {
        if let Ok(charge) = self.grant.charge(bytes) {
            return Ok(Ok(charge));
        }
        self.poll()?;
        Ok(self.grant.charge(bytes))
    }

    /// Sees what has ended, without waiting.
    ///
    /// wgpu holds a lock while it waits, which a guest's `destroy` wants too:
    /// nothing in the host lets wgpu wait. While a submission holds its locks
    /// there is nothing to see.
    fn poll(&self) -> Result<()> {
        if self.busy.load(Relaxed) > 0 {
            return Ok(());
        }
        let (status, _) = caught(|| self.wgpu.poll(wgpu::PollType::Poll))?;
        if let Err(error) = status {
            tracing::debug!(%error, "a GPU device cannot be polled");
        }
        Ok(())
    }

    /// Waits for what a callback of wgpu will send. `None` if the callback
    /// was dropped, as those of a lost device are.
    ///
    /// # Errors
    /// If it takes longer than the grant allows. Work on a GPU cannot be
    /// stopped, so the actor is.
    pub(crate) async fn settled<T>(&self, mut answer: oneshot::Receiver<T>) -> Result<Option<T>> {
        let started = Instant::now();
        while started.elapsed() < limits::SPIN {
            self.poll()?;
            match answer.try_recv() {
                Ok(answer) => return Ok(Some(answer)),
                Err(oneshot::error::TryRecvError::Closed) => return Ok(None),
                Err(oneshot::error::TryRecvError::Empty) => tokio::task::yield_now().await,
            }
        }
        let _waiting = self.poller.waiting();
        match tokio::time::timeout(self.grant.timeout(), answer).await {
            Ok(answer) => usable(&self.lost).map(|()| answer.ok()),
            Err(_) => bail!("work on the GPU was not done after {:?}", self.grant.timeout()),
        }
    }

    /// Waits for everything that was submitted.
    pub(crate) async fn idle(&self) -> Result<()> {
        if self.in_flight.load(Relaxed) == 0 {
            return usable(&self.lost);
        }
        let (tell, told) = oneshot::channel();
        self.call(|_, queue| {
            queue.on_submitted_work_done(move || {
                let _ = tell.send(());
            });
        })?;
        self.settled(told).await?;
        Ok(())
    }

    /// Submits commands, and what was staged before them. `held` stays
    /// counted until they are done. Waits if too much is under way.
    ///
    /// A driver that computes on the processor does so within the call, and
    /// wgpu holds its locks meanwhile: there it is called elsewhere.
    pub(crate) async fn submit(
        &self,
        commands: Vec<wgpu::CommandBuffer>,
        held: Vec<Held>,
    ) -> Result<()> {
        let staged = std::mem::take(&mut *self.staged.lock());
        self.staged_bytes.store(0, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        let in_flight = self.in_flight.clone();
        let queue = self.queue.clone();
        let submit = move || {
            queue.submit(commands);
            queue.on_submitted_work_done(move || {
                drop((staged, held));
                in_flight.fetch_sub(1, Relaxed);
            });
        };
        if self.blocks {
            let busy = Busy::new(&self.busy);
            let (_, errors) = self
                .elsewhere(move |_| {
                    let _busy = busy;
                    submit();
                })
                .await?;
            errors.into_iter().for_each(|error| self.report(error));
        } else {
            self.call(|_, _| submit())?;
        }
        self.poller.work_began();
        if self.in_flight.load(Relaxed) >= limits::IN_FLIGHT {
            self.idle().await?;
        }
        Ok(())
    }

    /// Counts bytes that were written and lie in the host until the next
    /// submission; sends them off if they are many.
    pub(crate) async fn stage(&self, charge: Charge) -> Result<()> {
        self.keep(charge);
        if self.staged_bytes.load(Relaxed) >= limits::STAGED_BYTES {
            self.submit(Vec::new(), Vec::new()).await?;
        }
        Ok(())
    }

    /// Counts bytes until the next submission is done.
    pub(crate) fn keep(&self, charge: Charge) {
        self.staged_bytes.fetch_add(charge.bytes(), Relaxed);
        self.staged.lock().push(charge);
    }

    /// Gives bytes back that an object has no more use for: at once, or when
    /// the work that may use it is done.
    pub(crate) fn release(&self, held: Held) -> Result<()> {
        if self.in_flight.load(Relaxed) == 0 {
            held.release();
            return Ok(());
        }
        self.call(|_, queue| queue.on_submitted_work_done(move || held.release()))
    }

    /// Destroys it: whatever it is used for from now on has no effect.
    pub(crate) fn destroy(&self) -> Result<()> {
        self.call(|device, _| device.destroy())?;
        // wgpu tells the loss at the next poll.
        self.poll()
    }
}

/// An error once the driver has lost the device: whatever is done with it has
/// no effect, so its actor fails, and starts anew if it may. One that its guest
/// destroyed is that guest's affair.
fn usable(lost: &watch::Receiver<Option<Lost>>) -> Result<()> {
    // Nobody looks at this receiver: whatever was told is new to it.
    if matches!(lost.has_changed(), Ok(false)) {
        return Ok(());
    }
    match &*lost.borrow() {
        Some(Lost { destroyed: false, message }) => bail!("the GPU's device was lost: {message}"),
        Some(_) | None => Ok(()),
    }
}

/// A submission is being made elsewhere, until this is dropped.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn new(count: &Arc<AtomicUsize>) -> Busy {
        count.fetch_add(1, Relaxed);
        Busy(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.scopes.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_the_driver_lost_is_an_error() {
        let (tell, told) = watch::channel(None);
        assert!(usable(&told).is_ok());
        let lost = |destroyed| Some(Lost { destroyed, message: "the cable fell out".into() });
        tell.send_replace(lost(true));
        assert!(usable(&told).is_ok());
        tell.send_replace(lost(false));
        for _ in 0..2 {
            let error = usable(&told).unwrap_err().to_string();
            assert!(error.contains("lost: the cable fell out"), "{error}");
        }
        drop(tell);
        assert!(usable(&told).is_err());
    }
}
