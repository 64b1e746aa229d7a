//! The TLS configurations of a member of the cluster, and who is at the other
//! end of a connection.
//!
//! TLS 1.3 with ring and nothing older. Names of DNS mean nothing: a
//! certificate says which node somebody is. Sessions are not resumed, since a
//! resumed one shows no certificate that could be found revoked; connections
//! between nodes live long, so a full handshake each costs nothing.

mod pinned;
mod verify;

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, ServerConfig, ServerConnection, SignatureScheme, crypto,
    version,
};
use rustls_pki_types::{ServerName, UnixTime};

pub use self::pinned::PinnedClient;
use self::verify::{Algorithms, ClientVerifier, ServerVerifier};
use crate::certificate::Use;
use crate::{
    CaCertificate, Certificate, Error, Holding, Name, Operation, Peer, RevocationsHandle, Subject,
    Untrusted,
};

/// A member of the cluster, as it listens and connects. Clones are the same
/// one.
///
/// All configurations show the newest certificate ([`replace`]) and look at
/// the newest revocations in each handshake. Connections that are open keep
/// the certificate they were opened with; before it ends, open them anew.
///
/// [`replace`]: Endpoint::replace
#[derive(Clone)]
pub struct Endpoint {
    ca: Arc<CaCertificate>,
    clock: Arc<dyn TimeProvider>,
    revocations: RevocationsHandle,
    own: Arc<Own>,
}

/// Who a client wants to find.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expect {
    /// This node and no other.
    Node(Name),
    /// Any node of the cluster: for clients, who have an address.
    AnyNode,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admitted {
    peer: Peer,
    certificate: Option<Certificate>,
}

/// What is shown in handshakes. The one lock is for a pointer: it is held to
/// copy or to replace that, never for longer.
struct Own {
    subject: Subject,
    shown: RwLock<Arc<Shown>>,
}

struct Shown {
    certificate: Certificate,
    certified: Arc<CertifiedKey>,
}

