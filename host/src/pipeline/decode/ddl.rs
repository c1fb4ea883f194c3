//! DDL statements among the changes: barriers, topics of tables that appear, records of their own, and stops on request.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::{Value, json};
use tracing::{debug, warn};

use super::{End, Job, Stage};
use crate::batch::describe_columns;
use crate::config::Ddl;
use crate::fault::Fault;
use crate::source::{self, Flavor, Operation, Server, Statement};

/// Characters of a statement that a reason shows.
const SHOWN: usize = 400;
/// Topics in one control event.
const MOST_TOPICS: usize = 500;

/// A statement as it came.
pub(super) struct Arrived {
    pub(super) text: String,
    pub(super) statement: Statement,
    /// Milliseconds in its event's header.
    pub(super) header_ms: i64,
}

impl Stage<'_> {
    /// What follows may mean something else. A statement of its own is committed; one within a transaction (CREATE TABLE …
    /// SELECT) only closes the builders.
    pub(super) fn ddl(&mut self, arrived: &Arrived) -> Result<(), End> {
        let statement = &arrived.statement;
        let chosen = self.chosen(statement);
        debug!(operation = statement.operation.name(), tables = chosen.len(), "ddl statement");
        if !chosen.is_empty() && self.parts.policy.ddl == Ddl::Fail && statement.operation != Operation::Query {
            self.fail(arrived, &chosen)?;
        }
        self.close_batches()?;
        if let Some(existing) = self.parts.existing.as_mut().filter(|_| statement.operation != Operation::Query) {
            let place = self.parts.interpreter.position();
            for (database, table) in statement.tables.iter().chain(&chosen) {
                existing.changed(database, table, place);
            }
        }
        self.join(statement, &chosen)?;
        if self.parts.policy.ddl == Ddl::Forward {
            for (database, table) in &chosen {
                self.forward(arrived, database, table)?;
            }
        }
        if !matches!(statement.operation, Operation::Truncate | Operation::Query) {
            for (database, table) in statement.tables.iter().chain(&chosen) {
                self.parts.interpreter.forget_version(database, table);
            }
        }
        if self.parts.interpreter.in_transaction() {
            return Ok(());
        }
        self.in_transaction = false;
        self.moved = true;
        self.commit_point()
    }

    /// The chosen tables that a statement touches. Those of a dropped database are known by their topics.
    fn chosen(&self, statement: &Statement) -> Vec<(String, String)> {
        let filter = &self.parts.policy.filter;
        let named = statement.tables.iter().filter(|(database, table)| filter.selects(database, table));
        let mut chosen: Vec<(String, String)> = named.cloned().collect();
        if let Some(dropped) = &statement.dropped_database {
            let mut within: Vec<_> = self
                .parts
                .owners
                .values()
                .filter(|(database, _)| database == dropped)
                .cloned()
                .collect();
            within.sort();
            chosen.extend(within);
        }
        chosen
    }

    /// Stops before the statement, unless it is the one that may pass.
    fn fail(&mut self, arrived: &Arrived, chosen: &[(String, String)]) -> Result<(), End> {
        let transaction = self.parts.interpreter.transaction();
        let place = format!("{}:{}", transaction.file, transaction.pos);
        let id = if transaction.gtid.is_empty() { &place } else { &transaction.gtid };
        if let Some(past) = &self.parts.policy.resume_past_ddl
            && (*past == *id || *past == place)
        {
            warn!(statement = id, "going on past a ddl statement, as asked");
            return Ok(());
        }
        let tables: Vec<String> = chosen.iter().map(|(database, table)| format!("{database}.{table}")).collect();
        let reason = anyhow!(
            "source.ddl is \"fail\", and the ddl statement at {place} touches {}: {}; to go on past it, run with --resume-past-ddl {id}",
            tables.join(", "),
            shown(&arrived.text)
        );
        let before = self.parts.interpreter.before_ddl().clone();
        if self.open_rows == 0 {
            // Everything before it is delivered, and the next start meets it again.
            self.commit_at(before)?;
        }
        Err(Fault::stop(reason).into())
    }

    /// Makes the topics of chosen tables that come into being, without waiting for their first row: the catalogue knows
    /// whether they have a key, unless they are gone already.
    fn join(&mut self, statement: &Statement, chosen: &[(String, String)]) -> Result<(), End> {
        if !matches!(statement.operation, Operation::Create | Operation::Rename | Operation::Alter) {
            return Ok(());
        }
        let known = |(database, table): &(String, String)| {
            let name = self.parts.topics.name(database, table);
            self.parts.owners.contains_key(name.as_str())
        };
        let fresh: Vec<(String, String)> = chosen.iter().filter(|table| !known(table)).cloned().collect();
        let Some(config) = self.parts.policy.lookup.as_ref().filter(|_| !fresh.is_empty()) else {
            return Ok(());
        };
        self.warn_of_former_rows(statement, &fresh);
        match source::tables(config) {
            Ok(tables) => {
                for table in tables {
                    if fresh
                        .iter()
                        .any(|(database, name)| *database == table.database && *name == table.name)
                    {
                        self.topic(&table.database, &table.name, table.has_key)?;
                    }
                }
            }
            Err(fault) => warn!(reason = %fault, "new tables can't be looked up; their topics are made with their first row"),
        }
        Ok(())
    }

    /// A table that gets a chosen name, and had one that is not, may have rows that nobody was told of.
    fn warn_of_former_rows(&self, statement: &Statement, fresh: &[(String, String)]) {
        let filter = &self.parts.policy.filter;
        if statement.operation == Operation::Create || statement.tables.iter().all(|(database, table)| filter.selects(database, table)) {
            return;
        }
        for (database, table) in fresh {
            warn!(
                table = format!("{database}.{table}"),
                mend = "rowmill snapshot -c CONNECTOR.toml --table TABLE copies them",
                "a table has got a name that is chosen: rows that it had before are in no topic"
            );
        }
    }

    /// Sends a record of the statement to a table's topic. It takes one number.
    fn forward(&mut self, arrived: &Arrived, database: &str, table: &str) -> Result<(), End> {
        let topic = self.topic(database, table, true)?;
        let inside = self.parts.interpreter.in_transaction();
        if inside {
            self.take_begin_number();
            self.mark_begin(&topic)?;
            self.open_rows += 1;
        }
        let seq = self.take_number();
        let transaction = self.parts.interpreter.transaction();
        let server = &self.parts.policy.server;
        let mut event = json!({
            "event": "ddl",
            "seq": seq,
            "ts": transaction.commit_time_ms.unwrap_or(arrived.header_ms),
            "checkpoint_ts": transaction.checkpoint_time_ms,
            "operation": arrived.statement.operation.name(),
            "text": arrived.text,
            "database": database,
            "table": table,
            "gtid": Some(&transaction.gtid).filter(|gtid| !gtid.is_empty()),
            "flavor": flavor(server),
            "server_version": server.version,
        });
        if let (Some(version), Some(members)) = (self.parts.interpreter.last_version(database, table), event.as_object_mut()) {
            members.insert("columns".to_owned(), describe_columns(&version));
            members.insert("key".to_owned(), json!(version.key));
        }
        self.control(&event, &[topic])
    }

    /// The next sequence number.
    pub(super) fn take_number(&mut self) -> u64 {
        let number = self.parts.next_sequence;
        self.parts.next_sequence += 1;
        number
    }

    /// Hands on an event that is not rows, after all batches that were sent before it: to a few topics at a time, since a
    /// plugin may name only so many in one call.
    pub(super) fn control(&mut self, event: &Value, topics: &[Arc<str>]) -> Result<(), End> {
        let text = event.get("text").and_then(Value::as_str).map_or(0, str::len);
        self.first_uncommitted.get_or_insert_with(std::time::Instant::now);
        for some in topics.chunks(MOST_TOPICS) {
            let mut event = event.clone();
            if let Some(members) = event.as_object_mut() {
                members.insert("topics".to_owned(), some.iter().map(|topic| Value::from(&**topic)).collect());
            }
            if !self.output.push(Job::Control(Box::new(event), some.to_vec()), text) {
                return Err(End::Left);
            }
        }
        Ok(())
    }
}

/// As control events name it.
pub(super) fn flavor(server: &Server) -> &'static str {
    match server.flavor {
        Flavor::Mysql => "mysql",
        Flavor::Mariadb => "mariadb",
    }
}

/// On one line, cut where it is long.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
