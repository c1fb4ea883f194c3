//! The transform `project`: keeps, drops, renames and casts columns.

mod cast;
mod options;
mod table;

pub use options::{Missing, Options};
pub use table::Table;

use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};

/// The transform `project`.
pub struct Project {
    options: Options,
}

impl Transform for Project {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "project",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        if !options.keep.is_empty() && !options.drop.is_empty() {
            return Err(Error::new(
                "bad-configuration",
                "reading the configuration: `keep` drops all other columns, so that there is nothing for `drop` to say; leave one of them out",
            ));
        }
        Ok(Self { options })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.options, schema)
    }

    fn process(&mut self, table: &mut Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
        if table.key.is_some() {
            key_was_known(table, batch)?;
        }
        let mut edit = batch.edit();
        for column in &table.dropped {
            edit.remove(*column)?;
        }
        // Names may change places, so that each goes through one that nobody has.
        for (column, _) in &table.renamed {
            edit.rename(*column, &format!("\u{1}{column}"))?;
        }
        for (column, cast) in &table.casts {
            edit.rename(*column, &format!("\u{1}{column}"))?;
            edit.replace(*column, cast.field.clone(), |image, out| cast.write(image, *column, out))?;
        }
        for (column, name) in &table.renamed {
            edit.rename(*column, name)?;
        }
        if let Some(key) = &table.key {
            edit.key(key.iter().cloned());
        }
        edit.finish()
    }
}

/// Refuses an update of which nobody can tell whether it changes the key.
fn key_was_known(table: &Table, batch: &Batch<'_>) -> Result<(), Error> {
    let Some(before) = &batch.before else { return Ok(()) };
    for row in (0..batch.rows()).filter(|row| before.has(*row) && !before.is_whole(*row) && batch.after.has(*row)) {
        let unknown = |column: &&usize| !before.is_present(row, **column) && batch.after.is_present(row, **column);
        if let Some(field) = table
            .key_columns
            .iter()
            .find(unknown)
            .and_then(|column| batch.schema.columns.get(*column))
        {
            return Err(Error::new(
                "key-missing",
                format!(
                    "setting another key: an update's image before lacks column `{}`, as under binlog_row_image=MINIMAL, so that nobody can \
                     tell whether it changes the key; run SET GLOBAL binlog_row_image=FULL on the server, then start after this transaction",
                    field.name
                ),
            )
            .at_row(row));
        }
    }
    Ok(())
}

rowmill_sdk::export!(Project: transform);
