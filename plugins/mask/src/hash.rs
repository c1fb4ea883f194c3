//! Digests of values under a salt: HMAC-SHA-256 (RFC 2104), or SHA-256 of salt and value.

use sha2::{Digest, Sha256};

use crate::lanes::{self, BLOCK, Blocks, SHORT, START};

/// A way to hash, its salt prepared.
#[derive(Debug, Clone)]
pub(crate) enum Hash {
    Hmac {
        /// States behind the padded key, as words for short values and as hashers for long ones.
        inner: ([u32; 8], Box<Sha256>),
        outer: ([u32; 8], Box<Sha256>),
    },
    Plain {
        salt: Vec<u8>,
    },
}

impl Hash {
    pub(crate) fn hmac(salt: &[u8]) -> Self {
        let mut key = [0; BLOCK];
        let hashed = Sha256::digest(salt);
        let salt = if salt.len() > BLOCK { hashed.as_slice() } else { salt };
        for (to, from) in key.iter_mut().zip(salt) {
            *to = *from;
        }
        let state = |pad: u8| {
            let padded = key.map(|byte| byte ^ pad);
            (lanes::behind(&padded), Box::new(Sha256::new_with_prefix(padded)))
        };
        Self::Hmac {
            inner: state(0x36),
            outer: state(0x5c),
        }
    }

    pub(crate) fn plain(salt: &[u8]) -> Self {
        Self::Plain { salt: salt.to_vec() }
    }

    /// One value by itself, of any length.
    fn long(&self, value: &[u8]) -> [u8; 32] {
        match self {
            Self::Hmac { inner, outer } => {
                let inner = inner.1.as_ref().clone().chain_update(value).finalize();
                outer.1.as_ref().clone().chain_update(inner).finalize().into()
            }
            Self::Plain { salt } => Sha256::new_with_prefix(salt).chain_update(value).finalize().into(),
        }
    }

    /// Room for values that have so many places.
    pub(crate) fn queue<'v>(&self, places: usize) -> Queue<'_, 'v> {
        let before = match self {
            Self::Hmac { .. } => 0,
            Self::Plain { salt } => salt.len(),
        };
        Queue {
            hash: self,
            most: SHORT.checked_sub(before),
            places,
            short: 0,
            long: 0,
            values: vec![(0, [].as_slice()); places],
        }
    }

    /// Four short values.
    fn four(&self, values: [&[u8]; 4]) -> [[u8; 32]; 4] {
        match self {
            Self::Hmac { inner, outer } => lanes::nested(inner.0, outer.0, &Blocks::of(values, BLOCK)),
            Self::Plain { salt } => {
                let joined = values.map(|value| [salt, value].concat());
                lanes::plain(START, &Blocks::of(joined.each_ref().map(Vec::as_slice), 0))
            }
        }
    }
}

/// Values that are to be hashed, each with the place of its digest.
pub(crate) struct Queue<'h, 'v> {
    hash: &'h Hash,
    /// Bytes that a short one has at most; none where the salt alone is longer than a block.
    most: Option<usize>,
    places: usize,
    /// Short ones, which are hashed four at once, come first, and long ones last.
    values: Vec<(usize, &'v [u8])>,
    short: usize,
    long: usize,
}

impl<'v> Queue<'_, 'v> {
    /// Adds one; there are no more than places.
    #[inline(always)]
    pub(crate) fn push(&mut self, place: usize, value: &'v [u8]) {
        let at = if self.most.is_some_and(|most| value.len() <= most) {
            self.short += 1;
            self.short - 1
        } else {
            self.long += 1;
            self.places.wrapping_sub(self.long)
        };
        if let Some(slot) = self.values.get_mut(at) {
            *slot = (place, value);
        }
    }

    /// Their digests; zeros in places that have no value.
    pub(crate) fn digests(&self) -> Vec<[u8; 32]> {
        let mut digests = vec![[0; 32]; self.places];
        let mut put = |place: usize, digest: [u8; 32]| {
            if let Some(slot) = digests.get_mut(place) {
                *slot = digest;
            }
        };
        let short = self.values.get(..self.short).unwrap_or_default();
        let long = self.values.get(self.places.saturating_sub(self.long)..).unwrap_or_default();
        let (fours, rest) = short.as_chunks::<4>();
        for four in fours {
            let made = self.hash.four(four.map(|(_, value)| value));
            four.iter().zip(made).for_each(|((place, _), digest)| put(*place, digest));
        }
        if !rest.is_empty() {
            let value = |i: usize| rest.get(i).map_or([].as_slice(), |(_, value)| value);
            let made = self.hash.four(std::array::from_fn(value));
            rest.iter().zip(made).for_each(|((place, _), digest)| put(*place, digest));
        }
        long.iter().for_each(|(place, value)| put(*place, self.hash.long(value)));
        digests
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use sha2::{Digest, Sha256};

    use super::Hash;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digests(hash: &Hash, values: &[&[u8]]) -> Vec<String> {
        let mut placed = hash.queue(values.len());
        values.iter().enumerate().for_each(|(place, value)| placed.push(place, value));
        placed.digests().iter().map(|digest| hex(digest)).collect()
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        for (key, value, expected) in [
            (&[0x0b; 20][..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            assert_eq!(digests(&Hash::hmac(key), &[value]), [expected]);
        }
    }

    #[test]
    fn plain_is_the_digest_of_salt_and_value() {
        let long = [b'x'; 200];
        let values: [&[u8]; 6] = [b"", b"a", b"abc", &long, &long[..52], &long[..53]];
        let expected = values.map(|value| hex(&Sha256::digest([b"abc", value].concat())));
        assert_eq!(digests(&Hash::plain(b"abc"), &values), expected);
    }

    proptest! {
        #[test]
        fn four_at_once_are_as_one_by_one(salt in proptest::collection::vec(any::<u8>(), 0..100), values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..9)) {
            for hash in [Hash::hmac(&salt), Hash::plain(&salt)] {
                let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
                let one_by_one: Vec<String> = values.iter().map(|value| hex(&hash.long(value))).collect();
                prop_assert_eq!(digests(&hash, &values), one_by_one);
            }
        }
    }
}
