//! Character sets of one byte a character: half of the bytes is ASCII, the other half comes from a table.

use super::tables::single_byte as tables;
use super::{Charset, push};

/// Appends `bytes` as UTF-8; `None` where a byte is no character.
pub(super) fn append(charset: Charset, bytes: &[u8], text: &mut Vec<u8>) -> Option<()> {
    // Of swe7 it is the lower half that differs from ASCII, and the higher one is empty.
    let (first, table) = match charset {
        Charset::Swe7 => (0, &tables::SWE7),
        _ => (0x80, higher_half(charset)?),
    };
    for byte in bytes {
        let character = match byte.checked_sub(first) {
            Some(at) => known(*table.get(usize::from(at))?, at == 0 && first == 0)?,
            None => char::from(*byte),
        };
        push(character, text);
    }
    Some(())
}

/// What a table says: 0 is a hole, but for byte 0 itself.
fn known(code: u16, is_zero: bool) -> Option<char> {
    let character = char::from_u32(code.into())?;
    (code != 0 || is_zero).then_some(character)
}

/// The characters of 0x80 to 0xff; `None` where there are none.
fn higher_half(charset: Charset) -> Option<&'static [u16; 128]> {
    Some(match charset {
        Charset::Armscii8 => &tables::ARMSCII8,
        Charset::Cp1250 => &tables::CP1250,
        Charset::Cp1251 => &tables::CP1251,
        Charset::Cp1256 => &tables::CP1256,
        Charset::Cp1257 => &tables::CP1257,
        Charset::Cp850 => &tables::CP850,
        Charset::Cp852 => &tables::CP852,
        Charset::Cp866 => &tables::CP866,
        Charset::Dec8 => &tables::DEC8,
        Charset::Geostd8 => &tables::GEOSTD8,
        Charset::Greek => &tables::GREEK,
        Charset::Hebrew => &tables::HEBREW,
        Charset::Hp8 => &tables::HP8,
        Charset::Keybcs2 => &tables::KEYBCS2,
        Charset::Koi8r => &tables::KOI8R,
        Charset::Koi8u => &tables::KOI8U,
        Charset::Latin1 => &tables::LATIN1,
        Charset::Latin2 => &tables::LATIN2,
        Charset::Latin5 => &tables::LATIN5,
        Charset::Latin7 => &tables::LATIN7,
        Charset::Macce => &tables::MACCE,
        Charset::Macroman => &tables::MACROMAN,
        Charset::Tis620 => &tables::TIS620,
        _ => return None,
    })
}
