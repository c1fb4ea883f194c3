//! Which table a row event's id means, and one shared value for each version of each chosen table.
//!
//! A table map that comes again byte by byte is the same version, without another look. Where a map does not describe its table
//! whole, that ends with the next DDL statement that may change the table.
//!
//! Of very many tables not all are known at once: of those that changed least recently only the table map is kept, which tells the same
//! again, and the version's number. Those whose map does not tell all are kept whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::anyhow;

use super::catalog::Catalog;
use super::columns::columns;
use super::definition::{Definition, refine};
use super::effect::Id;
use super::logged::Logged;
use super::place::Place;
use super::schema::{Column, ColumnType, Table};
use super::schemas::Schemas;
use super::spot::Spot;
use super::table_map::{Description, Name};
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::Position;

/// Ids are given anew each time that a server opens a table; so many are kept.
const MOST_IDS: usize = 4096;

/// What tables may take where nobody says.
const TABLES_BYTES: usize = 8 << 20;

/// What an id takes beside its table map, about.
const ID_BYTES: usize = 64;

/// Versions are told apart within the process: several connectors may run in it.
static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// What a table id means now.
#[derive(Debug)]
struct Slot {
    /// The bytes that described it.
    identity: Arc<[u8]>,
    /// A chosen table's version.
    table: Option<Arc<Table>>,
    /// The number of the table map that told so last.
    seen: u64,
}

/// The last version of a table.
#[derive(Debug)]
struct Version {
    number: u32,
    /// What described it.
    identity: Arc<[u8]>,
    mariadb: bool,
    /// What that means; none: forgotten, and told again by what described it.
    table: Option<Arc<Table>>,
    /// Where it was first seen, if not all of it was in the description: what was not may have been different before.
    borrowed: Option<Spot>,
    /// And may be different by now.
    stale: bool,
    /// The number of its table map that came last, but for those that are remembered by their id.
    seen: u64,
}

impl Version {
    /// What the same description at this place means, where that is known.
    fn held(&self, identity: &[u8], place: &Place) -> Option<&Arc<Table>> {
        let holds = match &self.borrowed {
            None => true,
            Some(since) => !self.stale && since.is_up_to(&Spot::new(&place.file, place.start)),
        };
        self.table.as_ref().filter(|_| holds && *self.identity == *identity)
    }

    /// What it means; where that was forgotten, told again by its table map.
    fn table(&self, schemas: &mut Schemas) -> Option<Arc<Table>> {
        if let Some(table) = &self.table {
            return Some(Arc::clone(table));
        }
        let mut name = Name::of_identity(&self.identity).ok()?;
        name.mariadb = self.mariadb;
        // Nobody else is asked: all of it was in the map.
        let (mut table, _) = describe(&name, &Place::default(), schemas).ok()?;
        table.version = self.number;
        Some(Arc::new(table))
    }
}

/// Tables by id, and their versions.
#[derive(Debug)]
pub(super) struct Tables {
    filter: TableFilter,
    schemas: Schemas,
    ids: HashMap<u64, Slot>,
    /// By database and table: an id that changes is no new version.
    versions: HashMap<Id, Version>,
    /// Counts table maps.
    clock: u64,
    /// Of the first table map of the open statement: rows may follow for any id from there on.
    statement: u64,
    is_over: bool,
    /// Bytes that ids and tables take, at most; bytes from which on some are forgotten; and what they may take.
    bytes: usize,
    full: usize,
    most: usize,
}

impl Tables {
    /// Of a stream that begins at `start`.
    pub(super) fn new(filter: TableFilter, catalog: Catalog, start: &Position) -> Self {
        Self {
            schemas: Schemas::new(catalog, filter.clone(), start),
            filter,
            ids: HashMap::new(),
            versions: HashMap::new(),
            clock: 0,
            statement: 0,
            is_over: false,
            bytes: 0,
            full: TABLES_BYTES,
            most: TABLES_BYTES,
        }
    }