impl Endpoint {
    /// A member with this certificate. The clock is asked in each handshake.
    ///
    /// # Errors
    /// [`Error::Failed`] if the key cannot sign.
    pub fn new(
        holding: &Holding,
        revocations: RevocationsHandle,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Endpoint, Error> {
        let subject = holding.certificate().subject().clone();
        let own = Own { subject, shown: RwLock::new(Arc::new(shown(holding)?)) };
        Ok(Endpoint { ca: Arc::new(holding.ca().clone()), clock, revocations, own: Arc::new(own) })
    }

    /// From now on handshakes show this certificate: after a renewal. Open
    /// connections are not touched.
    ///
    /// # Errors
    /// [`Error::NotOurs`] if it is for somebody else or of another authority.
    pub fn replace(&self, holding: &Holding) -> Result<(), Error> {
        if holding.ca() != &*self.ca {
            return Err(Error::NotOurs { why: "it is of another authority" });
        }
        if *holding.certificate().subject() != self.own.subject {
            return Err(Error::NotOurs { why: "it is for somebody else" });
        }
        *self.own.shown.write() = Arc::new(shown(holding)?);
        Ok(())
    }

    /// The certificate that is shown now, to know when to renew it.
    pub fn certificate(&self) -> Certificate {
        self.own.shown.read().certificate.clone()
    }

    /// For listening. A peer may come without a certificate, in order to join:
    /// so ask [`Admitted::check`] for *every* request. One that is not good is
    /// refused in the handshake.
    ///
    /// # Errors
    /// [`Error::Failed`] if the library refuses the settings.
    pub fn server_config(&self) -> Result<ServerConfig, Error> {
        let verifier = ClientVerifier::new(self.ca.clone(), self.revocations.clone());
        let mut config =
            ServerConfig::builder_with_details(Algorithms::provider(), self.clock.clone())
                .with_protocol_versions(&[&version::TLS13])
                .map_err(|error| Error::failed("setting up TLS", error))?
                .with_client_cert_verifier(Arc::new(verifier))
                .with_cert_resolver(self.own.clone());
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(config)
    }

    /// For connecting. Give [`server_name`] for the name that TLS asks for; it
    /// is not sent.
    ///
    /// # Errors
    /// [`Error::Failed`] if the library refuses the settings.
    pub fn client_config(&self, expect: Expect) -> Result<ClientConfig, Error> {
        let verifier = ServerVerifier::new(self.ca.clone(), self.revocations.clone(), expect);
        let mut config =
            ClientConfig::builder_with_details(Algorithms::provider(), self.clock.clone())
                .with_protocol_versions(&[&version::TLS13])
                .map_err(|error| Error::failed("setting up TLS", error))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_client_cert_resolver(self.own.clone());
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }

    /// Who connected, once the handshake is done, to a listener that has this
    /// member's [`server_config`](Endpoint::server_config).
    ///
    /// # Errors
    /// [`Error::Untrusted`] if revocations or the time passed in between.
    pub fn admitted(&self, connection: &ServerConnection) -> Result<Admitted, Error> {
        if connection.is_handshaking() {
            return Err(Error::failed("asking who connected", "the handshake is not done"));
        }
        let Some(shown) = connection.peer_certificates().and_then(<[_]>::first) else {
            return Ok(Admitted { peer: Peer::Anonymous, certificate: None });
        };
        let now = self.now()?;
        let certificate = Certificate::verify(shown, &self.ca, Use::Client, now)?;
        let serial = certificate.serial();
        if self.revocations.current().has(serial) {
            return Err(Untrusted::Revoked { serial }.into());
        }
        let peer = certificate.subject().clone().into();
        Ok(Admitted { peer, certificate: Some(certificate) })
    }

    /// The certificate of whom we connected to with this member's
    /// [`client_config`](Endpoint::client_config), once the handshake is done:
    /// to cut the connection when it counts no longer.
    ///
    /// # Errors
    /// [`Error::Untrusted`] if the time passed in between.
    pub fn reached(&self, connection: &ClientConnection) -> Result<Certificate, Error> {
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let shown = shown.ok_or(Untrusted::Missing)?;
        Ok(Certificate::verify(shown, &self.ca, Use::Server, self.now()?)?)
    }

    /// The revocations that handshakes look at.
    pub fn revocations(&self) -> &RevocationsHandle {
        &self.revocations
    }

    fn now(&self) -> Result<UnixTime, Error> {
        self.clock.current_time().ok_or_else(|| Error::failed("reading the clock", "it says none"))
    }
}

impl Admitted {
    /// The owner of this host, who showed its [`LocalToken`] over loopback.
    ///
    /// [`LocalToken`]: crate::LocalToken
    pub fn local() -> Admitted {
        Admitted { peer: Peer::Local, certificate: None }
    }

    /// Who it is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The certificate that was shown: for [`Revocations::cut_of`], and for
    /// [`renew`](crate::join::renew).
    ///
    /// [`Revocations::cut_of`]: crate::Revocations::cut_of
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether the peer may do this.
    ///
    /// # Errors
    /// What to answer if not, which names who and what.
    pub fn check(&self, operation: Operation) -> Result<(), Denied> {
        let peer = &self.peer;
        if peer.may(operation) { Ok(()) } else { Err(Denied { peer: peer.clone(), operation }) }
    }
}

/// A peer may not do what it asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{peer} may not do this: {operation:?}")]
pub struct Denied {
    /// Who.
    pub peer: Peer,
    /// What.
    pub operation: Operation,
}

/// The name to give to TLS when connecting. It is not sent and not looked at:
/// what is expected stands in the configuration.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("greenroom").expect("this is a name of DNS")
}

fn shown(holding: &Holding) -> Result<Shown, Error> {
    let key = crypto::ring::sign::any_supported_type(&holding.key().to_tls())
        .map_err(|error| Error::failed("taking the key", error))?;
    let certified = Arc::new(CertifiedKey::new(holding.chain(), key));
    Ok(Shown { certificate: holding.certificate().clone(), certified })
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().certified.clone())
    }
}

impl ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().certified.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with certificate {}", self.subject, self.shown.read().certificate.serial())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.own)
    }
}
