//! Hugging Face's safetensors files.

use std::collections::HashMap;

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors};

use super::{Kind, Stored};
use crate::error::{Error, Result};

/// The tensors of a file. Those of kinds that no weight here has, such as
/// integers, are left out.
pub(super) fn parse(file: &Bytes) -> Result<HashMap<String, Stored>> {
    let malformed = |error| Error::malformed(format!("not a whole safetensors file: {error}"));
    let parsed = SafeTensors::deserialize(file).map_err(malformed)?;
    let mut tensors = HashMap::new();
    for (name, view) in parsed.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::F32,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            _ => continue,
        };
        let stored = Stored::new(kind, view.shape(), file.slice_ref(view.data()))
            .ok_or_else(|| Error::malformed(format!("tensor {name} has no shape")))?;
        tensors.insert(name.to_owned(), stored);
    }
    Ok(tensors)
}
