//! Compiled code on disk, so that a package is compiled once per machine.
//!
//! A file is named by the package's content and by everything that makes
//! compiled code differ: the engine's version and configuration. Compiled
//! code is trusted by the engine as the host itself is, so a file counts only
//! if nobody but this user can have written it and its checksum is right;
//! anything else is as good as not there, and is replaced.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use host_core::PackageId;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// First bytes of a cache file: what it is, and its layout's version.
const MAGIC: &[u8; 16] = b"greenroom-code 1";

/// Length of the checksum that follows.
const CHECKSUM: usize = 32;

/// A folder of compiled code for one engine.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The part of the cache at `root` that fits this engine.
    pub(super) fn new(root: &Path, engine: &Engine) -> Cache {
        let mut hasher = Fingerprint(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let hash = hasher.0.finalize();
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Cache { folder: root.join(name) }
    }

    /// The compiled form of a package, if it is there and sound.
    pub(super) fn load(&self, engine: &Engine, id: PackageId) -> Option<Component> {
        let path = self.path(id);
        let file = read_private(&path)?;
        let code = checked(&file).or_else(|| {
            tracing::warn!(path = %path.display(), "compiled code was damaged; compiling again");
            None
        })?;
        match deserialize::component(engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!(%error, "compiled code does not fit; compiling again");
                None
            }
        }
    }

    /// Keeps a package's compiled form. A cache that cannot be written is no
    /// reason not to run.
    pub(super) fn store(&self, id: PackageId, component: &Component) {
        if let Err(error) = self.try_store(id, component) {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled code is not kept");
        }
    }

    fn try_store(&self, id: PackageId, component: &Component) -> std::io::Result<()> {
        let code = component.serialize().map_err(std::io::Error::other)?;
        create_private(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&Sha256::digest(&code))?;
        file.write_all(&code)?;
        // Renamed in one step: a reader sees all of it or nothing.
        file.persist(self.path(id))?;
        Ok(())
    }

    fn path(&self, id: PackageId) -> PathBuf {
        self.folder.join(format!("{id}.cwasm"))
    }
}

/// Feeds what the engine hashes into SHA-256: a stable, wide hash.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        unreachable!("the digest is taken whole")
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// The code in a cache file, if the file is whole.
fn checked(file: &[u8]) -> Option<&[u8]> {
    let rest = file.strip_prefix(MAGIC)?;
    let (checksum, code) = rest.split_at_checked(CHECKSUM)?;
    (Sha256::digest(code).as_slice() == checksum).then_some(code)
}

/// Reads a file that this user owns and nobody else can write.
fn read_private(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
    let mut file = std::fs::File::open(path).ok()?;
    let meta = file.metadata().ok()?;
    let folder = std::fs::symlink_metadata(path.parent()?).ok()?;
    let user = current_user()?;
    let private = |meta: &std::fs::Metadata| meta.uid() == user && meta.mode() & 0o022 == 0;
    if !private(&meta) || !private(&folder) || !folder.is_dir() {
        tracing::warn!(path = %path.display(), "compiled code that others can write is not used");
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).ok()?);
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn current_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|meta| meta.uid())
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[allow(unsafe_code, reason = "compiled code can only be loaded by promising that it is ours")]
mod deserialize {
    use super::{Component, Engine};

    /// Loads compiled code.
    pub(super) fn component(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: `code` was written by `Cache::try_store` from
        // `Component::serialize`: the caller read it from a file that only
        // this user can write, in a folder that only this user can write, and
        // its SHA-256 was right. The engine checks its own version and
        // configuration.
        unsafe { Component::deserialize(engine, code) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn cached() -> (tempfile::TempDir, Engine, Cache, PackageId) {
        let root = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::new(root.path(), &engine);
        let id = PackageId([7; 32]);
        let component = Component::new(&engine, b"\0asm\x0d\0\x01\0").unwrap();
        cache.store(id, &component);
        (root, engine, cache, id)
    }

    #[test]
    fn what_was_stored_is_found() {
        let (_root, engine, cache, id) = cached();
        assert!(cache.load(&engine, id).is_some());
        assert!(cache.load(&engine, PackageId([8; 32])).is_none());
    }

    #[test]
    fn a_changed_or_truncated_file_is_as_good_as_none() {
        let (_root, engine, cache, id) = cached();
        let good = std::fs::read(cache.path(id)).unwrap();
        let step = (good.len() / 97).max(1);
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(cache.path(id), &bad).unwrap();
            assert!(cache.load(&engine, id).is_none(), "byte {at} was changed");
            std::fs::write(cache.path(id), &good[..at]).unwrap();
            assert!(cache.load(&engine, id).is_none(), "cut at {at}");
        }
        std::fs::write(cache.path(id), &good).unwrap();
        assert!(cache.load(&engine, id).is_some());
    }

    #[test]
    fn a_file_that_others_can_write_is_not_used() {
        let (_root, engine, cache, id) = cached();
        let loose = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(cache.path(id), loose).unwrap();
        assert!(cache.load(&engine, id).is_none());
    }
}
