//! A table that can't be read in the order of a key: all of it in one consistent reading, at a place that the stream waits at.

use std::sync::Arc;

use tracing::debug;

use super::reader::Reader;
use super::task::{Ended, Task, Until};
use crate::fault::Fault;
use crate::source::{Begun, Layout};

/// How often a table without a key is read anew because it was being changed.
const MOST_TRIES: usize = 1000;

impl Reader<'_> {
    /// A table that can't be read in pieces: one consistent reading, at which the stream waits.
    pub(super) fn whole(&mut self, mut task: Task, mut layout: Arc<Layout>) -> Result<(), Fault> {
        let desk = &self.crew.desk;
        if !desk.ask_hold(&task) {
            desk.put_back(task);
            return Ok(());
        }
        for attempt in 1..=MOST_TRIES {
            let Some(position) = desk.held(&task) else {
                desk.leave(task.table);
                return Ok(());
            };
            self.copier()?.settle(&position)?;
            let (begun, goal) = self.copier()?.begin_whole(&layout)?;
            let is_there = match begun {
                Begun::Rows => desk.reach(&task, goal),
                Begun::Changed => Some(false),
            };
            match is_there {
                Some(true) => return self.whole_lots(&task, &layout),
                Some(false) => debug!(attempt, "a table was changed while it was being read, once more"),
                None => {
                    self.copier()?.end_whole()?;
                    desk.leave(task.table);
                    return Ok(());
                }
            }
            self.copier()?.end_whole()?;
            if let Begun::Changed = begun {
                self.wait_for_change()?;
                match self.layout(&mut task)? {
                    Some(now) => layout = now,
                    None => {
                        self.push_gone(&task);
                        return Ok(());
                    }
                }
            }
        }
        Err(self.changes_too_fast(&task))
    }

    fn whole_lots(&mut self, task: &Task, layout: &Arc<Layout>) -> Result<(), Fault> {
        let desk = &self.crew.desk;
        while desk.room(task) {
            let lot = self.copier()?.lot(layout, usize::MAX, desk.lot_bytes())?;
            let end = lot.is_last.then_some(Ended::Done);
            self.push(task, Some(layout), (lot, Until::Now), end);
            if end.is_some() {
                break;
            }
        }
        desk.leave(task.table);
        self.copier()?.end_whole()
    }
}
