//! The one port of a host.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use host_identity::{LocalToken, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::refusals::{Reason, Refusals};
use crate::seats::{Seats, canonical};
use crate::{Error, Identity, connection, dialler, limits};

/// A listener that lets in whom it should. Dropping it ends all connections;
/// [`shutdown`](Gate::shutdown) lets requests end first.
pub struct Gate {
    address: SocketAddr,
    closing: CancellationToken,
    tasks: TaskTracker,
    /// Ends what is left.
    ended: DropGuard,
}

/// What a gate is for, besides who it is.
pub struct Config {
    /// What is served. Each request has in its extensions who sent it, an
    /// [`Admitted`](host_identity::Admitted), and every service has to ask it.
    /// Those over TLS also have the connection's
    /// [`Binding`](host_identity::join::Binding).
    pub routes: Routes,
    /// Who shows this over plaintext from the same machine is the owner. None
    /// lets nobody in by plaintext.
    pub local: Option<LocalToken>,
    /// Which addresses are of the same machine.
    pub is_local: fn(&SocketAddr) -> bool,
    /// How long and how many.
    pub bounds: Bounds,
}

/// How long everything may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From connecting to the end of the handshake.
    pub handshake_time: Duration,
    /// How long somebody may stay who does not say who it is.
    pub stranger_time: Duration,
    /// How long a connection may stay that nothing is asked over.
    pub idle_time: Duration,
    /// How often it is looked whether certificates ended.
    pub check_every: Duration,
    /// Connections at one time.
    pub connections_max: usize,
    /// Connections of one member.
    pub connections_per_member: usize,
    /// Connections of those who do not say who they are.
    pub strangers_max: usize,
    /// The same from one address.
    pub strangers_per_address: usize,
}

/// What all connections of a gate share.
pub(crate) struct Door {
    pub(crate) identity: Identity,
    pub(crate) tls: TlsAcceptor,
    pub(crate) routes: Routes,
    pub(crate) local: Option<LocalToken>,
    pub(crate) is_local: fn(&SocketAddr) -> bool,
    pub(crate) bounds: Bounds,
    pub(crate) members: Seats<Peer>,
    pub(crate) strangers: Seats<IpAddr>,
    pub(crate) refusals: Refusals,
    /// Cancelled when connections should end, as soon as their requests have.
    pub(crate) closing: CancellationToken,
    connections: Arc<Semaphore>,
    /// Cancelled when connections have to end.
    ended: CancellationToken,
    tasks: TaskTracker,
}

impl Config {
    /// Serves these routes, with the bounds that [`limits`] has; the owner's
    /// token opens it to whoever connects from a loopback address.
    pub fn new(routes: Routes, local: Option<LocalToken>) -> Config {
        Config { routes, local, is_local: dialler::is_loopback, bounds: Bounds::default() }
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            handshake_time: limits::HANDSHAKE_TIME,
            stranger_time: limits::STRANGER_TIME,
            idle_time: limits::IDLE_TIME,
            check_every: limits::CHECK_EVERY,
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_member: limits::CONNECTIONS_PER_MEMBER,
            strangers_max: limits::STRANGERS_MAX,
            strangers_per_address: limits::STRANGERS_PER_ADDRESS,
        }
    }
}

impl Gate {
    /// Serves on a listener from now on.
    ///
    /// # Errors
    /// [`Error::Identity`] if TLS cannot be set up; [`Error::Failed`] if the
    /// listener is none.
    pub fn serve(listener: TcpListener, identity: Identity, config: Config) -> Result<Gate, Error> {
        let address = listener.local_addr();
        let address = address.map_err(|error| Error::failed("listening", error))?;
        let mut tls = identity.endpoint().server_config()?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let Config { routes, local, is_local, bounds } = config;
        let (closing, ended) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let door = Arc::new(Door {
            identity,
            tls: TlsAcceptor::from(Arc::new(tls)),
            routes: routes.prepare(),
            local,
            is_local,
            bounds,
            members: Seats::new(bounds.connections_max, bounds.connections_per_member),
            strangers: Seats::new(bounds.strangers_max, bounds.strangers_per_address),
            refusals: Refusals::new(),
            closing: closing.clone(),
            connections: Arc::new(Semaphore::new(bounds.connections_max)),
            ended: ended.clone(),
            tasks: tasks.clone(),
        });
        tasks.spawn(ended.clone().run_until_cancelled_owned(door.listen(listener)));
        Ok(Gate { address, closing, tasks, ended: ended.drop_guard() })
    }

    /// What it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets requests that are under way end for so
    /// long, then ends the rest. Whether all ended by themselves.
    pub async fn shutdown(self, time: Duration) -> bool {
        self.closing.cancel();
        self.tasks.close();
        let orderly = timeout(time, self.tasks.wait()).await.is_ok();
        drop(self.ended);
        self.tasks.wait().await;
        orderly
    }
}

impl Door {
    /// Takes connections until the gate closes.
    async fn listen(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                // Nothing is lost when it is dropped.
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.enter(stream, address),
                // The peer is gone already, or the system has no more room.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn enter(self: &Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let Ok(permit) = self.connections.clone().try_acquire_owned() else {
            return self.refusals.note(address, Reason::Full, || "all connections are taken");
        };
        let Some(seat) = self.strangers.take(canonical(address.ip())) else {
            let why = "too many who have not said who they are";
            return self.refusals.note(address, Reason::Crowded, || why);
        };
        let (door, ended) = (self.clone(), self.ended.clone());
        self.tasks.spawn(async move {
            let serving = connection::serve(door, stream, address, seat);
            ended.run_until_cancelled_owned(serving).await;
            drop(permit);
        });
    }
}
