//! Which table a row event's id means, and one shared value for each version of each chosen table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::anyhow;

use super::catalog::Catalog;
use super::columns::columns;
use super::schema::{Column, ColumnType, Table};
use super::table_map::{Description, Name};
use crate::config::TableFilter;
use crate::fault::Fault;

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

/// The last version of a table: the bytes that described it, and what they mean.
type Version = (Arc<[u8]>, Arc<Table>);

/// Tables by id, and their versions.
#[derive(Debug)]
pub(super) struct Tables {
    filter: TableFilter,
    catalog: Catalog,
    ids: HashMap<u64, Slot>,
    /// By database and table: an id that changes is no new version.
    versions: HashMap<(String, String), Version>,
}

impl Tables {
    pub(super) fn new(filter: TableFilter, catalog: Catalog) -> Self {
        Self {
            filter,
            catalog,
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
        self.versions.get(&key).map(|(_, table)| table)
    }

    /// Forgets a table's version: the next table map makes a new one.
    pub(super) fn forget_version(&mut self, database: &str, table: &str) {
        self.versions.remove(&(database.to_owned(), table.to_owned()));
    }

    /// Whether rows of this table are wanted.
    pub(super) fn selects(&self, database: &str, table: &str) -> bool {
        self.filter.selects(database, table)
    }

    /// Notes what a table map says.
    ///
    /// # Errors
    /// `Stop` for a chosen table's map that is malformed, lacks names, or has a column that can't be decoded; as the catalogue's where
    /// only that can tell a type.
    pub(super) fn map(&mut self, name: &Name<'_>) -> Result<(), Fault> {
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
            let (bytes, table) = self.version(name)?;
            Slot::Chosen(bytes, table)
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
    fn version(&mut self, name: &Name<'_>) -> Result<Version, Fault> {
        let key = (name.database.to_owned(), name.table.to_owned());
        let entry = match self.versions.entry(key) {
            Entry::Occupied(entry) if *entry.get().0 == *name.identity => return Ok(entry.get().clone()),
            entry => entry,
        };
        let mut table = parse(name).map_err(Fault::stop)?;
        self.catalog.refine(name.database, name.table, &mut table.columns)?;
        let table = Arc::new(table);
        let version = (Arc::from(name.identity), table);
        entry.insert_entry(version.clone());
        Ok(version)
    }
}

fn parse(name: &Name<'_>) -> anyhow::Result<Table> {
    let full = format!("{}.{}", name.database, name.table);
    let broken = |problem| anyhow::Error::new(problem).context(format!("reading the table map of {full}"));
    let description = Description::parse(name).map_err(broken)?;
    if description.names.is_empty() && description.width > 0 {
        return Err(anyhow!(
            "the binlog does not name the columns of {full}: it was written with binlog_row_metadata=MINIMAL; run SET GLOBAL \
             binlog_row_metadata=FULL on the server and start after that"
        ));
    }
    let mut columns = columns(&description).map_err(broken)?;
    for column in &columns {
        if let ColumnType::Unsupported(text) = &column.kind {
            return Err(anyhow!(
                "column {full}.{} is {text}, which can't be decoded yet; leave the table out, or convert the column",
                column.name
            ));
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
        version: NEXT_VERSION.fetch_add(1, Ordering::Relaxed),
        database: name.database.to_owned(),
        name: name.table.to_owned(),
        columns,
        hidden,
        key: description.key,
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
