//! Computing on a GPU, with kernels in WGSL.
//!
//! An operation only records its kernel; all that was recorded is submitted
//! when something is read. So a token costs one submission and one wait, and
//! what goes wrong in between is the error of that read.

mod kernels;
mod record;

use std::ops::Range;

use crate::backend::{Backend, Heads, Keys, Pairing, Rope};
use crate::error::{Error, Result};
use crate::weights::Stored;

use kernels::Kernels;
use record::{GROUPS_MAX, Recorder};

/// Bytes of weights that are decoded before they are written.
const DECODED_BYTES: usize = 4 << 20;

/// Numbers of one head that the kernel of attention has threads for.
const HEAD_SIZE_MAX: usize = 128;

/// Tokens from which a kernel is used that reads a weight once for several.
const TOGETHER_MIN: usize = 4;

/// Rows and columns of a tile of `products.wgsl`.
const TILE: usize = 16;

/// Numbers that a workgroup of the other kernels has threads for.
const GROUP: usize = 256;

/// Computes on a GPU.
#[derive(Debug)]
pub struct Gpu {
    recorder: Recorder,
    kernels: Kernels,
}

/// Numbers in rows, in the GPU's memory.
#[derive(Debug)]
pub struct Tensor {
    buffer: wgpu::Buffer,
    rows: usize,
    columns: usize,
}

impl Gpu {
    /// Computes on this device, whose uncaptured errors come here from now on.
    ///
    /// # Errors
    /// If a kernel does not compile.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Self> {
        let recorder = Recorder::new(device, queue);
        let kernels = Kernels::compile(device);
        recorder.check()?;
        Ok(Gpu { recorder, kernels })
    }

    fn empty(&self, rows: usize, columns: usize) -> Tensor {
        Tensor { buffer: self.recorder.buffer(rows * columns), rows, columns }
    }

    fn filled(&self, columns: usize, numbers: &[f32]) -> Tensor {
        assert!(numbers.len().is_multiple_of(columns), "rows are whole");
        let tensor = self.empty(numbers.len() / columns, columns);
        self.recorder.write(&tensor.buffer, 0, numbers);
        tensor
    }

    /// A kernel with a thread for each number of the result, which is as large
    /// as the first argument.
    fn each(
        &self,
        kernel: &wgpu::ComputePipeline,
        tensors: &[&Tensor],
        parameters: [u32; 4],
    ) -> Tensor {
        let out = self.empty(tensors[0].rows, tensors[0].columns);
        let mut buffers: Vec<_> = tensors.iter().map(|tensor| &tensor.buffer).collect();
        buffers.push(&out.buffer);
        let groups = folded((out.rows * out.columns).div_ceil(GROUP), 1);
        self.recorder.run(kernel, &buffers, parameters, groups);
        out
    }

    /// A kernel with a workgroup for each row.
    fn each_row(
        &self,
        kernel: &wgpu::ComputePipeline,
        tensors: &[&Tensor],
        epsilon: f32,
    ) -> Tensor {
        let out = self.empty(tensors[0].rows, tensors[0].columns);
        let mut buffers: Vec<_> = tensors.iter().map(|tensor| &tensor.buffer).collect();
        buffers.push(&out.buffer);
        let parameters = [out.rows as u32, out.columns as u32, epsilon.to_bits(), 0];
        self.recorder.run(kernel, &buffers, parameters, folded(out.rows, 1));
        out
    }
}

/// So many workgroups, folded where a device takes no more in one direction.
fn folded(groups: usize, deep: usize) -> [u32; 3] {
    let max = GROUPS_MAX as usize;
    [groups.min(max) as u32, groups.div_ceil(max) as u32, deep as u32]
}

impl Backend for Gpu {
    type Matrix = Tensor;
    type Tensor = Tensor;

    fn matrix(&self, weights: &Stored) -> Result<Tensor> {
        let (rows, columns) = (weights.rows(), weights.columns());
        self.recorder.check_size(rows * columns)?;
        let matrix = self.empty(rows, columns);
        let together = (DECODED_BYTES / (4 * columns)).clamp(1, rows);
        let mut decoded = vec![0.0; together * columns];
        for first in (0..rows).step_by(together) {
            let count = together.min(rows - first);
            for (row, into) in (first..).zip(decoded[..count * columns].chunks_exact_mut(columns)) {
                weights.row(row, into);
            }
            self.recorder.write(&matrix.buffer, first * columns, &decoded[..count * columns]);
        }
        self.recorder.check()?;
        Ok(matrix)
    }

    fn tensor(&self, columns: usize, numbers: &[f32]) -> Result<Tensor> {
        self.recorder.check_size(numbers.len())?;
        let tensor = self.filled(columns, numbers);
        self.recorder.check()?;
        Ok(tensor)
    }

    fn read(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        self.recorder.read(&tensor.buffer, tensor.rows * tensor.columns)
    }

