//! A layer of a decoder.

use crate::backend::{Backend, Keys};
use crate::error::Result;
use crate::weights::Weights;

use super::config::{DecoderConfig, Names};

#[derive(Debug)]
pub(super) struct Layer<B: Backend> {
    attention_norm: B::Tensor,
    query: B::Matrix,
    key: B::Matrix,
    value: B::Matrix,
    out: B::Matrix,
    norm: B::Tensor,
    gate: B::Matrix,
    up: B::Matrix,
    down: B::Matrix,
}

/// Keys and values of the tokens that were read, with room for more.
#[derive(Debug)]
pub(super) struct Cache<B: Backend> {
    keys: B::Tensor,
    values: B::Tensor,
}

impl<B: Backend> Cache<B> {
    pub(super) fn new(backend: &B, config: &DecoderConfig, tokens_max: usize) -> Result<Self> {
        let columns = config.heads.keys * config.heads.size;
        let zeros = vec![0.0; tokens_max * columns];
        let keys = backend.tensor(columns, &zeros)?;
        Ok(Cache { keys, values: backend.tensor(columns, &zeros)? })
    }
}

impl<B: Backend> Layer<B> {
    pub(super) fn new(
        backend: &B,
        config: &DecoderConfig,
        weights: &Weights,
        number: usize,
    ) -> Result<Self> {
        let names = Names::of(weights);
        let (width, inner) = (config.width, config.inner);
        let own = config.heads.queries * config.heads.size;
        let shared = config.heads.keys * config.heads.size;
        let matrix = |part: &str, rows, columns| {
            backend.matrix(weights.matrix(&names.in_layer(number, part), rows, columns)?)
        };
        let vector = |part: &str| {
            backend.tensor(width, &weights.vector(&names.in_layer(number, part), width)?)
        };
        Ok(Layer {
            attention_norm: vector(names.attention_norm)?,
            query: matrix(names.query, own, width)?,
            key: matrix(names.key, shared, width)?,
            value: matrix(names.value, shared, width)?,
            out: matrix(names.mixed, width, own)?,
            norm: vector(names.inner_norm)?,
            gate: matrix(names.gate, inner, width)?,
            up: matrix(names.up, inner, width)?,
            down: matrix(names.down, width, inner)?,
        })
    }

    /// Reads `count` tokens, of which the first is at `position`.
    pub(super) fn run(
        &self,
        b: &B,
        config: &DecoderConfig,
        x: B::Tensor,
        cache: &mut Cache<B>,
        position: usize,
        count: usize,
    ) -> Result<B::Tensor> {
        let y = b.rms_norm(&x, &self.attention_norm, config.epsilon);
        let query = b.rope(&b.linear(&y, &self.query, None), position, config.rope);
        let key = b.rope(&b.linear(&y, &self.key, None), position, config.rope);
        b.write_rows(&mut cache.keys, position, &key);
        b.write_rows(&mut cache.values, position, &b.linear(&y, &self.value, None));
        // Each sees itself and all before.
        let seen = (position..position + count).map(|at| Keys { first: 0, count: at as u32 + 1 });
        let seen: Vec<_> = seen.collect();
        let mixed = b.attention(&query, &cache.keys, &cache.values, config.heads, &seen)?;
        let x = b.add(&x, &b.linear(&mixed, &self.out, None));
        let y = b.rms_norm(&x, &self.norm, config.epsilon);
        let inner = b.swiglu(&b.linear(&y, &self.gate, None), &b.linear(&y, &self.up, None));
        Ok(b.add(&x, &b.linear(&inner, &self.down, None)))
    }
}
