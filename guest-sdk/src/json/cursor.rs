//! The cursor: stores of 1, 8 and 16 bytes into reserved memory, and the scan for bytes that JSON escapes. The only
//! module with `unsafe`: everything above it is built of these few steps, each of which checks that it fits.

#![expect(
    unsafe_code,
    reason = "stores into a vector's reserve without a call each; measured 1.4 times as fast in WASM"
)]

use std::marker::PhantomData;

/// Bytes behind the reserve that a block store may touch.
pub(crate) const SLACK: usize = 32;

/// A place in reserved memory, passed by value so that it stays in a register. Every step panics rather than write
/// past what `write` reserved: a wrong estimate is a bug of the encoder.
///
/// ```
/// use rowmill_sdk::json;
/// let mut buffer = b"> ".to_vec();
/// let ends = json::write(&mut buffer, 64, |cursor| {
///     let cursor = cursor.byte(b'[').unsigned(u64::MAX).byte(b',').signed(-1).byte(b',').digits(7, 3);
///     // Short constants go through a register: the first bytes of a word or of a block.
///     let cursor = cursor.word(u64::from_le_bytes(*b",true,,,"), 5);
///     let cursor = cursor.block(*b",false,,,,,,,,,,", 6).raw(b",null").byte(b']');
///     let ends = cursor.position();
///     (cursor, ends)
/// });
/// assert_eq!(buffer, b"> [18446744073709551615,-1,007,true,false,null]");
/// assert_eq!(ends, buffer.len());
/// ```
#[must_use = "a cursor that is dropped has written nothing"]
pub struct Cursor<'a> {
    /// The next byte to write.
    at: *mut u8,
    /// Where the promised bytes end; `SLACK` bytes more belong to the buffer.
    end: *mut u8,
    /// Start of the buffer.
    start: *mut u8,
    /// Invariant, so that a closure can only give back the cursor that it was given.
    brand: PhantomData<fn(&'a mut ()) -> &'a mut ()>,
}

/// Appends to `buffer` what `fill` writes, at most `worst` bytes. What `fill` returns beside the cursor is passed on ([example](self::Cursor)).
///
/// # Panics
/// Where `fill` writes more than `worst` bytes.
#[inline(always)]
pub fn write<T>(buffer: &mut Vec<u8>, worst: usize, fill: impl for<'a> FnOnce(Cursor<'a>) -> (Cursor<'a>, T)) -> T {
    let needed = worst.saturating_add(SLACK);
    if buffer.capacity() - buffer.len() < needed {
        grow(buffer, needed);
    }
    let start = buffer.as_mut_ptr();
    // SAFETY: `len + worst + SLACK <= capacity`, so both pointers lie in the buffer's allocation.
    let cursor = unsafe {
        let at = start.add(buffer.len());
        Cursor {
            at,
            end: at.add(worst),
            start,
            brand: PhantomData,
        }
    };
    let (cursor, result) = fill(cursor);
    // SAFETY: the brand makes it the same cursor, so it points into the same allocation, at or after its start, and every
    // byte up to it is written: the cursor only advances over bytes that it stored.
    unsafe { buffer.set_len(cursor.at.offset_from_unsigned(start)) };
    result
}

/// The buffer doubles up to the size of a hand-over. Past that only what is needed is added: doubling would take a
/// large row's memory twice.
#[cold]
#[inline(never)]
fn grow(buffer: &mut Vec<u8>, needed: usize) {
    buffer.reserve_exact(needed.max(buffer.capacity().clamp(64 << 10, 1 << 20)));
}

// What never returns costs the registers of nothing that lives across it.
#[cold]
#[inline(never)]
#[expect(
    clippy::panic,
    reason = "as `write` says: it is a defect of the encoder, and nothing may be written past what it reserved"
)]
fn overrun() -> ! {
    panic!("rowmill-sdk: an encoder wrote more than it reserved");
}

