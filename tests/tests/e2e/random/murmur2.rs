//! Kafka's own hash of keys, written from its description: MurmurHash2 of 32 bits, seed 0x9747b28c, bytes little-endian, and the
//! partition from the hash without its sign. rowmill's code is not used, since it is what is tested.

const MULTIPLIER: u32 = 0x5bd1_e995;
const SEED: u32 = 0x9747_b28c;

/// The partition that a key belongs to.
pub(crate) fn partition(key: &[u8], partitions: i32) -> i32 {
    let positive = i32::try_from(hash(key) & 0x7fff_ffff).unwrap();
    positive % partitions
}

fn hash(key: &[u8]) -> u32 {
    let length = u32::try_from(key.len()).unwrap();
    let (words, rest) = key.as_chunks::<4>();
    let mut state = words.iter().fold(SEED ^ length, |state, word| {
        let scrambled = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        let mixed = (scrambled ^ (scrambled >> 24)).wrapping_mul(MULTIPLIER);
        state.wrapping_mul(MULTIPLIER) ^ mixed
    });
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        state = (state ^ tail).wrapping_mul(MULTIPLIER);
    }
    let stirred = (state ^ (state >> 13)).wrapping_mul(MULTIPLIER);
    stirred ^ (stirred >> 15)
}

#[test]
fn hashes_are_those_that_javas_client_tests_itself_with() {
    let known = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ];
    for (key, expected) in known {
        assert_eq!(hash(key.as_bytes()).cast_signed(), expected, "{key}");
    }
}
