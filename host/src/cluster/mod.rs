//! A host that stays: its identity, its port, and its part in a cluster.
//!
//! [`Host::start`] founds a cluster, joins one, or comes back to the one that
//! its data directory knows; [`Host::run`] serves it until it is told to stop.
//! A node that loses its lease has lost its id, and whatever bore it: it
//! begins anew under another, with an empty [`Node`].

mod bulk;
mod config;
mod control;
mod counted;
mod enter;
mod error;
mod operate;
mod serve;
mod vitals;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
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
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

use crate::admin::{Admin, NodeSummary, Parts};
use crate::node::Node;
use bulk::{Given, Pulled};
use control::Store;
use counted::Counted;
use operate::{Operating, Others};
use serve::Reaching;
use vitals::Watched;

/// How long open requests have when the host stops.
const SHUTDOWN_TIME: Duration = Duration::from_secs(2);

/// A host of a cluster, from its start to its stop.
pub struct Host {
    config: Config,
    identity: Identity,
    /// On the host that has the authority.
    registrar: Option<Registrar>,
    store: Arc<dyn ControlStore>,
    /// The same as this host itself asks it.
    counted: Arc<Counted>,
    /// Whether other hosts reach the store through this one.
    gives_store: bool,
    is_new: bool,
    listener: TcpListener,
    address: SocketAddr,
    /// For the owner on this machine, where the address is not one of its own:
    /// the same port on loopback.
    beside: Option<(TcpListener, SocketAddr)>,
    local: LocalToken,
    keeper: Keeper,
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
        let beside = beside(address)?;
        let entered = enter::enter(&config).await?;
        let local = LocalToken::create(&config.data_dir).map_err(Error::Identity)?;
        let store = entered.store.clone();
        let counted = Arc::new(Counted::new(store.clone()));
        let keeper =
            Keeper::start(entered.identity.clone(), counted.clone(), entered.registrar.clone());
        Ok(Host {
            identity: entered.identity,
            registrar: entered.registrar,
            store,
            counted,
            gives_store: entered.gives_store,
            is_new: entered.is_new,
            listener,
            address,
            beside,
            local,
            keeper,
            stop: CancellationToken::new(),
            config,
        })
    }

    /// Whether it founded its cluster just now.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its owner reaches it from the same machine.
    pub fn local_address(&self) -> SocketAddr {
        match &self.beside {
            Some((_, address)) => *address,
            None if self.address.ip().is_unspecified() => {
                SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port()))
            }
            None => self.address,
        }
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
    pub async fn run(&self, mut ready: impl FnMut(NodeId)) -> Result<(), Error> {
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = self.keeper.ready() => {}
        }
        loop {
            let (present, admin, gates) = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                begun = self.begin() => begun?,
            };
            ready(present.node.id());
            let ended = tokio::select! {
                () = self.stop.cancelled() => None,
                ended = present.member.ended() => Some(ended),
                () = present.member.drained() => None,
            };
            admin.end();
            present.node.end_all();
            if ended.is_none() {
                present.member.leave().await;
            }
            for gate in gates {
                gate.shutdown(SHUTDOWN_TIME).await;
            }
            match ended {
                None => return Ok(()),
                // It was about to leave, and has lost what it was to hand over.
                Some(Ended::LeaseLost) if present.member.is_draining() => return Ok(()),
                Some(Ended::Foreign(found)) => {
                    return Err(Error::Foreign { cluster: self.identity.cluster(), found });
                }
                Some(Ended::LeaseLost | Ended::Left) => {}
            }
        }
    }

    /// Gets an id, and serves the node that has it.
    async fn begin(&self) -> Result<(Present, Admin, Vec<Gate>), Error> {
        let control = Arc::new(Store::new(Records::new(self.counted.clone())));
        let record = NodeRecord {
            id: NodeId(0),
            name: self.identity.name().as_str().into(),
            addresses: vec![self.advertised().into()],
            total: self.config.node.resources.clone(),
            labels: (*self.config.node.labels).clone(),
            protocol: host_proto::PROTOCOL_VERSION,
            draining: false,
        };
        // Each request proves the store's own id: the record is for the rules.
        let cluster = match self.registrar {
            Some(_) => Expect::Founding(self.identity.cluster()),
            None => Expect::Known(self.identity.cluster()),
        };
        let membership = Membership { record, cluster };
        let registered = register(membership, &*control).await;
        let registered = registered
            .map_err(|_| Error::Foreign { cluster: self.identity.cluster(), found: None })?;
        let mut config = self.config.node.clone();
        config.id = registered.id();
        config.name = self.identity.name().as_str().into();
        let node = Node::start(config).map_err(Error::Node)?;
        let pulled = Arc::new(Pulled::default());
        let member = Member::start(
            MemberConfig {
                local: node.local(pulled.clone()),
                control,
                reach: Arc::new(Reaching::new(self.identity.clone())),
                admit: Box::new(serve::admit),
                stays: self.stays(),
            },
            registered,
        );
        pulled.over(member.id(), self.identity.cluster(), member.dialler());
        node.belong(member.clone());
        let present = Present { node, member };
        let admin = self.admin(&present)?;
        let listeners = [Some(&self.listener), self.beside.as_ref().map(|(beside, _)| beside)];
        let gates = listeners.into_iter().flatten();
        let gates = gates.map(|listener| self.serve(&present, &admin, listener));
        let gates = gates.collect::<Result<_, _>>()?;
        Ok((present, admin, gates))
    }

    /// Why the cluster cannot do without this host, if it cannot.
    fn stays(&self) -> Option<String> {
        self.gives_store.then(|| {
            "it keeps the cluster's records, and without them no other node can go on; a cluster \
             in an etcd (--control) can do without any node"
                .into()
        })
    }

    /// The service of the node for clients.
    fn admin(&self, present: &Present) -> Result<Admin, Error> {
        let packages = self.config.data_dir.join("packages");
        let operator = Operating {
            member: present.member.clone(),
            stop: self.stop.clone(),
            registrar: self.registrar.clone(),
            authority: self.identity.authority(),
        };
        let parts = Parts {
            node: present.node.clone(),
            lines: self.config.lines.clone(),
            about: NodeSummary {
                id: present.node.id(),
                name: self.identity.name().to_string(),
                address: self.advertised(),
                draining: false,
            },
            cluster: Some(self.identity.cluster()),
            packages: packages.clone(),
            peers: Arc::new(Others(present.member.clone())),
            operator: Arc::new(operator),
            vitals: Arc::new(Watched::new(present.member.clone(), self.counted.clone())),
        };
        Admin::new(parts).map_err(|source| Error::File { path: packages, source })
    }

    fn serve(
        &self,
        present: &Present,
        admin: &Admin,
        listener: &TcpListener,
    ) -> Result<Gate, Error> {
        let join = match &self.registrar {
            Some(registrar) => JoinService::new(self.identity.clone(), registrar.clone()),
            None => JoinService::elsewhere(self.identity.clone()),
        };
        let given = Arc::new(Given::new(present.clone()));
        let pulling = host_content::Config {
            local: present.node.id(),
            cluster: self.identity.cluster(),
            under_way_bytes_max: host_content::limits::UNDER_WAY_BYTES,
        };
        let mut routes = tonic::service::Routes::new(join.server())
            .add_service(admin.server())
            .add_service(present.member.sessions().server())
            .add_service(host_content::server(pulling, given));
        if self.gives_store {
            routes = serve::with_store(routes, self.store.clone());
        }
        let routes = routes.into_axum_router().merge(admin.pages()).into();
        let failed = |source| Error::Listen { address: self.address, source };
        let listener = listener.try_clone().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let config = host_gate::Config::new(routes, Some(self.local.clone()));
        Gate::serve(listener, self.identity.clone(), config).map_err(Error::Gate)
    }
}

/// The same port on loopback, if the address is another machine's view of
/// this one.
fn beside(address: SocketAddr) -> Result<Option<(TcpListener, SocketAddr)>, Error> {
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        return Ok(None);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    Ok(Some((bind(address)?, address)))
}

fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| Error::Listen { address, source })
}
