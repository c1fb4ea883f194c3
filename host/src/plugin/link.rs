//! One link of the chain: the plugin at work, its second attempt, its successor.

mod abreast;
mod ledger;
#[cfg(feature = "native-envelope")]
mod native;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::error::{Breakage, Error, malformed};
use super::instance::{Bounds, CallError, Instance, Saved};
use super::measures::Measured;
use super::message::Message;
use super::offers::Version;
use super::output::share;
use super::patch::Patch;
use super::route::{Routed, Routes};
use super::schemas::{Announced, Item, Schemas};
use super::state::Moment;
use super::wire::{FlushReason, Outcome};
use super::workshop::{Description, Loaded, Workshop};
use crate::batch::{Records, Transactions};
use crate::config::{self, OnError};
use crate::fault::Fault;

use ledger::Ledger;
pub(super) use work::{ATTEMPTS, Failed, Most, Work};

/// A plugin of a connector.
pub(super) struct Link {
    /// What its code says of itself.
    pub description: Description,
    settings: config::Plugin,
    bounds: Bounds,
    loaded: Arc<Loaded>,
    instance: Option<Instance>,
    /// Those that work beside it where a batch is shared.
    fellows: Vec<Instance>,
    /// What it keeps, as of the last call that succeeded.
    saved: Option<Saved>,
    ledger: Ledger,
}

impl Link {
    /// A plugin that is loaded and has a first, configured instance.
    ///
    /// # Errors
    /// Where it can't be instantiated, described or configured.
    pub(super) fn start(settings: &config::Plugin, loaded: Arc<Loaded>) -> anyhow::Result<Self> {
        let bounds = bounds(settings);
        let (instance, description) = trial(&loaded, settings, &bounds)?;
        Ok(Self {
            description,
            settings: settings.clone(),
            bounds,
            loaded,
            instance: Some(instance),
            fellows: Vec::new(),
            saved: None,
            ledger: Ledger::default(),
        })
    }

    /// Whether it goes by the display widths of TINYINT columns.
    pub(super) fn needs_widths(&self) -> bool {
        self.description.widths.matter(&self.settings.config)
    }

    /// The first digits of it.
    pub(super) fn short_digest(&self) -> &str {
        self.loaded.short_digest()
    }

    /// SHA-256 of the plugin at work.
    pub(super) fn digest(&self) -> &str {
        &self.loaded.digest
    }

    /// Whether batches of this table pass through it.
    pub(super) fn takes(&self, database: &str, table: &str) -> bool {
        self.settings.takes(database, table)
    }

    /// What becomes of rows that it does not take.
    pub(super) fn on_error(&self) -> OnError {
        self.settings.on_error
    }

    /// Its configured name.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Runs an encoder over one batch.
    pub(super) fn encode(
        &mut self,
        work: &Work<'_>,
        item: &Item,
        schemas: &mut Schemas,
        transactions: &Transactions,
    ) -> Result<Vec<Records>, Failed> {
        let given = self.fits(item)?;
        let message = schemas.write(item).map_err(|error| Failed::Fault(Fault::stop(error)))?;
        #[cfg(feature = "native-envelope")]
        if native::is_meant(&self.settings) {
            return native::encode(&self.settings, (work.call)(), (item, &message), transactions);
        }
        let encoded = self.attempt(work, |instance| {
            instance.open(&item.announced)?;
            instance.encode(item.announced.id, &message, transactions.into())
        });
        encoded.map(|((), records)| records).map_err(|failed| failed.given(given))
    }

    /// Bytes of the batch, where the plugin's memory has room for so many.
    fn fits(&self, item: &Item) -> Result<usize, Failed> {
        let (given, limit) = (item.bytes(), self.bounds.memory);
        if given <= limit {
            return Ok(given);
        }
        Err(Failed::Broken(Breakage::OutOfMemory {
            wanted: given,
            limit,
            given,
        }))
    }

    /// Runs a transform over one batch; `None` where it dropped all of it.
    pub(super) fn process(
        &mut self,
        work: &Work<'_>,
        item: &Item,
        (schemas, routed): (&mut Schemas, &mut Routed),
        transactions: &Transactions,
    ) -> Result<Option<Item>, Failed> {
        let given = self.fits(item)?;
        let most = work.most.of(item.rows.num_rows());
        let processed = self.attempt(work, |instance| {
            instance.open(&item.announced)?;
            let message = schemas
                .write(item)
                .map_err(|error| CallError::Broken(Breakage::Trapped(format!("{error:#}"))))?;
            let made = instance.process(item.announced.id, &message, transactions.into())?;
            taken((item, &message), made, most, (schemas, routed))
        });
        processed.map(|(item, _)| item).map_err(|failed| failed.given(given))
    }

