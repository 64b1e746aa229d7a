//! One thing from several nodes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use host_core::{NodeId, PackageId};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

use crate::fetch::{self, Fault, Part};
use crate::limits::{RANGE_BYTES, RANGES};
use crate::puller::Shared;
use crate::{Error, Sink, What};

/// A thing that is being pulled from some nodes.
pub(crate) struct Pull {
    shared: Arc<Shared>,
    what: What,
    asked: usize,
    /// Locked for a moment.
    sources: Mutex<Sources>,
}

struct Sources {
    /// Those that did nothing wrong; the next to be asked is the first.
    good: VecDeque<NodeId>,
    /// What the worst of the others did, and who.
    worst: Option<(NodeId, Fault)>,
}

/// The hash of what went by.
struct Hashed(Option<Sha256>);

impl Pull {
    pub(crate) fn new(shared: Arc<Shared>, what: What, from: &[NodeId]) -> Arc<Pull> {
        let mut good = VecDeque::with_capacity(from.len());
        for node in from {
            if !good.contains(node) {
                good.push_back(*node);
            }
        }
        let asked = good.len();
        let sources = Mutex::new(Sources { good, worst: None });
        Arc::new(Pull { shared, what, asked, sources })
    }

    /// How large it is, if the caller does not say: what the first says that
    /// has it. Should that be wrong, the ranges show it.
    pub(crate) async fn size(&self, given: Option<u64>) -> Result<u64, Error> {
        if let Some(size) = given {
            return Ok(size);
        }
        while let Some(node) = self.next_source() {
            match fetch::size(&self.shared, node, self.what).await {
                Ok(size) => return Ok(size),
                Err(fault) => self.strike(node, fault),
            }
        }
        Err(self.failure())
    }

    /// All of it, in one piece: the parts are filled where they will stay.
    pub(crate) async fn whole(self: &Arc<Self>, size: u64) -> Result<Bytes, Error> {
        let mut rest = BytesMut::zeroed(size as usize);
        let mut parts = Vec::with_capacity(rest.len().div_ceil(RANGE_BYTES));
        while !rest.is_empty() {
            let at = size - rest.len() as u64;
            let bytes = rest.split_to(rest.len().min(RANGE_BYTES));
            parts.push(Part { at, bytes });
        }
        let mut filled = std::pin::pin!(self.filled(size, stream::iter(parts)));
        let mut whole = BytesMut::new();
        while let Some(part) = filled.next().await {
            whole.unsplit(part?);
        }
        let whole = whole.freeze();
        let mut hashed = Hashed::of(self.what);
        hashed.add(&whole).await;
        self.check(hashed)?;
        Ok(whole)
    }

    /// All of it, in order.
    pub(crate) async fn into_sink(
        self: &Arc<Self>,
        size: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let full = |why| Error::Sink { what: self.what, why };
        sink.begin(size).await.map_err(full)?;
        let parts = (0..size).step_by(RANGE_BYTES).map(|at| {
            let len = (size - at).min(RANGE_BYTES as u64);
            Part { at, bytes: BytesMut::zeroed(len as usize) }
        });
        let mut filled = std::pin::pin!(self.filled(size, stream::iter(parts)));
        let mut hashed = Hashed::of(self.what);
        while let Some(part) = filled.next().await {
            let bytes = part?.freeze();
            hashed.add(&bytes).await;
            sink.write(bytes).await.map_err(full)?;
        }
        self.check(hashed)
    }

    /// The parts, filled, in order; some are under way at once, each in a task
    /// that ends with the stream.
    fn filled(
        self: &Arc<Self>,
        size: u64,
        parts: impl Stream<Item = Part>,
    ) -> impl Stream<Item = Result<BytesMut, Error>> {
        let tasks = parts.map(move |mut part| {
            let pull = self.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                pull.fill(size, &mut part).await?;
                Ok(part.bytes)
            }))
        });
        tasks.buffered(RANGES).map(|done| done.expect("a part is filled or fails"))
    }

    /// Fills a part from one source after the other.
    async fn fill(&self, size: u64, part: &mut Part) -> Result<(), Error> {
        while let Some(node) = self.next_source() {
            match fetch::fill(&self.shared, node, self.what, size, part).await {
                Ok(()) => return Ok(()),
                Err(fault) => self.strike(node, fault),
            }
        }
        Err(self.failure())
    }

    /// The source to ask now; the others have their turn before it has again.
    fn next_source(&self) -> Option<NodeId> {
        let mut sources = self.sources.lock();
        let node = sources.good.pop_front()?;
        sources.good.push_back(node);
        Some(node)
    }

    /// A source is not asked any more.
    fn strike(&self, node: NodeId, fault: Fault) {
        tracing::debug!(what = %self.what, %node, ?fault, "a source failed");
        let mut sources = self.sources.lock();
        sources.good.retain(|good| *good != node);
        let worse = sources.worst.as_ref().is_none_or(|(_, worst)| fault.rank() >= worst.rank());
        if worse {
            sources.worst = Some((node, fault));
        }
    }

    /// Why there is no source left.
    fn failure(&self) -> Error {
        let what = self.what;
        match self.sources.lock().worst.as_ref() {
            None | Some((_, Fault::NotThere)) => Error::NotThere { what, asked: self.asked },
            Some((node, Fault::Away(why))) => {
                Error::Unreached { what, node: *node, why: why.clone() }
            }
            Some((node, Fault::Wrong(why))) => {
                Error::Corrupt { what, node: *node, why: why.clone() }
            }
        }
    }

    fn check(&self, hashed: Hashed) -> Result<(), Error> {
        let (What::Package(id), Hashed(Some(hash))) = (self.what, hashed) else { return Ok(()) };
        let found = PackageId(hash.finalize().into());
        if found == id {
            return Ok(());
        }
        let node = self.sources.lock().good.back().copied();
        let node = node.expect("whoever gave the last range is good");
        Err(Error::Corrupt { what: self.what, node, why: format!("its hash is {found}") })
    }
}

impl Fault {
    /// What says most about the whole: something that is wrong must be told.
    fn rank(&self) -> u32 {
        match self {
            Fault::NotThere => 0,
            Fault::Away(_) => 1,
            Fault::Wrong(_) => 2,
        }
    }
}

impl Hashed {
    fn of(what: What) -> Hashed {
        Hashed(matches!(what, What::Package(_)).then(Sha256::new))
    }

    /// Hashes off the async threads: a gigabyte takes a second.
    async fn add(&mut self, bytes: &Bytes) {
        let Some(mut hash) = self.0.take() else { return };
        let bytes = bytes.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            hash.update(&bytes);
            hash
        });
        self.0 = Some(hashing.await.expect("hashing does not panic"));
    }
}
