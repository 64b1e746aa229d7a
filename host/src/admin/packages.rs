//! The packages that clients gave to this node: files by their hash, loaded
//! when they are first asked for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use host_core::resources::format_bytes;
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
        let path = self.file(id);
        let is_kept = touch(&path);
        if let Some(package) = self.node.package(id) {
            return Ok(Some(package));
        }
        if !is_kept {
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
        self.make_room(size).map_err(|error| damaged(&self.folder, &error))?;
        let file =
            tempfile::Builder::new().prefix("upload-").suffix(PART).tempfile_in(&self.folder);
        let file = file.map_err(|error| damaged(&self.folder, &error))?;
        let writer = file.reopen().map_err(|error| damaged(file.path(), &error))?;
        let writer = tokio::fs::File::from_std(writer);
        let hash = Sha256::new();
        Ok(Upload { packages: self, id, size, file, writer, hash, came: 0, _place: place })
    }

    /// Removes packages that nobody uses, until there is room for one more of
    /// this size: those that were not asked for longest. Uploads under way
    /// come on top.
    fn make_room(&self, size: u64) -> io::Result<()> {
        let kept = self.kept()?;
        let in_use = |id: PackageId| self.node.is_package_used(id);
        for id in superfluous(kept, size, in_use).ok_or_else(|| self.full())? {
            tracing::info!(package = %id, "a package that nobody uses is removed");
            std::fs::remove_file(self.file(id))?;
            self.node.unload(id);
        }
        if self.node.package_count() >= limits::PACKAGES {
            // They are on disk, or other nodes have them.
            self.node.packages().iter().for_each(|package| self.node.unload(package.code.id));
        }
        match self.node.package_count() >= limits::PACKAGES {
            true => Err(self.full()),
            false => Ok(()),
        }
    }

    fn full(&self) -> io::Error {
        let why = format!(
            "actors use {} packages, the most there may be, or {} of them on disk",
            limits::PACKAGES,
            format_bytes(core_limits::PACKAGES_BYTES)
        );
        io::Error::new(io::ErrorKind::QuotaExceeded, why)
    }

    /// The packages in the folder.
    fn kept(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let id = name.strip_suffix(".wasm").and_then(PackageId::parse);
            if let Some(id) = id {
                let meta = entry.metadata()?;
                kept.push(Kept { id, bytes: meta.len(), used: meta.modified()? });
            }
        }
        Ok(kept)
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

/// A package in the folder.
#[derive(Clone, Copy, Debug)]
struct Kept {
    id: PackageId,
    bytes: u64,
    /// When it was last asked for.
    used: SystemTime,
}

/// Which packages have to go for one more of this size, oldest first; none if
/// too many are in use.
fn superfluous(
    mut kept: Vec<Kept>,
    size: u64,
    in_use: impl Fn(PackageId) -> bool,
) -> Option<Vec<PackageId>> {
    kept.sort_unstable_by_key(|kept| (kept.used, kept.id));
    let (mut count, mut bytes) = (kept.len(), kept.iter().map(|kept| kept.bytes).sum::<u64>());
    let mut going = Vec::new();
    let mut rest = kept.into_iter();
    while count >= limits::PACKAGES || bytes.saturating_add(size) > core_limits::PACKAGES_BYTES {
        let next = rest.by_ref().find(|kept| !in_use(kept.id))?;
        going.push(next.id);
        count -= 1;
        bytes -= next.bytes;
    }
    Some(going)
}

/// Notes that a file was asked for; whether it is there.
fn touch(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    if let Err(error) = file.set_modified(SystemTime::now()) {
        // It only goes earlier than it should.
        tracing::debug!(file = %path.display(), %error, "a package's time of use is not kept");
    }
    true
}

fn damaged(path: &Path, error: &io::Error) -> Status {
    let why =
        format!("{}: {error}; look at the disk of this node's data directory", path.display());
    Status::unavailable(why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn kept(count: u8, bytes: u64) -> Vec<Kept> {
        // The highest number was asked for longest ago.
        let used = |n: u8| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(u8::MAX - n));
        (0..count).map(|n| Kept { id: PackageId([n; 32]), bytes, used: used(n) }).collect()
    }

    fn going(kept: Vec<Kept>, size: u64, in_use: &[u8]) -> Option<Vec<u8>> {
        let in_use = |id: PackageId| in_use.contains(&id.0[0]);
        superfluous(kept, size, in_use).map(|ids| ids.iter().map(|id| id.0[0]).collect())
    }

    #[test]
    fn what_was_not_asked_for_longest_goes_first_and_only_if_it_has_to() {
        let quarter = core_limits::PACKAGES_BYTES / 4;
        assert_eq!(going(kept(3, quarter), quarter, &[]), Some(vec![]));
        assert_eq!(going(kept(4, quarter), 1, &[]), Some(vec![3]));
        assert_eq!(going(kept(4, quarter), quarter + 1, &[]), Some(vec![3, 2]));
    }

    #[test]
    fn what_is_in_use_stays() {
        let quarter = core_limits::PACKAGES_BYTES / 4;
        assert_eq!(going(kept(4, quarter), 1, &[3, 1]), Some(vec![2]));
        assert_eq!(going(kept(4, quarter), 1, &[0, 1, 2, 3]), None);
    }
}
