//! Members of compact JSON as raw text: a number keeps every digit, and a space that should not be there is seen.

/// The members of an object in their order: name and raw text of the value.
///
/// # Panics
/// Where the text is not one compact object.
pub fn object_members(text: &str) -> Vec<(String, &str)> {
    pieces(text, '{', '}')
        .into_iter()
        .map(|piece| {
            let end = value_end(piece, 0);
            assert_eq!(piece.as_bytes().get(end), Some(&b':'), "no colon after a member's name in {piece}");
            let name = serde_json::from_str(&piece[..end]).unwrap_or_else(|e| panic!("{e}: a member's name in {piece}"));
            (name, &piece[end + 1..])
        })
        .collect()
}

/// The items of an array as raw text.
///
/// # Panics
/// Where the text is not one compact array.
pub fn array_items(text: &str) -> Vec<&str> {
    pieces(text, '[', ']')
}

fn pieces(text: &str, open: char, close: char) -> Vec<&str> {
    let inner = text
        .strip_prefix(open)
        .and_then(|t| t.strip_suffix(close))
        .unwrap_or_else(|| panic!("not within {open}{close}: {text}"));
    let (mut found, mut start) = (Vec::new(), 0);
    if inner.is_empty() {
        return found;
    }
    loop {
        let mut end = value_end(inner, start);
        if open == '{' {
            end = value_end(inner, end + 1);
        }
        found.push(&inner[start..end]);
        match inner.as_bytes().get(end) {
            None => return found,
            Some(b',') => start = end + 1,
            Some(other) => panic!("{:?} after a value in {text}", char::from(*other)),
        }
    }
}

/// Where the value that begins at `start` ends.
fn value_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut quoted) = (start, 0_usize, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b',' | b':' | b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::{array_items, object_members};

    #[test]
    fn members_keep_their_order_and_their_digits() {
        let members = object_members(r#"{"b":1.50,"a:\"{":{"x":[1,2]},"c":"}, \\","d":null}"#);
        let expected = [("b", "1.50"), ("a:\"{", r#"{"x":[1,2]}"#), ("c", r#""}, \\""#), ("d", "null")];
        assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(array_items(r#"[{"a":1},"x,y",3]"#), [r#"{"a":1}"#, r#""x,y""#, "3"]);
        assert!(object_members("{}").is_empty());
    }

    #[test]
    #[should_panic(expected = "not within {}")]
    fn text_around_an_object_is_refused() {
        object_members(" {\"a\":1}");
    }
}