    fn gather(&self, matrix: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let out = self.empty(rows.len(), matrix.columns);
        let indices = self.recorder.buffer(rows.len());
        self.recorder.write(&indices, 0, rows);
        let parameters = [out.rows as u32, out.columns as u32, 0, 0];
        let groups = folded((out.rows * out.columns).div_ceil(GROUP), 1);
        let buffers = [&matrix.buffer, &indices, &out.buffer];
        self.recorder.run(&self.kernels.gather, &buffers, parameters, groups);
        Ok(out)
    }

    fn rows(&self, tensor: &Tensor, rows: Range<usize>) -> Tensor {
        let out = self.empty(rows.len(), tensor.columns);
        let first = rows.start * tensor.columns;
        self.recorder.copy(&tensor.buffer, first, &out.buffer, 0, out.rows * out.columns);
        out
    }

    fn write_rows(&self, into: &mut Tensor, at: usize, rows: &Tensor) {
        let count = rows.rows * rows.columns;
        self.recorder.copy(&rows.buffer, 0, &into.buffer, at * into.columns, count);
    }

    fn linear(&self, tokens: &Tensor, matrix: &Tensor, bias: Option<&Tensor>) -> Tensor {
        assert_eq!(tokens.columns, matrix.columns, "tokens fit the matrix");
        let out = self.empty(tokens.rows, matrix.rows);
        let parameters = [tokens.rows as u32, matrix.rows as u32, matrix.columns as u32, 0];
        let buffers = [&tokens.buffer, &matrix.buffer, &out.buffer];
        let (kernel, groups) = if tokens.rows < TOGETHER_MIN {
            (&self.kernels.product, folded(matrix.rows, tokens.rows))
        } else {
            let [across, down] = [matrix.rows, tokens.rows].map(|it| it.div_ceil(TILE) as u32);
            (&self.kernels.products, [across, down, 1])
        };
        self.recorder.run(kernel, &buffers, parameters, groups);
        match bias {
            // Each row is as long as the bias, which is repeated.
            Some(bias) => self.add(&out, bias),
            None => out,
        }
    }

    fn add(&self, left: &Tensor, right: &Tensor) -> Tensor {
        self.each(&self.kernels.add, &[left, right], sizes(left, right))
    }

    fn layer_norm(&self, tokens: &Tensor, scale: &Tensor, shift: &Tensor, epsilon: f32) -> Tensor {
        self.each_row(&self.kernels.layer_norm, &[tokens, scale, shift], epsilon)
    }

    fn rms_norm(&self, tokens: &Tensor, scale: &Tensor, epsilon: f32) -> Tensor {
        self.each_row(&self.kernels.rms_norm, &[tokens, scale], epsilon)
    }

    fn gelu(&self, tokens: &Tensor) -> Tensor {
        self.each(&self.kernels.gelu, &[tokens], sizes(tokens, tokens))
    }

    fn swiglu(&self, gate: &Tensor, up: &Tensor) -> Tensor {
        self.each(&self.kernels.swiglu, &[gate, up], sizes(gate, up))
    }

    fn rope(&self, tokens: &Tensor, position: usize, rope: Rope) -> Tensor {
        // The GPU's own sine may be off in the fourth digit.
        let pairs = rope.head_size / 2;
        let mut turns = Vec::with_capacity(tokens.rows * rope.head_size);
        for row in 0..tokens.rows {
            for pair in 0..pairs {
                let (sin, cos) = ((position + row) as f64 * rope.frequency(pair)).sin_cos();
                turns.extend([sin as f32, cos as f32]);
            }
        }
        let turns = self.filled(rope.head_size, &turns);
        let (step, other) = match rope.pairing {
            Pairing::Neighbours => (2, 1),
            Pairing::Halves => (1, pairs as u32),
        };
        let parameters = [tokens.columns as u32, pairs as u32, step, other];
        self.each(&self.kernels.rope, &[tokens, &turns], parameters)
    }

    fn attention(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        heads: Heads,
        seen: &[Keys],
    ) -> Result<Tensor> {
        if heads.size > HEAD_SIZE_MAX {
            let size = heads.size;
            let what = format!("heads of {size} columns, more than {HEAD_SIZE_MAX}, are not built");
            return Err(Error::Unsupported(what));
        }
        let ranges: Vec<u32> = seen.iter().flat_map(|keys| [keys.first, keys.count]).collect();
        let seen = self.recorder.buffer(ranges.len());
        self.recorder.write(&seen, 0, &ranges);
        let out = self.empty(queries.rows, queries.columns);
        let buffers = [&queries.buffer, &keys.buffer, &values.buffer, &seen, &out.buffer];
        let shared = heads.queries / heads.keys;
        let [size, queries, keys, shared] =
            [heads.size, queries.columns, keys.columns, shared].map(|it| it as u32);
        let groups = [out.rows as u32, heads.queries as u32, 1];
        self.recorder.run(&self.kernels.attention, &buffers, [size, queries, keys, shared], groups);
        Ok(out)
    }
}

/// How many numbers there are, and after how many those of the other repeat.
fn sizes(one: &Tensor, other: &Tensor) -> [u32; 4] {
    [one.rows * one.columns, other.rows * other.columns, 0, 0].map(|it| it as u32)
}
