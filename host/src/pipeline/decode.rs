//! Second stage: events → batches, and the points at which everything so far may be committed.

mod ddl;
mod existing;
mod markers;
mod pulse;
mod rejects;
mod release;
mod split;
mod told;

pub(super) use self::existing::{Existing, is_up_to};
pub(super) use self::pulse::Pulse;
pub(super) use self::split::Part;
pub(super) use self::told::CommitPoint;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tracing::info;

use self::ddl::Arrived;
use self::markers::Marked;
use self::split::Split;
use super::letters::Letter;
use super::queue::{CloseOnDrop, Popped, Queue};
use super::stages::End;
use super::{Monitor, STOP_CHECK, Stop};
use crate::batch::{Batch, Batcher};
use crate::checkpoint::{Checkpoint, Inside, PluginOrder};
use crate::config::{Config, Ddl, OnError, SourceKind, TableFilter, Topics};
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::metrics::Meter;
use crate::position::{Log, Position};
use crate::sink::TopicSpec;
use crate::source::{Change, Event, Interpreter, Packed, Server, Transaction};

/// The input counts as paused when nothing has come for this long: short enough to be unnoticed, long enough that a
/// steady stream of small transactions is not cut into batches of one row.
const PAUSE: Duration = Duration::from_millis(1);
/// While the connector is behind, commit points move apart up to this, so that batches fill.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(500);
/// While tables are copied and nothing else comes, commit points are so far apart: what a crash has read again.
const COPY_INTERVAL: Duration = Duration::from_millis(200);
/// Changes older than this mean that the connector is behind.
const BEHIND_MS: i64 = 2_000;
/// A position that moved without any row of a chosen table is committed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(1);

/// What goes to the plugins, in order.
pub(super) enum Job {
    /// A topic that the following batches go to, seen for the first time.
    Topic(TopicSpec),
    /// Rows, and the topic of their table.
    Batch(Box<Batch>, Arc<str>),
    /// An event that is not rows, as `docs/plugin-contract.md` describes it, and the topics that it goes to.
    Control(Box<serde_json::Value>, Vec<Arc<str>>),
    /// Somebody asked for something about plugins.
    Plugin(PluginOrder),
    /// A row that could not be decoded.
    Letter(Box<Letter>),
    /// Everything before it may be committed.
    Commit(Box<CommitPoint>),
}

/// What the stage is made from.
pub(super) struct Parts {
    pub(super) interpreter: Interpreter,
    pub(super) batcher: Batcher,
    pub(super) topics: Topics,
    /// Topics that are known to exist, by name, and the table that owns each.
    pub(super) owners: HashMap<Arc<str>, (String, String)>,
    pub(super) next_sequence: u64,
    pub(super) commit_interval: Duration,
    /// The largest part of a source transaction that is committed at once.
    pub(super) part: Part,
    /// What has been delivered of a transaction to come.
    pub(super) inside: Option<Inside>,
    /// The server whose log is read, as it calls itself; none of files.
    pub(super) server: Option<String>,
    pub(super) policy: Policy,
    /// What a row does that can't be decoded.
    pub(super) on_error: OnError,
    pub(super) pulse: Pulse,
    /// Tables whose rows are being copied; none where there is nothing to copy.
    pub(super) existing: Option<Existing>,
    /// Bytes that open batches of all tables may take.
    pub(super) most_open: usize,
    pub(super) meter: Meter,
    /// Who is told which file is being read.
    pub(super) monitor: Option<Monitor>,
}

/// What becomes of events that are not rows.
pub(super) struct Policy {
    filter: TableFilter,
    ddl: Ddl,
    resume_past_ddl: Option<String>,
    markers: bool,
    server: Server,
    /// Where tables that come into being can be looked up; none for files.
    lookup: Option<Config>,
}

