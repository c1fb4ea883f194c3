//! Character sets by collation id, as servers number them: names, bytes per character, and which can be decoded.

use super::schema::Charset;

/// A character set as the server knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Name, as in CHARACTER SET.
    pub(super) name: &'static str,
    /// Most bytes of a character; lengths of columns count that many per character.
    pub(super) max_bytes: u32,
}

/// Collation `binary`: bytes, not text.
pub(super) const BINARY: u64 = 63;

impl Encoding {
    /// The character set of a collation. Ids: `information_schema.collations` of MySQL 9.7.
    pub(super) fn of_collation(id: u64) -> Option<Self> {
        let (name, max_bytes) = match of_mysql(id) {
            32 | 64 => ("armscii8", 1),
            11 | 65 => ("ascii", 1),
            1 | 84 => ("big5", 2),
            BINARY => ("binary", 1),
            26 | 34 | 44 | 66 | 99 => ("cp1250", 1),
            14 | 23 | 50..=52 => ("cp1251", 1),
            57 | 67 => ("cp1256", 1),
            29 | 58 | 59 => ("cp1257", 1),
            4 | 80 => ("cp850", 1),
            40 | 81 => ("cp852", 1),
            36 | 68 => ("cp866", 1),
            95 | 96 => ("cp932", 2),
            3 | 69 => ("dec8", 1),
            97 | 98 => ("eucjpms", 3),
            19 | 85 => ("euckr", 2),
            248..=250 => ("gb18030", 4),
            24 | 86 => ("gb2312", 2),
            28 | 87 => ("gbk", 2),
            92 | 93 => ("geostd8", 1),
            25 | 70 => ("greek", 1),
            16 | 71 => ("hebrew", 1),
            6 | 72 => ("hp8", 1),
            37 | 73 => ("keybcs2", 1),
            7 | 74 => ("koi8r", 1),
            22 | 75 => ("koi8u", 1),
            5 | 8 | 15 | 31 | 47..=49 | 94 => ("latin1", 1),
            2 | 9 | 21 | 27 | 77 => ("latin2", 1),
            30 | 78 => ("latin5", 1),
            20 | 41 | 42 | 79 => ("latin7", 1),
            38 | 43 => ("macce", 1),
            39 | 53 => ("macroman", 1),
            13 | 88 => ("sjis", 2),
            10 | 82 => ("swe7", 1),
            18 | 89 => ("tis620", 1),
            35 | 90 | 128..=151 | 159 => ("ucs2", 2),
            12 | 91 => ("ujis", 3),
            54 | 55 | 101..=124 => ("utf16", 4),
            56 | 62 => ("utf16le", 4),
            60 | 61 | 160..=183 => ("utf32", 4),
            33 | 76 | 83 | 192..=215 | 223 => ("utf8mb3", 3),
            45 | 46 | 224..=247 | 255..=323 => ("utf8mb4", 4),
            _ => return None,
        };
        Some(Self { name, max_bytes })
    }

    /// How it is decoded; `None` where that is not done yet.
    pub(super) fn decoder(self) -> Option<Charset> {
        decoder(self.name)
    }

    /// Whether columns of a character set can be read: as text, or as the bytes that they are.
    pub(super) fn is_decoded(name: &str) -> bool {
        name == "binary" || decoder(name).is_some()
    }
}

/// A collation of MySQL with the same character set, for those that only MariaDB numbers: its NOPAD ones are 1024 further on,
/// its own have pages by character set (`my_uca.h`: 0x240 and on, and 0x800 and on for those of UCA 14).
fn of_mysql(id: u64) -> u64 {
    let id = if (1024..2048).contains(&id) { id - 1024 } else { id };
    match id {
        0x240..=0x25f | 0x800..=0x8ff => 33,
        0x260..=0x27f | 0x900..=0x9ff => 45,
        0x280..=0x29f | 0xa00..=0xaff => 35,
        0x2a0..=0x2bf | 0xb00..=0xbff => 54,
        0x2e0..=0x2ff | 0xc00..=0xcff => 60,
        id => id,
    }
}

fn decoder(name: &str) -> Option<Charset> {
    match name {
        "utf8mb4" | "utf8mb3" | "utf8" => Some(Charset::Utf8),
        "ascii" => Some(Charset::Ascii),
        "latin1" => Some(Charset::Latin1),
        _ => None,
    }
}

/// What MySQL's latin1 has at 0x80 to 0x9f: cp1252, and C1 controls where that has nothing.
const LATIN1_HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–',
    '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A label of an ENUM or SET column as UTF-8; `None` where it is not valid in its character set.
pub(super) fn decode_label(bytes: &[u8], charset: Charset) -> Option<String> {
    match charset {
        Charset::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Charset::Ascii => bytes.is_ascii().then(|| bytes.iter().map(|b| char::from(*b)).collect()),
        Charset::Latin1 => Some(bytes.iter().map(|b| latin1(*b)).collect()),
    }
}

fn latin1(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|at| LATIN1_HIGH.get(usize::from(at)));
    high.copied().unwrap_or(char::from(byte))
}
