//! DDL statements.

use rowmill_json::{now, quoted};
use rowmill_sdk::{Error, Key, Output, Record};
use serde_json::Value;

/// Writes one message to partition 0 of each of the event's topics.
pub(crate) fn encode(event: &Value, output: &mut Output) -> Result<(), Error> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let number = |name: &str| event.get(name).and_then(Value::as_u64);
    let topics = event.get("topics").and_then(Value::as_array);
    let (Some("ddl"), Some(topics)) = (text("event"), topics) else {
        // Never asked for; a newer host may send it all the same.
        return Ok(());
    };
    let (Some(seq), Some(ts), Some(sql)) = (number("seq"), number("ts"), text("text")) else {
        return Err(Error::new(
            "bad-control",
            "encoding the control event `ddl`: it has no usable member `seq`, `ts` or `text`",
        ));
    };
    let value = format!(
        "{{\"data\":null,\"database\":{},\"es\":{ts},\"gtid\":{},\"id\":{seq},\"isDdl\":true,\"mysqlType\":null,\"old\":null,\"pkNames\":null,\
         \"sql\":{},\"sqlType\":null,\"table\":{},\"ts\":{},\"type\":{}}}",
        quoted(text("database").unwrap_or_default()),
        quoted(text("gtid").unwrap_or_default()),
        quoted(sql),
        quoted(text("table").unwrap_or_default()),
        now(),
        quoted(text("operation").unwrap_or("QUERY")),
    );
    for topic in topics {
        let topic = output.topic(topic.as_str().unwrap_or_default())?;
        let record = Record {
            row: 0,
            topic,
            partition: Some(0),
            timestamp: i64::try_from(ts).ok(),
        };
        output.record(record, value.len(), |cursor| (cursor.raw(value.as_bytes()), Key::None));
    }
    Ok(())
}
