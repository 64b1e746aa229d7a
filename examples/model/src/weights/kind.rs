//! How numbers are encoded.

use half::{bf16, f16};

use crate::lanes::Lanes;

/// Numbers that a block of a quantised kind encodes.
pub(super) const BLOCK: usize = 32;

/// Half a block, which is as many bytes of a kind with 4 bits.
const HALF: usize = BLOCK / 2;

/// An encoding of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Blocks of 32: a scale, and 4 bits for each number, less 8.
    Q4_0,
    /// Blocks of 32: a scale, a minimum, and 4 bits for each number.
    Q4_1,
    /// Blocks of 32: a scale, and 8 bits for each number.
    Q8_0,
}

impl Kind {
    /// Bytes of a row; none if it cannot be so long.
    pub(super) fn row_bytes(self, columns: usize) -> Option<usize> {
        let (numbers, bytes) = match self {
            Kind::F32 => (1, 4),
            Kind::F16 | Kind::Bf16 => (1, 2),
            Kind::Q4_0 => (BLOCK, 2 + BLOCK / 2),
            Kind::Q4_1 => (BLOCK, 4 + BLOCK / 2),
            Kind::Q8_0 => (BLOCK, 2 + BLOCK),
        };
        columns.is_multiple_of(numbers).then_some(columns / numbers)?.checked_mul(bytes)
    }

    /// Decodes a row.
    #[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
    pub(super) fn decode(self, row: &[u8], into: &mut [f32]) {
        match self {
            Kind::F32 => {
                for (number, bytes) in into.iter_mut().zip(row.as_chunks().0) {
                    *number = f32::from_le_bytes(*bytes);
                }
            }
            Kind::F16 => {
                for (number, bytes) in into.iter_mut().zip(row.as_chunks().0) {
                    *number = f16::from_le_bytes(*bytes).to_f32();
                }
            }
            Kind::Bf16 => {
                for (number, bytes) in into.iter_mut().zip(row.as_chunks().0) {
                    *number = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
            Kind::Q4_0 => {
                let blocks = row.as_chunks::<{ 2 + HALF }>().0;
                for (block, numbers) in blocks.iter().zip(into.as_chunks_mut::<BLOCK>().0) {
                    let (head, bytes) = block.split_first_chunk().expect("there is a scale");
                    let scale = half(head);
                    decode_block(numbers, scale, -8.0 * scale, four_bits(last(bytes)));
                }
            }
            Kind::Q4_1 => {
                let blocks = row.as_chunks::<{ 4 + HALF }>().0;
                for (block, numbers) in blocks.iter().zip(into.as_chunks_mut::<BLOCK>().0) {
                    let (head, rest) = block.split_first_chunk().expect("there is a scale");
                    let (minimum, bytes) = rest.split_first_chunk().expect("there is a minimum");
                    decode_block(numbers, half(head), half(minimum), four_bits(last(bytes)));
                }
            }
            Kind::Q8_0 => {
                let blocks = row.as_chunks::<{ 2 + BLOCK }>().0;
                for (block, numbers) in blocks.iter().zip(into.as_chunks_mut::<BLOCK>().0) {
                    let (head, bytes) = block.split_first_chunk().expect("there is a scale");
                    let (low, high) = bytes.split_at(HALF);
                    let block = [Lanes::signed_bytes(last(low)), Lanes::signed_bytes(last(high))];
                    decode_block(numbers, half(head), 0.0, block);
                }
            }
        }
    }
}

#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
#[inline]
fn decode_block(into: &mut [f32; BLOCK], scale: f32, minimum: f32, block: [[Lanes; 4]; 2]) {
    let (scale, minimum) = (Lanes::all(scale), Lanes::all(minimum));
    for (into, lanes) in into.as_chunks_mut::<4>().0.iter_mut().zip(block.as_flattened()) {
        *into = minimum.plus(scale, *lanes).numbers();
    }
}

/// The product of a quantised row with a token, without decoding the row first;
/// none if the kind has no blocks. `sums` has, for each block, the sum of the
/// token's numbers.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn product(kind: Kind, row: &[u8], token: &[f32], sums: &[f32]) -> Option<f32> {
    let mut total = [Lanes::all(0.0); 4];
    let mut minima = 0.0;
    let each = token.as_chunks::<BLOCK>().0.iter().zip(sums);
    match kind {
        Kind::Q4_0 => {
            for (block, (token, sum)) in row.as_chunks::<{ 2 + HALF }>().0.iter().zip(each) {
                let (head, bytes) = block.split_first_chunk().expect("there is a scale");
                let scale = half(head);
                minima -= 8.0 * scale * sum;
                add_product(&mut total, scale, four_bits(last(bytes)), token);
            }
        }
        Kind::Q4_1 => {
            for (block, (token, sum)) in row.as_chunks::<{ 4 + HALF }>().0.iter().zip(each) {
                let (head, rest) = block.split_first_chunk().expect("there is a scale");
                let (minimum, bytes) = rest.split_first_chunk().expect("there is a minimum");
                minima += half(minimum) * sum;
                add_product(&mut total, half(head), four_bits(last(bytes)), token);
            }
        }
        Kind::Q8_0 => {
            for (block, (token, _)) in row.as_chunks::<{ 2 + BLOCK }>().0.iter().zip(each) {
                let (head, bytes) = block.split_first_chunk().expect("there is a scale");
                let (low, high) = bytes.split_at(HALF);
                let numbers = [Lanes::signed_bytes(last(low)), Lanes::signed_bytes(last(high))];
                add_product(&mut total, half(head), numbers, token);
            }
        }
        Kind::F32 | Kind::F16 | Kind::Bf16 => return None,
    }
    Some(total.iter().map(|lanes| lanes.sum()).sum::<f32>() + minima)
}

/// Adds the product of a block with its part of a token.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
#[inline]
fn add_product(total: &mut [Lanes; 4], scale: f32, block: [[Lanes; 4]; 2], token: &[f32; BLOCK]) {
    let (token, _) = token.as_chunks::<4>();
    let scale = Lanes::all(scale);
    let [low, high] = block;
    for (at, total) in total.iter_mut().enumerate() {
        let product = low[at].times(Lanes::load(&token[at]));
        let product = product.plus(high[at], Lanes::load(&token[at + 4]));
        *total = total.plus(scale, product);
    }
}

/// The numbers of a block with 4 bits each: the low ones are its first half.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
#[inline]
fn four_bits(bytes: &[u8; HALF]) -> [[Lanes; 4]; 2] {
    [Lanes::low_bits(bytes), Lanes::high_bits(bytes)]
}

/// The rest of a block, whose length is known.
#[inline]
fn last(bytes: &[u8]) -> &[u8; HALF] {
    bytes.try_into().expect("half a block is left")
}

/// The number in two bytes. Those of the scales are neither infinite nor not
/// numbers, which makes it quick: their bits, shifted, are the number less so
/// many times two.
#[inline]
fn half(bytes: &[u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(*bytes));
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(kind: Kind, row: &[u8], columns: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; columns];
        kind.decode(row, &mut numbers);
        numbers
    }

