//! The loops in which time is spent.

use crate::lanes::Lanes;

/// Tokens that are multiplied at once: a number of the row is loaded once for
/// all of them, and their sums fit the registers.
const TOKENS: usize = 4;

/// The products of a row with each of the tokens, which lie one after another.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(crate) fn dots(row: &[f32], tokens: &[f32], out: &mut [f32]) {
    let columns = row.len();
    let (together, alone) = out.as_chunks_mut::<TOKENS>();
    let (several, rest) = tokens.split_at(together.len() * TOKENS * columns);
    for (out, tokens) in together.iter_mut().zip(several.chunks_exact(TOKENS * columns)) {
        let tokens = std::array::from_fn(|token| &tokens[token * columns..][..columns]);
        *out = four_dots(row, tokens);
    }
    for (out, token) in alone.iter_mut().zip(rest.chunks_exact(columns)) {
        *out = dot(row, token);
    }
}

#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
#[inline]
fn four_dots(row: &[f32], tokens: [&[f32]; TOKENS]) -> [f32; TOKENS] {
    let (lanes, tail) = row.as_chunks::<4>();
    let [a, b, c, d] = tokens.map(|token| token.as_chunks::<4>().0);
    let mut sums = [Lanes::all(0.0); TOKENS];
    for ((((row, a), b), c), d) in lanes.iter().zip(a).zip(b).zip(c).zip(d) {
        let row = Lanes::load(row);
        sums[0] = sums[0].plus(row, Lanes::load(a));
        sums[1] = sums[1].plus(row, Lanes::load(b));
        sums[2] = sums[2].plus(row, Lanes::load(c));
        sums[3] = sums[3].plus(row, Lanes::load(d));
    }
    let mut products = sums.map(|sum| sum.sum());
    for (product, token) in products.iter_mut().zip(tokens) {
        *product += tail_dot(tail, token);
    }
    products
}

/// The product of two rows.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    // Four sums: the next addition need not wait for the last.
    let mut sums = [Lanes::all(0.0); 4];
    let (left_lanes, tail) = left.as_chunks::<4>();
    let (right_lanes, _) = right.as_chunks::<4>();
    for (left, right) in left_lanes.chunks(4).zip(right_lanes.chunks(4)) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = sum.plus(Lanes::load(left), Lanes::load(right));
        }
    }
    sums.iter().map(|sum| sum.sum()).sum::<f32>() + tail_dot(tail, right)
}

/// What is left over where a row does not end with four numbers.
#[inline]
fn tail_dot(tail: &[f32], token: &[f32]) -> f32 {
    let rest = &token[token.len() - tail.len()..];
    tail.iter().zip(rest).map(|(a, b)| a * b).sum()
}

/// Adds one row to another.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn add(into: &mut [f32], other: &[f32]) {
    for (into, other) in into.iter_mut().zip(other) {
        *into += other;
    }
}

/// Adds one row, so many times, to another.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn add_scaled(into: &mut [f32], factor: f32, other: &[f32]) {
    for (into, other) in into.iter_mut().zip(other) {
        *into += factor * other;
    }
}

/// See [`Backend::layer_norm`](crate::Backend::layer_norm).
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn layer_norm(row: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    let length = row.len() as f32;
    let mean = row.iter().sum::<f32>() / length;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / length;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for ((x, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
        *x = (*x - mean) * factor * scale + shift;
    }
}

/// See [`Backend::rms_norm`](crate::Backend::rms_norm).
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn rms_norm(row: &mut [f32], scale: &[f32], epsilon: f32) {
    let mean = dot(row, row) / row.len() as f32;
    let factor = 1.0 / (mean + epsilon).sqrt();
    for (x, scale) in row.iter_mut().zip(scale) {
        *x *= factor * scale;
    }
}

/// Turns scores into shares, whose sum is 1.
pub(super) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_the_same_for_one_token_and_for_many() {
        let numbers = |seed: u32| (0..45).map(move |i| ((i * 7 + seed) % 11) as f32 - 5.0);
        let row: Vec<f32> = numbers(1).collect();
        let tokens: Vec<f32> = (2..9).flat_map(numbers).collect();
        let mut out = [0.0; 7];
        dots(&row, &tokens, &mut out);
        for (token, product) in tokens.chunks_exact(45).zip(out) {
            let plain: f32 = row.iter().zip(token).map(|(a, b)| a * b).sum();
            assert_eq!((product, dot(&row, token)), (plain, plain));
        }
    }

    #[test]
    fn shares_sum_to_one_also_of_large_scores() {
        let mut scores = [1000.0, 1000.0, f32::MIN];
        softmax(&mut scores);
        assert_eq!(scores, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn norms_are_by_their_definition() {
        let mut row = [1.0, 3.0];
        layer_norm(&mut row, &[2.0, 2.0], &[10.0, 10.0], 0.0);
        assert_eq!(row, [8.0, 12.0]);
        let mut row = [1.0, 7.0];
        rms_norm(&mut row, &[5.0, 10.0], 0.0);
        assert_eq!(row, [1.0, 14.0]);
    }
}
