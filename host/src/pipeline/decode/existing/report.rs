//! What the log is told of the copy, and the end of a table's.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{Copied, Existing};
use crate::pipeline::copy::Ended;
use crate::pipeline::decode::Stage;
use crate::pipeline::progress::{CopiedTable, CopyState};

/// Between two lines of progress in the log.
const REPORT: Duration = Duration::from_secs(10);
/// Tables that a line names.
const NAMED: usize = 4;

impl Stage<'_> {
    /// Tells the log now and then how far the copy is.
    pub(super) fn report_copy(&mut self) {
        let Some(existing) = &mut self.parts.existing else { return };
        if existing.open == 0 || existing.reported.elapsed() < REPORT {
            return;
        }
        existing.reported = Instant::now();
        let (now, current) = (existing.progress.totals(), existing.progress.current(NAMED));
        info!(
            rows = now.rows,
            rows_per_second = now.rows_per_second.round(),
            chunks = now.chunks,
            tables_left = now.tables_left,
            tables = current.iter().map(shown).collect::<Vec<_>>().join(", "),
            "copying tables"
        );
    }
}

/// A table and how far it is.
fn shown(table: &CopiedTable) -> String {
    let CopiedTable {
        database,
        table: name,
        rows,
        ..
    } = table;
    match table.rows_about {
        Some(about) => format!("{database}.{name} {rows} of about {about}"),
        None => format!("{database}.{name} {rows}"),
    }
}

impl Existing {
    /// Nothing more of a table is to come.
    pub(super) fn end_table(&mut self, number: usize, ended: Ended) {
        let Some(table) = self.tables.get_mut(number) else { return };
        if std::mem::replace(&mut table.is_done, true) {
            return;
        }
        self.noted -= table.forget_all();
        self.open -= 1;
        self.desk.done();
        if self.desk.talk(|talk| talk.as_ref().is_some_and(|talk| talk.table == number)) {
            self.desk.end_talk();
        }
        let how = match ended {
            Ended::Done => CopyState::Done,
            Ended::Gone => CopyState::Gone,
        };
        self.progress.end(&table.left.database, &table.left.table, how);
        let (left, time) = (self.open, table.since.elapsed());
        match ended {
            Ended::Done => info!(
                table = table.name(),
                rows = table.rows,
                chunks = table.chunks,
                ms = time.as_millis(),
                rows_per_second = per_second(table, time).round(),
                tables_left = left,
                "a table is copied"
            ),
            Ended::Gone => warn!(table = table.name(), tables_left = left, "a table is gone that was to be copied"),
        }
    }
}

fn per_second(table: &Copied, time: Duration) -> f64 {
    f64::from(u32::try_from(table.rows).unwrap_or(u32::MAX)) / time.as_secs_f64().max(0.001)
}
