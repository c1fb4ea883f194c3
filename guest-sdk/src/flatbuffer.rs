//! Reads flatbuffers: tables, vectors and strings by offset, every bound checked. Only what Arrow's messages need.

use crate::Error;

/// A table: where it starts, and where its fields are.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
    vtable_bytes: usize,
}

impl<'a> Table<'a> {
    /// The root table of a buffer.
    pub(crate) fn root(bytes: &'a [u8]) -> Result<Self, Error> {
        let at = word(bytes, 0)?;
        Self::at(bytes, at)
    }

    fn at(bytes: &'a [u8], at: usize) -> Result<Self, Error> {
        let back = i64::from(i32::from_le_bytes(read(bytes, at)?));
        let vtable = i64::try_from(at)
            .ok()
            .and_then(|at| usize::try_from(at - back).ok())
            .ok_or_else(outside)?;
        let vtable_bytes = usize::from(u16::from_le_bytes(read(bytes, vtable)?));
        Ok(Self {
            bytes,
            at,
            vtable,
            vtable_bytes,
        })
    }

    /// Where field `i` is; `None` where the table leaves it out, which means its default.
    fn field(&self, i: usize) -> Result<Option<usize>, Error> {
        let slot = 4 + 2 * i;
        if slot + 2 > self.vtable_bytes {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(read(self.bytes, self.vtable + slot)?));
        Ok((offset != 0).then_some(self.at + offset))
    }

    fn scalar<const N: usize>(&self, i: usize) -> Result<Option<[u8; N]>, Error> {
        self.field(i)?.map(|at| read(self.bytes, at)).transpose()
    }

    /// An unsigned byte; also a bool and the tag of a union.
    pub(crate) fn u8(&self, i: usize) -> Result<u8, Error> {
        Ok(self.scalar(i)?.map_or(0, u8::from_le_bytes))
    }

    pub(crate) fn i16(&self, i: usize, default: i16) -> Result<i16, Error> {
        Ok(self.scalar(i)?.map_or(default, i16::from_le_bytes))
    }

    pub(crate) fn i32(&self, i: usize, default: i32) -> Result<i32, Error> {
        Ok(self.scalar(i)?.map_or(default, i32::from_le_bytes))
    }

    pub(crate) fn i64(&self, i: usize) -> Result<i64, Error> {
        Ok(self.scalar(i)?.map_or(0, i64::from_le_bytes))
    }

    /// What an offset field points at.
    fn target(&self, i: usize) -> Result<Option<usize>, Error> {
        match self.field(i)? {
            Some(at) => Ok(Some(at.checked_add(word(self.bytes, at)?).ok_or_else(outside)?)),
            None => Ok(None),
        }
    }

    /// A table, also the value of a union.
    pub(crate) fn table(&self, i: usize) -> Result<Option<Table<'a>>, Error> {
        self.target(i)?.map(|at| Self::at(self.bytes, at)).transpose()
    }

    /// A string; the empty one where the field is left out.
    pub(crate) fn text(&self, i: usize) -> Result<&'a str, Error> {
        let Some(at) = self.target(i)? else { return Ok("") };
        let length = word(self.bytes, at)?;
        let bytes = self.bytes.get(at + 4..).and_then(|rest| rest.get(..length)).ok_or_else(outside)?;
        std::str::from_utf8(bytes).map_err(|_| Error::malformed("a string is not utf-8"))
    }

    /// A vector of tables.
    pub(crate) fn tables(&self, i: usize) -> Result<Vec<Table<'a>>, Error> {
        let Some(at) = self.target(i)? else { return Ok(Vec::new()) };
        let length = word(self.bytes, at)?;
        let room = self.bytes.len().saturating_sub(at + 4) / 4;
        if length > room {
            return Err(outside());
        }
        (0..length)
            .map(|n| {
                let slot = at + 4 + 4 * n;
                Self::at(self.bytes, slot.checked_add(word(self.bytes, slot)?).ok_or_else(outside)?)
            })
            .collect()
    }

    /// A vector of structs of two 64-bit integers: Arrow's `FieldNode` and `Buffer`.
    pub(crate) fn pairs(&self, i: usize) -> Result<Pairs<'a>, Error> {
        let Some(at) = self.target(i)? else { return Ok(Pairs(&[])) };
        let bytes = word(self.bytes, at)?.checked_mul(16).ok_or_else(outside)?;
        let pairs = self.bytes.get(at + 4..).and_then(|rest| rest.get(..bytes)).ok_or_else(outside)?;
        Ok(Pairs(pairs.as_chunks().0))
    }
}

/// A vector of pairs of 64-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a>(&'a [[u8; 16]]);

impl Pairs<'_> {
    /// Pair `i`, whose numbers must not be negative.
    pub(crate) fn get(&self, i: usize) -> Result<(usize, usize), Error> {
        let pair = self.0.get(i).ok_or_else(|| Error::malformed("fewer buffers than the schema has"))?;
        let number = |half: [u8; 8]| usize::try_from(i64::from_le_bytes(half)).map_err(|_| outside());
        Ok((number(read(pair, 0)?)?, number(read(pair, 8)?)?))
    }
}

/// `N` bytes at `at`.
pub(crate) fn read<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Error> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or_else(outside)
}

/// An unsigned 32-bit offset or length.
fn word(bytes: &[u8], at: usize) -> Result<usize, Error> {
    usize::try_from(u32::from_le_bytes(read(bytes, at)?)).map_err(|_| outside())
}

#[cold]
fn outside() -> Error {
    Error::malformed("an offset lies outside of the message")
}
