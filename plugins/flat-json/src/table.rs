//! What one version of a table fixes: fragments of names and labels, forms.

use rowmill_json::{Column, DecimalForm, Form, columns, key_columns, member, plain_form, quoted};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Field, Kind, Schema};

use crate::options::{DatetimeForm, Deletes, Options};

/// A table's version, prepared.
pub type Table = rowmill_json::Table<Parts>;

/// What does not change while rows are written.
#[derive(Debug)]
pub struct Parts {
    /// Constant texts; the numbers below point into it.
    pub(crate) fragments: Fragments,
    /// Each column's form and the fragment `,"name":`.
    pub(crate) columns: Vec<Column>,
    /// Each key column's ordinal and what stands before its value.
    pub(crate) key: Vec<(usize, usize)>,
    /// `}`.
    pub(crate) brace: usize,
    /// `"__before":`, and `"__deleted":false` or `true`.
    pub(crate) before: usize,
    pub(crate) kept: usize,
    pub(crate) deleted: usize,
    /// From `"__op":"` to the digits of the sequence id, by op: insert, update, delete, a row of a snapshot.
    pub(crate) ops: [usize; 4],
    /// Bytes that all constant parts of a record may take.
    pub(crate) constant_bytes: usize,
}

/// Names that may be added.
const ADDED: [&str; 8] = ["deleted", "before", "op", "database", "table", "ts", "seq", "gtid"];

/// Prepares for a schema.
pub(crate) fn open(options: &Options, schema: &Schema) -> Result<Table, Error> {
    distinct(options, schema)?;
    let prefix = &options.metadata_prefix;
    let name = |name: &str| member(b"", &format!("{prefix}{name}"));
    let mut fragments = Fragments::default();
    let ops = ["c", "u", "d", "r"].map(|op| {
        let text = [&name("op")[..], b"\"", op.as_bytes(), b"\",", &name("seq")[..], b"\""].concat();
        fragments.push(&text)
    });
    let names = 6 * (ADDED.len() * (prefix.len() + 8) + schema.database.len() + schema.table.len());
    let parts = Parts {
        columns: columns(schema, &mut fragments, |field, fragments| form(field, options, fragments)),
        key: key_columns(schema, &mut fragments, "{"),
        brace: fragments.push(b"}"),
        before: fragments.push(&name("before")),
        kept: fragments.push(&[&name("deleted")[..], b"false"].concat()),
        deleted: fragments.push(&[&name("deleted")[..], b"true"].concat()),
        ops,
        constant_bytes: names + 256,
        fragments,
    };
    Ok(rowmill_json::Table::new(parts))
}

/// Refuses a table that has a column with the name of what is added.
fn distinct(options: &Options, schema: &Schema) -> Result<(), Error> {
    let is_added = |name: &str| match name {
        "deleted" => options.deletes != Deletes::Tombstone,
        "before" => options.before,
        _ => options.metadata,
    };
    let taken = schema.columns.iter().find(|field| {
        let added = field.name.strip_prefix(&options.metadata_prefix);
        added.is_some_and(|name| ADDED.contains(&name) && is_added(name))
    });
    match taken {
        None => Ok(()),
        Some(field) => Err(Error::new(
            "name-taken",
            format!(
                "opening {}.{}: its column `{}` has the name of what the encoder adds; set another `metadata_prefix`",
                schema.database, schema.table, field.name
            ),
        )),
    }
}

/// From the sequence id's end to that of the metadata: what depends on a row's time and transaction.
pub(crate) fn metadata(options: &Options, schema: &Schema, (ts, gtid): (i64, &str), text: &mut Vec<u8>) {
    let name = |name: &str| quoted(&format!("{}{name}", options.metadata_prefix));
    let gtid = if gtid.is_empty() { "null".to_owned() } else { quoted(gtid) };
    let line = format!(
        "\",{}:{ts},{}:{},{}:{},{}:{gtid}",
        name("ts"),
        name("database"),
        quoted(&schema.database),
        name("table"),
        quoted(&schema.table),
        name("gtid"),
    );
    text.extend_from_slice(line.as_bytes());
}

fn form(field: &Field, options: &Options, fragments: &mut Fragments) -> Form {
    let milliseconds = options.datetime == DatetimeForm::Milliseconds;
    match field.kind {
        Kind::Decimal => Form::Decimal {
            quoted: options.decimal == DecimalForm::String,
        },
        // Milliseconds of a DATE in a zone that is UTC.
        Kind::Date if milliseconds => Form::Date,
        Kind::Datetime | Kind::Timestamp if milliseconds => Form::Timestamp,
        _ => plain_form(field, fragments),
    }
}
