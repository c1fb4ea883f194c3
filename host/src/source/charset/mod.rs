//! Character sets: their names, and their texts as UTF-8. What the server itself cannot turn into Unicode is refused, never a question mark.

mod tables;
mod single_byte;
mod multi_byte;
mod unicode;

/// Defines the character sets, and what their names are.
macro_rules! charsets {
    ($($(#[$note:meta])* $charset:ident = $name:literal,)*) => {
        /// A character set of character columns, as MySQL and MariaDB define it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Charset {
            $($(#[$note])* $charset,)*
        }

        impl Charset {
            /// All, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$charset),*];

            /// Its name, as in CHARACTER SET.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$charset => $name,)*
                }
            }
        }
    };
}

charsets! {
    /// ARMSCII-8, Armenian.
    Armscii8 = "armscii8",
    /// ascii: 7 bits.
    Ascii = "ascii",
    /// Big5, traditional Chinese.
    Big5 = "big5",
    /// Windows, Central European.
    Cp1250 = "cp1250",
    /// Windows, Cyrillic.
    Cp1251 = "cp1251",
    /// Windows, Arabic.
    Cp1256 = "cp1256",
    /// Windows, Baltic.
    Cp1257 = "cp1257",
    /// DOS, West European.
    Cp850 = "cp850",
    /// DOS, Central European.
    Cp852 = "cp852",
    /// DOS, Russian.
    Cp866 = "cp866",
    /// Shift-JIS of Windows, Japanese.
    Cp932 = "cp932",
    /// DEC, West European.
    Dec8 = "dec8",
    /// EUC-JP of Windows, Japanese.
    Eucjpms = "eucjpms",
    /// EUC-KR with the additions of Windows, Korean.
    Euckr = "euckr",
    /// GB 18030, Chinese.
    Gb18030 = "gb18030",
    /// GB 2312, simplified Chinese.
    Gb2312 = "gb2312",
    /// GBK, simplified Chinese.
    Gbk = "gbk",
    /// GEOSTD8, Georgian.
    Geostd8 = "geostd8",
    /// ISO 8859-7, Greek.
    Greek = "greek",
    /// ISO 8859-8, Hebrew.
    Hebrew = "hebrew",
    /// HP, West European.
    Hp8 = "hp8",
    /// Kamenický, Czech and Slovak.
    Keybcs2 = "keybcs2",
    /// KOI8-R, Russian.
    Koi8r = "koi8r",
    /// KOI8-U, Ukrainian.
    Koi8u = "koi8u",
    /// MySQL's latin1, that is cp1252 with the five unassigned bytes as C1 controls.
    Latin1 = "latin1",
    /// ISO 8859-2, Central European.
    Latin2 = "latin2",
    /// ISO 8859-9, Turkish.
    Latin5 = "latin5",
    /// ISO 8859-13, Baltic.
    Latin7 = "latin7",
    /// Macintosh, Central European.
    Macce = "macce",
    /// Macintosh, West European.
    Macroman = "macroman",
    /// Shift-JIS, Japanese.
    Sjis = "sjis",
    /// 7 bits, Swedish: letters in the place of brackets.
    Swe7 = "swe7",
    /// TIS-620, Thai.
    Tis620 = "tis620",
    /// Two bytes a character, the higher one first.
    Ucs2 = "ucs2",
    /// EUC-JP, Japanese.
    Ujis = "ujis",
    /// UTF-16, the higher byte first.
    Utf16 = "utf16",
    /// UTF-16, the lower byte first.
    Utf16le = "utf16le",
    /// UTF-32, the highest byte first.
    Utf32 = "utf32",
    /// UTF-8 of three bytes a character at most.
    Utf8mb3 = "utf8mb3",
    /// UTF-8.
    Utf8mb4 = "utf8mb4",
}

/// Bytes that are no text in their character set, or one that Unicode does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotText;

impl Charset {
    /// The one of this name. `utf8` is what servers before MySQL 8.0 call utf8mb3.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = if name == "utf8" { "utf8mb3" } else { name };
        Self::ALL.iter().copied().find(|charset| charset.name() == name)
    }

    /// Appends `bytes` to `text` as UTF-8.
    ///
    /// # Errors
    /// `NotText`; then a part of them may have been appended.
    pub fn append(self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), NotText> {
        if self.has_ascii() && bytes.is_ascii() {
            text.extend_from_slice(bytes);
            return Ok(());
        }
        let done = match self {
            Self::Utf8mb4 => std::str::from_utf8(bytes).ok().map(|_| text.extend_from_slice(bytes)),
            Self::Utf8mb3 => unicode::utf8mb3(bytes).map(|bytes| text.extend_from_slice(bytes)),
            Self::Ucs2 => unicode::ucs2(bytes, text),
            Self::Utf16 => unicode::utf16(bytes, u16::from_be_bytes, text),
            Self::Utf16le => unicode::utf16(bytes, u16::from_le_bytes, text),
            Self::Utf32 => unicode::utf32(bytes, text),
            _ => match multi_byte::Layout::of(self) {
                Some(layout) => layout.append(bytes, text),
                None => single_byte::append(self, bytes, text),
            },
        };
        done.ok_or(NotText)
    }

    /// Whether bytes below 0x80 are ASCII wherever they stand alone.
    fn has_ascii(self) -> bool {
        !matches!(self, Self::Swe7 | Self::Ucs2 | Self::Utf16 | Self::Utf16le | Self::Utf32)
    }

    /// A whole text as UTF-8; `None` where it is none.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        let mut text = Vec::with_capacity(bytes.len());
        self.append(bytes, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

/// Appends one character.
fn push(character: char, text: &mut Vec<u8>) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests;
