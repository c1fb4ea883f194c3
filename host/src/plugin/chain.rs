//! A connector's plugins, and the decisions about them: who runs on which engine, when versions are swapped and when a swap is taken back,
//! what a call may see and hand over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::cache::Cache;
use super::engine::{self, Pool};
use super::error::Error;
use super::instance::Saved;
use super::ipc::Item;
use super::line::{Line, Pass};
use super::link::{self, Link, Most};
use super::measures::Measured;
use super::offers::{Last, Offer, Offers, Version};
use super::probation::{Probation, Rate, Verdict};
use super::route::Routed;
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
        let line = Line::new(links, Routed::new(limits.routed_topics)).map_err(Fault::stop)?;
        let one = match limits.plugin_output {
            0 => limits.memory / ROW_SHARE,
            bytes => bytes,
        };
        let offers = Arc::new(Offers::new(line.links.iter().map(Link::version).collect()));
        let plan = Plan {
            workshops: workshops.clone(),
            file,
            most_memory: bench.pool.memory,
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

    /// Puts the version back that was replaced last, of one plugin or of all; what replaced it is not taken again by itself. Together with
    /// those that were replaced with it, where that was a moment ago.
    ///
    /// # Errors
    /// As `flush`.
    pub fn roll_back_to_former(&mut self, plugin: Option<&str>, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let mut offer = Offer::new();
        for (at, link) in self.line.links.iter().enumerate() {
            if plugin.is_some_and(|plugin| plugin != link.name()) {
                continue;
            }
            let former = match self.formers.get(at) {
                Some(Some(Former::Ready(version))) => Ok(version.clone()),
                Some(Some(Former::Kept(digest))) => recall(link, self.workshops.get(at), digest),
                _ if plugin.is_none() => continue,
                _ => Err(anyhow::anyhow!("no version of it was replaced since the connector has kept count")),
            };
            match former {
                Ok(version) => {
                    offer.insert(at, version);
                }
                Err(error) => {
                    tracing::warn!(plugin = link.name(), error = %format_args!("{error:#}"), "there is no version to go back to");
                }
            }
        }
        if offer.is_empty() {
            return Ok(());
        }
        for at in offer.keys() {
            if let Some(link) = self.line.links.get(*at) {
                tracing::warn!(
                    plugin = link.name(),
                    taken_back = link.short_digest(),
                    "the former version of a plugin comes back, since somebody asked for it"
                );
                self.offers.ban(*at, link.version().name());
            }
        }
        self.offers.put(offer);
        self.take_offer(records)
    }

    /// Offers what is at work once more, as a test's way to very many swaps.
    #[cfg(test)]
    pub(super) fn offer_again(&self) {
        self.offers.put(self.line.links.iter().map(Link::version).enumerate().collect());
    }

    /// The batch through the line; through what was replaced a moment ago where that does better. Its records are held back until that is known,
    /// as long as there is room for them.
    fn on_probation(&mut self, pass: &Pass<'_>, item: &Item, records: &mut Deliver<'_>) -> Result<Vec<Rejected>, Fault> {
        // What was kept before this batch, for whoever may have to take it again.
        let before = (self.breaks(), self.kept());
        let mut held = Held::new(self.most.one);
        let made = self.attempt(pass, item, &mut |some| held.take(some, records));
        let breaks = self.breaks().saturating_sub(before.0);
        let rows = item.rows.num_rows();
        let verdict = match (&mut self.probation, &made) {
            (Some(probation), Ok(rejected)) => probation.judge(rows, rejected.len(), breaks),
            (_, Ok(_)) => Verdict::Over,
            (_, Err(fault)) => Verdict::Worse(fault.to_string()),
        };
        let reason = match verdict {
            Verdict::Worse(reason) => reason,
            verdict => {
                if verdict == Verdict::Over {
                    self.probation = None;
                    tracing::info!("new versions of plugins have proved themselves");
                }
                held.release(records)?;
                return made;
            }
        };
        if held.has_delivered {
            // A part of it is out already: it is all read again, for the former version.
            self.exchange();
            self.roll_back(&reason);
            return Err(Fault::retry(
                anyhow::anyhow!(reason).context("a new version of a plugin was taken back"),
            ));
        }
        let after = self.kept();
        self.exchange();
        let mut with_former = Held::new(usize::MAX);
        let former = match self.go_on_from(&before.1) {
            Ok(()) => self.attempt(pass, item, &mut |some| with_former.take(some, records)),
            Err(fault) => Err(fault),
        };
        let is_better = match (&made, &former) {
            (_, Err(_)) => false,
            (Err(_), Ok(_)) => true,
            // Where it takes no more of these rows it is them.
            (Ok(made), Ok(former)) => made.is_empty() || former.len() < made.len(),
        };
        if is_better {
            self.roll_back(&reason);
            with_former.release(records)?;
            return former;
        }
        self.exchange();
        if made.is_ok() {
            self.go_on_from(&after)?;
            held.release(records)?;
        }
        made
    }

    /// What each plugin keeps.
    fn kept(&self) -> Vec<Option<Saved>> {
        self.line.links.iter().map(|link| link.saved().cloned()).collect()
    }

    fn go_on_from(&mut self, kept: &[Option<Saved>]) -> Result<(), Fault> {
        for (link, saved) in self.line.links.iter_mut().zip(kept) {
            link.go_on_from(saved.as_ref()).map_err(Fault::stop)?;
        }
        Ok(())
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

    /// Calls so far in which a plugin broke.
    fn breaks(&self) -> u64 {
        self.line.links.iter().map(Link::breaks).sum()
    }

    /// Puts in place what has passed its trial, all at once, after the old versions handed over what they held.
    fn take_offer(&mut self, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let Some(offer) = self.offers.take() else { return Ok(()) };
        let Some(mut successors) = self.successors(&offer) else {
            return Ok(());
        };
        for (at, _) in &successors {
            self.line
                .flush(*at, FlushReason::Swap, self.moment, (&self.known, self.most))?
                .into_iter()
                .try_for_each(&mut *records)?;
        }
        for (at, successor) in &mut successors {
            if let Some(link) = self.line.links.get_mut(*at) {
                link.trade_places(successor);
                link.note_swapped();
                if let Some(slot) = self.formers.get_mut(*at) {
                    *slot = Some(Former::Ready(successor.version()));
                }
                let (old, new) = (successor.short_digest(), link.short_digest());
                tracing::info!(plugin = link.name(), old, new, version = %link.description.version, from_seq = self.moment.seed, "plugin swapped");
            }
        }
        // What former transforms made of tables comes no more.
        let closed = self.line.schemas.forget_reshaped();
        self.close(&closed);
        self.offers.set_at_work(self.line.links.iter().map(Link::version).collect());
        self.probation = Some(Probation::new(successors, std::mem::take(&mut self.rate)));
        Ok(())
    }

    /// New links for an offer, started and configured; none where one of them does not start: then all stays as it is.
    fn successors(&self, offer: &Offer) -> Option<Vec<(usize, Link)>> {
        let mut successors = Vec::with_capacity(offer.len());
        for (at, version) in offer {
            let link = self.line.links.get(*at)?;
            let started = Link::of(version).and_then(|mut successor| {
                successor.go_on_from(link.saved())?;
                Ok(successor)
            });
            match started {
                Ok(successor) => successors.push((*at, successor)),
                Err(error) => {
                    self.offers.refuse(*at);
                    tracing::warn!(plugin = link.name(), kept = link.short_digest(), refused = version.loaded.short_digest(), error = %format_args!("{error:#}"), "new version of a plugin does not start: the old one goes on");
                    return None;
                }
            }
        }
        Some(successors)
    }

    /// Puts what was replaced in the place of what replaced it, and the other way round.
    fn exchange(&mut self) {
        let formers = self.probation.iter_mut().flat_map(|probation| &mut probation.formers);
        for (at, former) in formers {
            if let Some(link) = self.line.links.get_mut(*at) {
                link.trade_places(former);
            }
        }
    }

    /// Ends a probation for good, after the exchange: the new versions are not taken again.
    fn roll_back(&mut self, reason: &str) {
        let Some(probation) = self.probation.take() else { return };
        for (at, new) in &probation.formers {
            let Some(link) = self.line.links.get_mut(*at) else { continue };
            tracing::error!(
                plugin = link.name(),
                back_to = link.short_digest(),
                taken_back = new.short_digest(),
                reason,
                "new version of a plugin is taken back, and will not be taken again"
            );
            link.note_rolled_back();
            if let Some(slot) = self.formers.get_mut(*at) {
                *slot = None;
            }
            self.offers.ban(*at, new.version().name());
        }
        self.offers.set_at_work(self.line.links.iter().map(Link::version).collect());
        self.rate = Rate::default();
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

/// Records that are held back until it is known whether they are to go out.
struct Held {
    records: Vec<Records>,
    bytes: usize,
    room: usize,
    has_delivered: bool,
}

impl Held {
    fn new(room: usize) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            room,
            has_delivered: false,
        }
    }

    /// Holds them, and delivers all so far where there is no room for more.
    fn take(&mut self, records: Records, deliver: &mut Deliver<'_>) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(records.bytes());
        self.records.push(records);
        if self.bytes <= self.room {
            return Ok(());
        }
        self.has_delivered = true;
        self.release(deliver)
    }

    fn release(&mut self, deliver: &mut Deliver<'_>) -> Result<(), Fault> {
        self.bytes = 0;
        self.records.drain(..).try_for_each(deliver)
    }
}

/// A version of this plugin whose file was kept, with the settings of now.
fn recall(link: &Link, workshop: Option<&Arc<Workshop>>, digest: &str) -> anyhow::Result<Version> {
    let workshop = workshop.context("find where it is made ready")?;
    Ok(Version {
        loaded: workshop.recall(digest)?,
        ..link.version()
    })
}

/// In the place of a version that was taken back: the one that was at work at the last commit.
fn former_link(link: &Link, workshop: Option<&Arc<Workshop>>, digest: &str) -> anyhow::Result<Link> {
    let help = "put another file in its place";
    let version = recall(link, workshop, digest).with_context(|| {
        format!(
            "plugin {}: its file holds a version that was taken back, and the one before is gone: {help}",
            link.name()
        )
    })?;
    tracing::warn!(
        plugin = link.name(),
        taken_back = link.short_digest(),
        at_work = version.loaded.short_digest(),
        "a plugin's file holds a version that was taken back: the one before goes on"
    );
    Link::of(&version)
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

fn place(origin: &PluginOrigin) -> String {
    match origin {
        config::PluginOrigin::File(path) => path.display().to_string(),
        config::PluginOrigin::Builtin(_) => "the binary itself".to_owned(),
    }
}