    /// Tables that are known whole may take about so many bytes.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.most = bytes;
        self.full = bytes;
    }

    /// Tables that are known whole.
    #[cfg(test)]
    pub(super) fn known_whole(&self) -> usize {
        self.versions.values().filter(|version| version.table.is_some()).count()
    }

    /// A statement has ended: table maps that follow are another one's.
    pub(super) fn end_statement(&mut self) {
        self.is_over = true;
    }

    /// Forgets all ids: after a restart of the server they mean other tables.
    pub(super) fn forget_ids(&mut self) {
        self.ids.clear();
    }

    /// Forgets one id.
    pub(super) fn forget(&mut self, table_id: u64) {
        self.ids.remove(&table_id);
    }

    /// The last version of a table, if rows of it were announced.
    pub(super) fn last_version(&mut self, database: &str, table: &str) -> Option<Arc<Table>> {
        let key = (database.to_owned(), table.to_owned());
        self.versions.get(&key)?.table(&mut self.schemas)
    }

    /// Forgets a table's version: the next table map makes a new one.
    pub(super) fn forget_version(&mut self, database: &str, table: &str) {
        self.versions.remove(&(database.to_owned(), table.to_owned()));
    }

    /// Notes which server sends the stream.
    pub(super) fn sent_by(&mut self, server_id: u32) {
        self.schemas.sent_by(server_id);
    }

    /// The stream has come to a DDL statement.
    pub(super) fn pass(&mut self, logged: &Logged) {
        for (id, version) in &mut self.versions {
            if version.borrowed.is_some() && !version.stale && logged.touches(id, true) {
                version.stale = true;
                let is_it = |table: &Table| table.database == id.0 && table.name == id.1;
                self.ids.retain(|_, slot| !slot.table.as_deref().is_some_and(is_it));
            }
        }
        self.schemas.pass(logged);
    }

    /// Whether rows of this table are wanted.
    pub(super) fn selects(&self, database: &str, table: &str) -> bool {
        self.filter.selects(database, table)
    }

    /// Notes what a table map at `place` says.
    ///
    /// # Errors
    /// `Stop` for a chosen table's map that is malformed or has a column that can't be decoded; as of `Schemas::definition` where the
    /// map does not describe the table whole.
    pub(super) fn map(&mut self, name: &Name<'_>, place: &Place) -> Result<(), Fault> {
        self.clock += 1;
        if std::mem::take(&mut self.is_over) {
            self.statement = self.clock;
        }
        if let Some(slot) = self.ids.get_mut(&name.table_id)
            && *slot.identity == *name.identity
        {
            slot.seen = self.clock;
            return Ok(());
        }
        // Until the new meaning is known, the old one must not stay.
        self.ids.remove(&name.table_id);
        if self.ids.len() >= MOST_IDS || self.bytes > self.full {
            self.forget_some();
        }
        let (identity, table) = if self.filter.selects(name.database, name.table) {
            let (identity, table) = self.version(name, place)?;
            (identity, Some(table))
        } else {
            (Arc::from(name.identity), None)
        };
        self.bytes += identity.len() + ID_BYTES;
        let seen = self.clock;
        self.ids.insert(name.table_id, Slot { identity, table, seen });
        Ok(())
    }

    /// The table that rows with this id belong to: `None` for an id without a table map, `Some(None)` for a table nobody chose.
    pub(super) fn get(&self, table_id: u64) -> Option<Option<&Arc<Table>>> {
        self.ids.get(&table_id).map(|slot| slot.table.as_ref())
    }

    /// Forgets what came least recently, so that half of the room is free; never what the open statement has brought.
    fn forget_some(&mut self) {
        let mut by_use: Vec<(u64, usize)> = Vec::new();
        for slot in self.ids.values() {
            by_use.push((slot.seen, slot.identity.len() + ID_BYTES));
            if let Some(table) = &slot.table
                && let Some(version) = self.versions.get_mut(&(table.database.clone(), table.name.clone()))
            {
                version.seen = version.seen.max(slot.seen);
            }
        }
        let known = self.versions.values().filter(|version| version.borrowed.is_none());
        by_use.extend(known.filter_map(|version| Some((version.seen, version.table.as_ref()?.bytes()))));
        by_use.sort_unstable_by_key(|(seen, _)| std::cmp::Reverse(*seen));
        let mut kept = 0;
        let fits = |(_, bytes): &&(u64, usize)| {
            kept += bytes;
            kept <= self.most / 2
        };
        let many = by_use.iter().take(MOST_IDS / 2).take_while(fits).last();
        let since = many.map_or(self.clock, |(seen, _)| *seen).min(self.statement);
        self.ids.retain(|_, slot| slot.seen >= since);
        for version in self.versions.values_mut() {
            if version.seen < since && version.borrowed.is_none() {
                version.table = None;
            }
        }
        self.bytes = by_use.iter().filter(|(seen, _)| *seen >= since).map(|(_, bytes)| bytes).sum();
        // What can't be forgotten is not looked through again for each table.
        self.full = self.most.max(2 * self.bytes);
    }

    /// The version that these bytes describe: the last one, or a new one; with the bytes, of which one copy is enough.
    fn version(&mut self, name: &Name<'_>, place: &Place) -> Result<(Arc<[u8]>, Arc<Table>), Fault> {
        let id = (name.database.to_owned(), name.table.to_owned());
        let seen = self.clock;
        if let Some(version) = self.versions.get_mut(&id)
            && let Some(table) = version.held(name.identity, place)
        {
            let found = (Arc::clone(&version.identity), Arc::clone(table));
            version.seen = seen;
            return Ok(found);
        }
        let (mut table, borrowed) = describe(name, place, &mut self.schemas)?;
        let known = self.versions.get(&id);
        let same = known.and_then(|known| known.table(&mut self.schemas)).filter(|known| {
            table.version = known.version;
            table == **known
        });
        let table = same.unwrap_or_else(|| {
            table.version = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
            Arc::new(table)
        });
        let at = Spot::new(&place.file, place.start);
        // What was seen later says more of what comes: an XA transaction that is read again is the past.
        let is_past = known.is_some_and(|known| known.borrowed.as_ref().is_some_and(|since| !since.is_up_to(&at)));
        let identity: Arc<[u8]> = Arc::from(name.identity);
        if !is_past {
            self.bytes += table.bytes();
            let version = Version {
                number: table.version,
                identity: Arc::clone(&identity),
                mariadb: name.mariadb,
                table: Some(Arc::clone(&table)),
                borrowed: borrowed.then_some(at),
                stale: false,
                seen,
            };
            self.versions.insert(id, version);
        }
        Ok((identity, table))
    }
}

