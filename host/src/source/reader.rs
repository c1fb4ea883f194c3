//! A cursor over an event's bytes. Every step is checked: bytes from outside can end it early, never make it panic.

/// What is wrong with an event's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// A step that may find the bytes wrong.
pub(super) type Parsed<T> = Result<T, Malformed>;

const SHORT: Malformed = Malformed("it ends before its last field");

/// What is left of the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Parsed<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes, little-endian like all that follow.
    pub(super) fn u16(&mut self) -> Parsed<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Eight bytes.
    pub(super) fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// `n` bytes, 8 at most.
    pub(super) fn uint(&mut self, n: usize) -> Parsed<u64> {
        Ok(self
            .take(n)?
            .iter()
            .rev()
            .take(8)
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// MySQL's length-encoded integer.
    pub(super) fn lenenc(&mut self) -> Parsed<u64> {
        match self.u8()? {
            0xfc => self.uint(2),
            0xfd => self.uint(3),
            0xfe => self.u64(),
            byte @ (0xfb | 0xff) => {
                let _ = byte;
                Err(Malformed("a length in it is none"))
            }
            byte => Ok(u64::from(byte)),
        }
    }

    /// A length-encoded integer that counts bytes or items in memory.
    pub(super) fn size(&mut self) -> Parsed<usize> {
        usize::try_from(self.lenenc()?).map_err(|_| SHORT)
    }

    /// Bytes after their length-encoded length.
    pub(super) fn counted(&mut self) -> Parsed<&'a [u8]> {
        let n = self.size()?;
        self.take(n)
    }

    /// The unsigned integer of MySQL's serialization library: as many low one bits as bytes follow the first.
    pub(super) fn varlen(&mut self) -> Parsed<u64> {
        let first = self.rest.first().ok_or(SHORT)?;
        if *first == 0xff {
            self.u8()?;
            return self.u64();
        }
        let bytes = first.trailing_ones() + 1;
        let raw = self.uint(usize::try_from(bytes).map_err(|_| SHORT)?)?;
        Ok(raw >> bytes)
    }
}
