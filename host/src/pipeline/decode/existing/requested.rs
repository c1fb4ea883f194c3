//! Copies, and changes of plugins, that somebody asked for while the connector runs.
//!
//! Keys of changed rows are noted from here on, between two transactions, so every reading has to see what the stream told before: that place
//! is settled before the first one.

use std::time::Instant;

use tracing::{info, warn};

use super::Existing;
use crate::checkpoint::Left;
use crate::pipeline::decode::{End, Job, Stage};
use crate::position::Position;

impl Stage<'_> {
    /// Between two transactions: takes up what was asked for. The checkpoint that has the tables is committed together with what takes
    /// the requests away.
    pub(in crate::pipeline::decode) fn take_requests(&mut self) -> Result<(), End> {
        let Some(existing) = &mut self.parts.existing else { return Ok(()) };
        if !existing.inbox.has_some() || self.in_transaction || self.parts.interpreter.in_transaction() {
            return Ok(());
        }
        let position = self.parts.interpreter.position();
        let mut orders = Vec::new();
        for request in existing.inbox.take() {
            orders.extend(request.plugin);
            for (database, table) in request.tables {
                if self.parts.policy.filter.selects(&database, &table) {
                    info!(request = request.id, table = format!("{database}.{table}"), "a copy was asked for");
                    existing.ask(&database, &table, position);
                } else {
                    warn!(
                        request = request.id,
                        table = format!("{database}.{table}"),
                        "a copy was asked for of a table that is not the connector's any more"
                    );
                }
            }
            existing.heeded.push(request.id);
        }
        for order in orders {
            if !self.output.push(Job::Plugin(order), 0) {
                return Err(End::Left);
            }
        }
        self.moved = true;
        self.commit_point()
    }

    /// Requests that the commit takes away whose checkpoint was made just now.
    pub(in crate::pipeline::decode) fn heeded(&mut self) -> Vec<String> {
        let existing = self.parts.existing.as_mut();
        existing.map(|existing| std::mem::take(&mut existing.heeded)).unwrap_or_default()
    }
}

impl Existing {
    /// All of a table is to be copied, whatever was copied of it before.
    fn ask(&mut self, database: &str, table: &str, position: &Position) {
        self.progress.add(database, table);
        let Some(number) = self.numbers.get(&(database.to_owned(), table.to_owned())).copied() else {
            let left = Left {
                since: Some(position.clone()),
                ..Left::again(database, table)
            };
            self.add(left, Some(position.clone()));
            return;
        };
        let Some(table) = self.tables.get_mut(number) else { return };
        table.throw(&self.desk);
        self.waiting.remove(&number);
        // A row that was told since the copy began is to come once more.
        self.noted -= table.forget(position);
        let is_done = std::mem::take(&mut table.is_done);
        table.left = Left {
            // Of one that is being copied for the first time nobody has all rows.
            again: table.left.again || is_done,
            since: Some(position.clone()),
            ..Left::all_of(&table.left.database, &table.left.table)
        };
        table.whole = false;
        (table.rows, table.chunks, table.since) = (0, 0, Instant::now());
        self.open += usize::from(is_done);
        self.desk.afresh(table.task(number), position.clone(), is_done);
    }
}
