//! `cargo xtask setup`: a compiler for guests, and what tests need.

use anyhow::Result;
use clap::{Args, ValueEnum};
use host_toolchain::{FOLDER, Source, Toolchain, Vulkan};

use crate::project;

/// The options of `cargo xtask setup`.
#[derive(Args)]
pub(crate) struct Options {
    /// Where to take the compiler from.
    #[arg(long, value_enum, default_value_t)]
    from: From,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum From {
    /// What is installed, else rustup, else Debian.
    #[default]
    Any,
    /// Only `rustup target add wasm32-wasip2`.
    Rustup,
    /// Debian's packages, unpacked into `.toolchain` without root.
    Debian,
}

/// Obtains the compiler, etcd, a Vulkan driver and models, and says which they are.
pub(crate) fn run(options: &Options) -> Result<()> {
    let source = match options.from {
        From::Any => Source::Any,
        From::Rustup => Source::Rustup,
        From::Debian => Source::Debian,
    };
    obtain(source)?;
    etcd()?;
    drop(vulkan()?);
    models()
}

/// The etcd that tests of the control store start, obtained if need be.
pub(crate) fn etcd() -> Result<()> {
    let etcd = host_toolchain::install_etcd(&project::root().join(FOLDER))?;
    eprintln!("tests run against {}", etcd.display());
    Ok(())
}

/// The Vulkan driver that tests of the GPU run on, obtained if need be.
pub(crate) fn vulkan() -> Result<Vulkan> {
    let vulkan = host_toolchain::install_vulkan(&project::root().join(FOLDER))?;
    eprintln!("tests of the GPU run on {}", vulkan.folder().display());
    Ok(vulkan)
}

/// The models that examples and their tests run, obtained if need be.
pub(crate) fn models() -> Result<()> {
    let models = host_toolchain::install_models(&project::root().join(FOLDER))?;
    eprintln!("models are in {}", models.folder().display());
    Ok(())
}

/// The compiler for guests, obtained if need be.
pub(crate) fn toolchain() -> Result<Toolchain> {
    obtain(Source::Any)
}

fn obtain(source: Source) -> Result<Toolchain> {
    let root = project::root();
    let toolchain = host_toolchain::install(&root, &root.join(FOLDER), source)?;
    eprintln!("guests are compiled by {toolchain}");
    Ok(toolchain)
}
