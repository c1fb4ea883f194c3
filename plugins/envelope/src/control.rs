//! Events that are not rows: heartbeats, DDL, transaction markers.

use rowmill_json::{now, quoted};
use rowmill_sdk::{Error, Field, Key, Output, Record};
use serde_json::Value;

use crate::form::{demand_width, type_name};
use crate::options::Options;
use crate::table::{data_columns, head, names, source_text};

/// Writes one record to partition 0 of each of the event's topics.
pub(crate) fn encode(options: &Options, event: &Value, output: &mut Output) -> Result<(), Error> {
    let event = Event { options, event };
    let kind = event.text("event")?;
    let (value, verb) = match kind {
        "heartbeat" => (event.heartbeat()?, "MHEARTBEAT"),
        "ddl" => (event.ddl()?, event.text("operation")?),
        "transaction_begin" => (event.marker("TRANSACTION_BEGIN")?, "TRANSACTION_BEGIN"),
        "transaction_end" => (event.marker("TRANSACTION_END")?, "TRANSACTION_END"),
        // Never asked for; a newer host may send it all the same.
        _ => return Ok(()),
    };
    let timestamp = event.number("ts")?;
    let Some(topics) = event.event.get("topics").and_then(Value::as_array) else {
        return Err(event.lacks("topics"));
    };
    for topic in topics {
        let topic = output.topic(topic.as_str().ok_or_else(|| event.lacks("topics"))?)?;
        let record = Record {
            row: 0,
            topic,
            partition: Some(0),
            timestamp: Some(timestamp),
        };
        output.record(record, value.len(), |cursor| (cursor.raw(value.as_bytes()), Key::None));
        if options.headers {
            event.headers(verb, output);
        }
    }
    Ok(())
}

struct Event<'a> {
    options: &'a Options,
    event: &'a Value,
}

impl<'a> Event<'a> {
    #[cold]
    fn lacks(&self, name: &str) -> Error {
        let kind = self.event.get("event").and_then(Value::as_str).unwrap_or("?");
        Error::new(
            "bad-control",
            format!("encoding the control event `{kind}`: it has no usable member `{name}`"),
        )
    }

    fn text(&self, name: &str) -> Result<&'a str, Error> {
        self.optional(name).ok_or_else(|| self.lacks(name))
    }

    fn optional(&self, name: &str) -> Option<&'a str> {
        self.event.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Result<i64, Error> {
        self.event.get(name).and_then(Value::as_i64).ok_or_else(|| self.lacks(name))
    }

    fn heartbeat(&self) -> Result<String, Error> {
        Ok(format!(
            "{}null,\"after\":null,\"sequenceId\":null,\"timestamp\":{{\"eventTime\":{},\"checkpointTime\":{}}},\
             \"op\":\"MHEARTBEAT\",\"ddl\":null}},\"version\":\"0.0.1\"}}",
            head("null", "null", "null"),
            self.number("ts")?,
            self.number("checkpoint_ts")?,
        ))
    }

    fn ddl(&self) -> Result<String, Error> {
        let ddl = format!("{{\"text\":{},\"ddlMeta\":null}}", quoted(self.text("text")?));
        let (columns, key) = self.columns()?;
        let head = head(&columns, &key, &self.source());
        self.message(&head, self.text("operation")?, &ddl)
    }

    fn marker(&self, verb: &str) -> Result<String, Error> {
        self.message(&head("null", "null", &self.source()), verb, "null")
    }

    fn message(&self, head: &str, verb: &str, ddl: &str) -> Result<String, Error> {
        let seq = self.event.get("seq").and_then(Value::as_u64).ok_or_else(|| self.lacks("seq"))?;
        Ok(format!(
            "{head}null,\"after\":null,\"sequenceId\":\"{seq}\",\"timestamp\":{{\"eventTime\":{},\"systemTime\":{},\"checkpointTime\":{}}},\
             \"op\":{},\"ddl\":{ddl}}},\"version\":\"0.0.1\"}}",
            self.number("ts")?,
            now(),
            self.number("checkpoint_ts")?,
            quoted(verb),
        ))
    }

    fn source(&self) -> String {
        let version = if self.options.include_db_version {
            self.optional("server_version")
        } else {
            None
        };
        source_text(
            self.optional("flavor").unwrap_or_default(),
            self.optional("database"),
            self.optional("table"),
            version,
        )
    }

    /// The table's columns and key before the statement; null where they are not known.
    fn columns(&self) -> Result<(String, String), Error> {
        let Some(columns) = self.event.get("columns").and_then(Value::as_array) else {
            return Ok(("null".to_owned(), "null".to_owned()));
        };
        let mut known = Vec::new();
        for column in columns {
            let text = |name: &str| column.get(name).and_then(Value::as_str);
            let (Some(name), Some(kind)) = (text("name"), text("kind").and_then(rowmill_sdk::Kind::named)) else {
                return Err(self.lacks("columns"));
            };
            let length = column
                .get("length")
                .and_then(Value::as_u64)
                .and_then(|length| u32::try_from(length).ok());
            let full = || {
                [self.optional("database"), self.optional("table"), Some(name)]
                    .map(Option::unwrap_or_default)
                    .join(".")
            };
            demand_width(text("width_unknown"), full, self.options)?;
            let mut field = Field::of_kind(kind);
            text("type").unwrap_or_default().clone_into(&mut field.mysql_type);
            field.length = length;
            known.push((name, type_name(&field, self.options)));
        }
        let key = self
            .event
            .get("key")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let key: Option<Vec<&str>> = key
            .iter()
            .map(|ordinal| Some(known.get(usize::try_from(ordinal.as_u64()?).ok()?)?.0))
            .collect();
        let key = names(key.ok_or_else(|| self.lacks("key"))?);
        Ok((data_columns(known.into_iter()), key))
    }

    fn headers(&self, verb: &str, output: &mut Output) {
        output.header("op", verb.as_bytes());
        for name in ["database", "table", "gtid"] {
            if let Some(text) = self.optional(name) {
                output.header(name, text.as_bytes());
            }
        }
        if let Some(seq) = self.event.get("seq").and_then(Value::as_u64) {
            output.header("sequenceId", seq.to_string().as_bytes());
        }
    }
}
