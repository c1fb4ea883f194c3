//! From raw events to changes: transactions, table maps, rows. Pure; never panics, and blocks only to ask the catalogue for
//! a table version that is new.

mod change;
mod files;
mod large;
mod transactions;
mod mariadb;
mod statements;
mod rows;
mod packed;
mod held;
mod xa;
#[cfg(test)]
mod tests;

pub use change::{Change, Image, RowOp, Rows, Transaction};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::anyhow;

use super::catalog::Catalog;
use super::event::{Event, EventKind, largest};
use super::place::Place;
use super::reader::{Malformed, Reader};
use super::refusal::{ENCRYPTED, UNKNOWN, incident};
use super::schema::Table;
use super::sql::Dialect;
use super::tables::Tables;
use super::transaction_id::domains;
use super::xa::{Holding, Undecided};
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::{Gtid, GtidSet, Position};

/// Reads events in order and says what they mean. One lives as long as one opened source: after a source has been opened
/// again, a new one starts at the position that it was opened at.
#[derive(Debug)]
pub struct Interpreter {
    place: Place,
    /// After the last whole transaction.
    committed: Position,
    /// The GTIDs of the files before this one, until the first transaction shows that they are all there is.
    inherited: Option<GtidSet>,
    tables: Tables,
    transaction: Transaction,
    /// Of `transaction`.
    gtid: Option<Gtid>,
    /// A GTID event announced a transaction.
    announced: bool,
    /// Between BEGIN and its end.
    open: bool,
    /// Row events of chosen tables were handed out since BEGIN.
    delivered: bool,
    /// The log may take back rows of the transaction.
    mixed: bool,
    /// The transaction was handled before, or is older than wanted.
    skipping: bool,
    skip_before_ms: Option<i64>,
    /// Something other than the rotation that starts a dump was read.
    started: bool,
    /// A file has been read to its end: the next one goes on where it ended.
    read_whole: bool,
    /// Files follow each other as one server wrote them.
    one_log: bool,
    /// The file whose beginning was read last, and when it was begun: seconds since 1970.
    began: (String, u32),
    /// Bytes of a table id: 6, or 4 in files of very old servers.
    id_bytes: usize,
    /// Of the server that wrote the file.
    dialect: Dialect,
    /// Before the last DDL statement that was a transaction of its own.
    before_ddl: Position,
    /// The event is within a compressed transaction; whether it is the last there.
    packed: Option<bool>,
    /// The row images of the last compressed event.
    unpacked: Vec<u8>,
    /// Bytes of an event's body that are kept.
    largest: usize,
    /// MariaDB's domains in which the start has been passed, so that a number that goes back is a new transaction; `None`
    /// where the source itself begins behind the start.
    passed: Option<BTreeSet<u32>>,
    holding: Holding,
    undecided: Undecided,
    /// What `read` answered `Change::Release` for, until `released`.
    due: Option<held::Due>,
    /// Statements in place of rows are passed over.
    passes_statements: bool,
    /// How many were, by the tables that they changed.
    lost: BTreeMap<String, u64>,
}

impl Interpreter {
    /// Starts at `start`, where the source was opened. Transactions whose GTID `start` has are passed over.
    pub fn new(start: Position, filter: TableFilter, catalog: Catalog) -> Self {
        let tables = Tables::new(filter, catalog, &start);
        Self::with_tables(start, tables, usize::MAX)
    }

    /// The same with tables that another one had, and its bound of an event's body.
    pub(super) fn with_tables(start: Position, tables: Tables, largest: usize) -> Self {
        let place = Place {
            file: start.file.clone(),
            start: start.pos,
            end: start.pos,
        };
        Self {
            place,
            passed: start.file.is_empty().then(BTreeSet::new),
            committed: start,
            inherited: None,
            tables,
            transaction: Transaction::default(),
            gtid: None,
            announced: false,
            open: false,
            delivered: false,
            mixed: false,
            skipping: false,
            skip_before_ms: None,
            started: false,
            read_whole: false,
            one_log: false,
            began: Default::default(),
            id_bytes: 6,
            dialect: Dialect::default(),
            before_ddl: Position::default(),
            packed: None,
            unpacked: Vec::new(),
            largest,
            holding: Holding::default(),
            undecided: Undecided::new(Vec::new(), usize::MAX),
            due: None,
            passes_statements: false,
            lost: BTreeMap::new(),
        }
    }

    /// Unpacks no event that is larger than one with rows of `limits.row` bytes can be.
    #[must_use]
    pub fn with_row_limit(mut self, row: usize) -> Self {
        self.largest = largest(row);
        self
    }

    /// Tables that are known whole may take about so many bytes; of others what tells the same again is kept.
    #[must_use]
    pub fn with_tables_limit(mut self, bytes: usize) -> Self {
        self.tables.limit(bytes);
        self
    }

