//! The forms of Unicode, by their rules. Halves of surrogate pairs, which some servers store in ucs2 and utf32, are no characters.

use super::push;

/// The bytes themselves where they are UTF-8 without characters of four bytes.
pub(super) fn utf8mb3(bytes: &[u8]) -> Option<&[u8]> {
    let valid = std::str::from_utf8(bytes).is_ok() && bytes.iter().all(|byte| *byte < 0xf0);
    valid.then_some(bytes)
}

/// Two bytes a character, no pairs.
pub(super) fn ucs2(bytes: &[u8], text: &mut Vec<u8>) -> Option<()> {
    for unit in units(bytes)? {
        push(char::from_u32(u16::from_be_bytes(unit).into())?, text);
    }
    Some(())
}

/// Units of two bytes that `unit` puts together, and pairs of them.
pub(super) fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, text: &mut Vec<u8>) -> Option<()> {
    for character in char::decode_utf16(units(bytes)?.map(unit)) {
        push(character.ok()?, text);
    }
    Some(())
}

/// Four bytes a character.
pub(super) fn utf32(bytes: &[u8], text: &mut Vec<u8>) -> Option<()> {
    for unit in units(bytes)? {
        push(char::from_u32(u32::from_be_bytes(unit))?, text);
    }
    Some(())
}

/// Pieces of `N` bytes; `None` where a part of one is left.
fn units<const N: usize>(bytes: &[u8]) -> Option<impl Iterator<Item = [u8; N]>> {
    let (units, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| units.iter().copied())
}