    /// Hands a control event to an encoder.
    pub(super) fn control(&mut self, work: &Work<'_>, event: &str) -> Result<Vec<Records>, Fault> {
        let done = self.attempt(work, |instance| instance.control(event));
        // There is no row that others could be kept from.
        done.map(|((), records)| records).map_err(|failed| self.fault(work, failed))
    }

    /// Asks for what the plugin holds back. There is no second attempt: what a broken instance held is gone, and a new one
    /// would succeed with nothing.
    pub(super) fn flush(&mut self, work: &Work<'_>, reason: FlushReason) -> Result<Vec<Records>, Fault> {
        let mut all = Vec::new();
        for instance in self.instance.iter_mut().chain(&mut self.fellows) {
            instance.begin(work.moment, (work.call)());
            let started = Instant::now();
            let flushed = instance.flush(reason);
            all.append(&mut instance.finish());
            self.ledger.measures.call(started.elapsed());
            match flushed {
                Ok(()) => {}
                Err(CallError::Refused(error)) => return Err(self.fault(work, Failed::Refused(error))),
                Err(CallError::Broken(cause)) => {
                    self.instance = None;
                    self.fellows.clear();
                    self.note_break();
                    return Err(self.fault(work, Failed::Broken(cause)));
                }
            }
        }
        Ok(all)
    }

    /// Tells the plugin that these schemas will not come again. A plugin that breaks over it gets a new instance.
    pub(super) fn close(&mut self, schemas: &[u32]) {
        let mut instances = self.instance.iter_mut().chain(&mut self.fellows);
        let broken = instances.find_map(|instance| schemas.iter().find_map(|id| instance.close(*id).err()));
        if let Some(cause) = broken {
            tracing::warn!(plugin = %self.settings.name, error = %cause, "plugin broke while closing a schema: starting it again");
            self.instance = None;
            self.fellows.clear();
        }
    }

    /// A version, started and configured.
    ///
    /// # Errors
    /// Where it does not start.
    pub(super) fn of(version: &Version) -> anyhow::Result<Self> {
        Self::start(&version.settings, Arc::clone(&version.loaded))
    }

    /// What it keeps.
    pub(super) fn saved(&self) -> Option<&Saved> {
        self.saved.as_ref()
    }

    /// Whether it keeps anything.
    pub(super) fn is_stateful(&self) -> bool {
        self.loaded.exports.state.is_some()
    }

    /// Goes on from what it or another version of it saved; anew where that is nothing.
    ///
    /// # Errors
    /// Where it can't read it.
    pub(super) fn go_on_from(&mut self, saved: Option<&Saved>) -> anyhow::Result<()> {
        use anyhow::Context;
        if !self.is_stateful() {
            return Ok(());
        }
        self.saved = saved.cloned();
        self.instance = None;
        let version = saved.map(|saved| saved.version);
        settled(self.ready(Moment::default()).map(drop)).with_context(|| match version {
            Some(version) => format!("restore what it kept (state_version {version})"),
            None => "start an instance".to_owned(),
        })
    }

