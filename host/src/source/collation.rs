//! Character sets by collation id, as servers number them: names and bytes per character.

use super::charset::Charset;

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
    /// The character set of a collation. Ids: `information_schema.collations` of MySQL 9.7 and of MariaDB 10.11, which agree where
    /// both have one, and have kept their numbers since MySQL 5.6.
    pub(super) fn of_collation(id: u64) -> Option<Self> {
        let (name, max_bytes) = match id {
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
            35 | 90 | 128..=151 | 159 | 640..=642 | 2560..=2815 => ("ucs2", 2),
            12 | 91 => ("ujis", 3),
            54 | 55 | 101..=124 | 672..=674 | 2816..=3071 => ("utf16", 4),
            56 | 62 => ("utf16le", 4),
            60 | 61 | 160..=183 | 736..=738 | 3072..=3327 => ("utf32", 4),
            33 | 76 | 83 | 192..=215 | 223 | 576..=578 | 2048..=2303 => ("utf8mb3", 3),
            45 | 46 | 224..=247 | 255..=323 | 608..=610 | 2304..=2559 => ("utf8mb4", 4),
            // MariaDB's collations without padding stand 1024 behind those with it.
            1025..=2047 => return Self::of_collation(id - 1024),
            _ => return None,
        };
        Some(Self { name, max_bytes })
    }

    /// A character set by the name that a catalogue gives it, with one of its collations.
    pub(super) fn named(name: &str) -> Option<(u64, Self)> {
        // What `utf8` meant before MySQL 8.0.30 and MariaDB 10.6.
        let name = if name == "utf8" { "utf8mb3" } else { name };
        let collation = |id| {
            Self::of_collation(id)
                .filter(|encoding| encoding.name == name)
                .map(|encoding| (id, encoding))
        };
        (1..=255).find_map(collation)
    }

    /// How it is decoded; `None` for bytes that are no text.
    pub(super) fn decoder(self) -> Option<Charset> {
        Charset::named(self.name)
    }

    /// Whether columns of a character set can be read: as text, or as the bytes that they are.
    pub(super) fn is_decoded(name: &str) -> bool {
        Self::named(name).is_some_and(|(id, encoding)| id == BINARY || encoding.decoder().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding;
    use crate::source::Charset;

    #[test]
    fn collations_of_every_server_have_their_character_set() {
        let name = |id| Encoding::of_collation(id).map(|encoding| encoding.name);
        for (id, expected) in [
            (8, "latin1"),
            (28, "gbk"),
            (255, "utf8mb4"),
            (33, "utf8mb3"),
            // MariaDB: nopad, Croatian, and those by UCA 14.
            (1032, "latin1"),
            (1270, "utf8mb4"),
            (576, "utf8mb3"),
            (2048, "utf8mb3"),
            (2304, "utf8mb4"),
            (2727, "ucs2"),
            (3015, "utf16"),
            (3271, "utf32"),
        ] {
            assert_eq!(name(id), Some(expected), "{id}");
        }
        assert_eq!([0, 1024, 2047, 3328, u64::MAX].map(name), [None; 5]);
    }

    #[test]
    fn every_character_set_of_a_collation_but_binary_is_decoded() {
        let mut found: Vec<&str> = (0..4000)
            .filter_map(Encoding::of_collation)
            .filter(|e| e.decoder().is_some())
            .map(|e| e.name)
            .collect();
        found.sort_unstable();
        found.dedup();
        let all: Vec<&str> = Charset::ALL.iter().map(|charset| charset.name()).collect();
        assert_eq!(found, all);
        assert!(Encoding::of_collation(63).is_some_and(|e| e.decoder().is_none()));
    }
}
