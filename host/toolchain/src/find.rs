//! Looking for a compiler that has the target; changes nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{FOLDER, TARGET};

/// The environment variable that names the folder of an unpacked compiler; it
/// is asked first.
pub const ENV: &str = "GREENROOM_TOOLCHAIN";

/// The file in such a folder that says where its rustc is.
const RECORD: &str = "wasm.toml";

/// The program rustc calls to link a component.
const LINKER: &str = "wasm-component-ld";

/// A compiler for guests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Toolchain {
    origin: Origin,
    /// Folders with the linker, to be put before the others of `PATH`.
    linkers: Vec<PathBuf>,
}

/// Which compiler it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The one `cargo` uses anyway; its sysroot.
    InUse(PathBuf),
    /// One that was unpacked into a folder of its own; its rustc.
    Unpacked(PathBuf),
}

/// No compiler for guests was found.
#[derive(Debug, thiserror::Error)]
#[error("no compiler for {TARGET}: {reason}")]
pub struct Missing {
    reason: String,
}

/// What [`RECORD`] holds.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The rustc to run, relative to the folder.
    rustc: PathBuf,
    /// What it calls itself, for people.
    version: String,
}

/// Where to look, gathered from the process so that the search itself depends
/// on nothing else.
#[derive(Default)]
struct Places {
    /// The value of [`ENV`].
    named: Option<PathBuf>,
    /// The sysroot of the rustc in use, or why there is none.
    sysroot: Option<PathBuf>,
    /// Folders that may hold a [`RECORD`], best first.
    folders: Vec<PathBuf>,
    /// `PATH`.
    path: OsString,
}

impl Toolchain {
    /// The compiler for a project's guests. Asked in this order: the folder
    /// that [`ENV`] names, the Rust toolchain in use, the `.toolchain` folder
    /// of an ancestor of the project, of the working directory or of this
    /// program, and [`user_folder`].
    pub fn find(project: &Path) -> Result<Toolchain, Missing> {
        let mut folders = Vec::new();
        let cwd = env::current_dir().ok();
        let project = std::path::absolute(project).ok();
        for start in [project.clone(), cwd, env::current_exe().ok()].into_iter().flatten() {
            folders.extend(start.ancestors().map(|dir| dir.join(FOLDER)));
        }
        folders.extend(user_folder());
        Places {
            named: env::var_os(ENV).filter(|value| !value.is_empty()).map(PathBuf::from),
            sysroot: sysroot(project.as_deref()),
            folders,
            path: env::var_os("PATH").unwrap_or_default(),
        }
        .search()
    }

    /// The compiler unpacked in this folder, if there is one.
    pub(crate) fn in_folder(folder: &Path) -> Result<Toolchain, Missing> {
        Places::here().unpacked(folder)
    }

    /// Which compiler it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A `cargo` that compiles with it. The caller adds arguments, among them
    /// `--target` with [`TARGET`] and `--target-dir` with a folder for guests.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        self.prepare(&mut command);
        command
    }

    /// A `rustc` that compiles with it.
    pub(crate) fn rustc(&self) -> Command {
        let mut command = match &self.origin {
            Origin::InUse(_) => Command::new(rustc_in_use()),
            Origin::Unpacked(rustc) => Command::new(rustc),
        };
        self.prepare(&mut command);
        command
    }

    /// Sets the environment of a compiler run.
    fn prepare(&self, command: &mut Command) {
        // These speak of the host's compiler and its linker.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            command.env_remove(name);
        }
        if let Origin::Unpacked(rustc) = &self.origin {
            command.env("RUSTC", rustc);
        }
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = self.linkers.iter().cloned().chain(env::split_paths(&old));
        // Fails only on a folder with a colon in its name, which PATH cannot
        // hold; the linker is then looked for in the PATH there is.
        if let Ok(path) = env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
}

impl std::fmt::Display for Toolchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.origin {
            Origin::InUse(sysroot) => write!(f, "the Rust toolchain in use, {}", sysroot.display()),
            Origin::Unpacked(rustc) => write!(f, "{}", rustc.display()),
        }
    }
}

