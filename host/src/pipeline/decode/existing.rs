//! Rows that tables had before the stream began, among its changes.
//!
//! A chunk waits until the stream has passed the place up to which its reading may have seen changes. Rows that the stream has told
//! of meanwhile are left out of it: they were told better. So what goes out is right at the place where it does. See
//! `docs/decisions/snapshot.md`.

mod send;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::batch::{Keys, Told};
use crate::checkpoint::Left;
use crate::pipeline::copy::{Chunk, Desk, Step, Talk, Task, Until};
use crate::source::{Image, Rows, Transaction};

/// Bytes that a key takes in a set beside its own.
const KEY_OVERHEAD: usize = 48;

/// What the stage knows of the tables that are being copied.
pub(in crate::pipeline) struct Existing {
    desk: Arc<Desk>,
    tables: Vec<Copied>,
    numbers: HashMap<(String, String), usize>,
    /// Of the stream's table versions.
    versions: HashMap<u32, Option<usize>>,
    /// Tables that are not done.
    open: usize,
    /// Tables of which chunks wait.
    waiting: BTreeSet<usize>,
    /// The stream has said where it is.
    heard: bool,
    /// Bytes of keys that are noted, and how many there may be.
    noted: usize,
    most_noted: usize,
    /// Readers of some tables are to pause.
    pauses: bool,
    /// The run ends with the last row.
    ends: bool,
    conflict: bool,
}

/// A table that is being copied.
struct Copied {
    left: Left,
    is_done: bool,
    /// Of the stream's version with this number.
    keys: Option<(u32, Option<Keys>)>,
    /// Rows that the stream has told of as a whole, by their keys.
    told: HashSet<Box<[u8]>>,
    /// Rows of which it has told a part.
    part: HashSet<Box<[u8]>>,
    /// Which rows it has told of is not known.
    blind: bool,
    /// It is read as a whole.
    whole: bool,
    noted: usize,
    /// Its reader is to pause, so that what is noted may be forgotten.
    pauses: bool,
    waiting: VecDeque<Chunk>,
    rows: u64,
    since: Instant,
}

impl Existing {
    /// Of what is left; `None` where nothing is.
    pub(in crate::pipeline) fn new(left: Vec<Left>, room: usize, ends: bool) -> Option<(Self, Arc<Desk>)> {
        if left.is_empty() {
            return None;
        }
        let task = |(table, left): (usize, &Left)| Task {
            table,
            after: left.after.clone(),
            order: left.order.clone(),
            whole: false,
            epoch: 0,
        };
        let desk = Arc::new(Desk::new(left.iter().enumerate().map(task).collect(), room));
        let numbers = left
            .iter()
            .enumerate()
            .map(|(at, left)| ((left.database.clone(), left.table.clone()), at));
        let existing = Self {
            desk: Arc::clone(&desk),
            numbers: numbers.collect(),
            versions: HashMap::new(),
            open: left.len(),
            tables: left.into_iter().map(Copied::new).collect(),
            waiting: BTreeSet::new(),
            heard: false,
            noted: 0,
            most_noted: room / 2,
            pauses: false,
            ends,
            conflict: false,
        };
        Some((existing, desk))
    }

    /// What is left now.
    pub(super) fn left(&self) -> Vec<Left> {
        self.tables
            .iter()
            .filter(|table| !table.is_done)
            .map(|table| table.left.clone())
            .collect()
    }

    fn number(&mut self, rows: &Rows<'_>) -> Option<usize> {
        let Self { versions, numbers, .. } = self;
        let look_up = || numbers.get(&(rows.table.database.clone(), rows.table.name.clone())).copied();
        *versions.entry(rows.table.version).or_insert_with(look_up)
    }

