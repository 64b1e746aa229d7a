//! What the way between two hosts costs, with nothing behind it: unary calls,
//! and bytes in one direction, over the gate's own TLS and HTTP/2.
//!
//! `cargo run --release -p host-gate --example speed` prints the yardsticks
//! for everything that goes this way.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use host_control::{ControlStore, Embedded};
use host_gate::{Config, Dialler, Gate, Identity, Keeper, system_clock};
use host_identity::{Expect, Name};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Channel;
use tower_service::Service;

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(3);

/// Bytes of a message of a call.
const CALL_BYTES: usize = 64;

/// Bytes that the service sends on at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Bytes of one stream.
const STREAM_BYTES: usize = 1 << 30;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let store: Arc<dyn ControlStore> = Arc::new(Embedded::open(folder.path(), None).await?);
    let name: Name = "alpha".parse()?;
    let home = folder.path().join("home");
    let (identity, registrar) =
        Identity::found(&home, name.clone(), store.clone(), system_clock()).await?;
    let keeper = Keeper::start(identity.clone(), store, Some(registrar));
    keeper.ready().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let config = Config::new(Routes::new(Yardstick), None);
    let gate = Gate::serve(listener, identity.clone(), config)?;
    let address = gate.address().to_string();
    let dialler = Dialler::new(identity);
    let begun = Instant::now();
    let channel = dialler.dial(&address, Expect::Node(name.clone())).await?;
    println!("connect: {:?}", begun.elapsed());
    for under_way in [1, 64, 512] {
        let calls = calls(&channel, under_way).await?;
        println!("calls of {CALL_BYTES} bytes, {under_way} under way: {calls:.0} per second");
    }
    let rate = bytes_per_second(channel).await?;
    println!("one stream: {:.0} MB per second", rate / 1e6);
    gate.shutdown(Duration::from_secs(1)).await;
    keeper.stop().await;
    Ok(())
}

/// Calls per second, with so many under way.
async fn calls(channel: &Channel, under_way: usize) -> Result<f64, Failed> {
    let begun = Instant::now();
    let workers = (0..under_way).map(|_| {
        let mut channel = channel.clone();
        async move {
            let mut done = 0_u64;
            while begun.elapsed() < TIME {
                let body = Body::new(http_body_of(Bytes::from_static(&[7; CALL_BYTES])));
                let answer = ask(&mut channel, "/speed.Yardstick/Echo", body).await?;
                assert_eq!(read(answer).await?, CALL_BYTES);
                done += 1;
            }
            Ok::<_, Failed>(done)
        }
    });
    let done: u64 = try_join_all(workers).await?.into_iter().sum();
    Ok(done as f64 / begun.elapsed().as_secs_f64())
}

async fn bytes_per_second(mut channel: Channel) -> Result<f64, Failed> {
    let begun = Instant::now();
    let answer = ask(&mut channel, "/speed.Yardstick/Stream", Body::empty()).await?;
    assert_eq!(read(answer).await?, STREAM_BYTES);
    Ok(STREAM_BYTES as f64 / begun.elapsed().as_secs_f64())
}

async fn ask(channel: &mut Channel, path: &str, body: Body) -> Result<Body, Failed> {
    let request = Request::post(path).header("content-type", "application/grpc").body(body)?;
    std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(channel, cx)).await?;
    Ok(channel.call(request).await?.into_body())
}

/// Reads a body to its end; how long it is.
async fn read(mut body: Body) -> Result<usize, Status> {
    let mut length = 0;
    while let Some(frame) =
        std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.transpose()?
    {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(length)
}

/// Answers with what was sent, or with many bytes.
#[derive(Clone)]
struct Yardstick;

impl tonic::server::NamedService for Yardstick {
    const NAME: &'static str = "speed.Yardstick";
}

impl Service<Request<Body>> for Yardstick {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let body = match request.uri().path() {
            "/speed.Yardstick/Stream" => {
                let chunk = Bytes::from(vec![7; CHUNK_BYTES]);
                Body::new(Chunks { chunk, left: STREAM_BYTES / CHUNK_BYTES })
            }
            _ => request.into_body(),
        };
        std::future::ready(Ok(Response::new(body)))
    }
}

/// A body of some chunks that are all the same.
struct Chunks {
    chunk: Bytes,
    left: usize,
}

fn http_body_of(chunk: Bytes) -> Chunks {
    Chunks { chunk, left: 1 }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let next = self.left.checked_sub(1).map(|left| {
            self.left = left;
            Ok(Frame::data(self.chunk.clone()))
        });
        Poll::Ready(next)
    }
}
