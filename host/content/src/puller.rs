//! What a node pulls from others.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared as Common, WeakShared};
use host_core::NodeId;
use host_transport::Dial;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::channels::Channels;
use crate::limits::{RANGE_BYTES, RANGES};
use crate::pull::Pull;
use crate::{Config, Error, Sink, What};

type Pulled = Result<Bytes, Error>;

/// Pulls what a node lacks. Cloning is cheap. Runs on the runtime it is used
/// on.
#[derive(Clone)]
pub struct Puller(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) channels: Channels,
    /// Room for bytes under way, in KiB.
    room: Arc<Semaphore>,
    room_kib: u32,
    /// What is being pulled into memory. Locked for a moment.
    pulling: Mutex<FxHashMap<What, WeakShared<BoxFuture<'static, Pulled>>>>,
}

/// One who waits for a pull. The last to go takes the pull along.
struct Waiter<'a> {
    shared: &'a Shared,
    what: What,
    pull: Option<Common<BoxFuture<'static, Pulled>>>,
}

/// What the attempts at one pull came to so far.
#[derive(Default)]
struct Attempts {
    /// What was wrong first; none while nothing was.
    corrupt: Option<Error>,
}

impl Puller {
    /// A puller that has pulled nothing yet.
    pub fn new(config: Config, dial: Arc<dyn Dial>) -> Puller {
        let kib = config.under_way_bytes_max.div_ceil(1 << 10);
        let room_kib = u32::try_from(kib).unwrap_or(u32::MAX).clamp(1, MOST_KIB);
        Puller(Arc::new(Shared {
            config,
            channels: Channels::new(dial),
            room: Arc::new(Semaphore::new(room_kib as usize)),
            room_kib,
            pulling: Mutex::default(),
        }))
    }

    /// Something's bytes, from any of the nodes that may have it, checked.
    /// Several who ask for the same at one time share one pull and its result,
    /// from the nodes that the first of them named; it ends when nobody waits
    /// for it any more. It waits for room among the bytes under way.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a size that cannot be; else why none of the
    /// nodes gave it.
    pub async fn pull(&self, what: What, size: Option<u64>, from: &[NodeId]) -> Pulled {
        check(what, size, from)?;
        let mut waiter = Waiter { shared: &self.0, what, pull: None };
        let pull = {
            let mut pulling = self.0.pulling.lock();
            match pulling.get(&what).and_then(WeakShared::upgrade) {
                Some(pull) => pull,
                None => {
                    let (shared, from) = (self.0.clone(), from.to_vec());
                    let pull = async move { shared.pull(what, size, &from).await };
                    let pull = pull.boxed().shared();
                    pulling.extend(pull.downgrade().map(|weak| (what, weak)));
                    pull
                }
            }
        };
        waiter.pull.insert(pull).clone().await
    }

    /// The same into a sink, for what should not be in memory as a whole: a
    /// few ranges at a time. Two of these for one thing are two pulls.
    /// Answers the size. The sink has everything once this is `Ok`, and
    /// nothing of use before.
    ///
    /// # Errors
    /// As with [`pull`](Puller::pull), and [`Error::Sink`].
    pub async fn pull_into(
        &self,
        what: What,
        size: Option<u64>,
        from: &[NodeId],
        sink: &mut dyn Sink,
    ) -> Result<u64, Error> {
        check(what, size, from)?;
        let mut attempts = Attempts::default();
        for from in all_then_each(from) {
            let pull = Pull::new(self.0.clone(), what, from);
            let pulled = async {
                let size = pull.size(size).await?;
                // One more than is under way: the one the sink takes.
                let at_once = ((RANGES + 1) * RANGE_BYTES) as u64;
                let _room = self.0.room(size.min(at_once)).await;
                pull.into_sink(size, sink).await?;
                Ok(size)
            };
            if let Some(end) = attempts.end(pulled.await) {
                return end;
            }
        }
        Err(attempts.corrupt.expect("the first attempt ends it, or something is wrong"))
    }

    /// A node has gone for good: connections to it end when nothing is read
    /// over them any more.
    pub fn gone(&self, node: NodeId) {
        self.0.channels.gone(node);
    }

    /// Bytes under way to this node, or about to be, to the next KiB.
    pub fn under_way(&self) -> u64 {
        (u64::from(self.0.room_kib) - self.0.room.available_permits() as u64) << 10
    }
}

/// What a semaphore of tokio can count on every machine, and a `u32`.
const MOST_KIB: u32 = u32::MAX >> 3;

impl Shared {
    async fn pull(self: Arc<Self>, what: What, size: Option<u64>, from: &[NodeId]) -> Pulled {
        let mut attempts = Attempts::default();
        for from in all_then_each(from) {
            let pull = Pull::new(self.clone(), what, from);
            let pulled = async {
                let size = pull.size(size).await?;
                let _room = self.room(size).await;
                pull.whole(size).await
            };
            if let Some(end) = attempts.end(pulled.await) {
                return end;
            }
        }
        Err(attempts.corrupt.expect("the first attempt ends it, or something is wrong"))
    }

    /// Waits for room. What is larger than all of it takes all of it.
    async fn room(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX).min(self.room_kib);
        let room = self.room.clone().acquire_many_owned(kib).await;
        room.expect("the semaphore is never closed")
    }
}

/// All the nodes together; then, should what they sent be wrong, each alone,
/// since it does not show who of them was it.
fn all_then_each(from: &[NodeId]) -> impl Iterator<Item = &[NodeId]> {
    let alone = if from.len() > 1 { from.chunks(1) } else { [].chunks(1) };
    std::iter::once(from).chain(alone)
}

impl Attempts {
    /// What a result comes to; none if there is to be another attempt.
    fn end<T>(&mut self, result: Result<T, Error>) -> Option<Result<T, Error>> {
        match (result, &self.corrupt) {
            (Err(error @ Error::Corrupt { .. }), None) => {
                self.corrupt = Some(error);
                None
            }
            (Err(Error::Sink { what, why }), _) => Some(Err(Error::Sink { what, why })),
            (Err(_), Some(_)) => None,
            (result, _) => Some(result),
        }
    }
}

fn check(what: What, size: Option<u64>, from: &[NodeId]) -> Result<(), Error> {
    let limit = what.bytes_max();
    match size {
        _ if from.is_empty() => Err(Error::NotThere { what, asked: 0 }),
        Some(size) if size > limit => Err(Error::TooLarge { what, size, limit }),
        _ => Ok(()),
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        drop(self.pull.take());
        let mut pulling = self.shared.pulling.lock();
        let over = pulling.get(&self.what).is_some_and(|pull| pull.upgrade().is_none());
        if over {
            pulling.remove(&self.what);
        }
    }
}