    /// Passes over transactions that began before this time (milliseconds since 1970), up to the first that did not.
    #[must_use]
    pub fn skip_before(mut self, time_ms: i64) -> Self {
        self.skip_before_ms = Some(time_ms);
        self
    }

    /// Whether what is read is a server's own log, in which no file comes before one that was read.
    #[must_use]
    pub fn of_one_log(mut self, one_log: bool) -> Self {
        self.one_log = one_log;
        self
    }

    /// Goes on, with a warning, where the log has a statement in place of rows of chosen tables.
    #[must_use]
    pub fn pass_statements(mut self, pass: bool) -> Self {
        self.passes_statements = pass;
        self
    }

    /// What `event` means.
    ///
    /// # Errors
    /// `Stop` for an event that is corrupt, or neither known nor flagged ignorable, or that shows a table that can't be
    /// decoded. `Retry` where the log breaks off within a transaction.
    pub fn read<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        self.place.pass(event);
        self.packed = None;
        self.interpret(event)
    }

    fn interpret<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        let kind = event.kind();
        let first = !std::mem::replace(&mut self.started, true);
        self.may_be_cut(event)?;
        match kind {
            EventKind::Rotate => self.rotate(event, first)?,
            EventKind::FormatDescription => self.format(event)?,
            EventKind::PreviousGtids => self.previous_gtids(event)?,
            EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged => self.announce(event)?,
            EventKind::DomainGtid => return self.announce_domain(event),
            EventKind::GtidList => {
                let set = domains(&event.body).map_err(|m| self.malformed(event, m))?;
                self.inherit(event, set)?;
            }
            EventKind::Query | EventKind::CompressedQuery => return self.query(event),
            EventKind::TableMap => self.table_map(event)?,
            EventKind::WriteRows { .. } | EventKind::UpdateRows { .. } | EventKind::DeleteRows { .. } | EventKind::PartialUpdateRows => {
                return self.rows(event);
            }
            EventKind::CompressedWriteRows { .. } | EventKind::CompressedUpdateRows { .. } | EventKind::CompressedDeleteRows { .. } => {
                return self.rows(event);
            }
            EventKind::Xid => {
                let xid = Reader::new(&event.body).u64().map_err(|m| self.malformed(event, m))?;
                return self.commit(event, xid);
            }
            EventKind::XaPrepare => return self.xa_prepare(event),
            EventKind::Stop => self.stop_of(event)?,
            EventKind::Heartbeat | EventKind::Comment | EventKind::StatementValue | EventKind::GroupReplication => {}
            EventKind::Incident => return Err(self.stop(event, incident(&event.body))),
            EventKind::TransactionPayload => return self.compressed(event),
            EventKind::LoadData => return self.load_data(event),
            EventKind::StartEncryption => return Err(self.stop(event, ENCRYPTED)),
            EventKind::Unknown(_) if !event.is_ignorable() => return Err(self.stop(event, UNKNOWN)),
            EventKind::Unknown(_) => {}
        }
        Ok(Change::Nothing)
    }

    /// Transactions that began before this time (milliseconds) are still being passed over; `None` once one was not.
    pub fn skips_before(&self) -> Option<i64> {
        self.skip_before_ms
    }

    /// The place after the last whole transaction.
    pub fn position(&self) -> &Position {
        &self.committed
    }

    /// The transaction that began last: that of the rows or the DDL statement that `read` returned last.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The place before the DDL statement that `read` returned last: where a restart meets it again.
    pub fn before_ddl(&self) -> &Position {
        if self.open { &self.committed } else { &self.before_ddl }
    }

    /// File and offset up to which the log has been read, by what the source sent itself.
    pub fn reached(&self) -> (&str, u64) {
        (&self.place.file, self.place.end)
    }

    /// When the file of a position was begun (seconds since 1970); 0 where that was not read.
    pub fn began(&self, position: &Position) -> u32 {
        if self.began.0 == position.file { self.began.1 } else { 0 }
    }

    /// The last version of a chosen table whose rows were read.
    pub fn last_version(&mut self, database: &str, table: &str) -> Option<Arc<Table>> {
        self.tables.last_version(database, table)
    }

    /// The table is another one from here on, or none: its last version says nothing of it any more.
    pub fn forget_version(&mut self, database: &str, table: &str) {
        self.tables.forget_version(database, table);
    }

    /// Whether a transaction has begun and not ended.
    pub fn in_transaction(&self) -> bool {
        self.open
    }

    fn malformed(&self, event: &Event, problem: Malformed) -> Fault {
        Fault::stop(anyhow::Error::new(problem).context(format!("reading the {}", self.place.describe(event))))
    }

    fn stop(&self, event: &Event, problem: &'static str) -> Fault {
        Fault::stop(anyhow!("{}: {problem}", self.place.describe(event)))
    }
}
