//! Which cluster a store belongs to.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A cluster's identity: drawn when its store is made, never used again.
///
/// A store that was wiped and filled anew has another, by which its clients
/// know it for a stranger, whatever address it has.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ClusterId([u8; 16]);

impl ClusterId {
    /// A new one, from the system's randomness.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system gives none.
    pub fn draw() -> Result<ClusterId, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Unavailable {
            why: format!("no randomness: {error}"),
            advice: "check that /dev/urandom can be read".into(),
        })?;
        Ok(ClusterId(bytes))
    }

    /// From its bytes, as [`bytes`](ClusterId::bytes) gives them.
    pub fn from_bytes(bytes: &[u8]) -> Option<ClusterId> {
        bytes.try_into().ok().map(ClusterId)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClusterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<ClusterId, Error> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number
            .map(|number| ClusterId(number.to_be_bytes()))
            .ok_or_else(|| Error::Invalid { why: "a cluster id has 32 hexadecimal digits".into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_an_id_reads_back() {
        let id = ClusterId::draw().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, ClusterId::draw().unwrap());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "12", "+0000000000000000000000000000001", &"é".repeat(16)] {
            assert!(text.parse::<ClusterId>().is_err(), "{text}");
        }
    }
}
