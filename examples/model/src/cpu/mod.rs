//! Computing in this program.

pub(crate) mod kernels;

use std::ops::Range;

use crate::backend::{Backend, Heads, Keys, Rope};
use crate::error::Result;
use crate::weights::{Multiplier, Stored};

/// Computes in this program, on one thread, four numbers at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

/// From so many tokens on, each row of a matrix is decoded once for all.
const TOGETHER_MIN: usize = 4;

/// Numbers in rows.
#[derive(Clone, Debug)]
pub struct Numbers {
    columns: usize,
    data: Vec<f32>,
}

impl Numbers {
    fn zeros(rows: usize, columns: usize) -> Self {
        Numbers { columns, data: vec![0.0; rows * columns] }
    }

    fn count(&self) -> usize {
        self.data.len() / self.columns
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns..][..self.columns]
    }

    fn each(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.columns)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut(self.columns)
    }

    fn same(&self, data: Vec<f32>) -> Self {
        Numbers { columns: self.columns, data }
    }
}

impl Backend for Cpu {
    type Matrix = Stored;
    type Tensor = Numbers;

    fn matrix(&self, weights: &Stored) -> Result<Stored> {
        Ok(weights.clone())
    }

    fn tensor(&self, columns: usize, numbers: &[f32]) -> Result<Numbers> {
        assert!(numbers.len().is_multiple_of(columns), "rows are whole");
        Ok(Numbers { columns, data: numbers.to_vec() })
    }

    fn read(&self, tensor: &Numbers) -> Result<Vec<f32>> {
        Ok(tensor.data.clone())
    }

    fn gather(&self, matrix: &Stored, rows: &[u32]) -> Result<Numbers> {
        let mut out = Numbers::zeros(rows.len(), matrix.columns());
        for (row, into) in rows.iter().zip(out.each_mut()) {
            matrix.row(*row as usize, into);
        }
        Ok(out)
    }

    fn rows(&self, tensor: &Numbers, rows: Range<usize>) -> Numbers {
        let range = rows.start * tensor.columns..rows.end * tensor.columns;
        tensor.same(tensor.data[range].to_vec())
    }

    fn write_rows(&self, into: &mut Numbers, at: usize, rows: &Numbers) {
        assert_eq!(into.columns, rows.columns, "rows are equally long");
        into.data[at * rows.columns..][..rows.data.len()].copy_from_slice(&rows.data);
    }

    fn linear(&self, tokens: &Numbers, matrix: &Stored, bias: Option<&Numbers>) -> Numbers {
        assert_eq!(tokens.columns, matrix.columns(), "tokens fit the matrix");
        let mut out = Numbers::zeros(tokens.count(), matrix.rows());
        if tokens.count() < TOGETHER_MIN {
            for (token, out) in tokens.each().zip(out.each_mut()) {
                let mut multiplier = Multiplier::new(token);
                for (row, out) in out.iter_mut().enumerate() {
                    *out = multiplier.product(matrix, row);
                }
            }
        } else {
            all_together(tokens, matrix, &mut out);
        }
        if let Some(bias) = bias {
            out.each_mut().for_each(|token| kernels::add(token, &bias.data));
        }
        out
    }

    fn add(&self, left: &Numbers, right: &Numbers) -> Numbers {
        assert_eq!(left.data.len(), right.data.len(), "there are as many of both");
        let mut out = left.clone();
        kernels::add(&mut out.data, &right.data);
        out
    }

    fn layer_norm(
        &self,
        tokens: &Numbers,
        scale: &Numbers,
        shift: &Numbers,
        epsilon: f32,
    ) -> Numbers {
        let mut out = tokens.clone();
        let each = out.each_mut();
        each.for_each(|token| kernels::layer_norm(token, &scale.data, &shift.data, epsilon));
        out
    }

    fn rms_norm(&self, tokens: &Numbers, scale: &Numbers, epsilon: f32) -> Numbers {
        let mut out = tokens.clone();
        out.each_mut().for_each(|token| kernels::rms_norm(token, &scale.data, epsilon));
        out
    }

    fn gelu(&self, tokens: &Numbers) -> Numbers {
        let gelu = |x: &f32| 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
        tokens.same(tokens.data.iter().map(gelu).collect())
    }

    fn swiglu(&self, gate: &Numbers, up: &Numbers) -> Numbers {
        assert_eq!(gate.data.len(), up.data.len(), "there are as many of both");
        let each = gate.data.iter().zip(&up.data);
        gate.same(each.map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect())
    }

    fn rope(&self, tokens: &Numbers, position: usize, rope: Rope) -> Numbers {
        let frequencies: Vec<_> =
            (0..rope.head_size / 2).map(|pair| rope.frequency(pair)).collect();
        let mut out = tokens.clone();
        for (row, token) in out.each_mut().enumerate() {
            for (pair, frequency) in frequencies.iter().enumerate() {
                let (sin, cos) = ((position + row) as f64 * frequency).sin_cos();
                let (sin, cos) = (sin as f32, cos as f32);
                let (first, second) = rope.columns(pair);
                for head in token.chunks_exact_mut(rope.head_size) {
                    let (a, b) = (head[first], head[second]);
                    head[first] = a * cos - b * sin;
                    head[second] = a * sin + b * cos;
                }
            }
        }
        out
    }

    fn attention(
        &self,
        queries: &Numbers,
        keys: &Numbers,
        values: &Numbers,
        heads: Heads,
        seen: &[Keys],
    ) -> Result<Numbers> {
        assert_eq!(seen.len(), queries.count(), "each query sees something");
        let mut out = Numbers::zeros(queries.count(), queries.columns);
        let shared = heads.queries / heads.keys;
        let mut scores = Vec::new();
        for (index, (seen, out)) in seen.iter().zip(out.each_mut()).enumerate() {
            let query = queries.row(index);
            let range = seen.first as usize..(seen.first + seen.count) as usize;
            for head in 0..heads.queries {
                let own = head * heads.size..(head + 1) * heads.size;
                let column = head / shared * heads.size;
                let part =
                    |row: usize, of| -> &[f32] { &Numbers::row(of, row)[column..][..heads.size] };
                scores.clear();
                scores.extend(
                    range
                        .clone()
                        .map(|key| part(key, keys))
                        .map(|key| kernels::dot(&query[own.clone()], key) * heads.scale()),
                );
                kernels::softmax(&mut scores);
                let into = &mut out[own];
                for (score, value) in scores.iter().zip(range.clone().map(|key| part(key, values)))
                {
                    kernels::add_scaled(into, *score, value);
                }
            }
        }
        Ok(out)
    }
}

fn all_together(tokens: &Numbers, matrix: &Stored, out: &mut Numbers) {
    let mut row = vec![0.0; matrix.columns()];
    let mut answers = vec![0.0; tokens.count()];
    for output in 0..matrix.rows() {
        matrix.row(output, &mut row);
        kernels::dots(&row, &tokens.data, &mut answers);
        for (token, answer) in out.each_mut().zip(&answers) {
            token[output] = *answer;
        }
    }
}
