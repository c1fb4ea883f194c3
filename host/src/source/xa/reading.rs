//! An XA transaction read once more from the log: at the place that was noted when it was prepared, else where a search finds it.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::anyhow;

use super::search::{Search, Searched};
use super::{Again, Held, Released, no_tables};
use crate::fault::Fault;
use crate::position::{Position, Xid};
use crate::source::payload::Payload;
use crate::source::stream::{Change, Interpreter};
use crate::source::tables::Tables;
use crate::source::{Event, Read, Source};

/// What is to be read, and what becomes of it where that is not possible.
#[derive(Debug)]
pub(in crate::source) struct Wanted {
    pub(in crate::source) again: Again,
    pub(in crate::source) xid: Xid,
    /// File and offset of its first event, where it is known.
    pub(in crate::source) place: Option<(String, u64)>,
    /// Where it is committed.
    pub(in crate::source) before: (String, u64),
    /// Bytes of its rows that may be held: those behind a savepoint, which it may go back to.
    pub(in crate::source) memory: usize,
    /// Go on without it, with a warning, where the log does not have it.
    pub(in crate::source) passes_lost: bool,
    /// Bytes of an event's body that are kept.
    pub(in crate::source) largest: usize,
}

/// The reading.
#[derive(Debug)]
pub(in crate::source) struct Reading {
    wanted: Wanted,
    /// Between two attempts; the attempt has them while there is one.
    tables: Option<Tables>,
    state: State,
    ready: VecDeque<Held>,
    /// Why it is not where it was noted.
    missed: Option<Fault>,
}

enum State {
    Attempt(Box<Attempt>),
    Search(Box<Search>),
    Over,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Attempt(_) => "Attempt",
            Self::Search(_) => "Search",
            Self::Over => "Over",
        })
    }
}

/// A transaction that is being read.
struct Attempt {
    source: Box<dyn Source>,
    interpreter: Interpreter,
    events: VecDeque<Event>,
    /// The compressed transaction that is being unpacked.
    payload: Option<Payload<'static>>,
    /// The transaction has shown its id.
    is_it: bool,
}

/// Where an attempt has come to.
enum Attempted {
    Rows(Vec<Held>),
    Nothing,
    /// The transaction has been read to its end; its last rows.
    Over(Vec<Held>),
    /// It is another one.
    Missed(Fault),
}

impl Reading {
    pub(in crate::source) fn new(wanted: Wanted, tables: Tables) -> Result<Self, Fault> {
        let mut reading = Self {
            wanted,
            tables: Some(tables),
            state: State::Over,
            ready: VecDeque::new(),
            missed: None,
        };
        match reading.wanted.place.clone() {
            Some((file, pos)) => reading.attempt(&file, pos)?,
            None => reading.search()?,
        }
        Ok(reading)
    }

    pub(super) fn next(&mut self, wait: Duration) -> Result<Released, Fault> {
        if let Some(held) = self.ready.pop_front() {
            return Ok(Released::Rows(held));
        }
        match &mut self.state {
            State::Over => return Ok(Released::Over),
            State::Attempt(attempt) => match attempt.advance(&self.wanted.xid, self.wanted.memory, wait)? {
                Attempted::Rows(rows) => self.ready = rows.into(),
                Attempted::Nothing => {}
                Attempted::Over(rows) => {
                    self.ready = rows.into();
                    self.give_back();
                }
                Attempted::Missed(reason) => {
                    self.give_back();
                    self.miss(reason)?;
                }
            },
            State::Search(search) => match search.advance(wait)? {
                Searched::Busy => {}
                Searched::Found(file, pos) => self.attempt(&file, pos)?,
                Searched::Nowhere => {
                    self.state = State::Over;
                    self.lose()?;
                }
            },
        }
        Ok(self.ready.pop_front().map_or(Released::Busy, Released::Rows))
    }

    pub(super) fn into_tables(mut self) -> Tables {
        self.give_back();
        self.tables.unwrap_or_else(no_tables)
    }

    /// Begins to read the transaction whose first event is there.
    fn attempt(&mut self, file: &str, pos: u64) -> Result<(), Fault> {
        let xid = &self.wanted.xid;
        tracing::info!(%xid, file, pos, "reading an xa transaction again, which is committed now");
        match self.wanted.again.open(file, pos) {
            Ok(source) => {
                let from = Position {
                    gtid: None,
                    file: file.to_owned(),
                    pos,
                };
                let tables = self.tables.take().unwrap_or_else(no_tables);
                self.state = State::Attempt(Box::new(Attempt {
                    source,
                    interpreter: Interpreter::with_tables(from, tables, self.wanted.largest),
                    events: VecDeque::new(),
                    payload: None,
                    is_it: false,
                }));
                Ok(())
            }
            Err(Fault::Stop(reason)) => self.miss(Fault::Stop(reason)),
            Err(fault) => Err(fault),
        }
    }

