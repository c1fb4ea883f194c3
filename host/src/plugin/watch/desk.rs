//! What is known of the files that are watched: which of them are new, and which of those pass their trial and are offered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use sha2::{Digest, Sha256};

use super::Plan;
use crate::config::{self, Plugin, PluginOrigin};
use crate::plugin::cache::hex;
use crate::plugin::contents;
use crate::plugin::offers::{BOTH, Offer, Version, same};
use crate::plugin::trial::rehearse;
use crate::plugin::workshop::Loaded;

/// Readings of the files before those that never twice hold the same are taken as they are.
const MOST_READINGS: usize = 5;

/// In place of the digest of a file that can't be read.
const UNREADABLE: &str = "";

/// What the thread that watches knows of the files.
pub(super) struct Desk {
    plan: Plan,
    /// What each place had when it was looked at last: it is not tried again.
    tried: Vec<Tried>,
    /// SHA-256 of the connector's file when it was looked at last.
    read: String,
    /// What that said of the plugins, where it can take effect.
    wanted: Option<Vec<Plugin>>,
}

/// What a place had.
struct Tried {
    /// SHA-256 of the file.
    digest: String,
    settings: Plugin,
}

/// The files as they were at one moment.
#[derive(Default)]
struct Reading {
    /// SHA-256 of each plugin's file, by place; [`UNREADABLE`] of one that can't be read.
    digests: BTreeMap<usize, String>,
    /// Those that hold another version than the one at work.
    contents: BTreeMap<usize, anyhow::Result<Vec<u8>>>,
    /// The connector's own.
    text: Vec<u8>,
}

impl Reading {
    fn agrees_with(&self, other: &Self) -> bool {
        self.digests == other.digests && self.text == other.text
    }
}

impl Desk {
    pub(super) fn new(plan: Plan) -> Self {
        let at_work = plan.offers.coming();
        let tried = at_work.into_iter().map(|version| Tried {
            digest: version.loaded.digest.clone(),
            settings: version.settings,
        });
        Self {
            tried: tried.collect(),
            // The first look holds what it says against what is at work: it may have changed since it was loaded.
            read: String::new(),
            wanted: None,
            plan,
        }
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        let versions = self.plan.offers.coming();
        let plugins = versions.iter().filter_map(path).cloned();
        plugins.chain(self.plan.file.clone()).collect()
    }

    /// Tries out what is new. What fails leaves the plugins at work as they are.
    pub(super) fn look(&mut self) {
        let versions = self.plan.offers.coming();
        for at in self.plan.offers.take_again() {
            if let (Some(tried), Some(version)) = (self.tried.get_mut(at), versions.get(at)) {
                tried.digest.clone_from(&version.loaded.digest);
                tried.settings = version.settings.clone();
            }
        }
        let mut reading = self.read(&versions);
        self.learn(&reading.text, &versions);
        let mut offer = Offer::new();
        for (at, version) in versions.iter().enumerate() {
            let wanted = self.wanted.as_ref().and_then(|wanted| wanted.get(at));
            let settings = wanted.unwrap_or(&version.settings).clone();
            let digest = reading.digests.remove(&at).unwrap_or_else(|| version.loaded.digest.clone());
            let Some(tried) = self.tried.get_mut(at) else { continue };
            if tried.digest == digest && same(&tried.settings, &settings) {
                continue;
            }
            *tried = Tried {
                digest,
                settings: settings.clone(),
            };
            if let Some(new) = self.version(at, version, (reading.contents.remove(&at), settings)) {
                offer.insert(at, new);
            }
        }
        self.submit(offer, &versions);
    }

    /// Reads all files until two readings agree, so that what is put in place in one step, behind a link, is seen as a whole.
    fn read(&self, versions: &[Version]) -> Reading {
        let mut reading = self.read_once(versions);
        let is_tried = |(at, digest): (&usize, &String)| self.tried.get(*at).is_some_and(|tried| tried.digest == *digest);
        if reading.digests.iter().all(is_tried) && digest(&reading.text) == self.read {
            return reading;
        }
        for _ in 1..MOST_READINGS {
            // Contents may be large: those of one reading at a time.
            reading.contents.clear();
            let again = self.read_once(versions);
            let agrees = again.agrees_with(&reading);
            reading = again;
            if agrees {
                break;
            }
        }
        reading
    }

    fn read_once(&self, versions: &[Version]) -> Reading {
        let mut reading = Reading::default();
        for (at, version) in versions.iter().enumerate() {
            let Some(path) = path(version) else { continue };
            let wasm = contents::read(path);
            let found = match &wasm {
                Ok(wasm) => digest(wasm),
                Err(_) => UNREADABLE.to_owned(),
            };
            if found != version.loaded.digest {
                reading.contents.insert(at, wasm);
            }
            reading.digests.insert(at, found);
        }
        if let Some(file) = &self.plan.file {
            // One that is missing says nothing: somebody is just replacing it.
            reading.text = std::fs::read(file).unwrap_or_default();
        }
        reading
    }

