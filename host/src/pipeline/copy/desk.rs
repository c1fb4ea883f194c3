//! Where those who read tables and the stage that tells of changes meet: what is to be read, what was read, and when to wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::talk::Talk;
use super::task::{Chunk, Next, Task};
use crate::position::Position;

/// What is known of a table.
#[derive(Debug)]
struct Table {
    /// Its database, its name.
    name: Arc<(String, String)>,
    epoch: u64,
    /// A reader has it.
    busy: bool,
    /// And is reading rows of it.
    reading: bool,
    /// It may not go on.
    paused: bool,
    /// Chunks that were read and have not gone out.
    pending: usize,
    /// What has to be settled before more of it is read.
    barrier: Option<Position>,
}

#[derive(Debug)]
pub(super) struct State {
    closed: bool,
    todo: VecDeque<Task>,
    tables: Vec<Table>,
    arrivals: VecDeque<Chunk>,
    /// Bytes of chunks that have not gone out.
    bytes: usize,
    urgent: Option<(Task, Position)>,
    /// Tables that are not done.
    open: usize,
    /// The talk about a table that is read as a whole.
    pub(super) talk: Option<Talk>,
}

/// See above.
#[derive(Debug)]
pub(in crate::pipeline) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes that may wait.
    room: usize,
    /// Arrivals and talks that nobody has looked at.
    news: AtomicUsize,
    /// Set when nobody wants rows any more, for those who wait for a server.
    over: Arc<AtomicBool>,
}

impl Desk {
    /// Without a table. So many bytes may wait.
    pub(in crate::pipeline) fn new(room: usize) -> Self {
        Self {
            state: Mutex::new(State {
                closed: false,
                open: 0,
                tables: Vec::new(),
                todo: VecDeque::new(),
                arrivals: VecDeque::new(),
                bytes: 0,
                urgent: None,
                talk: None,
            }),
            changed: Condvar::new(),
            room,
            news: AtomicUsize::new(0),
            over: Arc::default(),
        }
    }

    /// One more table, which gets the next number. What is before `position` is settled before it is read.
    pub(in crate::pipeline) fn add(&self, task: Task, name: (String, String), position: Option<Position>) {
        let mut state = self.lock();
        state.tables.push(Table {
            name: Arc::new(name),
            epoch: 0,
            busy: false,
            reading: false,
            paused: false,
            pending: 0,
            barrier: position,
        });
        state.open += 1;
        state.todo.push_back(task);
        drop(state);
        self.changed.notify_all();
    }

    /// Database and name of a table.
    pub(super) fn name(&self, table: usize) -> Option<Arc<(String, String)>> {
        self.lock().tables.get(table).map(|table| Arc::clone(&table.name))
    }

    /// Bytes of one lot.
    pub(super) fn lot_bytes(&self) -> usize {
        (self.room / 4).max(1)
    }

    /// What a reader is to do that has this table, and connections or none.
    pub(super) fn next(&self, current: Option<&Task>, is_connected: bool) -> Next {
        let mut state = self.lock();
        if let Some(task) = current
            && let Some(table) = state.tables.get_mut(task.table)
            && table.reading
        {
            table.reading = false;
            self.tell();
        }
        loop {
            if state.closed {
                return Next::Over;
            }
            if let Some((task, position)) = state.urgent.take() {
                return Next::Urgent(task, position);
            }
            let has_room = state.bytes < self.room;
            match current {
                Some(task) => {
                    let Some(table) = state.tables.get_mut(task.table) else {
                        return Next::Leave;
                    };
                    if table.epoch != task.epoch {
                        table.busy = false;
                        self.changed.notify_all();
                        return Next::Leave;
                    }
                    if has_room && !table.paused {
                        table.reading = true;
                        return Next::Go(table.barrier.take());
                    }
                }
                None if state.open == 0 && is_connected => return Next::Rest,
                None if has_room => {
                    let talks = state.talk.is_some();
                    let tables = &state.tables;
                    let is_free = |task: &Task| !(task.whole && talks) && tables.get(task.table).is_some_and(|table| !table.busy);
                    if let Some(at) = state.todo.iter().position(is_free)
                        && let Some(task) = state.todo.remove(at)
                        && let Some(table) = state.tables.get_mut(task.table)
                    {
                        table.busy = true;
                        table.reading = true;
                        return Next::Begin(task, table.barrier.take());
                    }
                }
                None => {}
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives a table back, to be taken later by whoever is free.
    pub(super) fn put_back(&self, task: Task) {
        let mut state = self.lock();
        if let Some(table) = state.tables.get_mut(task.table) {
            table.busy = false;
            table.reading = false;
            if table.epoch == task.epoch {
                state.todo.push_back(task);
            }
        }
        self.tell();
    }

    /// Hands over rows. With the last ones of a table its reader is done with it.
    pub(super) fn push(&self, chunk: Chunk) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_add(chunk.lot.images.len());
        if let Some(table) = state.tables.get_mut(chunk.table) {
            table.pending += 1;
            table.reading = false;
            if chunk.end.is_some() {
                table.busy = false;
            }
        }
        state.arrivals.push_back(chunk);
        self.tell();
    }

    /// The reader has stopped reading this table in the middle.
    pub(super) fn leave(&self, table: usize) {
        if let Some(table) = self.lock().tables.get_mut(table) {
            table.busy = false;
            table.reading = false;
        }
        self.tell();
    }

    /// Whether something has happened since the last `take`.
    pub(in crate::pipeline) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire) > 0
    }

