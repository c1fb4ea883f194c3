//! A connector's plugins in order, and the decisions about them: who runs on which engine, when a version is swapped, what
//! a call may see and hand over.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;

use super::cache::Cache;
use super::contents::Kind;
use super::engine::{self, Pool};
use super::error::Error;
use super::ipc::{Item, Schemas};
use super::link::{self, ATTEMPTS, Link, Most, Work};
use super::measures::Measured;
use super::output::Call;
use super::sift::{Rejected, Sifting};
use super::state::Moment;
use super::watch::{Last, Successor, Watch, Watched};
use super::wire::FlushReason;
use super::workshop::Workshop;
use crate::batch::{Batch, Records};
use crate::config::{self, Config, PluginOrigin};
use crate::fault::Fault;

/// Folder of compiled plugins within the cache: one of its own, since it must be nobody else's.
const CACHE_FOLDER: &str = "plugins";

/// Share of `limits.memory` that a plugin may make of one row or event in one call.
const ROW_SHARE: usize = 2;
/// Share that it may make of several rows: where it would be more, it gets fewer.
const ROWS_SHARE: usize = 8;

/// Where a call's checked hand-overs go, in order.
pub type Deliver<'a> = dyn FnMut(Records) -> Result<(), Fault> + 'a;

/// A connector's plugins, loaded, in order: transforms, then one encoder. Used from one thread, which must not be a worker
/// of an async runtime: a guest's call takes as long as it takes.
pub struct Chain {
    transforms: Vec<Link>,
    encoder: Link,
    schemas: Schemas,
    known: Arc<BTreeSet<Arc<str>>>,
    most: Most,
    clock: fn() -> u64,
    _watch: Option<Watch>,
}

impl Chain {
    /// Loads, checks and configures every plugin, and watches those that are files.
    ///
    /// # Errors
    /// `Stop` with the plugin's name and path where one can't be read, compiled, linked or configured.
    pub fn load(config: &Config, server: &crate::source::Server) -> Result<Self, Fault> {
        // The server is described in each batch's schema; nothing of it is needed before the first.
        let _ = server;
        Self::assemble(&config.plugins, &config.cache_dir, config.limits.memory)
    }

    /// As `load`, from the parts of a configuration that matter here: the plugins in order, the folder of compiled ones, and
    /// the connector's memory in bytes.
    ///
    /// # Errors
    /// As `load`.
    pub fn assemble(plugins: &[config::Plugin], cache_dir: &Path, memory: usize) -> Result<Self, Fault> {
        let mut bench = Bench::new(plugins, cache_dir);
        let mut links = Vec::with_capacity(plugins.len());
        let mut watched = Vec::new();
        for settings in plugins {
            let failed = |cause| {
                Fault::stop(Error::Load {
                    plugin: settings.name.clone(),
                    place: place(&settings.origin),
                    cause,
                })
            };
            let workshop = bench.workshop(&settings.origin).map_err(failed)?;
            let mut link = link::load(&workshop, settings).map_err(failed)?;
            tracing::info!(
                plugin = %settings.name,
                kind = %link.description.kind,
                version = %link.description.version,
                sha256 = link.digest().get(..12),
                "plugin loaded"
            );
            if let PluginOrigin::File(path) = &settings.origin {
                let successor = Arc::new(Successor::default());
                link.successor = Some(Arc::clone(&successor));
                watched.push(Watched {
                    settings: settings.clone(),
                    path: path.clone(),
                    digest: link.digest().to_owned(),
                    workshop,
                    successor,
                });
            }
            links.push(link);
        }
        let watch = match watched.is_empty() {
            true => None,
            false => Some(Watch::start(watched).map_err(Fault::stop)?),
        };
        let (transforms, encoder) = in_order(links).map_err(Fault::stop)?;
        Ok(Self {
            transforms,
            encoder,
            schemas: Schemas::default(),
            known: Arc::default(),
            most: Most {
                one: memory / ROW_SHARE,
                several: memory / ROWS_SHARE,
            },
            clock: wall_clock_ms,
            _watch: watch,
        })
    }

