//! The clock, which the host freezes to the batch's time; and texts that change seldom from row to row.

use rowmill_sdk::json::Span;

/// Milliseconds since 1970-01-01T00:00Z.
pub fn now() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970-01-01T00:00Z.
pub fn now_nanoseconds() -> i64 {
    i64::try_from(since_1970().as_nanos()).unwrap_or(i64::MAX)
}

fn since_1970() -> std::time::Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}

/// A text that is rendered anew only when what it is made of changes: mostly once a transaction.
#[derive(Debug)]
pub struct Clock<K> {
    of: Option<K>,
    text: Vec<u8>,
    length: usize,
}

impl<K: PartialEq> Default for Clock<K> {
    fn default() -> Self {
        Self {
            of: None,
            text: Vec::new(),
            length: 0,
        }
    }
}

impl<K: PartialEq> Clock<K> {
    /// Renders the text by `render` if `of` is another than before.
    #[inline(always)]
    pub fn at(&mut self, of: K, render: impl FnOnce(&K, &mut Vec<u8>)) {
        if self.of.as_ref() != Some(&of) {
            self.anew(of, render);
        }
    }

    #[inline(never)]
    fn anew(&mut self, of: K, render: impl FnOnce(&K, &mut Vec<u8>)) {
        self.text.clear();
        render(&of, &mut self.text);
        self.length = self.text.len();
        // Room for the last block.
        self.text.extend_from_slice(&[0; 16]);
        self.of = Some(of);
    }

    /// The text.
    #[inline(always)]
    pub fn text(&self) -> Span<'_> {
        Span::new(&self.text, 0, self.length)
    }
}
