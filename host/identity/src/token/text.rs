//! The text of a token, which has the secret.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::{TokenId, signer};
use crate::secret::Secret;
use crate::{CaHash, hex, limits};

/// What tokens begin with; another form gets another number.
const PREFIX: &str = "GR1";

/// A token as its owner has it. It is never printed by accident:
/// [`reveal`](JoinToken::reveal) gives its text.
#[derive(Clone, Eq, PartialEq)]
pub struct JoinToken {
    ca: CaHash,
    id: TokenId,
    secret: Secret,
}

/// Why a text is no token. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenTextError {
    /// There is nothing.
    #[error("the join token is empty")]
    Empty,
    /// It is something else, or of another version.
    #[error("this is no join token: it does not begin with {PREFIX}")]
    Prefix,
    /// A part is missing or has another form.
    #[error("the join token is damaged: {part}; was all of it copied?")]
    Damaged {
        /// Which part, and how it should be.
        part: &'static str,
    },
}

impl JoinToken {
    pub(super) fn new(ca: CaHash, id: TokenId, secret: Secret) -> JoinToken {
        JoinToken { ca, id, secret }
    }

    /// Its text: for its owner's eyes, once.
    pub fn reveal(&self) -> Zeroizing<String> {
        let secret = hex::encode(self.secret.bytes());
        Zeroizing::new(format!("{PREFIX}{}::{}:{}", self.ca, self.id, *secret))
    }

    /// The authority that it pins.
    pub fn ca(&self) -> CaHash {
        self.ca
    }

    /// Its id.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// Signs with the secret.
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let signature = signer(&self.secret).sign(text);
        signature.as_ref().try_into().expect("a signature of Ed25519 has 64 bytes")
    }
}

impl FromStr for JoinToken {
    type Err = TokenTextError;

    fn from_str(text: &str) -> Result<JoinToken, TokenTextError> {
        let damaged = |part| TokenTextError::Damaged { part };
        if text.len() > limits::TOKEN_TEXT_BYTES_MAX {
            return Err(damaged("it is too long"));
        }
        // A file ends with a line's end.
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(TokenTextError::Empty);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(TokenTextError::Prefix)?;
        let (ca, rest) = rest.split_once("::").ok_or_else(|| damaged("there is no ::"))?;
        let (id, secret) = rest.split_once(':').ok_or_else(|| damaged("there is no secret"))?;
        let ca = hex::decode(ca).ok_or_else(|| damaged("its first part has not 64 digits"))?;
        let id = hex::decode(id).ok_or_else(|| damaged("its id has not 16 digits"))?;
        let secret = hex::decode(secret).ok_or_else(|| damaged("its secret has not 64 digits"))?;
        let (ca, id) = (CaHash::from_bytes(ca), TokenId::from_bytes(id));
        Ok(JoinToken { ca, id, secret: Secret::from_bytes(secret) })
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({})", self.id)
    }
}
