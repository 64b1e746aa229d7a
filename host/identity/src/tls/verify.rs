//! What handshakes believe.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Expect;
use crate::certificate::Use;
use crate::{CaCertificate, Certificate, Name, RevocationsHandle, Subject, Untrusted};

/// The one kind of signature that our keys make.
const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::ring::ECDSA_P256_SHA256],
    mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, &[webpki::ring::ECDSA_P256_SHA256])],
};

/// How handshakes are signed and encrypted; the same for everybody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Algorithms;

/// Believes the clients of a listener.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    ca: Arc<CaCertificate>,
    revocations: RevocationsHandle,
}

/// Believes the node that was connected to.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    ca: Arc<CaCertificate>,
    revocations: RevocationsHandle,
    expect: Expect,
}

impl ClientVerifier {
    pub(super) fn new(ca: Arc<CaCertificate>, revocations: RevocationsHandle) -> ClientVerifier {
        ClientVerifier { ca, revocations }
    }
}

impl ServerVerifier {
    pub(super) fn new(
        ca: Arc<CaCertificate>,
        revocations: RevocationsHandle,
        expect: Expect,
    ) -> ServerVerifier {
        ServerVerifier { ca, revocations, expect }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        // Who joins has none. What else it may do is asked for each request.
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A scan of ports need not learn which cluster this is.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        believe(leaf, &self.ca, Use::Client, &self.revocations, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Algorithms::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Algorithms::verify(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Algorithms::schemes()
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = believe(leaf, &self.ca, Use::Server, &self.revocations, now)?;
        check_name(&certificate, &self.expect).map_err(tls_error)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Algorithms::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Algorithms::verify(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Algorithms::schemes()
    }
}

impl Algorithms {
    pub(super) fn provider() -> Arc<CryptoProvider> {
        let signature_verification_algorithms = ALGORITHMS;
        Arc::new(CryptoProvider { signature_verification_algorithms, ..ring::default_provider() })
    }

    pub(super) fn verify(
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &ALGORITHMS)
    }

    pub(super) fn refuse_tls12() -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    pub(super) fn schemes() -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

fn believe(
    leaf: &CertificateDer<'_>,
    ca: &CaCertificate,
    used: Use,
    revocations: &RevocationsHandle,
    now: UnixTime,
) -> Result<Certificate, Error> {
    let certificate = Certificate::verify(leaf, ca, used, now).map_err(tls_error)?;
    let serial = certificate.serial();
    if revocations.current().has(serial) {
        return Err(tls_error(Untrusted::Revoked { serial }));
    }
    Ok(certificate)
}

fn check_name(certificate: &Certificate, expect: &Expect) -> Result<(), Untrusted> {
    let found: &Name = match certificate.subject() {
        Subject::Node { name } => name,
        Subject::Client { .. } => return Err(Untrusted::WrongUse),
    };
    match expect {
        Expect::AnyNode => Ok(()),
        Expect::Node(expected) if expected == found => Ok(()),
        Expect::Node(expected) => {
            Err(Untrusted::WrongName { expected: expected.clone(), found: found.clone() })
        }
    }
}

/// The same in rustls's words where the other side is told something, and
/// with ours inside where it is not.
pub(super) fn tls_error(untrusted: Untrusted) -> Error {
    Error::InvalidCertificate(match untrusted {
        Untrusted::Expired => CertificateError::Expired,
        Untrusted::NotYetValid => CertificateError::NotValidYet,
        Untrusted::Revoked { .. } => CertificateError::Revoked,
        Untrusted::ForeignIssuer | Untrusted::NotPinned { .. } => CertificateError::UnknownIssuer,
        Untrusted::WrongUse => CertificateError::InvalidPurpose,
        other @ (Untrusted::Missing
        | Untrusted::WrongName { .. }
        | Untrusted::WrongCluster { .. }
        | Untrusted::Malformed { .. }) => CertificateError::Other(OtherError(Arc::new(other))),
    })
}
