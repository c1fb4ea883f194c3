//! A message as one JSON line. Keys and values that are text stay text; other bytes are `{"base64": "…"}`.

use serde_json::{Map, Value, json};

use super::base64::base64;

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

#[cfg(test)]
mod tests {
    use super::*;

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
