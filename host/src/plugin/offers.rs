//! What the thread that watches files and the one that runs batches tell each other: versions that may take over, what is at work, and what a
//! new version is tried with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use sha2::{Digest, Sha256};

use super::cache::hex;
use super::instance::Saved;
use super::link::Most;
use super::schemas::{Announced, Item};
use super::state::Moment;
use super::workshop::Loaded;
use crate::batch::Transactions;
use crate::config;

/// A batch is remembered for trials this often: more would cost and tell nothing new.
const REMEMBER: Duration = Duration::from_millis(100);

/// Versions that are known to have been taken back, at one place.
const MOST_BANNED: usize = 16;

/// A plugin's code and settings.
#[derive(Clone)]
pub(super) struct Version {
    /// Its code, ready to be started.
    pub loaded: Arc<Loaded>,
    /// Its settings.
    pub settings: config::Plugin,
}

impl Version {
    /// By which versions are told apart: a digest of the code and the configuration.
    pub(super) fn name(&self) -> String {
        hex(&Sha256::digest(format!("{} {}", self.loaded.digest, self.settings.config)))
    }

    /// What of `new` is new, in words; nothing where it is the same.
    pub(super) fn changes(&self, new: &Self) -> Option<&'static str> {
        match (self.loaded.digest == new.loaded.digest, same(&self.settings, &new.settings)) {
            (true, true) => None,
            (false, true) => Some("file"),
            (true, false) => Some("configuration"),
            (false, false) => Some(BOTH),
        }
    }
}

/// Of a version of which all is new.
pub(super) const BOTH: &str = "file and configuration";

/// Whether two plugins have the same settings.
pub(super) fn same(one: &config::Plugin, other: &config::Plugin) -> bool {
    let tables = |plugin: &config::Plugin| plugin.tables.as_ref().map(|tables| tables.as_str().to_owned());
    let bounds = |plugin: &config::Plugin| (plugin.memory, plugin.call_timeout, plugin.log_lines, plugin.state, plugin.instances);
    one.config == other.config && bounds(one) == bounds(other) && one.on_error == other.on_error && tables(one) == tables(other)
}

/// Versions that take over together, between two batches, by their place in the chain.
pub(super) type Offer = BTreeMap<usize, Version>;

/// The last new version of a plugin that was not taken, or not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// What became of it.
    pub result: SetbackKind,
    /// SHA-256 of its file, in hexadecimal; none where that could not be read.
    pub sha256: Option<String>,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
}

/// What becomes of a new version that is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetbackKind {
    /// It was not put in place.
    Refused,
    /// It was, and what it had replaced came back.
    RolledBack,
}

