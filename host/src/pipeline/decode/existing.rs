//! Rows that tables had before the stream began, among its changes.
//!
//! A chunk waits until the stream has passed the place up to which its reading may have seen changes. Rows that the stream has told
//! of meanwhile are left out of it: they were told better. So what goes out is right at the place where it does. See
//! `docs/decisions/snapshot.md`.

mod noting;
mod report;
mod requested;
mod send;

pub(in crate::pipeline) use self::noting::is_up_to;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::batch::Keys;
use crate::checkpoint::Left;
use crate::pipeline::copy::{Chunk, Desk, Task, Until};
use crate::pipeline::progress::Progress;
use crate::pipeline::requests::Inbox;
use crate::position::Position;
use crate::source::Image;

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
    progress: Progress,
    /// When the log was last told of it.
    reported: Instant,
    /// What others ask for.
    inbox: Inbox,
    /// Requests that were taken up: they go with the next commit.
    heeded: Vec<String>,
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
    /// Rows that were sent, and chunks, since then.
    rows: u64,
    chunks: u64,
    since: Instant,
}

impl Existing {
    /// Of what is left.
    pub(in crate::pipeline) fn new(left: Vec<Left>, (room, ends): (usize, bool), progress: Progress, inbox: Inbox) -> Self {
        progress.plan(&left);
        let mut existing = Self {
            desk: Arc::new(Desk::new(room)),
            numbers: HashMap::new(),
            versions: HashMap::new(),
            open: 0,
            tables: Vec::new(),
            waiting: BTreeSet::new(),
            heard: false,
            noted: 0,
            most_noted: room / 2,
            pauses: false,
            ends,
            conflict: false,
            progress,
            reported: Instant::now(),
            inbox,
            heeded: Vec::new(),
        };
        for left in left {
            // What is before the stream's beginning the readers settle by themselves.
            existing.add(left, None);
        }
        existing
    }

    /// What those who read tables have in common with the stage.
    pub(in crate::pipeline) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// One more table. What is before the place is settled before it is read.
    fn add(&mut self, left: Left, settled: Option<Position>) {
        let (number, name) = (self.tables.len(), (left.database.clone(), left.table.clone()));
        let table = Copied::new(left);
        self.desk.add(table.task(number), name.clone(), settled);
        self.numbers.insert(name, number);
        self.versions.clear();
        self.tables.push(table);
        self.open += 1;
    }

    /// What is left now.
    pub(super) fn left(&self) -> Vec<Left> {
        self.tables
            .iter()
            .filter(|table| !table.is_done)
            .map(|table| table.left.clone())
            .collect()
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
            chunks: 0,
            since: Instant::now(),
        }
    }

    fn name(&self) -> String {
        format!("{}.{}", self.left.database, self.left.table)
    }

    /// It is read from the first row on.
    fn rewind(&mut self) {
        self.left.after = None;
        self.left.rows = 0;
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

    /// Forgets which rows were told of before this place: bytes.
    fn forget(&mut self, place: &Position) -> usize {
        if self.left.since.is_some() {
            self.left.since = Some(place.clone());
        }
        self.forget_all()
    }

    /// Forgets which rows were told of: bytes.
    fn forget_all(&mut self) -> usize {
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
