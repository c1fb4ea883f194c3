//! Character data to UTF-8, appended to a column's bytes.

use super::flaw::Flaw;
use crate::source::Charset;

/// What 0x80-0x9f of MySQL's latin1 mean: cp1252, and C1 controls for the five bytes that it leaves open.
const LATIN1_HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}', '\u{160}',
    '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}',
    '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// Appends `bytes`, written in `charset`, as UTF-8.
#[inline]
pub(super) fn append(charset: Charset, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    match charset {
        Charset::Utf8 => utf8(bytes)?,
        Charset::Ascii if bytes.is_ascii() => {}
        Charset::Ascii => return Err(Flaw::Charset("ascii")),
        Charset::Latin1 if bytes.is_ascii() => {}
        Charset::Latin1 => {
            latin1(bytes, text);
            return Ok(());
        }
    }
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

fn latin1(bytes: &[u8], text: &mut Vec<u8>) {
    let mut room = [0; 4];
    for byte in bytes {
        let high = byte.checked_sub(0x80).and_then(|at| LATIN1_HIGH.get(usize::from(at)));
        let character = high.copied().unwrap_or(char::from(*byte));
        text.extend_from_slice(character.encode_utf8(&mut room).as_bytes());
    }
}

/// The name of a character set in a field's metadata.
pub(super) fn name(charset: Charset) -> &'static str {
    match charset {
        Charset::Utf8 => "utf8mb4",
        Charset::Ascii => "ascii",
        Charset::Latin1 => "latin1",
    }
}
