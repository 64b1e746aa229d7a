//! A host that stays: its identity, its port, and its part in a cluster.
//!
//! [`Host::start`] founds a cluster, joins one, or comes back to the one that
//! its data directory knows; [`Host::run`] serves it until it is told to stop.
//! A node that loses its lease has lost its id, and whatever bore it: it
//! begins anew under another, with an empty [`Node`].

mod bulk;
mod config;
mod control;
mod enter;
mod error;
mod serve;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use host_cluster::{Config as MemberConfig, Ended, Member, register};
use host_control::ControlStore;
use host_core::control::NodeRecord;
use host_core::membership::{Config as Membership, Expect};
use host_core::{ClusterId, NodeId};
use host_gate::{Gate, Identity, JoinService, Keeper, Registrar};
use host_identity::LocalToken;
use host_records::Records;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

use crate::node::Node;
use bulk::{Given, Pulled};
use control::Store;
use serve::Reaching;

/// How long open requests have when the host stops.
const SHUTDOWN_TIME: Duration = Duration::from_secs(2);

/// A host of a cluster, from its start to its stop.
pub struct Host {
    config: Config,
    identity: Identity,
    /// On the host that has the authority.
    registrar: Option<Registrar>,
    store: Arc<dyn ControlStore>,
    /// Whether other hosts reach the store through this one.
    gives_store: bool,
    listener: TcpListener,
    address: SocketAddr,
    local: LocalToken,
    keeper: Keeper,
    present: Arc<Mutex<Option<Present>>>,
    stop: CancellationToken,
}

/// The node while it has its id. Cloning is cheap.
#[derive(Clone)]
pub struct Present {
    /// The node.
    pub node: Node,
    /// Its part in the cluster.
    pub member: Member,
}

impl Host {
    /// Takes the port, finds out who it is, and reaches the control store.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    pub async fn start(config: Config) -> Result<Host, Error> {
        let listener = bind(config.listen)?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address: config.listen, source })?;
        let entered = enter::enter(&config).await?;
        let local = LocalToken::create(&config.data_dir).map_err(Error::Identity)?;
        let store = entered.store.clone();
        let keeper =
            Keeper::start(entered.identity.clone(), store.clone(), entered.registrar.clone());
        let host = Host {
            identity: entered.identity,
            registrar: entered.registrar,
            store,
            gives_store: entered.gives_store,
            listener,
            address,
            local,
            keeper,
            present: Arc::default(),
            stop: CancellationToken::new(),
            config,
        };
        host.write_address()?;
        Ok(host)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where others reach it: `HOST:PORT`.
    pub fn advertised(&self) -> String {
        self.config.advertise.clone().unwrap_or_else(|| self.address.to_string())
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        self.identity.cluster()
    }

    /// Who lets others in, if this host does.
    pub fn registrar(&self) -> Option<&Registrar> {
        self.registrar.as_ref()
    }

    /// Cancelled, it stops the host.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until it is stopped. `ready` is told each time that the node
    /// has got an id.
    ///
    /// # Errors
    /// Of the port, and of a control store that is another cluster's.
    pub async fn run(self, mut ready: impl FnMut(NodeId)) -> Result<(), Error> {
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = self.keeper.ready() => {}
        }
        loop {
            let (present, gate) = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                begun = self.begin() => begun?,
            };
            ready(present.node.id());
            let ended = tokio::select! {
                () = self.stop.cancelled() => None,
                ended = present.member.ended() => Some(ended),
            };
            *self.present.lock() = None;
            present.node.end_all();
            if ended.is_none() {
                present.member.leave().await;
            }
            gate.shutdown(SHUTDOWN_TIME).await;
            match ended {
                None => {
                    self.keeper.stop().await;
                    return Ok(());
                }
                Some(Ended::Foreign(found)) => {
                    return Err(Error::Foreign { cluster: self.identity.cluster(), found });
                }
                Some(Ended::LeaseLost | Ended::Left) => {}
            }
        }
    }

    /// Gets an id, and serves the node that has it.
    async fn begin(&self) -> Result<(Present, Gate), Error> {
        let control = Arc::new(Store::new(Records::new(self.store.clone())));
        let record = NodeRecord {
            id: NodeId(0),
            name: self.identity.name().as_str().into(),
            addresses: vec![self.advertised().into()],
            total: self.config.node.resources.clone(),
            labels: self.config.labels.clone(),
            protocol: host_proto::PROTOCOL_VERSION,
        };
        let cluster = Expect::Known(self.identity.cluster());
        let membership = Membership { record, cluster };
        let registered = register(membership, &*control).await;
        let registered = registered
            .map_err(|_| Error::Foreign { cluster: self.identity.cluster(), found: None })?;
        let mut config = self.config.node.clone();
        config.id = registered.id();
        let node = Node::start(config).map_err(Error::Node)?;
        let pulled = Arc::new(Pulled::default());
        let member = Member::start(
            MemberConfig {
                local: node.local(pulled.clone()),
                control,
                reach: Arc::new(Reaching::new(self.identity.clone())),
                admit: Box::new(serve::admit),
            },
            registered,
        );
        pulled.over(member.dialler());
        node.belong(member.clone());
        let present = Present { node, member };
        *self.present.lock() = Some(present.clone());
        let gate = self.serve(&present)?;
        Ok((present, gate))
    }

    fn serve(&self, present: &Present) -> Result<Gate, Error> {
        let join = match &self.registrar {
            Some(registrar) => JoinService::new(self.identity.clone(), registrar.clone()),
            None => JoinService::elsewhere(self.identity.clone()),
        };
        let given = Arc::new(Given::new(present.clone()));
        let mut routes = tonic::service::Routes::new(join.server())
            .add_service(present.member.sessions().server())
            .add_service(host_content::server(given));
        if self.gives_store {
            routes = serve::with_store(routes, self.store.clone());
        }
        let failed = |source| Error::Listen { address: self.address, source };
        let listener = self.listener.try_clone().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let config = host_gate::Config::new(routes, Some(self.local.clone()));
        Gate::serve(listener, self.identity.clone(), config).map_err(Error::Gate)
    }

    /// Clients on this machine find the host by this file.
    fn write_address(&self) -> Result<(), Error> {
        let path = self.config.data_dir.join("address");
        std::fs::write(&path, format!("{}\n", self.address))
            .map_err(|source| Error::File { path, source })
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| Error::Listen { address, source })
}
