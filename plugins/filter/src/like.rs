//! Patterns of LIKE: `%` stands for anything, `_` for one character.

/// A pattern, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// Whether a character is a character of UTF-8, not a byte.
    text: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    One,
    Any,
}

impl Pattern {
    /// Reads one; behind `escape` stand `%`, `_` and the escape itself for themselves.
    pub(crate) fn new(pattern: &str, escape: Option<char>, text: bool) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = pattern.chars();
        while let Some(next) = characters.next() {
            let literal = match next {
                _ if Some(next) == escape => characters.next().unwrap_or(next),
                '%' => {
                    if parts.last() != Some(&Part::Any) {
                        parts.push(Part::Any);
                    }
                    continue;
                }
                '_' => {
                    parts.push(Part::One);
                    continue;
                }
                _ => next,
            };
            let mut buffer = [0; 4];
            let bytes = literal.encode_utf8(&mut buffer).as_bytes();
            match parts.last_mut() {
                Some(Part::Bytes(last)) => last.extend_from_slice(bytes),
                _ => parts.push(Part::Bytes(bytes.to_vec())),
            }
        }
        Self { parts, text }
    }

    /// Whether a value is like it.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Behind the last `%`: the part there, and where the value is to be tried next.
        let mut again: Option<(usize, usize)> = None;
        loop {
            let step = match self.parts.get(part) {
                Some(Part::Any) => {
                    if part + 1 == self.parts.len() {
                        return true;
                    }
                    again = Some((part + 1, at));
                    Some(at)
                }
                Some(Part::Bytes(bytes)) => value
                    .get(at..)
                    .is_some_and(|rest| rest.starts_with(bytes))
                    .then(|| at + bytes.len()),
                Some(Part::One) => (at < value.len()).then(|| at + self.width(value, at)),
                None if at == value.len() => return true,
                None => None,
            };
            match (step, again) {
                (Some(next), _) => (part, at) = (part + 1, next),
                (None, Some((behind, tried))) if tried < value.len() => {
                    let next = tried + self.width(value, tried);
                    again = Some((behind, next));
                    (part, at) = (behind, next);
                }
                (None, _) => return false,
            }
        }
    }

    /// Bytes of the character.
    fn width(&self, value: &[u8], at: usize) -> usize {
        match value.get(at) {
            Some(0xc0..0xe0) if self.text => 2,
            Some(0xe0..0xf0) if self.text => 3,
            Some(0xf0..) if self.text => 4,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_matches_what_mysql_says() {
        for (pattern, value, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("abc", "ABC", false),
            ("a%", "a", true),
            ("a%", "ba", false),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("%b%b", "abcb", true),
            ("%b%b", "abc", false),
            ("a_c", "a\u{e4}c", true),
            ("a_c", "a\u{1f600}c", true),
            ("a__c", "a\u{1f600}c", false),
            ("_%", "", false),
            ("%", "", true),
            ("", "", true),
            ("10\\%", "10%", true),
            ("10\\%", "10x", false),
            ("\\_", "_", true),
            ("%a%b%c", "xxaxxbxxbxxc", true),
            ("%aab", "aaab", true),
            ("ab\\", "ab\\", true),
        ] {
            assert_eq!(
                Pattern::new(pattern, Some('\\'), true).matches(value.as_bytes()),
                expected,
                "{value} LIKE {pattern}"
            );
        }
        assert!(Pattern::new("10|%", Some('|'), true).matches(b"10%"));
        assert!(Pattern::new("a\\%", None, true).matches(b"a\\b"));
        assert!(!Pattern::new("_", None, false).matches("\u{e4}".as_bytes()));
    }
}