/// A table as the catalogue defines it: what its table map would mean.
///
/// # Errors
/// `Stop` for a column that can't be decoded.
pub(super) fn defined(id: &Id, definition: &Definition, mariadb: bool) -> Result<Table, Fault> {
    let (nullable, signs) = (definition.nullable_bits(), definition.signs());
    let map = Description {
        columns: definition.columns.iter().map(|column| column.form.coded()).collect(),
        width: definition.columns.len(),
        nullable: &nullable,
        ..Description::default()
    };
    let name = Name {
        table_id: 0,
        database: &id.0,
        table: &id.1,
        identity: &[],
        rest: &[],
        mariadb,
    };
    let mut table = parse(&name, &definition.fill(&map, &signs))?;
    for (column, known) in table.columns.iter_mut().zip(&definition.columns) {
        refine(column, &known.type_text);
    }
    table.version = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
    Ok(table)
}

/// What a table map means, and whether some of that is not in it; the version is left open.
fn describe(name: &Name<'_>, place: &Place, schemas: &mut Schemas) -> Result<(Table, bool), Fault> {
    let full = format!("{}.{}", name.database, name.table);
    let broken = |problem| Fault::stop(anyhow::Error::new(problem).context(format!("reading the table map of {full}")));
    let map = Description::parse(name).map_err(broken)?;
    let id = (name.database.to_owned(), name.table.to_owned());
    let at = Spot::new(&place.file, place.start);
    if map.names.is_empty() && map.width > 0 {
        if !schemas.can_ask() {
            return Err(Fault::stop(anyhow!(
                "the binlog does not name the columns of {full}: it was written with binlog_row_metadata=MINIMAL; run SET GLOBAL \
                 binlog_row_metadata=FULL on the server and start after that, or read from the server itself"
            )));
        }
        let definition = schemas.definition(&id, &at, &map)?;
        let signs = definition.signs();
        let mut table = parse(name, &definition.fill(&map, &signs))?;
        for (column, known) in table.columns.iter_mut().zip(&definition.columns) {
            refine(column, &known.type_text);
        }
        // Of a column that was dropped or redefined later the map tells the type, but for this.
        let known = definition.columns.iter();
        let columns = table.columns.iter_mut().zip(known);
        let open = columns.filter(|(column, known)| column.is_tinyint() && known.type_text.is_empty());
        let mut open: Vec<&mut Column> = open.map(|(column, _)| column).collect();
        schemas.widths(&id, &at, &mut open)?;
        return Ok((table, true));
    }
    let mut table = parse(name, &map)?;
    let integers = table.columns.iter_mut();
    let mut integers: Vec<&mut Column> = integers.filter(|column| matches!(column.kind, ColumnType::Int { .. })).collect();
    let widths = schemas.widths(&id, &at, &mut integers)?;
    let doubtful: Vec<&mut Column> = table.columns.iter_mut().filter(|column| is_doubtful(column)).collect();
    if doubtful.is_empty() || !name.mariadb {
        return Ok((table, widths));
    }
    let names: Vec<&str> = doubtful.iter().map(|column| column.name.as_str()).collect();
    let types = schemas.types(&id, &at, &names)?;
    let borrowed = types.iter().any(Option::is_some);
    for (column, text) in doubtful.into_iter().zip(types) {
        let is_former = matches!(column.kind, ColumnType::Former(_));
        match text {
            // MariaDB 5.3 had fractional digits before MySQL, in a form of its own.
            Some(text) if is_former && text.contains('(') => return Err(refused(&full, &column.name, &text)),
            None if is_former => {
                return Err(refused(
                    &full,
                    &column.name,
                    "in the form of MySQL 5.5 or of MariaDB 5.3, only a server can tell",
                ));
            }
            Some(text) => refine(column, &text),
            None => {}
        }
    }
    Ok((table, borrowed || widths))
}

