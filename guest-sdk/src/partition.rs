//! Kafka's partitioner: 32-bit murmur2 of the key, exactly as the Java clients' `Utils.murmur2` computes it, so that
//! other producers of the same keys agree with ours.

/// The seed that Kafka's clients use.
const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// The partition of a key among `partitions` (at least 1; less counts as 1), as Kafka's Java clients choose it.
///
/// ```
/// assert_eq!(rowmill_sdk::partition(br#"{"mysql_id":1}"#, 6), 4);
/// ```
#[must_use]
pub fn partition(key: &[u8], partitions: i32) -> i32 {
    let positive = hash(key) & 0x7fff_ffff;
    let count = partitions.max(1).unsigned_abs();
    i32::try_from(positive % count).unwrap_or(0)
}

fn hash(key: &[u8]) -> u32 {
    // Java's length is an int; a longer key can't be a Kafka record.
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut h = SEED ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (i, byte) in (0u32..).zip(rest) {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, `Utils.murmur2`, and `toPositive(murmur2) % 6` and `% 7`, printed by kafka-clients 4.3.1.
    const VECTORS: &[(&str, i32, i32, i32)] = &[
        ("", 275_646_681, 3, 2),
        ("a", -1_563_381_124, 4, 5),
        ("ab", 316_155_434, 2, 0),
        ("abc", 479_470_107, 3, 4),
        ("abcd", -1_323_649_548, 2, 5),
        ("abcde", 461_995_741, 1, 4),
        ("abcdef", 1_870_650_108, 0, 5),
        ("abcdefg", -346_467_175, 1, 4),
        ("abcdefgh", -955_427_363, 3, 0),
        ("{\"mysql_id\":1}", 2_008_407_442, 4, 6),
        ("{\"mysql_id\":2}", 511_730_797, 1, 4),
        ("{\"id\":1000000}", -14_095_689, 5, 3),
        ("{\"id\":18446744073709551615}", -1_694_027_554, 4, 0),
        ("21", -973_932_308, 0, 3),
        ("foobar", -790_332_482, 0, 0),
        ("a-little-bit-long-string", -985_981_536, 2, 1),
        ("Schlüssel-ü-日本語", 1_160_487_491, 5, 2),
    ];

    #[test]
    fn partitions_are_those_of_java_clients() {
        for (key, murmur, of_six, of_seven) in VECTORS {
            assert_eq!(hash(key.as_bytes()).cast_signed(), *murmur, "{key}");
            assert_eq!(partition(key.as_bytes(), 6), *of_six, "{key}");
            assert_eq!(partition(key.as_bytes(), 7), *of_seven, "{key}");
        }
        // Of Kafka's own tests.
        for (key, murmur) in [
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(hash(key.as_bytes()).cast_signed(), murmur, "{key}");
        }
        let bytes = [0xff, 0x80, 0, 1, 0xfe, 0x90, 0xab];
        assert_eq!(hash(&bytes).cast_signed(), 1_690_324_868);
        assert_eq!(partition(&bytes, 6), 2);
    }

    #[test]
    fn one_partition_takes_every_key() {
        assert_eq!(partition(b"any", 1), 0);
        assert_eq!(partition(b"any", 0), 0);
    }
}
