//! The packages that clients gave to this node: files by their hash, loaded
//! when they are first asked for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use host_core::{PackageId, limits as core_limits};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;

use super::limits;
use crate::node::Node;
use crate::sandbox::{LoadError, Package};

/// What a file that is not complete ends with.
const PART: &str = ".part";

/// The folder of packages, and the right to add to it.
pub(super) struct Packages {
    node: Node,
    folder: PathBuf,
    uploads: Semaphore,
}

/// A package on its way into the folder. Dropped before its end, it leaves
/// nothing.
pub(super) struct Upload<'a> {
    packages: &'a Packages,
    id: PackageId,
    size: u64,
    file: NamedTempFile,
    writer: tokio::fs::File,
    hash: Sha256,
    came: u64,
    _place: tokio::sync::SemaphorePermit<'a>,
}

impl Packages {
    /// Opens the folder, and makes it if need be. What a host that was killed
    /// left half written goes.
    pub(super) fn open(node: Node, folder: PathBuf) -> io::Result<Packages> {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(PART) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(Packages { node, folder, uploads: Semaphore::new(limits::UPLOADS) })
    }

    fn file(&self, id: PackageId) -> PathBuf {
        self.folder.join(format!("{id}.wasm"))
    }

    /// A package that the node has, ready to run; none if it has not.
    pub(super) async fn find(&self, id: PackageId) -> Result<Option<Arc<Package>>, Status> {
        if let Some(package) = self.node.package(id) {
            return Ok(Some(package));
        }
        let path = self.file(id);
        if !path.exists() {
            return Ok(None);
        }
        let _place = self.place()?;
        let bytes = tokio::fs::read(&path).await.map_err(|error| damaged(&path, &error))?;
        if Package::id_of(&bytes) != id {
            // Nobody asks for it by another name: it can only be uploaded anew.
            tracing::warn!(file = %path.display(), "a package file was changed, and is removed");
            tokio::fs::remove_file(&path).await.map_err(|error| damaged(&path, &error))?;
            return Ok(None);
        }
        self.load(bytes).await.map(Some)
    }

    /// Begins to take a package.
    pub(super) fn begin(&self, id: PackageId, size: u64) -> Result<Upload<'_>, Status> {
        if size > core_limits::PACKAGE_BYTES {
            return Err(Status::invalid_argument(LoadError::TooLarge(size).to_string()));
        }
        let place = self.place()?;
        let kept =
            std::fs::read_dir(&self.folder).map_err(|error| damaged(&self.folder, &error))?;
        if kept.count() >= limits::PACKAGES || self.node.package_count() >= limits::PACKAGES {
            return Err(Status::resource_exhausted(format!(
                "this node has {} packages, the most there may be; remove files that are not \
                 needed from {} and start it anew",
                limits::PACKAGES,
                self.folder.display()
            )));
        }
        let file =
            tempfile::Builder::new().prefix("upload-").suffix(PART).tempfile_in(&self.folder);
        let file = file.map_err(|error| damaged(&self.folder, &error))?;
        let writer = file.reopen().map_err(|error| damaged(file.path(), &error))?;
        let writer = tokio::fs::File::from_std(writer);
        let hash = Sha256::new();
        Ok(Upload { packages: self, id, size, file, writer, hash, came: 0, _place: place })
    }

    fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Status> {
        self.uploads.try_acquire().map_err(|_| {
            let why = format!("{} packages are being taken already; try again", limits::UPLOADS);
            Status::resource_exhausted(why)
        })
    }

    async fn load(&self, bytes: Vec<u8>) -> Result<Arc<Package>, Status> {
        match timeout(limits::LOAD_TIME, self.node.load(bytes)).await {
            Ok(Ok(package)) => Ok(package),
            Ok(Err(error)) => Err(Status::invalid_argument(error.to_string())),
            Err(_) => Err(Status::deadline_exceeded(format!(
                "the package was not compiled within {:?}",
                limits::LOAD_TIME
            ))),
        }
    }
}

impl Upload<'_> {
    /// Takes the next bytes.
    pub(super) async fn write(&mut self, bytes: &Bytes) -> Result<(), Status> {
        self.came += bytes.len() as u64;
        if self.came > self.size {
            let why = format!("more than the {} bytes came that were announced", self.size);
            return Err(Status::invalid_argument(why));
        }
        self.hash.update(bytes);
        let written = self.writer.write_all(bytes).await;
        written.map_err(|error| damaged(self.file.path(), &error))
    }

    /// All of it came: checks it, loads it and keeps it.
    pub(super) async fn finish(mut self) -> Result<Arc<Package>, Status> {
        let path = self.file.path().to_owned();
        self.writer.flush().await.map_err(|error| damaged(&path, &error))?;
        if self.came < self.size {
            let why = format!("only {} of {} bytes came", self.came, self.size);
            return Err(Status::invalid_argument(why));
        }
        let found = PackageId(self.hash.finalize().into());
        if found != self.id {
            let why = format!("the file's hash is {found}, and {} was announced", self.id);
            return Err(Status::invalid_argument(why));
        }
        let bytes = tokio::fs::read(&path).await.map_err(|error| damaged(&path, &error))?;
        // Kept only if it can run: else the folder fills with what cannot.
        let package = self.packages.load(bytes).await?;
        let target = self.packages.file(self.id);
        self.file.persist(&target).map_err(|error| damaged(&target, &error.error))?;
        Ok(package)
    }
}

fn damaged(path: &Path, error: &io::Error) -> Status {
    let why =
        format!("{}: {error}; look at the disk of this node's data directory", path.display());
    Status::unavailable(why)
}
