//! One connection: what waits to be written to it, and its end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use host_core::ClusterId;
use host_core::session::{LinkId, Packet};
use host_proto::session as proto;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::wire::{self, BATCH_BYTES, BATCH_PACKETS, OVERHEAD};

/// A batch of so many packets is written without waiting for more.
const BATCH_WORTH: usize = 64;

/// A connection, as the session writes to it. What waits is bounded by what a
/// session keeps unacknowledged.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// Cancelled when the connection is given up: its reader stops.
    pub(crate) closed: CancellationToken,
    outbox: Arc<Mutex<Outbox>>,
}

#[derive(Default)]
struct Outbox {
    packets: VecDeque<Packet<Bytes>>,
    /// Who polls the stream, while there is nothing.
    writer: Option<Waker>,
    end: Option<End>,
}

/// How a connection ends.
enum End {
    Closed,
    /// With what the other side is told.
    Refused(Status),
}

/// What is written to a connection: everything that is ready, as one batch.
pub(crate) struct Batches {
    cluster: ClusterId,
    outbox: Arc<Mutex<Outbox>>,
    closed: CancellationToken,
    /// Packets in the last batch.
    last: usize,
    /// Whether others have had a turn since this one was woken.
    yielded: bool,
}

impl Link {
    /// A connection, and what is to be written to it.
    pub(crate) fn new(id: LinkId, cluster: ClusterId) -> (Link, Batches) {
        let outbox = Arc::<Mutex<Outbox>>::default();
        let closed = CancellationToken::new();
        let (outgoing, ended) = (outbox.clone(), closed.clone());
        let batches = Batches { cluster, outbox: outgoing, closed: ended, last: 0, yielded: false };
        (Link { id, closed, outbox }, batches)
    }

    /// Adds a packet to what is to be written.
    pub(crate) fn push(&self, packet: Packet<Bytes>) {
        let mut outbox = self.outbox.lock();
        if outbox.end.is_some() {
            return;
        }
        outbox.packets.push_back(packet);
        let writer = outbox.writer.take();
        drop(outbox);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Gives the connection up.
    pub(crate) fn close(&self) {
        self.end(End::Closed);
    }

    /// Gives the connection up, and says why.
    pub(crate) fn refuse(&self, status: Status) {
        self.end(End::Refused(status));
    }

    fn end(&self, end: End) {
        let mut outbox = self.outbox.lock();
        outbox.end.get_or_insert(end);
        outbox.packets.clear();
        let writer = outbox.writer.take();
        drop(outbox);
        self.closed.cancel();
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl Batches {
    /// The next batch for a stream that can end with a refusal.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<proto::Batch, Status>>> {
        let mut outbox = self.outbox.lock();
        match outbox.end.take() {
            Some(End::Closed) => {
                outbox.end = Some(End::Closed);
                return Poll::Ready(None);
            }
            Some(End::Refused(status)) => {
                outbox.end = Some(End::Closed);
                return Poll::Ready(Some(Err(status)));
            }
            None => {}
        }
        if outbox.packets.is_empty() {
            outbox.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Under load, those who are about to send get a turn first: a batch
        // costs as much as five packets.
        if self.last > 1 && outbox.packets.len() < BATCH_WORTH && !self.yielded {
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.yielded = false;
        let (mut packets, mut bytes) = (Vec::with_capacity(outbox.packets.len()), 0);
        while bytes < BATCH_BYTES && packets.len() < BATCH_PACKETS {
            let Some(packet) = outbox.packets.pop_front() else { break };
            bytes += OVERHEAD + payload_bytes(&packet);
            packets.push(wire::encode(self.cluster, packet));
        }
        self.last = packets.len();
        Poll::Ready(Some(Ok(proto::Batch { packets })))
    }
}

/// The stream of whoever took the connection.
impl Stream for Batches {
    type Item = Result<proto::Batch, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_batch(cx)
    }
}

/// The connection below is gone: its reader need not wait any more.
impl Drop for Batches {
    fn drop(&mut self) {
        self.outbox.lock().end.get_or_insert(End::Closed);
        self.closed.cancel();
    }
}

fn payload_bytes(packet: &Packet<Bytes>) -> usize {
    match packet {
        Packet::Frame { payload, .. } => payload.len(),
        Packet::Hello { .. } | Packet::Beat { .. } => 0,
    }
}
