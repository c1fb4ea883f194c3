//! Notices new versions of plugin files and of their configuration, tries them out on a thread of its own, and offers those that pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};

use super::cache::hex;
use super::contents;
use super::engine::Pool;
use super::offers::{Offer, Offers, Version};
use super::trial::rehearse;
use super::workshop::Workshop;
use crate::config::{self, Plugin, PluginOrigin};

/// Quiet time after a change before a file is read: editors and deployments write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// A folder that never falls quiet is looked at this often all the same.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);

/// What is watched.
pub(super) struct Plan {
    /// Where new versions are made ready, one for each place in the chain.
    pub workshops: Vec<Arc<Workshop>>,
    /// The connector's own file, where it has one.
    pub file: Option<PathBuf>,
    /// What there is room for.
    pub most: Pool,
    /// What is at work, and where new versions are offered.
    pub offers: Arc<Offers>,
}

/// Watches until it is dropped.
pub(super) struct Watch {
    wake: Sender<()>,
    _folders: Arc<Mutex<Folders>>,
}

impl Watch {
    /// Watches the folders of these files: deployments rename a new file into place, which a watch on the file misses. Nothing where there
    /// is no file.
    ///
    /// # Errors
    /// Where a folder can't be watched or the thread can't be started.
    pub(super) fn start(plan: Plan) -> anyhow::Result<Option<Self>> {
        let desk = Desk::new(plan);
        let files = desk.files();
        if files.is_empty() {
            return Ok(None);
        }
        let (changed, changes) = channel();
        let wake = changed.clone();
        let watcher = notify::recommended_watcher(move |event| report(event, &changed)).context("set up the watch on plugin files")?;
        let mut folders = Folders {
            watcher,
            watched: BTreeSet::new(),
        };
        folders.watch(&files)?;
        let folders = Arc::new(Mutex::new(folders));
        let held = Arc::downgrade(&folders);
        std::thread::Builder::new()
            .name("plugin-watch".into())
            .spawn(move || watch(desk, &changes, &held))
            .context("start the thread that watches plugin files")?;
        Ok(Some(Self { wake, _folders: folders }))
    }

    /// Has the files looked at now.
    pub(super) fn look_again(&self) {
        wake(&self.wake);
    }
}

/// Folders that are watched.
struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    /// Watches the folders that these files are in, and no other.
    fn watch(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let mut wanted = BTreeSet::new();
        for file in files {
            wanted.insert(folder(file).to_owned());
            // A link into another folder changes there.
            if let Ok(real) = file.canonicalize() {
                wanted.insert(folder(&real).to_owned());
            }
        }
        for left in self.watched.difference(&wanted) {
            // One that is gone is watched no more anyhow.
            let _ = self.watcher.unwatch(left);
        }
        self.watched.retain(|folder| wanted.contains(folder));
        for folder in wanted {
            if self.watched.contains(&folder) {
                continue;
            }
            self.watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("watch the folder {}", folder.display()))?;
            self.watched.insert(folder);
        }
        Ok(())
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

