//! `--dir PATH[:ro][=GUESTPATH]`.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Error;

/// What a guest may do in a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Access {
    /// List it and read what is in it.
    ReadOnly,
    /// Also create, change and remove.
    ReadWrite,
}

/// A folder, with all that is below it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DirGrant {
    /// Where it is on the host.
    pub path: PathBuf,
    /// What it is called inside the guest; normalised, without `..`.
    pub guest_path: String,
    /// What the guest may do in it.
    pub access: Access,
}

impl FromStr for DirGrant {
    type Err = Error;

    /// Reads `PATH[:ro][=GUESTPATH]`. The last `=` and the last `:` count, so
    /// that a path may hold them; for a path that ends in `:something`, add
    /// `:rw`.
    fn from_str(given: &str) -> Result<DirGrant, Error> {
        let refuse = |reason: String| Error::Dir { given: given.into(), reason };
        let (host, guest) = match given.rsplit_once('=') {
            Some((host, guest)) => (host, Some(guest)),
            None => (given, None),
        };
        let (path, access) = match host.rsplit_once(':') {
            Some((path, "ro")) => (path, Access::ReadOnly),
            Some((path, "rw")) => (path, Access::ReadWrite),
            Some((_, other)) if !other.contains('/') => {
                return Err(refuse(format!("{other:?} is not an access; it is ro or rw")));
            }
            Some(_) | None => (host, Access::ReadWrite),
        };
        if path.is_empty() {
            return Err(refuse("the path is empty".into()));
        }
        if guest == Some("") {
            return Err(refuse("the guest path is empty".into()));
        }
        let guest_path = normal(guest.unwrap_or(path)).map_err(|reason| {
            let hint = if guest.is_none() { "; name it for the guest with =GUESTPATH" } else { "" };
            refuse(format!("{reason}{hint}"))
        })?;
        Ok(DirGrant { path: path.into(), guest_path, access })
    }
}

/// `path` without empty and `.` parts. Refuses `..`, which a guest's libc
/// takes as text, so that such a name would match only by luck.
fn normal(path: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(format!("{path:?} holds .., which means nothing inside the guest")),
            part if part.contains(char::is_control) => {
                return Err(format!("{path:?} holds a control character"));
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    Ok(match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, path: &str, guest_path: &str, access: Access) {
        let grant = given.parse::<DirGrant>().unwrap();
        let expected = DirGrant { path: path.into(), guest_path: guest_path.into(), access };
        assert_eq!(grant, expected, "{given}");
    }

    #[test]
    fn a_folder_is_writable_and_keeps_its_name_unless_told_otherwise() {
        check("data", "data", "data", Access::ReadWrite);
        check("/srv/data", "/srv/data", "/srv/data", Access::ReadWrite);
        check("data:ro", "data", "data", Access::ReadOnly);
        check("data:rw", "data", "data", Access::ReadWrite);
        check("data=/in", "data", "/in", Access::ReadWrite);
        check("../data:ro=/in", "../data", "/in", Access::ReadOnly);
        check(".", ".", ".", Access::ReadWrite);
        check("/", "/", "/", Access::ReadWrite);
    }

    #[test]
    fn guest_paths_are_normalised() {
        check("./data//x/", "./data//x/", "data/x", Access::ReadWrite);
        check("x=/a/./b/", "x", "/a/b", Access::ReadWrite);
        check("x=.", "x", ".", Access::ReadWrite);
    }

    #[test]
    fn paths_may_hold_the_separators() {
        check("a=b=/in", "a=b", "/in", Access::ReadWrite);
        check("a:b:rw", "a:b", "a:b", Access::ReadWrite);
        check("a:b/c", "a:b/c", "a:b/c", Access::ReadWrite);
    }

    #[test]
    fn a_refused_folder_says_what_is_wrong_and_shows_the_form() {
        let refused = [
            ("", "the path is empty"),
            (":ro", "the path is empty"),
            ("=/in", "the path is empty"),
            ("data=", "the guest path is empty"),
            ("data:r0", "\"r0\" is not an access"),
            ("../data", "name it for the guest with =GUESTPATH"),
            ("data=/a/../b", "holds .."),
            ("data=/a\nb", "control character"),
        ];
        for (given, reason) in refused {
            let message = given.parse::<DirGrant>().unwrap_err().to_string();
            assert!(message.contains(reason), "{given}: {message}");
            assert!(message.contains("PATH[:ro][=GUESTPATH]"), "{given}: {message}");
        }
    }
}
