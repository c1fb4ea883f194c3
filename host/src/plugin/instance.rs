//! One instance of a plugin: its store, its functions, and why a call ended badly.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};
use wasmtime::{Store, Trap};

use super::engine::TICK;
use super::error::{Breakage, Malformed, Untaken};
use super::message::Message;
use super::output::Call;
use super::patch::{Desk, Patch};
use super::schemas::Announced;
use super::state::{Moment, State};
use super::wire::{FlushReason, GuestError, Outcome, Transactions};
use super::workshop::Loaded;
use crate::batch::Records;

/// Bytes that a guest may always pass to a host call, however little memory it has.
const MIN_HOSTCALL_BYTES: usize = 1 << 20;

/// How a call ended badly.
#[derive(Debug)]
pub(super) enum CallError {
    /// The instance is of no more use.
    Broken(Breakage),
    /// The plugin returned an error; its instance is as good as before.
    Refused(GuestError),
}

impl From<Breakage> for CallError {
    fn from(breakage: Breakage) -> Self {
        Self::Broken(breakage)
    }
}

impl From<Malformed> for CallError {
    fn from(malformed: Malformed) -> Self {
        Self::Broken(Breakage::Malformed(malformed.0))
    }
}

/// What bounds an instance.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// Of the plugin, for its log lines.
    pub plugin: String,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Of one call.
    pub timeout: Duration,
    /// Lines that one call may log.
    pub log_lines: u32,
}

/// What a plugin keeps, as it saved it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// `state_version` of the version that saved it.
    pub version: u32,
    /// A form of its own.
    pub bytes: Arc<[u8]>,
}

/// A plugin at work.
pub(super) struct Instance {
    store: Store<State>,
    instance: wasmtime::component::Instance,
    loaded: Arc<Loaded>,
    timeout: Duration,
    opened: HashSet<u32>,
}

impl Instance {
    /// Instantiates; nothing is configured yet.
    pub(super) fn start(loaded: &Arc<Loaded>, bounds: &Bounds, moment: Moment) -> Result<Self, Breakage> {
        let mut state = State::new(&bounds.plugin, bounds.memory, bounds.log_lines);
        state.begin(moment, Call::closed());
        let mut store = Store::new(loaded.linked.engine(), state);
        store.limiter(|state| &mut state.memory);
        // Whatever a guest passes lies in its memory, so that its memory's limit is one for what a host call lifts.
        store.set_hostcall_fuel(bounds.memory.max(MIN_HOSTCALL_BYTES));
        set_deadline(&mut store, loaded, bounds.timeout);
        let instance = loaded
            .linked
            .instantiate(&mut store)
            .map_err(|error| breakage(&error, &store, bounds.timeout))?;
        Ok(Self {
            store,
            instance,
            loaded: Arc::clone(loaded),
            timeout: bounds.timeout,
            opened: HashSet::new(),
        })
    }

    /// Freezes what the guest sees of time and chance, and says what it may hand over, until `finish`.
    pub(super) fn begin(&mut self, moment: Moment, call: Call) {
        self.store.data_mut().begin(moment, call);
    }

    /// Takes what was handed over since `begin`; from now on nothing may be.
    pub(super) fn finish(&mut self) -> Vec<Records> {
        std::mem::replace(&mut self.store.data_mut().call, Call::closed()).taken
    }

    /// Takes what the guest added to its counters.
    pub(super) fn counters(&mut self) -> std::collections::BTreeMap<String, f64> {
        std::mem::take(&mut self.store.data_mut().counters)
    }

    /// `lifecycle.describe`.
    pub(super) fn describe(&mut self) -> Result<String, Breakage> {
        self.call::<_, (String,)>(self.loaded.exports.describe, ()).map(|(text,)| text)
    }

    /// `lifecycle.configure`.
    pub(super) fn configure(&mut self, config: &str) -> Result<(), CallError> {
        self.fallible(self.loaded.exports.configure, (config,))
    }

