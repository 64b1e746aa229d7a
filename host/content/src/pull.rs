//! The taking side.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use host_core::{NodeId, limits};
use host_proto::PROTOCOL_VERSION;
use host_proto::content as proto;
use host_proto::content::content_client::ContentClient;
use host_proto::content::pull_request::What as WireWhat;
use host_transport::Dial;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::{CHUNK_BYTES, Error, What};

/// Bytes under way in this process, at most; one thing that is larger goes
/// alone. Counted in KiB, since a semaphore counts no further than 32 bits.
const UNDER_WAY_KIB: usize = 256 << 10;

/// Bytes of one range: several of them are pulled at once.
const RANGE_BYTES: u64 = 8 << 20;

/// Ranges of one thing that are pulled at once.
const RANGES: usize = 4;

/// A source that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a source may take to begin: longer than it waits itself for what
/// it has to bring from its disk first.
const OPEN_TIME: Duration = Duration::from_secs(40);

/// The most that an object may have; past it somebody lies.
const OBJECT_BYTES_MAX: u64 = limits::VALUE_BYTES as u64;

/// Pulls that others may wait for too.
type Pulls = Mutex<FxHashMap<What, Shared<BoxFuture<'static, Result<Bytes, Error>>>>>;

/// Brings what other nodes have here. Cloning is cheap.
#[derive(Clone)]
pub struct Puller(Arc<Inner>);

struct Inner {
    dial: Arc<dyn Dial>,
    pulls: Pulls,
    under_way: Semaphore,
    /// Channels that were made, kept while they work.
    channels: Mutex<FxHashMap<NodeId, Channel>>,
}

/// Why one source did not give it.
enum Unhelpful {
    NotThere,
    Failed(String),
}

impl Puller {
    /// A puller over these channels, which should not be the sessions'.
    pub fn new(dial: Arc<dyn Dial>) -> Puller {
        Puller(Arc::new(Inner {
            dial,
            pulls: Mutex::default(),
            under_way: Semaphore::new(UNDER_WAY_KIB),
            channels: Mutex::default(),
        }))
    }

    /// Brings something here: from the first of these nodes that gives it.
    /// Whoever asks for the same meanwhile gets the same bytes.
    ///
    /// # Errors
    /// [`Error::NotThere`] if all said that they do not have it.
    pub async fn pull(&self, what: What, from: Vec<NodeId>) -> Result<Bytes, Error> {
        let pull = {
            let mut pulls = self.0.pulls.lock();
            let begin = || self.0.clone().run(what, from).boxed().shared();
            pulls.entry(what).or_insert_with(begin).clone()
        };
        let pulled = pull.clone().await;
        let mut pulls = self.0.pulls.lock();
        if pulls.get(&what).is_some_and(|known| known.ptr_eq(&pull)) {
            pulls.remove(&what);
        }
        pulled
    }

    /// A node has gone: its channel is not kept.
    pub fn gone(&self, node: NodeId) {
        self.0.channels.lock().remove(&node);
    }
}

impl Inner {
    async fn run(self: Arc<Self>, what: What, from: Vec<NodeId>) -> Result<Bytes, Error> {
        let mut last = None;
        for node in &from {
            match self.pull_from(what, *node).await {
                Ok(bytes) => return Ok(bytes),
                Err(Unhelpful::NotThere) => {}
                Err(Unhelpful::Failed(why)) => {
                    tracing::warn!(%what, %node, why, "it could not be pulled from there");
                    self.channels.lock().remove(node);
                    last = Some(format!("{node}: {why}"));
                }
            }
        }
        Err(match last {
            Some(why) => Error::Failed { what, why },
            None => Error::NotThere { what, from },
        })
    }

