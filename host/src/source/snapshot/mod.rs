//! Reads the rows that tables have: by SELECT alone, without a lock, over connections of its own, and says which place of the log a
//! reading is not younger than.

mod decimal;
mod form;
mod layout;
mod literal;
mod settled;

pub use layout::{KeyPlace, Layout};
pub use settled::{Goal, Mark, settled_start};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::anyhow;
use mysql_async::ServerError;

use self::literal::Words;
use self::settled::About;
use super::catalog::Catalog;
use super::connection::TextRow;
use super::effect::Id;
use super::spot::Spot;
use super::wire::{Patience, Wire};
use crate::config::Config;
use crate::fault::Fault;

/// A server may sort before it sends a first row.
const SILENCE: Duration = Duration::from_secs(600);
/// Bytes of a row beside its values.
const ROW_EXTRA: usize = 1 << 16;

/// What the session must be like, whatever the server's defaults are.
const SESSION: &str = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00', net_write_timeout = 86400, \
                       wait_timeout = 86400, character_set_results = NULL, sql_select_limit = DEFAULT, autocommit = 1";
/// What only some servers know.
const IF_KNOWN: [&str; 2] = ["SET SESSION max_execution_time = 0", "SET SESSION max_statement_time = 0"];

/// A reader of tables: one session for their rows, one for everything else.
pub struct Copier {
    config: Config,
    stop: Arc<AtomicBool>,
    rows: Wire,
    side: Wire,
    catalog: Catalog,
    about: About,
    words: Words,
    /// The statement that is being read has more rows.
    is_reading: bool,
    row: Vec<u8>,
}

/// Rows that were read.
#[derive(Debug, Default)]
pub struct Lot {
    /// Row images as the binlog has them, one after the other.
    pub images: Vec<u8>,
    /// How many.
    pub rows: usize,
    /// Place of the last one; empty without a key.
    pub last: KeyPlace,
    /// The statement has no more.
    pub is_last: bool,
}

/// Whether a table could be read.
#[derive(Debug)]
pub enum Begun {
    /// Rows come.
    Rows,
    /// It is not what its layout says any more.
    Changed,
}

impl Copier {
    /// Connects. Every wait ends with `stop`.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses.
    pub fn open(config: &Config, stop: &Arc<AtomicBool>) -> Result<Self, Fault> {
        let mut rows = Wire::open(&config.source)?;
        rows.query(SESSION)?;
        // Else a server whose default is less would show what is not committed.
        rows.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        for statement in IF_KNOWN {
            if let Err(fault @ Fault::Retry(_)) = rows.query(statement) {
                return Err(fault);
            }
        }
        let mut side = Wire::open(&config.source)?;
        let utf8mb3 = match side.query("SELECT _utf8mb3 x''") {
            Ok(_) => "utf8mb3",
            Err(Fault::Stop(_)) => "utf8",
            Err(fault) => return Err(fault),
        };
        let about = About::ask(&mut side)?;
        Ok(Self {
            config: config.clone(),
            stop: Arc::clone(stop),
            rows,
            side,
            catalog: Catalog::of_server(config, Arc::clone(stop)),
            about,
            words: Words { utf8mb3 },
            is_reading: false,
            row: Vec::new(),
        })
    }

    /// What a table is now; `None` where there is none of this name.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where the table can't be read, by its name.
    pub fn layout(&mut self, database: &str, table: &str) -> Result<Option<Layout>, Fault> {
        let id: Id = (database.to_owned(), table.to_owned());
        let read = |copier: &mut Self| {
            let reading = copier.catalog.read(&id)?;
            let Some(definition) = reading.definition else { return Ok(None) };
            let indexes = copier.side.query(&format!("SHOW INDEX FROM {}", full(&id)))?;
            let columns = copier.side.query(&format!("SHOW FULL COLUMNS FROM {}", full(&id)))?;
            let text = |row: &TextRow, at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            let collations: Vec<(String, String)> = columns.iter().map(|row| (text(row, 0), text(row, 2))).collect();
            let of_mariadb = copier.about.is_mariadb();
            Layout::new(&id, (&definition, of_mariadb), &indexes, &collations, copier.words).map(Some)
        };
        match read(self) {
            Err(fault) if is_gone(&fault) => Ok(None),
            other => other.map_err(|fault| mended(fault, &id).context(format!("reading what table {database}.{table} is"))),
        }
    }

    /// About how many rows a table has, by the server's own guess.
    pub fn estimate(&mut self, database: &str, table: &str) -> Option<u64> {
        let text = |name: &str| name.replace('\\', "\\\\").replace('\'', "''");
        let sql = format!(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = '{}' AND table_name = '{}'",
            text(database),
            text(table)
        );
        self.side.value(&sql).ok().flatten()?.parse().ok()
    }

