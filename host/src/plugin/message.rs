//! A batch's Arrow message on its way into a guest: the pieces that it is made of, copied once, to the place that the guest makes for it.

#![expect(
    unsafe_code,
    reason = "wasmtime's own lists are lowered from one slice: the message would have to be put together before it is copied into the guest"
)]

use std::mem::MaybeUninit;

use arrow::buffer::Buffer;
use wasmtime::ValRaw;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lower};

/// An encapsulated record-batch message, `list<u8>` to a guest.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// They lie where the batch's columns do.
    pieces: Vec<Buffer>,
    length: usize,
}

impl Message {
    /// Of these pieces, one behind the other.
    pub(super) fn of(pieces: Vec<Buffer>) -> Self {
        let length = pieces.iter().map(Buffer::len).sum();
        Self { pieces, length }
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
        for piece in &self.pieces {
            whole.extend_from_slice(piece);
        }
    }

    /// Writes it into the guest: where it is, and its length.
    fn write<T>(&self, cx: &mut LowerContext<'_, T>) -> wasmtime::Result<(usize, usize)> {
        let start = cx.realloc(0, 0, 1, self.length)?;
        // `realloc` has checked that so many bytes from there on are the guest's.
        let mut rest = cx.as_slice_mut().get_mut(start..).unwrap_or_default();
        for piece in &self.pieces {
            let Some((to, behind)) = rest.split_at_mut_checked(piece.len()) else {
                wasmtime::bail!("the guest's memory ends before the {} bytes of a batch do", self.length);
            };
            to.copy_from_slice(piece);
            rest = behind;
        }
        Ok((start, self.length))
    }
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
        let (start, length) = self.write(cx)?;
        dst.write([ValRaw::i64(wide(start)), ValRaw::i64(wide(length))]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, cx: &mut LowerContext<'_, T>, _: InterfaceType, offset: usize) -> wasmtime::Result<()> {
        let (start, length) = self.write(cx)?;
        *cx.get(offset) = narrow(start).to_le_bytes();
        *cx.get(offset + 4) = narrow(length).to_le_bytes();
        Ok(())
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
