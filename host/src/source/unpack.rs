//! What MariaDB compresses with zlib: texts of statements, row images, and the values of COMPRESSED columns.
//!
//! Format of events: `binlog_buf_uncompress` in MariaDB's `log_event.cc`.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::reader::{Malformed, Parsed, Reader};

/// The largest event that a server writes: a length past it is damage.
const LARGEST: u64 = 1 << 30;
/// As much is taken at once for a length that is only claimed.
const FIRST: u64 = 1 << 20;

/// Unpacks the compressed part of an event: a byte with the number of the length's bytes, the length with its high byte first, zlib.
/// More than `largest` bytes are refused.
pub(super) fn unpack(packed: &[u8], largest: usize) -> Parsed<Vec<u8>> {
    let mut reader = Reader::new(packed);
    let head = reader.u8()?;
    let bytes = usize::from(head & 7);
    // The highest bit is always set; the three below it are the algorithm, of which there is one.
    if head & 0xf0 != 0x80 || !(1..=4).contains(&bytes) {
        return Err(Malformed("it is compressed in a way that is not known"));
    }
    let length = reader
        .take(bytes)?
        .iter()
        .fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
    if length <= LARGEST && usize::try_from(length).is_ok_and(|length| length > largest) {
        return Err(Malformed(
            "its uncompressed length is more than an event may take of memory: twice limits.row and 1 MiB; raise limits.row, and limits.memory with it",
        ));
    }
    inflate(reader.rest(), length)
}

/// Exactly `length` bytes, checksum verified, and nothing behind them.
fn inflate(packed: &[u8], length: u64) -> Parsed<Vec<u8>> {
    if length > LARGEST {
        return Err(Malformed("its uncompressed length is more than any event has"));
    }
    let mut unpacked = Vec::with_capacity(usize::try_from(length.min(FIRST)).unwrap_or(0));
    let mut decoder = ZlibDecoder::new(packed).take(length + 1);
    decoder
        .read_to_end(&mut unpacked)
        .map_err(|_| Malformed("its compressed part is damaged"))?;
    if u64::try_from(unpacked.len()) != Ok(length) {
        return Err(Malformed("its compressed part has another length than it says"));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;

    /// Without a bound.
    fn unpack(packed: &[u8]) -> super::Parsed<Vec<u8>> {
        super::unpack(packed, usize::MAX)
    }

    #[test]
    fn a_length_above_the_bound_is_refused() {
        let packed = pack(&[7; 1000]);
        assert!(super::unpack(&packed, 1000).is_ok());
        assert!(super::unpack(&packed, 999).unwrap_err().0.contains("limits.row"));
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut packed = vec![0x84];
        packed.extend(length);
        let mut encoder = ZlibEncoder::new(packed, Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_wrong_length_or_a_cut_end_is_found_out() {
        let packed = pack(&[7; 1000]);
        assert_eq!(unpack(&packed).unwrap(), vec![7; 1000]);
        for length in [0, 999, 1001, u32::MAX] {
            let mut wrong = packed.clone();
            wrong.splice(1..5, length.to_be_bytes());
            assert!(unpack(&wrong).is_err(), "{length}");
        }
        for cut in 0..packed.len() - 1 {
            assert!(unpack(packed.get(..cut).unwrap()).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_gives_an_error_or_the_same_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 1..400),
            at in any::<prop::sample::Index>(),
            other in any::<u8>(),
        ) {
            let mut packed = pack(&bytes);
            let at = at.index(packed.len());
            *packed.get_mut(at).unwrap() = other;
            if let Ok(unpacked) = unpack(&packed) {
                prop_assert_eq!(unpacked, bytes);
            }
        }
    }
}
