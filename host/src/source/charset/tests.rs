#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Charset, NotText};

fn decoded(charset: Charset, bytes: &[u8]) -> Result<String, NotText> {
    let mut text = Vec::new();
    charset.append(bytes, &mut text).map(|()| String::from_utf8(text).unwrap())
}

#[test]
fn text_of_every_family_becomes_utf8() {
    for (charset, bytes, text) in [
        (Charset::Utf8mb4, "a漢😀".as_bytes(), "a漢😀"),
        (Charset::Utf8mb3, "a漢".as_bytes(), "a漢"),
        (Charset::Ascii, b"plain", "plain"),
        (Charset::Latin1, b"Z\xfcrich \x80\x81", "Zürich €\u{81}"),
        (Charset::Swe7, b"\0[\\]a", "\0ÄÖÅa"),
        (Charset::Koi8r, b"\xed\xef\xf3\xeb\xf7\xe1 1", "МОСКВА 1"),
        (Charset::Greek, b"\xe1\xe2\xe3", "αβγ"),
        (Charset::Big5, b"\xa4\xa4\xa4\xe5!", "中文!"),
        (Charset::Gb2312, b"\xd6\xd0\xce\xc4 \xa1\xaa", "中文 ―"),
        (Charset::Gbk, b"\xd6\xd0\xce\xc4 \xa1\xaa\x81\x40", "中文 —丂"),
        (Charset::Gb18030, b"\xd6\xd0\x94\x39\xfc\x36\x81\x30\x81\x30a", "中😀\u{80}a"),
        (Charset::Euckr, b"\xc7\xd1\xb1\xdb", "한글"),
        (Charset::Sjis, b"\x93\xfa\x96{\xb6\xc5\\", "日本ｶﾅ\\"),
        (Charset::Cp932, b"\x93\xfa\x87\x40\x81\x60", "日①～"),
        (Charset::Ujis, b"\xc6\xfc\x8e\xb6\x8f\xb0\xa1x", "日ｶ丂x"),
        (Charset::Eucjpms, b"\xc6\xfc\xad\xa1\x8f\xa2\xb7", "日①～"),
        (Charset::Ucs2, b"\0a\x6f\x22", "a漢"),
        (Charset::Utf16, b"\0a\xd8\x3d\xde\x00", "a😀"),
        (Charset::Utf16le, b"a\0\x3d\xd8\x00\xde", "a😀"),
        (Charset::Utf32, b"\0\0\0a\0\x01\xf6\0", "a😀"),
    ] {
        assert_eq!(decoded(charset, bytes).as_deref(), Ok(text), "{}", charset.name());
        assert_eq!(charset.decode(bytes).as_deref(), Some(text), "{}", charset.name());
    }
}

#[test]
fn what_a_server_can_not_convert_is_refused_in_every_character_set() {
    for (charset, bytes) in [
        (Charset::Utf8mb4, &b"a\xff"[..]),
        (Charset::Utf8mb4, b"\xed\xa0\x80"),
        (Charset::Utf8mb3, "😀".as_bytes()),
        (Charset::Utf8mb3, b"\xc3"),
        (Charset::Ascii, b"\x80"),
        (Charset::Swe7, b"\x7f"),
        (Charset::Swe7, b"\xe5"),
        (Charset::Cp1250, b"\x81"),
        (Charset::Hebrew, b"\xff"),
        (Charset::Big5, b"\xa4"),
        (Charset::Big5, b"\x80\x40"),
        (Charset::Gbk, b"\x81\x20"),
        (Charset::Gbk, b"\xff\xff"),
        (Charset::Gbk, b"\xa2\xa0"),
        (Charset::Gb18030, b"\x81\x30\x81"),
        (Charset::Gb18030, b"\x81\x30\x81\x3a"),
        (Charset::Gb18030, b"\xfe\x39\xfe\x39"),
        (Charset::Gb18030, b"\x84\x31\xa5\x30"),
        (Charset::Sjis, b"\x87\x40"),
        (Charset::Sjis, b"\x81"),
        (Charset::Sjis, b"\xa0"),
        (Charset::Ujis, b"\x8f\xb0"),
        (Charset::Ujis, b"\x8e\xe0"),
        (Charset::Eucjpms, b"\xa1"),
        (Charset::Ucs2, b"\0"),
        (Charset::Ucs2, b"\xd8\x3d\xde\x00"),
        (Charset::Utf16, b"\xd8\x3d"),
        (Charset::Utf16, b"\xde\x00\xd8\x3d"),
        (Charset::Utf16le, b"\x00\xde"),
        (Charset::Utf32, b"\0\x11\0\0"),
        (Charset::Utf32, b"\0\0\xd8\0"),
        (Charset::Utf32, b"\0\0a"),
    ] {
        assert_eq!(decoded(charset, bytes), Err(NotText), "{} {bytes:02x?}", charset.name());
    }
}

#[test]
fn ascii_is_read_as_it_is_and_nothing_in_every_set_becomes_nothing() {
    let ascii: Vec<u8> = (0..0x80).collect();
    for charset in Charset::ALL {
        assert_eq!(decoded(*charset, b"").as_deref(), Ok(""));
        if charset.has_ascii() {
            assert_eq!(decoded(*charset, &ascii).unwrap().as_bytes(), ascii, "{}", charset.name());
            // The same bytes, but behind something that is not.
            let single = (0x80..=0xff).find(|byte| decoded(*charset, &[*byte]).is_ok());
            if let Some(byte) = single {
                let with_ascii = [&[byte], ascii.as_slice()].concat();
                assert!(
                    decoded(*charset, &with_ascii).unwrap().as_bytes().ends_with(&ascii),
                    "{}",
                    charset.name()
                );
            }
        }
    }
}

#[test]
fn a_name_is_that_of_one_character_set() {
    for charset in Charset::ALL {
        assert_eq!(Charset::named(charset.name()), Some(*charset));
    }
    assert_eq!(Charset::named("utf8"), Some(Charset::Utf8mb3));
    assert_eq!(Charset::named("binary"), None);
}
