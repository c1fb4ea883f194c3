//! How far the copy of rows that tables have is: kept by the stages, read by whoever shows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::Left;

/// The rate is that of at least so long a time.
const WINDOW: Duration = Duration::from_secs(5);

/// How far the copy is. Clones share it; a look at it copies what it tells.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<State>>);

/// What is told of the copy at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copied {
    /// Tables that this process has had to copy, in the order in which it heard of them.
    pub tables: Vec<CopiedTable>,
    /// How many of them are not done.
    pub tables_left: usize,
    /// Rows that are dealt with, of all of them.
    pub rows: u64,
    /// Chunks that are dealt with, since the process started.
    pub chunks: u64,
    /// Rows a second of late; zero while nothing is copied.
    pub rows_per_second: f64,
}

/// What is told of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its database.
    pub database: Arc<str>,
    /// Its name.
    pub table: Arc<str>,
    /// How far it is.
    pub state: CopyState,
    /// Rows that are dealt with: sent, or told of by the stream before. Those of earlier runs count.
    pub rows: u64,
    /// About how many it had when its copy began, as the server guesses. None: not asked yet, or the server does not know.
    pub rows_about: Option<u64>,
    /// Chunks that are dealt with, since the process started.
    pub chunks: u64,
}

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// Not begun in this run.
    Waiting,
    /// Its rows are being read.
    Copying,
    /// All of its rows are on their way.
    Done,
    /// It was dropped or renamed before all of its rows were read.
    Gone,
}

#[derive(Debug, Default)]
struct State {
    tables: Vec<CopiedTable>,
    numbers: HashMap<(Arc<str>, Arc<str>), usize>,
    left: usize,
    rows: u64,
    chunks: u64,
    /// Rows at two moments, of which the first is a window old when there is a second.
    marks: Option<(Mark, Mark)>,
}

/// So many rows since the process started, then.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    rows: u64,
}

impl Progress {
    /// Nothing is copied.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is now.
    pub fn now(&self) -> Copied {
        let state = self.lock();
        Copied {
            tables: state.tables.clone(),
            ..state.totals(Instant::now())
        }
    }

    /// The same without the tables, whose number does not matter then.
    pub fn totals(&self) -> Copied {
        self.lock().totals(Instant::now())
    }

    /// Tables that are being read, at most so many.
    pub(super) fn current(&self, most: usize) -> Vec<CopiedTable> {
        let state = self.lock();
        let current = state.tables.iter().filter(|table| table.state == CopyState::Copying);
        current.take(most).cloned().collect()
    }

    /// What is left at the start of an attempt.
    pub(super) fn plan(&self, left: &[Left]) {
        let mut state = self.lock();
        for table in &mut state.tables {
            // An attempt that ended may have had tables that have come to their end since, or are none of the connector's any more.
            if matches!(table.state, CopyState::Waiting | CopyState::Copying) {
                table.state = CopyState::Done;
            }
        }
        state.left = 0;
        for left in left {
            state.wait_for(&left.database, &left.table, left.rows);
        }
    }

    /// A table is to be copied from its first row on.
    pub(super) fn add(&self, database: &str, table: &str) {
        self.lock().wait_for(database, table, 0);
    }

    /// The reading of a table begins or goes on.
    pub(super) fn begin(&self, database: &str, table: &str, rows_about: Option<u64>) {
        self.lock().change(database, table, |table| {
            table.state = CopyState::Copying;
            table.rows_about = rows_about;
        });
    }

    /// A chunk of a table is dealt with, with which it has so many rows.
    pub(super) fn chunk(&self, database: &str, table: &str, (chunk, rows): (u64, u64)) {
        let mut state = self.lock();
        state.rows += chunk;
        state.chunks += 1;
        state.mark(Instant::now());
        state.change(database, table, |table| {
            table.rows = rows;
            table.chunks += 1;
        });
    }

