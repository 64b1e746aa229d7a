//! An actor project on disk: found by its Cargo.toml, built by cargo.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use host_toolchain::{TARGET, Toolchain};
use serde::Deserialize;

use super::console::{Console, Format};
use super::failure::Failure;
use super::text::one_line;

/// The profile that is built, if the project has it: it can be tuned for
/// guests apart from what else the project builds.
const GUEST_PROFILE: &str = "guest";

/// A cargo package that makes a component.
#[derive(Debug)]
pub(super) struct Project {
    /// Its name.
    name: String,
    manifest: PathBuf,
    /// The workspace's top folder, which has the target folder.
    root: PathBuf,
}

/// How a project is built.
#[derive(clap::Args, Debug, Default)]
pub(super) struct BuildOptions {
    /// The cargo profile [default: guest if the project has it, else release]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// An optimised build: the same as no option
    #[arg(long, conflicts_with = "profile")]
    release: bool,
    /// The package's features to build with, beside its default ones
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Vec<String>,
    /// Where cargo builds [default: target/guest in the project]
    #[arg(long, value_name = "PATH", env = "GREENROOM_TARGET_DIR")]
    target_dir: Option<PathBuf>,
}

/// The parts of cargo's metadata that are needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<CargoPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    crate_types: Vec<String>,
}

/// One line of what cargo says while it builds.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<CargoTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Project {
    /// The project in a folder.
    pub(super) fn at(folder: &Path) -> Result<Project, Failure> {
        let shown = one_line(&folder.display().to_string());
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(Failure::package(format!(
                "{shown} has no Cargo.toml, so it is not an actor project; \
                 make one with `host new NAME`, or give a package file"
            )));
        }
        let manifest = manifest.canonicalize().map_err(|error| {
            Failure::package(format!("{}: {error}", one_line(&manifest.display().to_string())))
        })?;
        let metadata = metadata(&manifest)?;
        let package = choose(metadata.packages, &manifest, &shown)?;
        Ok(Project {
            name: package.name,
            manifest: package.manifest_path,
            root: metadata.workspace_root,
        })
    }

    /// Builds it; answers the component's file.
    pub(super) fn build(
        &self,
        options: &BuildOptions,
        console: &Console,
    ) -> Result<PathBuf, Failure> {
        let folder = self.manifest.parent().unwrap_or(&self.root);
        let toolchain = Toolchain::find(folder)
            .map_err(|error| Failure::set_up(one_line(&error.to_string())))?;
        let mut cargo = toolchain.cargo();
        cargo.args(["build", "--lib", "--target", TARGET, "--manifest-path"]).arg(&self.manifest);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        cargo.arg("--target-dir").arg(self.target_folder(options));
        cargo.arg("--profile").arg(self.profile(options));
        if !options.features.is_empty() {
            cargo.arg("--features").arg(options.features.join(","));
        }
        // Cargo's own progress is for whoever sits there; errors always show.
        if console.format == Format::Json || !console.wants_progress() {
            cargo.arg("--quiet");
        }
        self.component_of(cargo.current_dir(folder))
    }

    fn target_folder(&self, options: &BuildOptions) -> PathBuf {
        let given = options.target_dir.as_ref().map(std::path::absolute);
        match given {
            Some(Ok(folder)) => folder,
            _ => host_toolchain::guest_folder(&self.root),
        }
    }

    fn profile(&self, options: &BuildOptions) -> String {
        if let Some(profile) = &options.profile {
            return profile.clone();
        }
        let manifest = std::fs::read_to_string(self.root.join("Cargo.toml")).unwrap_or_default();
        let manifest: toml::Table = manifest.parse().unwrap_or_default();
        let has_profile =
            manifest.get("profile").is_some_and(|profiles| profiles.get(GUEST_PROFILE).is_some());
        if has_profile && !options.release { GUEST_PROFILE.into() } else { "release".into() }
    }

    /// Runs cargo, and finds what it made among what it says.
    fn component_of(&self, cargo: &mut Command) -> Result<PathBuf, Failure> {
        let failed = |error: std::io::Error| Failure::set_up(format!("cargo: {error}"));
        let mut child =
            cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut component = None;
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(failed)?;
            // What is not a message is a build script's own output.
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            component = self.component_in(message).or(component);
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            let message = format!("{} does not compile; the reason is above", self.name);
            return Err(Failure::package(message));
        }
        component.ok_or_else(|| {
            Failure::package(format!("cargo has built {}, but no component of it", self.name))
        })
    }

    fn component_in(&self, message: Message) -> Option<PathBuf> {
        let is_ours = message.reason == "compiler-artifact"
            && message.manifest_path.is_some_and(|path| path == self.manifest)
            && message.target.is_some_and(|target| target.is_component());
        let mut files = message.filenames.into_iter();
        files.find(|file| is_ours && file.extension().is_some_and(|kind| kind == "wasm"))
    }
}

