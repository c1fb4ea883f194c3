//! A connector's plugins, and the decisions about them: who runs on which engine, when versions are swapped and when a swap is taken back,
//! what a call may see and hand over.

mod bench;
mod swaps;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bench::Bench;
use swaps::former_link;

use super::error::Error;
use super::instance::Saved;
use super::line::{Line, Pass};
use super::link::{self, Link, Most};
use super::measures::Measured;
use super::offers::{Last, Offers, Setback, Version};
use super::probation::{Probation, Rate};
use super::route::Routed;
use super::schemas::{Item, Schemas};
use super::sift::Rejected;
use super::state::Moment;
use super::watch::{Plan, Watch};
use super::wire::FlushReason;
use super::workshop::Workshop;
use crate::batch::{Batch, Records};
use crate::config::{self, Config, PluginOrigin};
use crate::fault::Fault;

/// Folder of compiled plugins within the cache: one of its own, since it must be nobody else's.
pub(super) const CACHE_FOLDER: &str = "plugins";

/// Share of `limits.memory` that a plugin may make of one row or event in one call, unless `limits.plugin_output` says how much that is.
const ROW_SHARE: usize = 2;
/// Share of that which it may make of several rows: where it would be more, it gets fewer.
const ROWS_SHARE: usize = 4;

/// Share of `limits.tables` for schemas that plugins have open.
const SCHEMAS_SHARE: usize = 4;

/// Where a call's checked hand-overs go, in order.
pub type Deliver<'a> = dyn FnMut(Records) -> Result<(), Fault> + 'a;

/// A connector's plugins, loaded, in order: transforms, then one encoder. Used from one thread, which must not be a worker
/// of an async runtime: a guest's call takes as long as it takes.
pub struct Chain {
    line: Line,
    known: Arc<BTreeSet<Arc<str>>>,
    most: Most,
    offers: Arc<Offers>,
    probation: Option<Probation>,
    /// Of those at work.
    rate: Rate,
    /// What a flush sees of time and chance: the last batch's.
    moment: Moment,
    /// What was replaced last, by place.
    formers: Vec<Option<Former>>,
    workshops: Vec<Arc<Workshop>>,
    watch: Option<Watch>,
    /// Versions that were swapped in and refused when somebody was told of it last.
    told: (u64, u64),
}

/// A version that was replaced.
enum Former {
    /// By this process.
    Ready(Version),
    /// By an earlier one: the SHA-256 of its file, which may have been kept.
    Kept(String),
}

impl Former {
    fn digest(&self) -> &str {
        match self {
            Self::Ready(version) => &version.loaded.digest,
            Self::Kept(digest) => digest,
        }
    }
}

/// A plugin as it stands between two batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its configured name.
    pub plugin: String,
    /// The version that it names itself.
    pub version: String,
    /// SHA-256 of what is at work, in hexadecimal.
    pub sha256: String,
    /// That of what it replaced last.
    pub former: Option<String>,
    /// What it keeps.
    pub saved: Option<Saved>,
    /// Names of versions that were taken back.
    pub taken_back: Vec<String>,
    /// It replaced another one a moment ago, which may come back.
    pub on_probation: bool,
    /// The last new version of it that was not taken, or not kept, by this process.
    pub setback: Option<Setback>,
}

impl Chain {
    /// Loads, checks and configures every plugin, and watches those that are files and the configuration's own file.
    ///
    /// # Errors
    /// `Stop` with the plugin's name and path where one can't be read, compiled, linked or configured.
    pub fn load(config: &Config, server: &crate::source::Server) -> Result<Self, Fault> {
        // The server is described in each batch's schema; nothing of it is needed before the first.
        let _ = server;
        Self::build(&config.plugins, &config.cache_dir, &config.limits, config.file.clone())
    }

    /// As `load`, from the parts of a configuration that matter here: the plugins in order, the folder of compiled ones, and
    /// the connector's limits.
    ///
    /// # Errors
    /// As `load`.
    pub fn assemble(plugins: &[config::Plugin], cache_dir: &Path, limits: &config::Limits) -> Result<Self, Fault> {
        Self::build(plugins, cache_dir, limits, None)
    }

