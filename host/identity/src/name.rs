//! The names that certificates carry.

use std::fmt;
use std::str::FromStr;

use host_core::ClusterId;

use crate::{Error, Role, hex, limits};

/// What the URIs in certificates begin with.
const SCHEME: &str = "greenroom://";

/// The name of a node or a client: 1 to
/// [`NAME_CHARS_MAX`](limits::NAME_CHARS_MAX) of `a-z`, `A-Z`, `0-9`, `.`, `_`
/// and `-`, the first a letter or digit. So a name needs no escape in a
/// certificate, a key of the control store, a path or a log line.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(String);

/// Whom a certificate is for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Subject {
    /// A node of the cluster.
    Node {
        /// Its name.
        name: Name,
    },
    /// A client of the cluster.
    Client {
        /// Its name.
        name: Name,
        /// What it may do.
        role: Role,
    },
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Name, Error> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !first || !text.bytes().all(inner) || text.len() > limits::NAME_CHARS_MAX {
            let why = "1 to 63 letters, digits, dots, underscores and hyphens, \
                       beginning with a letter or digit";
            return Err(Error::malformed("a name", why));
        }
        Ok(Name(text.to_owned()))
    }
}

impl Subject {
    /// Its name.
    pub fn name(&self) -> &Name {
        match self {
            Subject::Node { name } | Subject::Client { name, role: _ } => name,
        }
    }

    /// The URI in the certificates of this subject; it cannot be confused with
    /// that of an authority, which ends with the cluster.
    pub(crate) fn uri(&self, cluster: ClusterId) -> String {
        format!("{SCHEME}{cluster}/{self}")
    }

    /// Reads what [`uri`](Subject::uri) wrote, and only that.
    pub(crate) fn from_uri(uri: &str) -> Option<(ClusterId, Subject)> {
        let (cluster, path) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let subject: Subject = path.parse().ok()?;
        let cluster = ClusterId::from_bytes(hex::decode(cluster)?);
        // One subject has one URI: no upper-case digits.
        (subject.uri(cluster) == uri).then_some((cluster, subject))
    }
}

/// The URI in the certificate of a cluster's authority.
pub(crate) fn ca_uri(cluster: ClusterId) -> String {
    format!("{SCHEME}{cluster}")
}

/// Reads what [`ca_uri`] wrote, and only that.
pub(crate) fn cluster_of_ca(uri: &str) -> Option<ClusterId> {
    let cluster = ClusterId::from_bytes(hex::decode(uri.strip_prefix(SCHEME)?)?);
    (ca_uri(cluster) == uri).then_some(cluster)
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Node { name } => write!(f, "node/{name}"),
            Subject::Client { name, role } => write!(f, "client/{role}/{name}"),
        }
    }
}

/// Reads what is displayed: `node/NAME` or `client/ROLE/NAME`.
impl FromStr for Subject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Subject, Error> {
        match *text.split('/').collect::<Vec<_>>() {
            ["node", name] => Ok(Subject::Node { name: name.parse()? }),
            ["client", role, name] => {
                Ok(Subject::Client { role: role.parse()?, name: name.parse()? })
            }
            _ => Err(Error::malformed("an identity", "node/NAME or client/ROLE/NAME")),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_read_back_and_nothing_else_does() {
        let cluster = ClusterId::from_bytes([7; 16]);
        let name: Name = "a.b-1".parse().unwrap();
        for subject in [
            Subject::Node { name: name.clone() },
            Subject::Client { name: name.clone(), role: Role::Run },
        ] {
            let uri = subject.uri(cluster);
            assert_eq!(Subject::from_uri(&uri), Some((cluster, subject)));
            assert_eq!(cluster_of_ca(&uri), None);
            for other in [uri.to_uppercase(), format!("{uri}/"), format!("{uri}/x")] {
                assert_eq!(Subject::from_uri(&other), None, "{other}");
            }
        }
        assert_eq!(cluster_of_ca(&ca_uri(cluster)), Some(cluster));
        assert_eq!(Subject::from_uri(&ca_uri(cluster)), None);
    }

    #[test]
    fn names_need_no_escape_anywhere() {
        let long = "n".repeat(64);
        for bad in ["", "-a", ".", "..", "a/b", "a b", "é", "a\0", "a\n", "%41", &long] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for good in ["a", "Node-1", "db.example.org", &long[1..]] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
    }
}