    /// Runs one batch through the chain; every checked hand-over of the encoder goes to `records`, in order, once its call
    /// has returned. A batch that is too much for a plugin's memory, or of which too much comes, is given to it in parts, each of which goes
    /// all the way before the next one. Before it, takes over a new version of a plugin whose file changed and that passed its trial.
    ///
    /// The rows that a plugin did not take come back, each once, unless the plugin's `on_error` is `Stop`; no record is made of them.
    ///
    /// `topic` is the table's own. Records may go to it and to topics given to earlier calls and to [`Chain::allow_topics`].
    ///
    /// # Errors
    /// `Stop` where a plugin whose `on_error` is so refuses or breaks; `Retry` where a plugin says so. Records of parts before may have been
    /// delivered. What `records` refuses is passed on.
    pub fn run(&mut self, batch: &Batch, topic: &Arc<str>, records: &mut Deliver<'_>) -> Result<Vec<Rejected>, Fault> {
        self.take_successors(records)?;
        self.allow_topics([Arc::clone(topic)]);
        let (item, closed) = self.schemas.admit(batch).map_err(Fault::stop)?;
        if !closed.is_empty() {
            self.close(&closed);
        }
        let (_, place) = batch.transactions.names(0);
        let table = format!("{}.{}", batch.table.database, batch.table.name);
        let what = || format!("{} rows of {table}, from the transaction at {place} on", batch.rows.num_rows());
        let pass = Pass {
            batch,
            topic,
            known: &self.known,
            most: self.most,
            moment: Moment {
                now_ms: (self.clock)(),
                seed: first_seq(batch),
            },
            what: &what,
        };
        let mut through = Through {
            pass,
            encoder: &mut self.encoder,
            schemas: &mut self.schemas,
            rejected: Vec::new(),
            records,
        };
        through.run(&mut self.transforms, item)?;
        Ok(through.rejected)
    }

    /// Encodes a control event (`docs/plugin-contract.md`) where the encoder asked for its kind. `topics` are those that the
    /// event goes to; records may go to them.
    ///
    /// # Errors
    /// As `run`.
    pub fn control(&mut self, event: &serde_json::Value, topics: &[Arc<str>], records: &mut Deliver<'_>) -> Result<(), Fault> {
        self.take_successors(records)?;
        self.allow_topics(topics.iter().cloned());
        let kind = event.get("event").and_then(serde_json::Value::as_str).unwrap_or_default();
        if !self.encoder.description.controls.iter().any(|wanted| wanted == kind) {
            return Ok(());
        }
        let now_ms = (self.clock)();
        let ms = event
            .get("ts")
            .and_then(serde_json::Value::as_i64)
            .or_else(|| i64::try_from(now_ms).ok());
        let own = match topics {
            [only] => Some(Arc::clone(only)),
            _ => None,
        };
        let work = Work {
            what: &|| format!("control event {kind}"),
            moment: Moment {
                now_ms,
                seed: event.get("seq").and_then(serde_json::Value::as_u64).unwrap_or(now_ms),
            },
            call: &|| Call::for_event(ms.unwrap_or_default(), own.clone(), &self.known, self.most.one),
            attempts: ATTEMPTS,
            most: self.most,
        };
        let encoded = self.encoder.control(&work, &event.to_string())?;
        encoded.into_iter().try_for_each(records)
    }

    /// Asks every plugin for what it holds back.
    ///
    /// # Errors
    /// `Stop` where a plugin breaks over it, since what it held is lost; else as `run`.
    pub fn flush(&mut self, reason: FlushReason, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let now_ms = (self.clock)();
        for link in self.transforms.iter_mut().chain([&mut self.encoder]) {
            flush(link, reason, now_ms, &self.known, self.most)?
                .into_iter()
                .try_for_each(&mut *records)?;
        }
        Ok(())
    }

    /// Lets records go to these topics too. Topics that were given to `run` or `control` need not be named.
    pub fn allow_topics(&mut self, topics: impl IntoIterator<Item = Arc<str>>) {
        for topic in topics {
            if !self.known.contains(&topic) {
                // Rare: copied only while a rehearsal still holds the former set.
                Arc::make_mut(&mut self.known).insert(topic);
            }
        }
    }