impl Policy {
    pub(super) fn new(config: &Config, server: &Server) -> Self {
        Self {
            filter: config.source.tables.clone(),
            ddl: config.source.ddl,
            resume_past_ddl: config.source.resume_past_ddl.clone(),
            markers: config.source.transaction_markers,
            server: server.clone(),
            lookup: (config.source.kind == SourceKind::Mysql).then(|| config.clone()),
        }
    }
}

/// How a stop reaches the stage.
pub(super) struct Ending {
    /// Leave between two transactions.
    pub(super) stop: Stop,
    /// Leave anywhere: the transaction's end did not come in time.
    pub(super) give_up: Stop,
}

/// The running stage.
struct Stage<'a> {
    parts: Parts,
    output: &'a Queue<Job>,
    transaction: Transaction,
    in_transaction: bool,
    /// Rows of the open transaction that are in builders or already on their way.
    open_rows: u64,
    moved: bool,
    last_commit: Instant,
    first_uncommitted: Option<Instant>,
    /// A change of a row came since the last commit point.
    has_changes: bool,
    /// The file that somebody was told of.
    file: String,
    behind: bool,
    marked: Marked,
    split: Split,
    give_up: &'a Stop,
}

/// What is to be done with an event beside what its change says.
#[derive(PartialEq, Eq)]
enum Rest {
    Nothing,
    /// The events of a compressed transaction are to be taken one by one.
    Packed,
    /// The rows that were held back are due.
    Release,
}

/// Runs until the input ends or is to end.
pub(super) fn run(parts: Parts, input: &Queue<Vec<Event>>, output: &Queue<Job>, ending: &Ending) -> Result<(), Fault> {
    let _close = CloseOnDrop(output);
    let _let_reader_go = CloseOnDrop(input);
    let split = Split::new(parts.part, parts.inside.clone());
    let mut stage = Stage {
        parts,
        output,
        transaction: Transaction::default(),
        in_transaction: false,
        open_rows: 0,
        moved: false,
        last_commit: Instant::now(),
        first_uncommitted: None,
        has_changes: false,
        file: String::new(),
        behind: false,
        marked: Marked::default(),
        split,
        give_up: &ending.give_up,
    };
    match stage.serve(input, ending) {
        Ok(()) | Err(End::Left) => Ok(()),
        Err(End::Fault(fault)) => {
            // Whole transactions before the event at fault are delivered, so that the connector stops right at it.
            if stage.open_rows == 0 {
                let _ = stage.commit_point();
            }
            Err(fault)
        }
    }
}

