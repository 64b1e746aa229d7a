//! Keys of certificates: ECDSA over P-256, the one kind that everything which
//! speaks TLS has, dashboards in browsers included.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SubjectPublicKeyInfo,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use zeroize::Zeroize;

use crate::secret_file::{Folder, Pem, Rule};
use crate::{Error, error, hex, limits};

/// A key of ours. Wiped when dropped.
pub struct PrivateKey(KeyPair);

/// A key of somebody's, who proved that its private half is theirs.
#[derive(Clone)]
pub struct PublicKey {
    spki: SubjectPublicKeyInfo,
    hash: KeyHash,
}

/// The SHA-256 of a public key in its X.509 form.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct KeyHash([u8; 32]);

impl PrivateKey {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Failed`] if the system gives no randomness.
    pub fn draw() -> Result<PrivateKey, Error> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        pair.map(PrivateKey).map_err(|error| Error::failed("drawing a key", error))
    }

    /// The key in an owner-only file of a folder; a new one is drawn and
    /// written there if there is none. For a joiner, who needs the same key
    /// again if an answer is lost.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged or others can read it.
    pub fn load_or_draw(folder: &Path, file: &str) -> Result<PrivateKey, Error> {
        let open = Folder::open(folder, Rule::OnlyWeWrite)?;
        if let Some(text) = open.read(file)? {
            let damaged = || {
                let advice = "take it away, which makes a new key";
                Error::file(&folder.join(file), "it is damaged", advice)
            };
            let ([], der) = Pem::from_text(&text).ok_or_else(damaged)?;
            return PrivateKey::from_der(&der).map_err(|_| damaged());
        }
        let key = PrivateKey::draw()?;
        open.create(file, &Pem { certificates: &[], key: key.der() }.to_text())?;
        Ok(key)
    }

    /// The request for a certificate: the public key, signed by the private
    /// one, and nothing else that anybody would look at.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be signed.
    pub fn request(&self) -> Result<Bytes, Error> {
        let request = CertificateParams::default().serialize_request(&self.0);
        let request = request.map_err(|error| Error::failed("signing a request", error))?;
        Ok(Bytes::copy_from_slice(request.der()))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let spki = self.0.subject_public_key_info();
        let hash = KeyHash::of(&spki);
        let spki = SubjectPublicKeyInfo::from_der(&spki).expect("a key of ours is well-formed");
        PublicKey { spki, hash }
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<PrivateKey, Error> {
        let der = PrivatePkcs8KeyDer::from(der);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256);
        // What the library says is not passed on: it is about a secret.
        pair.map(PrivateKey).map_err(|_| Error::malformed("a private key", "not one of P-256"))
    }

    /// Its form in files: PKCS #8.
    pub(crate) fn der(&self) -> &[u8] {
        self.0.serialized_der()
    }

    /// The form that TLS takes, which is wiped by its owner.
    pub(crate) fn to_tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.der().to_vec()))
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public().hash)
    }
}

impl PublicKey {
    /// Reads a request for a certificate (PKCS #10). Only the key counts; the
    /// names and extensions that a request can ask for are not looked at.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is none, has a key of another kind, or was
    /// not signed with the key's private half; [`Error::TooLarge`].
    pub fn from_request(der: &[u8]) -> Result<PublicKey, Error> {
        const WHAT: &str = "a request for a certificate";
        error::bounded("the bytes of a request", der.len(), limits::CERTIFICATE_BYTES_MAX)?;
        let (rest, request) = X509CertificationRequest::from_der(der)
            .map_err(|_| Error::malformed(WHAT, "not PKCS #10"))?;
        if !rest.is_empty() {
            return Err(Error::malformed(WHAT, "something follows it"));
        }
        let spki = request.certification_request_info.subject_pki.raw;
        let key = PublicKey::from_spki(spki).map_err(|why| Error::malformed(WHAT, why))?;
        request
            .verify_signature()
            .map_err(|_| Error::malformed(WHAT, "not signed with its own key"))?;
        Ok(key)
    }

    /// Its hash.
    pub fn hash(&self) -> KeyHash {
        self.hash
    }

    pub(crate) fn spki(&self) -> &SubjectPublicKeyInfo {
        &self.spki
    }

    fn from_spki(der: &[u8]) -> Result<PublicKey, &'static str> {
        const UNCOMPRESSED: u8 = 4;
        let spki = SubjectPublicKeyInfo::from_der(der).map_err(|_| "its key is malformed")?;
        let point = spki.der_bytes();
        let form = point.len() == 65 && point[0] == UNCOMPRESSED;
        if spki.algorithm() != &PKCS_ECDSA_P256_SHA256 || !form {
            return Err("its key is not an uncompressed one of P-256");
        }
        Ok(PublicKey { hash: KeyHash::of(&spki.subject_public_key_info()), spki })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hash)
    }
}

impl KeyHash {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> KeyHash {
        KeyHash(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of a key in its X.509 form.
    pub(crate) fn of(spki: &[u8]) -> KeyHash {
        KeyHash(Sha256::digest(spki).into())
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
