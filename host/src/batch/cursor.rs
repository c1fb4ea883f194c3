//! Takes values off the front of a row event's bytes; every step is checked.

use super::flaw::Flaw;

/// What is left of the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Flaw::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Flaw::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Flaw> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A little-endian number of up to 8 bytes.
    #[inline]
    pub(super) fn little(&mut self, bytes: u8) -> Result<u64, Flaw> {
        Ok(match bytes {
            1 => u64::from(self.byte()?),
            2 => u64::from(u16::from_le_bytes(self.array()?)),
            4 => u64::from(u32::from_le_bytes(self.array()?)),
            8 => u64::from_le_bytes(self.array()?),
            _ => self
                .take(usize::from(bytes))?
                .iter()
                .rev()
                .fold(0, |value, byte| (value << 8) | u64::from(*byte)),
        })
    }

    /// MySQL's length-encoded integer.
    pub(super) fn lenenc(&mut self) -> Result<u64, Flaw> {
        match self.byte()? {
            0xfc => self.little(2),
            0xfd => self.little(3),
            0xfe => self.little(8),
            0xfb | 0xff => Err(Flaw::Short),
            byte => Ok(u64::from(byte)),
        }
    }

    /// A big-endian number of up to 8 bytes.
    #[inline]
    pub(super) fn big(&mut self, bytes: u8) -> Result<u64, Flaw> {
        Ok(self
            .take(usize::from(bytes))?
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// The bytes after a length of `prefix` bytes.
    #[inline]
    pub(super) fn prefixed(&mut self, prefix: u8) -> Result<&'a [u8], Flaw> {
        let length = usize::try_from(self.little(prefix)?).map_err(|_| Flaw::Short)?;
        self.take(length)
    }
}
