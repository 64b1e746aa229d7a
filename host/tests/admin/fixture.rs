//! Nodes that listen on loopback, and clients of every kind.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use host::admin::lines::Lines;
use host::admin::{Admin, NodeSummary, Numbers, Operator, Parts, Peers, Refusal, Vitals};
use host::meters::Histogram;
use host::node::{Config, Node};
use host::sandbox::Pool;
use host_cluster::Drain;
use host_core::{ActorId, NodeId};
use host_identity::{
    Admitted, Authority, ClusterId, Endpoint, Enrolment, Expect, Holding, JoinToken, Order,
    PrivateKey, RevocationsHandle, Subject, Token, TokenId, server_name,
};
use host_proto::PROTOCOL_VERSION;
use host_proto::admin as proto;
use host_proto::admin::admin_client::AdminClient;
use host_refs::Handle;
use host_wasi::{Output, Stream};
use parking_lot::Mutex;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConnection, ConnectionCommon, ServerConnection};
use rustls_pki_types::UnixTime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint as Address, Server};
use tonic::{Request, Status, async_trait};

/// The client of a node.
pub(crate) type Client = AdminClient<Channel>;

/// A node with its service.
pub(crate) struct Served {
    pub(crate) admin: Admin,
    pub(crate) stopping: CancellationToken,
    pub(crate) packages: PathBuf,
    pub(crate) well: Arc<Well>,
    _folder: tempfile::TempDir,
}

/// Peers by their channels; one without a channel does not answer.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) nodes: Mutex<HashMap<NodeId, (NodeSummary, Option<Channel>)>>,
}

#[async_trait]
impl Peers for Known {
    fn nodes(&self) -> Vec<NodeSummary> {
        self.nodes.lock().values().map(|(summary, _)| summary.clone()).collect()
    }

    async fn channel(&self, node: NodeId) -> Result<Channel, String> {
        let channel = self.nodes.lock().get(&node).and_then(|(_, channel)| channel.clone());
        match channel {
            Some(channel) => Ok(channel),
            None => std::future::pending().await,
        }
    }

    async fn actor(&self, _: ActorId) -> Option<Handle> {
        None
    }
}

struct Silent;

impl Output for Silent {
    fn write(&self, _: Stream, _: &[u8]) {}
}

/// A node called so. Its actors have ids of node 1, whatever its own.
pub(crate) fn node(id: u32, name: &str, peers: Arc<Known>) -> Served {
    node_in(tempfile::tempdir().unwrap(), id, name, peers)
}

/// The same with a data directory that is there.
pub(crate) fn node_in(folder: tempfile::TempDir, id: u32, name: &str, peers: Arc<Known>) -> Served {
    let lines = Arc::new(Lines::default());
    let config = Config::for_this_machine(lines.clone(), Arc::new(Silent)).unwrap();
    let pool = Pool::for_actors(Some(10)).unwrap();
    let spill_parent = folder.path().to_owned();
    let node = Node::start(Config { pool, spill_parent, ..config }).unwrap();
    let stopping = CancellationToken::new();
    let well = Arc::<Well>::default();
    let packages = folder.path().join("packages");
    let admin = Admin::new(Parts {
        node,
        lines,
        about: summary(id, name),
        cluster: None,
        packages: packages.clone(),
        peers,
        operator: Arc::new(Alone::new(stopping.clone())),
        vitals: well.clone(),
    });
    Served { admin: admin.unwrap(), stopping, packages, well, _folder: folder }
}

pub(crate) fn summary(id: u32, name: &str) -> NodeSummary {
    let address = format!("{name}:7420");
    NodeSummary { id: NodeId(id), name: name.into(), address, draining: false }
}

impl Served {
    /// A client that the listener knows as this one; none: it says nothing.
    pub(crate) async fn client(&self, who: Option<Admitted>) -> Client {
        AdminClient::new(self.channel(who).await)
    }

    pub(crate) async fn channel(&self, who: Option<Admitted>) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let admit = move |mut request: Request<()>| {
            if let Some(who) = &who {
                request.extensions_mut().insert(who.clone());
            }
            Ok::<_, Status>(request)
        };
        let service = InterceptedService::new(self.admin.server(), admit);
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Address::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }
}

/// What every request begins with.
pub(crate) fn caller() -> Option<proto::Caller> {
    Some(proto::Caller { protocol: PROTOCOL_VERSION, this_node: false })
}

