//! The other end of the yardsticks, a process of its own as another host is.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::Data;
use crate::child::Running;

/// Its name in its certificate.
pub(super) const NAME: &str = "localhost";

pub(super) const CALL: &str = "/bench.Echo/Call";
pub(super) const STREAM: &str = "/bench.Echo/Stream";

/// What a connection for bytes gets: a gibibyte.
pub(super) const STREAM_BYTES: usize = 1 << 30;

const CHUNK_BYTES: usize = 256 << 10;

/// The option that makes this program the other end.
const OPTION: &str = "--bare-server";

/// Where the other end is, and how to know it.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) calls: SocketAddr,
    pub(super) bytes: SocketAddr,
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
}

/// Starts the other end.
pub(super) fn start() -> anyhow::Result<(Running, Place)> {
    let mut child = Running::start(Command::new(std::env::current_exe()?).arg(OPTION))?;
    let line = child.line()?.context("the yardstick's other end did not start")?;
    Ok((child, serde_json::from_str(&line)?))
}

/// Is the other end until it is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
    let (calls, bytes) =
        (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let pem = made.cert.pem();
    let der = made.cert.der().to_vec();
    let identity = Identity::from_pem(&pem, made.signing_key.serialize_pem());
    let place = Place { calls: calls.local_addr()?, bytes: bytes.local_addr()?, pem, der };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key)?;
    tokio::spawn(serve_bytes(bytes, TlsAcceptor::from(Arc::new(config))));
    println!("{}", serde_json::to_string(&place)?);
    let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity))?;
    let incoming = TcpIncoming::from(calls).with_nodelay(Some(true));
    server.add_service(Echo).serve_with_incoming(incoming).await?;
    Ok(())
}

async fn serve_bytes(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = send_bytes(stream, acceptor).await {
                eprintln!("the yardstick's stream broke: {error}");
            }
        });
    }
}

async fn send_bytes(stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let chunk = vec![7; CHUNK_BYTES];
    for _ in 0..STREAM_BYTES / CHUNK_BYTES {
        stream.write_all(&chunk).await?;
    }
    stream.shutdown().await
}

/// Answers with what it is sent.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl UnaryService<Data> for Echo {
    type Response = Data;
    type Future = Ready<Result<Response<Data>, Status>>;

    fn call(&mut self, request: Request<Data>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl StreamingService<Data> for Echo {
    type Response = Data;
    type ResponseStream = Streaming<Data>;
    type Future = Ready<Result<Response<Streaming<Data>>, Status>>;

    fn call(&mut self, request: Request<Streaming<Data>>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Data, Data>::default());
            Ok(match request.uri().path() {
                STREAM => grpc.streaming(Echo, request).await,
                _ => grpc.unary(Echo, request).await,
            })
        })
    }
}
