//! What a model needs of whatever computes it.

use std::ops::Range;

use crate::error::Result;
use crate::weights::Stored;

/// Computes with matrices of `f32`, of which each row belongs to one token.
///
/// Operations answer new tensors. They panic if shapes do not fit, which is a
/// mistake of the model's code: what files say is checked when a model is
/// loaded. What else goes wrong, [`read`](Backend::read) answers.
pub trait Backend {
    /// Weights that tokens are multiplied with: a row for each output.
    type Matrix: std::fmt::Debug;
    /// What is computed.
    type Tensor: std::fmt::Debug;

    /// Takes weights in.
    ///
    /// # Errors
    /// If there is no room for them.
    fn matrix(&self, weights: &Stored) -> Result<Self::Matrix>;

    /// Takes numbers in, `columns` for each row.
    ///
    /// # Errors
    /// If there is no room for them.
    fn tensor(&self, columns: usize, numbers: &[f32]) -> Result<Self::Tensor>;

    /// The numbers, row after row, when they are there.
    ///
    /// # Errors
    /// If something that led to them went wrong.
    fn read(&self, tensor: &Self::Tensor) -> Result<Vec<f32>>;

    /// A row of the matrix for each index.
    ///
    /// # Errors
    /// If there is no room for the indices.
    fn gather(&self, matrix: &Self::Matrix, rows: &[u32]) -> Result<Self::Tensor>;

    /// A copy of some rows.
    fn rows(&self, tensor: &Self::Tensor, rows: Range<usize>) -> Self::Tensor;

    /// Overwrites rows of `into`, from row `at` on.
    fn write_rows(&self, into: &mut Self::Tensor, at: usize, rows: &Self::Tensor);

    /// Each token multiplied with each row of the matrix, plus the bias.
    fn linear(
        &self,
        tokens: &Self::Tensor,
        matrix: &Self::Matrix,
        bias: Option<&Self::Tensor>,
    ) -> Self::Tensor;

    /// The sum.
    fn add(&self, left: &Self::Tensor, right: &Self::Tensor) -> Self::Tensor;

    /// Rows with mean 0 and variance 1, scaled and shifted.
    fn layer_norm(
        &self,
        tokens: &Self::Tensor,
        scale: &Self::Tensor,
        shift: &Self::Tensor,
        epsilon: f32,
    ) -> Self::Tensor;

    /// Rows with mean square 1, scaled.
    fn rms_norm(&self, tokens: &Self::Tensor, scale: &Self::Tensor, epsilon: f32) -> Self::Tensor;

    /// GELU, with the error function.
    fn gelu(&self, tokens: &Self::Tensor) -> Self::Tensor;

    /// SwiGLU: `silu(gate) * up`.
    fn swiglu(&self, gate: &Self::Tensor, up: &Self::Tensor) -> Self::Tensor;

    /// Turns pairs of each head by the token's position; the first row is at
    /// `position`.
    fn rope(&self, tokens: &Self::Tensor, position: usize, rope: Rope) -> Self::Tensor;

    /// Attention: for each query and head, the mean of `values` by how well
    /// their keys match. `seen` says for each query which keys it sees.
    ///
    /// # Errors
    /// If there is no room for `seen`.
    fn attention(
        &self,
        queries: &Self::Tensor,
        keys: &Self::Tensor,
        values: &Self::Tensor,
        heads: Heads,
        seen: &[Keys],
    ) -> Result<Self::Tensor>;
}

/// How the columns of queries and keys are divided.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Heads of the queries.
    pub queries: usize,
    /// Heads of the keys and values; each serves as many of the queries'.
    pub keys: usize,
    /// Columns of one head.
    pub size: usize,
}

impl Heads {
    /// What scores are multiplied with.
    pub fn scale(self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }
}

/// Consecutive keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// The first.
    pub first: u32,
    /// How many; at least one.
    pub count: u32,
}

/// Rotary position embedding.
#[derive(Clone, Copy, Debug)]
pub struct Rope {
    /// Columns of one head.
    pub head_size: usize,
    /// The base of the frequencies.
    pub base: f32,
    /// Which columns are turned together.
    pub pairing: Pairing,
}

impl Rope {
    /// How far pair `pair` turns at each step, in radians.
    pub fn frequency(self, pair: usize) -> f64 {
        f64::from(self.base).powf(-2.0 * pair as f64 / self.head_size as f64)
    }

    /// The two columns of a pair, in its head.
    pub fn columns(self, pair: usize) -> (usize, usize) {
        match self.pairing {
            Pairing::Neighbours => (2 * pair, 2 * pair + 1),
            Pairing::Halves => (pair, pair + self.head_size / 2),
        }
    }
}

/// Which columns of a head are turned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Each with the next: as GGUF files of LLaMA have them.
    Neighbours,
    /// Each with the one half a head on: as Hugging Face has them.
    Halves,
}
