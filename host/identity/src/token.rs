//! Join tokens: what an operator gives to a machine or a person.
//!
//! A token is one line: `GR1`, the SHA-256 of the authority's certificate,
//! `::`, the token's id, `:`, and its secret, all in hexadecimal digits (k3s
//! has the same form). The hash lets its owner know the cluster before it
//! proves anything to it.
//!
//! The secret is the seed of an Ed25519 key. The cluster keeps only the public
//! half, and the owner proves that it has the secret by a signature
//! ([`join`](crate::join)): whoever reads the records cannot join, and neither
//! can a node that somebody joined through. 256 random bits need no slow hash.
//!
//! # Where a token should come from
//! Other users see the arguments of a process. A command should take the token
//! from a file or the environment as well, and say so in its help; after
//! joining nobody needs it any more.

mod text;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::UnixTime;
use sha2::{Digest, Sha256};

pub use self::text::{JoinToken, TokenTextError};
use crate::join::Refused;
use crate::record::{self, Sealed};
use crate::secret::Secret;
use crate::{Authority, Change, Error, KeyHash, Name, Role, Stored, error, hex, limits};

/// The name of a token, which is no secret.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId([u8; 8]);

/// A token as the cluster keeps it: without its secret, so that it can be
/// listed and printed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it buys.
    pub kind: Kind,
    /// How often.
    pub uses: Uses,
    /// If there, whoever joins with it has this name.
    pub name: Option<Name>,
    /// What its maker wrote on it.
    pub note: String,
    /// When it was made.
    pub created: UnixTime,
    /// The last second in which it counts.
    pub expires: UnixTime,
    /// When it was revoked, if it was.
    pub revoked: Option<UnixTime>,
    /// How often it was used.
    pub used: u32,
    /// The key that was last let in with it.
    pub last: Option<KeyHash>,
    /// The public half of its secret.
    pub(crate) verifier: [u8; 32],
}

/// What a token buys.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A node's certificate.
    Node,
    /// A client's, with this role.
    Client(Role),
}

/// How often a token can be used.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Uses {
    /// By one key. The same key, under the same name, may ask again until the
    /// token expires: an answer may have been lost on its way.
    Once,
    /// By any number, until it expires or is revoked.
    Many,
}

/// What a token should be.
#[derive(Clone, Debug)]
pub struct Order {
    /// What it buys.
    pub kind: Kind,
    /// How often.
    pub uses: Uses,
    /// If there, whoever joins with it has this name.
    pub name: Option<Name>,
    /// How long it counts, up to
    /// [`TOKEN_LIFETIME_MAX`](limits::TOKEN_LIFETIME_MAX).
    pub lifetime: Duration,
    /// For people: up to [`NOTE_BYTES_MAX`](limits::NOTE_BYTES_MAX) bytes.
    pub note: String,
}

impl Token {
    /// Makes a token. Its text is in the first part of the answer, and nowhere
    /// else; it counts once the change is written.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a lifetime or a note past its bound;
    /// [`Error::Failed`] if the system gives no randomness.
    pub fn issue(
        authority: &Authority,
        order: Order,
        now: UnixTime,
    ) -> Result<(JoinToken, Token, Change), Error> {
        let Order { kind, uses, name, lifetime, note } = order;
        let most = limits::TOKEN_LIFETIME_MAX.as_secs() as usize;
        error::bounded("the seconds of a token", lifetime.as_secs() as usize, most)?;
        error::bounded("the bytes of a note", note.len(), limits::NOTE_BYTES_MAX)?;
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| Error::failed("drawing a token", error))?;
        let (id, secret) = (TokenId(id), Secret::draw()?);
        let token = Token {
            id,
            kind,
            uses,
            name,
            note,
            created: now,
            expires: UnixTime::since_unix_epoch(
                Duration::from_secs(now.as_secs()).saturating_add(lifetime),
            ),
            revoked: None,
            used: 0,
            last: None,
            verifier: verifier(&secret),
        };
        let change = Change::default()
            .compare::<Token>(token.key(), None)
            .put(token.key(), authority.seal(&token));
        Ok((JoinToken::new(authority.certificate().hash(), id, secret), token, change))
    }

    /// The change that revokes it. Whoever joined with it stays.
    pub fn revoke(authority: &Authority, token: &Stored<Token>, now: UnixTime) -> Change {
        let revoked = Token { revoked: Some(now), ..token.value().clone() };
        Change::default()
            .compare(revoked.key(), Some(token))
            .put(revoked.key(), authority.seal(&revoked))
    }

    /// The change that forgets it; none while it could still be used. To be
    /// done now and then to all tokens.
    pub fn prune(token: &Stored<Token>, now: UnixTime) -> Option<Change> {
        let key = token.value().key();
        let over = now > token.value().expires;
        over.then(|| Change::default().compare(key.clone(), Some(token)).delete(key))
    }

    /// Whether a text was signed by whoever has the secret.
    pub(crate) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.verifier).verify(text, signature).is_ok()
    }

    /// The token after it let in this key under this name; `known` if the
    /// enrolment of that name is this key's already.
    pub(crate) fn redeem(
        &self,
        name: &Name,
        key: KeyHash,
        known: Known,
        now: UnixTime,
    ) -> Result<Token, Refused> {
        if self.revoked.is_some() {
            return Err(Refused::TokenRevoked);
        }
        if now > self.expires {
            return Err(Refused::TokenExpired);
        }
        if self.name.as_ref().is_some_and(|only| only != name) {
            return Err(Refused::TokenForAnother);
        }
        let again = known == Known::ByThisToken && self.last == Some(key);
        if self.uses == Uses::Once && self.used > 0 && !again {
            return Err(Refused::TokenUsed);
        }
        Ok(Token { used: self.used.saturating_add(1), last: Some(key), ..self.clone() })
    }
}

/// Whether a name and key are in the cluster already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// They joined with the token in question.
    ByThisToken,
    /// They did not.
    No,
}

impl Sealed for Token {
    fn key(&self) -> String {
        record::token_key(self.id)
    }
}

/// The key that signs for a secret. The secret is not the seed itself, so that
/// a later use of it can have another key.
fn signer(secret: &Secret) -> Ed25519KeyPair {
    let mut hash = Sha256::new();
    hash.update(b"greenroom join token: signing key, 1");
    hash.update(secret.bytes());
    let seed = Secret::from_bytes(hash.finalize().into());
    Ed25519KeyPair::from_seed_unchecked(seed.bytes()).expect("any 32 bytes are a seed")
}

fn verifier(secret: &Secret) -> [u8; 32] {
    let signer = signer(secret);
    signer.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes")
}

impl TokenId {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> TokenId {
        TokenId(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl FromStr for TokenId {
    type Err = TokenTextError;

    fn from_str(text: &str) -> Result<TokenId, TokenTextError> {
        let part = "an id has 16 hexadecimal digits";
        hex::decode(text).map(TokenId).ok_or(TokenTextError::Damaged { part })
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
