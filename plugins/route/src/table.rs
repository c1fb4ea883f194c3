//! What one version of a table fixes: templates and columns that are found.

use rowmill_json::{Column, Zone, columns, key_columns, plain_form};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Schema};

use crate::Templates;
use crate::options::Options;
use crate::template::Ready;

/// Where a table's rows go.
#[derive(Debug)]
pub struct Table {
    pub(crate) topic: Option<Ready>,
    pub(crate) partition: Option<Partition>,
    pub(crate) key: Option<Key>,
    pub(crate) headers: Vec<(String, Ready)>,
}

/// What decides the partition.
#[derive(Debug)]
pub(crate) enum Partition {
    Column(usize),
    /// Columns, and the number of partitions.
    Hash(Vec<usize>, i32),
}

/// What the key is made of.
#[derive(Debug)]
pub(crate) enum Key {
    Text(Ready),
    Json(JsonKey),
}

/// A key as the encoders write one.
#[derive(Debug)]
pub(crate) struct JsonKey {
    pub(crate) fragments: Fragments,
    pub(crate) columns: Vec<Column>,
    /// Each column's ordinal, and what stands before its value.
    pub(crate) key: Vec<(usize, usize)>,
    pub(crate) brace: usize,
    pub(crate) zone: Zone,
}

/// Prepares for a table.
pub(crate) fn open(options: &Options, templates: &Templates, schema: &Schema) -> Result<Table, Error> {
    let ready = |template: &crate::template::Template| template.ready(schema);
    let ordinals = |names: &[String]| names.iter().map(|name| schema.column(name)).collect::<Result<Vec<_>, _>>();
    let partition = match (&options.partition_column, options.partitions) {
        (Some(column), _) => Some(Partition::Column(schema.column(column)?)),
        (None, Some(partitions)) => Some(Partition::Hash(ordinals(&options.partition_hash)?, partitions)),
        (None, None) => None,
    };
    let key = match &templates.key {
        Some(template) => Some(Key::Text(ready(template)?)),
        None if options.key_columns.is_empty() => None,
        None => Some(Key::Json(json_key(schema, ordinals(&options.key_columns)?))),
    };
    let headers = templates
        .headers
        .iter()
        .map(|(name, template)| Ok((name.clone(), ready(template)?)));
    Ok(Table {
        topic: templates.topic.as_ref().map(ready).transpose()?,
        partition,
        key,
        headers: headers.collect::<Result<_, Error>>()?,
    })
}

fn json_key(schema: &Schema, key: Vec<usize>) -> JsonKey {
    let mut keyed = schema.clone();
    keyed.key = key;
    let mut fragments = Fragments::default();
    JsonKey {
        columns: columns(schema, &mut fragments, plain_form),
        key: key_columns(&keyed, &mut fragments, "{"),
        brace: fragments.push(b"}"),
        fragments,
        zone: Zone::utc(),
    }
}
