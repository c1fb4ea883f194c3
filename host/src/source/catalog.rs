//! The server's catalogue: what a table is, and at which place of the log that was so.
//!
//! A definition is read while a transaction of the reader's own holds the table, which no DDL statement can pass: what was logged
//! before the place has taken effect, what takes effect later is logged after it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;
use mysql_async::ServerError;

use super::connection::{Connection, TextRow};
use super::definition::{Definition, Known, Rest};
use super::discovery::{TableRef, flavor};
use super::effect::Id;
use super::schema::Flavor;
use super::spot::Spot;
use super::start::log_status;
use crate::config::Config;
use crate::fault::Fault;
use crate::position::GtidSet;

/// How long a reading waits for a DDL statement that holds the table; what is not there then is tried again later.
const LOCK_WAIT_S: u32 = 20;
/// Tables read before the stream begins. Others are read when their first rows come.
const MOST_PRELOADED: usize = 1000;
/// Labels of an ENUM or SET that can be asked for one by one.
const MOST_LABELS: usize = 65_535;

/// The server's catalogue, or none.
#[derive(Debug, Default)]
pub struct Catalog {
    server: Option<Lookup>,
    /// Read before the stream began.
    preloaded: Vec<(Id, Reading)>,
    /// GTIDs that the server had executed before those readings.
    executed: Option<GtidSet>,
    /// Display widths matter, which no log has.
    traces_widths: bool,
}

/// What the catalogue says of a table at a place.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The end of the log while it was read.
    pub(super) at: Spot,
    /// None: there is no such table.
    pub(super) definition: Option<Arc<Definition>>,
}

#[derive(Debug)]
struct Lookup {
    config: Config,
    stop: Arc<AtomicBool>,
    /// Opened when a table is first asked for.
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    connection: Connection,
    about: Server,
}

/// What the connection is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) flavor: Flavor,
    /// `@@server_id`.
    pub(super) id: u32,
    /// Names of tables do not differ by case.
    pub(super) folds: bool,
}

impl Catalog {
    /// No catalogue: files.
    pub fn none() -> Self {
        Self::default()
    }

    /// The catalogue of the configured server, over a connection of its own. Blocks its thread while it asks, at most until `stop`.
    pub fn of_server(config: &Config, stop: Arc<AtomicBool>) -> Self {
        let lookup = Lookup {
            config: config.clone(),
            stop,
            session: None,
        };
        Self {
            server: Some(lookup),
            ..Self::default()
        }
    }

    /// The same where somebody goes by the display widths of TINYINT columns, or where nobody does.
    #[must_use]
    pub fn tracing_widths(self, traces_widths: bool) -> Self {
        Self { traces_widths, ..self }
    }

    /// Whether display widths matter.
    pub(super) fn traces_widths(&self) -> bool {
        self.traces_widths
    }