    /// A table is done.
    pub(super) fn end(&self, database: &str, table: &str, how: CopyState) {
        let mut state = self.lock();
        state.change(database, table, |table| table.state = how);
        state.left = state.left.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers: they stay usable whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn totals(&self, now: Instant) -> Copied {
        let rate = |(from, _): (Mark, Mark)| {
            let rows = u32::try_from(self.rows - from.rows).unwrap_or(u32::MAX);
            let seconds = now.saturating_duration_since(from.at).as_secs_f64();
            f64::from(rows) / seconds.max(0.001)
        };
        Copied {
            tables: Vec::new(),
            tables_left: self.left,
            rows: self.tables.iter().map(|table| table.rows).sum(),
            chunks: self.chunks,
            rows_per_second: self.marks.filter(|_| self.left > 0).map_or(0.0, rate),
        }
    }

    fn wait_for(&mut self, database: &str, table: &str, rows: u64) {
        if self.left == 0 {
            let now = Mark {
                at: Instant::now(),
                rows: self.rows,
            };
            self.marks = Some((now, now));
        }
        let (database, name): (Arc<str>, Arc<str>) = (database.into(), table.into());
        let waiting = CopiedTable {
            database: Arc::clone(&database),
            table: Arc::clone(&name),
            state: CopyState::Waiting,
            rows,
            rows_about: None,
            chunks: 0,
        };
        let at = *self.numbers.entry((database, name)).or_insert(self.tables.len());
        match self.tables.get_mut(at) {
            Some(table) => {
                let is_open = matches!(table.state, CopyState::Waiting | CopyState::Copying);
                self.left += usize::from(!is_open);
                *table = waiting;
            }
            None => {
                self.left += 1;
                self.tables.push(waiting);
            }
        }
    }

    fn change(&mut self, database: &str, table: &str, change: impl FnOnce(&mut CopiedTable)) {
        if let Some(at) = self.numbers.get(&(database.into(), table.into()))
            && let Some(table) = self.tables.get_mut(*at)
        {
            change(table);
        }
    }

    fn mark(&mut self, now: Instant) {
        if let Some((from, to)) = &mut self.marks
            && now.saturating_duration_since(to.at) >= WINDOW
        {
            *from = std::mem::replace(to, Mark { at: now, rows: self.rows });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(table: &str, rows: u64) -> Left {
        Left {
            rows,
            ..Left::all_of("shop", table)
        }
    }

    #[test]
    fn rows_of_earlier_runs_count_and_done_tables_stay_to_be_seen() {
        let progress = Progress::new();
        assert_eq!(progress.now(), Copied::default());
        progress.plan(&[left("orders", 70), left("items", 0)]);
        progress.begin("shop", "orders", Some(100));
        progress.chunk("shop", "orders", (20, 90));
        assert_eq!(progress.current(9).len(), 1);
        progress.end("shop", "orders", CopyState::Done);
        let now = progress.now();
        assert_eq!((now.tables_left, now.rows, now.chunks), (1, 90, 1));
        let tables: Vec<_> = now.tables.iter().map(|table| (table.state, table.rows, table.rows_about)).collect();
        assert_eq!(tables, [(CopyState::Done, 90, Some(100)), (CopyState::Waiting, 0, None)]);
    }

    #[test]
    fn a_table_that_is_copied_again_begins_at_none_and_is_counted_once() {
        let progress = Progress::new();
        progress.plan(&[left("orders", 5)]);
        progress.end("shop", "orders", CopyState::Done);
        progress.add("shop", "orders");
        progress.add("shop", "orders");
        let now = progress.now();
        assert_eq!((now.tables_left, now.rows, now.tables.len()), (1, 0, 1));
        // The next attempt has it still.
        progress.plan(&[left("orders", 3)]);
        assert_eq!((progress.totals().tables_left, progress.totals().rows), (1, 3));
        progress.plan(&[]);
        assert_eq!(progress.totals().tables_left, 0);
    }

    #[test]
    fn the_rate_is_that_of_late() {
        let progress = Progress::new();
        progress.plan(&[left("orders", 0)]);
        let (start, mut state) = (Instant::now(), progress.lock());
        let first = Mark { at: start, rows: 0 };
        state.marks = Some((first, first));
        for second in 1..=20 {
            state.rows += if second <= 10 { 1000 } else { 100 };
            state.mark(start + Duration::from_secs(second));
        }
        let rate = state.totals(start + Duration::from_secs(20)).rows_per_second;
        assert!((99.0..101.0).contains(&rate), "{rate}");
        let stalled = state.totals(start + Duration::from_secs(35)).rows_per_second;
        assert!(stalled < 50.0, "{stalled}");
    }
}
