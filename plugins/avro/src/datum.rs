//! Avro's binary encoding of numbers and bytes.

use rowmill_sdk::json::Cursor;

/// Bytes that a number takes at most.
pub(crate) const LONG_BYTES: usize = 10;

/// An int or a long: zigzag, seven bits a byte, the lowest first.
#[inline(always)]
pub(crate) fn long(mut cursor: Cursor<'_>, number: i64) -> Cursor<'_> {
    let mut rest = (number << 1 ^ number >> 63).cast_unsigned();
    while let [low, ..] = rest.to_le_bytes()
        && rest >= 0x80
    {
        cursor = cursor.byte(low | 0x80);
        rest >>= 7;
    }
    let [low, ..] = rest.to_le_bytes();
    cursor.byte(low)
}

/// A length as a long.
#[inline(always)]
pub(crate) fn length(cursor: Cursor<'_>, length: usize) -> Cursor<'_> {
    long(cursor, i64::try_from(length).unwrap_or(i64::MAX))
}

/// Bytes or a text.
#[inline(always)]
pub(crate) fn bytes<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    length(cursor, bytes.len()).raw(bytes)
}

/// Bytes or a text by itself, for constants.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::new();
    rowmill_sdk::json::write(&mut buffer, LONG_BYTES + bytes.len(), |cursor| (self::bytes(cursor, bytes), ()));
    buffer
}
