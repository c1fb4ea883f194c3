//! From raw events to changes: transactions, table maps, rows. Pure; never panics, and blocks only to ask the catalogue for
//! a table version that is new.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::anyhow;

use super::catalog::Catalog;
use super::ddl::Statement;
use super::event::{Event, EventKind};
use super::place::Place;
use super::reader::{Malformed, Reader};
use super::refusal::{ENCRYPTED, ENDS_EARLY, FOREIGN_GTID, MIDDLE, PREPARED, ROLLED_BACK, STATEMENT, UNKNOWN, incident};
use super::rows::Head;
use super::schema::Table;
use super::sql::Dialect;
use super::statement::{Meaning, Query};
use super::table_map::Name;
use super::tables::Tables;
use super::transaction_id::{Header, domains};
use super::unpack::unpack;
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::{Gtid, GtidSet, Position};

/// What a row event does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOp {
    /// After images only.
    Insert,
    /// Before and after images in turn.
    Update,
    /// Before images only.
    Delete,
}

/// Which columns an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Bit `i % 8` of byte `i / 8`: column `i` is there. Bits past the last column are unset.
    pub present: Vec<u8>,
    /// All columns are.
    pub whole: bool,
}

/// One row event of a chosen table.
#[derive(Debug)]
pub struct Rows<'a> {
    /// The version of the table that the images follow.
    pub table: &'a Arc<Table>,
    /// Insert, update or delete.
    pub op: RowOp,
    /// Columns of the only image of an insert or delete, or of an update's before image.
    pub first: Image,
    /// Columns of an update's after image; equal to `first` otherwise.
    pub second: Image,
    /// The row images, one after the other, to the end.
    pub data: &'a [u8],
    /// JSON columns of after images may be differences: the form of MySQL's PARTIAL_UPDATE_ROWS event.
    pub is_partial: bool,
    /// Seconds since 1970 in the event's header.
    pub timestamp: u32,
}

/// The transaction that changes belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// GTID as text; empty without one.
    pub gtid: String,
    /// File of the transaction's first event.
    pub file: String,
    /// Offset of the transaction's first event.
    pub pos: u64,
    /// Milliseconds since 1970: commit time in the GTID event where there is one (on the server where the transaction
    /// originated, not on a replica in between); `None`: each event's header tells.
    pub commit_time_ms: Option<i64>,
    /// Header time of the first event, milliseconds.
    pub checkpoint_time_ms: i64,
}

/// What an event means.
#[derive(Debug)]
pub enum Change<'a> {
    /// A transaction begins.
    Begin(&'a Transaction),
    /// Rows of a chosen table changed.
    Rows(Rows<'a>),
    /// The transaction ended; `Interpreter::position` is after it.
    Commit {
        /// The storage engine's transaction id; 0 where there is none.
        xid: u64,
    },
    /// A statement that may change schemas; a transaction of its own (`Interpreter::transaction`), and the position is after
    /// it. Only CREATE TABLE … SELECT comes between `Begin` and `Commit`, see `Interpreter::in_transaction`.
    Ddl {
        /// Default database of the statement.
        database: String,
        /// Its text.
        text: String,
        /// What it does, and to which tables.
        statement: Statement,
    },
    /// A compressed transaction: `Interpreter::unpack` gives the events in it, and each goes to `Interpreter::read_packed`.
    Packed,
    /// Nothing for the row path (rotation, heartbeat, rows of tables that nobody chose).
    Nothing,
}

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
    /// The transaction was handled before, or is older than wanted.
    skipping: bool,
    skip_before_ms: Option<i64>,
    /// Something other than the rotation that starts a dump was read.
    started: bool,
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
    /// MariaDB's domains in which the start has been passed, so that a number that goes back is a new transaction; `None`
    /// where the source itself begins behind the start.
    passed: Option<BTreeSet<u32>>,
}

