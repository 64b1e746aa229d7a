//! The giving side.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use host_core::{NodeId, ObjectId, PackageId};
use host_proto::PROTOCOL_VERSION;
use host_proto::content as proto;
use host_proto::content::content_server::{Content, ContentServer};
use host_proto::content::pull_request::What as WireWhat;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::{CHUNK_BYTES, Source, What};

/// Streams that are given at once, to all peers together. More wait: each has
/// a chunk or two in memory beside what it gives.
const STREAMS_MAX: usize = 256;

/// How long an object that is still being made, or is on disk, may take.
const OPEN_TIME: Duration = Duration::from_secs(30);

/// Gives others what a node has: a service for tonic's router.
pub fn server(source: Arc<dyn Source>) -> ContentServer<impl Content> {
    let streams = Arc::new(Semaphore::new(STREAMS_MAX));
    ContentServer::new(Service { source, streams })
}

struct Service {
    source: Arc<dyn Source>,
    streams: Arc<Semaphore>,
}

#[tonic::async_trait]
impl Content for Service {
    type PullStream = BoxStream<'static, Result<proto::Chunk, Status>>;

    async fn pull(
        &self,
        request: Request<proto::PullRequest>,
    ) -> Result<Response<Self::PullStream>, Status> {
        self.source.admit(request.extensions()).map_err(Status::permission_denied)?;
        let request = request.into_inner();
        if request.protocol != PROTOCOL_VERSION {
            let why = format!(
                "protocol version {}, and this node speaks {PROTOCOL_VERSION}: upgrade the older",
                request.protocol
            );
            return Err(Status::failed_precondition(why));
        }
        let what = read_what(request.what)?;
        let permit = self.streams.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Status::unavailable("the node is ending"))?;
        let opened = tokio::time::timeout(OPEN_TIME, self.source.open(what)).await;
        let opened = opened.map_err(|_| Status::unavailable(format!("{what} is not ready")))?;
        let all = opened.ok_or_else(|| Status::not_found(format!("{what} is not here")))?;
        let part = part_of(&all, request.offset, request.length)?;
        let size = all.len() as u64;
        let chunks = stream::unfold((part, size, permit), |(mut left, size, permit)| async move {
            if left.is_empty() && size == 0 {
                return None;
            }
            let data = left.split_to(left.len().min(CHUNK_BYTES));
            // Said once; 0 afterwards, when nothing is left either.
            let next =
                if left.is_empty() { (Bytes::new(), 0, permit) } else { (left, size, permit) };
            Some((Ok(proto::Chunk { data, size }), next))
        });
        Ok(Response::new(chunks.boxed()))
    }
}

fn part_of(all: &Bytes, offset: u64, length: u64) -> Result<Bytes, Status> {
    let size = all.len() as u64;
    if offset > size {
        return Err(Status::out_of_range(format!(
            "it has {size} bytes, and {offset} is past them"
        )));
    }
    let end = offset.saturating_add(length).min(size);
    Ok(all.slice(offset as usize..end as usize))
}

fn read_what(what: Option<WireWhat>) -> Result<What, Status> {
    match what {
        Some(WireWhat::Object(id)) => {
            Ok(What::Object(ObjectId { node: NodeId(id.node), seq: id.seq }))
        }
        Some(WireWhat::Package(id)) => {
            let id: Result<[u8; 32], _> = (&*id).try_into();
            let id = id.map_err(|_| Status::invalid_argument("a package's id has 32 bytes"))?;
            Ok(What::Package(PackageId(id)))
        }
        None => Err(Status::invalid_argument("nothing is asked for")),
    }
}
