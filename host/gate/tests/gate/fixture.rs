//! A cluster with its first host, a clock, and a service that says who asks.

use std::convert::Infallible;
use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use host_control::{ControlStore, Embedded};
use host_gate::{Config, Error, Gate, Identity, JoinService, Joining, Keeper, Registrar};
use host_identity::join::Binding;
use host_identity::{
    Admitted, Expect, JoinToken, Kind, Name, Order, PinnedClient, Role, Subject, Uses,
};
use host_proto::join::join_client::JoinClient;
use http::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

/// A cluster and its first host, whose gate is open.
pub(crate) struct Cluster {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<Clock>,
    pub(crate) store: Embedded,
    pub(crate) identity: Identity,
    pub(crate) registrar: Registrar,
    pub(crate) gate: Gate,
    _keeper: Keeper,
}

impl Clock {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
    }
}

impl Cluster {
    pub(crate) async fn found() -> Cluster {
        Cluster::with(|_| {}).await
    }

    /// One whose gate has another configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        // A day in 2027.
        let clock = Arc::new(Clock(AtomicU64::new(1_800_000_000)));
        let store = Embedded::open(folder.path(), None).await.unwrap();
        let home = folder.path().join("alpha");
        let founded = Identity::found(&home, name("alpha"), dyn_store(&store), clock.clone());
        let (identity, registrar) = founded.await.unwrap();
        let keeper = Keeper::start(identity.clone(), dyn_store(&store), Some(registrar.clone()));
        keeper.ready().await;
        let joins = JoinService::new(identity.clone(), registrar.clone());
        let gate = open(&identity, joins, change).await;
        Cluster { folder, clock, store, identity, registrar, gate, _keeper: keeper }
    }

    pub(crate) fn address(&self) -> String {
        self.gate.address().to_string()
    }

    pub(crate) async fn order(&self, kind: Kind, uses: Uses, only: Option<Name>) -> JoinToken {
        let note = "a note".to_owned();
        let order = Order { kind, uses, name: only, lifetime: DAY, note };
        self.registrar.create_token(order).await.unwrap().0
    }

    pub(crate) async fn token(&self) -> JoinToken {
        self.order(Kind::Node, Uses::Once, None).await
    }

    /// Joins with a token, from a folder by the name.
    pub(crate) async fn join_with(&self, token: JoinToken, who: &str) -> Result<Identity, Error> {
        self.join_at(self.address(), token, who).await
    }

    pub(crate) async fn join_at(
        &self,
        address: String,
        token: JoinToken,
        who: &str,
    ) -> Result<Identity, Error> {
        let joining = Joining { address, token, name: name(who) };
        Identity::join(&self.folder.path().join(who), joining, self.clock.clone()).await
    }

    pub(crate) async fn node(&self, who: &str) -> Identity {
        self.join_with(self.token().await, who).await.unwrap()
    }

    pub(crate) async fn client(&self, who: &str, role: Role) -> Identity {
        let token = self.order(Kind::Client(role), Uses::Once, None).await;
        self.join_with(token, who).await.unwrap()
    }

    /// A keeper of a member's, which has read the revocations.
    pub(crate) async fn keep(&self, identity: &Identity) -> Keeper {
        let keeper = Keeper::start(identity.clone(), dyn_store(&self.store), None);
        keeper.ready().await;
        keeper
    }

    /// A TLS connection of somebody who has a token, and no certificate.
    pub(crate) async fn pinned(&self, token: &JoinToken) -> TlsStream<TcpStream> {
        let config = PinnedClient::config(token.ca(), self.clock.clone()).unwrap();
        tls(self.gate.address(), config).await.unwrap()
    }
}

/// Opens a gate of a member's, with the service that says who asks.
pub(crate) async fn open(
    identity: &Identity,
    joins: JoinService,
    change: impl FnOnce(&mut Config),
) -> Gate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let routes = Routes::new(joins.server()).add_service(Echo);
    let mut config = Config::new(routes, None);
    change(&mut config);
    Gate::serve(listener, identity.clone(), config).unwrap()
}

