//! A look at the part of the log that the stream has not come to: which DDL statements are in it.
//!
//! It is read over a connection of its own, up to a given place; all events but statements are passed over unread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::dump::Dump;
use super::event::{Event, EventKind, largest};
use super::logged::Logged;
use super::place::Place;
use super::reader::Reader;
use super::spot::Spot;
use super::sql::Dialect;
use crate::config::Config;
use crate::fault::Fault;

/// Offset of a file's first event.
const FIRST: u32 = 4;
/// Statements that may be remembered; a log with more of them is not one to be far behind in.
const MOST_STATEMENTS: usize = 50_000;
/// Between two looks whether to stop, and two lines in the log.
const LOOK: Duration = Duration::from_millis(200);
const PROGRESS: Duration = Duration::from_secs(10);

/// The statements between two places that may change definitions, in order.
///
/// # Errors
/// `Retry` where the server can't be reached, the log ends before `to`, or `stop` was set; `Stop` where it refuses or there are too many.
pub(super) fn look_ahead(config: &Config, from: &Spot, to: &Spot, stop: &AtomicBool) -> Result<Vec<Logged>, Fault> {
    let looking = || format!("looking for ddl statements from {from} to {to}");
    let mut look = Look::open(config, from).map_err(|fault| fault.context(looking()))?;
    let (began, mut told) = (Instant::now(), Instant::now());
    while !look.is_past(to) {
        if stop.load(Ordering::Acquire) {
            return Err(Fault::retry(anyhow!("stopped while {}", looking())));
        }
        look.go_on(to).map_err(|fault| fault.context(looking()))?;
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            tracing::info!(at = %look.spot(), to = %to, statements = look.found.len(), "looking ahead for ddl statements");
        }
    }
    look.found.retain(|logged| from.is_up_to(&logged.at) && !to.is_up_to(&logged.at));
    tracing::debug!(from = %from, to = %to, statements = look.found.len(), ms = began.elapsed().as_millis(), "looked ahead");
    Ok(look.found)
}

struct Look {
    dump: Dump,
    place: Place,
    dialect: Dialect,
    found: Vec<Logged>,
    /// Bytes of a statement.
    largest: usize,
}

impl Look {
    fn open(config: &Config, from: &Spot) -> Result<Self, Fault> {
        // The request can't name a place past 4 GiB; then the file is read from its start.
        let pos = u32::try_from(from.pos).unwrap_or(FIRST);
        // A transaction with any statement in it but its first and last one is never compressed.
        let wanted = |kind| {
            matches!(
                kind,
                EventKind::Query | EventKind::CompressedQuery | EventKind::Rotate | EventKind::FormatDescription
            )
        };
        Ok(Self {
            dump: Dump::look(config, &from.file, pos, wanted)?,
            place: Place {
                file: from.file.clone(),
                start: u64::from(pos),
                end: u64::from(pos),
            },
            dialect: Dialect::default(),
            found: Vec::new(),
            largest: largest(config.limits.row),
        })
    }

    fn spot(&self) -> Spot {
        Spot::new(&self.place.file, self.place.end)
    }

    fn is_past(&self, to: &Spot) -> bool {
        to.is_up_to(&self.spot())
    }

    /// Reads some events. After the log's last one comes an error, which matters only where `to` has not been reached.
    fn go_on(&mut self, to: &Spot) -> Result<(), Fault> {
        let mut events = Vec::new();
        let read = self.dump.read(&mut events, LOOK);
        for event in &events {
            self.event(event)?;
        }
        match read {
            Err(fault) if !self.is_past(to) => Err(fault),
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Fault> {
        let kind = event.kind();
        if kind == EventKind::Rotate {
            let mut reader = Reader::new(&event.body);
            let pos = reader.u64().map_err(Fault::stop)?;
            let file = String::from_utf8_lossy(reader.rest()).into_owned();
            // The one that the server makes up before the first event says where it begins.
            if !event.is_made_up() || file != self.place.file {
                self.place.rotate(&file, pos);
            }
            return Ok(());
        }
        self.place.pass(event);
        match kind {
            EventKind::FormatDescription => {
                let version = event.body.get(2..52).unwrap_or_default();
                self.dialect = Dialect::of_server(&String::from_utf8_lossy(version));
            }
            EventKind::Query | EventKind::CompressedQuery => self.statement(event)?,
            _ => {}
        }
        Ok(())
    }

    fn statement(&mut self, event: &Event) -> Result<(), Fault> {
        let at = Spot::new(&self.place.file, self.place.start);
        let broken = |problem| Fault::stop(anyhow::Error::new(problem).context(format!("reading the statement at {at}")));
        if let Some(logged) = Logged::of_event(event, at.clone(), self.dialect, self.largest).map_err(broken)? {
            if self.found.len() >= MOST_STATEMENTS {
                return Err(Fault::stop(anyhow!(
                    "there are more than {MOST_STATEMENTS} ddl statements up to {at}; set binlog_row_metadata=FULL on the server, take a new \
                     snapshot and start after them"
                )));
            }
            self.found.push(logged);
        }
        Ok(())
    }
}