    /// Begins to read a table behind a place, `limit` rows at most where it has a key; all of it otherwise. Then `lot` gives the rows.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where the table can't be read, by its name.
    pub fn begin(&mut self, layout: &Layout, after: Option<&KeyPlace>, limit: usize) -> Result<Begun, Fault> {
        self.drain()?;
        let sql = layout.statement(after, limit);
        let stop = Arc::clone(&self.stop);
        let types = self.rows.select(&sql, self.patience(&stop));
        let named = |fault| named(fault, layout);
        let types = match types {
            Err(fault) if is_gone(&fault) || code(&fault).is_some_and(|code| CHANGED.contains(&code)) => return Ok(Begun::Changed),
            other => other.map_err(named)?,
        };
        self.is_reading = true;
        let Some(misfit) = layout.forms.misfit(&types) else {
            return Ok(Begun::Rows);
        };
        let column = layout.table.columns.get(misfit);
        tracing::debug!(
            column = column.map(|column| &column.name),
            expected = column.map(|column| &column.type_text),
            code = types.get(misfit),
            "a column comes in another type"
        );
        Ok(Begun::Changed)
    }

    /// The next rows of the statement: until there are so many, or so many bytes. The first of them has been read when it returns.
    ///
    /// # Errors
    /// `Retry` where the connection is lost, `Reject` for a row above `limits.row`.
    pub fn lot(&mut self, layout: &Layout, most_rows: usize, most_bytes: usize) -> Result<Lot, Fault> {
        let mut lot = Lot::default();
        let mut places = Vec::new();
        let stop = Arc::clone(&self.stop);
        while lot.rows < most_rows && lot.images.len() < most_bytes {
            let patience = Patience {
                stop: &stop,
                silence: SILENCE,
                most: self.config.limits.row.saturating_add(ROW_EXTRA),
            };
            let more = self.rows.row(&mut self.row, patience);
            if !more.map_err(|fault| named(fault, layout))? {
                self.is_reading = false;
                lot.is_last = true;
                break;
            }
            layout
                .forms
                .append(&self.row, &mut lot.images, &mut places)
                .map_err(|problem| named(Fault::stop(anyhow::Error::new(problem).context("reading a row")), layout))?;
            lot.rows += 1;
        }
        if lot.rows > 0 && layout.order.is_some() {
            lot.last = layout.place(&lot.images, &places)?;
        }
        Ok(lot)
    }

    /// The end of the log now: nothing that was read so far is younger.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached.
    pub fn mark(&mut self) -> Result<Mark, Fault> {
        self.about.end(&mut self.side)
    }

    /// Leaves the rest of the statement unread.
    fn drain(&mut self) -> Result<(), Fault> {
        if self.is_reading {
            // A connection costs less than rows without end.
            *self = Self::open(&self.config, &self.stop)?;
        }
        Ok(())
    }

    fn patience<'a>(&self, stop: &'a AtomicBool) -> Patience<'a> {
        Patience {
            stop,
            silence: SILENCE,
            most: self.config.limits.row.saturating_add(ROW_EXTRA),
        }
    }
}

/// Says which table could not be copied, and what mends it.
fn named(fault: Fault, layout: &Layout) -> Fault {
    let id: Id = (layout.table.database.clone(), layout.table.name.clone());
    mended(fault, &id).context(format!("copying table {}.{}", id.0, id.1))
}

/// Says what mends an error that the server gives a reader of a table.
fn mended(fault: Fault, id: &Id) -> Fault {
    let table = full(id);
    let mend = match code(&fault) {
        Some(1044 | 1142 | 1143) => format!("the account may not read it; GRANT SELECT ON {table} TO it"),
        Some(126 | 127 | 144 | 145 | 1034 | 1035 | 1194 | 1195) => format!("it is damaged; REPAIR TABLE {table}"),
        Some(1812 | 1814) => "its file is missing or discarded; restore it (ALTER TABLE … IMPORT TABLESPACE)".to_owned(),
        _ => return fault,
    };
    fault.context(format!("{mend}, or leave the table out of source.tables"))
}

fn full(id: &Id) -> String {
    format!("{}.{}", super::catalog::quoted(&id.0), super::catalog::quoted(&id.1))
}

/// Errors of the server that say that a table is another one by now: an unknown column, an unknown key, a definition that has changed
/// since a reading was opened.
const CHANGED: [u16; 3] = [1054, 1176, 1412];

fn code(fault: &Fault) -> Option<u16> {
    let (Fault::Stop(error) | Fault::Retry(error) | Fault::Reject(error)) = fault;
    error.downcast_ref::<ServerError>().map(|error| error.code)
}

/// Whether the server says that there is no such table or database.
fn is_gone(fault: &Fault) -> bool {
    matches!(code(fault), Some(1049 | 1146))
}

fn spot_of(file: &str, pos: u64) -> Spot {
    Spot::new(file, pos)
}

/// Stops with what a person can do.
fn no_log() -> Fault {
    Fault::stop(anyhow!("the server writes no binlog; start it with log_bin"))
}
