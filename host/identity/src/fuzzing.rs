//! What comes from strangers and from files, for the fuzzers of `tests/fuzz`.

use rustls_pki_types::CertificateDer;

use crate::record::private::Form;
use crate::{Certificate, name};
use crate::{ClusterId, Enrolment, Subject, Token};

/// A certificate, not yet believed.
pub fn certificate(der: &[u8]) -> Option<Certificate> {
    Certificate::parse(&CertificateDer::from(der)).ok()
}

/// The URI of a certificate, read and written again.
pub fn uri(uri: &str) -> Option<String> {
    let (cluster, subject): (ClusterId, Subject) = Subject::from_uri(uri)?;
    Some(subject.uri(cluster))
}

/// The cluster that an authority's URI names.
pub fn authority(uri: &str) -> Option<ClusterId> {
    name::cluster_of_ca(uri)
}

/// A token's record, read and written again.
pub fn token(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Token::from_bytes(bytes).ok()?.to_bytes())
}

/// A node's record, read and written again.
pub fn enrolment(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Enrolment::from_bytes(bytes).ok()?.to_bytes())
}
