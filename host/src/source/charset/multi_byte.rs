//! Character sets of East Asia, with one to four bytes a character: how their codes are cut, and where the characters are looked up.

use std::sync::LazyLock;

use super::tables::{Run, big5, cp932, eucjpms, euckr, gb2312, gb18030, gbk, sjis, ujis};
use super::{Charset, push};

/// How the codes of a character set are cut. Bytes below 0x80 in the first place are ASCII in all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Characters of two bytes.
    two_bytes: &'static LazyLock<Grid>,
    more: More,
}

/// What there is beside ASCII and two bytes.
#[derive(Debug, Clone, Copy)]
enum More {
    Nothing,
    /// Half-width kana at 0xa1 to 0xdf.
    Kana,
    /// Three bytes, of which the first is 0x8f.
    ThreeBytes(&'static LazyLock<Grid>),
    /// Four bytes, of which the second and the fourth are digits.
    FourBytes,
}

static BIG5: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[big5::TWO_BYTES]));
static EUCKR: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[euckr::TWO_BYTES]));
static GB2312: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[gb2312::TWO_BYTES]));
static GBK: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[gb2312::TWO_BYTES, gbk::TWO_BYTES]));
static GB18030: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[gb2312::TWO_BYTES, gbk::TWO_BYTES, gb18030::TWO_BYTES]));
static SJIS: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[sjis::TWO_BYTES]));
static CP932: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[sjis::TWO_BYTES, cp932::TWO_BYTES]));
static UJIS: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[ujis::TWO_BYTES]));
static UJIS_THREE: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[ujis::THREE_BYTES]));
static EUCJPMS: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[ujis::TWO_BYTES, eucjpms::TWO_BYTES]));
static EUCJPMS_THREE: LazyLock<Grid> = LazyLock::new(|| Grid::of(&[ujis::THREE_BYTES, eucjpms::THREE_BYTES]));

impl Layout {
    /// That of a character set; `None` for one of another family.
    pub(super) fn of(charset: Charset) -> Option<Self> {
        let (two_bytes, more) = match charset {
            Charset::Big5 => (&BIG5, More::Nothing),
            Charset::Euckr => (&EUCKR, More::Nothing),
            Charset::Gb2312 => (&GB2312, More::Nothing),
            Charset::Gbk => (&GBK, More::Nothing),
            Charset::Gb18030 => (&GB18030, More::FourBytes),
            Charset::Sjis => (&SJIS, More::Kana),
            Charset::Cp932 => (&CP932, More::Kana),
            Charset::Ujis => (&UJIS, More::ThreeBytes(&UJIS_THREE)),
            Charset::Eucjpms => (&EUCJPMS, More::ThreeBytes(&EUCJPMS_THREE)),
            _ => return None,
        };
        Some(Self { two_bytes, more })
    }

    /// Appends `bytes` as UTF-8; `None` where one of the codes is no character.
    pub(super) fn append(self, mut bytes: &[u8], text: &mut Vec<u8>) -> Option<()> {
        let two_bytes: &Grid = self.two_bytes;
        while let Some((first, rest)) = bytes.split_first() {
            let (character, rest) = match (*first, rest, self.more) {
                (0..=0x7f, _, _) => (char::from(*first), rest),
                (0xa1..=0xdf, _, More::Kana) => (char::from_u32(0xff61 + u32::from(*first - 0xa1))?, rest),
                (0x8f, [second, third, rest @ ..], More::ThreeBytes(grid)) => (grid.character(*second, *third)?, rest),
                (_, [second @ b'0'..=b'9', third, fourth, rest @ ..], More::FourBytes) => {
                    (four_bytes([*first, *second, *third, *fourth])?, rest)
                }
                (_, [second, rest @ ..], _) => (two_bytes.character(*first, *second)?, rest),
                _ => return None,
            };
            push(character, text);
            bytes = rest;
        }
        Some(())
    }
}

/// The characters of all codes from 0x8000 to 0xffff; 0 for none. Made when a value first needs it: 64 KiB each.
#[derive(Debug)]
struct Grid(Vec<u16>);

impl Grid {
    /// Of one layer on top of the other.
    fn of(layers: &[&[Run]]) -> Self {
        let mut cells = vec![0; 0x8000];
        for (start, characters) in layers.iter().copied().flatten() {
            let start = usize::from(start.saturating_sub(0x8000));
            for (cell, character) in cells.iter_mut().skip(start).zip(characters.chars()) {
                // No code of two or three bytes is a character past the basic plane.
                *cell = u16::try_from(u32::from(character)).unwrap_or(0);
            }
        }
        Self(cells)
    }

    fn character(&self, lead: u8, trail: u8) -> Option<char> {
        let at = u16::from_be_bytes([lead, trail]).checked_sub(0x8000)?;
        let code = *self.0.get(usize::from(at))?;
        if code == 0 { None } else { char::from_u32(code.into()) }
    }
}

/// A code of gb18030 whose second and fourth bytes are digits: numbered through, and looked up in runs.
fn four_bytes([first, second, third, fourth]: [u8; 4]) -> Option<char> {
    let digit = |byte: u8, least: u8, most: u8| (least..=most).contains(&byte).then(|| u32::from(byte - least));
    let number =
        digit(first, 0x81, 0xfe)? * 12600 + digit(second, b'0', b'9')? * 1260 + digit(third, 0x81, 0xfe)? * 10 + digit(fourth, b'0', b'9')?;
    let after = gb18030::FOUR_BYTES.partition_point(|(start, ..)| *start <= number);
    let (start, character, count) = gb18030::FOUR_BYTES.get(after.checked_sub(1)?)?;
    let within = number - start;
    if within < *count {
        char::from_u32(character + within)
    } else {
        None
    }
}
