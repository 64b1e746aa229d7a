//! A cluster in one process: real sessions over loopback, the model of the
//! control store, and actors that are a few lines of Rust.

mod actor;
mod control;
mod local;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_cluster::{Answer, Birth, Config, Member, Reach, register};
use host_core::control::NodeRecord;
use host_core::membership::{Config as Membership, Expect};
use host_core::placement::{Labels, Strategy};
use host_core::resources::{Amount, Resources};
use host_core::spec::{ActorSpec, Isolation, Tries};
use host_core::{ClusterId, Error, JobId, NodeId, PackageId};
use host_refs::{Args, Attached, Call, Handle, ObjectRef, Outcome, Value};
use tonic::transport::{Channel, Endpoint, Server};

pub(crate) use control::Control;
pub(crate) use local::Host;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A node with what is around it.
pub(crate) struct Node {
    pub(crate) member: Member,
    pub(crate) host: Arc<Host>,
}

/// Reaches nodes without any security.
struct Plain;

impl Reach for Plain {
    fn reach(&self, node: Arc<NodeRecord>) -> Answer<'static, Result<Channel, String>> {
        Box::pin(async move {
            let endpoint = Endpoint::from_shared(format!("http://{}", node.addresses[0]));
            let endpoint = endpoint.map_err(|error| error.to_string())?;
            endpoint.connect().await.map_err(|error| error.to_string())
        })
    }
}

/// What every node of these tests has.
fn total() -> Resources {
    [("cpus", Amount::whole(4).unwrap())].into_iter().collect()
}

impl Node {
    pub(crate) async fn start(control: &Arc<Control>, name: &str, labels: Labels) -> Node {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let record = NodeRecord {
            id: NodeId(0),
            name: name.into(),
            addresses: vec![address.into()],
            total: total(),
            labels,
            protocol: 1,
            draining: false,
        };
        let founding = Expect::Founding(ClusterId(7));
        let registered = register(Membership { record, cluster: founding }, &**control).await;
        let registered = registered.unwrap_or_else(|why| panic!("not registered: {why:?}"));
        let host = Host::new(control, registered.id(), total());
        let config = Config {
            local: host.clone(),
            control: control.clone(),
            reach: Arc::new(Plain),
            admit: Box::new(|_, _| Ok(())),
            stays: None,
        };
        let member = Member::start(config, registered);
        host.belongs_to(&member);
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = Server::builder().add_service(member.sessions().server());
        tokio::spawn(server.serve_with_incoming(incoming));
        Node { member, host }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.member.id()
    }

    /// An actor somewhere, made by this node.
    pub(crate) async fn spawn(&self, spec: ActorSpec) -> Result<Handle, Error> {
        self.spawn_with(spec, Args::default(), false).await
    }

    pub(crate) async fn spawn_with(
        &self,
        spec: ActorSpec,
        args: Args,
        reuse: bool,
    ) -> Result<Handle, Error> {
        let job = JobId { node: self.id(), seq: 1 };
        within(self.member.spawn(birth(job, spec), args, reuse)).await
    }

    /// The same for a job of whichever node.
    pub(crate) async fn spawn_in(&self, job: JobId, spec: ActorSpec) -> Result<Handle, Error> {
        within(self.member.spawn(birth(job, spec), Args::default(), false)).await
    }

    /// Calls a method.
    pub(crate) fn call(&self, handle: &Handle, method: &str, args: Args) -> ObjectRef {
        let target = handle.target();
        let id = host_cluster::Local::next_object(&*self.host);
        let result = ObjectRef::pending(id, Arc::downgrade(target));
        let method = target.method_index(method).unwrap();
        let (caller, retries, trace, held_up) = (None, None, None, None);
        let made = Some(result.clone());
        let call = Call { method, args, result: made, caller, retries, trace, held_up };
        target.send(call, false).unwrap();
        result
    }

    /// Calls a method and waits.
    pub(crate) async fn ask(&self, handle: &Handle, method: &str, args: Args) -> Outcome {
        within(self.call(handle, method, args).outcome()).await
    }

    /// The number that a method answers.
    pub(crate) async fn number(&self, handle: &Handle, method: &str) -> Result<u64, Arc<Error>> {
        let value = self.ask(handle, method, Args::default()).await?;
        Ok(u64::from_be_bytes(value.bytes[..].try_into().unwrap()))
    }

    /// An object of this node.
    pub(crate) fn put(&self, bytes: impl Into<Bytes>) -> ObjectRef {
        let id = host_cluster::Local::next_object(&*self.host);
        ObjectRef::ready(id, Value::plain(bytes), None)
    }
}

fn birth(job: JobId, spec: ActorSpec) -> Birth {
    Birth { package: PackageId([1; 32]), class: "Actor".into(), job, sequential: true, spec }
}

/// Nodes that all know each other: `node-0`, which is in zone a, `node-1` in
/// zone b, and so on.
pub(crate) async fn cluster(control: &Arc<Control>, count: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    for number in 0..count {
        let zone = char::from(b'a' + number as u8).to_string();
        let labels = [("zone", zone.as_str())].into_iter().collect();
        nodes.push(Node::start(control, &format!("node-{number}"), labels).await);
    }
    for node in &nodes {
        until("all nodes are known", || node.member.nodes().len() == count).await;
    }
    nodes
}

/// Options of an actor that reserves all of a node, so that each goes to
/// another.
pub(crate) fn whole_node() -> ActorSpec {
    ActorSpec { resources: total(), ..plain() }
}

/// Options of an actor that asks for nothing.
pub(crate) fn plain() -> ActorSpec {
    ActorSpec {
        resources: Resources::default(),
        strategy: Strategy::Pack,
        labels: Vec::new(),
        memory_bytes_max: 1 << 20,
        max_restarts: Tries::AtMost(0),
        max_retries: Tries::AtMost(0),
        max_concurrency: 1,
        max_pending_calls: 1 << 20,
        name: None,
        namespace: "default".into(),
        detached: false,
        isolation: Isolation::Shared,
        group: None,
    }
}

/// Arguments that carry these.
pub(crate) fn carrying(refs: Vec<ObjectRef>, handles: Vec<Handle>) -> Args {
    let attached = Some(Box::new(Attached { refs, handles }));
    let values = Value { bytes: Bytes::from_static(b"refs"), attached };
    Args { values, ..Args::default() }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it comes to an end")
}

/// Waits for something that nobody tells.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not in {LONG:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
