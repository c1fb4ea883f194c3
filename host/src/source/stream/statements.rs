//! QUERY events: transactions' edges, DDL, and statements in place of rows.

use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::source::ddl::Statement;
use crate::source::event::EventKind;
use crate::source::refusal::STATEMENT;
use crate::source::statement::{Meaning, Query};
use crate::source::unpack::unpack;

impl Interpreter {
    pub(super) fn query<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
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
            Meaning::Rows => {
                let emptied = query.emptied_table();
                let harmless = self.skipping || emptied.is_some_and(|(database, table)| !self.tables.selects(&database, &table));
                if !harmless {
                    return Err(self.stop(event, STATEMENT));
                }
                if self.open {
                    return Ok(Change::Nothing);
                }
                self.announce_alone(event);
                self.finish(event)?;
                Ok(Change::Passed)
            }
            Meaning::Ddl => {
                if !self.open {
                    self.announce_alone(event);
                    self.before_ddl.clone_from(&self.committed);
                    self.finish(event)?;
                }
                if self.skipping {
                    return Ok(if self.open { Change::Nothing } else { Change::Passed });
                }
                // Names are logged in UTF-8, whatever the session's character set.
                let (database, text) = (String::from_utf8_lossy(query.database).into_owned(), query.words());
                let statement = Statement::parse(&database, &text, self.dialect.with_mode(query.sql_mode));
                Ok(Change::Ddl { database, text, statement })
            }
        }
    }
}
