//! How the owner of a host is known on the same machine.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::secret_file::{Folder, Rule};
use crate::{Error, hex};

/// The file in the folder.
const FILE: &str = "local-token";

/// What these tokens begin with, so that nobody takes one for a join token.
const PREFIX: &str = "GRlocal-";

/// Whoever can read this token's file is the owner of the host, and may do
/// what an administrator may, over loopback.
///
/// Made anew each time a host starts. Tokens are compared in constant time
/// (`==`), and their text is only given by [`reveal`](LocalToken::reveal).
#[derive(Clone, Eq, PartialEq)]
pub struct LocalToken(Secret);

impl LocalToken {
    /// A new one, in place of what the folder has. The folder is made if need
    /// be, and is for its owner alone.
    ///
    /// # Errors
    /// [`Error::File`] if others have access to the folder.
    pub fn create(folder: &Path) -> Result<LocalToken, Error> {
        let token = LocalToken(Secret::draw()?);
        let text = Zeroizing::new(format!("{}\n", *token.reveal()));
        Folder::open(folder, Rule::Private)?.replace(FILE, text.as_bytes())?;
        Ok(token)
    }

    /// The one in a folder; none if no host has made one.
    ///
    /// # Errors
    /// [`Error::File`] if others have access to the folder or the file, either
    /// is not this user's, or the file holds something else.
    pub fn load(folder: &Path) -> Result<Option<LocalToken>, Error> {
        if !folder.exists() {
            return Ok(None);
        }
        let Some(bytes) = Folder::open(folder, Rule::Private)?.read(FILE)? else {
            return Ok(None);
        };
        let token = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        let advice = "restart the host, which makes a new one";
        let damaged = || Error::file(&folder.join(FILE), "it is damaged", advice);
        token.map(Some).ok_or_else(damaged)
    }

    /// Its text, which a client sends over loopback and nowhere else.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", *hex::encode(self.0.bytes())))
    }
}

impl FromStr for LocalToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<LocalToken, Error> {
        let digits = text.trim_ascii().strip_prefix(PREFIX);
        let bytes = digits.and_then(hex::decode);
        let bytes =
            bytes.ok_or_else(|| Error::malformed("a local token", "it has another form"))?;
        Ok(LocalToken(Secret::from_bytes(bytes)))
    }
}

impl fmt::Debug for LocalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalToken")
    }
}