    #[test]
    fn plain_kinds_are_what_they_say() {
        assert_eq!(decoded(Kind::F32, &[0, 0, 128, 63, 0, 0, 0, 192], 2), [1.0, -2.0]);
        assert_eq!(decoded(Kind::F16, &[0, 60, 0, 192], 2), [1.0, -2.0]);
        assert_eq!(decoded(Kind::Bf16, &[128, 63, 0, 192], 2), [1.0, -2.0]);
    }

    #[test]
    fn blocks_have_their_scale_and_minimum() {
        // The first byte has 1 for number 0 and 15 for number 16.
        let nibbles = [[0xF1].as_slice(), &[0; 15]].concat();
        let half = [0, 56]; // 0.5
        let row = [half.as_slice(), &[0, 192], &nibbles].concat();
        let numbers = decoded(Kind::Q4_1, &row, 32);
        assert_eq!((numbers[0], numbers[1], numbers[16]), (-1.5, -2.0, 5.5));
        let numbers = decoded(Kind::Q4_0, &[half.as_slice(), &nibbles].concat(), 32);
        assert_eq!((numbers[0], numbers[1], numbers[16]), (-3.5, -4.0, 3.5));
        let row = [half.as_slice(), &[255], &[2; 31]].concat();
        assert_eq!(decoded(Kind::Q8_0, &row, 32)[..2], [-0.5, 1.0]);
    }

    #[test]
    fn blocks_cannot_be_cut() {
        assert_eq!(Kind::Q4_1.row_bytes(64), Some(40));
        assert_eq!(Kind::Q4_1.row_bytes(33), None);
        assert_eq!(Kind::F32.row_bytes(usize::MAX), None);
    }

    #[test]
    fn a_row_need_not_be_decoded_to_be_multiplied() {
        for kind in [Kind::Q4_0, Kind::Q4_1, Kind::Q8_0] {
            let length = kind.row_bytes(2 * BLOCK).unwrap();
            let row: Vec<u8> = (0..length).map(|at| (at * 37 % 96) as u8).collect();
            let token: Vec<f32> = (0..2 * BLOCK).map(|at| (at * 5 % 7) as f32 - 3.0).collect();
            let sums: Vec<f32> = token.chunks(BLOCK).map(|part| part.iter().sum()).collect();
            let decoded = decoded(kind, &row, 2 * BLOCK);
            let plain: f32 = decoded.iter().zip(&token).map(|(a, b)| a * b).sum();
            let product = product(kind, &row, &token, &sums).unwrap();
            assert!(
                (product - plain).abs() < 1e-3 * plain.abs().max(1.0),
                "{product}, not {plain}"
            );
        }
    }

    #[test]
    fn scales_are_read_exactly() {
        for bits in (0..0x7C00_u16).chain(0x8000..0xFC00) {
            let bytes = bits.to_le_bytes();
            assert_eq!(half(&bytes).to_bits(), f16::from_le_bytes(bytes).to_f32().to_bits());
        }
    }
}
