//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use host_identity::join::Binding;
use host_identity::{Admitted, Peer};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::TcpConnectInfo;

use crate::gate::Door;
use crate::limits;
use crate::reception::{Visitor, Who, answer};
use crate::refusals::Reason;
use crate::seats::Seat;

/// The first byte of every TLS connection: a record of the handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What HTTP is spoken over.
enum Transport {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Serves a connection until it ends.
pub(crate) async fn serve(
    door: Arc<Door>,
    tcp: TcpStream,
    address: SocketAddr,
    seat: Seat<IpAddr>,
) {
    let time = door.bounds.handshake_time;
    match timeout(time, arrive(&door, tcp, address, seat)).await {
        Ok(Some((Transport::Tls(stream), visitor))) => {
            // Known beforehand, HTTP/2 begins with the server's first word,
            // for which our own clients wait to know whether they are in.
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Builder::http2_only,
                _ => Builder::http1_only,
            };
            run(door, *stream, visitor, version).await;
        }
        Ok(Some((Transport::Plain(stream), visitor))) => {
            run(door, stream, visitor, std::convert::identity).await;
        }
        Ok(None) => {}
        Err(_) => door.refusals.note(address, Reason::Slow, || format!("no handshake in {time:?}")),
    }
}

/// Learns who it is; none if it is not let in.
async fn arrive(
    door: &Door,
    tcp: TcpStream,
    address: SocketAddr,
    seat: Seat<IpAddr>,
) -> Option<(Transport, Visitor)> {
    let info = TcpConnectInfo { local_addr: tcp.local_addr().ok(), remote_addr: Some(address) };
    let mut first = [0];
    let spoke = async {
        tcp.set_nodelay(true)?;
        tcp.peek(&mut first).await
    };
    match spoke.await {
        Ok(1..) => {}
        // A port scan, or somebody who looks whether the port is open.
        Ok(0) | Err(_) => {
            tracing::debug!(%address, "somebody connected and said nothing");
            return None;
        }
    }
    if first[0] != TLS_HANDSHAKE {
        if door.local.is_none() || !(door.is_local)(&address) {
            let why = || "it speaks without TLS, and not from this machine";
            door.refusals.note(address, Reason::Plaintext, why);
            return None;
        }
        return Some((Transport::Plain(tcp), Visitor::new(info, Who::Plain, Some(seat))));
    }
    match shake_hands(door, tcp).await {
        Ok((stream, admitted, binding)) => {
            let (who, seat) = recognise(door, address, admitted, binding, seat)?;
            Some((Transport::Tls(Box::new(stream)), Visitor::new(info, who, seat)))
        }
        Err(error) => {
            door.refusals.note(address, Reason::Handshake, || crate::error::text(&error));
            None
        }
    }
}

async fn shake_hands(
    door: &Door,
    tcp: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Admitted, Binding)> {
    let stream = door.tls.accept(tcp).await?;
    let connection = stream.get_ref().1;
    let admitted = door.identity.endpoint().admitted(connection).map_err(io::Error::other)?;
    let binding = Binding::of(connection).map_err(io::Error::other)?;
    Ok((stream, admitted, binding))
}

/// A member gives the place of a stranger back, and takes one of its own.
fn recognise(
    door: &Door,
    address: SocketAddr,
    admitted: Admitted,
    binding: Binding,
    stranger: Seat<IpAddr>,
) -> Option<(Who, Option<Seat<IpAddr>>)> {
    if admitted.certificate().is_none() {
        return Some((Who::Anonymous { admitted, binding }, Some(stranger)));
    }
    let Some(seat) = door.members.take(admitted.peer().clone()) else {
        let why = || format!("{} has too many connections", admitted.peer());
        door.refusals.note(address, Reason::Full, why);
        return None;
    };
    Some((Who::Member { admitted, binding, _seat: seat }, None))
}

/// Serves requests until the connection ends, or has to.
async fn run<S>(
    door: Arc<Door>,
    stream: S,
    visitor: Visitor,
    version: fn(Builder<TokioExecutor>) -> Builder<TokioExecutor>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let visitor = Arc::new(visitor);
    let builder = version(http(&door, &visitor));
    let (desk, guest) = (door.clone(), visitor.clone());
    let service = service_fn(move |request| {
        let (door, visitor) = (desk.clone(), guest.clone());
        async move { Ok::<_, Infallible>(answer(&door, visitor, request).await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut cut = pin!(visitor.until_cut(&door));
    let mut closing = pin!(door.closing.cancelled());
    let mut look = pin!(sleep_until(Instant::now() + door.bounds.stranger_time));
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(address = ?visitor.address(), %error, "a connection broke");
                }
                return;
            }
            cut = &mut cut => {
                return door.refusals.note(visitor.address(), Reason::Revoked, || {
                    format!("the certificate of its connection counts no longer: {cut:?}")
                });
            }
            () = &mut closing, if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut look => {
                let now = Instant::now();
                match visitor.stays_until(now, &door.bounds) {
                    Some(until) => look.as_mut().reset(until),
                    None if leaving => return,
                    None => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(now + limits::LEAVE_TIME);
                    }
                }
            }
        }
    }
}

/// HTTP as it is spoken with this visitor.
fn http(door: &Door, visitor: &Visitor) -> Builder<TokioExecutor> {
    let (streams, stream_window, window) = match visitor.peer() {
        Some(Peer::Node { name: _ }) => {
            (limits::STREAMS_MAX, limits::STREAM_WINDOW_BYTES, limits::CONNECTION_WINDOW_BYTES)
        }
        Some(Peer::Anonymous) => {
            let window = limits::STRANGER_WINDOW_BYTES;
            (limits::STRANGER_STREAMS_MAX, window, window)
        }
        Some(Peer::Client { .. } | Peer::Local) | None => {
            (limits::STREAMS_MAX, limits::CLIENT_STREAM_WINDOW_BYTES, limits::CLIENT_WINDOW_BYTES)
        }
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .initial_stream_window_size(stream_window)
        .initial_connection_window_size(window)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .max_send_buf_size(limits::SEND_BYTES_MAX)
        .max_header_list_size(limits::HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(limits::RESET_STREAMS_MAX)
        .max_local_error_reset_streams(limits::RESET_STREAMS_MAX)
        .keep_alive_interval(limits::KEEP_ALIVE_EVERY)
        .keep_alive_timeout(limits::KEEP_ALIVE_TIME);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(door.bounds.handshake_time)
        .max_buf_size(limits::HEADER_BYTES_MAX as usize);
    builder
}
