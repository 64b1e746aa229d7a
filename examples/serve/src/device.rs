//! Where the model is computed: on the actor's GPU in a package with the
//! feature `gpu`, else in the actor.

use std::path::Path;

use model::{Embedder, Result};

/// The model, and what computes it.
#[cfg(feature = "gpu")]
pub(crate) type Model = Embedder<model::gpu::Gpu>;

/// The model, and what computes it.
#[cfg(not(feature = "gpu"))]
pub(crate) type Model = Embedder<model::Cpu>;

/// Reads the model.
#[cfg(feature = "gpu")]
pub(crate) fn open(folder: &Path) -> Result<Model> {
    let gpu = greenroom::gpu::Gpu::open().map_err(|error| model::Error::Gpu(error.to_string()))?;
    Embedder::open(model::gpu::Gpu::new(gpu.device(), gpu.queue())?, folder)
}

/// Reads the model.
#[cfg(not(feature = "gpu"))]
pub(crate) fn open(folder: &Path) -> Result<Model> {
    Embedder::open(model::Cpu, folder)
}
