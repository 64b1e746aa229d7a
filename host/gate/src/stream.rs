//! Connections that this process makes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use host_identity::{Cut, server_name};
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Error, limits};

/// Bytes read with the handshake: the server's first frames have about 50.
const FIRST_BYTES: usize = 1 << 10;

/// When a connection has to end, and why.
pub(crate) type UntilCut = Pin<Box<dyn Future<Output = Cut> + Send>>;

/// A connection to a host over which it spoke HTTP/2 already: so it let us in.
pub(crate) struct Stream {
    tls: TlsStream<TcpStream>,
    /// What it said first, until that is read.
    first: Bytes,
    cut: Option<UntilCut>,
}

impl Stream {
    /// Connects. In TLS 1.3 the server judges our certificate when the
    /// handshake is over for us, so this waits for its first word.
    pub(crate) async fn connect(address: &str, config: ClientConfig) -> Result<Stream, Error> {
        match timeout(limits::DIAL_TIME, Stream::open(address, config)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(unreached(address, &error)),
            Err(_) => Err(unreached(address, &io::ErrorKind::TimedOut.into())),
        }
    }

    async fn open(address: &str, mut config: ClientConfig) -> io::Result<Stream> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut tls = TlsConnector::from(Arc::new(config)).connect(server_name(), tcp).await?;
        let mut first = BytesMut::with_capacity(FIRST_BYTES);
        if tls.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Stream { tls, first: first.freeze(), cut: None })
    }

    /// The TLS of the connection.
    pub(crate) fn tls(&self) -> &rustls::ClientConnection {
        self.tls.get_ref().1
    }

    /// Ends the connection once the future does.
    pub(crate) fn cut_when(&mut self, cut: UntilCut) {
        self.cut = Some(cut);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(cut) = &mut self.cut
            && let Poll::Ready(cut) = cut.as_mut().poll(cx)
        {
            self.cut = Some(Box::pin(std::future::ready(cut)));
            let why = format!("the certificate of the other side counts no longer: {cut:?}");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)));
        }
        if self.first.has_remaining() {
            let length = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}

/// What went wrong, and what to do about it.
fn unreached(address: &str, error: &io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let advice = match (tls, error.kind()) {
        (Some(tls), _) => advice_about_tls(tls),
        (None, io::ErrorKind::ConnectionRefused) => {
            "check that a host runs there, and that it listens on this address"
        }
        (None, io::ErrorKind::TimedOut) => "check the network and the firewalls in between",
        (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            "it hung up: it is no host, or has too many connections; its log says which"
        }
        (None, _) => "check the address",
    };
    let why = match (tls, error.kind()) {
        // Our own words about a certificate, which rustls passes on.
        (Some(rustls::Error::InvalidCertificate(CertificateError::Other(ours))), _) => {
            ours.0.to_string()
        }
        (None, io::ErrorKind::TimedOut) => format!("no answer within {:?}", limits::DIAL_TIME),
        _ => crate::error::text(error),
    };
    Error::Connect { address: address.to_owned(), why, advice }
}

fn advice_about_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "a host of another cluster is there: check the address, or the token"
        }
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => {
            "that node was put out of the cluster"
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired) => {
            "that node has to join again"
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidYet) => {
            "check the clocks of both machines"
        }
        rustls::Error::InvalidCertificate(_) => "somebody else is at this address",
        rustls::Error::AlertReceived(AlertDescription::CertificateRevoked) => {
            "this member was put out of the cluster; an administrator can let it in again"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "join again with a token, or check the clocks of both machines"
        }
        rustls::Error::AlertReceived(AlertDescription::UnknownCA) => {
            "it is a host of another cluster"
        }
        _ => "check that it is a host of this version",
    }
}