    /// Opens schemas before a batch of them comes.
    ///
    /// # Errors
    /// What the plugin says of the first that it does not open.
    pub(super) fn open<'a>(&mut self, schemas: impl IntoIterator<Item = &'a Arc<Announced>>) -> anyhow::Result<()> {
        use anyhow::Context;
        for announced in schemas {
            let ready = self.ready(Moment::default());
            settled(ready.and_then(|instance| instance.open(announced))).context("open a live schema")?;
        }
        Ok(())
    }

    /// Has another one in its place; what is counted there stays.
    pub(super) fn trade_places(&mut self, other: &mut Self) {
        std::mem::swap(self, other);
        std::mem::swap(&mut self.ledger, &mut other.ledger);
        // Whoever stands by does so alone.
        other.fellows.clear();
    }

    /// Notes that it has taken a place.
    pub(super) fn note_swapped(&mut self) {
        self.ledger.swapped += 1;
        self.ledger.measures.swapped += 1;
    }

    /// Notes that it has its place back.
    pub(super) fn note_rolled_back(&mut self) {
        self.ledger.measures.rolled_back += 1;
    }

    /// Its code and settings.
    pub(super) fn version(&self) -> Version {
        Version {
            loaded: Arc::clone(&self.loaded),
            settings: self.settings.clone(),
        }
    }

    /// How many new versions were put in place.
    pub(super) fn swapped(&self) -> u64 {
        self.ledger.swapped
    }

    /// Calls so far in which it broke.
    pub(super) fn breaks(&self) -> u64 {
        self.ledger.breaks
    }

    /// What was measured since the last time, where so many new versions were refused so far.
    pub(super) fn measured(&mut self, refused: u64) -> Measured<'_> {
        let mut measures = std::mem::take(&mut self.ledger.measures);
        measures.refused += refused.saturating_sub(std::mem::replace(&mut self.ledger.refused_told, refused));
        Measured {
            plugin: &self.settings.name,
            measures,
        }
    }

    /// What the plugin counted so far.
    pub(super) fn counters(&self) -> &BTreeMap<String, f64> {
        &self.ledger.counters
    }

    /// Calls the guest; a broken instance is thrown away and the call made again with a new one. What the failed attempt
    /// handed over is thrown away with it, so that nothing is delivered twice.
    fn attempt<R>(
        &mut self,
        work: &Work<'_>,
        mut run: impl FnMut(&mut Instance) -> Result<R, CallError>,
    ) -> Result<(R, Vec<Records>), Failed> {
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let done = self.ready(work.moment).and_then(|instance| {
                instance.begin(work.moment, (work.call)());
                let outcome = run(instance);
                let records = instance.finish();
                let saved = match &outcome {
                    Ok(_) => instance.save()?,
                    Err(_) => None,
                };
                outcome.map(|returned| (returned, records, saved, instance.counters()))
            });
            let done = done.and_then(|(returned, records, saved, counters)| {
                self.keep(saved)?;
                Ok((returned, records, counters))
            });
            self.ledger.measures.call(started.elapsed());
            match done {
                Ok((returned, records, counters)) => {
                    self.ledger.count(counters);
                    return Ok((returned, records));
                }
                Err(CallError::Refused(error)) => {
                    if self.is_stateful() {
                        // Whatever it noted of what it refused goes with the instance.
                        self.instance = None;
                    }
                    return Err(Failed::Refused(error));
                }
                Err(CallError::Broken(cause)) => {
                    self.instance = None;
                    // What is too much of one batch comes in several: nothing is wrong with the plugin.
                    if !matches!(cause, Breakage::TooMuch { .. }) {
                        self.note_break();
                    }
                    if attempt >= work.attempts || cause.is_certain() {
                        return Err(Failed::Broken(cause));
                    }
                    attempt += 1;
                    tracing::warn!(plugin = %self.settings.name, at = (work.what)(), error = %cause, "plugin broke: trying once more with a new instance");
                }
            }
        }
    }

    fn keep(&mut self, saved: Option<Vec<u8>>) -> Result<(), CallError> {
        let Some(bytes) = saved else { return Ok(()) };
        if bytes.len() > self.settings.state {
            let text = format!("it keeps {} bytes where state = {} is allowed", bytes.len(), self.settings.state);
            return Err(CallError::Broken(Breakage::Malformed(text)));
        }
        self.saved = Some(Saved {
            version: self.description.state_version,
            bytes: bytes.into(),
        });
        Ok(())
    }

    fn note_break(&mut self) {
        self.ledger.note_break();
    }

    /// The instance at work, or a new one, configured.
    fn ready(&mut self, moment: Moment) -> Result<&mut Instance, CallError> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.new_instance(moment)?,
        };
        Ok(self.instance.insert(instance))
    }

    fn new_instance(&self, moment: Moment) -> Result<Instance, CallError> {
        let mut instance = Instance::start(&self.loaded, &self.bounds, moment)?;
        instance.configure(&self.settings.config.to_string())?;
        if let Some(saved) = &self.saved {
            instance.restore(saved)?;
        }
        Ok(instance)
    }

    /// What a failed call asks for where it stops the connector.
    pub(super) fn fault(&self, work: &Work<'_>, failed: Failed) -> Fault {
        match failed {
            Failed::Fault(fault) => fault,
            Failed::Broken(cause) => Fault::stop(Error::Broken {
                plugin: self.settings.name.clone(),
                what: (work.what)(),
                cause,
            }),
            Failed::Refused(error) => {
                let retryable = error.retryable;
                let refusal = Error::Refused {
                    plugin: self.settings.name.clone(),
                    what: match error.row {
                        Some(row) => format!("row {row} of {}", (work.what)()),
                        None => (work.what)(),
                    },
                    code: error.code,
                    message: error.message,
                    row: error.row,
                };
                if retryable { Fault::retry(refusal) } else { Fault::stop(refusal) }
            }
        }
    }
}

