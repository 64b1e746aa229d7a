//! The public half of a cluster's authority.

use std::fmt;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::certificate::{Validity, only_uri};
use crate::{ClusterId, Error, KeyHash, Untrusted, error, hex, limits, name};

/// The certificate of a cluster's authority, which everybody may see. Its
/// bytes go into the control store, at [`record::CA_KEY`](crate::record::CA_KEY).
#[derive(Clone, Debug)]
pub struct CaCertificate {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    cluster: ClusterId,
    validity: Validity,
    key: KeyHash,
}

/// The SHA-256 of an authority's certificate, by which a token pins it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct CaHash([u8; 32]);

impl CaCertificate {
    /// Reads a certificate that somebody vouches for: a file of ours, the
    /// control store, or a hash that is pinned.
    ///
    /// # Errors
    /// [`Error::Untrusted`] if it is not the certificate of an authority that
    /// [`Authority`](crate::Authority) makes; [`Error::TooLarge`].
    pub fn from_der(der: &[u8]) -> Result<CaCertificate, Error> {
        error::bounded("the bytes of a certificate", der.len(), limits::CERTIFICATE_BYTES_MAX)?;
        let malformed = |why| Error::Untrusted(Untrusted::Malformed { why });
        let der = CertificateDer::from(der.to_vec());
        let (rest, parsed) =
            X509Certificate::from_der(&der).map_err(|_| malformed("it is not X.509"))?;
        let is_ca = parsed.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca);
        if !rest.is_empty() || !is_ca {
            return Err(malformed("it is not that of an authority"));
        }
        parsed.verify_signature(None).map_err(|_| malformed("it is not signed by itself"))?;
        let uri = only_uri(&parsed)?;
        let cluster = name::cluster_of_ca(uri).ok_or_else(|| malformed("its URI is not ours"))?;
        let validity = Validity::of(&parsed)?;
        let key = KeyHash::of(parsed.tbs_certificate.subject_pki.raw);
        let anchor = webpki::anchor_from_trusted_cert(&der)
            .map_err(|_| malformed("it cannot be trusted"))?
            .to_owned();
        Ok(CaCertificate { der, anchor, cluster, validity, key })
    }

    /// The certificate itself.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its hash.
    pub fn hash(&self) -> CaHash {
        CaHash::of(&self.der)
    }

    /// The cluster that it is of.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// When it counts.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    pub(crate) fn key(&self) -> KeyHash {
        self.key
    }

    pub(crate) fn anchor(&self) -> TrustAnchor<'static> {
        self.anchor.clone()
    }

    pub(crate) fn expired(&self, now: UnixTime) -> bool {
        now >= self.validity.until
    }
}

impl Eq for CaCertificate {}

impl PartialEq for CaCertificate {
    fn eq(&self, other: &CaCertificate) -> bool {
        self.der == other.der
    }
}

impl CaHash {
    /// Of a certificate.
    pub(crate) fn of(der: &CertificateDer<'_>) -> CaHash {
        CaHash(Sha256::digest(der).into())
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> CaHash {
        CaHash(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for CaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