    pub(super) fn build(
        plugins: &[config::Plugin],
        cache_dir: &Path,
        limits: &config::Limits,
        file: Option<PathBuf>,
    ) -> Result<Self, Fault> {
        let mut bench = Bench::new(plugins, cache_dir);
        let mut links = Vec::with_capacity(plugins.len());
        let mut workshops = Vec::with_capacity(plugins.len());
        for settings in plugins {
            let failed = |cause| {
                Fault::stop(Error::Load {
                    plugin: settings.name.clone(),
                    place: place(&settings.origin),
                    cause,
                })
            };
            let workshop = bench.workshop(&settings.origin).map_err(failed)?;
            let link = link::load(&workshop, settings).map_err(failed)?;
            tracing::info!(
                plugin = %settings.name,
                kind = %link.description.kind,
                name = %link.description.name,
                version = %link.description.version,
                sha256 = link.digest().get(..12),
                "plugin loaded"
            );
            links.push(link);
            workshops.push(workshop);
        }
        let mut line = Line::new(links, Routed::new(limits.routed_topics)).map_err(Fault::stop)?;
        let least = plugins.iter().map(|plugin| plugin.memory).min().unwrap_or_default();
        line.schemas = Schemas::within(limits.for_tables() / SCHEMAS_SHARE, least);
        let one = match limits.plugin_output {
            0 => limits.memory / ROW_SHARE,
            bytes => bytes,
        };
        let offers = Arc::new(Offers::new(line.links.iter().map(Link::version).collect()));
        let plan = Plan {
            workshops: workshops.clone(),
            file,
            most: bench.pool,
            offers: Arc::clone(&offers),
        };
        Ok(Self {
            line,
            known: Arc::default(),
            most: Most {
                one,
                several: one / ROWS_SHARE,
            },
            offers,
            probation: None,
            rate: Rate::default(),
            moment: Moment::default(),
            formers: plugins.iter().map(|_| None).collect(),
            workshops,
            watch: Watch::start(plan).map_err(Fault::stop)?,
            told: (0, 0),
        })
    }

    /// Runs one batch through the chain; every checked hand-over of the encoder goes to `records`, in order, once the call
    /// has returned. Before it, takes over new versions of plugins that passed their trial, all at once.
    ///
    /// The rows that a plugin did not take come back, each once, unless the plugin's `on_error` is `Stop`; no record is made of them.
    ///
    /// `topic` is the table's own. Records may go to it and to topics given to earlier calls and to [`Chain::allow_topics`].
    ///
    /// # Errors
    /// `Stop` where a plugin whose `on_error` is so refuses or breaks; `Retry` where a plugin says so. Then no record of the batch
    /// was delivered. What `records` refuses is passed on. A version that was swapped in a moment ago and fails is taken back instead.
    pub fn run(&mut self, batch: &Batch, topic: &Arc<str>, records: &mut Deliver<'_>) -> Result<Vec<Rejected>, Fault> {
        self.take_offer(records)?;
        self.allow_topics([Arc::clone(topic)]);
        let (item, closed) = self.line.schemas.admit(batch).map_err(Fault::stop)?;
        self.close(&closed);
        let known = Arc::clone(&self.known);
        let pass = Pass::of(batch, topic, &known, self.most);
        self.moment = pass.moment;
        let rejected = match self.probation {
            None => self.attempt(&pass, &item, records)?,
            Some(_) => self.on_probation(&pass, &item, records)?,
        };
        self.rate.add(item.rows.num_rows(), rejected.len());
        Ok(rejected)
    }