    /// `lifecycle.open-schema`, once per schema.
    pub(super) fn open(&mut self, announced: &Announced) -> Result<(), CallError> {
        if self.opened.contains(&announced.id) {
            return Ok(());
        }
        self.fallible::<_, ()>(self.loaded.exports.open_schema, (announced.id, &*announced.message))?;
        self.opened.insert(announced.id);
        Ok(())
    }

    /// `lifecycle.close-schema`, where it was opened.
    pub(super) fn close(&mut self, id: u32) -> Result<(), Breakage> {
        if self.opened.remove(&id) {
            self.call::<_, ()>(self.loaded.exports.close_schema, (id,))?;
        }
        Ok(())
    }

    /// `lifecycle.flush`.
    pub(super) fn flush(&mut self, reason: FlushReason) -> Result<(), CallError> {
        self.fallible(self.loaded.exports.flush, (reason,))
    }

    /// `encode.encode`.
    pub(super) fn encode(&mut self, schema: u32, batch: &Message, transactions: Transactions<'_>) -> Result<(), CallError> {
        self.fallible(self.loaded.exports.work, (schema, batch, transactions))
    }

    /// `transform.process`, and the patch that the plugin handed over meanwhile.
    pub(super) fn process(
        &mut self,
        schema: u32,
        batch: &Message,
        transactions: Transactions<'_>,
    ) -> Result<(Outcome, Option<Patch>), CallError> {
        self.store.data_mut().desk = Desk::open();
        let outcome = self.fallible(self.loaded.exports.work, (schema, batch, transactions));
        let patch = self.store.data_mut().desk.close();
        Ok((outcome?, patch))
    }

    /// `encode.control`; nothing where it is a transform.
    pub(super) fn control(&mut self, event: &str) -> Result<(), CallError> {
        match self.loaded.exports.control {
            Some(control) => self.fallible(control, (event,)),
            None => Ok(()),
        }
    }

    /// `state.save`; none where it keeps nothing.
    pub(super) fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        match self.loaded.exports.state {
            Some((save, _)) => self.fallible::<_, Vec<u8>>(save, ()).map(Some),
            None => Ok(None),
        }
    }

    /// `state.restore`.
    pub(super) fn restore(&mut self, state: &Saved) -> Result<(), CallError> {
        match self.loaded.exports.state {
            Some((_, restore)) => self.fallible(restore, (state.version, &*state.bytes)),
            None => Ok(()),
        }
    }

    fn fallible<P, R>(&mut self, function: ComponentExportIndex, parameters: P) -> Result<R, CallError>
    where
        P: ComponentNamedList + Lower,
        R: Lift + 'static,
    {
        let (outcome,) = self.call::<P, (Result<R, GuestError>,)>(function, parameters)?;
        outcome.map_err(CallError::Refused)
    }

    /// One call within its deadline. The exports were found at loading and their types are checked here, once more a call:
    /// it takes about a microsecond and keeps borrowed parameters possible.
    fn call<P, R>(&mut self, function: ComponentExportIndex, parameters: P) -> Result<R, Breakage>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        set_deadline(&mut self.store, &self.loaded, self.timeout);
        let called = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, function)
            .and_then(|function| function.call(&mut self.store, parameters));
        called.map_err(|error| breakage(&error, &self.store, self.timeout))
    }
}

fn set_deadline(store: &mut Store<State>, loaded: &Loaded, timeout: Duration) {
    if loaded.interrupts {
        // One tick more than the limit's own, for the one that is under way.
        let ticks = timeout.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2));
    }
}

fn breakage(error: &wasmtime::Error, store: &Store<State>, timeout: Duration) -> Breakage {
    if let Some(untaken) = error.chain().find_map(|cause| cause.downcast_ref::<Untaken>()) {
        return untaken.clone().into();
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return Breakage::TimedOut {
            limit_ms: timeout.as_millis(),
        };
    }
    let memory = &store.data().memory;
    if let Some(wanted) = memory.denied {
        return Breakage::OutOfMemory {
            wanted,
            limit: memory.limit(),
            given: 0,
        };
    }
    Breakage::Trapped(error.root_cause().to_string())
}
