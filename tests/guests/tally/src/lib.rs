//! An encoder that keeps state, written with the SDK: it numbers the changes of each table, and says at each heartbeat how many there were. Its numbers
//! go on over a swap and a restart.

use std::collections::BTreeMap;

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Record, Schema, State};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// How many changes each table has had.
struct Tally(BTreeMap<String, u64>);

impl Encoder for Tally {
    type Settings = Settings;
    type Table = String;

    fn describe() -> Description {
        Description {
            name: "tally",
            version: "1.0.0",
            controls: &["heartbeat"],
            ..Description::default()
        }
    }

    fn new(_: Settings) -> Result<Self, Error> {
        Ok(Self(BTreeMap::new()))
    }

    fn open(&mut self, schema: &Schema) -> Result<String, Error> {
        Ok(schema.table.clone())
    }

    fn encode(&mut self, table: &mut String, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        let count = self.0.entry(table.clone()).or_default();
        for row in 0..batch.rows() {
            *count += 1;
            let record = Record { row, ..Record::default() };
            output.put(record, Some(table.as_bytes()), Some(format!("{table} {count}").as_bytes()));
        }
        Ok(())
    }

    fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
        let text = format!("{} {:?}", event["event"], self.0);
        for topic in event["topics"].as_array().into_iter().flatten().filter_map(|topic| topic.as_str()) {
            let topic = output.topic(topic)?;
            output.put(Record { topic, partition: Some(0), ..Record::default() }, None, Some(text.as_bytes()));
        }
        Ok(())
    }
}

impl State for Tally {
    const VERSION: u32 = 3;

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&self.0).map_err(|_| Error::new("unsaved", "writing what it keeps"))
    }

    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error> {
        let read = serde_json::from_slice(bytes).ok().filter(|_| version == Self::VERSION);
        self.0 = read.ok_or_else(|| Error::new("unknown-state", format!("reading what version {version} kept")))?;
        Ok(())
    }
}

rowmill_sdk::export!(Tally: encoder with state);