    /// A new version at this place. A file or settings that are wrong by themselves are refused, and what is at work is kept of them.
    fn version(&self, at: usize, version: &Version, found: (Option<anyhow::Result<Vec<u8>>>, Plugin)) -> Option<Version> {
        let (wasm, settings) = found;
        let mut new = version.clone();
        match self.load(at, version, wasm) {
            Ok(loaded) => new.loaded = loaded,
            Err(error) => self.refuse(at, version, ("file", &error)),
        }
        match self.room(&settings) {
            Ok(()) => new.settings = settings,
            Err(error) => self.refuse(at, version, ("configuration", &error)),
        }
        version.changes(&new).map(|_| new)
    }

    fn load(&self, at: usize, version: &Version, wasm: Option<anyhow::Result<Vec<u8>>>) -> anyhow::Result<Arc<Loaded>> {
        let (Some(wasm), Some(workshop)) = (wasm, self.plan.workshops.get(at)) else {
            return Ok(Arc::clone(&version.loaded));
        };
        workshop.load(&wasm?)
    }

    fn room(&self, settings: &Plugin) -> anyhow::Result<()> {
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
        Ok(())
    }

    /// Learns what the connector's file says of the plugins, where that has changed and names the same plugins.
    fn learn(&mut self, text: &[u8], versions: &[Version]) {
        let Some(file) = &self.plan.file else { return };
        let found = digest(text);
        if text.is_empty() || found == self.read {
            return;
        }
        self.read = found;
        self.wanted = None;
        let config = match config::load(file) {
            Ok(config) => config,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the changed configuration is wrong: the plugins go on with theirs");
                return;
            }
        };
        let origins = |plugins: &[Plugin]| plugins.iter().map(|plugin| plugin.origin.clone()).collect::<Vec<_>>();
        let at_work: Vec<Plugin> = versions.iter().map(|version| version.settings.clone()).collect();
        if origins(&config.plugins) != origins(&at_work) {
            tracing::warn!(file = %file.display(), "the changed configuration has other plugins: it takes effect when the connector is started anew");
            return;
        }
        if !config.plugins.iter().zip(&at_work).all(|(new, old)| same(new, old)) {
            tracing::info!(file = %file.display(), "the configuration has changed: what it says of the plugins is tried; the rest takes effect when the connector is started anew");
        }
        self.wanted = Some(config.plugins);
    }

    /// Offers what passes its trial: all of it together, or else each place alone, and there the file or the settings alone.
    fn submit(&self, offer: Offer, versions: &[Version]) {
        if offer.is_empty() {
            return;
        }
        let Err(error) = self.propose(&offer) else { return };
        let mut of_all = (offer.len() == 1).then_some(error);
        for (at, new) in offer {
            let Some(version) = versions.get(at) else { continue };
            let failed = match of_all.take() {
                Some(error) => Err(error),
                None => self.propose(&Offer::from([(at, new.clone())])),
            };
            let (Err(error), Some(what)) = (failed, version.changes(&new)) else {
                continue;
            };
            // One that needs the other comes with it or after it; what does not, need not wait.
            let file_alone = Version {
                loaded: Arc::clone(&new.loaded),
                settings: version.settings.clone(),
            };
            let settings_alone = Version {
                loaded: Arc::clone(&version.loaded),
                settings: new.settings,
            };
            let passes = |alone: Version| what == BOTH && self.propose(&Offer::from([(at, alone)])).is_ok();
            let refused = if passes(file_alone) {
                "configuration"
            } else if passes(settings_alone) {
                "file"
            } else {
                what
            };
            self.refuse(at, version, (refused, &error));
        }
    }

    /// Tries versions out together, and offers them.
    fn propose(&self, offer: &Offer) -> anyhow::Result<()> {
        let started = Instant::now();
        for (at, version) in offer {
            if self.plan.offers.is_banned(*at, version) {
                bail!("this version was taken back before: put another one in its place, or `rowmill plugin reload`");
            }
        }
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

    fn refuse(&self, at: usize, version: &Version, (what, error): (&str, &anyhow::Error)) {
        let plugin = version.settings.name.as_str();
        let of_file = what != "configuration";
        let sha256 = if of_file {
            self.tried.get(at).map(|tried| tried.digest.as_str())
        } else {
            Some(version.loaded.digest.as_str())
        };
        let sha256 = sha256.filter(|digest| *digest != UNREADABLE);
        let refused = sha256.filter(|_| of_file).and_then(|digest| digest.get(..12));
        tracing::warn!(plugin, refused, what, error = %format_args!("{error:#}"), "new version of a plugin is not taken: the old one goes on");
        self.plan.offers.refuse(at, sha256, error);
    }
}

fn path(version: &Version) -> Option<&PathBuf> {
    match &version.settings.origin {
        PluginOrigin::File(path) => Some(path),
        PluginOrigin::Builtin(_) => None,
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
