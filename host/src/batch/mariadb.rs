//! Values that only MariaDB stores: UUID, INET4 and INET6 as the text that it prints, and the contents of COMPRESSED columns.
//!
//! Formats: MariaDB's `sql_type_inet.cc`, `sql_type_uuid.h`, and `Field_longstr::uncompress` in `field.cc`.

use std::io::{Read as _, Write as _};

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::flaw::Flaw;
use crate::source::Spelling;

/// Appends the text of a UUID or an address. Row images leave out zero bytes at the end.
pub(super) fn spell(spelling: Spelling, stored: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut bytes = [0; 16];
    let width = spelling.bytes();
    let room = bytes.get_mut(..stored.len()).filter(|_| stored.len() <= width);
    room.ok_or(Flaw::TooWide(stored.len()))?.copy_from_slice(stored);
    match spelling {
        Spelling::Uuid => uuid(&bytes, text),
        Spelling::Inet4 => {
            let [a, b, c, d, ..] = bytes;
            inet4([a, b, c, d], text);
        }
        Spelling::Inet6 => inet6(bytes, text),
    }
    Ok(())
}

fn uuid(bytes: &[u8; 16], text: &mut Vec<u8>) {
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        // Writing to a Vec can't fail; neither below.
        let _ = write!(text, "{byte:02x}");
    }
}

fn inet4([a, b, c, d]: [u8; 4], text: &mut Vec<u8>) {
    let _ = write!(text, "{a}.{b}.{c}.{d}");
}

/// The first of the longest runs of zero groups becomes `::`, a single zero too; IPv4 within IPv6 keeps its dots.
fn inet6(bytes: [u8; 16], text: &mut Vec<u8>) {
    let mut groups = [0_u16; 8];
    for (group, pair) in groups.iter_mut().zip(bytes.chunks_exact(2)) {
        *group = pair.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
    }
    let (start, length) = gap(&groups);
    let v4 = start == 0 && (length == 6 || (length == 5 && groups[5] == 0xffff));
    for (i, group) in groups.iter().enumerate() {
        if length > 0 && i == start {
            text.extend_from_slice(if i == 0 { b"::" } else { b":" });
        }
        if length > 0 && (start..start + length).contains(&i) {
            continue;
        }
        if i == 6 && v4 {
            let [.., a, b, c, d] = bytes;
            inet4([a, b, c, d], text);
            return;
        }
        let _ = write!(text, "{group:x}");
        if i < 7 {
            text.push(b':');
        }
    }
}

/// Start and length of the first of the longest runs of zeros.
fn gap(groups: &[u16; 8]) -> (usize, usize) {
    let (mut longest, mut run) = ((0, 0), (0, 0));
    for (i, group) in groups.iter().enumerate() {
        run = match (*group, run.1) {
            (0, 0) => (i, 1),
            (0, length) => (run.0, length + 1),
            _ => (0, 0),
        };
        if run.1 > longest.1 {
            longest = run;
        }
    }
    longest
}

/// The contents of a value of a COMPRESSED column: nothing, a zero byte and the bytes as they are, or a byte that says how they are
/// packed (0x80 zlib, 0x08 without its head, and the bytes of the length), the length with its high byte first, and the packed bytes.
pub(super) fn unpack(stored: &[u8]) -> Result<Vec<u8>, Flaw> {
    let Some((head, rest)) = stored.split_first() else {
        return Ok(Vec::new());
    };
    if *head == 0 {
        return Ok(rest.to_vec());
    }
    let (bytes, headless) = (usize::from(head & 7), head & 8 != 0);
    let (length, packed) = rest.split_at_checked(bytes).ok_or(Flaw::Short)?;
    if head & 0xf0 != 0x80 || !(1..=4).contains(&bytes) {
        return Err(Flaw::Packed);
    }
    let length = length.iter().fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
    let mut unpacked = Vec::new();
    // One more than it says would show; memory grows with what really comes.
    let result = if headless {
        DeflateDecoder::new(packed).take(length + 1).read_to_end(&mut unpacked)
    } else {
        ZlibDecoder::new(packed).take(length + 1).read_to_end(&mut unpacked)
    };
    match result {
        Ok(read) if u64::try_from(read) == Ok(length) => Ok(unpacked),
        _ => Err(Flaw::Packed),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::{spell, unpack};
    use crate::source::Spelling;

    fn spelled(spelling: Spelling, stored: &[u8]) -> String {
        let mut text = Vec::new();
        spell(spelling, stored, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn addresses_are_spelled_as_mariadb_prints_them() {
        assert_eq!(spelled(Spelling::Inet4, &[1, 2]), "1.2.0.0");
        assert_eq!(spelled(Spelling::Inet6, &[]), "::");
        assert_eq!(spelled(Spelling::Inet6, &[0x20, 1, 0x0d, 0xb8]), "2001:db8::");
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4];
        assert_eq!(spelled(Spelling::Inet6, &mapped), "::ffff:1.2.3.4");
        assert_eq!(spelled(Spelling::Uuid, &[0x12, 0x3e]), "123e0000-0000-0000-0000-000000000000");
        assert!(spell(Spelling::Inet4, &[1; 5], &mut Vec::new()).is_err());
        assert!(spell(Spelling::Uuid, &[1; 17], &mut Vec::new()).is_err());
    }

    #[test]
    fn packed_values_are_those_that_the_server_wrote() {
        assert_eq!(unpack(&[]).unwrap(), b"");
        assert_eq!(unpack(&[0, b'h', b'i']).unwrap(), b"hi");
        let stored = [0x8a, 0x01, 0x2c, 0xab, 0xa8, 0x18, 0x05, 0xc4, 0x02, 0x00];
        assert_eq!(unpack(&stored).unwrap(), [b'x'; 300]);
        for cut in 1..stored.len() - 1 {
            assert!(unpack(stored.get(..cut).unwrap()).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(stored in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = unpack(&stored);
            let _ = spell(Spelling::Inet6, &stored, &mut Vec::new());
        }
    }
}