    /// Notes which rows the stream tells of. `true`: they are to be left out, since they are in the table when it is read, and can't be
    /// told apart there.
    pub(super) fn leaves_out(&mut self, rows: &Rows<'_>, transaction: &Transaction) -> bool {
        if self.open == 0 {
            return false;
        }
        let Some(number) = self.number(rows) else { return false };
        let Some(table) = self.tables.get_mut(number).filter(|table| !table.is_done) else {
            return false;
        };
        let conflict = &mut self.conflict;
        let is_talked_of = self.desk.talk(|talk| {
            let talk = talk.as_ref().filter(|talk| talk.table == number);
            if let Some(Talk {
                step: Step::Goal(goal), ..
            }) = talk
            {
                *conflict |= !goal.has(&transaction.gtid);
            }
            talk.is_some()
        });
        let version = rows.table.version;
        if table.keys.as_ref().is_none_or(|(known, _)| *known != version) {
            table.keys = Some((version, Keys::of(rows.table)));
        }
        let Some((_, Some(keys))) = &table.keys else {
            if !std::mem::replace(&mut table.whole, true) {
                table.left.after = None;
                table.throw(&self.desk);
                self.waiting.remove(&number);
                if !is_talked_of {
                    self.desk.again(table.task(number));
                }
            }
            return true;
        };
        let (told, part, noted) = (&mut table.told, &mut table.part, &mut table.noted);
        let (before, mut has_moved) = (*noted, false);
        let known = keys.each(rows, |key, how| match how {
            Told::Whole => {
                part.remove(key);
                if !told.contains(key) {
                    told.insert(key.into());
                    *noted += key.len() + KEY_OVERHEAD;
                }
            }
            Told::Part | Told::Moved => {
                // What the row has beside its new key may have been told under the old one, or be still to be read there.
                has_moved |= how == Told::Moved;
                if how == Told::Moved {
                    told.remove(key);
                }
                if !told.contains(key) && part.insert(key.into()) {
                    *noted += key.len() + KEY_OVERHEAD;
                }
            }
        });
        self.noted += *noted - before;
        table.blind |= !known;
        if has_moved && !table.whole {
            // It may have moved to where the copy has been: the copy begins anew.
            table.left.after = None;
            table.throw(&self.desk);
            self.waiting.remove(&number);
            if !is_talked_of {
                self.desk.again(table.task(number));
            }
        }
        false
    }

    /// A statement changes a table: what was read of it counts no more.
    pub(super) fn changed(&mut self, database: &str, table: &str) {
        let Some(number) = self.numbers.get(&(database.to_owned(), table.to_owned())).copied() else {
            return;
        };
        let Some(table) = self.tables.get_mut(number).filter(|table| !table.is_done) else {
            return;
        };
        table.throw(&self.desk);
        self.waiting.remove(&number);
        // Keys may be stored in another form from here on, so that the same row can't be told by them.
        self.noted -= table.forget();
        table.keys = None;
        self.desk.again(table.task(number));
    }
}

impl Copied {
    fn new(left: Left) -> Self {
        Self {
            left,
            is_done: false,
            keys: None,
            told: HashSet::new(),
            part: HashSet::new(),
            blind: false,
            whole: false,
            noted: 0,
            pauses: false,
            waiting: VecDeque::new(),
            rows: 0,
            since: Instant::now(),
        }
    }

    fn name(&self) -> String {
        format!("{}.{}", self.left.database, self.left.table)
    }

    fn task(&self, table: usize) -> Task {
        Task {
            table,
            after: self.left.after.clone().filter(|_| !self.whole),
            order: self.left.order.clone(),
            whole: self.whole,
            epoch: 0,
        }
    }

    /// Throws away what waits.
    fn throw(&mut self, desk: &Desk) {
        for chunk in self.waiting.drain(..) {
            desk.gone(&chunk);
        }
    }

    /// Forgets which rows were told of: bytes.
    fn forget(&mut self) -> usize {
        self.told = HashSet::new();
        self.part = HashSet::new();
        self.blind = false;
        std::mem::take(&mut self.noted)
    }
}

/// The rows of a chunk that the stream has not told of.
enum Rest {
    /// All.
    All,
    /// These images.
    Some(Vec<u8>, usize),
    /// Of one of them the stream has told a part: how it is now, only the table can say.
    Unsure,
}

impl Copied {
    fn rest(&self, chunk: &Chunk, whole: &Image) -> Rest {
        let now = matches!(chunk.until, Until::Now);
        if self.blind && !now {
            return Rest::Unsure;
        }
        if self.told.is_empty() && (self.part.is_empty() || now) {
            return Rest::All;
        }
        let Some(layout) = &chunk.layout else { return Rest::All };
        let Some(keys) = Keys::of(&layout.table) else { return Rest::All };
        let (mut kept, mut rows, mut unsure) = (Vec::with_capacity(chunk.lot.images.len()), 0, false);
        let split = keys.split(&chunk.lot.images, whole, |row, key| {
            if !self.told.contains(key) {
                unsure |= self.part.contains(key);
                kept.extend_from_slice(row);
                rows += 1;
            }
        });
        if (unsure || !split) && !now {
            return Rest::Unsure;
        }
        Rest::Some(kept, rows)
    }
}

/// Lets the readers go when the stage ends.
impl Drop for Existing {
    fn drop(&mut self) {
        self.desk.close();
    }
}
