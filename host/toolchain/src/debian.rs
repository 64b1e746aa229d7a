//! Debian's Rust compiler, unpacked into a folder without root.
//!
//! Where Rust's own server cannot be reached but Debian's archive can, its
//! packages `rustc` and `libstd-rust-dev-wasm32` serve. They come from a newer
//! suite than most machines run, so they are not installed: [`apt`] fetches
//! them and the libraries they need with lists and a cache of its own, `dpkg`
//! unpacks them, and [`wrapper`] runs that rustc with the C library it came
//! with.

mod apt;
mod etcd;
mod vulkan;
mod wrapper;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

pub(crate) use self::etcd::install as install_etcd;
pub(crate) use self::vulkan::install as install_vulkan;

use self::apt::{Apt, Archive, Suites, Wanted};
use crate::process::output_within;
use crate::{Step, TARGET, Toolchain, find, lock};

/// What a compiler for guests takes.
const RUST: Wanted<'_> = Wanted::WithDependencies(&["rustc", "libstd-rust-dev-wasm32"]);

/// A compiler has to compile this before it is believed in.
const SMOKE_TEST: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn answer() -> u64 { 42 }";

/// For things that take a second or so.
const SHORT_LIMIT: Duration = Duration::from_secs(120);

/// Unpacked parts that a compiler does not need: a third of a gigabyte.
const UNNEEDED: [&str; 4] =
    ["etc", "usr/share", "usr/lib/rustlib/wasm32-unknown-unknown", "usr/lib/rustlib/wasm32-wasip1"];

/// Unpacks a compiler into `folder`, unless one is there.
pub(crate) fn install(folder: &Path) -> Result<Toolchain> {
    let find = || match Toolchain::in_folder(folder) {
        Ok(found) => Ok(Some(found)),
        // Said now, and not after 200 MB.
        Err(_) => Ok(find::check_linker().map(|()| None)?),
    };
    obtain(folder, Suites::Newer, find, |archive, partial| from_archive(archive, folder, partial))
}

/// Makes something in `folder`, unless `find` finds it there: from the first
/// archive that `from_archive` can make it from. That gets a folder to work in,
/// which is gone at the end.
fn obtain<T>(
    folder: &Path,
    suites: Suites,
    find: impl Fn() -> Result<Option<T>>,
    from_archive: impl Fn(&Archive, &Path) -> Result<T>,
) -> Result<T> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let _lock = lock(folder)?;
    if let Some(found) = find()? {
        return Ok(found);
    }
    let partial = folder.join("partial");
    let made =
        archives(&partial, suites).and_then(|archives| first(&archives, &partial, from_archive));
    let cleaned = clear(&partial);
    let made = made?;
    cleaned?;
    Ok(made)
}

/// Where the packages may come from, best first.
fn archives(partial: &Path, suites: Suites) -> Result<Vec<Archive>> {
    // What an interrupted run left.
    clear(partial)?;
    fs::create_dir(partial).with_context(|| format!("cannot create {}", partial.display()))?;
    let step = Step::start("looking for this machine's Debian mirror");
    match apt::archives(partial, suites) {
        Ok(archives) => {
            step.done(&archives[0]);
            Ok(archives)
        }
        Err(error) => {
            step.failed(format_args!("{error:#}"));
            Err(error)
        }
    }
}

/// Makes something from the first archive that it can be made from.
fn first<T>(
    archives: &[Archive],
    partial: &Path,
    from_archive: impl Fn(&Archive, &Path) -> Result<T>,
) -> Result<T> {
    let mut reasons = Vec::new();
    for archive in archives {
        clear(partial)?;
        match from_archive(archive, partial) {
            Ok(made) => return Ok(made),
            Err(error) => {
                let reason = format!("{archive}: {error:#}");
                eprintln!("{reason}");
                reasons.push(reason);
            }
        }
    }
    bail!("{}", reasons.join("\n  "))
}

/// Everything is made in `partial` and moved into `folder` at the end.
fn from_archive(archive: &Archive, folder: &Path, partial: &Path) -> Result<Toolchain> {
    let root = partial.join("debian");
    unpack(archive, "Debian's Rust compiler", RUST, partial, &root)?;
    for part in UNNEEDED {
        clear(&root.join(part))?;
    }
    let rustc = wrapper::write(&root)?;

    let step = Step::start("trying it");
    let version = smoke_test(partial, &rustc)?;
    keep(folder, partial, &version)?;
    step.done(&version);
    Ok(Toolchain::in_folder(folder)?)
}

/// Fetches packages from an archive and unpacks them into `root`.
fn unpack(
    archive: &Archive,
    what: &str,
    wanted: Wanted<'_>,
    partial: &Path,
    root: &Path,
) -> Result<()> {
    let apt = Apt::new(archive, &partial.join("apt"))?;
    let step = Step::start(format!("reading the package index of {archive}"));
    let packages = apt.packages(wanted)?;
    let (count, size) = (packages.names.len(), packages.bytes / 1_000_000);
    step.done(format!("{count} packages, {size} MB to fetch"));

    let step = Step::start(format!("fetching {what}"));
    let debs = partial.join("debs");
    let files = apt.download(&packages, &debs, |done| step.bytes(done, packages.bytes))?;
    step.done(format!("{} packages", files.len()));

    let step = Step::start("unpacking it");
    for (index, file) in files.iter().enumerate() {
        step.count(index, files.len());
        let mut dpkg = Command::new("dpkg");
        output_within(dpkg.arg("-x").arg(file).arg(root), SHORT_LIMIT, || ())?;
        fs::remove_file(file).with_context(|| format!("cannot delete {}", file.display()))?;
    }
    step.done(format!("{} packages", files.len()));
    Ok(())
}

/// Where the compiler comes to lie.
fn root_name(folder: &Path) -> PathBuf {
    folder.join("debian")
}

/// Compiles something small with the new compiler; its version.
fn smoke_test(partial: &Path, rustc: &Path) -> Result<String> {
    let relative = rustc.strip_prefix(partial).expect("the compiler was unpacked there");
    find::record(partial, relative, "being tried")?;
    let toolchain = Toolchain::in_folder(partial)?;
    let source = partial.join("smoke.rs");
    fs::write(&source, SMOKE_TEST).with_context(|| format!("cannot write {}", source.display()))?;
    let mut command = toolchain.rustc();
    command.args(["--edition", "2024", "--crate-type", "cdylib", "--target", TARGET, "-o"]);
    command.arg(partial.join("smoke.wasm")).arg(&source);
    output_within(&mut command, SHORT_LIMIT, || ())
        .context("the unpacked compiler cannot compile a component")?;
    let version = output_within(toolchain.rustc().arg("--version"), SHORT_LIMIT, || ())?;
    Ok(version.trim_end().to_owned())
}

/// Moves the compiler to its place and records it, the record last.
fn keep(folder: &Path, partial: &Path, version: &str) -> Result<()> {
    let root = root_name(folder);
    clear(&root)?;
    fs::rename(partial.join("debian"), &root)
        .with_context(|| format!("cannot move the compiler to {}", root.display()))?;
    find::record(folder, Path::new("debian/bin/rustc"), version)
}

/// Deletes a folder, which need not be there.
fn clear(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(anyhow!(error).context(format!("cannot delete {}", path.display()))),
    }
}
