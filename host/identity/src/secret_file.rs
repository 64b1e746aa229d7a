//! Files that only their owner may read.
//!
//! Everything is checked on what is open, not on a path that could mean
//! something else a moment later, and links are not followed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::{Error, hex, limits};

/// A folder that holds secret files.
pub(crate) struct Folder {
    path: PathBuf,
    open: OwnedFd,
}

/// Who besides its owner may do what with a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    /// Others may look into it, but not put files there: a data directory.
    OnlyWeWrite,
    /// Nobody else may do anything: it is made if there is none.
    Private,
}

/// Certificates and the key of the first, as text.
pub(crate) struct Pem<'a> {
    pub(crate) certificates: &'a [&'a CertificateDer<'a>],
    pub(crate) key: &'a [u8],
}

impl Folder {
    pub(crate) fn open(path: &Path, rule: Rule) -> Result<Folder, Error> {
        if rule == Rule::Private {
            match rustix::fs::mkdir(path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(Error::file(path, error, "make the folder above it")),
            }
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let open = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| Error::file(path, error, "it has to be a folder of ours"))?;
        let forbidden = match rule {
            Rule::OnlyWeWrite => Mode::WGRP | Mode::WOTH,
            Rule::Private => Mode::RWXG | Mode::RWXO,
        };
        let advice = match rule {
            Rule::OnlyWeWrite => "take it into your own possession and run chmod go-w on it",
            Rule::Private => "take it into your own possession and run chmod 700 on it",
        };
        check(path, &open, FileType::Directory, forbidden, advice)?;
        Ok(Folder { path: path.to_owned(), open })
    }

    /// The content of a file; none if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = self.path.join(name);
        // Opening must not wait for the other end of a pipe.
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::RDONLY;
        let open = match rustix::fs::openat(&self.open, name, flags, Mode::empty()) {
            Ok(open) => open,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(Error::file(&path, error, "it has to be a file of ours")),
        };
        let advice = "whoever read it knows the secret: replace it, or if nobody can have, \
                      take it into your own possession and run chmod 600 on it";
        check(&path, &open, FileType::RegularFile, Mode::RWXG | Mode::RWXO, advice)?;
        // Of full size at once: growing would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limits::SECRET_FILE_BYTES_MAX + 1));
        File::from(open)
            .take(limits::SECRET_FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::file(&path, error, "look at its disk"))?;
        if bytes.len() > limits::SECRET_FILE_BYTES_MAX {
            return Err(Error::file(&path, "it is too large", "put the right file there"));
        }
        Ok(Some(bytes))
    }

    /// Writes a file that is not there yet.
    pub(crate) fn create(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write(name, content, RenameFlags::NOREPLACE)
    }

    /// Writes a file, in place of what was there.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write(name, content, RenameFlags::empty())
    }

    /// Writes all of a file or nothing: beside it, to the disk, then renamed.
    fn write(&self, name: &str, content: &[u8], how: RenameFlags) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Error::failed("naming a file", error))?;
        let beside = format!(".{name}.{}", *hex::encode(&random));
        let written = self.write_beside(&beside, content).and_then(|()| {
            rustix::fs::renameat_with(&self.open, &beside, &self.open, name, how)?;
            rustix::fs::fsync(&self.open)?;
            Ok(())
        });
        written.map_err(|error| {
            // Gone already if only the last step failed.
            let _ = rustix::fs::unlinkat(&self.open, &beside, AtFlags::empty());
            let advice = match error.kind() {
                std::io::ErrorKind::AlreadyExists => "if it is not needed, take it away first",
                _ => "look at its disk and its folder",
            };
            Error::file(&path, error, advice)
        })
    }

    fn write_beside(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::WRONLY;
        let open = rustix::fs::openat(&self.open, name, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(open);
        file.write_all(content)?;
        file.sync_all()
    }
}

/// Refuses what is not of this kind, not this user's, or open to others.
fn check(
    path: &Path,
    open: &OwnedFd,
    kind: FileType,
    forbidden: Mode,
    advice: &'static str,
) -> Result<(), Error> {
    let stat = rustix::fs::fstat(open).map_err(|error| Error::file(path, error, advice))?;
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return Err(Error::file(path, "it is not what it should be", "take it away"));
    }
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us {
        let why = format!("it belongs to user {}, and this is user {us}", stat.st_uid);
        return Err(Error::file(path, why, advice));
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(forbidden) {
        let why = format!("others have access: its mode is {:03o}", mode.bits() & 0o777);
        return Err(Error::file(path, why, advice));
    }
    Ok(())
}

impl Pem<'_> {
    pub(crate) fn to_text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(Vec::with_capacity(limits::SECRET_FILE_BYTES_MAX));
        for certificate in self.certificates {
            section(&mut text, "CERTIFICATE", certificate);
        }
        section(&mut text, "PRIVATE KEY", self.key);
        text
    }

    /// Exactly so many certificates, then one key, and nothing else.
    pub(crate) fn from_text<const N: usize>(
        text: &[u8],
    ) -> Option<([CertificateDer<'static>; N], Zeroizing<Vec<u8>>)> {
        let (mut certificates, mut key) = (Vec::new(), None);
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
            match section.ok()? {
                (SectionKind::Certificate, der) if key.is_none() => {
                    certificates.push(CertificateDer::from(der));
                }
                (SectionKind::PrivateKey, der) if key.is_none() => key = Some(Zeroizing::new(der)),
                _ => return None,
            }
        }
        Some((certificates.try_into().ok()?, key?))
    }
}

fn section(text: &mut Vec<u8>, label: &str, der: &[u8]) {
    text.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in Zeroizing::new(STANDARD.encode(der)).as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
}