    /// What has arrived.
    pub(in crate::pipeline) fn take(&self) -> VecDeque<Chunk> {
        let mut state = self.lock();
        self.news.store(0, Ordering::Release);
        let all = std::mem::take(&mut state.arrivals);
        let is_current = |chunk: &Chunk, state: &State| state.tables.get(chunk.table).is_some_and(|table| table.epoch == chunk.epoch);
        let (current, old): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(|chunk| is_current(chunk, &state));
        for chunk in &old {
            settle_pending(&mut state, chunk);
        }
        self.changed.notify_all();
        current
    }

    /// A chunk has gone out, or was thrown away.
    pub(in crate::pipeline) fn gone(&self, chunk: &Chunk) {
        settle_pending(&mut self.lock(), chunk);
        self.changed.notify_all();
    }

    /// A table is done.
    pub(in crate::pipeline) fn done(&self) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    /// What was read of a table counts no more; it is read from this place on, by whoever is free.
    pub(in crate::pipeline) fn again(&self, task: Task) {
        let mut state = self.lock();
        let Some(epoch) = state.new_epoch(task.table) else { return };
        state.todo.retain(|other| other.table != task.table);
        state.todo.push_front(Task { epoch, ..task });
        drop(state);
        self.changed.notify_all();
    }

    /// The same, at once, and one lot only: the stream waits at this place. The new epoch.
    pub(in crate::pipeline) fn urge(&self, task: Task, position: Position) -> u64 {
        let mut state = self.lock();
        let Some(epoch) = state.new_epoch(task.table) else { return 0 };
        state.todo.retain(|other| other.table != task.table);
        state.urgent = Some((Task { epoch, ..task }, position));
        drop(state);
        self.changed.notify_all();
        epoch
    }

    /// Once more all of a table, after what is before `position` is settled: as one that is to be copied, though it may be done.
    pub(in crate::pipeline) fn afresh(&self, task: Task, position: Position, is_done: bool) {
        let mut state = self.lock();
        let Some(epoch) = state.new_epoch(task.table) else { return };
        if let Some(table) = state.tables.get_mut(task.table) {
            table.barrier = Some(position);
        }
        state.open += usize::from(is_done);
        state.todo.retain(|other| other.table != task.table);
        state.todo.push_back(Task { epoch, ..task });
        drop(state);
        self.changed.notify_all();
    }

    /// After an urgent lot: the rest of the table.
    pub(in crate::pipeline) fn resume(&self, task: Task) {
        self.lock().todo.push_front(task);
        self.changed.notify_all();
    }

    /// Whether nothing of the table is being read or waits, so that what was noted of it may be forgotten, when what is before
    /// `position` is settled first. Else it is paused until that is so.
    pub(in crate::pipeline) fn may_forget(&self, table: usize, position: &Position) -> bool {
        let mut state = self.lock();
        let Some(table) = state.tables.get_mut(table) else { return false };
        let quiet = !table.reading && table.pending == 0;
        table.paused = !quiet;
        if quiet {
            table.barrier = Some(position.clone());
        }
        drop(state);
        self.changed.notify_all();
        quiet
    }

    /// Waits for news, up to `wait`.
    pub(in crate::pipeline) fn wait(&self, wait: Duration) {
        let state = self.lock();
        if !self.has_news() {
            drop(self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Whether nobody reads or wants rows any more.
    pub(in crate::pipeline) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Set once it is closed.
    pub(super) fn over(&self) -> &Arc<AtomicBool> {
        &self.over
    }

    /// Nobody wants rows any more.
    pub(in crate::pipeline) fn close(&self) {
        self.lock().closed = true;
        self.over.store(true, Ordering::Release);
        self.tell();
    }

    /// Something that the stage should look at.
    pub(super) fn tell(&self) {
        self.news.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_all();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked leaves plain data behind, which stays usable for the others' orderly end.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_on<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// What the readers and the stage say to each other of a whole table has changed.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }
}

impl State {
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Chunks of a table that have not gone out.
    pub(super) fn pending(&self, table: usize) -> usize {
        self.tables.get(table).map_or(0, |table| table.pending)
    }

    pub(super) fn is_current(&self, task: &Task) -> bool {
        self.tables.get(task.table).is_some_and(|table| table.epoch == task.epoch)
    }

    fn new_epoch(&mut self, table: usize) -> Option<u64> {
        let table = self.tables.get_mut(table)?;
        table.epoch += 1;
        table.paused = false;
        Some(table.epoch)
    }
}

fn settle_pending(state: &mut State, chunk: &Chunk) {
    state.bytes = state.bytes.saturating_sub(chunk.lot.images.len());
    if let Some(table) = state.tables.get_mut(chunk.table) {
        table.pending = table.pending.saturating_sub(1);
    }
}