    /// Reads tables before the stream begins, where the server's log does not describe them whole: as early as can be, so that
    /// less can have changed between their rows and this.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses.
    pub fn preload(&mut self, tables: &[TableRef]) -> Result<(), Fault> {
        let Some(lookup) = &mut self.server else { return Ok(()) };
        let mut ids: Vec<Id> = tables.iter().map(|table| (table.database.clone(), table.name.clone())).collect();
        if lookup.describes_all()? {
            if !self.traces_widths {
                return Ok(());
            }
            ids = self.with_tinyint(ids)?;
        }
        self.executed = self.executed()?;
        for id in ids.into_iter().take(MOST_PRELOADED) {
            match self.read(&id) {
                Ok(reading) => self.preloaded.push((id, reading)),
                // Its rows, when they come, will say whether it matters.
                Err(fault) => {
                    tracing::warn!(database = id.0, table = id.1, reason = %fault, "a table's definition can't be read now");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Those readings, and the GTIDs that had been executed before them; they are gone here afterwards.
    pub(super) fn take_preloaded(&mut self) -> (Vec<(Id, Reading)>, Option<GtidSet>) {
        (std::mem::take(&mut self.preloaded), self.executed.take())
    }

    /// Whether there is a server to ask.
    pub(super) fn is_there(&self) -> bool {
        self.server.is_some()
    }

    /// The configuration by which the server is reached, and the wish to stop.
    pub(super) fn way(&self) -> Option<(&Config, &AtomicBool)> {
        self.server.as_ref().map(|lookup| (&lookup.config, &*lookup.stop))
    }

    /// What the server is.
    ///
    /// # Errors
    /// As `read`.
    pub(super) fn about(&mut self) -> Result<Server, Fault> {
        self.ask(|session| Ok(session.about))
    }

    /// The GTIDs that the server has executed; none on MariaDB, whose own way to start by GTID minds them, and without GTIDs.
    ///
    /// # Errors
    /// As `read`.
    pub(super) fn executed(&mut self) -> Result<Option<GtidSet>, Fault> {
        self.ask(|session| {
            if session.about.flavor == Flavor::Mariadb {
                return Ok(None);
            }
            let text = session.connection.global("gtid_executed")?;
            // A long set is cut off there: SELECT shows all of it.
            let text = match text {
                Some(_) => session.connection.value("SELECT @@GLOBAL.gtid_executed")?,
                None => None,
            };
            text.map(|text| text.parse().map_err(Fault::stop)).transpose()
        })
    }

    /// What a table is now.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached or the table is locked, `Stop` where the account may not see it or it has a type that
    /// is not known.
    pub(super) fn read(&mut self, id: &Id) -> Result<Reading, Fault> {
        self.ask(|session| session.read(id))
    }

    /// Those of these tables that have a TINYINT column.
    fn with_tinyint(&mut self, mut ids: Vec<Id>) -> Result<Vec<Id>, Fault> {
        let databases: BTreeSet<String> = ids.iter().map(|(database, _)| database.clone()).collect();
        let mut found = BTreeSet::new();
        for database in databases {
            let sql = "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = ? AND data_type = 'tinyint'";
            let names: Vec<String> = self.ask(|session| session.connection.rows(sql, (&database,)))?;
            found.extend(names.into_iter().map(|name| (database.clone(), name)));
        }
        ids.retain(|id| found.contains(id));
        Ok(ids)
    }

    fn ask<T>(&mut self, question: impl FnOnce(&mut Session) -> Result<T, Fault>) -> Result<T, Fault> {
        let Some(lookup) = &mut self.server else {
            return Err(Fault::stop(anyhow!("there is no server whose catalogue could be read")));
        };
        let answer = question(lookup.session()?);
        if answer.is_err() {
            // Whatever state it is in, and whatever it still holds.
            lookup.session = None;
        }
        answer
    }
}

impl Lookup {
    fn session(&mut self) -> Result<&mut Session, Fault> {
        if self.session.is_none() {
            self.session = Some(Session::open(&self.config)?);
        }
        self.session.as_mut().ok_or_else(|| Fault::retry(anyhow!("the connection is gone")))
    }

    /// Whether table maps of now name columns, which says nothing of those written before.
    fn describes_all(&mut self) -> Result<bool, Fault> {
        let metadata = self.session()?.connection.global("binlog_row_metadata")?;
        Ok(metadata.as_deref() == Some("FULL"))
    }
}

/// A row of `information_schema.columns`.
#[derive(Debug)]
struct Row {
    name: String,
    type_text: String,
    charset: Option<String>,
    nullable: bool,
}

impl Session {
    fn open(config: &Config) -> Result<Self, Fault> {
        let mut connection = Connection::open(config)?;
        connection.query("SET NAMES utf8mb4")?;
        connection.query(&format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))?;
        let flavor = flavor(&mut connection)?;
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
        let id = number(connection.value("SELECT @@GLOBAL.server_id")?);
        let folds = number(connection.value("SELECT @@GLOBAL.lower_case_table_names")?);
        let about = Server {
            flavor,
            id: id.unwrap_or(0),
            folds: folds != Some(0),
        };
        Ok(Self { connection, about })
    }

    fn read(&mut self, id: &Id) -> Result<Reading, Fault> {
        let (database, table) = id;
        let full = format!("{}.{}", quoted(database), quoted(table));
        let tried = |fault: Fault| fault.context(format!("reading the definition of {database}.{table}"));
        self.connection.query("START TRANSACTION")?;
        let held = self.connection.query(&format!("SELECT 1 FROM {full} LIMIT 0"));
        let definition = match held {
            Err(fault) if is_missing(&fault) => None,
            Err(fault) => return Err(tried(fault)),
            Ok(_) => Some(Arc::new(self.define(id, &full).map_err(tried)?)),
        };
        let status = log_status(&mut self.connection)?;
        self.connection.query("COMMIT")?;
        let field = |at: usize| status.as_ref().and_then(|row| row.get(at)).cloned().flatten();
        match (field(0), field(1).and_then(|pos| pos.parse().ok())) {
            (Some(file), Some(pos)) => Ok(Reading {
                at: Spot { file, pos },
                definition,
            }),
            _ => Err(Fault::retry(anyhow!("the server shows no end of its binlog"))),
        }
    }

    fn define(&mut self, (database, table): &Id, full: &str) -> Result<Definition, Fault> {
        let mut columns = Vec::new();
        for row in self.columns(database, table)? {
            let unknown = format!(
                "column {database}.{table}.{} is {}, a type that is not known",
                row.name, row.type_text
            );
            let known = Known::new(row.name, row.type_text, row.charset.as_deref(), row.nullable);
            let mut known = known.ok_or_else(|| Fault::stop(anyhow!("{unknown}; leave the table out")))?;
            if let Rest::Labels(labels, true) = &known.form.rest {
                let is_set = known.type_text.starts_with("set");
                if let Some(exact) = self.labels(&known.name, full, labels.len(), is_set)? {
                    known.form.rest = Rest::Labels(exact, false);
                }
            }
            columns.push(known);
        }
        let mut definition = Definition {
            columns,
            ..Definition::default()
        };
        let indexes = self.connection.query(&format!("SHOW INDEX FROM {full}"))?;
        definition.take_key(&indexes);
        if self.about.flavor == Flavor::Mariadb {
            self.hidden(database, table, &indexes, &mut definition)?;
        }
        Ok(definition)
    }

    /// Columns that MariaDB logs behind all others and shows nowhere: the period of a table with system versioning, whose end is also the
    /// last part of each key, and a hash for each unique key over whole texts.
    fn hidden(&mut self, database: &str, table: &str, indexes: &[TextRow], definition: &mut Definition) -> Result<(), Fault> {
        // Two plain questions: one with the other within it ends MariaDB 10.11.
        let sql = "SELECT table_type, engine FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
        let rows: Vec<(String, Option<String>)> = self.connection.rows(sql, (database, table))?;
        let Some((kind, engine)) = rows.into_iter().next() else {
            return Ok(());
        };
        let mut is_versioned = kind == "SYSTEM VERSIONED";
        if is_versioned {
            let sql = "SELECT generation_expression FROM information_schema.columns WHERE table_schema = ? AND table_name = ?";
            let rows: Vec<Option<String>> = self.connection.rows(sql, (database, table))?;
            // Else its period is shown among its columns.
            is_versioned = !rows.iter().flatten().any(|expression| expression == "ROW END");
        }
        let mut add = |name: &str, type_text: &str, nullable: bool| {
            let known = Known::new(name.to_owned(), type_text.to_owned(), None, nullable);
            definition.columns.extend(known);
        };
        if is_versioned {
            add("row_start", "timestamp(6)", false);
            add("row_end", "timestamp(6)", false);
        }
        // Tables in memory have such indexes of their own.
        let hashed = engine.is_some_and(|engine| engine != "MEMORY");
        let mut hashes: Vec<(&str, bool)> = Vec::new();
        for row in indexes.iter().filter(|_| hashed) {
            let field = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
            if field(1) != "0" || field(10) != "HASH" {
                continue;
            }
            // Of a NULL there is no hash.
            let nullable = field(9) == "YES";
            match hashes.last_mut() {
                Some((name, some)) if *name == field(2) => *some |= nullable,
                _ => hashes.push((field(2), nullable)),
            }
        }
        for (at, (_, nullable)) in hashes.into_iter().enumerate() {
            add(&format!("DB_ROW_HASH_{}", at + 1), "bigint(20) unsigned", nullable);
        }
        if is_versioned && !definition.key.is_empty() {
            definition.key.push("row_end".to_owned());
        }
        Ok(())
    }

    fn columns(&mut self, database: &str, table: &str) -> Result<Vec<Row>, Fault> {
        type Line = (String, String, String, String, Option<String>, String);
        let sql = "SELECT table_schema, table_name, column_name, column_type, character_set_name, is_nullable \
                   FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";
        let lines: Vec<Line> = self.connection.rows(sql, (database, table))?;
        // Old catalogues compare names without case and accents, whatever the names of files do.
        let folds = self.about.folds;
        let mine = lines.into_iter().filter(|line| folds || (line.0 == database && line.1 == table));
        Ok(mine
            .map(|(_, _, name, type_text, charset, nullable)| Row {
                name,
                type_text,
                charset,
                nullable: nullable == "YES",
            })
            .collect())
    }

    /// The labels of an ENUM or SET one by one, as values of the column's own type: the texts in the catalogue lack characters. `None`
    /// where the server can't be asked so (before MySQL 8.0).
    fn labels(&mut self, column: &str, full: &str, count: usize, is_set: bool) -> Result<Option<Vec<String>>, Fault> {
        let limit = match self.about.flavor {
            Flavor::Mysql => "cte_max_recursion_depth",
            Flavor::Mariadb => "max_recursive_iterations",
        };
        if self.connection.global(limit)?.is_none() {
            return Ok(None);
        }
        self.connection.query(&format!("SET SESSION {limit} = {MOST_LABELS}"))?;
        // A number put into the column's type is the label with that number.
        let value = if is_set { "1 << n" } else { "n + 1" };
        let column = quoted(column);
        let rows = self.connection.query(&format!(
            "WITH RECURSIVE c (n, label) AS (SELECT 0, {column} FROM {full} RIGHT JOIN (SELECT 1) AS one ON FALSE \
             UNION ALL SELECT n + 1, {value} FROM c WHERE n < {count}) SELECT label FROM c WHERE n > 0 ORDER BY n"
        ))?;
        let labels: Option<Vec<String>> = rows.into_iter().map(|row| row.into_iter().next().flatten()).collect();
        Ok(labels.filter(|labels| labels.len() == count))
    }
}

/// A name between backticks.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Whether the server says that there is no such table or database.
fn is_missing(fault: &Fault) -> bool {
    let (Fault::Stop(error) | Fault::Retry(error) | Fault::Reject(error)) = fault;
    error
        .downcast_ref::<ServerError>()
        .is_some_and(|error| matches!(error.code, 1049 | 1146))
}
