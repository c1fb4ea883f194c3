//! Control events, as the host hands them to encoders that ask for them.
//!
//! ```
//! use rowmill_sdk::harness::{Bench, events};
//! # use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Record, Schema};
//! # struct Beat;
//! # impl Encoder for Beat {
//! #     type Settings = serde_json::Value;
//! #     type Table = ();
//! #     fn describe() -> Description { Description { controls: &["heartbeat"], ..Description::default() } }
//! #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
//! #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
//! #     fn encode(&mut self, _: &mut (), _: &Batch<'_>, _: &mut Output) -> Result<(), Error> { Ok(()) }
//! #     fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
//! #         output.put(Record::default(), None, Some(event["ts"].to_string().as_bytes()));
//! #         Ok(())
//! #     }
//! # }
//! let records = Bench::<Beat>::new("{}")?.control(&events::heartbeat(&["mysql_orders"], 1_614_748_870_000))?;
//! assert_eq!(records[0].value_text(), "1614748870000");
//! # Ok::<(), Error>(())
//! ```

use serde_json::{Value, json};

/// All changes up to `ts` (milliseconds) have been written.
///
/// ```
/// let event = rowmill_sdk::harness::events::heartbeat(&["mysql_orders"], 1_614_748_870_000);
/// assert_eq!((&event["event"], &event["topics"][0], &event["ts"]), (&"heartbeat".into(), &"mysql_orders".into(), &1_614_748_870_000_i64.into()));
/// ```
pub fn heartbeat(topics: &[&str], ts: i64) -> Value {
    json!({"event": "heartbeat", "topics": topics, "ts": ts, "checkpoint_ts": ts})
}

/// A DDL statement, such as `("ALTER", "ALTER TABLE …")`.
///
/// ```
/// use rowmill_sdk::harness::events;
/// let event = events::ddl("mysql_ddl", ("DROP", "DROP TABLE orders"), ("shop", "orders"), 1_614_748_870_000);
/// assert_eq!((&event["operation"], &event["text"]), (&"DROP".into(), &"DROP TABLE orders".into()));
/// assert_eq!((&event["database"], &event["table"]), (&"shop".into(), &"orders".into()));
/// ```
pub fn ddl(topic: &str, (operation, text): (&str, &str), (database, table): (&str, &str), ts: i64) -> Value {
    json!({
        "event": "ddl", "topics": [topic], "seq": 1_614_748_790_461_000_000_u64, "ts": ts, "checkpoint_ts": ts,
        "operation": operation, "text": text, "database": database, "table": table, "flavor": "mysql", "server_version": "9.7.0",
    })
}

/// A transaction begins.
///
/// ```
/// let event = rowmill_sdk::harness::events::transaction_begin(&["mysql_orders"], "3e11fa47-71ca-11e1-9e33-c80aa9429562:23", 1_614_748_870_000);
/// assert_eq!((&event["event"], &event["xid"]), (&"transaction_begin".into(), &0.into())); // not known yet
/// ```
pub fn transaction_begin(topics: &[&str], gtid: &str, ts: i64) -> Value {
    transaction("transaction_begin", topics, (gtid, 0), ts)
}

/// A transaction ends.
///
/// ```
/// let gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
/// let event = rowmill_sdk::harness::events::transaction_end(&["mysql_orders"], gtid, 11, 1_614_748_870_000);
/// assert_eq!((&event["event"], &event["gtid"], &event["xid"]), (&"transaction_end".into(), &gtid.into(), &11.into()));
/// ```
pub fn transaction_end(topics: &[&str], gtid: &str, xid: u64, ts: i64) -> Value {
    transaction("transaction_end", topics, (gtid, xid), ts)
}

fn transaction(event: &str, topics: &[&str], (gtid, xid): (&str, u64), ts: i64) -> Value {
    json!({
        "event": event, "topics": topics, "seq": 1_614_748_790_461_000_000_u64, "ts": ts, "checkpoint_ts": ts,
        "gtid": gtid, "xid": xid, "flavor": "mysql", "server_version": "9.7.0",
    })
}