impl SetbackKind {
    /// As metrics and status call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// Shared by both threads.
pub(super) struct Offers {
    ready: ArcSwapOption<Offer>,
    refused: Vec<AtomicU64>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    at_work: Vec<Version>,
    samples: Vec<Sample>,
    /// Names of versions that were taken back, by place, the newest last.
    banned: Vec<Vec<String>>,
    /// By place.
    setbacks: Vec<Option<Setback>>,
    /// Places whose files are to be looked at as if they had never been tried.
    again: BTreeSet<usize>,
}

/// What a version at one place is tried with.
#[derive(Default, Clone)]
pub(super) struct Sample {
    /// Live schemas by id.
    pub schemas: BTreeMap<u32, Arc<Announced>>,
    /// A batch that it was given lately.
    pub last: Option<Last>,
    /// What it kept then.
    pub saved: Option<Saved>,
    at: Option<Instant>,
}

/// A batch that a link was given.
#[derive(Clone)]
pub(super) struct Last {
    /// The batch.
    pub item: Item,
    /// Database and table.
    pub table: (String, String),
    /// Its transactions.
    pub transactions: Transactions,
    /// Its topic.
    pub topic: Arc<str>,
    /// Topics that records may go to.
    pub known: Arc<BTreeSet<Arc<str>>>,
    /// Bytes that one call may hand over.
    pub most: Most,
    /// Time and chance.
    pub moment: Moment,
}

impl Offers {
    /// With these at work.
    pub(super) fn new(at_work: Vec<Version>) -> Self {
        let count = at_work.len();
        Self {
            ready: ArcSwapOption::empty(),
            refused: (0..count).map(|_| AtomicU64::default()).collect(),
            known: Mutex::new(Known {
                at_work,
                samples: vec![Sample::default(); count],
                banned: vec![Vec::new(); count],
                setbacks: vec![None; count],
                again: BTreeSet::new(),
            }),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to take over, once, if something is.
    pub(super) fn take(&self) -> Option<Arc<Offer>> {
        // The common case is a load without a write.
        if self.ready.load().is_none() {
            return None;
        }
        self.ready.swap(None)
    }

    /// Offers versions, beside those that were offered before and not taken.
    pub(super) fn put(&self, offer: Offer) {
        let mut all = self.ready.swap(None).map(|waiting| Offer::clone(&waiting)).unwrap_or_default();
        all.extend(offer);
        self.ready.store(Some(Arc::new(all)));
    }

    /// What is at work, and what of it is to be replaced already.
    pub(super) fn coming(&self) -> Vec<Version> {
        let mut versions = self.known().at_work.clone();
        if let Some(waiting) = &*self.ready.load() {
            for (at, version) in waiting.iter() {
                if let Some(slot) = versions.get_mut(*at) {
                    slot.clone_from(version);
                }
            }
        }
        versions
    }

    /// Says what is at work from now on.
    pub(super) fn set_at_work(&self, at_work: Vec<Version>) {
        self.known().at_work = at_work;
    }

    /// Keeps a version from being taken again.
    pub(super) fn ban(&self, at: usize, name: String) {
        if let Some(banned) = self.known().banned.get_mut(at)
            && !banned.contains(&name)
        {
            banned.push(name);
            if banned.len() > MOST_BANNED {
                banned.remove(0);
            }
        }
    }

    /// Whether a version was taken back.
    pub(super) fn is_banned(&self, at: usize, version: &Version) -> bool {
        let name = version.name();
        self.known().banned.get(at).is_some_and(|banned| banned.contains(&name))
    }

    /// Names of versions that were taken back.
    pub(super) fn banned(&self, at: usize) -> Vec<String> {
        self.known().banned.get(at).cloned().unwrap_or_default()
    }

    /// Lets every version at this place be tried again, and what its file holds now at once.
    pub(super) fn lift(&self, at: usize) {
        let mut known = self.known();
        known.again.insert(at);
        if let Some(banned) = known.banned.get_mut(at) {
            banned.clear();
        }
    }

    /// Places that are to be looked at anew.
    pub(super) fn take_again(&self) -> BTreeSet<usize> {
        std::mem::take(&mut self.known().again)
    }

    /// Notes that a new version at this place was refused, and why.
    pub(super) fn refuse(&self, at: usize, sha256: Option<&str>, reason: &anyhow::Error) {
        self.note(at, SetbackKind::Refused, (sha256, format!("{reason:#}")));
        if let Some(count) = self.refused.get(at) {
            count.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Notes what became of a new version at this place, and why.
    pub(super) fn note(&self, at: usize, result: SetbackKind, (sha256, reason): (Option<&str>, String)) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(slot) = self.known().setbacks.get_mut(at) {
            *slot = Some(Setback {
                result,
                sha256: sha256.map(str::to_owned),
                reason,
                time_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            });
        }
    }

    /// The last new version at this place that was not taken, or not kept.
    pub(super) fn setback(&self, at: usize) -> Option<Setback> {
        self.known().setbacks.get(at).cloned().flatten()
    }

    /// How many new versions at this place were refused so far.
    pub(super) fn refused(&self, at: usize) -> u64 {
        self.refused.get(at).map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Remembers the batch that a link is about to be given, now and then.
    pub(super) fn remember(&self, at: usize, item: &Item, saved: Option<&Saved>, last: impl FnOnce() -> Option<Last>) {
        let mut known = self.known();
        let Some(sample) = known.samples.get_mut(at) else { return };
        let announced = &item.announced;
        let is_new = !sample.schemas.contains_key(&announced.id);
        if is_new {
            sample.schemas.insert(announced.id, Arc::clone(announced));
        }
        let is_due = is_new || sample.at.is_none_or(|at| at.elapsed() >= REMEMBER);
        if let Some(last) = is_due.then(last).flatten() {
            sample.last = Some(last);
            sample.saved = saved.cloned();
            sample.at = Some(Instant::now());
        }
    }

    /// Forgets schemas that will not come again.
    pub(super) fn forget(&self, schemas: &[u32]) {
        for sample in &mut self.known().samples {
            for id in schemas {
                sample.schemas.remove(id);
            }
            sample.last.take_if(|last| schemas.contains(&last.item.announced.id));
        }
    }

    /// What a version at this place is tried with.
    pub(super) fn sample(&self, at: usize) -> Sample {
        self.known().samples.get(at).cloned().unwrap_or_default()
    }
}
