//! SHA-256 (FIPS 180-4) of four short messages at once, one in each lane of a vector: two to three times as fast in WebAssembly as one
//! after the other. Long messages, and the states to begin with, are the `sha2` crate's.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vector {
    use core::arch::wasm32::{
        i8x16_shuffle, i32x4, i32x4_add, i32x4_shl, i32x4_shuffle, i64x2_shuffle, u32x4_shr, u64x2, u64x2_extract_lane, v128, v128_and,
        v128_or, v128_xor,
    };

    /// Four words.
    #[derive(Clone, Copy)]
    pub(super) struct Words(v128);

    impl Words {
        #[inline(always)]
        pub(super) const fn splat(word: u32) -> Self {
            let word = word.cast_signed();
            Self(i32x4(word, word, word, word))
        }

        /// The upper halves of four pairs of words, and the lower ones.
        #[inline(always)]
        pub(super) fn halves([a, b, c, d]: [u64; 4]) -> [Self; 2] {
            let (first, second) = (u64x2(a, b), u64x2(c, d));
            let upper = i32x4_shuffle::<1, 3, 5, 7>(first, second);
            let lower = i32x4_shuffle::<0, 2, 4, 6>(first, second);
            [Self(upper), Self(lower)]
        }

        #[inline(always)]
        pub(super) fn add(self, other: Self) -> Self {
            Self(i32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub(super) fn and(self, other: Self) -> Self {
            Self(v128_and(self.0, other.0))
        }

        #[inline(always)]
        pub(super) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline(always)]
        pub(super) fn rotate<const N: u32>(self) -> Self {
            Self(v128_or(u32x4_shr(self.0, N), i32x4_shl(self.0, 32 - N)))
        }

        #[inline(always)]
        pub(super) fn shift<const N: u32>(self) -> Self {
            Self(u32x4_shr(self.0, N))
        }

        /// Each lane's words behind each other, the highest byte of a word first.
        #[inline(always)]
        pub(super) fn bytes(words: [Self; 4]) -> [[u8; 16]; 4] {
            let [a, b, c, d] = words.map(|word| word.0);
            let (first, second) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
            let (third, fourth) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
            let lanes = [
                i64x2_shuffle::<0, 2>(first, third),
                i64x2_shuffle::<1, 3>(first, third),
                i64x2_shuffle::<0, 2>(second, fourth),
                i64x2_shuffle::<1, 3>(second, fourth),
            ];
            lanes.map(|lane| {
                let turned = i8x16_shuffle::<3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12>(lane, lane);
                let (first, second) = (u64x2_extract_lane::<0>(turned), u64x2_extract_lane::<1>(turned));
                (u128::from(first) | u128::from(second) << 64).to_le_bytes()
            })
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod vector {
    /// Four words.
    #[derive(Clone, Copy)]
    pub(super) struct Words([u32; 4]);

    impl Words {
        #[inline(always)]
        pub(super) const fn splat(word: u32) -> Self {
            Self([word; 4])
        }

        /// The upper halves of four pairs of words, and the lower ones.
        #[inline(always)]
        #[expect(clippy::as_conversions, reason = "the lower half of a pair is what is wanted")]
        pub(super) fn halves(pairs: [u64; 4]) -> [Self; 2] {
            [Self(pairs.map(|pair| (pair >> 32) as u32)), Self(pairs.map(|pair| pair as u32))]
        }

        #[inline(always)]
        fn with(self, other: Self, join: impl Fn(u32, u32) -> u32) -> Self {
            let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
            Self([join(a, e), join(b, f), join(c, g), join(d, h)])
        }

        #[inline(always)]
        pub(super) fn add(self, other: Self) -> Self {
            self.with(other, u32::wrapping_add)
        }

        #[inline(always)]
        pub(super) fn and(self, other: Self) -> Self {
            self.with(other, |one, other| one & other)
        }

        #[inline(always)]
        pub(super) fn xor(self, other: Self) -> Self {
            self.with(other, |one, other| one ^ other)
        }

        #[inline(always)]
        pub(super) fn rotate<const N: u32>(self) -> Self {
            Self(self.0.map(|word| word.rotate_right(N)))
        }

        #[inline(always)]
        pub(super) fn shift<const N: u32>(self) -> Self {
            Self(self.0.map(|word| word >> N))
        }

        /// Each lane's words behind each other, the highest byte of a word first.
        pub(super) fn bytes(words: [Self; 4]) -> [[u8; 16]; 4] {
            let mut lanes = [[0; 16]; 4];
            for (i, word) in words.into_iter().enumerate() {
                for (lane, word) in lanes.iter_mut().zip(word.0) {
                    if let Some(chunk) = lane.as_chunks_mut::<4>().0.get_mut(i) {
                        *chunk = word.to_be_bytes();
                    }
                }
            }
            lanes
        }
    }
}

use vector::Words;

/// The state before any block.
pub(crate) const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const NUMBERS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// Bytes of a message whose padding fits its last block.
pub(crate) const SHORT: usize = BLOCK - 9;

/// Four blocks, as numbers of eight bytes: the first of each block, the second of each, and so on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks([[u64; 4]; 8]);

impl Blocks {
    /// The last blocks of four messages: each of `rests`, at most [`SHORT`] bytes, comes behind `before` others.
    #[inline(always)]
    pub(crate) fn of(rests: [&[u8]; 4], before: usize) -> Self {
        let mut blocks = Self::default();
        for (lane, rest) in rests.into_iter().enumerate() {
            blocks.fill(lane, rest, before);
        }
        blocks
    }

    /// Makes one of them (0 to 3), which is empty, the last block of a message.
    #[inline(always)]
    fn fill(&mut self, lane: usize, rest: &[u8], before: usize) {
        let (whole, tail) = rest.as_chunks::<8>();
        let mut numbers = self.0.iter_mut().filter_map(|row| row.get_mut(lane & 3));
        for (chunk, number) in whole.iter().zip(numbers.by_ref()) {
            *number = u64::from_be_bytes(*chunk);
        }
        let last = match rest.last_chunk() {
            Some(last) => u64::from_be_bytes(*last),
            None => tail.iter().fold(0, |so_far, byte| so_far << 8 | u64::from(*byte)),
        };
        let bits = 8 * tail.len();
        if let Some(number) = numbers.next() {
            // The tail's bytes are the lowest of `last`; behind them comes a one. A shift by all 64 bits takes two.
            *number = last << 1 << (63 - bits) | 1 << 63 >> bits;
        }
        if let Some(number) = self.0.last_mut().and_then(|row| row.get_mut(lane & 3)) {
            *number = u64::try_from(8 * (before + rest.len())).unwrap_or(u64::MAX);
        }
    }

    #[inline(always)]
    fn words(&self) -> [Words; 16] {
        let mut words = [Words::splat(0); 16];
        for (two, row) in words.as_chunks_mut::<2>().0.iter_mut().zip(&self.0) {
            *two = Words::halves(*row);
        }
        words
    }
}

/// The state behind a block that a message begins with.
pub(crate) fn behind(block: &[u8; BLOCK]) -> [u32; 8] {
    let mut blocks = Blocks::default();
    for (row, chunk) in blocks.0.iter_mut().zip(block.as_chunks::<8>().0) {
        *row = [u64::from_be_bytes(*chunk); 4];
    }
    let [digest, ..] = digests(compress(START, blocks.words()));
    let mut state = START;
    for (word, chunk) in state.iter_mut().zip(digest.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*chunk);
    }
    state
}

/// The digests of four messages that end in these blocks, all behind the same state.
pub(crate) fn plain(state: [u32; 8], blocks: &Blocks) -> [[u8; 32]; 4] {
    digests(compress(state, blocks.words()))
}

/// The same, and around them the digests of what they are behind another state. The inner ones stay in their vectors.
pub(crate) fn nested(inner: [u32; 8], outer: [u32; 8], blocks: &Blocks) -> [[u8; 32]; 4] {
    let [a, b, c, d, e, f, g, h] = compress(inner, blocks.words());
    let (mark, zero) = (Words::splat(1 << 31), Words::splat(0));
    // Behind a block of 64 bytes, 32 more.
    let bits = Words::splat(8 * (64 + 32));
    let words = [a, b, c, d, e, f, g, h, mark, zero, zero, zero, zero, zero, zero, bits];
    digests(compress(outer, words))
}

#[inline(always)]
fn digests([a, b, c, d, e, f, g, h]: [Words; 8]) -> [[u8; 32]; 4] {
    let mut digests = [[0; 32]; 4];
    let (first, second) = (Words::bytes([a, b, c, d]), Words::bytes([e, f, g, h]));
    for ((digest, first), second) in digests.iter_mut().zip(first).zip(second) {
        if let [to_first, to_second] = digest.as_chunks_mut().0 {
            (*to_first, *to_second) = (first, second);
        }
    }
    digests
}

/// Each round's number, four times.
static ROUNDS: [Words; 64] = {
    let mut rounds = [Words::splat(0); 64];
    let mut i = 0;
    while i < rounds.len() {
        #[expect(clippy::indexing_slicing, reason = "below the length of both")]
        {
            rounds[i] = Words::splat(NUMBERS[i]);
        }
        i += 1;
    }
    rounds
};

/// The states behind four blocks, each of which comes behind the same state. Two loops of one round each: written out more often, the
/// rounds take longer, whichever way (in WebAssembly by a tenth to a quarter).
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "words have numbers below 16, rounds below 64")]
fn compress(state: [u32; 8], mut words: [Words; 16]) -> [Words; 8] {
    let start = state.map(Words::splat);
    let mut turning = Turning::new(start, words[0].add(ROUNDS[0]));
    for i in 1..16 {
        turning.round();
        turning.take(words[i].add(ROUNDS[i]));
    }
    for i in 16..64 {
        turning.round();
        let (far, near) = (words[(i + 1) & 15], words[(i + 14) & 15]);
        let s0 = far.rotate::<7>().xor(far.rotate::<18>()).xor(far.shift::<3>());
        let s1 = near.rotate::<17>().xor(near.rotate::<19>()).xor(near.shift::<10>());
        let word = words[i & 15].add(words[(i + 9) & 15]).add(s0).add(s1);
        words[i & 15] = word;
        turning.take(word.add(ROUNDS[i]));
    }
    turning.round();
    let mut ends = turning.state;
    for (end, start) in ends.iter_mut().zip(start) {
        *end = end.add(start);
    }
    ends
}

