//! The authority at work: it decides on what the control store has, and
//! writes down what it decided before anybody hears of it.

mod manage;

use std::sync::Arc;

use host_control::ControlStore;
use host_identity::join::{self, Admission, Binding, Refused, RenewRequest, Request};
use host_identity::record::{self, Sealed};
use host_identity::{
    Authority, Certificate, Enrolment, Holding, PrivateKey, RevocationsHandle, Stored, Subject,
    Token,
};
use rustls_pki_types::UnixTime;

use crate::identity::now;
use crate::records::{Records, Written};
use crate::{Clock, Error, limits};

/// The authority of a cluster over its control store; on one host. Clones are
/// the same.
#[derive(Clone)]
pub struct Registrar {
    authority: Arc<Authority>,
    records: Records,
    clock: Clock,
}

impl Registrar {
    pub(crate) fn new(
        authority: Authority,
        store: Arc<dyn ControlStore>,
        clock: Clock,
    ) -> Registrar {
        Registrar { authority: Arc::new(authority), records: Records { store }, clock }
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Lets a joiner in, or not.
    pub(crate) async fn admit(
        &self,
        request: &Request,
        binding: &Binding,
    ) -> Result<Admission, Refused> {
        for _ in 0..limits::DECISIONS_MAX {
            let token: Option<Stored<Token>> = self.open(&record::token_key(request.token)).await?;
            let enrolment: Option<Stored<Enrolment>> = match &token {
                Some(token) => {
                    self.open(&join::enrolment_key(token.value(), &request.name)).await?
                }
                None => None,
            };
            let records = join::Records { token: token.as_ref(), enrolment: enrolment.as_ref() };
            let admission = join::admit(&self.authority, request, binding, records, self.now()?)?;
            if self.write(&admission.change).await? == Written::Done {
                return Ok(admission);
            }
        }
        Err(overtaken())
    }

    /// Gives whoever showed a certificate the next, or not.
    pub(crate) async fn renew(
        &self,
        request: &RenewRequest,
        shown: &Certificate,
        revocations: &RevocationsHandle,
    ) -> Result<Admission, Refused> {
        for _ in 0..limits::DECISIONS_MAX {
            let enrolment = self.open(&enrolment_key(shown.subject())).await?;
            let (enrolment, revoked) = (enrolment.as_ref(), revocations.current());
            let now = self.now()?;
            let admission =
                join::renew(&self.authority, request, Some(shown), enrolment, &revoked, now)?;
            if self.write(&admission.change).await? == Written::Done {
                return Ok(admission);
            }
        }
        Err(overtaken())
    }

    /// A certificate without a token: for this host itself, or for what it
    /// gives to its own operator.
    ///
    /// # Errors
    /// [`Error::Refused`] if the name is another key's, was revoked, or has
    /// too many certificates; [`Error::Overtaken`], [`Error::Store`].
    pub async fn grant(&self, subject: Subject, key: PrivateKey) -> Result<Holding, Error> {
        for _ in 0..limits::DECISIONS_MAX {
            let current = self.open_or_fail(&enrolment_key(&subject)).await?;
            let now = now(&self.clock)?;
            let (certificate, change) =
                Enrolment::grant(&self.authority, subject.clone(), &key, current.as_ref(), now)
                    .map_err(Error::refused_here)?;
            if self.records.write(&change).await? == Written::Done {
                let ca = self.authority.certificate().clone();
                return Ok(Holding::new(ca, certificate, key)?);
            }
        }
        Err(Error::Overtaken { what: "giving a certificate" })
    }

    /// A record that this authority sealed; none if there is none.
    async fn open_or_fail<T: Sealed>(&self, key: &str) -> Result<Option<Stored<T>>, Error> {
        let Some(bytes) = self.records.get(key).await? else { return Ok(None) };
        Ok(Some(self.authority.open(key, bytes)?))
    }

    /// The same, for one who is told no more than that it failed.
    async fn open<T: Sealed>(&self, key: &str) -> Result<Option<Stored<T>>, Refused> {
        self.open_or_fail(key).await.map_err(unavailable)
    }

    async fn write(&self, change: &host_identity::Change) -> Result<Written, Refused> {
        self.records.write(change).await.map_err(unavailable)
    }

    fn now(&self) -> Result<UnixTime, Refused> {
        now(&self.clock).map_err(unavailable)
    }
}

/// Where the record of somebody is.
fn enrolment_key(subject: &Subject) -> String {
    match subject {
        Subject::Node { name } => record::node_key(name),
        Subject::Client { name, role: _ } => record::client_key(name),
    }
}

fn overtaken() -> Refused {
    Refused::Unavailable { why: "others were faster; try again".into() }
}

/// Logged in full here; the other side is a stranger.
fn unavailable(error: Error) -> Refused {
    tracing::error!(%error, "the authority could not decide");
    Refused::Unavailable { why: "the control store did not answer well; try again".into() }
}
