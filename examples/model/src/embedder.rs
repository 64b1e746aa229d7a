//! A sentence encoder with its tokens: text in, vectors out.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::backend::Backend;
use crate::encoder::{Encoder, EncoderConfig};
use crate::error::{Error, Result};
use crate::text::Vocabulary;
use crate::weights::Weights;

/// Makes vectors of texts.
#[derive(Debug)]
pub struct Embedder<B: Backend> {
    vocabulary: Vocabulary,
    encoder: Encoder<B>,
}

/// Tokens that are computed together at most: what they need in between lies
/// in memory all at once.
const TOKENS_TOGETHER: usize = 2048;

/// A `sentence_bert_config.json`.
#[derive(Deserialize)]
struct Sentences {
    max_seq_length: usize,
}

impl<B: Backend> Embedder<B> {
    /// Reads a model from a folder as sentence-transformers keep it.
    ///
    /// # Errors
    /// If something is missing there, or is not what it should be.
    pub fn open(backend: B, folder: &Path) -> Result<Self> {
        let config = EncoderConfig::parse(&read(folder, "config.json")?)?;
        let json = read(folder, "sentence_bert_config.json")?;
        let sentences: Sentences = serde_json::from_slice(&json)
            .map_err(|error| Error::malformed(format!("sentence_bert_config.json: {error}")))?;
        let vocabulary =
            Vocabulary::parse(&read(folder, "tokenizer.json")?, Some(sentences.max_seq_length))?;
        let encoder = Encoder::new(backend, config, &Weights::read(folder)?)?;
        Ok(Embedder { vocabulary, encoder })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.encoder.width()
    }

    /// A vector of length 1 for each text. What a long text says after the
    /// model's limit is not seen.
    ///
    /// # Errors
    /// If a text cannot be taken apart, or the backend fails.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let tokens: Vec<_> =
            texts.iter().map(|text| self.vocabulary.tokens(text)).collect::<Result<_>>()?;
        let mut vectors = Vec::with_capacity(texts.len());
        let (mut together, mut count): (Vec<&[u32]>, _) = (Vec::new(), 0);
        for tokens in &tokens {
            if count + tokens.len() > TOKENS_TOGETHER {
                vectors.extend(self.encoder.embed(&together)?);
                (together, count) = (Vec::new(), 0);
            }
            together.push(tokens);
            count += tokens.len();
        }
        vectors.extend(self.encoder.embed(&together)?);
        Ok(vectors)
    }
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    fs::read(&path).map_err(|reason| Error::File { path: path.display().to_string(), reason })
}
