//! Other inputs from valid ones.

use fastrand::Rng;

/// Longer inputs say nothing more.
const LENGTH_MAX: usize = 4_096;

/// Numbers at which code has its borders, as bytes.
const BORDERS: [&[u8]; 8] = [
    &[0],
    &[0x7f],
    &[0x80, 0x01],
    &[0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xc3, 0x28],
];

/// A changed copy of one of the inputs, at times with a part of another; now
/// and then nothing but noise.
pub fn mutated(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let some = |rng: &mut Rng| rng.choice(inputs).cloned().unwrap_or_default();
    if rng.u32(0..50) == 0 {
        return (0..rng.usize(0..200)).map(|_| rng.u8(..)).collect();
    }
    let mut data = some(rng);
    for _ in 0..rng.u32(1..6) {
        let at = rng.usize(0..=data.len());
        let end = rng.usize(at..=data.len());
        match rng.u32(0..8) {
            0 if at < data.len() => data[at] ^= 1 << rng.u32(0..8),
            1 if at < data.len() => data[at] = rng.u8(..),
            2 => drop(data.drain(at..end)),
            3 => data.truncate(at),
            4 => {
                let copy = data[at..end].to_vec();
                data.splice(at..at, copy);
            }
            5 => {
                let border = rng.choice(BORDERS).unwrap_or(&[0]);
                let end = (at + rng.usize(0..=border.len())).min(data.len());
                data.splice(at..end, border.iter().copied());
            }
            6 => {
                let other = some(rng);
                let from = rng.usize(0..=other.len());
                let to = rng.usize(from..=other.len());
                data.splice(at..end, other[from..to].iter().copied());
            }
            _ => data.insert(at, rng.u8(..)),
        }
        data.truncate(LENGTH_MAX);
    }
    data
}
