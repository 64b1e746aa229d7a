//! Running `host`, and the packages it is run with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use host_toolchain::{TARGET, Toolchain};
use serde_json::Value;

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// What it printed, if all went well.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.stdout
    }

    /// The one line on stderr, if it ended with this code and said nothing
    /// else.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(line.starts_with("error: ") && !line.contains('\n'), "{self:#?}");
        line
    }

    /// Its lines on stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// A `host` command line, with nothing of this process's own settings.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        let ours = shown.starts_with("GREENROOM_") && shown != host_toolchain::ENV;
        if ours || shown == "RUST_LOG" || shown.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    command
        .args(args)
        .env("GREENROOM_CACHE_DIR", target_folder().join("cli-cache"))
        .env("GREENROOM_TARGET_DIR", guest_folder())
        .stdin(Stdio::null());
    command
}

/// Runs `host` to its end.
pub(crate) fn host<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Outcome {
    outcome(&mut command(args))
}

/// Runs a command to its end.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().expect("the program can be run");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// The counter example's package.
pub(crate) fn counter() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let workspace = workspace();
        let toolchain = Toolchain::find(&workspace).unwrap_or_else(|missing| panic!("{missing}"));
        let mut cargo = toolchain.cargo();
        cargo
            .args(["build", "--package", "counter", "--profile", "guest"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(guest_folder())
            .current_dir(workspace);
        assert!(cargo.status().expect("cargo runs").success(), "the counter cannot be built");
        guest_folder().join(TARGET).join("guest/counter.wasm")
    })
}

/// A package with a driver and a class that do what the tests ask for.
pub(crate) fn probe() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| project("probe", include_str!("probe.txt")))
}

/// A package without a driver.
pub(crate) fn bare() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| project("bare", include_str!("bare.txt")))
}

/// Makes a project as users do, with this source, and builds it.
fn project(name: &str, source: &str) -> PathBuf {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = new_project(parent.path(), name, &[]);
    std::fs::write(folder.join("src/lib.rs"), source).expect("written");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("read");
    let manifest = manifest.replace("[dependencies]", "[dependencies]\nlog = \"0.4\"");
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    let file = target_folder().join(format!("cli-{name}.wasm"));
    let built = host(["build".as_ref(), folder.as_os_str(), "-o".as_ref(), file.as_os_str()]);
    built.ok();
    file
}

/// Makes a project with `host new`; its dependencies are those of the
/// workspace, so that nothing has to be fetched.
pub(crate) fn new_project(parent: &Path, name: &str, more: &[&str]) -> PathBuf {
    let folder = parent.join(name);
    let sdk = workspace().join("guest-sdk");
    let mut new = command(["new"]);
    new.arg(&folder).arg("--sdk-path").arg(sdk).args(more);
    outcome(&mut new).ok();
    std::fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).expect("copied");
    folder
}

/// The top folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    // What cargo says now counts more than where this was compiled.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().expect("the package is in the workspace").to_owned()
}

/// The folder everything that is built goes to.
pub(crate) fn target_folder() -> PathBuf {
    // The program is TARGET/debug/host.
    let program = Path::new(env!("CARGO_BIN_EXE_host"));
    program.ancestors().nth(2).expect("cargo's layout").to_owned()
}

/// The folder guests are built in.
pub(crate) fn guest_folder() -> PathBuf {
    target_folder().join("guest")
}
