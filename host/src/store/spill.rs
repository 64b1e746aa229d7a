//! Objects on disk.
//!
//! [`Spill`] owns a folder of this process alone and writes each object into
//! a file of its own. It never decides what goes there (that is
//! [`host_core::spill`]) and never gives back anything but the bytes it was
//! given: a file that changed is an error.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use host_core::ObjectId;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task;

/// Folders of this name hold spilled objects, one for each process.
const PREFIX: &str = "greenroom-spill-";

/// A folder on its way to that name, not locked yet.
const PREFIX_NEW: &str = ".greenroom-spill-new-";

/// The file in it that its process holds locked for as long as it lives. A
/// lock, unlike a process id, cannot be mistaken after a restart.
const LOCK: &str = "lock";

/// Why an object could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room on the disk.
    #[error("no room on disk to spill {id} ({bytes} bytes) to {}: {source}", folder.display())]
    Full {
        /// The object.
        id: ObjectId,
        /// Its size.
        bytes: u64,
        /// Where it was to go.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold what was written.
    #[error("spilled object {id} was changed on disk: {}", path.display())]
    Changed {
        /// The object.
        id: ObjectId,
        /// Its file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A folder for spilled objects. Clones share it; it goes when the last clone
/// and the last [`SpilledFile`] are dropped.
#[derive(Clone)]
pub struct Spill {
    shared: Arc<Shared>,
}

struct Shared {
    folder: TempDir,
    /// Makes file names unique, for an object may be spilled again while its
    /// former file is still being removed.
    files: AtomicU64,
    /// What is on disk now: files, and their bytes.
    present: AtomicU64,
    present_bytes: AtomicU64,
    /// Held until the process ends, however it ends.
    _lock: File,
}

/// An object's file; dropping it removes the file.
pub struct SpilledFile {
    /// The object.
    id: ObjectId,
    path: PathBuf,
    bytes: u64,
    /// Of the contents, as they were written.
    hash: [u8; 32],
    /// Keeps the folder.
    shared: Arc<Shared>,
}

impl Spill {
    /// Makes a folder under `parent`, which is created if need be, and removes
    /// those that dead processes left there.
    pub fn open(parent: &Path) -> Result<Spill, Error> {
        let failed =
            |source| Error::Io { action: "make a spill folder in", path: parent.into(), source };
        fs::create_dir_all(parent).map_err(failed)?;
        let (folder, lock) = create(parent).map_err(failed)?;
        // What cannot be removed now is left for the next start.
        let _ = remove_stale(parent, folder.path());
        let shared = Shared {
            folder,
            files: AtomicU64::new(0),
            present: AtomicU64::new(0),
            present_bytes: AtomicU64::new(0),
            _lock: lock,
        };
        Ok(Spill { shared: Arc::new(shared) })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.shared.folder.path()
    }

    /// Objects on disk now, how many bytes they take, and how many were ever
    /// written.
    pub fn totals(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Shared { present, present_bytes, files, .. } = &*self.shared;
        (read(present), read(present_bytes), read(files))
    }

    /// Writes an object. If the future is dropped, the file goes as soon as
    /// it is written.
    pub async fn write(&self, id: ObjectId, bytes: Bytes) -> Result<SpilledFile, Error> {
        let shared = self.shared.clone();
        on_blocking_thread(self.folder(), move || write(shared, id, &bytes)).await
    }

    /// Reads an object back: exactly what was written, or an error.
    pub async fn read(&self, file: &SpilledFile) -> Result<Vec<u8>, Error> {
        let (id, path) = (file.id, file.path.clone());
        let (bytes, hash) = (file.bytes, file.hash);
        on_blocking_thread(self.folder(), move || read(id, path, bytes, hash)).await
    }
}

impl SpilledFile {
    /// Whose bytes it holds.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// How many.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for SpilledFile {
    fn drop(&mut self) {
        self.shared.present.fetch_sub(1, Ordering::Relaxed);
        self.shared.present_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let (path, shared) = (std::mem::take(&mut self.path), self.shared.clone());
        let remove = move || {
            // It goes with the folder at the latest.
            let _ = fs::remove_file(path);
            drop(shared);
        };
        // Removing a large file takes the disk some milliseconds.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Does `work` where it may block. It runs to its end even if the future is
/// dropped.
async fn on_blocking_thread<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    task::spawn_blocking(work).await.unwrap_or_else(|stopped| {
        let source = io::Error::other(stopped);
        Err(Error::Io { action: "work in", path: folder.into(), source })
    })
}

/// Makes the folder of this process, with its lock held. It gets its name
/// only then, so that another process cannot take it for a dead one's.
fn create(parent: &Path) -> io::Result<(TempDir, File)> {
    let new = tempfile::Builder::new()
        .prefix(PREFIX_NEW)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    let lock = File::create_new(new.path().join(LOCK))?;
    lock.lock()?;
    let folder = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    // Takes the place of the empty folder that reserved the name.
    fs::rename(new.path(), folder.path())?;
    let _ = new.keep();
    Ok((folder, lock))
}

/// Removes the folders whose processes are dead. In a shared parent, such as
/// the system's, it touches only folders of the same user.
fn remove_stale(parent: &Path, own: &Path) -> io::Result<()> {
    let user = fs::metadata(own)?.uid();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let path = entry.path();
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let ours = entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user);
        if named && ours && path != own && is_dead(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

/// Whether nobody holds the lock of this folder.
fn is_dead(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Half removed by somebody who died, or just reserved by somebody
        // who lives: too little to tell, and next to nothing on disk.
        Err(_) => false,
    }
}

fn write(shared: Arc<Shared>, id: ObjectId, bytes: &[u8]) -> Result<SpilledFile, Error> {
    let number = shared.files.fetch_add(1, Ordering::Relaxed);
    let path = shared.folder.path().join(format!("{id}-{number}"));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    shared.present.fetch_add(1, Ordering::Relaxed);
    shared.present_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    // From here on, dropping it removes the file.
    let spilled = SpilledFile {
        id,
        path,
        bytes: bytes.len() as u64,
        hash: Sha256::digest(bytes).into(),
        shared,
    };
    match file.and_then(|mut file| file.write_all(bytes)) {
        Ok(()) => Ok(spilled),
        Err(source) => Err(write_error(&spilled, source)),
    }
}

fn write_error(spilled: &SpilledFile, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::Full {
                id: spilled.id,
                bytes: spilled.bytes,
                folder: spilled.shared.folder.path().into(),
                source,
            }
        }
        _ => Error::Io { action: "write", path: spilled.path.clone(), source },
    }
}

fn read(id: ObjectId, path: PathBuf, bytes: u64, hash: [u8; 32]) -> Result<Vec<u8>, Error> {
    let contents = read_at_most(&path, bytes).map_err(|source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let same =
        contents.len() as u64 == bytes && <[u8; 32]>::from(Sha256::digest(&contents)) == hash;
    if same { Ok(contents) } else { Err(Error::Changed { id, path }) }
}

/// Reads a file of `bytes` bytes; if it has grown, one byte more.
fn read_at_most(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let capacity = usize::try_from(bytes).map_err(|_| ErrorKind::OutOfMemory)?;
    let mut contents = Vec::with_capacity(capacity.saturating_add(1));
    File::open(path)?.take(bytes.saturating_add(1)).read_to_end(&mut contents)?;
    Ok(contents)
}

#[cfg(test)]
mod tests;
