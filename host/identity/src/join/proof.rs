//! What a joiner signs.

use std::fmt;

use rustls::ConnectionCommon;
use sha2::{Digest, Sha256};

use crate::{CaHash, Error, Name, TokenId};

/// 32 bytes that both ends of one TLS connection know, and no other
/// connection has (a TLS exporter, RFC 8446 section 7.5).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Binding([u8; 32]);

impl Binding {
    /// Of a connection whose handshake is done.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is not.
    pub fn of<Data>(connection: &ConnectionCommon<Data>) -> Result<Binding, Error> {
        connection
            .export_keying_material([0; 32], b"EXPORTER-greenroom-join", None)
            .map(Binding)
            .map_err(|error| Error::failed("binding a message to its connection", error))
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

/// The text that the token's secret signs. Every part has a length that is
/// fixed or said before it, so that no two requests have one text.
pub(super) fn text(
    ca: CaHash,
    binding: &Binding,
    protocol: u32,
    token: TokenId,
    name: &Name,
    csr: &[u8],
) -> Vec<u8> {
    let length = (name.as_str().len() as u64).to_be_bytes();
    let csr: [u8; 32] = Sha256::digest(csr).into();
    let parts: [&[u8]; 8] = [
        b"greenroom join, 1\0",
        ca.bytes(),
        &binding.0,
        &protocol.to_be_bytes(),
        token.bytes(),
        &length,
        name.as_str().as_bytes(),
        &csr,
    ];
    parts.concat()
}
