//! Grants: what the operator allows a guest, as the command line says it.
//!
//! | option | form |
//! |---|---|
//! | `--dir` | `PATH[:ro][=GUESTPATH]` |
//! | `--net` | `HOST[:PORT]`, `CIDR[:PORT]` or `*[:PORT]` |
//! | `--env` | `NAME` or `NAME=VALUE` |
//!
//! Parsing touches nothing outside; [`Grants::check`] and
//! [`Profile::new`](crate::Profile::new) open folders and read values.

mod dir;
mod env;
mod net;

pub use dir::{Access, DirGrant};
pub use env::EnvGrant;
pub(crate) use net::normal_name;
pub use net::{NetGrant, Target};

use serde::{Deserialize, Serialize};

use crate::Profile;

/// Everything an operator allows a guest. The default is nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Places to connect to.
    pub net: Vec<NetGrant>,
    /// Environment variables.
    pub env: Vec<EnvGrant>,
}

/// Why a grant makes no sense, or cannot be given.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// `--dir` could not be read.
    #[error("--dir {given:?}: {reason}; the form is PATH[:ro][=GUESTPATH], such as data:ro=/data")]
    Dir {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `--net` could not be read.
    #[error(
        "--net {given:?}: {reason}; the forms are HOST[:PORT], CIDR[:PORT] and *, \
         such as example.org:443 or 10.0.0.0/8:5432"
    )]
    Net {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `--env` could not be read.
    #[error("--env {given:?}: {reason}; the forms are NAME and NAME=VALUE")]
    Env {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A granted folder cannot be opened.
    #[error("--dir {path}: {reason}")]
    Folder {
        /// The folder.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Two granted folders have one name inside the guest.
    #[error(
        "--dir {first} and --dir {second} are both {guest_path:?} to the guest; \
         give one another name, such as {second}=/other"
    )]
    SameGuestPath {
        /// One folder.
        first: String,
        /// The other.
        second: String,
        /// What both are to the guest.
        guest_path: String,
    },
    /// A granted variable has no value here.
    #[error("--env {name}: {reason}; set it, or give a value with --env {name}=VALUE")]
    NoValue {
        /// The variable.
        name: String,
        /// Why there is none.
        reason: String,
    },
}

impl Grants {
    /// Whether all of it can be given: every folder opens, every variable has
    /// a value.
    pub fn check(&self) -> Result<(), Error> {
        Profile::new(self.clone(), Vec::new()).map(drop)
    }

    /// Refuses two folders of one name inside the guest.
    pub(crate) fn check_guest_paths(&self) -> Result<(), Error> {
        for (index, second) in self.dirs.iter().enumerate() {
            let same = |first: &&DirGrant| first.guest_path == second.guest_path;
            if let Some(first) = self.dirs[..index].iter().find(same) {
                return Err(Error::SameGuestPath {
                    first: first.path.display().to_string(),
                    second: second.path.display().to_string(),
                    guest_path: second.guest_path.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(given: &[&str]) -> Grants {
        let dirs = given.iter().map(|dir| dir.parse().unwrap()).collect();
        Grants { dirs, ..Grants::default() }
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let given = format!("{}=/in", missing.display());
        let message = dirs(&[&given]).check().unwrap_err().to_string();
        assert!(message.contains(&missing.display().to_string()), "{message}");
    }

    #[test]
    fn a_file_is_not_a_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let given = format!("{}=/in", file.path().display());
        assert!(matches!(dirs(&[&given]).check(), Err(Error::Folder { .. })));
    }

    #[test]
    fn a_folder_that_is_there_is_granted() {
        let folder = tempfile::tempdir().unwrap();
        let given = format!("{}:ro=/in", folder.path().display());
        assert_eq!(dirs(&[&given]).check(), Ok(()));
    }

    #[test]
    fn two_folders_of_one_name_are_refused() {
        let message = dirs(&["a=/in", "b=/in/"]).check().unwrap_err().to_string();
        assert_eq!(
            message,
            "--dir a and --dir b are both \"/in\" to the guest; give one another name, \
             such as b=/other"
        );
    }
}
