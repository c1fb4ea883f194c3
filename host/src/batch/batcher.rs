//! Keeps one open batch for each table, fills them side by side, and cuts them by rows and bytes. When to cut by time, at a
//! commit point or at a barrier is for the pipeline to say.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;

use super::Batch;
use super::builder::{Builder, FIRST_OF_TRANSACTION, OF_SNAPSHOT, Stamp};
use super::cursor::Cursor;
use super::fields::Shared;
use super::image::Place;
use super::undecoded::{About, Refused, Undecoded, Unfit};
use crate::config::{self, OnError};
use crate::fault::Fault;
use crate::source::{Rows, Server, Table, Transaction};

/// What plans of tables may take where nobody says.
const PLANS_BYTES: usize = 8 << 20;

/// A transaction's tables are known whole up to so many, the others by their names.
const WHOLE_TABLES: usize = 256;

/// Open batches of all tables.
///
/// Contract: the rows of a table leave in binlog order, and a batch holds one version of one table. Batches of different
/// tables may overtake each other between two calls of `close_all`.
#[derive(Debug)]
pub struct Batcher {
    limits: config::BatchLimits,
    /// Bytes of an image of a row.
    row_limit: usize,
    server: Server,
    topics: config::Topics,
    /// By the table's version.
    open: HashMap<u32, Builder>,
    full: VecDeque<Batch>,
    bytes: usize,
    /// Bytes of images for which open batches have made room.
    held: usize,
    /// Bytes that open batches take beside their rows.
    beside: usize,
    /// Bytes that plans of tables take, those without rows included, and how many they may.
    plans: usize,
    most_plans: usize,
    /// Counts uses of plans.
    clock: u64,
    shared: Shared,
    transaction: Current,
    on_error: OnError,
    rejected: Vec<Undecoded>,
}

/// The transaction that rows are being added for.
#[derive(Debug, Default)]
struct Current {
    /// What it is; stale between two transactions.
    about: Transaction,
    is_open: bool,
    /// Versions of the tables whose open batch has entered it, each with its rows so far.
    entered: Vec<(u32, Entered, u64)>,
    /// Rows by database and table that are left out, because they were delivered before.
    passed: HashMap<(String, String), u64>,
    /// Version of the table of its newest row.
    last: Option<u32>,
    /// How many rows of it were delivered before.
    before: u64,
    /// Number of its first row, once a row has come.
    first: Option<u64>,
    /// Its rows were read from a table.
    is_snapshot: bool,
}

/// A table of a transaction.
#[derive(Debug)]
enum Entered {
    Whole(Arc<Table>),
    /// Database and name: a transaction over very many tables does not hold them all.
    Named(Box<(String, String)>),
}

impl Batcher {
    /// Without rows. `row_limit` is `limits.row`, in bytes; `server` and `topics` go into the schemas' metadata.
    pub fn new(limits: config::BatchLimits, row_limit: usize, server: Server, topics: config::Topics) -> Self {
        Self {
            limits,
            row_limit,
            server,
            topics,
            open: HashMap::new(),
            full: VecDeque::new(),
            bytes: 0,
            held: 0,
            beside: 0,
            plans: 0,
            most_plans: PLANS_BYTES,
            clock: 0,
            shared: Shared::default(),
            transaction: Current::default(),
            on_error: OnError::Stop,
            rejected: Vec::new(),
        }
    }

    /// Rows that can't be decoded, or are too large, don't end an event unless `on_error` is `Stop`: they are kept for
    /// `take_rejected`, and take a number like others.
    #[must_use]
    pub fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// What is prepared for tables takes about so many bytes at most: of more tables the ones that got rows least recently are prepared anew
    /// when their next row comes.
    #[must_use]
    pub fn with_plans(mut self, bytes: usize) -> Self {
        self.most_plans = bytes;
        self
    }