impl Interpreter {
    /// Starts at `start`, where the source was opened. Transactions whose GTID `start` has are passed over.
    pub fn new(start: Position, filter: TableFilter, catalog: Catalog) -> Self {
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
            tables: Tables::new(filter, catalog),
            transaction: Transaction::default(),
            gtid: None,
            announced: false,
            open: false,
            delivered: false,
            skipping: false,
            skip_before_ms: None,
            started: false,
            id_bytes: 6,
            dialect: Dialect::default(),
            before_ddl: Position::default(),
            packed: None,
            unpacked: Vec::new(),
        }
    }

    /// Passes over transactions that began before this time (milliseconds since 1970), up to the first that did not.
    #[must_use]
    pub fn skip_before(mut self, time_ms: i64) -> Self {
        self.skip_before_ms = Some(time_ms);
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
        match kind {
            EventKind::Rotate => self.rotate(event, first)?,
            EventKind::FormatDescription => self.format(event)?,
            EventKind::PreviousGtids => self.previous_gtids(event)?,
            EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged => self.announce(event)?,
            EventKind::DomainGtid => return self.announce_domain(event),
            EventKind::GtidList => {
                let set = domains(&event.body).map_err(|m| self.malformed(event, m))?;
                self.inherit(event, set);
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
            EventKind::Stop => self.settle(event),
            EventKind::Heartbeat | EventKind::Comment | EventKind::StatementValue | EventKind::GroupReplication => {}
            EventKind::Incident => return Err(self.stop(event, incident(&event.body))),
            EventKind::TransactionPayload => return self.compressed(event),
            EventKind::LoadData => return Err(self.stop(event, STATEMENT)),
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

    /// The last version of a chosen table whose rows were read.
    pub fn last_version(&self, database: &str, table: &str) -> Option<&Arc<Table>> {
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

    fn announce(&mut self, event: &Event) -> Result<(), Fault> {
        self.unbroken(event)?;
        let header = match event.kind() {
            EventKind::GtidTagged => Header::parse_tagged(&event.body),
            kind => Header::parse(&event.body, kind == EventKind::AnonymousGtid),
        };
        let header = header.map_err(|m| self.malformed(event, m))?;
        let commit_ms = header.commit_us.filter(|us| *us > 0).and_then(|us| i64::try_from(us / 1000).ok());
        self.begin(event, header.gtid, commit_ms);
        self.announced = true;
        Ok(())
    }

    /// Notes a new transaction whose first event is `event`.
    fn begin(&mut self, event: &Event, gtid: Option<Gtid>, commit_ms: Option<i64>) {
        let transaction = &mut self.transaction;
        transaction.gtid.clear();
        if let Some(gtid) = &gtid {
            // Writing to a String can't fail.
            let _ = write!(transaction.gtid, "{gtid}");
        }
        transaction.file.clone_from(&self.place.file);
        transaction.pos = self.place.start;
        transaction.commit_time_ms = commit_ms;
        transaction.checkpoint_time_ms = i64::from(event.timestamp) * 1000;
        let early = self.skip_before_ms.is_some_and(|time| transaction.checkpoint_time_ms < time);
        if !early {
            self.skip_before_ms = None;
        }
        let handled = gtid.as_ref().is_some_and(|gtid| self.is_handled(gtid));
        self.skipping = early || handled;
        self.gtid = gtid;
        self.delivered = false;
    }

    fn query<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        let mut query = Query::parse(&event.body).map_err(|m| self.malformed(event, m))?;
        let text;
        if event.kind() == EventKind::CompressedQuery {
            text = unpack(query.text).map_err(|m| self.malformed(event, m))?;
            query.text = &text;
        }
        match query.meaning() {
            Meaning::Begin => {
                if self.open {
                    return Err(self.broken_off(event));
                }
                self.announce_alone(event);
                self.open = true;
                Ok(if self.skipping {
                    Change::Nothing
                } else {
                    Change::Begin(&self.transaction)
                })
            }
            Meaning::Commit => self.commit(event, 0),
            Meaning::Rollback if self.delivered => Err(self.stop(event, ROLLED_BACK)),
            Meaning::Rollback => self.commit(event, 0),
            Meaning::RollbackToSavepoint if self.delivered => Err(self.stop(event, ROLLED_BACK)),
            Meaning::RollbackToSavepoint | Meaning::Savepoint => Ok(Change::Nothing),
            Meaning::XaOutcome => {
                self.announce_alone(event);
                self.finish(event)?;
                Ok(Change::Nothing)
            }
            Meaning::Rows => {
                let emptied = query.emptied_table();
                let harmless = self.skipping || emptied.is_some_and(|(database, table)| !self.tables.selects(&database, &table));
                if !harmless {
                    return Err(self.stop(event, STATEMENT));
                }
                if !self.open {
                    self.announce_alone(event);
                    self.finish(event)?;
                }
                Ok(Change::Nothing)
            }
            Meaning::Ddl => {
                if !self.open {
                    self.announce_alone(event);
                    self.before_ddl.clone_from(&self.committed);
                    self.finish(event)?;
                }
                if self.skipping {
                    return Ok(Change::Nothing);
                }
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                let (database, text) = (text(query.database), text(query.text));
                let statement = Statement::parse(&database, &text, self.dialect.with_mode(query.sql_mode));
                Ok(Change::Ddl { database, text, statement })
            }
        }
    }

    /// Begins a transaction that no GTID event announced: servers before MySQL 5.7.
    fn announce_alone(&mut self, event: &Event) {
        if !self.announced {
            self.begin(event, None, None);
        }
    }

    fn commit<'a>(&mut self, event: &Event, xid: u64) -> Result<Change<'a>, Fault> {
        if !self.open && !self.announced {
            return Err(self.stop(event, MIDDLE));
        }
        // A GTID with COMMIT and nothing else: an empty transaction, which nobody was told of.
        let told = self.open && !self.skipping;
        self.finish(event)?;
        Ok(if told { Change::Commit { xid } } else { Change::Nothing })
    }

    /// Ends the transaction; what comes next is after it.
    fn finish(&mut self, event: &Event) -> Result<(), Fault> {
        if self.packed == Some(false) {
            return Err(self.stop(event, ENDS_EARLY));
        }
        self.open = false;
        self.announced = false;
        match self.gtid.take() {
            Some(gtid) => {
                if self.committed.gtid.is_none() {
                    self.committed.gtid = self.inherited.take();
                }
                let is_foreign = |set: &GtidSet| match &gtid {
                    Gtid::Server(_) => set.has_domains(),
                    Gtid::Domain(_) => set.has_servers(),
                };
                if self.committed.gtid.as_ref().is_some_and(is_foreign) {
                    return Err(self.stop(event, FOREIGN_GTID));
                }
                if let Some(set) = &mut self.committed.gtid
                    && !(self.skipping && set.contains(&gtid))
                {
                    set.add(&gtid);
                }
            }
            None => {
                // GTIDs can't say any more what has been handled.
                self.committed.gtid = None;
                self.inherited = None;
            }
        }
        self.settle_here();
        Ok(())
    }

    /// Moves the position past an event between transactions.
    fn settle(&mut self, event: &Event) {
        if !self.open && !self.announced && !event.is_made_up() {
            self.settle_here();
        }
    }

    fn settle_here(&mut self) {
        self.committed.file.clone_from(&self.place.file);
        self.committed.pos = self.place.end;
    }

    fn table_map(&mut self, event: &Event) -> Result<(), Fault> {
        let name = Name::parse(&event.body, self.id_bytes).map_err(|m| self.malformed(event, m))?;
        if self.skipping {
            self.tables.forget(name.table_id);
            return Ok(());
        }
        let result = self.tables.map(&name);
        result.map_err(|fault| fault.context(self.place.describe(event)))
    }

    fn rows<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        let place = &self.place;
        let malformed = |m| Fault::stop(anyhow::Error::new(m).context(format!("reading the {}", place.describe(event))));
        if self.skipping {
            return Ok(Change::Nothing);
        }
        let Some((table_id, rest)) = Head::table_id(&event.body, self.id_bytes).map_err(malformed)? else {
            return Ok(Change::Nothing);
        };
        let table = match self.tables.get(table_id) {
            Some(Some(table)) => table,
            Some(None) => return Ok(Change::Nothing),
            None => return Err(self.stop(event, MIDDLE)),
        };
        if !self.open {
            return Err(self.stop(event, MIDDLE));
        }
        let head = Head::parse(rest, event.kind()).map_err(malformed)?;
        if head.width != table.columns.len() {
            return Err(malformed(Malformed("it has other columns than the table map before it")));
        }
        self.delivered = true;
        let (first, second) = (head.first(), head.second());
        let data = if head.compressed {
            self.unpacked = unpack(head.data).map_err(malformed)?;
            &self.unpacked
        } else {
            head.data
        };
        Ok(Change::Rows(Rows {
            table,
            op: head.op,
            first,
            second,
            data,
            is_partial: event.kind() == EventKind::PartialUpdateRows,
            timestamp: event.timestamp,
        }))
    }

    fn xa_prepare<'a>(&mut self, event: &Event) -> Result<Change<'a>, Fault> {
        if self.delivered {
            return Err(self.stop(event, PREPARED));
        }
        self.commit(event, 0)
    }

    /// That no transaction is open: what `event` is can't stand within one.
    fn unbroken(&self, event: &Event) -> Result<(), Fault> {
        if self.open || self.announced {
            Err(self.broken_off(event))
        } else {
            Ok(())
        }
    }

    fn broken_off(&self, event: &Event) -> Fault {
        let transaction = &self.transaction;
        Fault::retry(anyhow!(
            "the transaction at {}:{} has no end before the {}: the server crashed while it was written",
            transaction.file,
            transaction.pos,
            self.place.describe(event)
        ))
    }

    fn malformed(&self, event: &Event, problem: Malformed) -> Fault {
        Fault::stop(anyhow::Error::new(problem).context(format!("reading the {}", self.place.describe(event))))
    }

    fn stop(&self, event: &Event, problem: &'static str) -> Fault {
        Fault::stop(anyhow!("{}: {problem}", self.place.describe(event)))
    }
}

mod files;
mod mariadb;
mod packed;
#[cfg(test)]
mod tests;