    async fn pull_from(&self, what: What, node: NodeId) -> Result<Bytes, Unhelpful> {
        let channel = self.channel(node).await?;
        let mut first = open(&channel, what, 0, RANGE_BYTES).await?;
        let Some(chunk) = next(&mut first).await? else {
            // Nothing at all: it is empty.
            return check(what, Bytes::new());
        };
        let most = match what {
            What::Object(_) => OBJECT_BYTES_MAX,
            What::Package(_) => limits::PACKAGE_BYTES,
        };
        let size = chunk.size;
        if size > most {
            return Err(Unhelpful::Failed(format!("it says it has {size} bytes, past {most}")));
        }
        let kib = (size >> 10).min(UNDER_WAY_KIB as u64) as u32;
        let _room = self.under_way.acquire_many(kib).await;
        let mut all = BytesMut::zeroed(size as usize);
        let mut parts = Vec::new();
        for offset in (0..size).step_by(RANGE_BYTES as usize) {
            let length = RANGE_BYTES.min(size - offset);
            parts.push((offset, all.split_to(length as usize)));
        }
        let mut rest = parts.into_iter();
        let Some((_, head)) = rest.next() else { return check(what, Bytes::new()) };
        let head = fill(first, Some(chunk), head);
        let others = stream::iter(rest.map(|(offset, part)| {
            let channel = channel.clone();
            async move {
                let stream = open(&channel, what, offset, part.len() as u64).await?;
                fill(stream, None, part).await
            }
        }));
        let others = others.buffered(RANGES).try_collect::<Vec<BytesMut>>();
        let (head, others) = tokio::try_join!(head, others)?;
        let whole = others.into_iter().fold(head, |mut whole, part| {
            // They are neighbours in one block: nothing is copied.
            whole.unsplit(part);
            whole
        });
        check(what, whole.freeze())
    }

    async fn channel(&self, node: NodeId) -> Result<Channel, Unhelpful> {
        let known = self.channels.lock().get(&node).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let dialled = timeout(SILENCE, self.dial.dial(node)).await;
        let dialled = dialled.map_err(|_| Unhelpful::Failed("it is not reached".into()))?;
        let channel = dialled.map_err(Unhelpful::Failed)?;
        self.channels.lock().insert(node, channel.clone());
        Ok(channel)
    }
}

async fn open(
    channel: &Channel,
    what: What,
    offset: u64,
    length: u64,
) -> Result<Streaming<proto::Chunk>, Unhelpful> {
    let wire = match what {
        What::Object(id) => WireWhat::Object(proto::ObjectId { node: id.node.0, seq: id.seq }),
        What::Package(id) => WireWhat::Package(Bytes::copy_from_slice(&id.0)),
    };
    let request =
        proto::PullRequest { protocol: PROTOCOL_VERSION, what: Some(wire), offset, length };
    let mut client = ContentClient::new(channel.clone()).max_decoding_message_size(2 * CHUNK_BYTES);
    let opened = timeout(OPEN_TIME, client.pull(request)).await;
    let opened = opened.map_err(|_| Unhelpful::Failed("it did not answer".into()))?;
    opened.map(tonic::Response::into_inner).map_err(unhelpful)
}

async fn next(stream: &mut Streaming<proto::Chunk>) -> Result<Option<proto::Chunk>, Unhelpful> {
    let next = timeout(SILENCE, stream.message()).await;
    let next = next.map_err(|_| Unhelpful::Failed(format!("it was silent for {SILENCE:?}")))?;
    next.map_err(unhelpful)
}

/// Reads a range to its end: as many bytes as it has room for, no more and no
/// fewer.
async fn fill(
    mut stream: Streaming<proto::Chunk>,
    mut first: Option<proto::Chunk>,
    mut part: BytesMut,
) -> Result<BytesMut, Unhelpful> {
    let mut filled = 0;
    loop {
        let chunk = match first.take() {
            Some(chunk) => chunk,
            None => match next(&mut stream).await? {
                Some(chunk) => chunk,
                None if filled == part.len() => return Ok(part),
                None => return Err(Unhelpful::Failed("it ended before its end".into())),
            },
        };
        let Some(room) = part.get_mut(filled..filled + chunk.data.len()) else {
            return Err(Unhelpful::Failed("it gave more than it said it has".into()));
        };
        room.copy_from_slice(&chunk.data);
        filled += chunk.data.len();
    }
}

fn check(what: What, bytes: Bytes) -> Result<Bytes, Unhelpful> {
    match what {
        What::Package(id) if Sha256::digest(&bytes)[..] != id.0 => {
            Err(Unhelpful::Failed("what it gave has another hash".into()))
        }
        _ => Ok(bytes),
    }
}

fn unhelpful(status: Status) -> Unhelpful {
    match status.code() {
        Code::NotFound => Unhelpful::NotThere,
        _ => Unhelpful::Failed(status.message().to_owned()),
    }
}
