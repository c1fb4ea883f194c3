//! What one version of a table fixes: schemas, heads, fragments of names and labels, forms.

use rowmill_json::{Column, columns, key_columns, quoted};
use rowmill_sdk::Schema;
use rowmill_sdk::json::Fragments;

use crate::kinds;
use crate::options::Options;
use crate::source::SCHEMA as SOURCE_SCHEMA;

/// A table's version, prepared.
pub type Table = rowmill_json::Table<Parts>;

/// What does not change while rows are written.
#[derive(Debug)]
pub struct Parts {
    /// Constant texts; the numbers below point into it.
    pub(crate) fragments: Fragments,
    /// Up to the first value of a record whose first image is `after`, and of one whose first is `before`.
    pub(crate) head_after: usize,
    pub(crate) head_before: usize,
    /// From the last value of an image to the source: with an `after` that is there, and with one that is null.
    pub(crate) close: usize,
    pub(crate) close_deleted: usize,
    /// Between two images.
    pub(crate) between: usize,
    /// Each column's form and the fragment `,"name":`.
    pub(crate) columns: Vec<Column>,
    /// Each key column's ordinal and what stands before its value: in the key, and in a header.
    pub(crate) key: Vec<(usize, usize)>,
    pub(crate) plain_key: Vec<(usize, usize)>,
    /// How each of them ends.
    pub(crate) key_end: usize,
    pub(crate) brace: usize,
    /// Bytes that all constant parts of a record may take.
    pub(crate) constant_bytes: usize,
}

/// The schema of `transaction`, and of what comes behind it.
const REST: &str = "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},\
                    {\"type\":\"int64\",\"optional\":false,\"field\":\"total_order\"},\
                    {\"type\":\"int64\",\"optional\":false,\"field\":\"data_collection_order\"}],\
                    \"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"},\
                    {\"type\":\"string\",\"optional\":false,\"field\":\"op\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ms\"},\
                    {\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"}";

/// Bytes that the source and the times behind it take at most, names aside.
const SOURCE_BYTES: usize = 1024;

/// Prepares for a schema.
pub(crate) fn open(options: &Options, schema: &Schema) -> Table {
    let mut fragments = Fragments::default();
    let mut described = Vec::with_capacity(schema.columns.len());
    let columns = columns(schema, &mut fragments, |field, fragments| {
        let (form, text) = kinds::column(field, options, fragments);
        described.push(text);
        form
    });
    let full = format!("{}.{}.{}", options.topic_prefix, schema.database, schema.table);
    let head = if options.schemas_enable {
        format!("{{\"schema\":{},\"payload\":{{\"before\":", value_schema(schema, &full, &described))
    } else {
        "{\"before\":".to_owned()
    };
    let key_head = key_head(options, schema, (&full, &described));
    let names = options.topic_prefix.len() + schema.database.len() + schema.table.len();
    let parts = Parts {
        head_after: fragments.push(format!("{head}null,\"after\":{{").as_bytes()),
        head_before: fragments.push(format!("{head}{{").as_bytes()),
        close: fragments.push(b"},\"source\":"),
        close_deleted: fragments.push(b"},\"after\":null,\"source\":"),
        between: fragments.push(b"},\"after\":{"),
        key_end: fragments.push(if options.schemas_enable { b"}}" } else { b"}" }),
        constant_bytes: head.len() + 6 * names + SOURCE_BYTES,
        brace: fragments.push(b"}"),
        key: key_columns(schema, &mut fragments, &key_head),
        plain_key: key_columns(schema, &mut fragments, "{"),
        fragments,
        columns,
    };
    rowmill_json::Table::new(parts)
}

fn value_schema(schema: &Schema, full: &str, columns: &[String]) -> String {
    // Debezium has a connector for each of the two servers.
    let source = if schema.flavor == "mariadb" {
        SOURCE_SCHEMA.replace(".mysql.", ".mariadb.")
    } else {
        SOURCE_SCHEMA.to_owned()
    };
    let image = |name: &str| {
        let (columns, row) = (columns.join(","), quoted(&format!("{full}.Value")));
        format!("{{\"type\":\"struct\",\"fields\":[{columns}],\"optional\":true,\"name\":{row},\"field\":\"{name}\"}}")
    };
    format!(
        "{{\"type\":\"struct\",\"fields\":[{},{},{source},{REST}],\"optional\":false,\"name\":{},\"version\":2}}",
        image("before"),
        image("after"),
        quoted(&format!("{full}.Envelope"))
    )
}

/// What stands before the first value of a key, but for its name.
fn key_head(options: &Options, schema: &Schema, (full, described): (&str, &[String])) -> String {
    if !options.schemas_enable {
        return "{".to_owned();
    }
    let of_key = |ordinal: &usize| described.get(*ordinal).map(String::as_str);
    let columns: Vec<&str> = schema.key.iter().filter_map(of_key).collect();
    format!(
        "{{\"schema\":{{\"type\":\"struct\",\"fields\":[{}],\"optional\":false,\"name\":{}}},\"payload\":{{",
        columns.join(","),
        quoted(&format!("{full}.Key"))
    )
}