impl<'a> Cursor<'a> {
    /// Runs `write` out of line, and passes the cursor there and back in registers: for what is rare, or large and called from
    /// several places. A function that takes and gives back a `Cursor` of its own accord does so through memory, and then
    /// every step beside its call goes through that memory too; WASM loses a tenth of its speed over it.
    ///
    /// ```
    /// use rowmill_sdk::json;
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, 8, |cursor| (cursor.apart(|cursor| cursor.raw(b"se").raw(b"ldom")), ()));
    /// assert_eq!(buffer, b"seldom");
    /// ```
    #[inline(always)]
    pub fn apart(self, write: impl FnOnce(Self) -> Self) -> Self {
        #[inline(never)]
        fn run<'a>(at: *mut u8, end: *mut u8, start: *mut u8, write: impl FnOnce(Cursor<'a>) -> Cursor<'a>) -> *mut u8 {
            write(Cursor {
                at,
                end,
                start,
                brand: PhantomData,
            })
            .at
        }
        Self {
            at: run(self.at, self.end, self.start, write),
            ..self
        }
    }

    /// Bytes that the buffer holds up to here, those of before `write` included ([example](Self)).
    #[inline(always)]
    pub fn position(&self) -> usize {
        // SAFETY: both point into the same allocation and `at` never goes back.
        unsafe { self.at.offset_from_unsigned(self.start) }
    }

    /// Panics unless `length` bytes fit.
    #[inline(always)]
    fn check(&self, length: usize) {
        // SAFETY: both point into the same allocation, and `at <= end` always.
        if unsafe { self.end.offset_from_unsigned(self.at) } < length {
            overrun();
        }
    }

    /// Advances over `length` bytes that were stored and checked.
    ///
    /// # Safety
    /// `check(length)` passed and the bytes are written.
    #[inline(always)]
    unsafe fn advance(self, length: usize) -> Self {
        // SAFETY: by the caller `at + length <= end`.
        Self {
            at: unsafe { self.at.add(length) },
            ..self
        }
    }

    /// One byte ([example](Self)).
    #[inline(always)]
    pub fn byte(self, byte: u8) -> Self {
        self.check(1);
        // SAFETY: checked for one byte, which is stored.
        unsafe {
            self.at.write(byte);
            self.advance(1)
        }
    }

    /// The first `length` bytes (at most 8) of a little-endian word ([example](Self)).
    #[inline(always)]
    pub fn word(self, word: u64, length: usize) -> Self {
        let length = length.min(8);
        self.check(length);
        // SAFETY: `at <= end` and `SLACK >= 8`, so the store stays in the allocation; `length <= 8` bytes of it count.
        unsafe {
            self.at.cast::<[u8; 8]>().write(word.to_le_bytes());
            self.advance(length)
        }
    }

    /// The first `length` bytes (at most 16) of a block ([example](Self)).
    #[inline(always)]
    pub fn block(self, block: [u8; 16], length: usize) -> Self {
        let length = length.min(16);
        self.check(length);
        // SAFETY: `at <= end` and `SLACK >= 16`, so the store stays in the allocation; `length <= 16` bytes of it count.
        unsafe {
            self.at.cast::<[u8; 16]>().write(block);
            self.advance(length)
        }
    }

    /// Bytes of any number, by one copy: for what is long ([example](Self)).
    #[inline(always)]
    pub fn raw(self, bytes: &[u8]) -> Self {
        self.check(bytes.len());
        // SAFETY: checked for all of them; the buffer is borrowed mutably by `write`, so `bytes` lie elsewhere.
        unsafe {
            self.at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            self.advance(bytes.len())
        }
    }

    /// Bytes `start..end` of `whole`, block by block: at least 16 bytes of `whole` have to follow them.
    #[inline(always)]
    pub(super) fn blocks(self, whole: &[u8], start: usize, end: usize) -> Self {
        if start > end || whole.len() < end.saturating_add(16) {
            overrun();
        }
        // SAFETY: they and 16 bytes behind them lie within `whole`, as checked, and `whole` lies elsewhere, as in `raw`.
        unsafe { self.copied(whole.as_ptr().add(start), end - start) }
    }

    /// `length` bytes from there on, block by block. A block goes from memory to memory through one register; as an array it would be
    /// spilled between the two in WASM.
    ///
    /// # Safety
    /// They and the 16 bytes behind them may be read, and lie in another allocation.
    #[inline(always)]
    pub(super) unsafe fn copied(self, from: *const u8, length: usize) -> Self {
        self.check(length);
        // SAFETY: a block that starts within the bytes may be read, by the caller. It is stored before `at + length`, which is at most
        // `self.end`, and `SLACK >= 16`.
        unsafe {
            let (mut from, mut to) = (from, self.at);
            let stop = to.add(length);
            while to < stop {
                store(to, load(from));
                (from, to) = (from.add(16), to.add(16));
            }
            Self { at: stop, ..self }
        }
    }

    /// Bytes `start..end` of `whole` as a JSON string, quotes included: at least 16 bytes of `whole` have to follow them. Where they,
    /// or those that share their last block, may have to be escaped, the cursor comes back as it was.
    #[inline(always)]
    pub(super) fn plain(self, whole: &[u8], start: usize, end: usize) -> Result<Self, Self> {
        if start > end || whole.len() < end.saturating_add(16) {
            overrun();
        }
        let length = end - start;
        self.check(length + 2);
        // SAFETY: what follows the string, and its room, were checked; blocks are stored as in `copied`.
        unsafe {
            self.at.write(b'"');
            let (mut from, mut to) = (whole.as_ptr().add(start), self.at.add(1));
            let stop = to.add(length);
            while to < stop {
                let block = load(from);
                store(to, block);
                if escapes(block) != 0 {
                    return Err(self);
                }
                (from, to) = (from.add(16), to.add(16));
            }
            Ok(Self { at: stop, ..self }.stored(b'"'))
        }
    }

    /// The same, escaped where need be.
    #[inline(always)]
    pub(super) fn quoted(self, whole: &[u8], start: usize, end: usize) -> Self {
        if start > end || whole.len() < end.saturating_add(16) {
            overrun();
        }
        self.check(end - start + 2);
        // SAFETY: what follows the string, and its room, were checked.
        unsafe { self.stored(b'"').escaped(whole, start, end).stored(b'"') }
    }

    /// The same of bytes that may be the last ones of `whole`.
    #[inline(never)]
    pub(super) fn quoted_to_the_end(self, whole: &[u8], start: usize, end: usize) -> Self {
        let cut = end.saturating_sub(16).max(start);
        let mut tail = [0; 32];
        let Some(last) = whole.get(cut..end) else { overrun() };
        if let Some(tail) = tail.get_mut(..last.len()) {
            tail.copy_from_slice(last);
        }
        self.check(end - start + 2);
        // SAFETY: up to `cut` 16 bytes follow, unless there is nothing to write; so do behind the tail. The room was checked, for the
        // second part anew.
        unsafe {
            let cursor = self.stored(b'"').escaped(whole, start, cut);
            cursor.check(last.len() + 1);
            cursor.escaped(&tail, 0, last.len()).stored(b'"')
        }
    }

    /// Bytes `start..end` of `whole`, escaped.
    ///
    /// # Safety
    /// `check(end - start + 1)` passed, and 16 bytes of `whole` follow them.
    #[inline(always)]
    unsafe fn escaped(self, whole: &[u8], start: usize, end: usize) -> Self {
        // What has not been copied yet, and the quote after it, always fits: escaping checks anew for what it adds.
        // SAFETY: blocks are read and stored as in `blocks`.
        unsafe {
            let mut from = whole.as_ptr().add(start);
            let stop = whole.as_ptr().add(end);
            let mut cursor = self;
            while from < stop {
                let block = load(from);
                store(cursor.at, block);
                let left = stop.offset_from_unsigned(from);
                // Bytes behind the string seldom are such that would be escaped.
                let mut hits = escapes(block);
                if hits != 0 {
                    hits &= (1 << left.min(16)) - 1;
                }
                if hits == 0 {
                    let length = left.min(16);
                    cursor.at = cursor.at.add(length);
                    from = from.add(length);
                } else {
                    let clean = usize::try_from(hits.trailing_zeros()).unwrap_or(0);
                    cursor.at = cursor.at.add(clean);
                    cursor = cursor.escape(*from.add(clean));
                    from = from.add(clean + 1);
                    cursor.check(left - clean);
                }
            }
            cursor
        }
    }

    /// One byte that was checked for.
    ///
    /// # Safety
    /// `check(1)` passed.
    #[inline(always)]
    unsafe fn stored(self, byte: u8) -> Self {
        // SAFETY: by the caller there is room for it.
        unsafe {
            self.at.write(byte);
            self.advance(1)
        }
    }
}