impl CargoTarget {
    fn is_component(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

impl CargoPackage {
    fn is_component(&self) -> bool {
        self.targets.iter().any(CargoTarget::is_component)
    }
}

fn metadata(manifest: &Path) -> Result<Metadata, Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = cargo.output().map_err(|error| {
        Failure::set_up(format!(
            "cargo cannot be run ({error}); install Rust from https://rustup.rs"
        ))
    })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::package(format!("cargo cannot read the project: {errors}")));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::set_up(format!("cargo metadata is not as expected: {error}")))
}

/// The package that is meant: that of the manifest, or of a workspace the
/// only one that makes a component.
fn choose(
    packages: Vec<CargoPackage>,
    manifest: &Path,
    shown: &str,
) -> Result<CargoPackage, Failure> {
    let (mut own, others): (Vec<_>, Vec<_>) =
        packages.into_iter().partition(|package| package.manifest_path == manifest);
    if let Some(package) = own.pop() {
        if package.is_component() {
            return Ok(package);
        }
        return Err(Failure::package(format!(
            "{} is not an actor project: its Cargo.toml needs [lib] with crate-type = [\"cdylib\"]",
            package.name
        )));
    }
    let mut components: Vec<_> = others.into_iter().filter(CargoPackage::is_component).collect();
    match (components.len(), components.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => Err(Failure::package(format!("{shown} has no actor project in it"))),
        (count, Some(one)) => Err(Failure::package(format!(
            "{shown} is a workspace with {count} actor projects; give the folder of one, such as {}",
            one.manifest_path.parent().unwrap_or(manifest).display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, kind: &str) -> CargoPackage {
        CargoPackage {
            name: name.into(),
            manifest_path: format!("/w/{name}/Cargo.toml").into(),
            targets: vec![CargoTarget { crate_types: vec![kind.into()] }],
        }
    }

    fn chosen(packages: Vec<CargoPackage>, manifest: &str) -> Result<String, String> {
        let chosen = choose(packages, Path::new(manifest), "w");
        chosen.map(|package| package.name).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_package_is_meant_by_its_own_folder() {
        let all = || vec![package("a", "cdylib"), package("b", "lib"), package("c", "cdylib")];
        assert_eq!(chosen(all(), "/w/c/Cargo.toml"), Ok("c".into()));
        assert!(chosen(all(), "/w/b/Cargo.toml").unwrap_err().contains("crate-type"));
    }

    #[test]
    fn a_workspace_stands_for_its_only_component() {
        let top = "/w/Cargo.toml";
        assert_eq!(chosen(vec![package("a", "cdylib"), package("b", "bin")], top), Ok("a".into()));
        assert!(chosen(vec![package("b", "bin")], top).unwrap_err().contains("no actor project"));
        let error = chosen(vec![package("a", "cdylib"), package("c", "cdylib")], top).unwrap_err();
        assert!(error.contains("2 actor projects") && error.contains("/w/c"), "{error}");
    }

    #[test]
    fn a_folder_without_a_project_says_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = Project::at(folder.path()).unwrap_err().to_string();
        assert!(error.contains("host new NAME"), "{error}");
    }
}