/// An authority that lets anybody in as anything.
pub(crate) struct Gate {
    authority: Authority,
    now: UnixTime,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let now = UnixTime::now();
        let authority = Authority::create(ClusterId::from_bytes([7; 16]), now).unwrap();
        Gate { authority, now }
    }

    /// Who a listener says connected, after a handshake as this subject.
    pub(crate) fn admitted(&self, subject: Subject) -> Admitted {
        let listener = self.endpoint(Subject::Node { name: "listener".parse().unwrap() });
        let client = self.endpoint(subject).client_config(Expect::AnyNode).unwrap();
        let server = listener.server_config().unwrap();
        let mut client = ClientConnection::new(Arc::new(client), server_name()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            pass(&mut client, &mut server);
            pass(&mut server, &mut client);
        }
        listener.admitted(&server).unwrap()
    }

    fn endpoint(&self, subject: Subject) -> Endpoint {
        let key = PrivateKey::draw().unwrap();
        let granted = Enrolment::grant(&self.authority, subject, &key, None, self.now);
        let (certificate, _) = granted.unwrap();
        let holding = Holding::new(self.authority.certificate().clone(), certificate, key);
        let clock: Arc<dyn TimeProvider> = Arc::new(DefaultTimeProvider);
        Endpoint::new(&holding.unwrap(), RevocationsHandle::default(), clock).unwrap()
    }
}

fn pass<A, B>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).unwrap();
        to.process_new_packets().unwrap();
    }
}

/// Longer than any of these tests takes.
pub(crate) const TEST_TIME: Duration = Duration::from_secs(60);

/// Runs a test, for so long at most.
pub(crate) fn check(test: impl Future<Output = ()>) {
    let runtime = host::node::runtime().unwrap();
    runtime.block_on(async { tokio::time::timeout(TEST_TIME, test).await.expect("done in time") });
    runtime.shutdown_background();
}

/// The operator's port of a node that is in no cluster: it can be stopped.
pub(crate) struct Alone {
    stopping: CancellationToken,
}

impl Alone {
    /// To stop the node, `stopping` is cancelled.
    pub(crate) fn new(stopping: CancellationToken) -> Alone {
        Alone { stopping }
    }
}

/// A node whose part in a cluster is well, unless it is said to be ill.
#[derive(Default)]
pub(crate) struct Well {
    pub(crate) ill: AtomicBool,
    /// How often its store was asked.
    pub(crate) asked: AtomicUsize,
}

#[async_trait]
impl Vitals for Well {
    async fn reach_store(&self) -> Result<(), String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.ill.load(Ordering::Relaxed) {
            true => Err("it is ill".into()),
            false => Ok(()),
        }
    }

    fn lease_left(&self) -> Option<Duration> {
        Some(Duration::from_secs(9))
    }

    fn numbers(&self) -> Numbers {
        Numbers {
            members: 1,
            lease_left: Duration::from_secs(9),
            references: Vec::new(),
            peers: 0,
            traffic: host_transport::Traffic::default(),
            store: Vec::new(),
            store_times: Histogram::default().seen(),
        }
    }
}

/// Tokens let others into a cluster.
fn no_cluster() -> Refusal {
    Refusal::Invalid("this node is alone: it has no cluster that anybody could join".into())
}

#[async_trait]
impl Operator for Alone {
    fn stop(&self) {
        self.stopping.cancel();
    }

    fn is_draining(&self) -> bool {
        false
    }

    async fn drain(&self, node: NodeId, _: Duration) -> Result<watch::Receiver<Drain>, Refusal> {
        let why = format!(
            "{node} is alone: its actors could go nowhere; `host stop` ends it, and them with it"
        );
        Err(Refusal::Invalid(why))
    }

    async fn create_token(&self, _: Order) -> Result<(JoinToken, Token), Refusal> {
        Err(no_cluster())
    }

    async fn tokens(&self) -> Result<Vec<Token>, Refusal> {
        Err(no_cluster())
    }

    async fn revoke_token(&self, _: TokenId) -> Result<(), Refusal> {
        Err(no_cluster())
    }

    async fn identities(&self) -> Result<Vec<Enrolment>, Refusal> {
        Err(no_cluster())
    }

    async fn revoke_identity(&self, _: Subject) -> Result<(), Refusal> {
        Err(no_cluster())
    }

    async fn forget_identity(&self, _: Subject) -> Result<(), Refusal> {
        Err(no_cluster())
    }
}
