//! How a table that is read as a whole and the stream agree on the place at which its rows stand.
//!
//! The reader asks the stage to hold the stream between two transactions, waits until everything up to there is committed, opens one
//! consistent reading, and says up to which place of the log the stream has to go on. There the rows go out, while the stream waits.

use super::desk::{Desk, State};
use super::task::Task;
use crate::position::Position;
use crate::source::Goal;

/// Lots of a table that wait for the stage, which takes them at once.
const MOST_PENDING: usize = 3;

/// Where the talk about a table is.
#[derive(Debug)]
pub(in crate::pipeline) struct Talk {
    pub(in crate::pipeline) table: usize,
    pub(in crate::pipeline) step: Step,
}

/// See above.
#[derive(Debug)]
pub(in crate::pipeline) enum Step {
    /// The stream is to be held.
    Asked,
    /// It is, at this place.
    Held(Position),
    /// It is to go on to this one.
    Goal(Box<Goal>),
    /// It is there: rows come.
    There,
}

impl Desk {
    /// Asks for the stream to be held for a table: `false` where another table has it.
    pub(super) fn ask_hold(&self, task: &Task) -> bool {
        let mut state = self.lock();
        if state.talk.is_some() || !state.is_current(task) {
            return false;
        }
        state.talk = Some(Talk {
            table: task.table,
            step: Step::Asked,
        });
        drop(state);
        self.tell();
        true
    }

    /// Waits until the stream is held: where. `None`: the table is to be left.
    pub(super) fn held(&self, task: &Task) -> Option<Position> {
        let mut state = self.lock();
        loop {
            if self.must_leave(&mut state, task) {
                return None;
            }
            match &state.talk {
                Some(Talk {
                    step: Step::Held(position),
                    ..
                }) => return Some(position.clone()),
                None => return None,
                Some(_) => state = self.wait_on(state),
            }
        }
    }

    /// Sets the goal and waits until the stream is there: `false` where a change came between, and the stream is held again.
    pub(super) fn reach(&self, task: &Task, goal: Goal) -> Option<bool> {
        let mut state = self.lock();
        if let Some(talk) = &mut state.talk {
            talk.step = Step::Goal(Box::new(goal));
        }
        self.tell();
        loop {
            if self.must_leave(&mut state, task) {
                return None;
            }
            match &state.talk {
                Some(Talk { step: Step::There, .. }) => return Some(true),
                Some(Talk { step: Step::Held(_), .. }) => return Some(false),
                None => return None,
                Some(_) => state = self.wait_on(state),
            }
        }
    }

    /// Waits for room for the next rows of the table: `false` where it is to be left.
    pub(super) fn room(&self, task: &Task) -> bool {
        let mut state = self.lock();
        loop {
            if self.must_leave(&mut state, task) {
                return false;
            }
            // What other tables have waiting can't go out meanwhile, so that only its own counts.
            if state.pending(task.table) < MOST_PENDING {
                return true;
            }
            state = self.wait_on(state);
        }
    }

    /// Whether a table is to be left: then a talk about it is over.
    fn must_leave(&self, state: &mut State, task: &Task) -> bool {
        let must = state.is_closed() || !state.is_current(task);
        if must {
            state.talk.take_if(|talk| talk.table == task.table);
            self.tell();
        }
        must
    }

    /// Ends the talk, if there is one.
    pub(in crate::pipeline) fn end_talk(&self) {
        self.lock().talk = None;
        self.tell();
    }

    /// Looks at the talk, and may change it.
    pub(in crate::pipeline) fn talk<T>(&self, look: impl FnOnce(&mut Option<Talk>) -> T) -> T {
        let found = look(&mut self.lock().talk);
        self.notify();
        found
    }
}