    /// Ends an attempt.
    fn give_back(&mut self) {
        if let State::Attempt(attempt) = std::mem::replace(&mut self.state, State::Over) {
            self.tables = Some(attempt.interpreter.into_tables());
        }
    }

    /// The transaction is not where it should be: the server is another one, or the file is gone.
    fn miss(&mut self, reason: Fault) -> Result<(), Fault> {
        if self.missed.is_some() {
            return Err(reason);
        }
        self.missed = Some(reason);
        self.search()
    }

    fn search(&mut self) -> Result<(), Fault> {
        let xid = &self.wanted.xid;
        let reason = self.missed.as_ref().map(|reason| format!("{reason:#}")).unwrap_or_default();
        tracing::info!(%xid, reason, "looking through the log, newest file first, for where an xa transaction was prepared that is committed now");
        let Wanted { again, xid, before, .. } = &self.wanted;
        self.state = State::Search(Box::new(Search::new(again.clone(), xid.clone(), before.clone())?));
        Ok(())
    }

    /// The log does not have it any more.
    fn lose(&mut self) -> Result<(), Fault> {
        let Wanted {
            xid, before: (file, pos), ..
        } = &self.wanted;
        let why = self.missed.take().map_or_else(
            || "it was prepared before the oldest file that there is".to_owned(),
            |missed| format!("{missed:#}"),
        );
        if self.wanted.passes_lost {
            tracing::warn!(%xid, file, pos, why, "an xa transaction is committed whose rows the log does not have any more: they are left out");
            return Ok(());
        }
        Err(Fault::stop(anyhow!(
            "the XA transaction {xid} is committed at {file}:{pos}, but the log does not have its rows any more ({why}). If it changed chosen \
             tables, take a new snapshot; to go on without its rows, set source.lost_xa = \"warn\""
        )))
    }
}

impl Attempt {
    /// One event further; `memory` bounds the rows that it may still take back.
    fn advance(&mut self, xid: &Xid, memory: usize, wait: Duration) -> Result<Attempted, Fault> {
        let done = match self.read(wait) {
            Ok(done) => done,
            // What stands there need not be a transaction at all.
            Err(Fault::Stop(reason)) if !self.is_it => return Ok(Attempted::Missed(Fault::Stop(reason))),
            Err(fault) => return Err(fault),
        };
        if !self.is_it {
            match self.interpreter.open_xid() {
                Some(found) if found == xid => self.is_it = true,
                None if !done && !self.interpreter.in_transaction() => {}
                _ => return Ok(Attempted::Missed(Fault::stop(anyhow!("another transaction stands where it was")))),
            }
        }
        let rows = self.interpreter.drain_held(xid, done);
        if self.interpreter.held_bytes() > memory {
            return Err(Fault::stop(anyhow!(
                "the rows of the XA transaction {xid} after its first savepoint are more than there is room for; raise limits.memory"
            )));
        }
        Ok(match (rows.is_empty(), done) {
            (_, true) => Attempted::Over(rows),
            (false, false) => Attempted::Rows(rows),
            (true, false) => Attempted::Nothing,
        })
    }

    /// Reads an event; whether the transaction has ended.
    fn read(&mut self, wait: Duration) -> Result<bool, Fault> {
        if let Some(payload) = &mut self.payload {
            if let Some(packed) = payload.next()? {
                return self.interpreter.read_packed(packed).map(|change| ends(&change));
            }
            self.payload = None;
        }
        if let Some(mut event) = self.events.pop_front() {
            let change = self.interpreter.read(&event)?;
            if !matches!(change, Change::Packed) {
                return Ok(ends(&change));
            }
            self.payload = Some(self.interpreter.unpack_own(&mut event)?);
            return Ok(false);
        }
        let mut events = Vec::new();
        if self.source.read(&mut events, wait)? == Read::End {
            return Err(Fault::stop(anyhow!("the log ends before the XA transaction's end")));
        }
        self.events = events.into();
        Ok(false)
    }
}

/// Whether a transaction ends there: prepared, or committed in one phase.
fn ends(change: &Change<'_>) -> bool {
    !matches!(change, Change::Nothing | Change::Begin(_) | Change::Packed)
}
