//! The cluster's certificate authority.

use std::fmt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType, SerialNumber,
};
use ring::hmac;
use rustls_pki_types::UnixTime;

use crate::record::Sealed;
use crate::secret_file::{self, Folder, Pem};
use crate::{
    CaCertificate, Certificate, ClusterId, Error, PrivateKey, PublicKey, Serial, Stored, Subject,
    Validity, error, limits, name,
};

/// The file of an authority in its host's data directory.
const FILE: &str = "authority.pem";

/// What to do about a file that is not right.
const ADVICE: &str = "put the first node's own file back from a backup; without it nobody can \
                      join, and certificates end within a month";

/// The authority of a cluster, with its key: whoever has it decides who
/// belongs to the cluster. One host keeps it, in an owner-only file.
pub struct Authority {
    certificate: CaCertificate,
    key: PrivateKey,
    seal: hmac::Key,
}

impl Authority {
    /// Makes the authority of a new cluster.
    ///
    /// # Errors
    /// [`Error::Failed`] if the system gives no randomness.
    pub fn create(cluster: ClusterId, now: UnixTime) -> Result<Authority, Error> {
        let key = PrivateKey::draw()?;
        let until = now.as_secs().saturating_add(limits::CA_LIFETIME.as_secs());
        let mut params = params(validity(now, until), &format!("greenroom cluster {cluster}"))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.subject_alt_names = vec![uri(name::ca_uri(cluster))?];
        let signed = params.self_signed(key.pair());
        let signed = signed.map_err(|error| Error::failed("signing the authority", error))?;
        Authority::new(CaCertificate::from_der(signed.der())?, key)
    }