/// Where a compiler is unpacked for a user who has no project of Greenroom's
/// own: `$XDG_DATA_HOME/greenroom/toolchain`.
pub fn user_folder() -> Option<PathBuf> {
    let data = match env::var_os("XDG_DATA_HOME").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() => dir,
        _ => env::home_dir()?.join(".local/share"),
    };
    Some(data.join("greenroom/toolchain"))
}

/// Makes a folder one that [`Toolchain::find`] accepts.
pub(crate) fn record(folder: &Path, rustc: &Path, version: &str) -> anyhow::Result<()> {
    let record = Record { rustc: rustc.to_owned(), version: version.to_owned() };
    let text = toml::to_string(&record).context("the record of a compiler is not TOML")?;
    let path = folder.join(RECORD);
    // Renamed into place: a half-written record would hide the compiler.
    let partial = folder.join("wasm.toml.partial");
    fs::write(&partial, format!("# The compiler for {TARGET}, unpacked by the set-up.\n{text}"))
        .and_then(|()| fs::rename(&partial, &path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whether there is what an unpacked compiler lacks and needs.
pub(crate) fn check_linker() -> Result<(), Missing> {
    Places::here().linkers().map(drop)
}

impl Places {
    /// Only what an unpacked compiler needs.
    fn here() -> Places {
        let path = env::var_os("PATH").unwrap_or_default();
        Places { sysroot: sysroot(None), path, ..Places::default() }
    }

    /// The first place that has a compiler.
    fn search(&self) -> Result<Toolchain, Missing> {
        if let Some(folder) = &self.named {
            return self.unpacked(folder).map_err(|missing| Missing {
                reason: format!("{ENV} names {}: {}", folder.display(), missing.reason),
            });
        }
        let mut reason = match self.in_use() {
            Ok(found) => return Ok(found),
            Err(missing) => missing.reason,
        };
        for folder in &self.folders {
            if folder.join(RECORD).is_file() {
                match self.unpacked(folder) {
                    Ok(found) => return Ok(found),
                    Err(missing) => {
                        let _ = write!(reason, "; {}", missing.reason);
                    }
                }
            }
        }
        let _ = write!(reason, "; install it with `rustup target add {TARGET}`");
        Err(Missing { reason })
    }

    /// The compiler in use, if it has the target and what links it.
    fn in_use(&self) -> Result<Toolchain, Missing> {
        let missing = |reason| Err(Missing { reason });
        let Some(sysroot) = &self.sysroot else {
            return missing("rustc does not run; install Rust with rustup".to_owned());
        };
        if !sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            return missing(format!("the Rust toolchain {} lacks it", sysroot.display()));
        }
        // Its rustc looks in its own folders by itself.
        self.linkers()?;
        Ok(Toolchain { origin: Origin::InUse(sysroot.clone()), linkers: Vec::new() })
    }

    /// The compiler unpacked in a folder.
    fn unpacked(&self, folder: &Path) -> Result<Toolchain, Missing> {
        let path = folder.join(RECORD);
        let missing = |what: &str| Missing { reason: format!("{}: {what}", path.display()) };
        let text = fs::read_to_string(&path).map_err(|error| missing(&error.to_string()))?;
        let record: Record = toml::from_str(&text).map_err(|error| missing(error.message()))?;
        let rustc = folder.join(&record.rustc);
        if !rustc.is_file() {
            return Err(missing("the rustc it names is gone; delete the folder, set up again"));
        }
        Ok(Toolchain { origin: Origin::Unpacked(rustc), linkers: self.linkers()? })
    }

    /// Folders with the programs that rustc calls to link a component. Rust's
    /// own distribution has them and Debian's has not.
    fn linkers(&self) -> Result<Vec<PathBuf>, Missing> {
        let hosts = self.sysroot.iter().flat_map(|root| fs::read_dir(root.join("lib/rustlib")));
        for host in hosts.flatten().flatten() {
            let bin = host.path().join("bin");
            if bin.join(LINKER).is_file() {
                return Ok(vec![bin.join("gcc-ld"), bin]);
            }
        }
        if env::split_paths(&self.path).any(|dir| dir.join(LINKER).is_file()) {
            return Ok(Vec::new());
        }
        let reason = format!(
            "its linker {LINKER} is neither in the Rust toolchain in use nor on PATH; install Rust with rustup, or `cargo install {LINKER}`"
        );
        Err(Missing { reason })
    }
}

/// The rustc that `cargo` would run.
fn rustc_in_use() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The sysroot of the rustc in use in a project; none if rustc does not run.
fn sysroot(project: Option<&Path>) -> Option<PathBuf> {
    let mut command = Command::new(rustc_in_use());
    command.args(["--print", "sysroot"]);
    // A project may choose its toolchain by a file.
    if let Some(dir) = project.filter(|dir| dir.is_dir()) {
        command.current_dir(dir);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(OsStr::new(text.trim_end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder like a Rust toolchain's sysroot, with the target or without.
    fn fake_sysroot(dir: &Path, targets: &[&str]) -> PathBuf {
        let rustlib = dir.join("sysroot/lib/rustlib");
        fs::create_dir_all(rustlib.join("some-host/bin")).unwrap();
        fs::write(rustlib.join("some-host/bin").join(LINKER), "").unwrap();
        for target in targets {
            fs::create_dir_all(rustlib.join(target).join("lib")).unwrap();
        }
        dir.join("sysroot")
    }

    fn fake_unpacked(dir: &Path, name: &str) -> PathBuf {
        let folder = dir.join(name);
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/rustc"), "").unwrap();
        record(&folder, Path::new("bin/rustc"), "rustc 9").unwrap();
        folder
    }

    #[test]
    fn toolchain_in_use_comes_before_an_unpacked_one() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = fake_sysroot(dir.path(), &[TARGET]);
        let folders = vec![fake_unpacked(dir.path(), "a")];
        let places = Places { sysroot: Some(sysroot.clone()), folders, ..Places::default() };
        assert_eq!(places.search().unwrap().origin, Origin::InUse(sysroot));
    }

    #[test]
    fn unpacked_one_is_used_with_the_linker_of_the_one_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = fake_sysroot(dir.path(), &[]);
        let nothing = dir.path().join("nothing");
        let folders = vec![nothing, fake_unpacked(dir.path(), "a"), fake_unpacked(dir.path(), "b")];
        let bin = sysroot.join("lib/rustlib/some-host/bin");
        let places = Places { sysroot: Some(sysroot), folders, ..Places::default() };
        let found = places.search().unwrap();
        assert_eq!(found.origin, Origin::Unpacked(dir.path().join("a/bin/rustc")));
        assert_eq!(found.linkers, [bin.join("gcc-ld"), bin]);
    }

    #[test]
    fn named_folder_comes_first_and_is_an_error_if_it_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = fake_sysroot(dir.path(), &[TARGET]);
        let named = fake_unpacked(dir.path(), "a");
        let mut places =
            Places { sysroot: Some(sysroot), named: Some(named.clone()), ..Places::default() };
        let found = places.search().unwrap();
        assert_eq!(found.origin, Origin::Unpacked(named.join("bin/rustc")));

        places.named = Some(dir.path().join("nothing"));
        let message = places.search().unwrap_err().to_string();
        assert!(message.contains("GREENROOM_TOOLCHAIN names"), "{message}");
    }

    #[test]
    fn message_says_what_is_missing_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let broken = fake_unpacked(dir.path(), "broken");
        fs::remove_file(broken.join("bin/rustc")).unwrap();
        let sysroot = Some(fake_sysroot(dir.path(), &[]));
        let places = Places { sysroot, folders: vec![broken], ..Places::default() };
        let message = places.search().unwrap_err().to_string();
        assert!(message.contains("sysroot lacks it"), "{message}");
        assert!(message.contains("the rustc it names is gone"), "{message}");
        assert!(message.contains("rustup target add wasm32-wasip2"), "{message}");
    }

    #[test]
    fn compiler_without_a_linker_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = fake_sysroot(dir.path(), &[TARGET]);
        fs::remove_file(sysroot.join("lib/rustlib/some-host/bin").join(LINKER)).unwrap();
        let mut places = Places { sysroot: Some(sysroot.clone()), ..Places::default() };
        let message = places.search().unwrap_err().to_string();
        assert!(message.contains("cargo install wasm-component-ld"), "{message}");

        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join(LINKER), "").unwrap();
        places.path = elsewhere.into_os_string();
        assert_eq!(places.search().unwrap().origin, Origin::InUse(sysroot));
    }
}
