//! The file that says of which cluster a folder's owner is a member.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use host_core::ClusterId;
use serde::{Deserialize, Serialize};

use crate::{Error, limits};

/// The file's name. It holds no secret.
const FILE: &str = "member.toml";

/// What to do about a file that is not right.
const ADVICE: &str = "take it away and join again with a token";

/// Of which cluster the owner of a folder is a member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    /// The cluster.
    pub cluster: ClusterId,
    /// The address of the host that has the authority; none if that is the
    /// owner of the folder.
    pub authority: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Form {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
}

impl Membership {
    /// Reads it from a folder; none if its owner is a member of nothing yet:
    /// it has to found a cluster, or to join one.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or is damaged.
    pub fn load(folder: &Path) -> Result<Option<Membership>, Error> {
        let path = folder.join(FILE);
        let wrong = |why: &dyn ToString| Error::file(&path, why.to_string(), ADVICE);
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => file
                .take(limits::MEMBER_FILE_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| wrong(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&error)),
        };
        let form: Form = toml::from_str(&text).map_err(|error| wrong(&error.message()))?;
        let cluster = form.cluster.parse().map_err(|_| wrong(&"it names no cluster"))?;
        Ok(Some(Membership { cluster, authority: form.authority }))
    }

    /// Writes it into a folder, at once or not at all.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), Error> {
        let form = Form { cluster: self.cluster.to_string(), authority: self.authority.clone() };
        let text = toml::to_string(&form).map_err(|error| Error::failed("writing TOML", error))?;
        let path = folder.join(FILE);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| Error::file(&path, error, "look at its disk and its folder"))
    }
}

/// Makes a folder for its owner alone, and those above it, if need be.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Error::file(folder, error, "choose a folder of your own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_comes_back_and_a_damaged_file_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Membership::load(folder.path()).unwrap(), None);
        for authority in [None, Some("a:1".to_owned())] {
            let membership = Membership { cluster: ClusterId::from_bytes([7; 16]), authority };
            membership.save(folder.path()).unwrap();
            assert_eq!(Membership::load(folder.path()).unwrap(), Some(membership));
        }
        for damage in ["", "cluster = 'x'", "cluster = 7", "\0"] {
            fs::write(folder.path().join(FILE), damage).unwrap();
            let error = Membership::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("join again"), "{error}");
        }
    }
}