fn refused(full: &str, column: &str, text: &str) -> Fault {
    Fault::stop(anyhow!(
        "column {full}.{column} is {text}, which can't be decoded yet; leave the table out, or convert the column"
    ))
}

/// Whether the binlog could mean another one of MariaDB's types: those that it logs as BINARY, and old temporal ones, of which it leaves the
/// fractional digits out.
fn is_doubtful(column: &Column) -> bool {
    matches!(column.kind, ColumnType::FixedBinary { length: 4 | 16, .. } | ColumnType::Former(_))
}

fn parse(name: &Name<'_>, description: &Description<'_>) -> Result<Table, Fault> {
    let full = format!("{}.{}", name.database, name.table);
    let broken = |problem| Fault::stop(anyhow::Error::new(problem).context(format!("reading the table map of {full}")));
    let mut columns = columns(description).map_err(broken)?;
    for column in &columns {
        if let ColumnType::Unsupported(text) = &column.kind {
            return Err(refused(&full, &column.name, text));
        }
    }
    if columns.len() != description.width {
        return Err(broken(super::reader::Malformed("it has fewer types than columns")));
    }
    let hidden = if name.mariadb { hide(&mut columns) } else { 0 };
    if description.key.iter().any(|ordinal| *ordinal >= columns.len()) {
        return Err(broken(super::reader::Malformed("its key has a column that it does not have")));
    }
    Ok(Table {
        version: 0,
        database: name.database.to_owned(),
        name: name.table.to_owned(),
        columns,
        hidden,
        key: description.key.clone(),
    })
}

/// Takes out MariaDB's hash columns, which come last, and says how many there were. The binlog tells them by nothing but their names:
/// a table's own last column of this name and type would be taken for one.
fn hide(columns: &mut Vec<Column>) -> usize {
    let is_hash = |column: &Column| {
        let number = column.name.strip_prefix("DB_ROW_HASH_");
        number.is_some_and(|n| n.parse::<u32>().is_ok()) && column.type_text == "bigint unsigned"
    };
    let own = columns.iter().rposition(|column| !is_hash(column)).map_or(0, |last| last + 1);
    let hidden = columns.len() - own;
    columns.truncate(own);
    hidden
}
