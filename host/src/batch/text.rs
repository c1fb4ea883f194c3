//! Character data to UTF-8, appended to a column's bytes.

use super::flaw::Flaw;
use crate::source::Charset;

/// Appends `bytes`, written in `charset`, as UTF-8.
#[inline]
pub(super) fn append(charset: Charset, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    if charset != Charset::Utf8mb4 {
        return charset.append(bytes, text).map_err(|_| Flaw::Charset(charset.name()));
    }
    utf8(bytes)?;
    text.extend_from_slice(bytes);
    Ok(())
}

/// Checks that `bytes` are UTF-8.
#[inline]
pub(super) fn utf8(bytes: &[u8]) -> Result<(), Flaw> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Flaw::Charset("UTF-8")),
    }
}
