//! Tensors as files store them.

mod gguf;
mod kind;
mod safetensors;

pub use gguf::Meta;
pub use kind::Kind;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;

use crate::cpu::kernels;
use crate::error::{Error, Result};

/// The tensors of a model, by name, and what else its file says.
#[derive(Debug, Default)]
pub struct Weights {
    tensors: HashMap<String, Stored>,
    meta: HashMap<String, Meta>,
}

/// A tensor in its stored form: rows of encoded numbers.
#[derive(Clone, Debug)]
pub struct Stored {
    kind: Kind,
    rows: usize,
    columns: usize,
    bytes: Bytes,
}

impl Weights {
    /// Reads a model: a GGUF file, a safetensors file, or a folder with
    /// safetensors files.
    ///
    /// # Errors
    /// If it cannot be read, or is not what it should be.
    pub fn read(path: &Path) -> Result<Weights> {
        if !path.is_dir() {
            return Self::parse(read(path)?);
        }
        let failed = |reason| Error::File { path: path.display().to_string(), reason };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "safetensors") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(Error::malformed(format!("{} has no safetensors file", path.display())));
        }
        let mut all = Weights::default();
        for file in files {
            all.tensors.extend(Self::parse(read(&file)?)?.tensors);
        }
        Ok(all)
    }

    /// Takes a GGUF or safetensors file apart; tensors share its memory.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(file: Vec<u8>) -> Result<Weights> {
        let file = Bytes::from(file);
        if file.starts_with(gguf::MAGIC) {
            let (tensors, meta) = gguf::parse(&file)?;
            return Ok(Weights { tensors, meta });
        }
        Ok(Weights { tensors: safetensors::parse(&file)?, meta: HashMap::new() })
    }

    /// What a GGUF file says under this key.
    pub fn meta(&self, key: &str) -> Option<&Meta> {
        self.meta.get(key)
    }

    /// Whether there is this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A matrix, whose size is known.
    ///
    /// # Errors
    /// If it is not there or has another size.
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<&Stored> {
        let stored = self.tensors.get(name).ok_or_else(|| Error::Missing(name.to_owned()))?;
        if (stored.rows, stored.columns) == (rows, columns) {
            return Ok(stored);
        }
        let (is, wanted) = (vec![stored.rows, stored.columns], vec![rows, columns]);
        Err(Error::Shape { name: name.to_owned(), is, wanted })
    }

    /// The numbers of a vector, whose length is known.
    ///
    /// # Errors
    /// If it is not there or has another length.
    pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let stored = self.matrix(name, 1, length)?;
        let mut numbers = vec![0.0; length];
        stored.row(0, &mut numbers);
        Ok(numbers)
    }
}

impl Stored {
    /// A tensor of these bytes; the last dimension is the columns.
    fn new(kind: Kind, dimensions: &[usize], bytes: Bytes) -> Option<Stored> {
        let (columns, rest) = dimensions.split_last()?;
        let rows = rest.iter().try_fold(1_usize, |rows, length| rows.checked_mul(*length))?;
        let wanted = kind.row_bytes(*columns)?.checked_mul(rows)?;
        (bytes.len() == wanted).then_some(Stored { kind, rows, columns: *columns, bytes })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many numbers a row has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Decodes one row; `into` is as long.
    pub fn row(&self, row: usize, into: &mut [f32]) {
        assert_eq!(into.len(), self.columns, "the row fits");
        self.kind.decode(self.bytes_of(row), into);
    }

    fn bytes_of(&self, row: usize) -> &[u8] {
        assert!(row < self.rows, "the row is there");
        let length = self.bytes.len() / self.rows;
        &self.bytes[row * length..][..length]
    }
}

/// Multiplies rows with one token.
pub(crate) struct Multiplier<'a> {
    token: &'a [f32],
    /// Of each block of the token.
    sums: Vec<f32>,
    decoded: Vec<f32>,
}

impl<'a> Multiplier<'a> {
    pub(crate) fn new(token: &'a [f32]) -> Self {
        let sums = token.chunks(kind::BLOCK).map(|block| block.iter().sum()).collect();
        Multiplier { token, sums, decoded: vec![0.0; token.len()] }
    }

    /// The product with one row of a matrix.
    pub(crate) fn product(&mut self, matrix: &Stored, row: usize) -> f32 {
        let stored = matrix.bytes_of(row);
        kind::product(matrix.kind, stored, self.token, &self.sums).unwrap_or_else(|| {
            matrix.kind.decode(stored, &mut self.decoded);
            kernels::dot(&self.decoded, self.token)
        })
    }
}

/// A whole file.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|reason| Error::File { path: path.display().to_string(), reason })
}
