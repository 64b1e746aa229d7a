//! Serving the contract of joining.

use std::net::IpAddr;
use std::sync::Arc;

use host_identity::join::{Admission, Binding, Refused, RenewRequest, Request as JoinRequest};
use host_identity::{Admitted, Attempts, Noted, Operation, limits as bounds};
use host_proto::join as proto;
use host_proto::join::join_server::{Join, JoinServer};
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, async_trait};

use crate::{Identity, Registrar};

/// Serves the contract of joining. The host that has the authority lets in;
/// the others say where that is.
#[derive(Clone)]
pub struct JoinService(Arc<Inner>);

struct Inner {
    identity: Identity,
    registrar: Option<Registrar>,
    /// The bad attempts of each address. Locked to count one.
    attempts: Mutex<Attempts>,
    started: Instant,
}

impl JoinService {
    /// That of the host with the authority.
    pub fn new(identity: Identity, registrar: Registrar) -> JoinService {
        JoinService::with(identity, Some(registrar))
    }

    /// That of any other host.
    pub fn elsewhere(identity: Identity) -> JoinService {
        JoinService::with(identity, None)
    }

    /// A service for tonic's router.
    pub fn server(&self) -> JoinServer<JoinService> {
        JoinServer::new(self.clone())
            .max_decoding_message_size(bounds::MESSAGE_BYTES_MAX)
            .max_encoding_message_size(bounds::MESSAGE_BYTES_MAX)
    }

    fn with(identity: Identity, registrar: Option<Registrar>) -> JoinService {
        let attempts = Mutex::new(Attempts::new());
        JoinService(Arc::new(Inner { identity, registrar, attempts, started: Instant::now() }))
    }

    fn registrar(&self) -> Result<&Registrar, Refused> {
        let address = || self.0.identity.authority().unwrap_or_default();
        self.0.registrar.as_ref().ok_or_else(|| Refused::Elsewhere { address: address() })
    }

    async fn admit(&self, request: Request<proto::JoinRequest>) -> Result<Admission, Refused> {
        let registrar = self.registrar()?;
        let no_tls = || Refused::Malformed { why: "joining needs TLS".into() };
        let binding = *request.extensions().get::<Binding>().ok_or_else(no_tls)?;
        let request = JoinRequest::from_wire(request.into_inner())?;
        let admission = registrar.admit(&request, &binding).await?;
        tracing::info!(
            who = %admission.certificate.subject(),
            serial = %admission.certificate.serial(),
            token = %request.token,
            "somebody joined the cluster"
        );
        Ok(admission)
    }

    async fn next(&self, request: Request<proto::RenewRequest>) -> Result<Admission, Refused> {
        let admitted = request.extensions().get::<Admitted>().cloned();
        let admitted = admitted.ok_or(Refused::NotAllowed)?;
        admitted.check(Operation::RenewCertificate).map_err(|_| Refused::NotAllowed)?;
        let shown = admitted.certificate().ok_or(Refused::NotAllowed)?;
        let registrar = self.registrar()?;
        let request = RenewRequest::from_wire(request.into_inner())?;
        let revocations = self.0.identity.endpoint().revocations();
        let admission = registrar.renew(&request, shown, revocations).await?;
        tracing::info!(
            who = %admission.certificate.subject(),
            serial = %admission.certificate.serial(),
            "a certificate was renewed"
        );
        Ok(admission)
    }

    /// Refuses an address that made too many bad attempts.
    fn check_attempts(&self, address: IpAddr) -> Result<(), Status> {
        if self.0.attempts.lock().may_try(address, self.0.started.elapsed()) {
            return Ok(());
        }
        let why = "too many bad attempts from this address; wait a minute".into();
        Err(to_status(&Refused::Unavailable { why }))
    }

    fn conclude(
        &self,
        address: IpAddr,
        decided: Result<Admission, Refused>,
    ) -> Result<Response<proto::JoinAnswer>, Status> {
        match decided {
            Ok(admission) => Ok(Response::new(admission.answer.to_wire())),
            Err(refused) => {
                if refused.is_bad_attempt() {
                    self.note(address, &refused);
                }
                Err(to_status(&refused))
            }
        }
    }

    fn note(&self, address: IpAddr, refused: &Refused) {
        match self.0.attempts.lock().note(address, self.0.started.elapsed()) {
            Noted::Log => tracing::warn!(%address, %refused, "somebody was not let in"),
            Noted::LogLast => {
                tracing::warn!(%address, "too many bad attempts; no more of it are logged");
            }
            Noted::Quiet => {}
        }
    }
}

#[async_trait]
impl Join for JoinService {
    async fn join(
        &self,
        request: Request<proto::JoinRequest>,
    ) -> Result<Response<proto::JoinAnswer>, Status> {
        let address = address_of(&request)?;
        self.check_attempts(address)?;
        let decided = self.admit(request).await;
        self.conclude(address, decided)
    }

    async fn renew(
        &self,
        request: Request<proto::RenewRequest>,
    ) -> Result<Response<proto::JoinAnswer>, Status> {
        let address = address_of(&request)?;
        let decided = self.next(request).await;
        self.conclude(address, decided)
    }
}

fn address_of<T>(request: &Request<T>) -> Result<IpAddr, Status> {
    let address = request.remote_addr().map(|address| address.ip());
    address.ok_or_else(|| Status::internal("the connection has no address"))
}

/// A refusal as a status, for people and for programs.
fn to_status(refused: &Refused) -> Status {
    let code = match refused {
        Refused::Token
        | Refused::TokenExpired
        | Refused::TokenRevoked
        | Refused::TokenUsed
        | Refused::TokenForAnother
        | Refused::NameTaken
        | Refused::Revoked
        | Refused::NotAllowed => Code::PermissionDenied,
        Refused::TooManyCertificates => Code::ResourceExhausted,
        Refused::Malformed { .. } => Code::InvalidArgument,
        Refused::Protocol { .. } | Refused::Elsewhere { .. } => Code::FailedPrecondition,
        Refused::Unavailable { .. } => Code::Unavailable,
    };
    Status::with_details(code, refused.to_string(), refused.to_details())
}
