//! What happens to each request before a service sees it.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use host_identity::join::Binding;
use host_identity::{Admitted, Cut, LocalToken, Peer};
use host_proto::join::join_server::SERVICE_NAME;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower_service::Service as _;

use crate::gate::{Bounds, Door};
use crate::refusals::Reason;
use crate::seats::Seat;

/// Characters of a path that are logged.
const PATH_CHARS_LOGGED: usize = 80;

/// The other end of a connection.
pub(crate) struct Visitor {
    info: TcpConnectInfo,
    who: Who,
    /// Kept until it is known who it is. Locked to give it back.
    stranger: Mutex<Option<Seat<IpAddr>>>,
    since: Instant,
    /// Requests that are not answered in full.
    under_way: AtomicUsize,
    /// When the last one was, in milliseconds after `since`.
    last_ms: AtomicU64,
}

/// Who it is.
pub(crate) enum Who {
    /// Somebody with a certificate.
    Member { admitted: Admitted, binding: Binding, _seat: Seat<Peer> },
    /// Somebody without, in order to join.
    Anonymous { admitted: Admitted, binding: Binding },
    /// Somebody on this machine without TLS, who has to show the owner's token
    /// with each request.
    Plain,
}

/// A request that no service sees.
struct Refused {
    reason: Reason,
    message: &'static str,
}

/// A request under way, until it is dropped.
struct UnderWay(Arc<Visitor>);

/// The body of an answer, which is under way until it is written.
pub(crate) struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl Visitor {
    pub(crate) fn new(info: TcpConnectInfo, who: Who, stranger: Option<Seat<IpAddr>>) -> Visitor {
        Visitor {
            info,
            who,
            stranger: Mutex::new(stranger),
            since: Instant::now(),
            under_way: AtomicUsize::new(0),
            last_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.info.remote_addr.expect("it is given when the connection is taken")
    }

    /// Who it is, if the connection says it.
    pub(crate) fn peer(&self) -> Option<&Peer> {
        match &self.who {
            Who::Member { admitted, .. } | Who::Anonymous { admitted, .. } => Some(admitted.peer()),
            Who::Plain => None,
        }
    }

    /// Waits until its certificate counts no longer; forever if it has none.
    pub(crate) async fn until_cut(&self, door: &Door) -> Cut {
        let certificate = match &self.who {
            Who::Member { admitted, .. } => admitted.certificate(),
            Who::Anonymous { .. } | Who::Plain => None,
        };
        match certificate.cloned() {
            Some(certificate) => {
                door.identity.clone().until_cut(certificate, door.bounds.check_every).await
            }
            None => std::future::pending().await,
        }
    }

    /// Until when the connection may stay without being looked at again; none
    /// if it has to end.
    pub(crate) fn stays_until(&self, now: Instant, bounds: &Bounds) -> Option<Instant> {
        let until = if self.stranger.lock().is_some() {
            self.since + bounds.stranger_time
        } else if self.under_way.load(Ordering::Relaxed) > 0 {
            now + bounds.idle_time
        } else {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            self.since + last + bounds.idle_time
        };
        (now < until).then_some(until)
    }

    /// Who sends a request, if whoever it is may.
    fn admit(
        &self,
        door: &Door,
        path: &str,
        headers: &mut HeaderMap,
    ) -> Result<(Admitted, Option<Binding>), Refused> {
        match &self.who {
            Who::Member { admitted, binding, .. } => {
                let cut = admitted.certificate().and_then(|it| door.identity.why_not(it));
                if cut.is_some() {
                    let message = "the certificate counts no longer";
                    return Err(Refused::new(Reason::Revoked, message));
                }
                Ok((admitted.clone(), Some(*binding)))
            }
            Who::Anonymous { admitted, binding } => {
                let operation = path.strip_prefix('/').and_then(|it| it.strip_prefix(SERVICE_NAME));
                if operation != Some("/Join") {
                    let message = "a certificate is needed: join the cluster first";
                    return Err(Refused::new(Reason::NoCertificate, message));
                }
                Ok((admitted.clone(), Some(*binding)))
            }
            Who::Plain => {
                if !shows(headers, door.local.as_ref()) {
                    let message = "the token of this host's owner is needed: run this as the \
                                   user whose host it is";
                    return Err(Refused::new(Reason::LocalToken, message));
                }
                // No service needs to see it.
                headers.remove(AUTHORIZATION);
                self.stranger.lock().take();
                Ok((Admitted::local(), None))
            }
        }
    }
}

/// Answers a request.
pub(crate) async fn answer(
    door: &Door,
    visitor: Arc<Visitor>,
    mut request: Request<Incoming>,
) -> Response<Answer> {
    let under_way = UnderWay::begin(visitor.clone());
    let uri = request.uri().clone();
    let response = match visitor.admit(door, uri.path(), request.headers_mut()) {
        Ok((admitted, binding)) => {
            let extensions = request.extensions_mut();
            extensions.insert(admitted);
            extensions.insert(visitor.info.clone());
            if let Some(binding) = binding {
                extensions.insert(binding);
            }
            let Ok(response) = door.routes.clone().call(request).await;
            response
        }
        Err(refused) => {
            door.refusals.note(visitor.address(), refused.reason, || {
                uri.path().chars().take(PATH_CHARS_LOGGED).collect::<String>()
            });
            refused.response(request.headers())
        }
    };
    response.map(|body| Answer { body, _under_way: under_way })
}

/// Whether a request has the owner's token, and only that.
fn shows(headers: &HeaderMap, local: Option<&LocalToken>) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let token = token.and_then(|text| text.parse::<LocalToken>().ok());
    // Compared in constant time, by the token's own equality.
    matches!((token, local), (Some(shown), Some(ours)) if shown == *ours)
}

impl Refused {
    fn new(reason: Reason, message: &'static str) -> Refused {
        Refused { reason, message }
    }

    /// As gRPC for who speaks that, else as plain HTTP.
    fn response(&self, headers: &HeaderMap) -> Response<Body> {
        let kind = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
            return Status::unauthenticated(self.message).into_http();
        }
        let mut response = Response::new(Body::new(format!("{}\n", self.message)));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    }
}

impl UnderWay {
    fn begin(visitor: Arc<Visitor>) -> UnderWay {
        visitor.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(visitor)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let passed_ms = self.0.since.elapsed().as_millis();
        self.0.last_ms.store(u64::try_from(passed_ms).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
