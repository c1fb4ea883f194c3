//! What one version of a table fixes: schemas, frames, labels.

use rowmill_json::{Column, columns, key_columns, plain_form};
use rowmill_sdk::host::{Level, log};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Schema};

use crate::cell::Labels;
use crate::frame::Frame;
use crate::options::{Framing, Options, Registered, Shape};
use crate::schema::{self, Member};

/// A table's version, prepared.
pub type Table = rowmill_json::Table<Parts>;

/// What does not change while rows are written.
#[derive(Debug)]
pub struct Parts {
    /// Labels; and what JSON keys are made of.
    pub(crate) fragments: Fragments,
    pub(crate) members: Vec<Member>,
    pub(crate) labels: Vec<Labels>,
    pub(crate) value: Frame,
    pub(crate) key: KeyPlan,
}

/// How keys are written.
#[derive(Debug)]
pub(crate) enum KeyPlan {
    None,
    Avro(Frame),
    Json {
        /// All columns.
        columns: Vec<Column>,
        /// Those of the key, and how it ends.
        key: Vec<(usize, usize)>,
        end: usize,
    },
}

/// Prepares for a schema.
pub(crate) fn open(options: &Options, table: &Schema) -> Result<Table, Error> {
    let members = schema::members(table)?;
    let row = schema::row(table, &members);
    let text = match options.shape {
        Shape::Row => row,
        Shape::Change => schema::change(table, &row),
    };
    let value = match options.framing {
        Framing::Embedded => Frame::embedded(&text),
        Framing::Registry => Frame::registry(registered(table, &options.schema_ids, "schema_ids", &text)?),
    };
    let mut fragments = Fragments::default();
    let labels = table.columns.iter().map(|field| Labels::of(field, &mut fragments)).collect();
    let key = if table.key.is_empty() {
        KeyPlan::None
    } else if options.has_json_keys() {
        KeyPlan::Json {
            columns: columns(table, &mut fragments, plain_form),
            key: key_columns(table, &mut fragments, "{"),
            end: fragments.push(b"}"),
        }
    } else {
        let text = schema::key(table, &members);
        let id = registered(table, &options.key_schema_ids, "key_schema_ids", &text)?;
        KeyPlan::Avro(Frame::registry(id))
    };
    let parts = Parts {
        fragments,
        members,
        labels,
        value,
        key,
    };
    Ok(rowmill_json::Table::new(parts))
}

/// The id of a schema; one that stands for another schema is refused, as far as the configuration tells.
fn registered(table: &Schema, ids: &std::collections::BTreeMap<String, Registered>, option: &str, schema: &str) -> Result<u32, Error> {
    let full = format!("{}.{}", table.database, table.table);
    let fingerprint = schema::fingerprint(schema);
    let refused = |code: &str, why: &str| {
        Err(Error::new(
            code,
            format!(
                "opening {full}: {why}; register this schema and write `{option} = {{ \"{full}\" = {{ id = …, fingerprint = \
                 \"{fingerprint}\" }} }}` into the configuration of the plugin: {schema}"
            ),
        ))
    };
    match ids.get(&full) {
        None => refused("no-schema-id", &format!("the plugin's `{option}` lacks it")),
        Some(Registered::Checked { fingerprint: known, .. }) if *known != fingerprint => refused(
            "schema-changed",
            &format!("its schema is not the one that `{option}` has an id for"),
        ),
        Some(registered) => {
            log(
                Level::Debug,
                &format!("{full} has in {option} the fingerprint {fingerprint} and this schema: {schema}"),
            );
            Ok(registered.id())
        }
    }
}
