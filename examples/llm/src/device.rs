//! Where the model is computed: on the actor's GPU in a package with the
//! feature `gpu`, else in the actor.

use std::path::Path;

use model::{Generator, Result};

/// The model, and what computes it.
#[cfg(feature = "gpu")]
pub(crate) type Model = Generator<model::gpu::Gpu>;

/// The model, and what computes it.
#[cfg(not(feature = "gpu"))]
pub(crate) type Model = Generator<model::Cpu>;

/// Reads the model.
#[cfg(feature = "gpu")]
pub(crate) fn open(path: &Path) -> Result<Model> {
    let gpu = greenroom::gpu::Gpu::open().map_err(|error| model::Error::Gpu(error.to_string()))?;
    Generator::open(model::gpu::Gpu::new(gpu.device(), gpu.queue())?, path)
}

/// Reads the model.
#[cfg(not(feature = "gpu"))]
pub(crate) fn open(path: &Path) -> Result<Model> {
    Generator::open(model::Cpu, path)
}
