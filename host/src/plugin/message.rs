//! A batch's Arrow message on its way into a guest and out of one: copied once, as a whole or from the pieces that it is made of.

#![expect(
    unsafe_code,
    reason = "wasmtime's own lists are lowered from one slice, so that a message would have to be put together first, and lifted byte by byte"
)]

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ops::Range;

use arrow::array::{Array, ArrayData};
use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;
use wasmtime::ValRaw;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{ComponentType, Lift, Lower};

/// What is shorter is copied at once.
const LENT_BYTES: usize = 1 << 10;

/// An encapsulated record-batch message, `list<u8>` to a guest.
#[derive(Debug, Default)]
pub(super) struct Message {
    pieces: Vec<Piece>,
    /// What is in no column: heads, padding, short buffers.
    small: Vec<u8>,
    length: usize,
}

#[derive(Debug)]
enum Piece {
    /// Part of `small`.
    Small(Range<usize>),
    /// It lies where the batch's column does.
    Lent(Buffer),
}

impl Message {
    /// One that is there already.
    pub(super) fn whole(message: Buffer) -> Self {
        Self {
            length: message.len(),
            pieces: vec![Piece::Lent(message)],
            small: Vec::new(),
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Small(range) => self.small.get(range.clone()).unwrap_or_default(),
            Piece::Lent(buffer) => buffer,
        })
    }

    /// Puts it together.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length);
        self.copy_to(&mut whole);
        whole
    }

    /// Puts it together in the place of what is there.
    pub(super) fn copy_to(&self, whole: &mut Vec<u8>) {
        whole.clear();
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
    }

    /// Writes it into the guest: where it is, and its length.
    fn lower<T>(&self, cx: &mut LowerContext<'_, T>) -> wasmtime::Result<(usize, usize)> {
        let start = cx.realloc(0, 0, 1, self.length)?;
        // `realloc` has checked that so many bytes from there on are the guest's.
        let mut rest = cx.as_slice_mut().get_mut(start..).unwrap_or_default();
        for piece in self.pieces() {
            let Some((to, behind)) = rest.split_at_mut_checked(piece.len()) else {
                wasmtime::bail!("the guest's memory ends before the {} bytes of a batch do", self.length);
            };
            to.copy_from_slice(piece);
            rest = behind;
        }
        Ok((start, self.length))
    }
}

/// Takes a batch's message as it is written, without a copy of what lies in the batch's columns.
#[derive(Debug, Default)]
pub(super) struct Taker {
    /// The buffers of the batch's columns.
    lenders: Vec<Buffer>,
    taken: Message,
}

impl Taker {
    /// Begins with the message of these rows.
    pub(super) fn begin(&mut self, rows: &RecordBatch) {
        self.taken = Message::default();
        self.lenders.clear();
        for column in rows.columns() {
            lend(&column.to_data(), &mut self.lenders);
        }
    }

    /// Ends it: nothing of the batch is held here any longer.
    pub(super) fn end(&mut self) -> Message {
        self.lenders.clear();
        std::mem::take(&mut self.taken)
    }
}

fn lend(data: &ArrayData, lenders: &mut Vec<Buffer>) {
    lenders.extend(data.nulls().map(|nulls| nulls.buffer().clone()));
    lenders.extend(data.buffers().iter().cloned());
    data.child_data().iter().for_each(|child| lend(child, lenders));
}

impl Write for Taker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = &mut self.taken;
        message.length += bytes.len();
        let lent = (bytes.len() >= LENT_BYTES).then(|| self.lenders.iter().find_map(|lender| part(lender, bytes)));
        if let Some(Some(lent)) = lent {
            message.pieces.push(Piece::Lent(lent));
            return Ok(bytes.len());
        }
        let start = message.small.len();
        message.small.extend_from_slice(bytes);
        let end = message.small.len();
        match message.pieces.last_mut() {
            Some(Piece::Small(range)) => range.end = end,
            _ => message.pieces.push(Piece::Small(start..end)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The part of a buffer that these bytes are, if they lie in it.
fn part(buffer: &Buffer, bytes: &[u8]) -> Option<Buffer> {
    let start = bytes.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
    let fits = start.checked_add(bytes.len()).is_some_and(|end| end <= buffer.len());
    fits.then(|| buffer.slice_with_length(start, bytes.len()))
}

// SAFETY: representation and type are those of a slice of bytes.
unsafe impl ComponentType for Message {
    type Lower = <[u8] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[u8] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[u8] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: both write the two numbers that a slice of bytes is, of memory that the guest has given for it.
unsafe impl Lower for Message {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        let (start, length) = self.lower(cx)?;
        dst.write([ValRaw::i64(wide(start)), ValRaw::i64(wide(length))]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, cx: &mut LowerContext<'_, T>, _: InterfaceType, offset: usize) -> wasmtime::Result<()> {
        let (start, length) = self.lower(cx)?;
        *cx.get(offset) = narrow(start).to_le_bytes();
        *cx.get(offset + 4) = narrow(length).to_le_bytes();
        Ok(())
    }
}

/// A message that a guest made, `list<u8>` to it.
#[derive(Debug)]
pub(super) struct Given(pub Vec<u8>);

impl Given {
    /// Copies it out of the guest's memory.
    fn lift(cx: &mut LiftContext<'_>, start: u32, length: u32) -> wasmtime::Result<Self> {
        let (start, length) = (usize::try_from(start)?, usize::try_from(length)?);
        let bytes = cx.memory().get(start..).and_then(|rest| rest.get(..length));
        let Some(bytes) = bytes else {
            wasmtime::bail!("a list of {length} bytes at {start}, which is out of bounds of memory");
        };
        cx.consume_fuel_array(length, 1)?;
        Ok(Self(bytes.to_vec()))
    }
}

// SAFETY: representation and type are those of a slice of bytes.
unsafe impl ComponentType for Given {
    type Lower = <[u8] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[u8] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[u8] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: both read the two numbers that a slice of bytes is, and take nothing that lies outside of the guest's memory.
unsafe impl Lift for Given {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, _: InterfaceType, [start, length]: &Self::Lower) -> wasmtime::Result<Self> {
        Self::lift(cx, start.get_u32(), length.get_u32())
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, _: InterfaceType, bytes: &[u8]) -> wasmtime::Result<Self> {
        let [start, length] = bytes.as_chunks().0 else {
            wasmtime::bail!("a list of {} bytes where it has 8", bytes.len());
        };
        Self::lift(cx, u32::from_le_bytes(*start), u32::from_le_bytes(*length))
    }
}

/// As wasmtime passes a pointer into a memory of 32 bits.
fn wide(number: usize) -> i64 {
    i64::from(narrow(number))
}

/// What lies in a memory of 32 bits is below 2^32.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
