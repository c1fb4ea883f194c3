//! Reads once more, at a start, which rows the stream told of since copies of tables began: without that a row that was inserted, told, and not
//! yet come to by the copy would come once more with it. See `docs/decisions/snapshot.md`.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use tracing::{info, warn};

use super::decode::{Existing, is_up_to};
use super::{STOP_CHECK, Stop};
use crate::fault::Fault;
use crate::position::Position;
use crate::source::{Change, Event, Interpreter, Operation, Packed, Read, Released, Source, is_purged};

/// A log in which nothing comes for so long before the place that is sought does not have it.
const SILENCE: Duration = Duration::from_secs(30);

/// Where the log is read, and what is noted.
pub(super) struct Recall<'a> {
    source: &'a mut dyn Source,
    interpreter: Interpreter,
    /// Behind the last whole transaction: kept, as a set of GTIDs is not to be copied for each event.
    place: Position,
    existing: &'a mut Existing,
    stop: &'a Stop,
}

impl<'a> Recall<'a> {
    /// From the interpreter's place on.
    pub(super) fn new(source: &'a mut dyn Source, interpreter: Interpreter, existing: &'a mut Existing, stop: &'a Stop) -> Self {
        Self {
            source,
            place: interpreter.position().clone(),
            interpreter,
            existing,
            stop,
        }
    }

    /// Up to the place at which the stream goes on. Where the log does not have it any more, or can't be read, copies go on without: then rows
    /// may come once more.
    ///
    /// # Errors
    /// `Retry` for a lost connection.
    pub(super) fn run(mut self, until: &Position) -> Result<(), Fault> {
        let from = self.place.clone();
        if is_up_to(until, &from) {
            return Ok(());
        }
        info!(%from, %until, "reading which rows were told since the copy began");
        let started = Instant::now();
        let outcome = self.source.open(&from).and_then(|()| self.read(until));
        self.existing.recalled();
        match outcome {
            Ok(()) => info!(ms = started.elapsed().as_millis(), "known again"),
            Err(fault @ Fault::Retry(_)) if !is_purged(&fault) => return Err(fault),
            Err(fault) => warn!(
                reason = %fault,
                "the log can't be read from where copies of tables began: rows that changed since may come once more with the copy"
            ),
        }
        Ok(())
    }

    fn read(&mut self, until: &Position) -> Result<(), Fault> {
        let mut heard = Instant::now();
        loop {
            if self.stop.requested() {
                return Err(Fault::retry(anyhow!("asked to stop")));
            }
            let mut events = Vec::new();
            match self.source.read(&mut events, STOP_CHECK)? {
                Read::Events => heard = Instant::now(),
                Read::Idle if heard.elapsed() < SILENCE => {}
                Read::Idle | Read::End => return Err(Fault::stop(anyhow!("the log ends before {until}"))),
            }
            for event in &events {
                self.event(event)?;
                if !self.interpreter.in_transaction() && *self.interpreter.position() != self.place {
                    self.place.clone_from(self.interpreter.position());
                    if is_up_to(until, &self.place) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Fault> {
        if self.step(event, None)? {
            let mut payload = self.interpreter.unpack(event)?;
            while let Some(packed) = payload.next()? {
                self.step(packed.event, Some(packed))?;
            }
        }
        Ok(())
    }

    /// Whether the event's own events are to be taken one by one.
    fn step(&mut self, event: &Event, packed: Option<Packed<'_>>) -> Result<bool, Fault> {
        let place = &self.place;
        let change = match packed {
            Some(packed) => self.interpreter.read_packed(packed),
            None => self.interpreter.read(event),
        };
        match change? {
            Change::Packed => return Ok(true),
            Change::Rows(rows) => self.existing.recall(&rows, place),
            Change::Ddl { statement, .. } if statement.operation != Operation::Query => {
                for (database, table) in &statement.tables {
                    self.existing.recall_change(database, table, place);
                }
            }
            Change::Release => {
                let mut release = self.interpreter.release(event)?;
                loop {
                    match release.next(STOP_CHECK)? {
                        Released::Over => break,
                        Released::Busy if self.stop.requested() => return Err(Fault::retry(anyhow!("asked to stop"))),
                        Released::Busy => {}
                        Released::Rows(held) => self.existing.recall(&held.rows(), place),
                    }
                }
                self.interpreter.released(release, event)?;
            }
            Change::Nothing | Change::Passed | Change::Begin(_) | Change::Commit { .. } | Change::Ddl { .. } => {}
        }
        Ok(false)
    }
}
