//! `source`: where a change comes from.

use rowmill_json::quoted;
use rowmill_sdk::{Batch, Schema};

use crate::options::Options;

/// Its schema.
pub(crate) const SCHEMA: &str = "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"version\"},\
    {\"type\":\"string\",\"optional\":false,\"field\":\"connector\"},{\"type\":\"string\",\"optional\":false,\"field\":\"name\"},\
    {\"type\":\"int64\",\"optional\":false,\"field\":\"ts_ms\"},\
    {\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\",\"version\":1,\
    \"parameters\":{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental\"},\"default\":\"false\",\"field\":\"snapshot\"},\
    {\"type\":\"string\",\"optional\":false,\"field\":\"db\"},{\"type\":\"string\",\"optional\":true,\"field\":\"sequence\"},\
    {\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"},\
    {\"type\":\"string\",\"optional\":true,\"field\":\"table\"},{\"type\":\"int64\",\"optional\":false,\"field\":\"server_id\"},\
    {\"type\":\"string\",\"optional\":true,\"field\":\"gtid\"},{\"type\":\"string\",\"optional\":false,\"field\":\"file\"},\
    {\"type\":\"int64\",\"optional\":false,\"field\":\"pos\"},{\"type\":\"int32\",\"optional\":false,\"field\":\"row\"},\
    {\"type\":\"int64\",\"optional\":true,\"field\":\"thread\"},{\"type\":\"string\",\"optional\":true,\"field\":\"query\"}],\
    \"optional\":false,\"name\":\"io.debezium.connector.mysql.Source\",\"version\":1,\"field\":\"source\"}";

/// What a row's source depends on: its time, its transaction, whether it is of a snapshot.
pub(crate) type Origin = (i64, usize, bool);

/// From its start up to the digits of the sequence id.
pub(crate) fn opening(options: &Options, schema: &Schema, (ts, _, snapshot): Origin, text: &mut Vec<u8>) {
    let connector = if schema.flavor == "mariadb" { "mariadb" } else { "mysql" };
    let line = format!(
        "{{\"version\":\"{}\",\"connector\":\"{connector}\",\"name\":{},\"ts_ms\":{ts},\"snapshot\":\"{snapshot}\",\"db\":{},\"sequence\":\"[\\\"",
        env!("CARGO_PKG_VERSION"),
        quoted(&options.topic_prefix),
        quoted(&schema.database),
    );
    text.extend_from_slice(line.as_bytes());
}

/// From the digits of the sequence id to the value of `op`.
pub(crate) fn closing(options: &Options, batch: &Batch<'_>, (ts, txn, _): Origin, text: &mut Vec<u8>) {
    let gtid = match batch.transactions.gtid(txn) {
        "" => "null".to_owned(),
        gtid => quoted(gtid),
    };
    let (file, pos) = batch.transactions.place(txn).rsplit_once(':').unwrap_or(("", "0"));
    let line = format!(
        "\\\"]\",\"ts_us\":{},\"ts_ns\":{},\"table\":{},\"server_id\":{},\"gtid\":{gtid},\"file\":{},\"pos\":{},\"row\":0,\"thread\":null,\
         \"query\":null}},\"transaction\":null,\"op\":\"",
        i128::from(ts) * 1000,
        i128::from(ts) * 1_000_000,
        quoted(&batch.schema.table),
        options.server_id,
        quoted(file),
        pos.parse::<u64>().unwrap_or(0),
    );
    text.extend_from_slice(line.as_bytes());
}
