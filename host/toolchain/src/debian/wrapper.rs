//! A script that runs an unpacked rustc.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes the script into `root`, where Debian's packages were unpacked, and
/// returns its path.
///
/// The rustc there needs a newer C library than the machine may have, so the
/// script starts it with the loader and the libraries beside it. It names them
/// relative to itself: the folder can be moved.
pub(super) fn write(root: &Path) -> Result<PathBuf> {
    let loader = search(root, &["usr/lib64", "usr/lib"], |name| name.starts_with("ld-linux"))
        .context("the unpacked packages hold no loader")?;
    let libraries = search(root, &["usr/lib"], |name| name == "libc.so.6")
        .context("the unpacked packages hold no C library")?;
    let libraries = libraries.parent().expect("a file has a folder");
    let script = format!(
        r#"#!/bin/sh
# Debian's rustc, run with the C library it was built for.
root=${{0%/bin/rustc}}
exec "$root/{loader}" --library-path "$root/{libraries}:$root/usr/lib" \
  --argv0 "$root/usr/bin/rustc" "$root/usr/bin/rustc" --sysroot "$root/usr" "$@"
"#,
        loader = loader.display(),
        libraries = libraries.display(),
    );
    let path = root.join("bin/rustc");
    fs::create_dir_all(root.join("bin"))
        .and_then(|()| fs::write(&path, script))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The first file whose name fits, in these folders of `root` or one level
/// below (`usr/lib/x86_64-linux-gnu`); relative to `root`.
fn search(root: &Path, folders: &[&str], fits: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let here = folders.iter().map(|folder| root.join(folder));
    let below = folders.iter().flat_map(|folder| children(&root.join(folder)));
    let files = here.chain(below).flat_map(|folder| children(&folder));
    let mut found =
        files.filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(&fits));
    found.next()?.strip_prefix(root).ok().map(Path::to_owned)
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let script = fs::read_to_string(write(dir.path()).unwrap()).unwrap();
        assert!(script.contains(expected), "{script}");
    }

    #[test]
    fn script_names_the_loader_of_each_architecture() {
        check(
            &["usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6"],
            r#""$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu:"#,
        );
        check(
            &["usr/lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu/libc.so.6"],
            r#""$root/usr/lib/ld-linux-aarch64.so.1" --library-path "$root/usr/lib/aarch64-linux-gnu:"#,
        );
    }

    #[test]
    fn root_without_a_c_library_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path()).is_err());
    }
}
