//! Messages of the join exchange.

use bytes::Bytes;
use host_proto::join as proto;
use prost::Message;
use rustls_pki_types::CertificateDer;

use super::array;
use crate::join::{Answer, Refused, RenewRequest, Request};
use crate::{Error, TokenId, error, limits};

impl Request {
    /// Its form on the wire.
    pub fn to_wire(&self) -> proto::JoinRequest {
        let Request { protocol, token, name, csr, proof } = self;
        proto::JoinRequest {
            protocol: *protocol,
            token: Bytes::copy_from_slice(token.bytes()),
            name: name.to_string(),
            csr: csr.clone(),
            proof: Bytes::copy_from_slice(proof),
        }
    }

    /// From its form on the wire.
    ///
    /// # Errors
    /// [`Refused::Protocol`] first, as the rest of another version may differ;
    /// [`Refused::Malformed`].
    pub fn from_wire(request: proto::JoinRequest) -> Result<Request, Refused> {
        const WHAT: &str = "a request to join";
        let proto::JoinRequest { protocol, token, name, csr, proof } = request;
        check_protocol(protocol)?;
        error::bounded("the bytes of a request", csr.len(), limits::CERTIFICATE_BYTES_MAX)?;
        Ok(Request {
            protocol,
            token: TokenId::from_bytes(array(WHAT, &token)?),
            name: name.parse().map_err(Refused::from)?,
            csr,
            proof: array(WHAT, &proof)?,
        })
    }
}

impl RenewRequest {
    /// Its form on the wire.
    pub fn to_wire(&self) -> proto::RenewRequest {
        let RenewRequest { protocol, csr } = self;
        proto::RenewRequest { protocol: *protocol, csr: csr.clone() }
    }

    /// From its form on the wire.
    ///
    /// # Errors
    /// [`Refused::Protocol`] and [`Refused::Malformed`].
    pub fn from_wire(request: proto::RenewRequest) -> Result<RenewRequest, Refused> {
        let proto::RenewRequest { protocol, csr } = request;
        check_protocol(protocol)?;
        error::bounded("the bytes of a request", csr.len(), limits::CERTIFICATE_BYTES_MAX)?;
        Ok(RenewRequest { protocol, csr })
    }
}

impl Answer {
    /// Its form on the wire.
    pub fn to_wire(&self) -> proto::JoinAnswer {
        let Answer { certificate, ca } = self;
        let bytes = |der: &CertificateDer<'_>| Bytes::copy_from_slice(der);
        proto::JoinAnswer { certificate: bytes(certificate), ca: bytes(ca) }
    }

    /// From its form on the wire; nothing is believed yet.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn from_wire(answer: &proto::JoinAnswer) -> Result<Answer, Error> {
        let proto::JoinAnswer { certificate, ca } = answer;
        let der = |bytes: &Bytes| {
            let most = limits::CERTIFICATE_BYTES_MAX;
            error::bounded("the bytes of a certificate", bytes.len(), most)?;
            Ok::<_, Error>(CertificateDer::from(bytes.to_vec()))
        };
        Ok(Answer { certificate: der(certificate)?, ca: der(ca)? })
    }
}

impl Refused {
    /// The details of a gRPC status.
    pub fn to_details(&self) -> Bytes {
        use proto::refusal::Reason;
        let reason = match self {
            Refused::Protocol { ours, theirs } => {
                Reason::Protocol(proto::Protocol { ours: *ours, theirs: *theirs })
            }
            Refused::Token => Reason::Token(true),
            Refused::TokenExpired => Reason::TokenExpired(true),
            Refused::TokenRevoked => Reason::TokenRevoked(true),
            Refused::TokenUsed => Reason::TokenUsed(true),
            Refused::TokenForAnother => Reason::TokenForAnother(true),
            Refused::NameTaken => Reason::NameTaken(true),
            Refused::Revoked => Reason::Revoked(true),
            Refused::TooManyCertificates => Reason::TooManyCertificates(true),
            Refused::NotAllowed => Reason::NotAllowed(true),
            Refused::Malformed { why } => Reason::Malformed(why.clone()),
            Refused::Elsewhere { address } => Reason::Elsewhere(address.clone()),
            Refused::Unavailable { why } => Reason::Unavailable(why.clone()),
        };
        proto::Refusal { reason: Some(reason) }.encode_to_vec().into()
    }

    /// From the details of a gRPC status.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::TooLarge`].
    pub fn from_details(details: &[u8]) -> Result<Refused, Error> {
        use proto::refusal::Reason;
        const WHAT: &str = "a refusal";
        error::bounded("the bytes of a refusal", details.len(), limits::MESSAGE_BYTES_MAX)?;
        let refusal = proto::Refusal::decode(details)
            .map_err(|_| Error::malformed(WHAT, "it does not decode"))?;
        let reason = refusal.reason.ok_or_else(|| Error::malformed(WHAT, "it has no reason"))?;
        Ok(match reason {
            Reason::Protocol(proto::Protocol { ours, theirs }) => {
                Refused::Protocol { ours, theirs }
            }
            Reason::Token(_) => Refused::Token,
            Reason::TokenExpired(_) => Refused::TokenExpired,
            Reason::TokenRevoked(_) => Refused::TokenRevoked,
            Reason::TokenUsed(_) => Refused::TokenUsed,
            Reason::TokenForAnother(_) => Refused::TokenForAnother,
            Reason::NameTaken(_) => Refused::NameTaken,
            Reason::Revoked(_) => Refused::Revoked,
            Reason::TooManyCertificates(_) => Refused::TooManyCertificates,
            Reason::NotAllowed(_) => Refused::NotAllowed,
            Reason::Malformed(why) => Refused::Malformed { why },
            Reason::Elsewhere(address) => Refused::Elsewhere { address },
            Reason::Unavailable(why) => Refused::Unavailable { why },
        })
    }
}

fn check_protocol(theirs: u32) -> Result<(), Refused> {
    let ours = host_proto::PROTOCOL_VERSION;
    if theirs == ours { Ok(()) } else { Err(Refused::Protocol { ours, theirs }) }
}
