//! GGUF files, versions 2 and 3: numbers are little-endian; after the magic
//! come counts, metadata, where each tensor is, and, aligned, their bytes.
//!
//! Written here because the crates that read it are either parts of whole
//! frameworks or trust what a file says about its own lengths.

use std::collections::HashMap;

use bytes::{Buf as _, Bytes};

use super::{Kind, Stored};
use crate::error::{Error, Result};

/// What a file begins with.
pub(super) const MAGIC: &[u8] = b"GGUF";

/// Where tensors begin is a multiple of this, unless the file says another.
const ALIGNMENT: u32 = 32;

/// More dimensions than this no tensor has.
const DIMENSIONS_MAX: u32 = 4;

/// A value in a file's metadata. Arrays are only of text, or of numbers that
/// are then wide.
#[derive(Clone, Debug, PartialEq)]
pub enum Meta {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// Several.
    List(Vec<Meta>),
}

impl Meta {
    /// The size or count that it is.
    pub fn size(&self) -> Option<usize> {
        match self {
            Meta::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self {
            Meta::Int(number) => Some(*number as f64),
            Meta::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        match self {
            Meta::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list that it is.
    pub fn list(&self) -> Option<&[Meta]> {
        match self {
            Meta::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The tensors and the metadata of a file.
pub(super) fn parse(file: &Bytes) -> Result<(HashMap<String, Stored>, HashMap<String, Meta>)> {
    let mut reader = Reader { rest: file.clone() };
    reader.take(MAGIC.len())?;
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(Error::unsupported(format!("gguf version {version} is not 2 or 3")));
    }
    let (tensor_count, meta_count) = (reader.u64()?, reader.u64()?);
    let mut meta = HashMap::new();
    for _ in 0..meta_count {
        let key = reader.text()?;
        let kind = reader.u32()?;
        meta.insert(key, reader.value(kind)?);
    }
    let mut places = Vec::new();
    for _ in 0..tensor_count {
        places.push(reader.place()?);
    }
    let alignment = match meta.get("general.alignment") {
        Some(value) => value.size().filter(|size| size.is_power_of_two()),
        None => Some(ALIGNMENT as usize),
    };
    let alignment = alignment.ok_or_else(|| Error::malformed("gguf: no such alignment"))?;
    let start = (file.len() - reader.rest.len()).next_multiple_of(alignment);
    let mut tensors = HashMap::new();
    for place in places {
        let (name, stored) = place.find(file, start)?;
        tensors.insert(name, stored);
    }
    Ok((tensors, meta))
}

/// Where a tensor is.
struct Place {
    name: String,
    kind: u32,
    /// The columns first.
    dimensions: Vec<usize>,
    offset: usize,
}

impl Place {
    fn find(mut self, file: &Bytes, start: usize) -> Result<(String, Stored)> {
        let name = self.name;
        let kind = match self.kind {
            0 => Kind::F32,
            1 => Kind::F16,
            2 => Kind::Q4_0,
            3 => Kind::Q4_1,
            8 => Kind::Q8_0,
            30 => Kind::Bf16,
            other => {
                return Err(Error::unsupported(format!(
                    "tensor {name} is of gguf kind {other}; F32, F16, BF16, Q4_0, Q4_1 and Q8_0 \
                     can be read"
                )));
            }
        };
        self.dimensions.reverse();
        let columns = self.dimensions.last().copied();
        let length = columns.and_then(|columns| {
            let rows = self.dimensions[..self.dimensions.len() - 1].iter();
            rows.copied().try_fold(kind.row_bytes(columns)?, usize::checked_mul)
        });
        let range = length.and_then(|length| {
            let first = start.checked_add(self.offset)?;
            Some(first..first.checked_add(length)?).filter(|range| range.end <= file.len())
        });
        let stored = range.and_then(|range| Stored::new(kind, &self.dimensions, file.slice(range)));
        let stored = stored
            .ok_or_else(|| Error::malformed(format!("gguf: tensor {name} is not in the file")))?;
        Ok((name, stored))
    }
}

/// Reads from the front of what is left.
struct Reader {
    rest: Bytes,
}

impl Reader {
    fn take(&mut self, length: usize) -> Result<Bytes> {
        if length > self.rest.len() {
            return Err(Error::malformed("gguf: the file ends too early"));
        }
        Ok(self.rest.split_to(length))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(self.take(4)?.get_u32_le())
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(self.take(8)?.get_u64_le())
    }

    fn size(&mut self) -> Result<usize> {
        usize::try_from(self.u64()?).map_err(|_| Error::malformed("gguf: a length is too large"))
    }

    fn text(&mut self) -> Result<String> {
        let length = self.size()?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.into()).map_err(|_| Error::malformed("gguf: text is not UTF-8"))
    }

    fn value(&mut self, kind: u32) -> Result<Meta> {
        if kind != 9 {
            return self.scalar(kind);
        }
        let (kind, length) = (self.u32()?, self.u64()?);
        // Grows with what is read, whatever the file says the length is.
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(self.scalar(kind)?);
        }
        Ok(Meta::List(list))
    }

    fn scalar(&mut self, kind: u32) -> Result<Meta> {
        Ok(match kind {
            0 => Meta::Int(self.take(1)?.get_u8().into()),
            1 => Meta::Int(self.take(1)?.get_i8().into()),
            2 => Meta::Int(self.take(2)?.get_u16_le().into()),
            3 => Meta::Int(self.take(2)?.get_i16_le().into()),
            4 => Meta::Int(self.u32()?.into()),
            5 => Meta::Int(self.take(4)?.get_i32_le().into()),
            6 => Meta::Float(self.take(4)?.get_f32_le().into()),
            7 => Meta::Bool(self.take(1)?.get_u8() != 0),
            8 => Meta::Text(self.text()?),
            10 => Meta::Int(self.u64()?.cast_signed()),
            11 => Meta::Int(self.take(8)?.get_i64_le()),
            12 => Meta::Float(self.take(8)?.get_f64_le()),
            other => return Err(Error::malformed(format!("gguf: no value has kind {other}"))),
        })
    }

    fn place(&mut self) -> Result<Place> {
        let (name, count) = (self.text()?, self.u32()?);
        if count > DIMENSIONS_MAX {
            return Err(Error::malformed(format!("gguf: tensor {name} has {count} dimensions")));
        }
        let mut dimensions = Vec::new();
        for _ in 0..count {
            dimensions.push(self.size()?);
        }
        Ok(Place { name, kind: self.u32()?, dimensions, offset: self.size()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mut write: impl FnMut(&mut Vec<u8>)) -> Bytes {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(3_u32.to_le_bytes());
        write(&mut bytes);
        Bytes::from(bytes)
    }

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    /// A file with one value and one tensor of two rows and one column.
    fn whole() -> Bytes {
        file(|bytes| {
            bytes.extend([1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
            text(bytes, "key");
            bytes.extend(8_u32.to_le_bytes());
            text(bytes, "value");
            text(bytes, "w");
            bytes.extend(2_u32.to_le_bytes());
            bytes.extend([1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
            bytes.extend(0_u32.to_le_bytes());
            bytes.extend(0_u64.to_le_bytes());
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend([1.5_f32.to_le_bytes(), 2.5_f32.to_le_bytes()].concat());
        })
    }

    #[test]
    fn tensors_and_values_are_found() {
        let (tensors, meta) = parse(&whole()).unwrap();
        assert_eq!(meta["key"].text(), Some("value"));
        let mut row = [0.0];
        tensors["w"].row(1, &mut row);
        assert_eq!((tensors["w"].rows(), row), (2, [2.5]));
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let whole = whole();
        for length in MAGIC.len()..whole.len() {
            assert!(parse(&whole.slice(..length)).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn impossible_lengths_are_errors_and_take_no_memory() {
        for bytes in [[0xFF; 16].as_slice(), &[0xFF; 64]] {
            assert!(parse(&file(|file| file.extend(bytes))).is_err());
        }
        let list = file(|bytes| {
            bytes.extend([0_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
            text(bytes, "list");
            bytes.extend([9_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat());
            bytes.extend(u64::MAX.to_le_bytes());
        });
        assert!(parse(&list).is_err());
    }
}
