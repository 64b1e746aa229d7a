//! Echoes a second through a session, and through a bare gRPC stream of the
//! same messages: `cargo run --release -p host-transport --example speed`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use host_core::session::Room;
use host_core::{ClusterId, NodeId};
use host_proto::session as proto;
use host_proto::session::sessions_client::SessionsClient;
use host_proto::session::sessions_server::{Sessions as Contract, SessionsServer};
use host_transport::{Answer, Caller, Config, Dial, Inbound, Sessions};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Echoes that are under way.
const WINDOW: usize = 1_024;

/// Echoes in all.
const ECHOES: u64 = 300_000;

const PAYLOAD: &[u8] = &[7; 64];

#[tokio::main]
async fn main() {
    for _ in 0..3 {
        println!("bare stream {:>9.0} echoes/s", bare().await);
        println!("session     {:>9.0} echoes/s", session().await);
    }
}

struct To(std::net::SocketAddr);

impl Dial for To {
    fn dial(&self, _: NodeId) -> Answer<'_, Result<Channel, String>> {
        Box::pin(async { Ok(connect(self.0).await) })
    }
}

async fn connect(to: std::net::SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{to}")).unwrap();
    endpoint.tcp_nodelay(true).connect().await.unwrap()
}

/// Sends back, or counts what came back.
struct Counter {
    sessions: Mutex<Option<Sessions>>,
    echoes: bool,
    room: Arc<Semaphore>,
    left: AtomicU64,
    done: CancellationToken,
}

impl Inbound for Counter {
    fn admit(&self, _: NodeId, _: &Caller<'_>) -> Result<(), String> {
        Ok(())
    }

    fn deliver(&self, from: NodeId, payload: Bytes) {
        if self.echoes {
            let sessions = self.sessions.lock().clone().unwrap();
            sessions.send(from, payload, Room::Answer).unwrap();
            return;
        }
        self.room.add_permits(1);
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.cancel();
        }
    }

    fn up(&self, _: NodeId, _: u64) {}
    fn lost(&self, peer: NodeId, _: u64) {
        // At the end, each is.
        assert!(self.done.is_cancelled() || self.echoes, "{peer} was lost");
    }
    fn room(&self, _: NodeId) {}
}

fn counter(echoes: bool) -> Arc<Counter> {
    Arc::new(Counter {
        sessions: Mutex::default(),
        echoes,
        room: Arc::new(Semaphore::new(WINDOW)),
        left: AtomicU64::new(ECHOES),
        done: CancellationToken::new(),
    })
}

async fn session() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to: Arc<dyn Dial> = Arc::new(To(listener.local_addr().unwrap()));
    let config = |id| Config { local: NodeId(id), cluster: ClusterId(1) };
    let (near, far) = (counter(false), counter(true));
    let one = Sessions::new(config(1), to.clone(), near.clone());
    let two = Sessions::new(config(2), to, far.clone());
    *far.sessions.lock() = Some(two.clone());
    let server = Server::builder().tcp_nodelay(true).add_service(two.server());
    let server = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let begun = Instant::now();
    for _ in 0..ECHOES {
        near.room.acquire().await.unwrap().forget();
        one.send(NodeId(2), Bytes::from_static(PAYLOAD), Room::New).unwrap();
    }
    near.done.cancelled().await;
    let rate = ECHOES as f64 / begun.elapsed().as_secs_f64();
    one.end();
    two.end();
    server.abort();
    rate
}

/// Sends every message back as it is.
struct Mirror;

#[async_trait]
impl Contract for Mirror {
    type OpenStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<proto::Batch, Status>> + Send + 'static>>;

    async fn open(
        &self,
        request: Request<Streaming<proto::Batch>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

async fn bare() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().tcp_nodelay(true).add_service(SessionsServer::new(Mirror));
    let server = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let (sender, mut waiting) = mpsc::channel::<proto::Batch>(WINDOW);
    let outgoing = futures_util::stream::poll_fn(move |cx| waiting.poll_recv(cx));
    let mut client = SessionsClient::new(connect(address).await);
    let mut back = client.open(outgoing).await.unwrap().into_inner();
    let room = Arc::new(Semaphore::new(WINDOW));
    let returned = room.clone();
    let begun = Instant::now();
    let reader = tokio::spawn(async move {
        for _ in 0..ECHOES {
            back.next().await.unwrap().unwrap();
            returned.add_permits(1);
        }
    });
    for number in 0..ECHOES {
        room.acquire().await.unwrap().forget();
        let payload = Bytes::from_static(PAYLOAD);
        let frame = proto::Frame { epoch: 1, number, received: 0, payload };
        let kind = Some(proto::packet::Kind::Frame(frame));
        let packets = vec![proto::Packet { kind }];
        sender.send(proto::Batch { packets }).await.unwrap();
    }
    reader.await.unwrap();
    let rate = ECHOES as f64 / begun.elapsed().as_secs_f64();
    server.abort();
    rate
}