    /// Encodes a control event (`docs/plugin-contract.md`) where the encoder asked for its kind. `topics` are those that the
    /// event goes to; records may go to them.
    ///
    /// # Errors
    /// As `run`.
    pub fn control(&mut self, event: &serde_json::Value, topics: &[Arc<str>], records: &mut Deliver<'_>) -> Result<(), Fault> {
        self.take_offer(records)?;
        self.allow_topics(topics.iter().cloned());
        let known = Arc::clone(&self.known);
        let mut done = self.line.control(event, topics, &known, self.most);
        if let Err(fault) = &done
            && self.probation.is_some()
        {
            let reason = fault.to_string();
            self.exchange();
            match self.line.control(event, topics, &known, self.most) {
                Ok(with_former) => {
                    self.roll_back(&reason);
                    done = Ok(with_former);
                }
                Err(_) => self.exchange(),
            }
        }
        done?.into_iter().try_for_each(records)
    }

    /// Asks every plugin for what it holds back.
    ///
    /// # Errors
    /// `Stop` where a plugin breaks over it, since what it held is lost; `Retry` where that is a version that is taken back for it: what it
    /// held is read again. Else as `run`.
    pub fn flush(&mut self, reason: FlushReason, records: &mut Deliver<'_>) -> Result<(), Fault> {
        for at in 0..self.line.links.len() {
            let flushed = self.line.flush(at, reason, self.moment, (&self.known, self.most));
            let flushed = flushed.map_err(|fault| {
                if self.probation.is_none() {
                    return fault;
                }
                let reason = fault.to_string();
                self.exchange();
                self.roll_back(&reason);
                Fault::retry(anyhow::anyhow!(reason).context("a version that was taken back has lost what it held"))
            })?;
            flushed.into_iter().try_for_each(&mut *records)?;
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

    /// Whether so many tables have come that plugins are to forget some of them. What they hold back of these has to be asked for before.
    pub fn is_crowded(&self) -> bool {
        self.line.schemas.is_crowded()
    }

    /// Has the plugins forget the tables whose batches came least recently, after a flush.
    pub fn make_room(&mut self) {
        let closed = self.line.schemas.make_room();
        self.close(&closed);
    }

    /// Schemas that plugins have open, and how many were closed to make room since this was asked last.
    pub fn schemas(&mut self) -> (usize, usize) {
        self.line.schemas.take_count()
    }

    /// Whether any of the plugins goes by the display widths of TINYINT columns, as they were when they were loaded.
    pub fn needs_widths(&self) -> bool {
        self.line.links.iter().any(Link::needs_widths)
    }

    /// What the plugins counted since they were loaded: plugin's own counter name and value.
    pub fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        let links = self.line.links.iter();
        links.flat_map(|link| link.counters().iter().map(|(name, value)| (name.as_str(), *value)))
    }

    /// New versions of plugins so far: how many were swapped in, and how many refused.
    pub fn swaps(&self) -> (u64, u64) {
        let links = self.line.links.iter().enumerate();
        links.fold((0, 0), |all, (at, link)| (all.0 + link.swapped(), all.1 + self.offers.refused(at)))
    }

    /// What was measured of each plugin since the last time.
    pub fn measured(&mut self) -> impl Iterator<Item = Measured<'_>> {
        let offers = &self.offers;
        self.line
            .links
            .iter_mut()
            .enumerate()
            .map(|(at, link)| link.measured(offers.refused(at)))
    }

