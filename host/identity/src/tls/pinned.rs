//! The TLS of a joiner, who knows nothing but the hash in its token.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, version};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::verify::{Algorithms, tls_error};
use crate::certificate::Use;
use crate::{CaCertificate, CaHash, Certificate, Error, Untrusted};

/// Goes on only with a node of the cluster whose authority has this hash.
///
/// The server shows its authority's certificate; if the hash is right, the
/// node's certificate has to be good for that authority by all the rules that
/// members have, except that a joiner knows neither names nor revocations. A
/// revoked node could thus answer it, and learn that somebody wants to join;
/// it cannot use what it hears ([`join`](crate::join)), and has no certificate
/// to give.
#[derive(Clone, Copy, Debug)]
pub struct PinnedClient;

#[derive(Debug)]
struct PinnedVerifier {
    pinned: CaHash,
}

impl PinnedClient {
    /// For connecting to join. It shows no certificate.
    ///
    /// # Errors
    /// [`Error::Failed`] if the library refuses the settings.
    pub fn config(pinned: CaHash, clock: Arc<dyn TimeProvider>) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_details(Algorithms::provider(), clock)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| Error::failed("setting up TLS", error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedVerifier { pinned }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }
}

impl PinnedVerifier {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Untrusted> {
        let not_pinned = Untrusted::NotPinned { pinned: self.pinned };
        let ca = others.iter().find(|der| CaHash::of(der) == self.pinned).ok_or(not_pinned)?;
        let ca = CaCertificate::from_der(ca)
            .map_err(|_| Untrusted::Malformed { why: "the pinned one is no authority's" })?;
        Certificate::verify(leaf, &ca, Use::Server, now).map(|_| ())
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(leaf, others, now).map_err(tls_error)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Algorithms::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Algorithms::verify(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Algorithms::schemes()
    }
}
