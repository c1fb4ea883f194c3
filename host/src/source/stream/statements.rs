//! QUERY events: transactions' edges, DDL, and statements in place of rows.

use anyhow::anyhow;

use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::source::ddl::Statement;
use crate::source::dml::Changed;
use crate::source::event::EventKind;
use crate::source::logged::Logged;
use crate::source::refusal::STATEMENT;
use crate::source::spot::Spot;
use crate::source::statement::{Meaning, Query};
use crate::source::unpack::unpack;

impl Interpreter {
    pub(super) fn query<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        let mut query = Query::parse(&event.body).map_err(|m| self.malformed(event, m))?;
        let text;
        if event.kind() == EventKind::CompressedQuery {
            text = unpack(query.text, self.largest).map_err(|m| self.malformed(event, m))?;
            query.text = &text;
        }
        match query.meaning() {
            Meaning::Begin => {
                if self.open {
                    return Err(self.broken_off(event));
                }
                self.announce_alone(event);
                self.open = true;
                self.hold_mixed();
                Ok(if self.skipping {
                    Change::Nothing
                } else {
                    Change::Begin(&self.transaction)
                })
            }
            Meaning::Commit => self.commit(event, 0),
            Meaning::Rollback => self.rollback(event),
            Meaning::RollbackToSavepoint => self.rollback_to(event, query),
            Meaning::Savepoint => {
                if let Some(name) = query.savepoint() {
                    self.undecided.set_savepoint(&name);
                }
                Ok(Change::Nothing)
            }
            Meaning::Xa => {
                let step = query.xa().map_err(|m| self.malformed(event, m))?;
                self.xa(event, step)
            }
            Meaning::Rows => self.in_place_of_rows(event, query),
            Meaning::Ddl => self.ddl(event, query),
        }
    }

    fn ddl<'a>(&mut self, event: &Event, query: Query<'_>) -> Result<Change<'a>, Fault> {
        if !self.open {
            self.announce_alone(event);
        }
        let (text, exact) = query.decoded();
        let at = Spot::new(&self.place.file, self.place.start);
        if let Some(logged) = Logged::of_statement(&query, &text, exact, at, self.dialect) {
            self.tables.pass(&logged);
        }
        let mut told = None;
        if !self.skipping {
            // Names are logged in UTF-8, whatever the session's character set.
            let database = String::from_utf8_lossy(query.database).into_owned();
            let statement = Statement::parse(&database, &text, self.dialect.with_mode(query.sql_mode));
            if statement.fills {
                self.lose(event, &Changed::Tables(statement.tables.clone()))?;
            }
            told = Some(Change::Ddl { database, text, statement });
        }
        if self.open {
            return Ok(told.unwrap_or(Change::Nothing));
        }
        self.before_ddl.clone_from(&self.committed);
        self.finish(event)?;
        Ok(told.unwrap_or(Change::Passed))
    }

    /// A statement that the log has in place of the rows that it changed.
    fn in_place_of_rows<'a>(&mut self, event: &Event, query: Query<'_>) -> Result<Change<'a>, Fault> {
        if !self.open {
            self.announce_alone(event);
        }
        if !self.skipping {
            let database = String::from_utf8_lossy(query.database);
            let changed = Changed::of(&database, &query.words(), self.dialect.with_mode(query.sql_mode));
            self.lose(event, &changed)?;
        }
        if self.open {
            return Ok(Change::Nothing);
        }
        self.finish(event)?;
        Ok(Change::Passed)
    }

    /// LOAD DATA, logged as a statement: pieces of the file, then the statement itself.
    pub(super) fn load_data<'a>(&mut self, event: &Event) -> Result<Change<'a>, Fault> {
        match event.code {
            EXECUTE_LOAD_QUERY => {
                let query = Query::parse_load(&event.body).map_err(|m| self.malformed(event, m))?;
                self.in_place_of_rows(event, query)
            }
            APPEND_BLOCK | DELETE_FILE | BEGIN_LOAD_QUERY => Ok(Change::Nothing),
            _ if self.skipping => Ok(Change::Nothing),
            _ => self.lose(event, &Changed::Unknown).map(|()| Change::Nothing),
        }
    }

    /// Rows were changed that the log does not tell: nothing where no chosen table is among those, else what `source.statements` says.
    fn lose(&mut self, event: &Event, changed: &Changed) -> Result<(), Fault> {
        let named = match changed {
            Changed::Tables(tables) => {
                // A server may not tell names by case, which then are logged in lower case with rows.
                let is_chosen = |(database, table): &&(String, String)| {
                    let lower = (database.to_lowercase(), table.to_lowercase());
                    self.tables.selects(database, table) || self.tables.selects(&lower.0, &lower.1)
                };
                let chosen: Vec<String> = tables.iter().filter(is_chosen).map(|(d, t)| format!("{d}.{t}")).collect();
                if chosen.is_empty() {
                    return Ok(());
                }
                chosen.join(", ")
            }
            Changed::Unknown => "tables that its text does not tell".to_owned(),
        };
        let place = self.place.describe(event);
        if !self.passes_statements {
            return Err(Fault::stop(anyhow!(
                "{place}: rows of {named} were changed by a statement, {STATEMENT}"
            )));
        }
        let count = self.lost.entry(named.clone()).or_insert(0);
        *count += 1;
        // One line for each would be as many as there are statements.
        if count.is_power_of_two() {
            let (gtid, statements) = (&self.transaction.gtid, *count);
            tracing::warn!(
                tables = named,
                place,
                gtid,
                statements,
                "rows changed by a statement are left out: the log does not tell them"
            );
        }
        Ok(())
    }
}

/// Codes of the events of LOAD DATA in servers from MySQL 5.0 on; older ones had others.
const APPEND_BLOCK: u8 = 9;
const DELETE_FILE: u8 = 11;
const BEGIN_LOAD_QUERY: u8 = 17;
const EXECUTE_LOAD_QUERY: u8 = 18;
