//! The side that wants to be let in.

use host_proto::PROTOCOL_VERSION;
use rustls_pki_types::UnixTime;

use super::{Answer, Binding, RenewRequest, Request, proof};
use crate::certificate::Use;
use crate::{
    CaCertificate, CaHash, Certificate, Error, Holding, JoinToken, Name, PrivateKey, Subject,
};

/// Somebody who wants a certificate for a key of its own. The key should be
/// kept from before the first attempt on: only with it can it ask again.
#[derive(Debug)]
pub struct Joiner {
    ca: CaHash,
    name: Name,
    key: PrivateKey,
}

impl Joiner {
    /// One that has a token.
    pub fn new(token: &JoinToken, name: Name, key: PrivateKey) -> Joiner {
        Joiner { ca: token.ca(), name, key }
    }

    /// One that has a certificate, and wants the next for this key.
    pub fn renewing(holding: &Holding, key: PrivateKey) -> Joiner {
        let name = holding.certificate().subject().name().clone();
        Joiner { ca: holding.ca().hash(), name, key }
    }

    /// What to send over this connection, and over no other.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be signed.
    pub fn request(&self, token: &JoinToken, binding: &Binding) -> Result<Request, Error> {
        let (protocol, name, csr) = (PROTOCOL_VERSION, self.name.clone(), self.key.request()?);
        let text = proof::text(self.ca, binding, protocol, token.id(), &name, &csr);
        Ok(Request { protocol, token: token.id(), name, csr, proof: token.sign(&text) })
    }

    /// What to send over a connection of one's own certificate.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be signed.
    pub fn renew_request(&self) -> Result<RenewRequest, Error> {
        Ok(RenewRequest { protocol: PROTOCOL_VERSION, csr: self.key.request()? })
    }

    /// Checks what was answered and puts it together with the key.
    ///
    /// # Errors
    /// [`Error::Untrusted`] if it is not of the pinned authority or does not
    /// count now; [`Error::NotOurs`] if it is for another key or name.
    pub fn accept(self, answer: &Answer, now: UnixTime) -> Result<Holding, Error> {
        let ca = CaCertificate::from_der(&answer.ca)?;
        if ca.hash() != self.ca {
            return Err(crate::Untrusted::NotPinned { pinned: self.ca }.into());
        }
        // Every certificate of ours is good for connecting with.
        let certificate = Certificate::verify(&answer.certificate, &ca, Use::Client, now)?;
        let (Subject::Node { name } | Subject::Client { name, role: _ }) = certificate.subject();
        if *name != self.name {
            return Err(Error::NotOurs { why: "it has another name" });
        }
        Holding::new(ca, certificate, self.key)
    }
}
