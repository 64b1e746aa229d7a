//! The guest programs, as components. They are built once per test run, by
//! the compiler that users' actors are built with, so that plain `cargo test`
//! is all it takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use host_toolchain::{TARGET, Toolchain};

/// The packages whose examples are the guests. Each is built by itself:
/// features hold for all that is built together, and async is one.
const PACKAGES: [(&str, &str); 2] = [("guests", "."), ("guests-async", "async")];

/// The packages in `examples/`, in the same way.
const EXAMPLES: [&[&str]; 2] = [&["bank", "counter", "pool", "wordcount"], &["pipeline"]];

const PROFILE: &str = "guest-test";

/// The component of the example `name`.
pub fn component(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("guest {name:?} cannot be read from {}: {error}", path.display())
    })
}

/// The component of the package `examples/NAME`.
pub fn example(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(build_examples).join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("example {name:?} cannot be read from {}: {error}", path.display())
    })
}

/// The source of every guest: its name and its file.
pub fn sources() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (_, folder) in PACKAGES {
        let examples = workspace().join("tests/guests").join(folder).join("examples");
        let entries = std::fs::read_dir(&examples)
            .unwrap_or_else(|error| panic!("{}: {error}", examples.display()));
        for path in entries.map(|entry| entry.expect("a folder can be listed").path()) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let stem = path.file_stem().expect("a file has a name");
                found.push((stem.to_string_lossy().into_owned(), path));
            }
        }
    }
    found.sort();
    found
}

/// The top folder of the project.
pub fn workspace() -> PathBuf {
    // What cargo says now counts more than where this was compiled.
    let tests = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let tests = tests.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    tests.parent().expect("the package is in the workspace").to_owned()
}

/// The folder everything that is built goes to.
pub fn target_folder() -> PathBuf {
    // The test program is TARGET/debug/deps/NAME.
    let program = std::env::current_exe().expect("a program knows where it is");
    program.ancestors().nth(3).expect("cargo's layout").to_owned()
}

/// Builds the guests, unless this run has done so.
pub fn build_all() {
    folder();
}

fn folder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    for (package, _) in PACKAGES {
        cargo_build(&["--examples", "--package", package]);
    }
    built_folder().join("examples")
}

fn build_examples() -> PathBuf {
    for together in EXAMPLES {
        let packages = together.iter().flat_map(|package| ["--package", package]);
        cargo_build(&packages.chain(["--lib"]).collect::<Vec<_>>());
    }
    built_folder()
}

/// Where cargo puts what it builds for guests.
fn built_folder() -> PathBuf {
    target_folder().join("guest").join(TARGET).join(PROFILE)
}

fn cargo_build(what: &[&str]) {
    let workspace = workspace();
    let toolchain = Toolchain::find(&workspace).unwrap_or_else(|missing| panic!("{missing}"));
    let mut cargo = toolchain.cargo();
    cargo
        .args(["build", "--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(target_folder().join("guest"))
        .args(what)
        .current_dir(&workspace);
    forget_this_build(&mut cargo);
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "guests cannot be built ({}), see above", what.join(" "));
}

/// What cargo told this program about its own build is not for the guests'.
fn forget_this_build(cargo: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let told = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if told || name == "CARGO_TARGET_DIR" {
            cargo.env_remove(&*name);
        }
    }
}
