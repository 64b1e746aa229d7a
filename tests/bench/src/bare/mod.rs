//! What a way between two processes costs with nothing at its ends: calls and
//! a stream over gRPC, and bytes, all with TLS. The other end is this program
//! again, as a child.

pub(crate) mod server;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::uri::PathAndQuery;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsConnector;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_prost::ProstCodec;

use crate::child::Running;
use crate::report::Report;
use server::{CALL, NAME, Place, STREAM, STREAM_BYTES};

/// Bytes of a message.
const SMALL: &[u8] = &[7; 64];

/// Messages under way in a stream.
const WINDOW: usize = 1_024;

/// A message of the yardstick.
#[derive(Clone, PartialEq, prost::Message)]
struct Data {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
}

fn small() -> Data {
    Data { bytes: Bytes::from_static(SMALL) }
}

/// The yardsticks: this process's end of them.
pub(crate) struct Bare {
    place: Place,
    channel: Channel,
    _child: Running,
}

impl Bare {
    /// Starts the other end.
    pub(crate) async fn start() -> anyhow::Result<Bare> {
        let (child, place) = server::start()?;
        let ca = Certificate::from_pem(&place.pem);
        let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name(NAME);
        let endpoint = Endpoint::from_shared(format!("https://{}", place.calls))?;
        let channel = endpoint.tcp_nodelay(true).tls_config(tls)?.connect().await?;
        Ok(Bare { place, channel, _child: child })
    }

    /// Measures each once.
    pub(crate) async fn round(&self, report: &mut Report, scale: u32) -> anyhow::Result<()> {
        report.add("bare_call", "ns", self.calls(2_000 * scale).await?);
        report.add("bare_stream", "ns", self.stream(20_000 * scale).await?);
        report.add("bare_bytes", "GB/s", self.bytes().await?);
        Ok(())
    }

    /// Nanoseconds of a call, one after the other.
    async fn calls(&self, calls: u32) -> anyhow::Result<f64> {
        let mut grpc = Grpc::new(self.channel.clone());
        let begun = Instant::now();
        for _ in 0..calls {
            grpc.ready().await?;
            let codec = ProstCodec::<Data, Data>::default();
            let path = PathAndQuery::from_static(CALL);
            grpc.unary(Request::new(small()), path, codec).await?;
        }
        Ok(begun.elapsed().as_nanos() as f64 / f64::from(calls))
    }

    /// Nanoseconds of a message that comes back, with many under way.
    async fn stream(&self, messages: u32) -> anyhow::Result<f64> {
        let (sender, mut waiting) = mpsc::channel(WINDOW);
        let outgoing = futures_util::stream::poll_fn(move |cx| waiting.poll_recv(cx));
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await?;
        let codec = ProstCodec::<Data, Data>::default();
        let path = PathAndQuery::from_static(STREAM);
        let answer = grpc.streaming(Request::new(outgoing), path, codec).await?;
        let mut back = answer.into_inner();
        let room = Arc::new(Semaphore::new(WINDOW));
        let returned = room.clone();
        let begun = Instant::now();
        let reader = tokio::spawn(async move {
            for _ in 0..messages {
                anyhow::ensure!(back.message().await?.is_some(), "the stream ended");
                returned.add_permits(1);
            }
            Ok(())
        });
        for _ in 0..messages {
            room.acquire().await?.forget();
            sender.send(small()).await?;
        }
        reader.await??;
        Ok(begun.elapsed().as_nanos() as f64 / f64::from(messages))
    }

    /// Gigabytes a second, in one direction.
    async fn bytes(&self) -> anyhow::Result<f64> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(self.place.der.clone()))?;
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let stream = TcpStream::connect(self.place.bytes).await?;
        let mut stream = connector.connect(ServerName::try_from(NAME)?, stream).await?;
        let mut buffer = vec![0; 256 << 10];
        let begun = Instant::now();
        let mut left = STREAM_BYTES;
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            anyhow::ensure!(read > 0, "the stream ended");
            left = left.saturating_sub(read);
        }
        Ok(STREAM_BYTES as f64 / begun.elapsed().as_secs_f64() / 1e9)
    }
}
