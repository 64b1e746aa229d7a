//! Sentence encoders: BERT, whose hidden states are averaged to one vector of
//! length 1.

use serde::Deserialize;

use crate::backend::{Backend, Heads, Keys};
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Dimensions, as `config.json` has them.
#[derive(Clone, Debug, Deserialize)]
pub struct EncoderConfig {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    layer_norm_eps: f32,
    hidden_act: String,
}

impl EncoderConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// If it is not one of a BERT that can be run here.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(json)
            .map_err(|error| Error::malformed(format!("config.json is not BERT's: {error}")))?;
        let heads = config.num_attention_heads;
        if heads == 0 || config.hidden_size == 0 || !config.hidden_size.is_multiple_of(heads) {
            let width = config.hidden_size;
            return Err(Error::malformed(format!("{width} columns are not {heads} heads")));
        }
        if config.hidden_act != "gelu" {
            let name = config.hidden_act;
            return Err(Error::unsupported(format!("activation {name:?} is not gelu")));
        }
        Ok(config)
    }
}

/// A sentence encoder.
#[derive(Debug)]
pub struct Encoder<B: Backend> {
    backend: B,
    config: EncoderConfig,
    words: B::Matrix,
    positions: B::Matrix,
    /// Only the first is used: a text here is one segment.
    segments: B::Matrix,
    norm: Norm<B>,
    layers: Vec<Layer<B>>,
}

#[derive(Debug)]
struct Layer<B: Backend> {
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    out: Linear<B>,
    attention_norm: Norm<B>,
    up: Linear<B>,
    down: Linear<B>,
    norm: Norm<B>,
}

#[derive(Debug)]
struct Linear<B: Backend> {
    matrix: B::Matrix,
    bias: B::Tensor,
}

#[derive(Debug)]
struct Norm<B: Backend> {
    scale: B::Tensor,
    shift: B::Tensor,
}

impl<B: Backend> Encoder<B> {
    /// Takes the weights in.
    ///
    /// # Errors
    /// If they are not as the configuration says, or do not fit.
    pub fn new(backend: B, config: EncoderConfig, weights: &Weights) -> Result<Self> {
        // Some files name everything from the top of a larger model.
        let prefix =
            if weights.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
        let loader = Loader { backend: &backend, weights, prefix };
        let width = config.hidden_size;
        let matrix = |name: &str, rows| {
            loader.matrix(&format!("embeddings.{name}_embeddings.weight"), rows, width)
        };
        let words = matrix("word", config.vocab_size)?;
        let positions = matrix("position", config.max_position_embeddings)?;
        let segments = matrix("token_type", config.type_vocab_size)?;
        let norm = loader.norm("embeddings.LayerNorm", width)?;
        let layers = (0..config.num_hidden_layers).map(|number| loader.layer(number, &config));
        let layers = layers.collect::<Result<_>>()?;
        Ok(Encoder { words, positions, segments, norm, layers, config, backend })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// A vector of length 1 for each sentence, which is given by its tokens.
    /// All are computed together, however long each is.
    ///
    /// # Errors
    /// If a sentence is empty or too long, or has tokens that the model does
    /// not know, or the backend fails.
    pub fn embed(&self, sentences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let most = self.config.max_position_embeddings;
        let (mut tokens, mut places, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for sentence in sentences {
            if sentence.len() > most || sentence.is_empty() {
                return Err(Error::TooLong { tokens: sentence.len(), most });
            }
            let keys = Keys { first: tokens.len() as u32, count: sentence.len() as u32 };
            seen.extend(sentence.iter().map(|_| keys));
            places.extend(0..sentence.len() as u32);
            tokens.extend_from_slice(sentence);
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.config.vocab_size)
        {
            return Err(Error::malformed(format!("the model has no token {token}")));
        }
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let states = self.states(&tokens, &places, &seen)?;
        let mut rows = states.chunks_exact(self.width());
        Ok(sentences
            .iter()
            .map(|sentence| mean_direction(rows.by_ref().take(sentence.len()), self.width()))
            .collect())
    }

    /// What the last layer says of each token.
    fn states(&self, tokens: &[u32], places: &[u32], seen: &[Keys]) -> Result<Vec<f32>> {
        let (b, config) = (&self.backend, &self.config);
        let count = config.num_attention_heads;
        let heads = Heads { queries: count, keys: count, size: config.hidden_size / count };
        let mut x = b.add(&b.gather(&self.words, tokens)?, &b.gather(&self.positions, places)?);
        x = b.add(&x, &b.gather(&self.segments, &vec![0; tokens.len()])?);
        x = self.norm(&self.norm, &x);
        for layer in &self.layers {
            let [query, key, value] =
                [&layer.query, &layer.key, &layer.value].map(|linear| self.linear(linear, &x));
            let mixed = b.attention(&query, &key, &value, heads, seen)?;
            x = self.norm(&layer.attention_norm, &b.add(&x, &self.linear(&layer.out, &mixed)));
            let up = b.gelu(&self.linear(&layer.up, &x));
            x = self.norm(&layer.norm, &b.add(&x, &self.linear(&layer.down, &up)));
        }
        b.read(&x)
    }

    fn linear(&self, linear: &Linear<B>, x: &B::Tensor) -> B::Tensor {
        self.backend.linear(x, &linear.matrix, Some(&linear.bias))
    }

    fn norm(&self, norm: &Norm<B>, x: &B::Tensor) -> B::Tensor {
        self.backend.layer_norm(x, &norm.scale, &norm.shift, self.config.layer_norm_eps)
    }
}

/// The direction of the mean of some rows.
fn mean_direction<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; width];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|x| *x /= length);
    sum
}

/// Takes weights from a file into a backend.
struct Loader<'a, B> {
    backend: &'a B,
    weights: &'a Weights,
    prefix: &'static str,
}

impl<B: Backend> Loader<'_, B> {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<B::Matrix> {
        let name = format!("{}{name}", self.prefix);
        self.backend.matrix(self.weights.matrix(&name, rows, columns)?)
    }

    fn vector(&self, name: &str, length: usize) -> Result<B::Tensor> {
        let numbers = self.weights.vector(&format!("{}{name}", self.prefix), length)?;
        self.backend.tensor(length, &numbers)
    }

    fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear<B>> {
        let matrix = self.matrix(&format!("{name}.weight"), rows, columns)?;
        Ok(Linear { matrix, bias: self.vector(&format!("{name}.bias"), rows)? })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm<B>> {
        let scale = self.vector(&format!("{name}.weight"), width)?;
        Ok(Norm { scale, shift: self.vector(&format!("{name}.bias"), width)? })
    }

    fn layer(&self, number: usize, config: &EncoderConfig) -> Result<Layer<B>> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |name: &str, rows, columns| {
            self.linear(&format!("encoder.layer.{number}.{name}"), rows, columns)
        };
        let norm = |name: &str| self.norm(&format!("encoder.layer.{number}.{name}"), width);
        Ok(Layer {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            out: linear("attention.output.dense", width, width)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense", inner, width)?,
            down: linear("output.dense", width, inner)?,
            norm: norm("output.LayerNorm")?,
        })
    }
}
