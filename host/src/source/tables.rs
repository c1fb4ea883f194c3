//! Which table a row event's id means, and one shared value for each version of each chosen table.
//!
//! A table map that comes again byte by byte is the same version, without another look. Where a map does not describe its table
//! whole, that ends with the next DDL statement that may change the table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// Versions are told apart within the process: several connectors may run in it.
static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// What a table id means now.
#[derive(Debug)]
enum Slot {
    /// A table that nobody chose.
    Unchosen(Box<[u8]>),
    /// A chosen table's version, and the bytes that described it.
    Chosen(Arc<[u8]>, Arc<Table>),
}

/// The last version of a table.
#[derive(Debug, Clone)]
struct Version {
    /// What described it.
    identity: Arc<[u8]>,
    /// What that means.
    table: Arc<Table>,
    /// Where it was first seen, if not all of it was in the description: what was not may have been different before.
    borrowed: Option<Spot>,
    /// And may be different by now.
    stale: bool,
}

impl Version {
    /// Whether the same description at this place means the same.
    fn holds(&self, place: &Place) -> bool {
        match &self.borrowed {
            None => true,
            Some(since) => !self.stale && since.is_up_to(&Spot::new(&place.file, place.start)),
        }
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
}

impl Tables {
    /// Of a stream that begins at `start`.
    pub(super) fn new(filter: TableFilter, catalog: Catalog, start: &Position) -> Self {
        Self {
            schemas: Schemas::new(catalog, filter.clone(), start),
            filter,
            ids: HashMap::new(),
            versions: HashMap::new(),
        }
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
    pub(super) fn last_version(&self, database: &str, table: &str) -> Option<&Arc<Table>> {
        let key = (database.to_owned(), table.to_owned());
        self.versions.get(&key).map(|version| &version.table)
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
                self.ids.retain(|_, slot| !matches!(slot, Slot::Chosen(_, table) if is_it(table)));
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
        match self.ids.get(&name.table_id) {
            Some(Slot::Unchosen(known)) if **known == *name.identity => return Ok(()),
            Some(Slot::Chosen(known, _)) if **known == *name.identity => return Ok(()),
            _ => {}
        }
        if self.ids.len() >= MOST_IDS {
            self.ids.clear();
        }
        // Until the new meaning is known, the old one must not stay.
        self.ids.remove(&name.table_id);
        let slot = if self.filter.selects(name.database, name.table) {
            let version = self.version(name, place)?;
            Slot::Chosen(version.identity, version.table)
        } else {
            Slot::Unchosen(name.identity.into())
        };
        self.ids.insert(name.table_id, slot);
        Ok(())
    }

    /// The table that rows with this id belong to: `None` for an id without a table map, `Some(None)` for a table nobody chose.
    pub(super) fn get(&self, table_id: u64) -> Option<Option<&Arc<Table>>> {
        match self.ids.get(&table_id)? {
            Slot::Unchosen(_) => Some(None),
            Slot::Chosen(_, table) => Some(Some(table)),
        }
    }

    /// The version that these bytes describe: the last one, or a new one.
    fn version(&mut self, name: &Name<'_>, place: &Place) -> Result<Version, Fault> {
        let entry = match self.versions.entry((name.database.to_owned(), name.table.to_owned())) {
            Entry::Occupied(entry) if *entry.get().identity == *name.identity && entry.get().holds(place) => {
                return Ok(entry.get().clone());
            }
            entry => entry,
        };
        let (mut table, borrowed) = describe(name, place, &mut self.schemas)?;
        let same = match &entry {
            Entry::Occupied(entry) => Some(&entry.get().table).filter(|known| {
                table.version = known.version;
                table == ***known
            }),
            Entry::Vacant(_) => None,
        };
        let table = same.cloned().unwrap_or_else(|| {
            table.version = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
            Arc::new(table)
        });
        let at = Spot::new(&place.file, place.start);
        // What was seen later says more of what comes: an XA transaction that is read again is the past.
        let is_past = matches!(&entry, Entry::Occupied(entry) if entry.get().borrowed.as_ref().is_some_and(|since| !since.is_up_to(&at)));
        let version = Version {
            identity: Arc::from(name.identity),
            table,
            borrowed: borrowed.then_some(at),
            stale: false,
        };
        if !is_past {
            entry.insert_entry(version.clone());
        }
        Ok(version)
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
