//! Letters that are sent again: their rows go through the plugins as these are now, to the topics of their tables, in one Kafka
//! transaction with a record in the dead-letter topic that says so. No letter is replayed twice.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};
use arrow::datatypes::SchemaRef;
use serde_json::json;

use super::record::{one_record, shown};
use super::told::{DeadLetter, REPLAYED, dead_letters};
use super::{arrow_form, now_ms};
use crate::batch::{Batch, Records, Shape, Transactions};
use crate::config::{Config, OnError};
use crate::fault::Fault;
use crate::plugin::Chain;
use crate::sink::{self, Resend};
use crate::source::Table;

/// Letters in one transaction at most.
const CHUNK: usize = 200;
/// Bytes of letters in one transaction, beyond which no other is added.
const CHUNK_BYTES: usize = 8 << 20;

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its records are committed.
    Sent,
    /// It stays as it is, for this reason.
    Left(String),
}

/// How many letters were sent, and how many were left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Committed.
    pub sent: usize,
    /// Could not be sent.
    pub left: usize,
}

/// Replays those of the connector's letters that have not been, in order; of these only `offsets` where some are given. The connector
/// may run meanwhile. `told` hears of each letter, of those that were sent after their commit.
///
/// # Errors
/// As `dead_letters`; `Stop` where a plugin does not load; what the sink meets. Letters that were told as sent are committed.
pub fn replay(
    config: &Config,
    offsets: &[i64],
    stop: &Arc<AtomicBool>,
    told: &mut dyn FnMut(&DeadLetter, &Outcome) -> Result<(), Fault>,
) -> Result<Replayed, Fault> {
    let mut again = Again::new(config, stop)?;
    dead_letters(config, offsets.iter().min().copied(), &mut |letter| {
        let is_wanted = offsets.is_empty() || offsets.contains(&letter.offset);
        if is_wanted && !letter.replayed {
            again.take(letter, told)?;
        }
        Ok(!stop.load(std::sync::atomic::Ordering::Relaxed))
    })?;
    again.commit(told)?;
    Ok(again.counted)
}

struct Again<'a> {
    config: &'a Config,
    chain: Chain,
    sink: Resend,
    topic: Arc<str>,
    /// Each schema so far; its index stands for a table's version.
    schemas: Vec<SchemaRef>,
    /// Sent, and not committed yet.
    open: Vec<DeadLetter>,
    open_bytes: usize,
    counted: Replayed,
}

impl<'a> Again<'a> {
    /// Loads the plugins before it takes other replays' place.
    fn new(config: &'a Config, stop: &Arc<AtomicBool>) -> Result<Self, Fault> {
        let mut plugins = config.plugins.clone();
        for plugin in &mut plugins {
            // A row that is refused again stays a letter, whatever the stream does with such rows.
            plugin.on_error = OnError::DeadLetter;
        }
        let topic = sink::TopicSpec {
            name: config.sink.dead_letter_topic.clone(),
            table: "(the dead letters)".to_owned(),
            keyed: false,
        };
        Ok(Self {
            config,
            chain: Chain::assemble(&plugins, &config.cache_dir, &config.limits)?,
            topic: Arc::from(topic.name.as_str()),
            sink: Resend::connect(config, Arc::clone(stop), &[topic])?,
            schemas: Vec::new(),
            open: Vec::new(),
            open_bytes: 0,
            counted: Replayed::default(),
        })
    }

    fn take(&mut self, letter: DeadLetter, told: &mut dyn FnMut(&DeadLetter, &Outcome) -> Result<(), Fault>) -> Result<(), Fault> {
        let records = match self.records(&letter)? {
            Ok(records) => records,
            Err(reason) => {
                self.counted.left += 1;
                return told(&letter, &Outcome::Left(reason));
            }
        };
        self.open_bytes += records.iter().map(Records::bytes).sum::<usize>();
        for records in records {
            self.sink.write(records)?;
        }
        self.sink.write(self.mark(&letter))?;
        self.open.push(letter);
        if self.open.len() >= CHUNK || self.open_bytes >= CHUNK_BYTES {
            self.commit(told)?;
        }
        Ok(())
    }

    fn commit(&mut self, told: &mut dyn FnMut(&DeadLetter, &Outcome) -> Result<(), Fault>) -> Result<(), Fault> {
        self.sink.commit()?;
        self.open_bytes = 0;
        for letter in std::mem::take(&mut self.open) {
            self.counted.sent += 1;
            told(&letter, &Outcome::Sent)?;
        }
        Ok(())
    }

    /// What the row becomes now; or why it is left.
    fn records(&mut self, letter: &DeadLetter) -> Result<Result<Vec<Records>, String>, Fault> {
        let batch = match self.batch(letter) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(format!("{error:#}"))),
        };
        let topic = self.config.sink.topics.name(&batch.table.database, &batch.table.name);
        let mut records = Vec::new();
        let rejected = self.chain.run(&batch, &Arc::from(topic), &mut |some| {
            records.push(some);
            Ok(())
        })?;
        if let Some(rejected) = rejected.into_iter().next() {
            let text = format!(
                "plugin {} refuses it still: {} (code {})",
                rejected.plugin, rejected.text, rejected.code
            );
            return Ok(Err(text));
        }
        for some in &records {
            if let Some((_, misfit)) = self.sink.misfits(some)?.into_iter().next() {
                return Ok(Err(misfit.text));
            }
        }
        Ok(Ok(records))
    }

    fn batch(&mut self, letter: &DeadLetter) -> anyhow::Result<Batch> {
        let arrow = letter.header("arrow");
        if arrow.is_empty() {
            bail!(
                "it does not hold the whole row: {}",
                match (letter.header("stage"), letter.header("left_out")) {
                    ("decoder", _) => "it could not be decoded".to_owned(),
                    (_, left_out) => format!("it was too large for the dead-letter topic, and {left_out} is left out"),
                }
            );
        }
        let bytes = sink::from_base64(arrow).context("its header arrow is no base64")?;
        let rows = arrow_form::read(&bytes).context("reading its header arrow")?;
        let has = |name: &str| rows.column_by_name(name).is_some();
        let shape = Shape {
            before: has("before"),
            partial: has("after_present"),
            odd_dates: has("odd_dates"),
        };
        let (gtid, place) = (letter.header("gtid").to_owned(), letter.header("position").to_owned());
        let end = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Ok(Batch {
            table: Arc::new(Table {
                version: self.version(rows.schema_ref()),
                database: letter.header("database").to_owned(),
                name: letter.header("table").to_owned(),
                columns: Vec::new(),
                hidden: 0,
                key: Vec::new(),
            }),
            shape,
            bytes: rows.get_array_memory_size(),
            transactions: Transactions {
                gtid_ends: vec![end(&gtid)],
                gtids: gtid,
                place_ends: vec![end(&place)],
                places: place,
                xids: vec![0],
                first_sequences: vec![0],
            },
            rows,
        })
    }

    /// A number for each schema.
    fn version(&mut self, schema: &SchemaRef) -> u32 {
        let known = self.schemas.iter().position(|known| known == schema);
        let at = known.unwrap_or_else(|| {
            self.schemas.push(Arc::clone(schema));
            self.schemas.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Says that a letter has been replayed.
    fn mark(&self, letter: &DeadLetter) -> Records {
        let (place, now) = (letter.place(), now_ms());
        let headers = [
            (REPLAYED, place.clone()),
            ("connector", self.config.name.clone()),
            ("time", shown(now)),
        ];
        let text = json!({ REPLAYED: place }).to_string();
        one_record(&self.topic, now, Some(&text), &text, &headers)
    }
}