    /// Whether any of the plugins goes by the display widths of TINYINT columns, as they were when they were loaded.
    pub fn needs_widths(&self) -> bool {
        self.links().any(Link::needs_widths)
    }

    /// What the plugins counted since they were loaded: plugin's own counter name and value.
    pub fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        self.links()
            .flat_map(|link| link.counters().iter().map(|(name, value)| (name.as_str(), *value)))
    }

    /// New versions of plugins so far: how many were swapped in, and how many refused.
    pub fn swaps(&self) -> (u64, u64) {
        self.links()
            .map(Link::swaps)
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// What was measured of each plugin since the last time.
    pub fn measured(&mut self) -> impl Iterator<Item = Measured<'_>> {
        self.transforms.iter_mut().chain([&mut self.encoder]).map(Link::measured)
    }

    /// SHA-256 of each plugin at work, in order, in hexadecimal.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.links().map(Link::digest)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.transforms.iter().chain([&self.encoder])
    }

    fn close(&mut self, schemas: &[u32]) {
        for link in self.transforms.iter_mut().chain([&mut self.encoder]) {
            link.close(schemas);
            if let Some(successor) = &link.successor {
                successor.forget(schemas);
            }
        }
    }

    /// Swaps in what passed its trial, after the old one handed over what it held.
    fn take_successors(&mut self, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let clock = self.clock;
        for link in self.transforms.iter_mut().chain([&mut self.encoder]) {
            let Some(loaded) = link.successor.as_ref().and_then(|successor| successor.take()) else {
                continue;
            };
            flush(link, FlushReason::Swap, clock(), &self.known, self.most)?
                .into_iter()
                .try_for_each(&mut *records)?;
            link.replace(loaded);
        }
        Ok(())
    }
}

/// What all links see of one batch's way through the chain.
struct Pass<'a> {
    batch: &'a Batch,
    topic: &'a Arc<str>,
    known: &'a Arc<BTreeSet<Arc<str>>>,
    most: Most,
    moment: Moment,
    what: &'a dyn Fn() -> String,
}

impl<'a> Pass<'a> {
    fn work<'w>(&self, call: &'w dyn Fn() -> Call) -> Work<'w>
    where
        'a: 'w,
    {
        Work {
            what: self.what,
            moment: self.moment,
            call,
            attempts: ATTEMPTS,
            most: self.most,
        }
    }

    /// Leaves the batch for the trial of the link's next version, where it may have one. A very large one is not kept.
    fn remember(&self, link: &Link, item: &Item) {
        if let Some(successor) = &link.successor
            && item.bytes() <= self.most.several
        {
            successor.remember(Last {
                item: item.clone(),
                transactions: self.batch.transactions.clone(),
                topic: Arc::clone(self.topic),
                known: Arc::clone(self.known),
                max_bytes: self.most.one,
                moment: self.moment,
            });
        }
    }
}

/// A batch on its way.
struct Through<'a, 'r> {
    pass: Pass<'a>,
    encoder: &'a mut Link,
    schemas: &'a mut Schemas,
    rejected: Vec<Rejected>,
    records: &'a mut Deliver<'r>,
}

impl Through<'_, '_> {
    /// Through these transforms and the encoder; what a transform makes of a part goes on before the next part is begun.
    fn run(&mut self, transforms: &mut [Link], item: Item) -> Result<(), Fault> {
        let Some((transform, rest)) = transforms.split_first_mut() else {
            return self.encode(item);
        };
        let mut sifting = Sifting::of(item);
        loop {
            let Self {
                pass, schemas, rejected, ..
            } = self;
            let work = pass.work(&Call::closed);
            let processed = sifting.next(transform, &work, rejected, |link, work, part| {
                pass.remember(link, part);
                link.process(work, part, schemas, &pass.batch.transactions)
            })?;
            match processed {
                Some(Some(item)) => self.run(rest, item)?,
                Some(None) => {}
                None => return Ok(()),
            }
        }
    }