/// A state between two rounds, and what of the next round can be known already: so little waits for what a round ends with.
struct Turning {
    state: [Words; 8],
    /// Its last word, the message's next one, and the next round's number.
    sum: Words,
    /// What its first and second word differ in.
    differ: Words,
    /// What its second and third word differ in, which is what the first and second did a round ago.
    former: Words,
}

impl Turning {
    #[inline(always)]
    fn new(state: [Words; 8], word: Words) -> Self {
        let [a, b, c, .., h] = state;
        Self {
            state,
            sum: h.add(word),
            differ: a.xor(b),
            former: b.xor(c),
        }
    }

    /// Takes the message's next word, to which the round's number was added.
    #[inline(always)]
    fn take(&mut self, word: Words) {
        let [.., h] = self.state;
        self.sum = h.add(word);
    }

    #[inline(always)]
    fn round(&mut self) {
        let [a, b, c, d, e, f, g, _] = self.state;
        let s1 = e.rotate::<6>().xor(e.rotate::<11>()).xor(e.rotate::<25>());
        let choice = f.xor(g).and(e).xor(g);
        let first = self.sum.add(choice).add(s1);
        let s0 = a.rotate::<2>().xor(a.rotate::<13>()).xor(a.rotate::<22>());
        // Where `b` is what neither `a` nor `c` is, they are alike, and the majority.
        let majority = self.differ.and(self.former).xor(b);
        let next = first.add(s0.add(majority));
        self.former = self.differ;
        self.differ = next.xor(a);
        self.state = [next, a, b, c, d.add(first), e, f, g];
    }
}
