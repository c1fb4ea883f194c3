//! Standard base64 with padding.

use super::Cursor;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The character of the six lowest bits.
#[inline(always)]
fn digit(bits: u32) -> u8 {
    usize::try_from(bits & 63)
        .ok()
        .and_then(|i| ALPHABET.get(i))
        .copied()
        .unwrap_or(b'=')
}

impl Cursor<'_> {
    /// Base64 of the bytes, without quotes: `4 * ceil(n / 3)` bytes.
    ///
    /// ```
    /// use rowmill_sdk::json;
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, 10, |cursor| (cursor.byte(b'"').base64(b"\x00\xff\x10\x80").byte(b'"'), ()));
    /// assert_eq!(buffer, b"\"AP8QgA==\"");
    /// ```
    #[inline(always)]
    pub fn base64(self, bytes: &[u8]) -> Self {
        self.apart(|mut cursor| {
            let (groups, rest) = bytes.as_chunks::<3>();
            for &[a, b, c] in groups {
                let bits = u32::from_be_bytes([0, a, b, c]);
                let text = u32::from_le_bytes([digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
                cursor = cursor.word(u64::from(text), 4);
            }
            let text = match *rest {
                [a] => {
                    let bits = u32::from(a) << 16;
                    [digit(bits >> 18), digit(bits >> 12), b'=', b'=']
                }
                [a, b] => {
                    let bits = u32::from_be_bytes([0, a, b, 0]);
                    [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), b'=']
                }
                _ => return cursor,
            };
            cursor.word(u64::from(u32::from_le_bytes(text)), 4)
        })
    }
}
