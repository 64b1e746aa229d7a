//! Four numbers at a time.
//!
//! In a component these are the instructions of `simd128`, which every host
//! has: its compiler finds only half of them by itself. Natively they are
//! arrays, of which compilers make what the machine has. Additions are in the
//! same order in both.

/// Four numbers.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(Inner);

#[cfg(target_family = "wasm")]
type Inner = std::arch::wasm32::v128;

#[cfg(not(target_family = "wasm"))]
type Inner = [f32; 4];

#[cfg(target_family = "wasm")]
mod wasm {
    use std::arch::wasm32::*;

    use super::Lanes;

    impl Lanes {
        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn load(numbers: &[f32; 4]) -> Self {
            let [a, b, c, d] = *numbers;
            Lanes(f32x4(a, b, c, d))
        }

        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn all(number: f32) -> Self {
            Lanes(f32x4_splat(number))
        }

        /// These, and the product of two others.
        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn plus(self, left: Self, right: Self) -> Self {
            Lanes(f32x4_add(self.0, f32x4_mul(left.0, right.0)))
        }

        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn times(self, other: Self) -> Self {
            Lanes(f32x4_mul(self.0, other.0))
        }

        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn numbers(self) -> [f32; 4] {
            let lanes = self.0;
            [
                f32x4_extract_lane::<0>(lanes),
                f32x4_extract_lane::<1>(lanes),
                f32x4_extract_lane::<2>(lanes),
                f32x4_extract_lane::<3>(lanes),
            ]
        }

        /// The lower four bits of each byte.
        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn low_bits(bytes: &[u8; 16]) -> [Self; 4] {
            unsigned(v128_and(bytes_of(bytes), u8x16_splat(15)))
        }

        /// The upper four bits of each byte.
        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn high_bits(bytes: &[u8; 16]) -> [Self; 4] {
            unsigned(u8x16_shr(bytes_of(bytes), 4))
        }

        /// Each byte, which has a sign.
        #[target_feature(enable = "simd128")]
        #[inline]
        pub(crate) fn signed_bytes(bytes: &[u8; 16]) -> [Self; 4] {
            let bytes = bytes_of(bytes);
            let (low, high) = (i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
            [
                Lanes(f32x4_convert_i32x4(i32x4_extend_low_i16x8(low))),
                Lanes(f32x4_convert_i32x4(i32x4_extend_high_i16x8(low))),
                Lanes(f32x4_convert_i32x4(i32x4_extend_low_i16x8(high))),
                Lanes(f32x4_convert_i32x4(i32x4_extend_high_i16x8(high))),
            ]
        }
    }

    #[target_feature(enable = "simd128")]
    #[inline]
    fn bytes_of(bytes: &[u8; 16]) -> v128 {
        let all = i128::from_le_bytes(*bytes);
        i64x2(all as i64, (all >> 64) as i64)
    }

    #[target_feature(enable = "simd128")]
    #[inline]
    fn unsigned(bytes: v128) -> [Lanes; 4] {
        let (low, high) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
        // They are small: as signed numbers they are the same, and those are
        // converted in one instruction.
        [
            Lanes(f32x4_convert_i32x4(u32x4_extend_low_u16x8(low))),
            Lanes(f32x4_convert_i32x4(u32x4_extend_high_u16x8(low))),
            Lanes(f32x4_convert_i32x4(u32x4_extend_low_u16x8(high))),
            Lanes(f32x4_convert_i32x4(u32x4_extend_high_u16x8(high))),
        ]
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::array::from_fn;

    use super::Lanes;

    impl Lanes {
        #[inline]
        pub(crate) fn load(numbers: &[f32; 4]) -> Self {
            Lanes(*numbers)
        }

        #[inline]
        pub(crate) fn all(number: f32) -> Self {
            Lanes([number; 4])
        }

        /// These, and the product of two others.
        #[inline]
        pub(crate) fn plus(self, left: Self, right: Self) -> Self {
            Lanes(from_fn(|lane| self.0[lane] + left.0[lane] * right.0[lane]))
        }

        #[inline]
        pub(crate) fn times(self, other: Self) -> Self {
            Lanes(from_fn(|lane| self.0[lane] * other.0[lane]))
        }

        #[inline]
        pub(crate) fn numbers(self) -> [f32; 4] {
            self.0
        }

        /// The lower four bits of each byte.
        #[inline]
        pub(crate) fn low_bits(bytes: &[u8; 16]) -> [Self; 4] {
            each(|at| i32::from(bytes[at] & 15))
        }

        /// The upper four bits of each byte.
        #[inline]
        pub(crate) fn high_bits(bytes: &[u8; 16]) -> [Self; 4] {
            each(|at| i32::from(bytes[at] >> 4))
        }

        /// Each byte, which has a sign.
        #[inline]
        pub(crate) fn signed_bytes(bytes: &[u8; 16]) -> [Self; 4] {
            each(|at| i32::from(bytes[at].cast_signed()))
        }
    }

    #[inline]
    fn each(number: impl Fn(usize) -> i32) -> [Lanes; 4] {
        from_fn(|lanes| Lanes(from_fn(|lane| number(4 * lanes + lane) as f32)))
    }
}

impl Lanes {
    /// Their sum.
    #[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
    #[inline]
    pub(crate) fn sum(self) -> f32 {
        let [a, b, c, d] = self.numbers();
        (a + b) + (c + d)
    }
}
