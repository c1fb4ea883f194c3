//! What one version of a table fixes: heads, fragments of names and labels, renderings, the time zone.

use rowmill_json::{Column, Form, Zone, columns, key_columns, quoted};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Schema};

use crate::form::{demand_width, form_of, type_name};
use crate::options::Options;

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
    /// From the last value of the image to the sequence id, with and without an `after` that is null; and between two images.
    pub(crate) close_after: usize,
    pub(crate) close_before: usize,
    pub(crate) between: usize,
    /// From the op's value to the end of the record, by `Verb`.
    pub(crate) tails: [usize; 4],
    /// Each column's rendering and the fragment `,"name":`.
    pub(crate) columns: Vec<Column>,
    /// Each key column's ordinal and the fragment `{"name":` or `,"name":`.
    pub(crate) key: Vec<(usize, usize)>,
    /// How it ends.
    pub(crate) brace: usize,
    /// Bytes that all constant parts of a record may take.
    pub(crate) constant_bytes: usize,
}

/// What a record says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Insert,
    UpdateBefore,
    UpdateAfter,
    Delete,
}

impl Verb {
    pub(crate) const ALL: [Self; 4] = [Self::Insert, Self::UpdateBefore, Self::UpdateAfter, Self::Delete];

    /// The format's own spelling.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::UpdateBefore => "UPDATE_BEFOR",
            Self::UpdateAfter => "UPDATE_AFTER",
            Self::Delete => "DELETE",
        }
    }
}

impl Parts {
    /// The fragment that follows the op's opening quote.
    #[inline(always)]
    pub(crate) fn tail(&self, verb: Verb) -> usize {
        let [insert, update_before, update_after, delete] = self.tails;
        match verb {
            Verb::Insert => insert,
            Verb::UpdateBefore => update_before,
            Verb::UpdateAfter => update_after,
            Verb::Delete => delete,
        }
    }
}

/// Bytes of sequence id and timestamps.
const NUMBERS_BYTES: usize = 20 + 3 * 20 + 96;

/// Prepares for a schema.
pub(crate) fn open(options: &Options, schema: &Schema) -> Result<Table, Error> {
    let mut fragments = Fragments::default();
    for field in &schema.columns {
        let full = || format!("{}.{}.{}", schema.database, schema.table, field.name);
        demand_width(field.width_unknown.as_deref(), full, options)?;
    }
    let columns = columns(schema, &mut fragments, |field, fragments| form_of(field, options, fragments));
    let key = key_columns(schema, &mut fragments, "{");
    let key_names = schema
        .key
        .iter()
        .filter_map(|ordinal| Some(schema.columns.get(*ordinal)?.name.as_str()));
    let described = schema.columns.iter().map(|field| (field.name.as_str(), type_name(field, options)));
    let head = head(&data_columns(described), &names(key_names), &source(options, schema));
    let zone = zone(options, schema, &columns)?;
    let parts = Parts {
        head_after: fragments.push(format!("{head}null,\"after\":{{\"dataColumn\":{{").as_bytes()),
        head_before: fragments.push(format!("{head}{{\"dataColumn\":{{").as_bytes()),
        close_after: fragments.push(b"}},\"sequenceId\":\""),
        close_before: fragments.push(b"}},\"after\":null,\"sequenceId\":\""),
        between: fragments.push(b"}},\"after\":{\"dataColumn\":{"),
        tails: Verb::ALL.map(|verb| fragments.push(format!("{}\",\"ddl\":null}},\"version\":\"0.0.1\"}}", verb.name()).as_bytes())),
        brace: fragments.push(b"}"),
        constant_bytes: head.len() + NUMBERS_BYTES + 160,
        fragments,
        columns,
        key,
    };
    Ok(rowmill_json::Table { parts, zone })
}

/// The zone of DATE and DATETIME. A source whose zone has no usable name matters only to tables that have one of them.
fn zone(options: &Options, schema: &Schema, columns: &[Column]) -> Result<Zone, Error> {
    let needed = columns.iter().any(|(form, _)| matches!(form, Form::Date | Form::Datetime));
    match &options.time_zone {
        _ if !needed => Ok(Zone::utc()),
        Some(name) => Zone::named(name),
        None => Zone::of_source(schema, "DATE or DATETIME"),
    }
}

/// The list of columns and their types.
pub(crate) fn data_columns<'a>(columns: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let columns: Vec<_> = columns
        .map(|(name, kind)| format!("{{\"name\":{},\"type\":\"{kind}\"}}", quoted(name)))
        .collect();
    format!("[{}]", columns.join(","))
}

/// A list of names.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(quoted).collect();
    format!("[{}]", names.join(","))
}

/// From the start of a record to the value of `before`.
pub(crate) fn head(data_columns: &str, primary_key: &str, source: &str) -> String {
    format!("{{\"schema\":{{\"dataColumn\":{data_columns},\"primaryKey\":{primary_key},\"source\":{source}}},\"payload\":{{\"before\":")
}

fn source(options: &Options, schema: &Schema) -> String {
    let version = options.include_db_version.then_some(schema.server_version.as_str());
    source_text(&schema.flavor, Some(&schema.database), Some(&schema.table), version)
}

/// The source of a record; what is not known is null.
pub(crate) fn source_text(flavor: &str, database: Option<&str>, table: Option<&str>, version: Option<&str>) -> String {
    let known = |name: Option<&str>| name.map_or_else(|| "null".to_owned(), quoted);
    let version = version
        .map(|version| format!(",\"dbVersion\":{}", quoted(version)))
        .unwrap_or_default();
    format!(
        "{{\"dbType\":\"{}\",\"dbName\":{},\"tableName\":{}{version}}}",
        crate::db_type(flavor),
        known(database),
        known(table)
    )
}
