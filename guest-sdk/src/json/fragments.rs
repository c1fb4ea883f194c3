//! Constant texts that are copied in blocks.

#![expect(
    unsafe_code,
    reason = "a text is copied without a look at what is behind it, which nobody can take away"
)]

use super::cursor::Cursor;
use super::text::Span;

/// Constant texts in one buffer, padded so that each can be copied in blocks ([example](super)).
#[derive(Debug, Clone)]
pub struct Fragments {
    /// The texts one after the other, and `PADDING` bytes.
    bytes: Vec<u8>,
    /// Where each starts; behind the last one where that ends.
    bounds: Vec<usize>,
}

/// Bytes of a block.
const PADDING: usize = 16;

impl Default for Fragments {
    fn default() -> Self {
        Self {
            bytes: vec![0; PADDING],
            bounds: vec![0],
        }
    }
}

impl Fragments {
    /// Adds a text and gives its number ([example](super)).
    pub fn push(&mut self, text: &[u8]) -> usize {
        self.bytes.truncate(self.bytes.len() - PADDING);
        self.bytes.extend_from_slice(text);
        self.bounds.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; PADDING]);
        self.bounds.len() - 2
    }

    /// Text `i`; empty past the end ([example](super)).
    #[inline(always)]
    pub fn get(&self, i: usize) -> Span<'_> {
        let (start, end) = self.bounds(i);
        Span::new(&self.bytes, start, end)
    }

    /// Text `i`; empty past the end ([example](Part)).
    #[inline(always)]
    pub fn part(&self, i: usize) -> Part<'_> {
        let (start, end) = self.bounds(i);
        Part(self.bytes.get(start..end + PADDING).unwrap_or(&[0; PADDING]))
    }

    #[inline(always)]
    fn bounds(&self, i: usize) -> (usize, usize) {
        match (self.bounds.get(i), self.bounds.get(i.wrapping_add(1))) {
            (Some(start), Some(end)) => (*start, *end),
            _ => (0, 0),
        }
    }
}

/// A text of `Fragments`: its place is looked up once, and then it is copied without another look.
///
/// ```
/// use rowmill_sdk::json::{self, Fragments};
/// let mut fragments = Fragments::default();
/// let name = fragments.push(b",\"name\":");
/// let name = fragments.part(name);
/// let mut buffer = Vec::new();
/// json::write(&mut buffer, 2 * name.length(), |cursor| (cursor.part(name.skip(1)).part(name), ()));
/// assert_eq!(buffer, br#""name":,"name":"#);
/// ```
#[derive(Clone, Copy)]
pub struct Part<'a>(
    /// The text and `PADDING` bytes.
    &'a [u8],
);

impl Part<'_> {
    /// Its length in bytes ([example](Self)).
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.0.len() - PADDING
    }

    /// The same without its first bytes ([example](Self)).
    #[inline(always)]
    #[must_use]
    pub fn skip(self, bytes: usize) -> Self {
        Self(self.0.get(bytes.min(self.length())..).unwrap_or(self.0))
    }
}

impl Cursor<'_> {
    /// A constant, in blocks: what is short ([example](Part)).
    #[inline(always)]
    pub fn part(self, part: Part<'_>) -> Self {
        // SAFETY: `PADDING` bytes follow the text. The buffer that is written is borrowed mutably by `write`, so it is another one.
        unsafe { self.copied(part.0.as_ptr(), part.length()) }
    }
}
