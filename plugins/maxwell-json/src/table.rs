//! What one version of a table fixes: heads, fragments of names and labels, forms.

use rowmill_json::{Column, Form, columns, is_geometry, labels_within, plain_form, quoted};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Field, Kind, Schema};

use crate::options::{KeyFormat, Options};

/// A table's version, prepared.
pub type Table = rowmill_json::Table<Parts>;

/// What does not change while rows are written.
#[derive(Debug)]
pub struct Parts {
    /// Constant texts; the numbers below point into it.
    pub(crate) fragments: Fragments,
    /// From the start to the value of `ts`: insert, update, delete, a row of a snapshot.
    pub(crate) heads: [usize; 4],
    /// `,"primary_key":[` and the names of the key's columns, as far as they are asked for.
    pub(crate) key_names: usize,
    /// `,"data":{`, and `,"old":{`.
    pub(crate) data: usize,
    pub(crate) old: usize,
    /// Each column's form and the fragment `,"name":`.
    pub(crate) columns: Vec<Column>,
    /// Each key column's ordinal and what stands before its value: in the key, and in `primary_key`.
    pub(crate) key: Vec<(usize, usize)>,
    pub(crate) primary_key: Vec<(usize, usize)>,
    /// `,"primary_key":[]`.
    pub(crate) no_primary_key: usize,
    /// How each of them ends.
    pub(crate) key_end: usize,
    pub(crate) primary_key_end: usize,
    /// Bytes that all constant parts of a record may take.
    pub(crate) constant_bytes: usize,
}

/// Prepares for a schema.
pub(crate) fn open(options: &Options, schema: &Schema) -> Table {
    let mut fragments = Fragments::default();
    let (database, table) = (quoted(&schema.database), quoted(&schema.table));
    let heads = ["insert", "update", "delete", "bootstrap-insert"].map(|kind| {
        let head = format!("{{\"database\":{database},\"table\":{table},\"type\":\"{kind}\",\"ts\":");
        fragments.push(head.as_bytes())
    });
    let names: Vec<&str> = schema
        .key
        .iter()
        .filter_map(|ordinal| Some(schema.columns.get(*ordinal)?.name.as_str()))
        .collect();
    let key_names = if options.output_primary_key_columns {
        let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        format!(",\"primary_key_columns\":[{}]", names.join(","))
    } else {
        String::new()
    };
    let lower: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
    let part = |i: usize| -> String {
        let name = lower.get(i).map(String::as_str).unwrap_or_default();
        match (options.kafka_key_format, i) {
            (KeyFormat::Hash, 0) => format!("{{\"database\":{database},\"table\":{table},{}:", quoted(&format!("pk.{name}"))),
            (KeyFormat::Hash, _) => format!(",{}:", quoted(&format!("pk.{name}"))),
            (KeyFormat::Array, 0) => format!("[{database},{table},[{{{}:", quoted(name)),
            (KeyFormat::Array, _) => format!("}},{{{}:", quoted(name)),
        }
    };
    let key = schema.key.iter().enumerate();
    let key = key.map(|(i, ordinal)| (*ordinal, fragments.push(part(i).as_bytes()))).collect();
    let primary_key = schema.key.iter().enumerate();
    let primary_key = primary_key
        .map(|(i, ordinal)| (*ordinal, fragments.push(if i == 0 { b",\"primary_key\":[" } else { b"," })))
        .collect();
    let parts = Parts {
        heads,
        data: fragments.push(b",\"data\":{"),
        old: fragments.push(b"},\"old\":{"),
        columns: columns(schema, &mut fragments, form),
        key,
        primary_key,
        key_end: fragments.push(if options.kafka_key_format == KeyFormat::Hash {
            b"}"
        } else {
            b"}]]"
        }),
        no_primary_key: fragments.push(b",\"primary_key\":[]"),
        primary_key_end: fragments.push(b"]"),
        constant_bytes: database.len() + table.len() + key_names.len() + 512,
        key_names: fragments.push(key_names.as_bytes()),
        fragments,
    };
    rowmill_json::Table::new(parts)
}

fn form(field: &Field, fragments: &mut Fragments) -> Form {
    match field.kind {
        Kind::Bit => Form::BitNumber,
        Kind::Timestamp => Form::DatetimeText { fsp: field.fsp },
        Kind::Json => Form::Document,
        Kind::Set => {
            let (first, count) = labels_within(field, fragments);
            Form::LabelList { first, count }
        }
        _ if is_geometry(field) => Form::WellKnownText,
        _ => plain_form(field, fragments),
    }
}
