//! What other nodes read from this one.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use host_core::NodeId;
use host_proto::content as proto;
use host_proto::content::content_server::{Content as Contract, ContentServer};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::time::timeout;
use tonic::{Request, Response, Status, async_trait};

use crate::limits::{CHUNK_BYTES, MESSAGE_BYTES_MAX, OPEN_TIME, SILENCE_TIME, STREAMS_SERVED};
use crate::wire::{self, Range};
use crate::{Config, Content, Source};

/// Serves what a source has: a service for tonic's router. A stream is read
/// from the source as fast as its reader takes it, and no faster.
pub fn server(config: Config, source: Arc<dyn Source>) -> ContentServer<impl Contract> {
    ContentServer::new(Service { config, source, readers: Arc::default() })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

struct Service {
    config: Config,
    source: Arc<dyn Source>,
    /// Locked for a moment.
    readers: Arc<Mutex<FxHashMap<NodeId, usize>>>,
}

/// The right to read one range. Nodes that read nothing take no memory.
struct Reader {
    node: NodeId,
    readers: Arc<Mutex<FxHashMap<NodeId, usize>>>,
}

/// What is left to send of a range.
struct Sending {
    content: Box<dyn Content>,
    at: u64,
    end: u64,
    /// Until the first chunk was sent.
    first: bool,
    _reader: Reader,
}

#[async_trait]
impl Contract for Service {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<proto::Chunk, Status>> + Send>>;

    async fn read(
        &self,
        request: Request<proto::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let Range { from, what, at, len } = wire::request_from(&self.config, request)?;
        self.source.admit(from, &extensions).map_err(Status::permission_denied)?;
        let reader = Reader::admit(from, &self.readers)?;
        let content = patient(OPEN_TIME, self.source.open(what)).await?;
        let content = content.ok_or_else(|| Status::not_found(format!("{what} is not here")))?;
        let size = content.size();
        let end = at.checked_add(len).filter(|end| *end <= size).ok_or_else(|| {
            Status::out_of_range(format!("{what} has {size} bytes, not {len} from {at}"))
        })?;
        let sending = Sending { content, at, end, first: true, _reader: reader };
        let chunks = stream::unfold(Some(sending), |sending| async {
            let mut sending = sending?;
            match sending.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(sending))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(chunks)))
    }
}

impl Sending {
    async fn next(&mut self) -> Result<Option<proto::Chunk>, Status> {
        if self.at == self.end && !self.first {
            return Ok(None);
        }
        let len = (self.end - self.at).min(CHUNK_BYTES as u64) as usize;
        let data = patient(SILENCE_TIME, self.content.read(self.at, len)).await?;
        if data.len() != len {
            return Err(Status::data_loss(format!("{} bytes instead of {len}", data.len())));
        }
        self.at += len as u64;
        let first = std::mem::take(&mut self.first);
        let size = if first { self.content.size() } else { 0 };
        Ok(Some(proto::Chunk { size, data }))
    }
}

impl Reader {
    fn admit(
        node: NodeId,
        readers: &Arc<Mutex<FxHashMap<NodeId, usize>>>,
    ) -> Result<Reader, Status> {
        let mut counts = readers.lock();
        let count = counts.entry(node).or_default();
        if *count >= STREAMS_SERVED {
            let why = format!("{node} reads {STREAMS_SERVED} ranges already; end one first");
            return Err(Status::resource_exhausted(why));
        }
        *count += 1;
        Ok(Reader { node, readers: readers.clone() })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut counts = self.readers.lock();
        if let Some(count) = counts.get_mut(&self.node) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.node);
            }
        }
    }
}

/// Waits for the source, no longer than the reader will.
async fn patient<T>(
    time: Duration,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, Status> {
    match timeout(time, work).await {
        Ok(result) => result.map_err(Status::unavailable),
        Err(_) => Err(Status::unavailable("reading it takes too long")),
    }
}
