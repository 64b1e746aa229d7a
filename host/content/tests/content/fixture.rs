//! Nodes with things on them, and one that lacks them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_content::{Config, Content, Error, Puller, Sink, Source, What, limits, server};
use host_core::{ClusterId, NodeId, ObjectId, PackageId};
use host_proto::content as proto;
use host_proto::content::content_server::{Content as Contract, ContentServer};
use host_transport::{Answer, Dial};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Extensions, Request, Response, Status, async_trait};

/// No test waits for it unless it fails.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const OBJECT: What = What::Object(ObjectId { node: NodeId(1), seq: 7 });

/// A node that [`Shelf`] does not let in.
pub(crate) const UNWELCOME: NodeId = NodeId(13);

pub(crate) fn config(local: NodeId) -> Config {
    let under_way_bytes_max = limits::UNDER_WAY_BYTES;
    Config { local, cluster: ClusterId(9), under_way_bytes_max }
}

/// Bytes of which no two ranges are alike.
pub(crate) fn some(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(size as u64).fill(&mut bytes);
    bytes.into()
}

pub(crate) fn package(bytes: &[u8]) -> What {
    What::Package(PackageId(Sha256::digest(bytes).into()))
}

/// Which nodes are where.
#[derive(Default)]
pub(crate) struct Book(Mutex<HashMap<NodeId, SocketAddr>>);

impl Dial for Book {
    fn dial(&self, peer: NodeId) -> Answer<'_, Result<Channel, String>> {
        let address = self.0.lock().get(&peer).copied();
        Box::pin(async move {
            let address = address.ok_or("nobody knows where it is")?;
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            let endpoint = endpoint.map_err(|error| error.to_string())?;
            endpoint.connect().await.map_err(|error| error.to_string())
        })
    }
}

/// How a node makes the bytes of a thing.
pub(crate) type Make = Box<dyn Fn() -> Box<dyn Content> + Send + Sync>;

/// What a node has.
#[derive(Default)]
pub(crate) struct Shelf {
    things: Mutex<HashMap<What, Make>>,
    /// How often something was opened.
    pub(crate) opened: Mutex<usize>,
}

impl Shelf {
    pub(crate) fn put(&self, what: What, bytes: Bytes) {
        self.put_made(what, Box::new(move || Box::new(bytes.clone())));
    }

    pub(crate) fn put_made(&self, what: What, make: Make) {
        self.things.lock().insert(what, make);
    }
}

impl Source for Shelf {
    fn admit(&self, from: NodeId, _: &Extensions) -> Result<(), String> {
        if from == UNWELCOME { Err(format!("{from} is not welcome")) } else { Ok(()) }
    }

    fn open(&self, what: What) -> Answer<'_, Result<Option<Box<dyn Content>>, String>> {
        *self.opened.lock() += 1;
        let content = self.things.lock().get(&what).map(|make| make());
        Box::pin(std::future::ready(Ok(content)))
    }
}

/// Nodes 1, 2, … and a puller, which is node 100.
pub(crate) struct Cluster {
    pub(crate) book: Arc<Book>,
    pub(crate) puller: Puller,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) shelves: Vec<Arc<Shelf>>,
}

impl Cluster {
    pub(crate) async fn start(nodes: usize) -> Cluster {
        Cluster::with(nodes, config(NodeId(100))).await
    }

    pub(crate) async fn with(nodes: usize, config: Config) -> Cluster {
        let book = Arc::<Book>::default();
        let puller = Puller::new(config, book.clone());
        let mut cluster = Cluster { book, puller, nodes: Vec::new(), shelves: Vec::new() };
        for _ in 0..nodes {
            let shelf = Arc::<Shelf>::default();
            cluster.shelves.push(shelf.clone());
            let id = cluster.next_id();
            cluster.serve(id, server(self::config(id), shelf)).await;
        }
        cluster
    }

    /// A node that says what it wants.
    pub(crate) async fn add_liar(&mut self, chunks: Vec<(u64, Bytes)>) {
        let id = self.next_id();
        self.serve(id, ContentServer::new(Liar(chunks))).await;
    }

    fn next_id(&self) -> NodeId {
        NodeId(self.nodes.len() as u32 + 1)
    }

    async fn serve(&mut self, id: NodeId, service: ContentServer<impl Contract>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.book.0.lock().insert(id, listener.local_addr().unwrap());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        self.nodes.push(id);
    }

    pub(crate) fn put_everywhere(&self, what: What, bytes: &Bytes) {
        self.shelves.iter().for_each(|shelf| shelf.put(what, bytes.clone()));
    }

    pub(crate) async fn pull(&self, what: What, size: Option<u64>) -> Result<Bytes, Error> {
        let pulling = self.puller.pull(what, size, &self.nodes);
        tokio::time::timeout(LONG, pulling).await.expect("a pull ends")
    }
}

/// Sends the same chunks whatever is asked.
struct Liar(Vec<(u64, Bytes)>);

#[async_trait]
impl Contract for Liar {
    type ReadStream = futures_util::stream::BoxStream<'static, Result<proto::Chunk, Status>>;

    async fn read(
        &self,
        _: Request<proto::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let chunks = self.0.clone().into_iter().map(|(size, data)| Ok(proto::Chunk { size, data }));
        Ok(Response::new(Box::pin(futures_util::stream::iter(chunks))))
    }
}

/// A file, as it were.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) bytes: Vec<u8>,
    pub(crate) begun: usize,
    /// It has no room for more.
    pub(crate) room: Option<usize>,
}

impl Sink for Bucket {
    fn begin(&mut self, size: u64) -> Answer<'_, Result<(), String>> {
        self.begun += 1;
        self.bytes = Vec::with_capacity(size as usize);
        Box::pin(std::future::ready(Ok(())))
    }

    fn write(&mut self, bytes: Bytes) -> Answer<'_, Result<(), String>> {
        self.bytes.extend_from_slice(&bytes);
        let full = self.room.is_some_and(|room| self.bytes.len() > room);
        let result = if full { Err("the disk is full".to_owned()) } else { Ok(()) };
        Box::pin(std::future::ready(result))
    }
}
