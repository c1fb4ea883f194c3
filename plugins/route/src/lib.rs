//! The transform `route`: sends rows to other topics and partitions, with other keys and more headers.

mod options;
mod rows;
mod table;
mod template;

pub use options::{Illegal, Missing, Options};
pub use table::Table;

use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};
use template::Template;

/// The transform `route`.
pub struct Route {
    options: Options,
    templates: Templates,
}

/// What is written for each row.
struct Templates {
    topic: Option<Template>,
    key: Option<Template>,
    headers: Vec<(String, Template)>,
}

impl Transform for Route {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "route",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        let templates =
            templates(&options).map_err(|what| Error::new("bad-configuration", format!("reading the configuration: {what}")))?;
        Ok(Self { options, templates })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.options, &self.templates, schema)
    }

    fn process(&mut self, table: &mut Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
        rows::route(&self.options, table, batch)
    }
}

/// Reads templates, and refuses options that do not go together.
fn templates(options: &Options) -> Result<Templates, String> {
    let read = |option: &str, text: &str| Template::read(text).map_err(|what| format!("`{option}`: {what}"));
    let topic = match (&options.topic, &options.topic_column) {
        (Some(_), Some(_)) => return Err("`topic` and `topic_column` both say where rows go; leave one of them out".to_owned()),
        (Some(text), None) => Some(read("topic", text)?),
        (None, Some(column)) => Some(Template::column(column)),
        (None, None) => None,
    };
    let hashed = !options.partition_hash.is_empty();
    if hashed && options.partition_column.is_some() {
        return Err("`partition_column` and `partition_hash` both say which partition; leave one of them out".to_owned());
    }
    if hashed != options.partitions.is_some() || options.partitions.is_some_and(|partitions| partitions < 1) {
        return Err("`partition_hash` and `partitions`, a number of at least 1, go together".to_owned());
    }
    if options.key.is_some() && !options.key_columns.is_empty() {
        return Err("`key` and `key_columns` both say which key; leave one of them out".to_owned());
    }
    let key = options.key.as_ref().map(|text| read("key", text)).transpose()?;
    let headers = options
        .headers
        .iter()
        .map(|(name, text)| Ok((name.clone(), read("headers", text)?)));
    let headers = headers.collect::<Result<Vec<_>, String>>()?;
    if topic.is_none()
        && key.is_none()
        && options.key_columns.is_empty()
        && headers.is_empty()
        && !hashed
        && options.partition_column.is_none()
    {
        return Err("it says nothing of topic, partition, key or headers".to_owned());
    }
    Ok(Templates { topic, key, headers })
}

rowmill_sdk::export!(Route: transform);
