//! One plugin by itself, without a connector: a batch in, and what it makes of it out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::cache::Cache;
use super::chain::CACHE_FOLDER;
use super::contents::Kind;
use super::engine::{self, Pool};
use super::link::{self, Link, Most, Work};
use super::output::Call;
use super::route::Routed;
use super::sample::Sample;
use super::schemas::{Item, Schemas};
use super::state::Moment;
use super::workshop::Workshop;
use crate::batch::Records;
use crate::config::{self, PluginOrigin};
use crate::fault::Fault;

/// Bytes of records that a call may hand over here.
const MAX_CALL_BYTES: usize = 256 << 20;

/// When the clock stands still, and where randomness starts: the same input gives the same output.
const MOMENT: Moment = Moment {
    now_ms: 1_614_748_870_000,
    seed: 1,
};

/// A plugin, loaded and configured as for a connector.
pub struct Tryout {
    link: Link,
    schemas: Schemas,
    routed: Routed,
}

/// What a plugin made of a batch.
pub enum Tried {
    /// An encoder's records, in order.
    Records(Vec<Records>),
    /// A transform's batch.
    Batch(Box<Milled>),
    /// A transform dropped all of it.
    Dropped,
}

/// A batch that came out of a transform.
pub struct Milled {
    item: Item,
    transactions: crate::batch::Transactions,
}

impl Tryout {
    /// Loads a plugin; what is compiled is kept in `cache_dir`.
    ///
    /// # Errors
    /// What it is or lacks.
    pub fn start(settings: &config::Plugin, cache_dir: &Path) -> anyhow::Result<Self> {
        let pool = Pool::of(std::slice::from_ref(settings));
        let interrupts = matches!(settings.origin, PluginOrigin::File(_));
        let engine = if interrupts {
            engine::interruptible(pool)
        } else {
            engine::uninterrupted(pool)
        };
        let engine = engine.context("set up the WebAssembly engine (does `ulimit -v` leave room for its address space?)")?;
        let workshop = Workshop::new(engine, Cache::open(&cache_dir.join(CACHE_FOLDER)), interrupts)?;
        Ok(Self {
            link: link::load(&workshop, settings)?,
            schemas: Schemas::default(),
            routed: Routed::new(usize::MAX),
        })
    }

    /// Whether it is an encoder.
    pub fn is_encoder(&self) -> bool {
        self.link.description.kind == Kind::Encoder.name()
    }

    /// Has it process a batch.
    ///
    /// # Errors
    /// What it refuses or breaks over.
    pub fn run(&mut self, sample: &Sample) -> Result<Tried, Fault> {
        let item = self.admit(sample)?;
        self.alone(sample, &item)
    }

    /// Has its instances share a batch as in a connector, and drops what they make.
    ///
    /// # Errors
    /// As `run`.
    pub fn share(&mut self, sample: &Sample) -> Result<(), Fault> {
        let item = self.admit(sample)?;
        let parts = self.link.split(vec![item]);
        if let [item] = parts.as_slice() {
            return self.alone(sample, item).map(drop);
        }
        let known = known(sample);
        let transactions = &sample.batch.transactions;
        let made: Vec<bool> = if self.is_encoder() {
            let call = |part: &Item| Call::for_batch(&part.rows, &sample.topic, &known, MAX_CALL_BYTES);
            let shares = parts.iter().map(|part| (part, call(part))).collect();
            let made = self.link.encode_abreast(MOMENT, shares, &mut self.schemas, transactions);
            made.iter().map(Option::is_some).collect()
        } else {
            let made = self.link.process_abreast(
                MOMENT,
                (&parts, MAX_CALL_BYTES),
                (&mut self.schemas, &mut self.routed),
                transactions,
            );
            made.iter().map(Option::is_some).collect()
        };
        for (part, is_made) in parts.iter().zip(made) {
            if !is_made {
                drop(self.alone(sample, part)?);
            }
        }
        Ok(())
    }

    fn admit(&mut self, sample: &Sample) -> Result<Item, Fault> {
        let (item, closed) = self.schemas.admit(&sample.batch).map_err(Fault::stop)?;
        self.link.close(&closed);
        Ok(item)
    }

    fn alone(&mut self, sample: &Sample, item: &Item) -> Result<Tried, Fault> {
        let batch = &sample.batch;
        let known = known(sample);
        let call = || Call::for_batch(&item.rows, &sample.topic, &known, MAX_CALL_BYTES);
        let work = Work {
            what: &|| format!("{} rows of {}.{}", item.rows.num_rows(), batch.table.database, batch.table.name),
            moment: MOMENT,
            call: if self.is_encoder() { &call } else { &Call::closed },
            most: Most {
                one: MAX_CALL_BYTES,
                several: MAX_CALL_BYTES,
            },
            attempts: 1,
        };
        let tried = if self.is_encoder() {
            let encoded = self.link.encode(&work, item, &mut self.schemas, &batch.transactions);
            encoded.map(Tried::Records)
        } else {
            let processed = self
                .link
                .process(&work, item, (&mut self.schemas, &mut self.routed), &batch.transactions);
            processed.map(|item| match item {
                None => Tried::Dropped,
                Some(item) => Tried::Batch(Box::new(Milled {
                    item,
                    transactions: batch.transactions.clone(),
                })),
            })
        };
        tried.map_err(|failed| self.link.fault(&work, failed))
    }
}

/// Topics that records of the batch may go to.
fn known(sample: &Sample) -> Arc<BTreeSet<Arc<str>>> {
    Arc::new([Arc::clone(&sample.topic)].into())
}

impl Milled {
    /// Its rows as JSON, one object a row.
    ///
    /// # Errors
    /// Where an encoder that is written with rowmill-sdk could not read it.
    pub fn rows(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut schemas = Schemas::on_trial();
        schemas.adopt(&self.item.announced);
        let message = schemas.write(&self.item)?.to_vec();
        let schema = rowmill_sdk::Schema::read(&self.item.announced.message).context("read the schema that the transform made")?;
        let transactions = rowmill_sdk::Transactions {
            gtids: self.transactions.gtids.clone(),
            gtid_ends: self.transactions.gtid_ends.clone(),
            places: self.transactions.places.clone(),
            place_ends: self.transactions.place_ends.clone(),
            xids: self.transactions.xids.clone(),
        };
        let batch = rowmill_sdk::Batch::read(&schema, &message, &transactions).context("read the batch that the transform made")?;
        rowmill_sdk::harness::show(&batch).context("read the rows that the transform made")
    }
}
