//! The guest programs, as components. They are built once per test run, by
//! the compiler that users' actors are built with, so that plain `cargo test`
//! is all it takes.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use test_builds::{build as build_guests, built_folder};
pub use test_builds::{target_folder, workspace};

/// The packages whose examples are the guests. Each is built by itself:
/// features hold for all that is built together, and async and gpu are two.
const PACKAGES: [(&str, &str); 3] =
    [("guests", "."), ("guests-async", "async"), ("guests-gpu-actors", "gpu-actors")];

/// The packages in `examples/`, in the same way.
const EXAMPLES: [&[&str]; 3] =
    [&["bank", "counter", "embed", "pool", "wordcount"], &["pipeline", "serve"], &["gpu"]];

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
        build_guests(&["--examples", "--package", package]);
    }
    built_folder().join("examples")
}

fn build_examples() -> PathBuf {
    for together in EXAMPLES {
        let packages = together.iter().flat_map(|package| ["--package", package]);
        build_guests(&packages.chain(["--lib"]).collect::<Vec<_>>());
    }
    built_folder()
}