    /// Decodes every row of an event; each takes one number of `sequence`. May fill several batches.
    ///
    /// # Errors
    /// `Stop` for bytes that can't be decoded, by table, column and row: rows before that one have been added. `Reject` for an
    /// event with a row above `limits.row`: none of its rows has been added, and `sequence` is unchanged. With another `on_error`
    /// than `Stop` both are left to what is wrong with the event itself.
    pub fn add(&mut self, rows: &Rows<'_>, transaction: &Transaction, sequence: &mut u64) -> Result<(), Fault> {
        self.prepare(rows.table)?;
        self.enter(rows.table, transaction, *sequence);
        let Some(builder) = self.open.get_mut(&rows.table.version) else {
            return Ok(());
        };
        let wrong = |(row, place)| undecodable(rows, transaction, row, place);
        if rows.is_partial {
            let data = builder.expand(rows).map_err(wrong)?;
            return self.add(&whole(rows, &data), transaction, sequence);
        }
        // A row can't be larger than all of them together, so most events need no closer look.
        let mut is_measured = rows.data.len() > self.row_limit;
        if is_measured && self.on_error == OnError::Stop {
            check_largest(builder, rows, transaction, self.row_limit)?;
            is_measured = false;
        }
        let stamp = Stamp {
            ts: transaction.commit_time_ms.unwrap_or(i64::from(rows.timestamp) * 1000),
            checkpoint_ts: transaction.checkpoint_time_ms,
        };
        let mut cursor = Cursor::new(rows.data);
        let mut row = 0;
        if !self.transaction.passed.is_empty() {
            row = self.transaction.pass(builder, rows, &mut cursor).map_err(wrong)?;
        }
        let first = row;
        while !cursor.rest().is_empty() {
            let flags = match (self.transaction.is_snapshot, self.transaction.is_first()) {
                (true, _) => OF_SNAPSHOT,
                (false, true) => FIRST_OF_TRANSACTION,
                (false, false) => 0,
            };
            let first_sequence = self.transaction.first.unwrap_or(*sequence);
            if builder.has_no_transaction() {
                builder.enter(transaction, first_sequence);
            }
            let start = cursor;
            let held = builder.room();
            let pushed = match is_measured.then(|| oversize(builder, rows, cursor, self.row_limit)).flatten() {
                Some(bytes) => Err(Unfit::TooLarge(bytes)),
                None => builder.push(rows, &mut cursor, *sequence, flags, stamp).map_err(Unfit::Flawed),
            };
            if let Err(unfit) = pushed {
                let about = About {
                    server: &self.server,
                    topics: &self.topics,
                    transaction,
                    rows,
                    limit: self.row_limit,
                    may_pass: self.on_error != OnError::Stop,
                };
                let refused = Refused {
                    seq: *sequence,
                    first: first_sequence,
                    number: row,
                    stamp,
                };
                cursor = start;
                self.rejected.push(leave_out(&about, builder, &mut cursor, refused, unfit)?);
            } else {
                self.bytes += start.rest().len() - cursor.rest().len();
                self.transaction.last = Some(rows.table.version);
                if builder.rows() == 1 {
                    self.beside += builder.plan_bytes();
                }
            }
            self.held += builder.room().saturating_sub(held);
            *sequence += 1;
            row += 1;
            if builder.rows() >= self.limits.max_rows || builder.bytes() >= self.limits.max_bytes {
                self.bytes = self.bytes.saturating_sub(builder.bytes());
                self.held = self.held.saturating_sub(builder.room());
                self.beside = self.beside.saturating_sub(builder.plan_bytes());
                self.full.extend(builder.finish()?);
            }
        }
        self.transaction.count(rows.table.version, row - first);
        Ok(())
    }

    /// The rows that were left out since the last time, in order.
    pub fn take_rejected(&mut self) -> Vec<Undecoded> {
        std::mem::take(&mut self.rejected)
    }

    /// The next rows of this transaction, so many of each database and table, are left out: they were delivered before. They
    /// count as rows of the transaction, and take no number.
    pub fn pass(&mut self, transaction: &Transaction, rows: HashMap<(String, String), u64>) {
        self.transaction = Current {
            about: transaction.clone(),
            is_open: true,
            before: rows.values().sum(),
            passed: rows,
            ..Current::default()
        };
        self.transaction.passed.retain(|_, rows| *rows > 0);
    }

    /// Whether rows are still to be left out.
    pub fn is_passing(&self) -> bool {
        !self.transaction.passed.is_empty()
    }

    /// Rows of the open transaction so far, by database and table; those that were left out included.
    pub fn transaction_rows(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.transaction.entered.iter().map(|(_, table, rows)| match table {
            Entered::Whole(table) => (table.database.as_str(), table.name.as_str(), *rows),
            Entered::Named(name) => (name.0.as_str(), name.1.as_str(), *rows),
        })
    }

    /// The same for rows that were read from their table, between two transactions. `read` says when, in a transaction's place.
    ///
    /// # Errors
    /// As `add`.
    pub fn add_existing(&mut self, rows: &Rows<'_>, read: &Transaction, sequence: &mut u64) -> Result<(), Fault> {
        // Rows of the next one may have to be passed over.
        let next = std::mem::take(&mut self.transaction);
        self.transaction.is_snapshot = true;
        let added = self.add(rows, read, sequence);
        self.transaction = next;
        added
    }

