//! Strings, and constant fragments that are copied in blocks.

use super::Cursor;
use super::cursor::{count_escapes, escapes_add};

/// Up to this length a string's worst case is taken as all escapes; a longer one is scanned for what it really takes.
const ESTIMATED_BYTES: usize = 1024;

/// From this length on what escaping adds is counted exactly: room that is made in vain is much then.
const COUNTED_BYTES: usize = 64 << 10;

/// Longest fragment that is copied in blocks; from here on one bulk copy is faster, in WASM too.
const BLOCKWISE_BYTES: usize = 256;

/// Bytes within a longer buffer. The writer reads whole blocks, so it looks past their end where the buffer goes on.
///
/// ```
/// use rowmill_sdk::json::{self, Span};
/// let whole = b"{\"a\":1,\"b\":2}";
/// let second = Span::new(whole, 6, 12); // ,"b":2
/// let first = second.skip(1); // as the first member: without the comma
/// assert_eq!((second.length(), first.length(), Span::new(whole, 6, 99).length()), (6, 5, 7));
/// assert_eq!(first.bytes(), b"\"b\":2");
/// let mut buffer = Vec::new();
/// json::write(&mut buffer, 11, |cursor| (cursor.fragment(first).fragment(second), ()));
/// assert_eq!(buffer, br#""b":2,"b":2"#);
/// ```
#[derive(Clone, Copy)]
pub struct Span<'a> {
    whole: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> From<&'a [u8]> for Span<'a> {
    fn from(whole: &'a [u8]) -> Self {
        Self {
            whole,
            start: 0,
            end: whole.len(),
        }
    }
}

impl<'a> Span<'a> {
    /// Bytes `start..end` of `whole`; cut where they reach past it ([example](Self)).
    #[inline(always)]
    pub fn new(whole: &'a [u8], start: usize, end: usize) -> Self {
        let end = end.min(whole.len());
        Self {
            whole,
            start: start.min(end),
            end,
        }
    }

    /// Bytes that it takes as a JSON string, at most: quotes included ([example](Cursor::string)).
    #[inline(always)]
    pub fn worst(&self) -> usize {
        let length = self.end - self.start;
        if length <= ESTIMATED_BYTES {
            6 * length + 2
        } else {
            self.scanned()
        }
    }

    fn scanned(&self) -> usize {
        let bytes = self.whole.get(self.start..self.end).unwrap_or_default();
        let added = if bytes.len() < COUNTED_BYTES {
            5 * count_escapes(bytes)
        } else {
            escapes_add(bytes)
        };
        bytes.len() + 2 + added
    }

    /// Whether whole blocks can be read up to the span's end: all but the last values of a buffer.
    #[inline(always)]
    fn is_roomy(&self) -> bool {
        self.whole.len() - self.end >= 16
    }
}

impl Cursor<'_> {
    /// A JSON string, quotes included: at most `span.worst()` bytes. `"`, `\` and control characters are escaped, the
    /// rest is written as it is.
    ///
    /// ```
    /// use rowmill_sdk::json::{self, Span};
    /// let text = Span::from("\u{e4} \"b\"\n\u{1}".as_bytes());
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, text.worst(), |cursor| (cursor.string(text), ()));
    /// assert_eq!(buffer, "\"\u{e4} \\\"b\\\"\\n\\u0001\"".as_bytes());
    /// ```
    #[inline(always)]
    pub fn string(self, span: Span<'_>) -> Self {
        if span.is_roomy() {
            self.quoted(span.whole, span.start, span.end)
        } else {
            self.apart(|cursor| cursor.quoted_to_the_end(span.whole, span.start, span.end))
        }
    }

    /// The same of a string that needs no escapes, without a call; any other gives the cursor back as it was, and so may one at the end of
    /// its buffer ([example](Cursor::short_signed)).
    ///
    /// # Errors
    /// The cursor as it was.
    #[inline(always)]
    pub fn plain_string(self, span: Span<'_>) -> Result<Self, Self> {
        if span.is_roomy() {
            self.plain(span.whole, span.start, span.end)
        } else {
            Err(self)
        }
    }

    /// The escaped form of a byte that needs one.
    #[inline(always)]
    pub(super) fn escape(self, byte: u8) -> Self {
        self.apart(|cursor| {
            let short = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                _ => {
                    let hex = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) };
                    return cursor.word(
                        u64::from_le_bytes([b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15), 0, 0]),
                        6,
                    );
                }
            };
            cursor.byte(b'\\').byte(short)
        })
    }

    /// A constant, in blocks: for what is known when the schema is opened ([example](super)).
    #[inline(always)]
    pub fn fragment(self, span: Span<'_>) -> Self {
        if span.end - span.start > BLOCKWISE_BYTES || !span.is_roomy() {
            return self.raw(span.whole.get(span.start..span.end).unwrap_or_default());
        }
        self.blocks(span.whole, span.start, span.end)
    }
}

impl Span<'_> {
    /// The same bytes without the first `count` ([example](Self)).
    #[inline(always)]
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        Self {
            start: (self.start + count).min(self.end),
            ..self
        }
    }

    /// The bytes ([example](Self)).
    pub fn bytes(&self) -> &[u8] {
        self.whole.get(self.start..self.end).unwrap_or_default()
    }

    /// Number of bytes ([example](Self)).
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.end - self.start
    }
}

/// A text as a JSON string, quotes included: for constants.
///
/// ```
/// assert_eq!(rowmill_sdk::json::string("a \"b\""), br#""a \"b\"""#);
/// ```
pub fn string(text: &str) -> Vec<u8> {
    let span = Span::from(text.as_bytes());
    let mut buffer = Vec::new();
    super::write(&mut buffer, span.worst(), |cursor| (cursor.string(span), ()));
    buffer
}
