//! What stands behind one instance: a frozen clock, replayable randomness, its limits, its log, and the call under way.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::engine::{CORE_INSTANCES, MEMORIES, TABLES};
use super::output::Call;
use super::patch::Desk;
use super::wire::Level;

/// Characters of one line.
const MAX_LOG_CHARACTERS: usize = 2000;

/// Counters that one plugin may have.
const MAX_COUNTERS: usize = 64;

/// Entries of one function table. Components of large runtimes have some 20,000.
const MAX_TABLE_ENTRIES: usize = 100_000;

/// Data of one store.
pub(super) struct State {
    /// Limits of linear memory and tables.
    pub memory: Memory,
    /// What is handed over.
    pub call: Call,
    /// Where a transform says what it changes.
    pub desk: Desk,
    /// What the guest added to its counters and nobody fetched yet.
    pub counters: BTreeMap<String, f64>,
    wasi: WasiCtx,
    resources: ResourceTable,
    plugin: String,
    max_lines: u32,
    lines: u32,
    lines_dropped: u64,
}

impl State {
    /// For an instance of `plugin` with `memory` bytes at most, whose calls log `max_lines` at most.
    pub(super) fn new(plugin: &str, memory: usize, max_lines: u32) -> Self {
        Self {
            memory: Memory::new(memory),
            call: Call::closed(),
            desk: Desk::default(),
            counters: BTreeMap::new(),
            wasi: frozen(Moment::default()),
            resources: ResourceTable::new(),
            plugin: plugin.to_owned(),
            max_lines,
            lines: 0,
            lines_dropped: 0,
        }
    }

    /// Begins a call: everything that the guest can see of time and chance follows from `moment`.
    pub(super) fn begin(&mut self, moment: Moment, call: Call) {
        self.wasi = frozen(moment);
        self.call = call;
        self.lines = 0;
        self.memory.denied = None;
    }

    /// One line of the guest's log.
    pub(super) fn log(&mut self, level: Level, message: &str) {
        self.lines = self.lines.saturating_add(1);
        if self.lines > self.max_lines {
            self.lines_dropped += 1;
            if self.lines == self.max_lines.saturating_add(1) {
                tracing::warn!(plugin = %self.plugin, log_lines = self.max_lines, dropped_before = self.lines_dropped - 1, "plugin logs too much: dropping the rest of this call's lines");
            }
            return;
        }
        // Escaped, so that a guest can forge neither a second line nor a terminal sequence.
        let text: String = message.chars().take(MAX_LOG_CHARACTERS).flat_map(char::escape_debug).collect();
        let plugin = self.plugin.as_str();
        match level {
            Level::Debug => tracing::debug!(plugin, text, "plugin says"),
            Level::Info => tracing::info!(plugin, text, "plugin says"),
            Level::Warn => tracing::warn!(plugin, text, "plugin says"),
            Level::Error => tracing::error!(plugin, text, "plugin says"),
        }
    }

    /// Adds to a counter. Names that break the rule, and counters past the limit, are ignored.
    pub(super) fn count(&mut self, name: String, value: f64) {
        let well_formed = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !well_formed || !value.is_finite() || (self.counters.len() >= MAX_COUNTERS && !self.counters.contains_key(&name)) {
            return;
        }
        *self.counters.entry(name).or_insert(0.0) += value;
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.resources,
        }
    }
}

/// What a call sees of time and chance: the same moment gives the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub now_ms: u64,
    /// Where randomness starts.
    pub seed: u64,
}

/// WASI with nothing granted: no files, sockets, environment or arguments, closed streams, a clock that stands still.
fn frozen(moment: Moment) -> WasiCtx {
    WasiCtx::builder()
        .wall_clock(moment)
        .monotonic_clock(moment)
        .secure_random(Deterministic::new(pseudo_random(moment.seed)))
        .insecure_random(Deterministic::new(pseudo_random(!moment.seed)))
        .insecure_random_seed(u128::from(moment.seed))
        .max_random_size(1 << 20)
        .build()
}

impl HostWallClock for Moment {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }
}

impl HostMonotonicClock for Moment {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// 256 bytes of xorshift, which the guest gets over and over: enough to seed its tables, useless as a secret.
fn pseudo_random(seed: u64) -> Vec<u8> {
    let mut word = seed ^ 0x9e37_79b9_7f4a_7c15;
    if word == 0 {
        word = 1;
    }
    let mut bytes = Vec::with_capacity(256);
    while bytes.len() < 256 {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Limits all linear memories of an instance together and remembers the first request that was denied.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: usize,
    /// Bytes that the guest wanted to have, where that was more than the limit.
    pub denied: Option<usize>,
}

impl Memory {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            denied: None,
        }
    }

    /// The limit in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_sub(current).saturating_add(desired);
        let granted = wanted <= self.limit;
        if granted {
            self.used = wanted;
        } else {
            self.denied.get_or_insert(wanted);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ENTRIES)
    }

    fn instances(&self) -> usize {
        usize::try_from(CORE_INSTANCES).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        usize::try_from(MEMORIES).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        usize::try_from(TABLES).unwrap_or(usize::MAX)
    }
}
