//! A queue between two stages, bounded in bytes: a full one holds its writer, which is how backpressure reaches the server.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Level;

/// A queue of items whose cost is given in bytes.
///
/// An item larger than the bound passes alone, so that the bound never blocks for ever.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    bound: usize,
    level: Level,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
    /// Bytes of what was taken last, until whoever took it comes for the next one.
    taken: usize,
}

/// What waiting for an item brought.
pub(super) enum Popped<T> {
    /// The next one.
    Item(T),
    /// None came in time.
    Empty,
    /// None will come any more.
    Closed,
}

impl<T> Queue<T> {
    /// A queue that holds about `bound` bytes.
    #[cfg(test)]
    pub(super) fn new(bound: usize) -> Self {
        Self::with_level(bound, Level::default())
    }

    /// The same; `level` tells what is in it.
    pub(super) fn with_level(bound: usize, level: Level) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            closed: false,
            taken: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            bound,
            level,
        }
    }

    /// Appends an item, waiting while the queue is full; `false` when it has been closed, which drops the item.
    #[must_use]
    pub(super) fn push(&self, item: T, bytes: usize) -> bool {
        let mut state = self.lock();
        while !state.closed && !state.items.is_empty() && state.bytes.saturating_add(bytes) > self.bound {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.items.push_back((item, bytes));
        self.level.set(state.bytes);
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Takes the oldest item, waiting up to `wait`. What was pushed before a close is still handed out.
    pub(super) fn pop(&self, wait: Duration) -> Popped<T> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        state.taken = 0;
        loop {
            if let Some((item, bytes)) = state.items.pop_front() {
                state.bytes = state.bytes.saturating_sub(bytes);
                state.taken = bytes;
                self.level.set(state.bytes);
                drop(state);
                self.changed.notify_all();
                return Popped::Item(item);
            }
            if state.closed {
                return Popped::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::Empty;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether an item like this waits.
    pub(super) fn holds(&self, wanted: impl Fn(&T) -> bool) -> bool {
        self.lock().items.iter().any(|(item, _)| wanted(item))
    }

    /// Whether an item of so many bytes or more waits, or was taken and is not dealt with.
    pub(super) fn holds_as_large(&self, bytes: usize) -> bool {
        let state = self.lock();
        state.taken >= bytes || state.items.iter().any(|(_, item)| *item >= bytes)
    }

    /// Whether it has been closed, so that nobody reads on in vain.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No more items: writers are let go, readers get what is left.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A stage that panicked leaves plain data behind, which stays usable for the others' orderly end.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is thrown away waits no more.
impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        self.level.set(0);
    }
}

/// Closes a queue when the stage that holds it ends, however it ends.
pub(super) struct CloseOnDrop<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_full_queue_holds_its_writer_until_there_is_room() {
        let queue = Arc::new(Queue::new(10));
        assert!(queue.push(1, 8));
        let writer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(2, 8)
        });
        assert!(matches!(queue.pop(Duration::from_secs(5)), Popped::Item(1)));
        assert!(matches!(queue.pop(Duration::from_secs(5)), Popped::Item(2)));
        assert!(writer.join().is_ok_and(|pushed| pushed));
    }

    #[test]
    fn an_item_larger_than_the_bound_passes_alone() {
        let queue = Queue::new(10);
        assert!(queue.push('a', 1000));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Item('a')));
    }

    #[test]
    fn a_large_item_is_held_until_whoever_took_it_comes_for_another() {
        let queue = Queue::new(10);
        assert!(queue.push('a', 1));
        assert!(!queue.holds_as_large(5));
        assert!(queue.push('b', 5));
        assert!(queue.holds_as_large(5));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Item('a')));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Item('b')));
        assert!(queue.holds_as_large(5));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Empty));
        assert!(!queue.holds_as_large(5));
    }

    #[test]
    fn closing_lets_a_blocked_writer_go_and_hands_out_the_rest() {
        let queue = Arc::new(Queue::new(1));
        assert!(queue.push('a', 1));
        let writer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push('b', 1)
        });
        queue.close();
        assert!(writer.join().is_ok_and(|pushed| !pushed));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Item('a')));
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Closed));
    }
}
