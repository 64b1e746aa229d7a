//! What strangers send in order to join, and what is kept of them.

use bytes::Bytes;
use host_identity::fuzzing::{certificate as read_certificate, enrolment, token};
use host_identity::join::{Answer, Refused, RenewRequest, Request};
use host_identity::{CaCertificate, PublicKey, Revocation};
use host_proto::identity as kept;
use host_proto::join as proto;
use prost::Message as _;

/// An authority's certificate, made once.
const AUTHORITY: &[u8] = include_bytes!("../corpus/certificate/authority.der");
/// A request for a certificate, made once.
const REQUEST: &[u8] = include_bytes!("../corpus/certificate/request.der");

/// What is said while joining, in both directions.
pub(crate) fn join(data: &[u8]) {
    if let Ok(request) = proto::JoinRequest::decode(data)
        && let Ok(request) = Request::from_wire(request)
    {
        assert_eq!(Request::from_wire(request.to_wire()), Ok(request.clone()));
        let _ = PublicKey::from_request(&request.csr);
    }
    if let Ok(request) = proto::RenewRequest::decode(data)
        && let Ok(request) = RenewRequest::from_wire(request)
    {
        assert_eq!(RenewRequest::from_wire(request.to_wire()), Ok(request));
    }
    if let Ok(answer) = proto::JoinAnswer::decode(data)
        && let Ok(answer) = Answer::from_wire(&answer)
    {
        let _ = read_certificate(&answer.certificate);
    }
    if let Ok(refused) = Refused::from_details(data) {
        assert_eq!(Refused::from_details(&refused.to_details()).ok(), Some(refused));
    }
}

pub(crate) fn join_seeds() -> Vec<Vec<u8>> {
    let csr = Bytes::from_static(REQUEST);
    let protocol = host_proto::PROTOCOL_VERSION;
    let join = proto::JoinRequest {
        protocol,
        token: Bytes::from_static(&[1; 8]),
        name: "box-1".into(),
        csr: csr.clone(),
        proof: Bytes::from_static(&[2; 64]),
    };
    let renew = proto::RenewRequest { protocol, csr };
    let certificate = Bytes::from_static(AUTHORITY);
    let answer = proto::JoinAnswer { certificate: certificate.clone(), ca: certificate };
    let refused = [
        Refused::NameTaken,
        Refused::Protocol { ours: 1, theirs: 2 },
        Refused::Elsewhere { address: "127.0.0.1:1".into() },
    ];
    let mut seeds = vec![join.encode_to_vec(), renew.encode_to_vec(), answer.encode_to_vec()];
    seeds.extend(refused.iter().map(|refused| refused.to_details().to_vec()));
    seeds
}

/// What the control store has of tokens, nodes and revocations.
pub(crate) fn records(data: &[u8]) {
    if let Some(again) = token(data) {
        assert_eq!(token(&again), Some(again));
    }
    if let Some(again) = enrolment(data) {
        assert_eq!(enrolment(&again), Some(again));
    }
    if let Ok(revocation) = Revocation::from_bytes(data) {
        let again = Revocation::from_bytes(&revocation.to_bytes());
        assert_eq!(again.map(|again| again.to_bytes()).ok(), Some(revocation.to_bytes()));
    }
}

pub(crate) fn records_seeds() -> Vec<Vec<u8>> {
    let bytes = |byte: u8, count: usize| Bytes::from(vec![byte; count]);
    let kind = Some(kept::subject::Kind::Node(true));
    let subject = kept::Subject { name: "box-1".into(), kind };
    let token = kept::Token {
        id: bytes(1, 8),
        kind: Some(kept::token::Kind::Node(true)),
        many: true,
        name: "box-1".into(),
        note: "for the rack".into(),
        created_s: 1_700_000_000,
        expires_s: 1_700_100_000,
        revoked_s: 0,
        used: 3,
        last: bytes(2, 32),
        verifier: bytes(3, 32),
    };
    let enrolment = kept::Enrolment {
        subject: Some(subject.clone()),
        key: bytes(4, 32),
        live: vec![kept::Live { serial: bytes(5, 16), until_s: 1_700_100_000 }],
        token: bytes(1, 8),
        since_s: 1_700_000_000,
        revoked_s: 0,
    };
    let revocation =
        kept::Revocation { serial: bytes(5, 16), subject: Some(subject), until_s: 1_700_100_000 };
    vec![token.encode_to_vec(), enrolment.encode_to_vec(), revocation.encode_to_vec()]
}

/// Certificates and requests for them, before anything is believed.
pub(crate) fn certificate(data: &[u8]) {
    let _ = read_certificate(data);
    let _ = PublicKey::from_request(data);
    if let Ok(authority) = CaCertificate::from_der(data) {
        let _ = authority.hash();
    }
}

pub(crate) fn certificate_seeds() -> Vec<Vec<u8>> {
    vec![AUTHORITY.to_vec(), REQUEST.to_vec()]
}
