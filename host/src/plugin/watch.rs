//! Notices new versions of plugin files, tries them out on a thread of its own, and offers those that pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use arc_swap::ArcSwapOption;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};

use super::cache::hex;
use super::contents;
use super::instance::CallError;
use super::ipc::{Announced, Item, Schemas};
use super::link::{bounds, settled, trial};
use super::output::Call;
use super::state::Moment;
use super::workshop::{Loaded, Workshop};
use crate::batch::Transactions;
use crate::config;

/// Quiet time after a change before a file is read: editors and deployments write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// A folder that never falls quiet is looked at this often all the same.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);

/// Where a link finds its next version, and leaves what that version is tried with.
#[derive(Default)]
pub(super) struct Successor {
    ready: ArcSwapOption<Loaded>,
    sample: Mutex<Sample>,
    refused: AtomicU64,
}

/// What a new version is tried with.
#[derive(Default, Clone)]
struct Sample {
    schemas: BTreeMap<u32, Arc<Announced>>,
    last: Option<Last>,
}

/// The last batch that the link was given.
#[derive(Clone)]
pub(super) struct Last {
    /// The batch.
    pub item: Item,
    /// Its transactions.
    pub transactions: Transactions,
    /// Its topic.
    pub topic: Arc<str>,
    /// Topics that records may go to.
    pub known: Arc<BTreeSet<Arc<str>>>,
    /// Bytes that one call may hand over.
    pub max_bytes: usize,
    /// Time and chance.
    pub moment: Moment,
}

impl Successor {
    /// The new version, once, if one is ready.
    pub(super) fn take(&self) -> Option<Arc<Loaded>> {
        // The common case is a load without a write.
        if self.ready.load().is_none() {
            return None;
        }
        self.ready.swap(None)
    }

    /// How many new versions were refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Acquire)
    }

    /// Remembers the batch that the link is about to be given.
    pub(super) fn remember(&self, last: Last) {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = &last.item.announced;
        sample.schemas.entry(announced.id).or_insert_with(|| Arc::clone(announced));
        sample.last = Some(last);
    }

    /// Forgets schemas that will not come again.
    pub(super) fn forget(&self, schemas: &[u32]) {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        for id in schemas {
            sample.schemas.remove(id);
        }
        sample.last.take_if(|last| schemas.contains(&last.item.announced.id));
    }

    fn sample(&self) -> Sample {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A file to watch.
pub(super) struct Watched {
    /// The plugin's settings.
    pub settings: config::Plugin,
    /// Its file.
    pub path: PathBuf,
    /// SHA-256 of what was loaded last, or refused last: neither is tried again.
    pub digest: String,
    /// Where new versions are made ready.
    pub workshop: Arc<Workshop>,
    /// Where they are offered.
    pub successor: Arc<Successor>,
}

/// Watches until it is dropped.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the folders of these files: deployments rename a new file into place, which a watch on the file misses.
    ///
    /// # Errors
    /// Where a folder can't be watched or the thread can't be started.
    pub(super) fn start(files: Vec<Watched>) -> anyhow::Result<Self> {
        let (changed, changes) = channel();
        let mut watcher = notify::recommended_watcher(move |event| report(event, &changed)).context("set up the watch on plugin files")?;
        let mut folders = BTreeSet::new();
        for file in &files {
            folders.insert(folder(&file.path).to_owned());
            // A link into another folder changes there.
            if let Ok(real) = file.path.canonicalize() {
                folders.insert(folder(&real).to_owned());
            }
        }
        for folder in &folders {
            watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("watch the folder {}", folder.display()))?;
        }
        std::thread::Builder::new()
            .name("plugin-watch".into())
            .spawn(move || watch(files, &changes))
            .context("start the thread that watches plugin files")?;
        Ok(Self { _watcher: watcher })
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Reports that something changed; what, the digests tell.
fn report(event: notify::Result<notify::Event>, changed: &Sender<()>) {
    match event {
        // Reading a file is an access too, and our own reading must not set off the next one.
        Ok(event) if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) => {}
        Ok(_) => wake(changed),
        Err(error) => {
            tracing::warn!(error = %error, "trouble with the watch on plugin files");
            wake(changed);
        }
    }
}

/// Wakes the thread; where it is gone, nobody needs to know.
fn wake(changed: &Sender<()>) {
    let _ = changed.send(());
}

fn watch(mut files: Vec<Watched>, changes: &Receiver<()>) {
    loop {
        // The first look comes at once: a file may have changed between its loading and the start of the watch.
        for file in &mut files {
            look(file);
        }
        if changes.recv().is_err() {
            return;
        }
        let latest = Instant::now() + MAX_DEBOUNCE;
        loop {
            match changes.recv_timeout(DEBOUNCE) {
                Ok(()) if Instant::now() < latest => {}
                Ok(()) | Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Tries a file out if its content is new. One that fails leaves the plugin at work as it is.
fn look(file: &mut Watched) {
    let plugin = file.settings.name.as_str();
    let wasm = match contents::read(&file.path) {
        Ok(wasm) => wasm,
        Err(error) => {
            tracing::warn!(plugin, error = %format_args!("{error:#}"), "can't read a plugin's file: the version at work goes on");
            return;
        }
    };
    let digest = hex(&Sha256::digest(&wasm));
    if digest == file.digest {
        return;
    }
    let started = Instant::now();
    match rehearse(file, &wasm) {
        Ok(loaded) => {
            tracing::info!(
                plugin,
                old = short(&file.digest),
                new = short(&digest),
                took_ms = started.elapsed().as_millis(),
                "new version of a plugin passed its trial"
            );
            file.successor.ready.store(Some(loaded));
        }
        Err(error) => {
            tracing::warn!(plugin, path = %file.path.display(), refused = short(&digest), error = %format_args!("{error:#}"), "new version of a plugin is not taken: the old one goes on");
            file.successor.refused.fetch_add(1, Ordering::AcqRel);
        }
    }
    file.digest = digest;
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Loads a new version and has it do in a throw-away instance what it will have to do at once: describe itself, take its
/// configuration, open every live schema, and process the last batch.
fn rehearse(file: &Watched, wasm: &[u8]) -> anyhow::Result<Arc<Loaded>> {
    let loaded = file.workshop.load(wasm)?;
    let (mut instance, description) = trial(&loaded, &file.settings, &bounds(&file.settings))?;
    let sample = file.successor.sample();
    if let Some(Last { item, .. }) = &sample.last {
        let name = (&description.name, &description.version);
        tracing::debug!(plugin = %file.settings.name, ?name, schemas = sample.schemas.len(), rows = item.rows.num_rows(), "trying a new version of a plugin");
    }
    for announced in sample.schemas.values() {
        settled(instance.open(announced)).context("open a live schema on trial")?;
    }
    if let Some(last) = sample.last {
        let message = Schemas::message(&last.item)?;
        let id = last.item.announced.id;
        instance.begin(
            last.moment,
            Call::for_batch(&last.item.rows, &last.topic, &last.known, last.max_bytes),
        );
        let done: Result<(), CallError> = match loaded.kind {
            contents::Kind::Encoder => instance.encode(id, &message, (&last.transactions).into()),
            contents::Kind::Transform => instance.process(id, &message, (&last.transactions).into()).map(drop),
        };
        drop(instance.finish());
        settled(done).context("process the last batch on trial")?;
    }
    Ok(loaded)
}