    fn encode(&mut self, item: Item) -> Result<(), Fault> {
        let Self {
            pass,
            encoder,
            schemas,
            rejected,
            records,
        } = self;
        let mut sifting = Sifting::of(item);
        let work = pass.work(&Call::closed);
        let mut encode = |link: &mut Link, work: &Work<'_>, part: &Item| {
            pass.remember(link, part);
            let most = pass.most.of(part.rows.num_rows());
            let call = || Call::for_batch(&part.rows, pass.topic, pass.known, most);
            let work = Work { call: &call, ..*work };
            link.encode(&work, part, schemas, &pass.batch.transactions)
        };
        while let Some(encoded) = sifting.next(encoder, &work, rejected, &mut encode)? {
            encoded.into_iter().try_for_each(&mut **records)?;
        }
        Ok(())
    }
}

/// Makes the workshops that a connector's plugins need, one for each engine.
struct Bench {
    pool: Pool,
    cache: Cache,
    files: Option<Arc<Workshop>>,
    builtins: Option<Arc<Workshop>>,
}

impl Bench {
    fn new(plugins: &[config::Plugin], cache_dir: &Path) -> Self {
        Self {
            pool: Pool {
                plugins: u32::try_from(plugins.len()).unwrap_or(u32::MAX),
                memory: plugins.iter().map(|plugin| plugin.memory).max().unwrap_or_default(),
            },
            cache: Cache::open(&cache_dir.join(CACHE_FOLDER)),
            files: None,
            builtins: None,
        }
    }

    /// Files run on an engine that can interrupt them; what ships with the host runs on a faster one.
    fn workshop(&mut self, origin: &PluginOrigin) -> anyhow::Result<Arc<Workshop>> {
        let (slot, interrupts) = match origin {
            PluginOrigin::File(_) => (&mut self.files, true),
            PluginOrigin::Builtin(_) => (&mut self.builtins, false),
        };
        if let Some(workshop) = slot {
            return Ok(Arc::clone(workshop));
        }
        let engine = if interrupts {
            engine::interruptible(self.pool)
        } else {
            engine::uninterrupted(self.pool)
        };
        let engine = engine.context("set up the WebAssembly engine (does `ulimit -v` leave room for its address space?)")?;
        let workshop = Arc::new(Workshop::new(engine, self.cache.clone(), interrupts)?);
        Ok(Arc::clone(slot.insert(workshop)))
    }
}

/// Transforms, then exactly one encoder.
fn in_order(mut links: Vec<Link>) -> anyhow::Result<(Vec<Link>, Link)> {
    const ENCODER: &str = Kind::Encoder.name();
    let encoder = links
        .pop()
        .context("the chain of plugins is empty: at least an encoder is needed")?;
    if encoder.description.kind != ENCODER {
        bail!(
            "the last [[plugin]] is a {}: add an encoder after it, such as builtin = \"envelope\"",
            encoder.description.kind
        );
    }
    if links.iter().any(|link| link.description.kind == ENCODER) {
        bail!("an encoder stands before the last [[plugin]]: the chain is transforms, then one encoder");
    }
    Ok((links, encoder))
}

fn flush(link: &mut Link, reason: FlushReason, now_ms: u64, known: &Arc<BTreeSet<Arc<str>>>, most: Most) -> Result<Vec<Records>, Fault> {
    let work = Work {
        what: &|| format!("flush ({reason:?})"),
        moment: Moment { now_ms, seed: now_ms },
        call: &|| Call::for_event(i64::try_from(now_ms).unwrap_or_default(), None, known, most.one),
        attempts: 1,
        most,
    };
    link.flush(&work, reason)
}

fn place(origin: &PluginOrigin) -> String {
    match origin {
        config::PluginOrigin::File(path) => path.display().to_string(),
        config::PluginOrigin::Builtin(_) => "the binary itself".to_owned(),
    }
}

/// The batch's first sequence number: what randomness starts from, so that a batch replays to the same bytes.
fn first_seq(batch: &Batch) -> u64 {
    let seq = batch
        .rows
        .column_by_name("seq")
        .and_then(|seq| seq.as_primitive_opt::<UInt64Type>());
    seq.and_then(|seq| seq.values().first().copied()).unwrap_or_default()
}

fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
