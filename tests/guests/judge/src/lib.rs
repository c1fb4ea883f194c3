//! A transform that judges each row by its first text column: a text that begins with `refuse` is an error of its row, with
//! `batch` an error of the whole batch, with `later` one that asks for another attempt, with `trap` a panic, with `spin` a call without end. A word among the configuration's `pardon` is passed, so that a
//! plugin can be bettered.

use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform, Values};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    pardon: Vec<String>,
}

struct Judge(Settings);

impl Transform for Judge {
    type Settings = Settings;
    type Table = ();

    fn describe() -> Description {
        Description {
            name: "judge",
            version: "1.0.0",
            parallel: true,
            ..Description::default()
        }
    }

    fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self(settings))
    }

    fn open(&mut self, _: &Schema) -> Result<(), Error> {
        Ok(())
    }

    fn process(&mut self, (): &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
        let Some(column) = batch.after.columns.iter().find(|column| matches!(column.values, Values::Bytes(_))) else {
            return Ok(Outcome::Unchanged);
        };
        let Values::Bytes(texts) = column.values else {
            return Ok(Outcome::Unchanged);
        };
        for row in (0..batch.rows()).filter(|row| batch.after.has(*row) && !column.is_null(*row)) {
            let text = texts.get(row);
            let begins = |word: &str| text.starts_with(word.as_bytes()) && !self.0.pardon.iter().any(|pardoned| pardoned == word);
            if begins("refuse") {
                return Err(Error::new("not-wanted", "judging a row").at_row(row));
            }
            if begins("batch") {
                return Err(Error::new("some-row", "judging a batch"));
            }
            if begins("later") {
                return Err(Error::new("not-yet", "judging a row that is to come again").retryable());
            }
            assert!(!begins("trap"), "a row that breaks the plugin");
            while begins("spin") {}
        }
        Ok(Outcome::Unchanged)
    }
}

rowmill_sdk::export!(Judge: transform);