/// What a transform made of a batch that it was given as this message, checked; `None` where it dropped all of it.
fn taken(
    (item, message): (&Item, &Arc<Message>),
    (outcome, patch): (Outcome, Option<Patch>),
    most: usize,
    (schemas, routed): (&mut Schemas, &mut Routed),
) -> Result<Option<Item>, CallError> {
    let rows = item.rows.num_rows();
    let fits = |bytes: usize| match bytes > most {
        true => Err(CallError::Broken(Breakage::TooMuch {
            most,
            rows: share(rows, most, bytes),
        })),
        false => Ok(()),
    };
    // The next plugin is given the same message where nothing is another.
    let given = || item.written(Arc::clone(message));
    let made = match (outcome, patch) {
        (Outcome::Dropped, _) => return Ok(None),
        (Outcome::Unchanged, None) => return Ok(Some(given())),
        (Outcome::Unchanged, Some(patch)) => {
            fits(patch.bytes())?;
            schemas.patched(&given(), None, &patch)?
        }
        // Where nothing but the schema is another one, nothing else has been said.
        (Outcome::Reshaped(reshaped), patch) if reshaped.batch.0.is_empty() => {
            let patch = patch.unwrap_or_default();
            fits(patch.bytes())?;
            schemas.patched(&given(), Some(&reshaped.schema), &patch)?
        }
        (Outcome::Changed(_) | Outcome::Reshaped(_), Some(_)) => {
            return Err(malformed!("a patch of the batch that was given, and another batch beside it").into());
        }
        (Outcome::Changed(batch), None) => {
            fits(batch.0.len())?;
            Schemas::changed(item, batch.0)?
        }
        (Outcome::Reshaped(reshaped), None) => {
            fits(reshaped.batch.0.len())?;
            schemas.reshaped(item, &reshaped.schema, reshaped.batch.0)?
        }
    };
    if let Some(routes) = Routes::of(&made.rows) {
        routes.check(routed)?;
    }
    Ok((made.rows.num_rows() > 0).then_some(made))
}

/// A plugin's bounds from its settings.
pub(super) fn bounds(settings: &config::Plugin) -> Bounds {
    Bounds {
        plugin: settings.name.clone(),
        memory: settings.memory,
        timeout: settings.call_timeout,
        log_lines: settings.log_lines,
    }
}

/// An instance that has described itself and taken its configuration.
///
/// # Errors
/// Where it breaks, refuses the configuration, or describes something else than it is.
pub(super) fn trial(loaded: &Arc<Loaded>, settings: &config::Plugin, bounds: &Bounds) -> anyhow::Result<(Instance, Description)> {
    use anyhow::Context;
    let mut instance = Instance::start(loaded, bounds, Moment::default()).context("start an instance")?;
    let text = instance.describe().context("call describe")?;
    let description = loaded.description(&text)?;
    settled(instance.configure(&settings.config.to_string())).context("configure it")?;
    Ok((instance, description))
}

/// A call's error as one that can be shown.
pub(super) fn settled<T>(called: Result<T, CallError>) -> anyhow::Result<T> {
    called.map_err(|error| match error {
        CallError::Broken(cause) => anyhow::Error::from(cause),
        CallError::Refused(error) => anyhow::anyhow!("{} (code {})", error.message, error.code),
    })
}

/// Reads and loads a plugin for the first time.
///
/// # Errors
/// Says what the file is or lacks.
pub(super) fn load(workshop: &Workshop, settings: &config::Plugin) -> anyhow::Result<Link> {
    let loaded = match &settings.origin {
        config::PluginOrigin::Builtin(name) => workshop.load(super::builtin::component(name)?)?,
        config::PluginOrigin::File(path) => workshop.load(&super::contents::read(path)?)?,
    };
    Link::start(settings, loaded)
}