impl Stage<'_> {
    fn serve(&mut self, input: &Queue<Vec<Event>>, ending: &Ending) -> Result<(), End> {
        loop {
            // Whoever comes after may have met a fault, which must not wait for the next event to be told.
            if self.output.is_closed() {
                return Err(End::Left);
            }
            self.take_requests()?;
            self.copy(ending)?;
            if self.is_copied() {
                return self.commit_point();
            }
            let waiting = self.first_uncommitted.is_some() || self.is_copying();
            match input.pop(if waiting { PAUSE } else { STOP_CHECK }) {
                Popped::Item(events) => {
                    self.parts.pulse.hear();
                    self.hear();
                    self.note_time(&events);
                    for event in &events {
                        self.event(event)?;
                        self.take_requests()?;
                        self.copy(ending)?;
                        if ending.stop.requested() && !self.in_transaction {
                            return self.commit_point();
                        }
                    }
                }
                Popped::Empty => {
                    if !self.in_transaction {
                        self.parts.meter.reading(None);
                    }
                    self.pause()?;
                }
                Popped::Closed => {
                    if self.open_rows == 0 {
                        self.commit_point()?;
                    }
                    return Ok(());
                }
            }
            self.tell_file();
            if ending.stop.requested() && !self.in_transaction {
                return self.commit_point();
            }
            self.beat()?;
            if ending.give_up.requested() {
                return Ok(());
            }
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), End> {
        match self.step(event, None)? {
            Rest::Nothing => {}
            Rest::Release => self.release(event)?,
            Rest::Packed => {
                let mut payload = self.parts.interpreter.unpack(event)?;
                while let Some(packed) = payload.next()? {
                    if self.step(packed.event, Some(packed))? == Rest::Release {
                        self.release(packed.event)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One event, or one of a compressed transaction.
    fn step(&mut self, event: &Event, packed: Option<Packed<'_>>) -> Result<Rest, End> {
        let interpreter = &mut self.parts.interpreter;
        let change = match packed {
            Some(packed) => interpreter.read_packed(packed),
            None => interpreter.read(event),
        };
        match change? {
            Change::Packed => return Ok(Rest::Packed),
            Change::Release => return Ok(Rest::Release),
            Change::Nothing => {}
            Change::Passed => self.end_transaction()?,
            Change::Begin(transaction) => {
                self.behind = now_ms() - transaction.checkpoint_time_ms > BEHIND_MS;
                self.parts
                    .meter
                    .reading(transaction.commit_time_ms.or(Some(transaction.checkpoint_time_ms)));
                self.transaction.clone_from(transaction);
                self.in_transaction = true;
                self.begin_part();
            }
            Change::Rows(rows) => {
                if let Some(existing) = &mut self.parts.existing
                    && existing.leaves_out(&rows, &self.transaction)
                {
                    return Ok(Rest::Nothing);
                }
                let before = self.parts.next_sequence;
                if self.parts.policy.markers {
                    self.marked.take(&mut self.parts.next_sequence);
                }
                let bytes = rows.data.len();
                let added = self.parts.batcher.add(&rows, &self.transaction, &mut self.parts.next_sequence);
                // Also of an event that fails in its middle: nothing is to be committed then that the next start reads again.
                self.open_rows += self.parts.next_sequence - before;
                added?;
                self.added(bytes)?;
            }
            Change::Commit { xid } => self.commit(xid, header_ms(event))?,
            Change::Ddl { text, statement, .. } => {
                let header_ms = header_ms(event);
                self.ddl(&Arrived {
                    text,
                    statement,
                    header_ms,
                })?;
            }
        }
        Ok(Rest::Nothing)
    }

    /// Rows of so many bytes were added to the batches.
    fn added(&mut self, bytes: usize) -> Result<(), End> {
        self.send_rejected()?;
        self.first_uncommitted.get_or_insert_with(Instant::now);
        self.note_change();
        self.send_full()?;
        self.close_too_much()?;
        self.end_part(bytes)
    }

    /// The transaction whose rows were added ends with an event of this time.
    fn commit(&mut self, xid: u64, header_ms: i64) -> Result<(), End> {
        self.nothing_left_to_pass()?;
        self.parts.batcher.end_transaction(xid);
        self.mark_end(xid, header_ms)?;
        self.parts.pulse.note(self.transaction.commit_time_ms);
        self.end_transaction()?;
        self.beat()
    }

    fn end_transaction(&mut self) -> Result<(), End> {
        self.in_transaction = false;
        self.open_rows = 0;
        self.moved = true;
        self.split.end();
        let Some(first) = self.first_uncommitted else { return Ok(()) };
        let waited = first.elapsed();
        // Behind, a commit point that cuts builders short would only make more of them, and a commit has its price.
        let interval = if self.behind {
            CATCH_UP_INTERVAL
        } else {
            self.parts.commit_interval
        };
        if waited >= interval.max(self.parts.commit_interval) {
            self.commit_point()
        } else {
            Ok(())
        }
    }

    /// Nothing came for a while: what is complete goes out at once.
    fn pause(&mut self) -> Result<(), End> {
        if self.in_transaction {
            return Ok(());
        }
        if self.is_copying() && self.last_commit.elapsed() < COPY_INTERVAL {
            return Ok(());
        }
        if self.first_uncommitted.is_some() || (self.moved && self.last_commit.elapsed() >= QUIET_INTERVAL) {
            self.commit_point()?;
        }
        Ok(())
    }

    /// Of very many tables side by side, each below its own bound: more than all may hold together goes out.
    fn close_too_much(&mut self) -> Result<(), End> {
        if self.parts.batcher.held() + self.parts.batcher.beside() > self.parts.most_open {
            self.close_batches()?;
        }
        Ok(())
    }

    fn send_full(&mut self) -> Result<(), End> {
        while let Some(batch) = self.parts.batcher.next_full() {
            self.send(batch)?;
        }
        Ok(())
    }

    fn send(&mut self, batch: Batch) -> Result<(), End> {
        reach(Point::Batched);
        let table = &batch.table;
        let topic = self.topic(&table.database, &table.name, !table.key.is_empty())?;
        self.mark_begin(&topic)?;
        let bytes = batch.bytes;
        if self.output.push(Job::Batch(Box::new(batch), topic), bytes) {
            Ok(())
        } else {
            Err(End::Left)
        }
    }

    fn close_batches(&mut self) -> Result<(), End> {
        for batch in self.parts.batcher.close_all()? {
            self.send(batch)?;
        }
        Ok(())
    }

    /// Closes every builder and asks for a commit of all whole transactions so far.
    fn commit_point(&mut self) -> Result<(), End> {
        let position = self.parts.interpreter.position().clone();
        self.commit_at(position)
    }

    /// The same, with the place of which everything before has been read.
    fn commit_at(&mut self, position: Position) -> Result<(), End> {
        self.close_batches()?;
        if self.moved {
            let checkpoint = self.checkpoint(position);
            reach(Point::Decided);
            self.send_commit(checkpoint)?;
        }
        self.moved = false;
        self.committed();
        Ok(())
    }

    fn checkpoint(&self, position: Position) -> Checkpoint {
        let server = self.parts.server.clone();
        let began = self.parts.interpreter.began(&position);
        Checkpoint {
            log: server.map(|server| Log { server, began }),
            position,
            next_sequence: self.parts.next_sequence,
            saved_at_ms: now_ms(),
            skip_before_ms: self.parts.interpreter.skips_before(),
            prepared: self.parts.interpreter.prepared(),
            inside: self.split.delivered(),
            copying: self.parts.existing.as_ref().map(Existing::left).unwrap_or_default(),
            // The next stage says.
            plugins: Vec::new(),
        }
    }

    /// Nothing is left that waits for a commit.
    fn committed(&mut self) {
        self.first_uncommitted = None;
        self.last_commit = Instant::now();
    }

    /// The topic of a table; its first use announces it, so that it is made before the first record.
    fn topic(&mut self, database: &str, table: &str, keyed: bool) -> Result<Arc<str>, End> {
        let name = self.parts.topics.name(database, table);
        if let Some((topic, (other, owner))) = self.parts.owners.get_key_value(name.as_str()) {
            if *other == database && *owner == table {
                return Ok(Arc::clone(topic));
            }
            return Err(Fault::stop(anyhow!(
                "tables {other}.{owner} and {database}.{table} both go to topic {name}: put {{database}} into sink.topic or choose one of them"
            ))
            .into());
        }
        let topic: Arc<str> = name.as_str().into();
        let full = format!("{database}.{table}");
        info!(table = full, %topic, "table joined the stream");
        let spec = TopicSpec { name, table: full, keyed };
        self.parts
            .owners
            .insert(Arc::clone(&topic), (database.to_owned(), table.to_owned()));
        if self.output.push(Job::Topic(spec), 0) {
            Ok(topic)
        } else {
            Err(End::Left)
        }
    }
}

/// Milliseconds since 1970 in an event's header.
fn header_ms(event: &Event) -> i64 {
    i64::from(event.timestamp) * 1000
}

/// Milliseconds since 1970; 0 on a clock before it.
pub(super) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
