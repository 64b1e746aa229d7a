//! A model server: one model, one device, one batch at a time.

use std::path::PathBuf;

use greenroom::prelude::*;

use crate::device::{self, Model};

/// Makes vectors of texts with the model in a folder.
pub(crate) struct Server {
    model: Model,
}

#[actor(memory = "384MiB")]
impl Server {
    /// Reads the model.
    fn new(folder: PathBuf) -> Result<Self, model::Error> {
        Ok(Server { model: device::open(&folder)? })
    }

    /// A vector for each text. They are computed together, so that each weight
    /// is read once for all of them.
    fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, model::Error> {
        self.model.embed(&texts)
    }
}
