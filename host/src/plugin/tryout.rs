//! One plugin by itself, without a connector: a batch in, and what it makes of it out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::cache::Cache;
use super::chain::CACHE_FOLDER;
use super::contents::Kind;
use super::engine::{self, Pool};
use super::ipc::{Item, Schemas};
use super::link::{self, Link, Most, Work};
use super::output::Call;
use super::route::Routed;
use super::sample::Sample;
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
        let pool = Pool {
            plugins: 1,
            memory: settings.memory,
        };
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
        let batch = &sample.batch;
        let (item, closed) = self.schemas.admit(batch).map_err(Fault::stop)?;
        self.link.close(&closed);
        let known: Arc<BTreeSet<Arc<str>>> = Arc::new([Arc::clone(&sample.topic)].into());
        let call = || Call::for_batch(&item.rows, &sample.topic, &known, MAX_CALL_BYTES);
        let work = Work {
            what: &|| format!("{} rows of {}.{}", batch.rows.num_rows(), batch.table.database, batch.table.name),
            moment: MOMENT,
            call: if self.is_encoder() { &call } else { &Call::closed },
            most: Most {
                one: MAX_CALL_BYTES,
                several: MAX_CALL_BYTES,
            },
            attempts: 1,
        };
        let tried = if self.is_encoder() {
            let encoded = self.link.encode(&work, &item, &mut self.schemas, &batch.transactions);
            encoded.map(Tried::Records)
        } else {
            let processed = self
                .link
                .process(&work, &item, (&mut self.schemas, &mut self.routed), &batch.transactions);
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

impl Milled {
    /// Its rows as JSON, one object a row.
    ///
    /// # Errors
    /// Where an encoder that is written with rowmill-sdk could not read it.
    pub fn rows(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut schemas = Schemas::on_trial();
        schemas.adopt(&self.item.announced)?;
        let message = schemas.write(&self.item)?;
        let schema = rowmill_sdk::Schema::read(&self.item.announced.message).context("read the schema that the transform made")?;
        let transactions = rowmill_sdk::Transactions {
            gtids: self.transactions.gtids.clone(),
            gtid_ends: self.transactions.gtid_ends.clone(),
            places: self.transactions.places.clone(),
            place_ends: self.transactions.place_ends.clone(),
            xids: self.transactions.xids.clone(),
        };
        let batch = rowmill_sdk::Batch::read(&schema, message, &transactions).context("read the batch that the transform made")?;
        rowmill_sdk::harness::show(&batch).context("read the rows that the transform made")
    }
}