    /// The transaction of the rows added last has ended: its last row is marked and its id noted in the batches that are still
    /// open. `xid` is 0 where it has none.
    pub fn end_transaction(&mut self, xid: u64) {
        if !self.transaction.is_open {
            return;
        }
        self.transaction.is_open = false;
        for (version, _, _) in self.transaction.entered.drain(..) {
            if let Some(builder) = self.open.get_mut(&version)
                && builder.rows() > 0
            {
                builder.leave(xid, self.transaction.last == Some(version));
            }
        }
    }

    /// The oldest batch that is full.
    pub fn next_full(&mut self) -> Option<Batch> {
        self.full.pop_front()
    }

    /// Closes every open batch: all rows so far, in order of first `seq`, full batches that nobody took included.
    ///
    /// # Errors
    /// `Stop` where Arrow refuses a batch, which would be a defect of this program.
    pub fn close_all(&mut self) -> Result<Vec<Batch>, Fault> {
        let mut versions: Vec<(u64, u32)> = self
            .open
            .iter()
            .filter_map(|(version, builder)| Some((builder.first_seq()?, *version)))
            .collect();
        versions.sort_unstable();
        for (_, version) in versions {
            self.close_version(version)?;
        }
        if self.plans > self.most_plans {
            self.forget_plans();
        }
        Ok(self.full.drain(..).collect())
    }

    /// Closes a table's open batch, whatever its version: it becomes a full one. For barriers; the table is planned anew when
    /// its next row comes.
    ///
    /// # Errors
    /// As `close_all`.
    pub fn close_table(&mut self, database: &str, name: &str) -> Result<(), Fault> {
        let versions: Vec<u32> = self
            .open
            .iter()
            .filter(|(_, builder)| builder.table().database == database && builder.table().name == name)
            .map(|(version, _)| *version)
            .collect();
        for version in versions {
            self.close_version(version)?;
            self.forget_plan(version);
        }
        Ok(())
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.open.values().all(|builder| builder.rows() == 0)
    }

    /// When the oldest row of an open batch came.
    pub fn oldest(&self) -> Option<Instant> {
        self.open.values().filter_map(Builder::since).min()
    }

    /// Bytes of row images in open batches.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that open batches take, about: of very many tables each may hold little, and all of them much.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Bytes that open batches take beside their rows, about: more than these, where very many tables have a row each.
    pub fn beside(&self) -> usize {
        self.beside
    }

    fn close_version(&mut self, version: u32) -> Result<(), Fault> {
        if let Some(builder) = self.open.get_mut(&version) {
            self.bytes = self.bytes.saturating_sub(builder.bytes());
            self.held = self.held.saturating_sub(builder.room());
            if builder.rows() > 0 {
                self.beside = self.beside.saturating_sub(builder.plan_bytes());
            }
            self.full.extend(builder.finish()?);
        }
        Ok(())
    }

    /// Forgets the plans that were used least recently. None of them has rows.
    fn forget_plans(&mut self) {
        let mut by_use: Vec<(u64, u32)> = self.open.iter().map(|(version, builder)| (builder.used, *version)).collect();
        by_use.sort_unstable();
        for (_, version) in by_use {
            if self.plans <= self.most_plans / 4 * 3 {
                return;
            }
            self.forget_plan(version);
        }
    }

    fn forget_plan(&mut self, version: u32) {
        if let Some(builder) = self.open.remove(&version) {
            self.plans = self.plans.saturating_sub(builder.plan_bytes());
        }
    }

    /// Makes sure that there is a builder for this version; an older version's rows go out first.
    fn prepare(&mut self, table: &Arc<Table>) -> Result<(), Fault> {
        self.clock += 1;
        if let Some(builder) = self.open.get_mut(&table.version) {
            builder.used = self.clock;
            return Ok(());
        }
        self.close_table(&table.database, &table.name)?;
        let topic = self.topics.name(&table.database, &table.name);
        let mut builder = Builder::new(table, &self.server, &topic, &mut self.shared)?;
        builder.used = self.clock;
        self.plans += builder.plan_bytes();
        self.open.insert(table.version, builder);
        Ok(())
    }

    /// Notes which transaction the next rows of this table belong to.
    fn enter(&mut self, table: &Arc<Table>, transaction: &Transaction, sequence: u64) {
        let current = &mut self.transaction;
        if !current.is_open || current.about != *transaction {
            current.about.clone_from(transaction);
            current.is_open = true;
            current.last = None;
            current.entered.clear();
            current.passed.clear();
            current.before = 0;
            current.first = None;
        }
        let first = *current.first.get_or_insert(sequence.saturating_sub(current.before));
        if !current.entered.iter().any(|(version, _, _)| *version == table.version) {
            let entered = if current.entered.len() < WHOLE_TABLES {
                Entered::Whole(Arc::clone(table))
            } else {
                Entered::Named(Box::new((table.database.clone(), table.name.clone())))
            };
            current.entered.push((table.version, entered, 0));
            if let Some(builder) = self.open.get_mut(&table.version) {
                builder.enter(transaction, first);
            }
        }
    }
}

