//! Control events, as the host hands them to encoders that ask for them.
//!
//! ```
//! use rowmill_sdk::harness::events;
//! let event = events::heartbeat(&["mysql_orders"], 1_614_748_870_000);
//! assert_eq!(event["event"], "heartbeat");
//! ```

use serde_json::{Value, json};

/// All changes up to `ts` (milliseconds) have been written.
pub fn heartbeat(topics: &[&str], ts: i64) -> Value {
    json!({"event": "heartbeat", "topics": topics, "ts": ts, "checkpoint_ts": ts})
}

/// A DDL statement, such as `("ALTER", "ALTER TABLE …")`.
pub fn ddl(topic: &str, (operation, text): (&str, &str), (database, table): (&str, &str), ts: i64) -> Value {
    json!({
        "event": "ddl", "topics": [topic], "seq": 1_614_748_790_461_000_000_u64, "ts": ts, "checkpoint_ts": ts,
        "operation": operation, "text": text, "database": database, "table": table, "flavor": "mysql", "server_version": "9.7.0",
    })
}

/// A transaction begins.
pub fn transaction_begin(topics: &[&str], gtid: &str, ts: i64) -> Value {
    transaction("transaction_begin", topics, (gtid, 0), ts)
}

/// A transaction ends.
pub fn transaction_end(topics: &[&str], gtid: &str, xid: u64, ts: i64) -> Value {
    transaction("transaction_end", topics, (gtid, xid), ts)
}

fn transaction(event: &str, topics: &[&str], (gtid, xid): (&str, u64), ts: i64) -> Value {
    json!({
        "event": event, "topics": topics, "seq": 1_614_748_790_461_000_000_u64, "ts": ts, "checkpoint_ts": ts,
        "gtid": gtid, "xid": xid, "flavor": "mysql", "server_version": "9.7.0",
    })
}