    /// SHA-256 of each plugin at work, in order, in hexadecimal.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.line.links.iter().map(Link::digest)
    }

    /// How each plugin stands, for a checkpoint.
    pub fn standing(&self) -> Vec<Standing> {
        let on_probation = |at: usize| {
            let formers = self.probation.iter().flat_map(|probation| &probation.formers);
            formers.into_iter().any(|(place, _)| *place == at)
        };
        let links = self.line.links.iter().zip(&self.formers).enumerate();
        let standing = links.map(|(at, (link, former))| Standing {
            plugin: link.name().to_owned(),
            version: link.description.version.clone(),
            sha256: link.digest().to_owned(),
            former: former.as_ref().map(|former| former.digest().to_owned()),
            saved: link.saved().cloned(),
            taken_back: self.offers.banned(at),
            on_probation: on_probation(at),
            setback: self.offers.setback(at),
        });
        standing.collect()
    }

    /// Goes on from a checkpoint: with what plugins kept then, and not with versions that were taken back before.
    ///
    /// # Errors
    /// `Stop` where a plugin can't read what it kept, or where its file holds a version that was taken back and the one at work then is gone.
    pub fn resume(&mut self, standing: &[Standing]) -> Result<(), Fault> {
        self.probation = None;
        for at in 0..self.line.links.len() {
            let Some(link) = self.line.links.get_mut(at) else { continue };
            let found = standing.iter().find(|standing| standing.plugin == link.name());
            for name in found.iter().flat_map(|found| &found.taken_back) {
                self.offers.ban(at, name.clone());
            }
            if let Some(former) = found.and_then(|found| found.former.clone())
                && let Some(slot @ None) = self.formers.get_mut(at)
            {
                *slot = Some(Former::Kept(former));
            }
            if let Some(found) = found
                && self.offers.is_banned(at, &link.version())
                && found.sha256 == link.digest()
            {
                tracing::warn!(
                    plugin = link.name(),
                    "the connector's file has a configuration of this plugin that was taken back: the one before is not kept, so it is at work again"
                );
            } else if let Some(found) = found
                && self.offers.is_banned(at, &link.version())
            {
                *link = former_link(link, self.workshops.get(at), &found.sha256).map_err(Fault::stop)?;
            }
            let saved = found.and_then(|found| found.saved.as_ref());
            link.go_on_from(saved).map_err(|error| {
                let help = "put the version back that kept it; or begin without it: `rowmill position set` to where the connector is";
                Fault::stop(error.context(format!("plugin {} can't go on from where it was: {help}", link.name())))
            })?;
        }
        self.offers.set_at_work(self.line.links.iter().map(Link::version).collect());
        Ok(())
    }

    /// Has the files of one plugin, or of all, looked at once more, and tried whatever became of them before.
    pub fn reload(&self, plugin: Option<&str>) {
        for (at, link) in self.line.links.iter().enumerate() {
            if plugin.is_none_or(|plugin| plugin == link.name()) {
                self.offers.lift(at);
            }
        }
        tracing::info!(plugin, "looking at plugins' files again, since somebody asked for it");
        if let Some(watch) = &self.watch {
            watch.look_again();
        }
    }

    /// How many instances of each plugin there are.
    #[cfg(test)]
    pub(super) fn instances(&self) -> Vec<usize> {
        self.line.links.iter().map(Link::instances).collect()
    }

    /// Offers what is at work once more, as a test's way to very many swaps.
    #[cfg(test)]
    pub(super) fn offer_again(&self) {
        self.offers.put(self.line.links.iter().map(Link::version).enumerate().collect());
    }

    fn attempt(&mut self, pass: &Pass<'_>, item: &Item, records: &mut Deliver<'_>) -> Result<Vec<Rejected>, Fault> {
        let offers = &self.offers;
        let mut seen = |at: usize, link: &Link, item: &Item| {
            offers.remember(at, item, link.saved(), || {
                // A very large one is not kept.
                (item.bytes() <= pass.most.several).then(|| Last {
                    item: item.clone(),
                    table: (pass.table.0.to_owned(), pass.table.1.to_owned()),
                    transactions: pass.transactions.clone(),
                    topic: Arc::clone(pass.topic),
                    known: Arc::clone(pass.known),
                    most: pass.most,
                    moment: pass.moment,
                })
            });
        };
        self.line.run(pass, (item.clone(), 0), &mut seen, records)
    }

    fn close(&mut self, schemas: &[u32]) {
        if schemas.is_empty() {
            return;
        }
        let formers = self.probation.iter_mut().flat_map(|probation| &mut probation.formers);
        for link in self.line.links.iter_mut().chain(formers.map(|(_, link)| link)) {
            link.close(schemas);
        }
        self.offers.forget(schemas);
    }
}

fn place(origin: &PluginOrigin) -> String {
    match origin {
        config::PluginOrigin::File(path) => path.display().to_string(),
        config::PluginOrigin::Builtin(_) => "the binary itself".to_owned(),
    }
}