pub(crate) fn dyn_store(store: &Embedded) -> Arc<dyn ControlStore> {
    Arc::new(store.clone())
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn node(text: &str) -> Subject {
    Subject::Node { name: name(text) }
}

pub(crate) fn expect(text: &str) -> Expect {
    Expect::Node(name(text))
}

/// Connects with TLS, to speak HTTP/2.
pub(crate) async fn tls(
    address: SocketAddr,
    mut config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(host_identity::server_name(), tcp).await
}

/// What binds a request to join to this connection.
pub(crate) fn binding(stream: &TlsStream<TcpStream>) -> Binding {
    Binding::of(stream.get_ref().1).unwrap()
}

/// A channel over one connection.
pub(crate) async fn channel(stream: TlsStream<TcpStream>) -> Channel {
    let endpoint = Endpoint::from_static("http://there");
    endpoint.connect_with_connector(Once(Some(stream))).await.unwrap()
}

pub(crate) async fn join_client(stream: TlsStream<TcpStream>) -> JoinClient<Channel> {
    JoinClient::new(channel(stream).await)
}

/// Waits until something holds, which another task brings about.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect(what);
}

/// The text of an error, which says what to do.
pub(crate) fn said<T, E: Display>(result: Result<T, E>) -> String {
    result.err().expect("it should not have succeeded").to_string()
}

/// Asks the service who it thinks we are.
pub(crate) async fn who<C>(channel: &mut C) -> Result<String, Status>
where
    C: Service<Request<Body>, Response = Response<Body>>,
    C::Error: Display,
{
    let response = ask(channel, Request::post("/test.Echo/Who")).await?;
    Ok(response.headers()["who"].to_str().unwrap().to_owned())
}

/// An answer whose body does not end by itself.
pub(crate) async fn hang<C>(channel: &mut C) -> Body
where
    C: Service<Request<Body>, Response = Response<Body>>,
    C::Error: Display,
{
    ask(channel, Request::post("/test.Echo/Hang")).await.unwrap().into_body()
}

/// Waits for the end of such a body; none if it ended well.
pub(crate) async fn end_of(mut body: Body) -> Option<Status> {
    use http_body::Body as _;
    let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
    let next = tokio::time::timeout(LONG, next).await.expect("it goes on");
    next.and_then(Result::err)
}

pub(crate) async fn ask<C>(
    channel: &mut C,
    request: http::request::Builder,
) -> Result<Response<Body>, Status>
where
    C: Service<Request<Body>, Response = Response<Body>>,
    C::Error: Display,
{
    let broken = |error: C::Error| Status::unavailable(error.to_string());
    let request = request.header("content-type", "application/grpc").body(Body::empty()).unwrap();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.map_err(broken)?;
    let asked = tokio::time::timeout(LONG, channel.call(request)).await;
    let response = asked.expect("there was no answer").map_err(broken)?;
    match Status::from_header_map(response.headers()) {
        Some(status) => Err(status),
        None => Ok(response),
    }
}

/// Says who asks: `/test.Echo/Who`; or does not end: `/test.Echo/Hang`.
#[derive(Clone)]
struct Echo;

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(request.headers().get("authorization").is_none(), "it is for the gate alone");
        let admitted = request.extensions().get::<Admitted>().expect("every request has one");
        let who = admitted.peer().to_string();
        let (mut parts, body) = Request::new(Body::empty()).into_parts();
        parts.extensions = request.extensions().clone();
        let again = tonic::Request::from_parts(Default::default(), parts.extensions, body);
        assert!(again.remote_addr().is_some(), "a service knows the address");
        let body = match request.uri().path() {
            "/test.Echo/Hang" => Body::new(Never),
            _ => Body::empty(),
        };
        let response = Response::builder().header("who", who).body(body).unwrap();
        std::future::ready(Ok(response))
    }
}

/// A body that goes on forever and says nothing.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        Poll::Pending
    }
}

/// A connector that has one connection.
struct Once(Option<TlsStream<TcpStream>>);

impl Service<Uri> for Once {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().ok_or_else(|| std::io::Error::other("it broke"));
        std::future::ready(stream.map(TokioIo::new))
    }
}
