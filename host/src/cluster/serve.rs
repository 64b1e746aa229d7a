//! Who may do what on this host's port, and how other hosts are reached.

use std::sync::Arc;

use host_cluster::{Answer, Reach};
use host_control::ControlStore;
use host_core::control::NodeRecord;
use host_gate::{Dialler, Guarded, Identity};
use host_identity::{Admitted, Expect, Name, Operation, Peer};
use host_transport::Caller;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Whether whoever sent a request may do this; `Err` is what it is told.
pub(super) fn check(extensions: &tonic::Extensions, operation: Operation) -> Result<(), String> {
    let admitted = extensions.get::<Admitted>().ok_or("nobody knows who asks")?;
    admitted.check(operation).map_err(|denied| denied.to_string())
}

/// Whether whoever opened a connection is the node that it speaks for.
pub(super) fn admit(name: &str, caller: &Caller<'_>) -> Result<(), String> {
    check(caller.extensions, Operation::OpenSession)?;
    speaks_for(caller.extensions, name)
}

/// Whether whoever sent a request is the node of this name.
pub(super) fn speaks_for(extensions: &tonic::Extensions, name: &str) -> Result<(), String> {
    let peer = extensions.get::<Admitted>().map(Admitted::peer);
    match peer {
        Some(Peer::Node { name: known }) if known.as_str() == name => Ok(()),
        _ => Err(format!("it speaks for node {name}, and is not that node")),
    }
}

/// Adds the control store, for the other nodes of the cluster.
pub(super) fn with_store(routes: Routes, store: Arc<dyn ControlStore>) -> Routes {
    let server = host_control::server(Arc::new(Guarded::new(store)));
    let guarded = InterceptedService::new(server, |request: Request<()>| {
        check(request.extensions(), Operation::UseControlStore)
            .map_err(Status::permission_denied)?;
        Ok(request)
    });
    routes.add_service(guarded)
}

/// Reaches other nodes over TLS.
pub(super) struct Reaching(Dialler);

impl Reaching {
    pub(super) fn new(identity: Identity) -> Reaching {
        Reaching(Dialler::new(identity))
    }
}

impl Reach for Reaching {
    fn reach(&self, node: Arc<NodeRecord>) -> Answer<'static, Result<Channel, String>> {
        let dialler = self.0.clone();
        Box::pin(async move {
            let name: Name = node.name.parse().map_err(|_| format!("{} is no name", node.name))?;
            let mut last = String::from("it has no address");
            for address in &node.addresses {
                match dialler.dial(address, Expect::Node(name.clone())).await {
                    Ok(channel) => return Ok(channel),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        })
    }
}
