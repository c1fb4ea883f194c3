//! A transform that does something of everything that a transform may: drops deletes, changes, adds, renames and removes columns, routes rows.

use rowmill_sdk::{Batch, Description, Error, Field, Op, Outcome, Schema, Transform};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Rows whose first column is odd go there.
    topic: String,
}

struct Scrub(Settings);

impl Transform for Scrub {
    type Settings = Settings;
    type Table = ();

    fn describe() -> Description {
        Description {
            name: "scrub",
            version: "1.0.0",
            ..Description::default()
        }
    }

    fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self(settings))
    }

    fn open(&mut self, schema: &Schema) -> Result<(), Error> {
        schema.column("name").map(drop)
    }

    fn process(&mut self, (): &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
        let mut edit = batch.edit();
        edit.retain(|row| Ok(row.op()? != Op::Delete))?;
        edit.set("name", |image, out| match image.text("name")? {
            Some(text) => out.text(&text.to_uppercase()),
            None => out.null(),
        })?;
        edit.add(Field::new("length", "int")?, |image, out| match image.text("name")? {
            Some(text) => out.int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX)),
            None => out.null(),
        })?;
        edit.rename("body", "text")?.remove("document")?;
        if !self.0.topic.is_empty() {
            let is_odd = |number: Option<i64>| number.is_some_and(|number| number % 2 != 0);
            edit.route_topic(|row, out| match is_odd(row.image()?.int("id")?) {
                true => out.text(&self.0.topic),
                false => out.null(),
            })?;
            edit.route_headers(|_, headers| {
                headers.add("by", b"scrub");
                Ok(())
            })?;
        }
        edit.finish()
    }
}

rowmill_sdk::export!(Scrub: transform);