/// Sixteen bytes in a vector register.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
type Block = core::arch::wasm32::v128;
/// Sixteen bytes in a vector register.
#[cfg(target_arch = "x86_64")]
type Block = core::arch::x86_64::__m128i;
/// Sixteen bytes.
#[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
type Block = [u8; 16];

/// # Safety
/// 16 bytes at `from` may be read.
#[inline(always)]
unsafe fn load(from: *const u8) -> Block {
    // SAFETY: by the caller; any alignment will do.
    unsafe { from.cast::<Block>().read_unaligned() }
}

/// # Safety
/// 16 bytes at `to` may be written.
#[inline(always)]
unsafe fn store(to: *mut u8, block: Block) {
    // SAFETY: by the caller; any alignment will do.
    unsafe { to.cast::<Block>().write_unaligned(block) }
}

/// Bit `i` is set where byte `i` must be escaped in a JSON string: `"`, `\` and control characters.
#[inline(always)]
fn escapes(block: Block) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use core::arch::wasm32::{i8x16_eq, u8x16_bitmask, u8x16_lt, u8x16_splat, v128_or};
        let quotes = v128_or(i8x16_eq(block, u8x16_splat(b'"')), i8x16_eq(block, u8x16_splat(b'\\')));
        u32::from(u8x16_bitmask(v128_or(quotes, u8x16_lt(block, u8x16_splat(0x20)))))
    }
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let below = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
            let quotes = _mm_or_si128(
                _mm_cmpeq_epi8(block, _mm_set1_epi8(0x22)),
                _mm_cmpeq_epi8(block, _mm_set1_epi8(0x5c)),
            );
            _mm_movemask_epi8(_mm_or_si128(quotes, below)).cast_unsigned()
        }
    }
    #[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
    {
        let mut mask = 0;
        for (i, byte) in block.into_iter().enumerate() {
            mask |= u32::from(byte < 0x20 || byte == b'"' || byte == b'\\') << i;
        }
        mask
    }
}

/// How many bytes escaping adds, exactly.
#[inline(never)]
pub(super) fn escapes_add(bytes: &[u8]) -> usize {
    let adds = |byte: &u8| match byte {
        b'"' | b'\\' | 0x08 | 0x0c | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 => 5,
        _ => 0,
    };
    let (blocks, rest) = bytes.as_chunks::<16>();
    // SAFETY: a chunk is 16 bytes.
    let with_some = blocks.iter().filter(|block| unsafe { escapes(load(block.as_ptr())) } != 0);
    with_some.flatten().chain(rest).map(adds).sum()
}

/// How many of the bytes must be escaped in a JSON string.
#[inline(never)]
pub(super) fn count_escapes(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    // SAFETY: a chunk is 16 bytes.
    let in_blocks = blocks.iter().map(|block| unsafe { escapes(load(block.as_ptr())) }.count_ones());
    let in_rest = rest.iter().filter(|byte| **byte < 0x20 || matches!(**byte, b'"' | b'\\'));
    usize::try_from(in_blocks.sum::<u32>()).unwrap_or(usize::MAX) + in_rest.count()
}
