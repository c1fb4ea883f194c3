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

    /// Bytes that stand before a value in its block, and those of all blocks before.
    fn before(&self) -> (&[u8], usize) {
        match self {
            Self::Hmac { .. } => (&[], BLOCK),
            Self::Plain { salt } => (salt, 0),
        }
    }

    /// Four short values.
    fn short(&self, blocks: &Blocks) -> [[u8; 32]; 4] {
        match self {
            Self::Hmac { inner, outer } => lanes::nested(inner.0, outer.0, blocks),
            Self::Plain { .. } => lanes::plain(START, blocks),
        }
    }
}

/// Values on their way to digests, which take places of their own.
pub(crate) struct Queue<'h> {
    hash: &'h Hash,
    blocks: Blocks,
    /// A salt and the value behind it.
    joined: Vec<u8>,
    places: [usize; 4],
    waiting: usize,
    pub(crate) digests: Vec<[u8; 32]>,
}

impl<'h> Queue<'h> {
    /// For so many places, which are zero until a value comes.
    pub(crate) fn new(hash: &'h Hash, places: usize) -> Self {
        Self {
            hash,
            blocks: Blocks::default(),
            joined: Vec::new(),
            places: [0; 4],
            waiting: 0,
            digests: vec![[0; 32]; places],
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, place: usize, value: &[u8]) {
        let (prefix, before) = self.hash.before();
        if prefix.len() + value.len() > SHORT {
            let digest = self.hash.long(value);
            return self.put(place, digest);
        }
        if prefix.is_empty() {
            self.blocks.fill(self.waiting, value, before);
        } else {
            self.joined.clear();
            self.joined.extend_from_slice(prefix);
            self.joined.extend_from_slice(value);
            self.blocks.fill(self.waiting, &self.joined, before);
        }
        if let Some(slot) = self.places.get_mut(self.waiting) {
            *slot = place;
        }
        self.waiting += 1;
        if self.waiting == self.places.len() {
            self.settle();
        }
    }

    /// Hashes what still waits.
    pub(crate) fn settle(&mut self) {
        let digests = self.hash.short(&self.blocks);
        for (place, digest) in self.places.into_iter().zip(digests).take(self.waiting) {
            self.put(place, digest);
        }
        self.waiting = 0;
    }

    fn put(&mut self, place: usize, digest: [u8; 32]) {
        if let Some(slot) = self.digests.get_mut(place) {
            *slot = digest;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use sha2::{Digest, Sha256};

    use super::{Hash, Queue};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digests(hash: &Hash, values: &[&[u8]]) -> Vec<String> {
        let mut queue = Queue::new(hash, values.len());
        values.iter().enumerate().for_each(|(place, value)| queue.push(place, value));
        queue.settle();
        queue.digests.iter().map(|digest| hex(digest)).collect()
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
