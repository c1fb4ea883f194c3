//! The demo's source: captured events from memory, again and again, no faster than they are read back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::batch::Batcher;
use crate::config::Config;
use crate::fault::Fault;
use crate::position::Position;
use crate::sink::TopicSpec;
use crate::source::{Catalog, Change, Event, EventKind, FileSource, Interpreter, Read, Server, Source};

/// The captured binlog; `tests/servers/capture-demo` makes it.
pub(super) static BINLOG: &[u8] = include_bytes!("../../demo/demo.binlog");
/// Rows that may be on their way: the broker in this process keeps 5 MiB a partition and forgets what is older.
const WINDOW: u64 = 2_000;
/// How often a full window is looked at again.
const LOOK: Duration = Duration::from_millis(1);

/// An event, the rows of chosen tables in it, and whether a transaction ends with it.
struct Captured {
    event: Event,
    rows: u64,
    ends: bool,
}

/// The captured binlog, looked through once.
pub(super) struct Capture {
    pub(super) server: Server,
    pub(super) topics: Vec<TopicSpec>,
    pub(super) events: Events,
}

/// Its events.
pub(super) struct Events(Vec<Captured>);

impl Capture {
    /// Reads the events and counts the rows in each.
    ///
    /// # Errors
    /// `Stop` where the capture is damaged.
    pub(super) fn read(config: &Config) -> Result<Self, Fault> {
        let mut file = FileSource::from_bytes(BINLOG);
        let server = file.server()?;
        let topics = &config.sink.topics;
        let mut interpreter = Interpreter::new(Position::default(), config.source.tables.clone(), Catalog::none());
        let mut batcher = Batcher::new(config.batch, config.limits.row, server.clone(), topics.clone());
        let mut raw = Vec::new();
        file.open(&Position::default())?;
        while file.read(&mut raw, Duration::ZERO)? != Read::End {}
        let mut specs: Vec<TopicSpec> = Vec::new();
        let mut events = Vec::with_capacity(raw.len());
        // What is replayed has no end: the end of the file would say that another one follows it.
        raw.retain(|event| event.kind() != EventKind::Stop);
        for event in raw {
            let (mut rows, mut ends) = (0, false);
            let transaction = interpreter.transaction().clone();
            match interpreter.read(&event)? {
                Change::Rows(change) => {
                    batcher.add(&change, &transaction, &mut rows)?;
                    let name = topics.name(&change.table.database, &change.table.name);
                    if !specs.iter().any(|spec| spec.name == name) {
                        let table = format!("{}.{}", change.table.database, change.table.name);
                        specs.push(TopicSpec {
                            name,
                            table,
                            keyed: !change.table.key.is_empty(),
                        });
                    }
                }
                Change::Commit { .. } => ends = true,
                _ => {}
            }
            events.push(Captured { event, rows, ends });
        }
        Ok(Self {
            server,
            topics: specs,
            events: Events(events),
        })
    }
}

/// Replays captured events until enough rows have gone by.
pub(super) struct Replay {
    events: Events,
    next: usize,
    wanted: u64,
    sent: u64,
    shown: Arc<AtomicU64>,
}

impl Replay {
    /// Stops at the end of the transaction with which `wanted` rows are reached. `shown` counts what has been read back.
    pub(super) fn new(events: Events, wanted: u64, shown: Arc<AtomicU64>) -> Self {
        Self {
            events,
            next: 0,
            wanted,
            sent: 0,
            shown,
        }
    }
}

impl Source for Replay {
    fn open(&mut self, _: &Position) -> Result<(), Fault> {
        self.next = 0;
        self.sent = 0;
        Ok(())
    }

    fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<Read, Fault> {
        if self.sent >= self.wanted || self.events.0.iter().all(|captured| captured.rows == 0) {
            return Ok(Read::End);
        }
        if self.sent.saturating_sub(self.shown.load(Ordering::Acquire)) > WINDOW {
            std::thread::sleep(LOOK.min(wait));
            return Ok(Read::Idle);
        }
        while let Some(captured) = self.events.0.get(self.next) {
            self.next += 1;
            self.sent += captured.rows;
            events.push(captured.event.clone());
            if captured.ends && self.sent >= self.wanted {
                return Ok(Read::Events);
            }
        }
        self.next = 0;
        Ok(Read::Events)
    }
}