impl Current {
    /// Whether no row of it has been added or delivered so far.
    fn is_first(&self) -> bool {
        self.last.is_none() && self.before == 0
    }

    /// Leaves out what is to be left out of this event; how many rows these were.
    fn pass(&mut self, builder: &Builder, rows: &Rows<'_>, cursor: &mut Cursor<'_>) -> Result<usize, (usize, Place)> {
        let name = (rows.table.database.clone(), rows.table.name.clone());
        let Some(left) = self.passed.get_mut(&name) else { return Ok(0) };
        let mut row = 0;
        while *left > 0 && !cursor.rest().is_empty() {
            builder.measure(rows, cursor).map_err(|place| (row, place))?;
            *left -= 1;
            row += 1;
        }
        if *left == 0 {
            self.passed.remove(&name);
        }
        self.count(rows.table.version, row);
        Ok(row)
    }

    fn count(&mut self, version: u32, more: usize) {
        if let Some((_, _, rows)) = self.entered.iter_mut().find(|(known, _, _)| *known == version) {
            *rows += u64::try_from(more).unwrap_or(u64::MAX);
        }
    }
}

/// An event with these images in place of partial ones.
fn whole<'a>(rows: &Rows<'a>, data: &'a [u8]) -> Rows<'a> {
    Rows {
        first: rows.first.clone(),
        second: rows.second.clone(),
        data,
        is_partial: false,
        ..*rows
    }
}

/// Bytes of the larger image of the row at `cursor`, where these are more than `limit`.
fn oversize(builder: &Builder, rows: &Rows<'_>, mut cursor: Cursor<'_>, limit: usize) -> Option<usize> {
    builder.measure_image(rows, &mut cursor).ok().filter(|bytes| *bytes > limit)
}

/// # Errors
/// `Reject` where a row's image has more than `limit` bytes.
fn check_largest(builder: &Builder, rows: &Rows<'_>, transaction: &Transaction, limit: usize) -> Result<(), Fault> {
    match builder.largest_image(rows) {
        Ok((bytes, row)) if bytes > limit => Err(too_large(rows, transaction, row, bytes, limit)),
        Ok(_) => Ok(()),
        Err((row, place)) => Err(undecodable(rows, transaction, row, place)),
    }
}

/// Takes a row off `cursor` that does not go into its batch.
///
/// # Errors
/// What is wrong with it, where it may not be left out, or its end can't be told.
#[cold]
fn leave_out(about: &About<'_>, builder: &Builder, cursor: &mut Cursor<'_>, refused: Refused, unfit: Unfit) -> Result<Undecoded, Fault> {
    let start = *cursor;
    let length = builder.measure(about.rows, cursor).ok();
    let images = length.and_then(|bytes| start.rest().get(..bytes));
    match (images.filter(|_| about.may_pass && unfit.is_rows_own()), unfit) {
        (Some(images), unfit) => Ok(Undecoded::new(about, images, refused, unfit)),
        (None, Unfit::Flawed(place)) => Err(undecodable(about.rows, about.transaction, refused.number, place)),
        (None, Unfit::TooLarge(bytes)) => Err(too_large(about.rows, about.transaction, refused.number, bytes, about.limit)),
    }
}

#[cold]
fn undecodable(rows: &Rows<'_>, transaction: &Transaction, row: usize, place: Place) -> Fault {
    let table = format!("{}.{}", rows.table.database, rows.table.name);
    let at = format!(
        "row {} of an event in the transaction at {}:{}",
        row + 1,
        transaction.file,
        transaction.pos
    );
    let tried = match place.column.and_then(|ordinal| rows.table.columns.get(ordinal)) {
        Some(column) => format!("decoding column `{}` ({}) of table {table}, {at}", column.name, column.type_text),
        None => format!("decoding table {table}, {at}"),
    };
    Fault::stop(anyhow::Error::new(place.flaw).context(tried))
}

#[cold]
fn too_large(rows: &Rows<'_>, transaction: &Transaction, row: usize, bytes: usize, limit: usize) -> Fault {
    Fault::Reject(anyhow!(
        "row {} of an event of table {}.{} in the transaction at {}:{} has {bytes} bytes, more than the {limit} that limits.row allows; \
         raise it, and limits.memory with it",
        row + 1,
        rows.table.database,
        rows.table.name,
        transaction.file,
        transaction.pos
    ))
}
