//! Certificates of nodes and clients.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::{CaCertificate, ClusterId, Error, KeyHash, Subject, Untrusted, hex, limits};

/// A certificate that the cluster's authority signed.
///
/// Who it is for stands in one place, a URI among its alternative names:
/// `greenroom://CLUSTER/node/NAME` or `greenroom://CLUSTER/client/ROLE/NAME`.
/// Its common name is for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    cluster: ClusterId,
    subject: Subject,
    serial: Serial,
    validity: Validity,
    key: KeyHash,
}

/// The serial number of a certificate: 126 random bits, so that none is used
/// twice and none can be foreseen.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Serial([u8; 16]);

/// From when to when a certificate counts, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first second.
    pub from: UnixTime,
    /// The last second.
    pub until: UnixTime,
}

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// By the side that was connected to.
    Server,
    /// By the side that connects.
    Client,
}

impl Certificate {
    /// Believes a certificate if this authority signed it, it counts now, and
    /// it is for this use.
    pub(crate) fn verify(
        der: &CertificateDer<'_>,
        ca: &CaCertificate,
        used: Use,
        now: UnixTime,
    ) -> Result<Certificate, Untrusted> {
        if der.len() > limits::CERTIFICATE_BYTES_MAX {
            return Err(Untrusted::Malformed { why: "it is too large" });
        }
        if now > ca.validity().until {
            return Err(Untrusted::Expired);
        }
        let purpose = match used {
            Use::Server => webpki::KeyUsage::server_auth(),
            Use::Client => webpki::KeyUsage::client_auth(),
        };
        // Leaves are signed by the authority itself: nothing lies between.
        webpki::EndEntityCert::try_from(der)
            .and_then(|leaf| {
                let algorithms = &[webpki::ring::ECDSA_P256_SHA256];
                let anchors = [ca.anchor()];
                leaf.verify_for_usage(algorithms, &anchors, &[], now, purpose, None, None)
                    .map(|_| ())
            })
            .map_err(|error| untrusted(&error))?;
        let certificate = Certificate::parse(der)?;
        if certificate.cluster != ca.cluster() {
            let (expected, found) = (ca.cluster(), certificate.cluster);
            return Err(Untrusted::WrongCluster { expected, found });
        }
        // The URI decides, whatever else a certificate was signed for.
        match (&certificate.subject, used) {
            (Subject::Client { .. }, Use::Server) => Err(Untrusted::WrongUse),
            (Subject::Client { .. }, Use::Client) | (Subject::Node { .. }, _) => Ok(certificate),
        }
    }

    /// Reads a certificate without believing it.
    pub(crate) fn parse(der: &CertificateDer<'_>) -> Result<Certificate, Untrusted> {
        let (_, parsed) = X509Certificate::from_der(der)
            .map_err(|_| Untrusted::Malformed { why: "it is not X.509" })?;
        let uri = only_uri(&parsed)?;
        let (cluster, subject) =
            Subject::from_uri(uri).ok_or(Untrusted::Malformed { why: "its URI is not ours" })?;
        let serial = Serial::from_slice(parsed.raw_serial())
            .ok_or(Untrusted::Malformed { why: "its serial number is not ours" })?;
        let key = KeyHash::of(parsed.tbs_certificate.subject_pki.raw);
        let validity = Validity::of(&parsed)?;
        let der = der.clone().into_owned();
        Ok(Certificate { der, cluster, subject, serial, validity, key })
    }

    /// The certificate itself.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The cluster that it is of.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Whom it is for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Its number.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// When it counts.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The key that it is for.
    pub fn key(&self) -> KeyHash {
        self.key
    }
}

impl Serial {
    /// A new one.
    pub(crate) fn draw() -> Result<Serial, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::failed("drawing a serial", error))?;
        // Positive, and 16 bytes in every form.
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Ok(Serial(bytes))
    }

    /// From its bytes; only what the authority could have drawn.
    pub fn from_slice(bytes: &[u8]) -> Option<Serial> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        (bytes[0] & 0xc0 == 0x40).then_some(Serial(bytes))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Validity {
    /// How long it is.
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.until.as_secs().saturating_sub(self.from.as_secs()))
    }

    pub(crate) fn of(parsed: &X509Certificate<'_>) -> Result<Validity, Untrusted> {
        let second = |time: x509_parser::time::ASN1Time| {
            let seconds = u64::try_from(time.timestamp());
            seconds.map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
        };
        let validity = parsed.validity();
        match (second(validity.not_before), second(validity.not_after)) {
            (Ok(from), Ok(until)) if from <= until => Ok(Validity { from, until }),
            _ => Err(Untrusted::Malformed { why: "its validity is not ours" }),
        }
    }
}

/// The URI that is a certificate's only alternative name.
pub(crate) fn only_uri<'a>(parsed: &X509Certificate<'a>) -> Result<&'a str, Untrusted> {
    let names = parsed.subject_alternative_name().ok().flatten().map(|names| names.value);
    match names.map(|names| names.general_names.as_slice()) {
        Some([GeneralName::URI(uri)]) => Ok(uri),
        _ => Err(Untrusted::Malformed { why: "it has not just the one URI that ours have" }),
    }
}

/// What webpki's refusals mean here.
fn untrusted(error: &webpki::Error) -> Untrusted {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => Untrusted::Expired,
        E::CertNotValidYet { .. } => Untrusted::NotYetValid,
        E::UnknownIssuer | E::InvalidSignatureForPublicKey => Untrusted::ForeignIssuer,
        E::CaUsedAsEndEntity | E::RequiredEkuNotFoundContext(_) => Untrusted::WrongUse,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Untrusted::ForeignIssuer,
        _ => Untrusted::Malformed { why: "it is not X.509, or not as ours are" },
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
