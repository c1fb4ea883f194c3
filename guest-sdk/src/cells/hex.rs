//! Bytes as hexadecimal digits, sixteen at once where there are vectors.

/// The digits of a byte.
#[inline(always)]
pub(super) fn byte(byte: u8) -> [u8; 2] {
    [digit(byte >> 4), digit(byte & 15)]
}

/// The digits of sixteen bytes.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
pub(super) fn block(bytes: [u8; 16]) -> [u8; 32] {
    use core::arch::wasm32::{i8x16_shuffle, i8x16_swizzle, u8x16, u8x16_shr, u8x16_splat, u64x2, u64x2_extract_lane, v128, v128_and};
    let digits = u8x16(
        b'0', b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'8', b'9', b'a', b'b', b'c', b'd', b'e', b'f',
    );
    let bytes = u128::from_le_bytes(bytes);
    let (first, second) = (u64::try_from(bytes & u128::from(u64::MAX)), u64::try_from(bytes >> 64));
    let bytes = u64x2(first.unwrap_or_default(), second.unwrap_or_default());
    let (upper, lower) = (u8x16_shr(bytes, 4), v128_and(bytes, u8x16_splat(15)));
    let halves = [
        i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(upper, lower),
        i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(upper, lower),
    ];
    let mut made = [0; 32];
    for (to, half) in made.as_chunks_mut::<16>().0.iter_mut().zip(halves) {
        let text: v128 = i8x16_swizzle(digits, half);
        let (first, second) = (u64x2_extract_lane::<0>(text), u64x2_extract_lane::<1>(text));
        *to = (u128::from(first) | u128::from(second) << 64).to_le_bytes();
    }
    made
}

/// The digits of sixteen bytes.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) fn block(bytes: [u8; 16]) -> [u8; 32] {
    let mut digits = [0; 32];
    for (two, one) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *two = byte(one);
    }
    digits
}

#[inline(always)]
fn digit(half: u8) -> u8 {
    half + if half < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sixteen_at_once_are_as_one_by_one() {
        for start in (0..=255_u8).step_by(16) {
            let bytes: [u8; 16] = std::array::from_fn(|i| start + u8::try_from(i).unwrap_or_default());
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(super::block(bytes).as_slice(), expected.as_bytes());
            assert_eq!(bytes.map(super::byte).concat(), expected.as_bytes());
        }
    }
}
