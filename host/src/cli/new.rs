//! `host new`: an actor project that builds, runs and passes its tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::console::{Console, Format};
use super::failure::Failure;
use super::text::one_line;

/// Make a new actor project
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct New {
    /// The project's name, or the path of the folder to make
    name: PathBuf,
    /// An async actor: its calls interleave where they await
    #[arg(long = "async")]
    asynchronous: bool,
    /// Use the greenroom crate in this folder [default: that of the checkout
    /// around here, if there is one, else the published one]
    #[arg(long, value_name = "PATH", env = "GREENROOM_SDK_PATH")]
    sdk_path: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  host new hello && host run hello
  host new hello --async";

/// The crate that guests are written with.
const SDK: &str = "greenroom";

/// Names that cargo or rustc would stumble over.
const RESERVED: [&str; 8] =
    [SDK, "alloc", "core", "proc_macro", "proc-macro", "serde", "std", "test"];

impl New {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        let name = project_name(&self.name).map_err(Failure::usage)?;
        let shown = one_line(&self.name.display().to_string());
        // Looks at the folder itself: it may be a link that points nowhere.
        if self.name.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!(
                "{shown} is there already, and nothing was changed; give another name"
            )));
        }
        let sdk = self.sdk()?;
        let features = if self.asynchronous { ", features = [\"async\"]" } else { "" };
        let files = files(name, &format!("{{ {sdk}{features} }}"), self.asynchronous);
        write(&self.name, &files)
            .map_err(|error| Failure::set_up(format!("{shown} cannot be made: {error}")))?;
        match console.format {
            Format::Text => console.out(&format!("made {shown}; run it with `host run {shown}`\n")),
            Format::Json => {
                console.out(&format!("{}\n", json!({"path": self.name.to_string_lossy()})));
            }
        }
        Ok(())
    }

    /// Where the project's SDK is, as Cargo.toml says it.
    fn sdk(&self) -> Result<String, Failure> {
        let folder = match &self.sdk_path {
            Some(given) if is_sdk(given) => Some(given.clone()),
            Some(given) => {
                return Err(Failure::usage(format!(
                    "--sdk-path {}: the {SDK} crate is not there; give the folder with its Cargo.toml",
                    one_line(&given.display().to_string())
                )));
            }
            None => checkout_sdk(),
        };
        let Some(folder) = folder else {
            return Ok(format!("version = {:?}", env!("CARGO_PKG_VERSION")));
        };
        let folder = folder
            .canonicalize()
            .map_err(|error| Failure::set_up(format!("{}: {error}", folder.display())))?;
        let path = toml::Value::String(folder.to_string_lossy().into_owned());
        Ok(format!("path = {path}"))
    }
}

/// The SDK of the checkout that this program, or the working directory, is in.
fn checkout_sdk() -> Option<PathBuf> {
    let places = [std::env::current_dir(), std::env::current_exe()];
    let mut folders = places.iter().flatten().flat_map(|place| place.ancestors());
    folders.find_map(|folder| {
        let sdk = folder.join("guest-sdk");
        is_sdk(&sdk).then_some(sdk)
    })
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let name = manifest.get("package").and_then(|package| package.get("name"));
    name.and_then(toml::Value::as_str) == Some(SDK)
}

/// The package's name: that of the folder, if cargo takes it.
fn project_name(path: &Path) -> Result<&str, String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} cannot be a project's name; use letters, digits, - and _, a letter first"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("a project cannot be named {name}; choose another name"));
    }
    Ok(name)
}

/// The project's files, by their path in it.
fn files(name: &str, sdk: &str, asynchronous: bool) -> [(&'static str, String); 4] {
    let source =
        if asynchronous { include_str!("new/async.txt") } else { include_str!("new/sync.txt") };
    [
        ("Cargo.toml", include_str!("new/manifest.txt")),
        ("src/lib.rs", source),
        (".gitignore", include_str!("new/gitignore.txt")),
        ("README.md", include_str!("new/readme.txt")),
    ]
    .map(|(path, text)| (path, text.replace("{{name}}", name).replace("{{greenroom}}", sdk)))
}

/// Makes the folder, all of it or nothing: it is renamed into place.
fn write(folder: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix(".greenroom-").tempdir_in(parent)?;
    // A temporary folder is private; a project is like any other folder.
    let project = partial.path().join("project");
    for (path, text) in files {
        let path = project.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    std::fs::rename(&project, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_cargo_takes() {
        assert_eq!(project_name(Path::new("a/b/my-actor_2")), Ok("my-actor_2"));
        for bad in ["", "2x", "-x", "a b", "ü", "..", "a/..", "test", "greenroom"] {
            assert!(project_name(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_manifest_is_toml_with_nothing_left_to_fill_in() {
        for asynchronous in [false, true] {
            let files = files("hello", "{ path = \"/sdk\" }", asynchronous);
            assert!(files.iter().all(|(_, text)| !text.contains("{{")));
            let manifest: toml::Table = files[0].1.parse().unwrap();
            assert_eq!(manifest["package"]["name"].as_str(), Some("hello"));
            assert_eq!(manifest["dependencies"]["greenroom"]["path"].as_str(), Some("/sdk"));
        }
    }

    #[test]
    fn a_project_is_written_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/hello");
        write(&folder, &files("hello", "\"1\"", false)).unwrap();
        for file in ["Cargo.toml", "src/lib.rs", ".gitignore", "README.md"] {
            assert!(folder.join(file).is_file(), "{file}");
        }
        let beside = std::fs::read_dir(parent.path().join("deep")).unwrap().count();
        assert_eq!(beside, 1, "something temporary is left");
    }
}