fn watch(mut desk: Desk, changes: &Receiver<()>, folders: &Weak<Mutex<Folders>>) {
    loop {
        // Links may lead elsewhere now. Before the look, so that what changes after it is heard of.
        let Some(folders) = folders.upgrade() else { return };
        let watched = folders.lock().unwrap_or_else(PoisonError::into_inner).watch(&desk.files());
        drop(folders);
        if let Err(error) = watched {
            tracing::warn!(error = %format_args!("{error:#}"), "a folder of plugins can't be watched: new versions there are not noticed");
        }
        // The first look comes at once: a file may have changed between its loading and the start of the watch.
        desk.look();
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

/// What the thread knows of the files.
struct Desk {
    plan: Plan,
    /// SHA-256 of what was loaded or refused last, by place: neither is tried again.
    tried: Vec<String>,
    /// Of the connector's file.
    read: String,
}

impl Desk {
    fn new(plan: Plan) -> Self {
        let at_work = plan.offers.coming();
        let tried = at_work.into_iter().map(|version| version.loaded.digest.clone()).collect();
        let read = plan.file.as_ref().and_then(|file| std::fs::read(file).ok());
        Self {
            tried,
            read: digest(&read.unwrap_or_default()),
            plan,
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let of_plugin = |version: Version| match version.settings.origin {
            PluginOrigin::File(path) => Some(path),
            PluginOrigin::Builtin(_) => None,
        };
        let plugins = self.plan.offers.coming().into_iter().filter_map(of_plugin);
        plugins.chain(self.plan.file.clone()).collect()
    }

    /// Tries out what is new. What fails leaves the plugins at work as they are.
    fn look(&mut self) {
        let mut offer = Offer::new();
        let versions = self.plan.offers.coming();
        for at in self.plan.offers.take_again() {
            if let (Some(tried), Some(version)) = (self.tried.get_mut(at), versions.get(at)) {
                tried.clone_from(&version.loaded.digest);
            }
        }
        let wanted = self.settings(&versions);
        for (at, version) in versions.iter().enumerate() {
            let settings = wanted.as_ref().and_then(|wanted| wanted.get(at)).unwrap_or(&version.settings);
            match self.version(at, version, settings) {
                Ok(Some(new)) => {
                    offer.insert(at, new);
                }
                Ok(None) => {}
                Err(error) => self.refuse(at, version, &error),
            }
        }
        if offer.is_empty() {
            return;
        }
        let Err(error) = self.propose(&offer) else { return };
        if offer.len() == 1 {
            return self.refuse_all(&offer, &error);
        }
        // Together they fail: those that pass alone are as good as if they had come alone.
        for (at, new) in offer {
            let alone = Offer::from([(at, new)]);
            if let Err(error) = self.propose(&alone) {
                self.refuse_all(&alone, &error);
            }
        }
    }

    /// A new version at this place, if its file or its settings have changed.
    fn version(&mut self, at: usize, version: &Version, settings: &Plugin) -> anyhow::Result<Option<Version>> {
        let mut loaded = Arc::clone(&version.loaded);
        if let (PluginOrigin::File(path), Some(tried), Some(workshop)) =
            (&version.settings.origin, self.tried.get_mut(at), self.plan.workshops.get(at))
        {
            let wasm = contents::read(path)?;
            let found = digest(&wasm);
            if found != *tried {
                *tried = found;
                loaded = workshop.load(&wasm)?;
            }
        }
        if loaded.digest == version.loaded.digest && same(settings, &version.settings) {
            return Ok(None);
        }
        let most = self.plan.most;
        if settings.memory > most.memory || settings.instances > most.instances {
            bail!(
                "memory = {} and instances = {} are more than the {} and {} for which room was made when the connector started: start it anew",
                settings.memory,
                settings.instances,
                most.memory,
                most.instances
            );
        }
        let new = Version {
            loaded,
            settings: settings.clone(),
        };
        if self.plan.offers.is_banned(at, &new) {
            bail!("this version was taken back before: put another one in its place, or `rowmill plugin reload`");
        }
        Ok(Some(new))
    }

    /// The plugins' settings in the connector's file, where that has changed and has the same plugins.
    fn settings(&mut self, versions: &[Version]) -> Option<Vec<Plugin>> {
        let file = self.plan.file.as_ref()?;
        let text = std::fs::read(file).unwrap_or_default();
        let found = digest(&text);
        if text.is_empty() || found == self.read {
            return None;
        }
        self.read = found;
        let config = match config::load(file) {
            Ok(config) => config,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the changed configuration is wrong: the plugins go on with theirs");
                return None;
            }
        };
        let origins = |plugins: &[Plugin]| plugins.iter().map(|plugin| plugin.origin.clone()).collect::<Vec<_>>();
        let at_work: Vec<Plugin> = versions.iter().map(|version| version.settings.clone()).collect();
        if origins(&config.plugins) != origins(&at_work) {
            tracing::warn!(file = %file.display(), "the changed configuration has other plugins: it takes effect when the connector is started anew");
            return None;
        }
        if config.plugins.iter().zip(&at_work).all(|(new, old)| same(new, old)) {
            return None;
        }
        tracing::info!(file = %file.display(), "the configuration has changed: what it says of the plugins is tried; the rest takes effect when the connector is started anew");
        Some(config.plugins)
    }

    /// Tries versions out together, and offers them.
    fn propose(&self, offer: &Offer) -> anyhow::Result<()> {
        let started = Instant::now();
        rehearse(&self.plan.offers, offer)?;
        for version in offer.values() {
            let plugin = version.settings.name.as_str();
            let took_ms = started.elapsed().as_millis();
            tracing::info!(
                plugin,
                new = version.loaded.short_digest(),
                took_ms,
                "new version of a plugin passed its trial"
            );
        }
        self.plan.offers.put(offer.clone());
        Ok(())
    }

    fn refuse_all(&self, offer: &Offer, error: &anyhow::Error) {
        for (at, version) in offer {
            self.refuse(*at, version, error);
        }
    }

    fn refuse(&self, at: usize, version: &Version, error: &anyhow::Error) {
        let plugin = version.settings.name.as_str();
        let refused = self.tried.get(at).map(|digest| digest.get(..12));
        tracing::warn!(plugin, refused, error = %format_args!("{error:#}"), "new version of a plugin is not taken: the old one goes on");
        self.plan.offers.refuse(at);
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether two plugins have the same settings.
fn same(one: &Plugin, other: &Plugin) -> bool {
    let tables = |plugin: &Plugin| plugin.tables.as_ref().map(|tables| tables.as_str().to_owned());
    let bounds = |plugin: &Plugin| (plugin.memory, plugin.call_timeout, plugin.log_lines, plugin.state, plugin.instances);
    one.config == other.config && bounds(one) == bounds(other) && one.on_error == other.on_error && tables(one) == tables(other)
}
