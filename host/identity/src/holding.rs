//! A certificate together with its key.

use std::fmt;
use std::path::Path;

use rustls_pki_types::CertificateDer;

use crate::secret_file::{Folder, Pem, Rule};
use crate::{CaCertificate, Certificate, ClusterId, Error, PrivateKey};

/// What to do about a file that is not right.
const ADVICE: &str = "take it away and join again with a token";

/// A certificate of ours, with its key and the authority that signed it.
#[derive(Debug)]
pub struct Holding {
    ca: CaCertificate,
    certificate: Certificate,
    key: PrivateKey,
}

impl Holding {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Error::NotOurs`] if the certificate is for another key or of another
    /// cluster.
    pub fn new(
        ca: CaCertificate,
        certificate: Certificate,
        key: PrivateKey,
    ) -> Result<Holding, Error> {
        if certificate.key() != key.public().hash() {
            return Err(Error::NotOurs { why: "it is for another key" });
        }
        if certificate.cluster() != ca.cluster() {
            return Err(Error::NotOurs { why: "it is of another cluster" });
        }
        Ok(Holding { ca, certificate, key })
    }

    /// Writes all of it to an owner-only file, in place of the one before, at
    /// once or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, folder: &Path, file: &str) -> Result<(), Error> {
        let certificates = [self.certificate.der(), self.ca.der()];
        let pem = Pem { certificates: &certificates, key: self.key.der() };
        Folder::open(folder, Rule::OnlyWeWrite)?.replace(file, &pem.to_text())
    }

    /// Reads what [`save`](Holding::save) wrote; none if there is no file. An
    /// expired certificate is read as well: its key is needed to join again.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged, of another cluster, or others
    /// can read it; it says what to do.
    pub fn load(folder: &Path, file: &str, cluster: ClusterId) -> Result<Option<Holding>, Error> {
        let Some(text) = Folder::open(folder, Rule::OnlyWeWrite)?.read(file)? else {
            return Ok(None);
        };
        let path = folder.join(file);
        let wrong = |why: &dyn fmt::Display| Error::file(&path, why, ADVICE);
        let ([certificate, ca], key) = Pem::from_text(&text).ok_or_else(|| {
            wrong(&"it is damaged: it does not hold two certificates and one private key")
        })?;
        let ca = CaCertificate::from_der(&ca).map_err(|error| wrong(&error))?;
        if ca.cluster() != cluster {
            return Err(wrong(&format!("it is of cluster {}, not of {cluster}", ca.cluster())));
        }
        let certificate = Certificate::parse(&certificate).map_err(|error| wrong(&error))?;
        let key = PrivateKey::from_der(&key).map_err(|error| wrong(&error))?;
        Holding::new(ca, certificate, key).map(Some).map_err(|error| wrong(&error))
    }

    /// Gives the key back, to join again with it.
    pub fn into_key(self) -> PrivateKey {
        self.key
    }

    /// The authority.
    pub fn ca(&self) -> &CaCertificate {
        &self.ca
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// What is shown in a handshake: the authority's certificate too, since
    /// who joins knows only its hash.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone(), self.ca.der().clone()]
    }
}
