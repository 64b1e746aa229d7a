//! A worker's connection to its node.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use host_wasi::{Output, Stream};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Notify, mpsc, oneshot};

use super::wire::{self, Ask, Reply, Say, ToNode};

/// What may wait to be written before a guest that prints or logs has to wait.
const UNWRITTEN_BYTES: usize = 1 << 20;

/// The worker's half of the connection, for everybody in the worker who has
/// something to say.
pub(in crate::sandbox) struct Line {
    out: mpsc::UnboundedSender<ToNode>,
    /// Bytes of text that wait to be written; the rest of what waits is bounded
    /// by what the guest holds.
    unwritten: Arc<Unwritten>,
    last: AtomicU64,
    asked: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
}

#[derive(Default)]
struct Unwritten {
    bytes: AtomicUsize,
    room: Notify,
}

/// The node has gone, or makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("the node does not answer")]
pub(in crate::sandbox) struct Gone;

impl Line {
    /// A line, and what writes what is said to it.
    pub(super) fn new(write: OwnedWriteHalf) -> (Arc<Line>, impl Future<Output = ()> + Send) {
        let (out, said) = mpsc::unbounded_channel();
        let unwritten = Arc::<Unwritten>::default();
        let writing = write_all(write, said, unwritten.clone());
        let (last, asked) = (AtomicU64::new(0), Mutex::default());
        (Arc::new(Line { out, unwritten, last, asked }), writing)
    }

    pub(super) fn tell(&self, message: ToNode) {
        // A node that has gone has killed this process.
        let _ = self.out.send(message);
    }

    pub(super) fn say(&self, said: Say) {
        self.tell(ToNode::Say(said));
    }

    /// Asks the node.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Reply, Gone> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        self.asked.lock().insert(number, reply);
        self.tell(ToNode::Ask(number, Box::new(ask)));
        replied.await.map_err(|_| Gone)
    }

    /// The node answers.
    pub(super) fn replied(&self, number: u64, reply: Reply) {
        if let Some(asked) = self.asked.lock().remove(&number) {
            let _ = asked.send(reply);
        }
    }

    /// Sends a line of the guest's log, once there is room.
    pub(super) async fn log(&self, said: Say, bytes: usize) {
        self.room().await;
        self.unwritten.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.say(said);
    }

    fn has_room(&self) -> bool {
        self.unwritten.bytes.load(Ordering::Relaxed) < UNWRITTEN_BYTES
    }

    async fn room(&self) {
        while !self.has_room() {
            let mut room = std::pin::pin!(self.unwritten.room.notified());
            room.as_mut().enable();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }
}

impl Output for Line {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        self.unwritten.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        let bytes = Bytes::copy_from_slice(bytes);
        self.say(Say::Print { is_stderr: stream == Stream::Stderr, bytes });
    }

    fn has_room(&self) -> bool {
        Line::has_room(self)
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Line::room(self))
    }
}

/// Writes what is said, everything that is ready at once.
async fn write_all(
    mut write: OwnedWriteHalf,
    mut said: mpsc::UnboundedReceiver<ToNode>,
    unwritten: Arc<Unwritten>,
) {
    let mut codec = wire::codec(u64::MAX);
    let mut out = BytesMut::new();
    while let Some(message) = said.recv().await {
        let mut text = 0;
        let mut next = Some(message);
        while let Some(message) = next {
            text += text_of(&message);
            if let Err(error) = wire::encode(&mut codec, &message, &mut out) {
                tracing::error!(%error, "a message to the node cannot be written");
                return;
            }
            next = if out.len() < UNWRITTEN_BYTES { said.try_recv().ok() } else { None };
        }
        if write.write_all_buf(&mut out).await.is_err() {
            return;
        }
        unwritten.bytes.fetch_sub(text, Ordering::Relaxed);
        unwritten.room.notify_waiters();
    }
}

fn text_of(message: &ToNode) -> usize {
    match message {
        ToNode::Say(Say::Print { bytes, .. }) => bytes.len(),
        ToNode::Say(Say::Log { target, message, .. }) => target.len() + message.len(),
        _ => 0,
    }
}