    /// Writes it to its file in a data directory, at once or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if there is one already, or others can write to the
    /// folder.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        let pem = Pem { certificates: &[self.certificate.der()], key: self.key.der() };
        Folder::open(folder, secret_file::Rule::OnlyWeWrite)?.create(FILE, &pem.to_text())
    }

    /// Reads it from its file in a data directory; none if there is none.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged, that of another cluster, or
    /// others can read it; it says what to do. [`Error::AuthorityExpired`].
    pub fn load(
        folder: &Path,
        cluster: ClusterId,
        now: UnixTime,
    ) -> Result<Option<Authority>, Error> {
        let file = Folder::open(folder, secret_file::Rule::OnlyWeWrite)?;
        let Some(text) = file.read(FILE)? else { return Ok(None) };
        let path = folder.join(FILE);
        let wrong = |why: &dyn fmt::Display| Error::file(&path, why, ADVICE);
        let ([certificate], key) = Pem::from_text(&text).ok_or_else(|| {
            wrong(&"it is damaged: it does not hold one certificate and one private key")
        })?;
        let certificate = CaCertificate::from_der(&certificate).map_err(|error| wrong(&error))?;
        if certificate.cluster() != cluster {
            let found = certificate.cluster();
            return Err(wrong(&format!("it is of cluster {found}, not of cluster {cluster}")));
        }
        if certificate.expired(now) {
            return Err(Error::AuthorityExpired);
        }
        let key = PrivateKey::from_der(&key).map_err(|error| wrong(&error))?;
        Authority::new(certificate, key).map(Some).map_err(|error| wrong(&error))
    }

    /// Its public half.
    pub fn certificate(&self) -> &CaCertificate {
        &self.certificate
    }

    /// Signs a certificate. Everything in it is the authority's word but the
    /// key; whether the subject should have one was decided before.
    pub(crate) fn sign(
        &self,
        subject: &Subject,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<Certificate, Error> {
        if self.certificate.expired(now) {
            return Err(Error::AuthorityExpired);
        }
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        let (lifetime, purposes) = match subject {
            Subject::Node { .. } => (limits::NODE_LIFETIME, vec![ServerAuth, ClientAuth]),
            Subject::Client { .. } => (limits::CLIENT_LIFETIME, vec![ClientAuth]),
        };
        let end = self.certificate.validity().until.as_secs();
        let until = now.as_secs().saturating_add(lifetime.as_secs()).min(end);
        let mut params = params(validity(now, until), &subject.to_string())?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purposes;
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = vec![uri(subject.uri(self.certificate.cluster()))?];
        let issuer = Issuer::from_ca_cert_der(self.certificate.der(), self.key.pair());
        let signed = issuer.and_then(|issuer| params.signed_by(key.spki(), &issuer));
        let signed = signed.map_err(|error| Error::failed("signing a certificate", error))?;
        let certificate = Certificate::parse(signed.der())?;
        assert_eq!(certificate.subject(), subject, "what was signed reads back");
        Ok(certificate)
    }

    /// The bytes of a record with the authority's seal, which only it can
    /// make: HMAC-SHA256 over the key and the content. The key is part of it
    /// so that a record counts nowhere else.
    pub(crate) fn seal(&self, record: &impl Sealed) -> Bytes {
        let mut bytes = record.to_bytes();
        let tag = hmac::sign(&self.seal, &sealed_text(&record.key(), &bytes));
        bytes.extend_from_slice(tag.as_ref());
        assert!(bytes.len() <= limits::RECORD_BYTES_MAX, "the parts of a record are bounded");
        bytes.into()
    }

    /// Reads a record of the control store that grants something.
    ///
    /// # Errors
    /// [`Error::Unsealed`] if this authority did not write it, there;
    /// [`Error::TooLarge`] and [`Error::Malformed`].
    pub fn open<T: Sealed>(&self, key: &str, bytes: Bytes) -> Result<Stored<T>, Error> {
        error::bounded("the bytes of a record", bytes.len(), limits::RECORD_BYTES_MAX)?;
        let unsealed = || Error::Unsealed { key: key.to_owned() };
        let length = bytes.len().checked_sub(TAG_BYTES).ok_or_else(unsealed)?;
        let (content, tag) = bytes.split_at(length);
        hmac::verify(&self.seal, &sealed_text(key, content), tag).map_err(|_| unsealed())?;
        let value = T::from_bytes(content)?;
        if value.key() != key {
            return Err(unsealed());
        }
        Ok(Stored::new(value, bytes))
    }

    fn new(certificate: CaCertificate, key: PrivateKey) -> Result<Authority, Error> {
        if certificate.key() != key.public().hash() {
            return Err(Error::NotOurs { why: "the key is another's" });
        }
        // A key of its own, so that no signature is ever also a seal.
        let root = hmac::Key::new(hmac::HMAC_SHA256, key.der());
        let derived = hmac::sign(&root, b"greenroom authority: seal of records, 1");
        let seal = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Ok(Authority { certificate, key, seal })
    }
}

/// Bytes of a seal.
const TAG_BYTES: usize = 32;

fn sealed_text(key: &str, content: &[u8]) -> Vec<u8> {
    let length = (key.len() as u64).to_be_bytes();
    [&length, key.as_bytes(), content].concat()
}

/// From a little before now, for slow clocks, to a second.
fn validity(now: UnixTime, until_s: u64) -> Validity {
    let from = now.as_secs().saturating_sub(limits::CLOCK_SKEW.as_secs());
    let second = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    Validity { from: second(from), until: second(until_s) }
}

fn params(validity: Validity, common_name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(Serial::draw()?.bytes()));
    params.not_before = (UNIX_EPOCH + Duration::from_secs(validity.from.as_secs())).into();
    params.not_after = (UNIX_EPOCH + Duration::from_secs(validity.until.as_secs())).into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn uri(uri: String) -> Result<SanType, Error> {
    let uri = uri.try_into().map_err(|error: rcgen::Error| Error::failed("naming", error))?;
    Ok(SanType::URI(uri))
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self.certificate.cluster();
        f.debug_struct("Authority").field("cluster", &cluster).finish_non_exhaustive()
    }
}
