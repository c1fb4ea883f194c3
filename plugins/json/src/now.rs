//! The clock, which the host freezes to the batch's time; and texts that change seldom from row to row.

use rowmill_sdk::json::{Fragments, Part, Span};

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
    text: Fragments,
}

impl<K: PartialEq> Default for Clock<K> {
    fn default() -> Self {
        Self {
            of: None,
            text: Fragments::default(),
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
        let mut text = Vec::new();
        render(&of, &mut text);
        self.text = Fragments::default();
        self.text.push(&text);
        self.of = Some(of);
    }

    /// The text.
    #[inline(always)]
    pub fn text(&self) -> Span<'_> {
        self.text.get(0)
    }

    /// The text, where it is short.
    #[inline(always)]
    pub fn part(&self) -> Part<'_> {
        self.text.part(0)
    }
}
