//! Sentence embeddings: an actor that reads a model from a folder it was
//! granted, and makes vectors of texts.

mod device;
#[cfg(test)]
mod reference;

use std::path::PathBuf;

use device::Model;
use greenroom::prelude::*;

/// Makes vectors of texts with the model in a folder.
struct Embed {
    model: Model,
}

/// 91 MB of weights, and as much again for what is computed from many texts.
#[cfg_attr(feature = "gpu", actor(memory = "384MiB", gpus = 1))]
#[cfg_attr(not(feature = "gpu"), actor(memory = "384MiB"))]
impl Embed {
    /// Reads the model.
    fn new(folder: PathBuf) -> Result<Self, model::Error> {
        Ok(Embed { model: device::open(&folder)? })
    }

    /// A vector of length 1 for each text: the closer two point, the more
    /// alike is what the texts mean.
    fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, model::Error> {
        self.model.embed(&texts)
    }
}

/// Tells how close the first text is to each of the others.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let Some((folder, texts)) = args.split_first().filter(|(_, texts)| texts.len() > 1) else {
        return Err("give the model's folder, a text, and texts to compare it with".into());
    };
    let embed = Embed::remote(PathBuf::from(folder))?;
    let vectors = get(embed.embed(texts).remote()?)?;
    let mut alike: Vec<_> = vectors.iter().zip(texts).skip(1).collect();
    let product = |other: &[f32]| vectors[0].iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    alike.sort_by(|(a, _), (b, _)| product(b).total_cmp(&product(a)));
    println!("{}", texts[0]);
    for (vector, text) in alike {
        println!("{:>6.3} {text}", product(vector));
    }
    Ok(())
}
