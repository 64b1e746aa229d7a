//! Gigabytes a second of a pull, and of a bare gRPC stream of the same chunks:
//! `cargo run --release -p host-content --example speed`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use host_content::limits::{CHUNK_BYTES, UNDER_WAY_BYTES};
use host_content::{Config, Content, Puller, Sink, Source, What, server};
use host_core::{ClusterId, NodeId, ObjectId};
use host_proto::content as proto;
use host_proto::content::content_client::ContentClient;
use host_proto::content::content_server::{Content as Contract, ContentServer};
use host_transport::{Answer, Dial};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Extensions, Request, Response, Status, async_trait};

const SIZE: usize = 1 << 30;

const WHAT: What = What::Object(ObjectId { node: NodeId(1), seq: 1 });

#[tokio::main]
async fn main() {
    let bytes = Bytes::from(vec![7; SIZE]);
    let source = Arc::new(Shelf(bytes.clone()));
    let config = |id| {
        let local = NodeId(id);
        Config { local, cluster: ClusterId(1), under_way_bytes_max: UNDER_WAY_BYTES }
    };
    let serving = serve(server(config(1), source)).await;
    let bare = serve(ContentServer::new(Bare(bytes))).await;
    for _ in 0..3 {
        println!("bare stream      {:.2} GB/s", rate(read_bare(bare, None)).await);
        let kept = Vec::with_capacity(SIZE);
        println!("bare stream kept {:.2} GB/s", rate(read_bare(bare, Some(kept))).await);
        let puller = Puller::new(config(2), Arc::new(To(serving)));
        println!("pull             {:.2} GB/s", rate(pull(puller.clone())).await);
        println!("pull into a sink {:.2} GB/s", rate(pull_into(puller)).await);
    }
}

async fn rate(work: impl Future<Output = ()>) -> f64 {
    let begun = Instant::now();
    work.await;
    SIZE as f64 / 1e9 / begun.elapsed().as_secs_f64()
}

async fn pull(puller: Puller) {
    let pulled = puller.pull(WHAT, Some(SIZE as u64), &[NodeId(1)]).await.unwrap();
    assert_eq!(pulled.len(), SIZE);
}

async fn pull_into(puller: Puller) {
    let size = Some(SIZE as u64);
    let pulled = puller.pull_into(WHAT, size, &[NodeId(1)], &mut Nowhere).await;
    assert_eq!(pulled, Ok(SIZE as u64));
}

/// Reads everything, and keeps it in one piece if there is where.
async fn read_bare(from: SocketAddr, mut kept: Option<Vec<u8>>) {
    let channel = To(from).dial(NodeId(1)).await.unwrap();
    let mut client = ContentClient::new(channel).max_decoding_message_size(2 * CHUNK_BYTES);
    let mut chunks = client.read(proto::ReadRequest::default()).await.unwrap().into_inner();
    let mut size = 0;
    while let Some(chunk) = chunks.message().await.unwrap() {
        size += chunk.data.len();
        kept.iter_mut().for_each(|kept| kept.extend_from_slice(&chunk.data));
    }
    assert_eq!(size, SIZE);
}

async fn serve(service: ContentServer<impl Contract>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().tcp_nodelay(true).add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// Finds every node at one address.
struct To(SocketAddr);

impl Dial for To {
    fn dial(&self, _: NodeId) -> Answer<'_, Result<Channel, String>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.0)).unwrap();
        Box::pin(async move { Ok(endpoint.tcp_nodelay(true).connect().await.unwrap()) })
    }
}

/// Has one thing.
struct Shelf(Bytes);

impl Source for Shelf {
    fn admit(&self, _: NodeId, _: &Extensions) -> Result<(), String> {
        Ok(())
    }

    fn open(&self, _: What) -> Answer<'_, Result<Option<Box<dyn Content>>, String>> {
        let content: Box<dyn Content> = Box::new(self.0.clone());
        Box::pin(std::future::ready(Ok(Some(content))))
    }
}

/// Keeps nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn begin(&mut self, _: u64) -> Answer<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn write(&mut self, _: Bytes) -> Answer<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Sends everything, as it is.
struct Bare(Bytes);

#[async_trait]
impl Contract for Bare {
    type ReadStream = BoxStream<'static, Result<proto::Chunk, Status>>;

    async fn read(
        &self,
        _: Request<proto::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let bytes = self.0.clone();
        let chunks = (0..SIZE).step_by(CHUNK_BYTES).map(move |at| {
            let data = bytes.slice(at..(at + CHUNK_BYTES).min(SIZE));
            Ok(proto::Chunk { size: SIZE as u64, data })
        });
        Ok(Response::new(stream::iter(chunks).boxed()))
    }
}
