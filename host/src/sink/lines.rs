//! A message as one JSON line. Keys and values that are text stay text; other bytes are `{"base64": "…"}`.

use serde_json::{Map, Value, json};

/// One message, however it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Left out where the reader asked for one topic.
    pub(super) topic: Option<&'a str>,
    pub(super) partition: i32,
    /// Left out where it has none yet.
    pub(super) offset: Option<i64>,
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<&'a [u8]>,
    /// Names and values, in order; a name may come more than once.
    pub(super) headers: &'a [(&'a str, Option<&'a [u8]>)],
    pub(super) value: Option<&'a [u8]>,
}

impl Line<'_> {
    /// One line of compact JSON, without its end. Headers are a list of `[name, value]`.
    pub(super) fn compact(&self) -> String {
        self.json(self.value.map_or(Value::Null, bytes)).to_string()
    }

    /// The same over several lines, a value that is JSON shown as such.
    pub(super) fn decoded(&self) -> String {
        let value = self
            .value
            .map_or(Value::Null, |value| serde_json::from_slice(value).unwrap_or_else(|_| bytes(value)));
        let json = self.json(value);
        serde_json::to_string_pretty(&json).unwrap_or_else(|_| json.to_string())
    }

    fn json(&self, value: Value) -> Value {
        let mut line = Map::new();
        if let Some(topic) = self.topic {
            line.insert("topic".into(), topic.into());
        }
        line.insert("partition".into(), self.partition.into());
        if let Some(offset) = self.offset {
            line.insert("offset".into(), offset.into());
        }
        line.insert("timestamp".into(), self.timestamp.into());
        line.insert("key".into(), self.key.map_or(Value::Null, bytes));
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| json!([name, value.map_or(Value::Null, bytes)]));
        line.insert("headers".into(), headers.collect());
        line.insert("value".into(), value);
        Value::Object(line)
    }
}

fn bytes(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "base64": base64(bytes) }), Value::from)
}

/// Standard base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * digit) & 63).unwrap_or(0);
            let symbol = DIGITS.get(index).copied().map_or('A', char::from);
            text.push(if digit <= chunk.len() { symbol } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_one_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn text_stays_text_and_other_bytes_are_marked() {
        let mut line = Line {
            topic: None,
            partition: 3,
            offset: Some(7),
            timestamp: Some(1_000),
            key: Some(b"{\"id\":1}"),
            headers: &[("op", Some(b"INSERT"))],
            value: Some(&[0xff]),
        };
        assert_eq!(
            line.compact(),
            r#"{"partition":3,"offset":7,"timestamp":1000,"key":"{\"id\":1}","headers":[["op","INSERT"]],"value":{"base64":"/w=="}}"#
        );
        (line.key, line.headers) = (None, &[]);
        line.value = Some(b"{\"a\":1}");
        assert!(line.decoded().contains("\"value\": {\n    \"a\": 1\n  }"), "{}", line.decoded());
        line.value = None;
        assert!(line.compact().ends_with(r#""key":null,"headers":[],"value":null}"#));
    }
}
