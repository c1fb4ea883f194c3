//! Which rows the stream tells of while their tables are copied: these are left out of the copy.

use tracing::info;

use super::{Copied, Existing};
use crate::batch::{Keys, Told};
use crate::pipeline::copy::{Step, Talk};
use crate::pipeline::decode::{Parts, Stage};
use crate::position::Position;
use crate::source::{Mark, Rows, Transaction};

/// Bytes that a key takes in a set beside its own.
const KEY_OVERHEAD: usize = 48;

impl Existing {
    fn number(&mut self, rows: &Rows<'_>) -> Option<usize> {
        let Self { versions, numbers, .. } = self;
        let look_up = || numbers.get(&(rows.table.database.clone(), rows.table.name.clone())).copied();
        *versions.entry(rows.table.version).or_insert_with(look_up)
    }

    /// Notes which rows the stream tells of. `true`: they are to be left out, since they are in the table when it is read, can't be
    /// told apart there, and nobody knows them yet.
    pub(in crate::pipeline::decode) fn leaves_out(&mut self, rows: &Rows<'_>, transaction: &Transaction) -> bool {
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
        let before = table.noted;
        let Some(has_moved) = table.note(rows) else {
            if !std::mem::replace(&mut table.whole, true) {
                table.rewind();
                table.throw(&self.desk);
                self.waiting.remove(&number);
                if !is_talked_of {
                    self.desk.again(table.task(number));
                }
            }
            // A row that was told before is changed for its readers, too: what they do not get twice here they would not get at all.
            return !table.left.again;
        };
        self.noted += table.noted - before;
        if has_moved && !table.whole {
            // It may have moved to where the copy has been: the copy begins anew.
            table.rewind();
            table.throw(&self.desk);
            self.waiting.remove(&number);
            if !is_talked_of {
                self.desk.again(table.task(number));
            }
        }
        false
    }

    /// Notes once more what the stream told before the connector last started, in the transaction behind this place.
    pub(in crate::pipeline) fn recall(&mut self, rows: &Rows<'_>, place: &Position) {
        let Some(number) = self.number(rows) else { return };
        let Some(table) = self.tables.get_mut(number) else { return };
        if !table.left.since.as_ref().is_some_and(|since| is_up_to(since, place)) {
            return;
        }
        let before = table.noted;
        // That its copy began anew where a row had moved is part of the checkpoint.
        if table.note(rows).is_some() {
            self.noted += table.noted - before;
        }
        if self.noted > self.most_noted {
            self.noted -= table.forget(place);
        }
    }

    /// A statement behind this place changed a table before the connector last started.
    pub(in crate::pipeline) fn recall_change(&mut self, database: &str, table: &str, place: &Position) {
        let Some(number) = self.numbers.get(&(database.to_owned(), table.to_owned())).copied() else {
            return;
        };
        if let Some(table) = self.tables.get_mut(number) {
            table.keys = None;
            self.noted -= table.forget(place);
        }
    }

    /// What comes now has versions of tables of its own.
    pub(in crate::pipeline) fn recalled(&mut self) {
        self.versions.clear();
        self.tables.iter_mut().for_each(|table| table.keys = None);
    }

    /// From where on the log has to be read once more, so that all is known again that the stream has told of the tables' rows.
    pub(in crate::pipeline) fn since(&self) -> Option<Position> {
        let all = self
            .tables
            .iter()
            .filter(|table| !table.is_done)
            .filter_map(|table| table.left.since.as_ref());
        all.reduce(|first, other| if is_up_to(other, first) { other } else { first })
            .cloned()
    }

    /// A statement changes a table: what was read of it counts no more.
    pub(in crate::pipeline::decode) fn changed(&mut self, database: &str, table: &str, place: &Position) {
        let Some(number) = self.numbers.get(&(database.to_owned(), table.to_owned())).copied() else {
            return;
        };
        let Some(table) = self.tables.get_mut(number).filter(|table| !table.is_done) else {
            return;
        };
        table.throw(&self.desk);
        self.waiting.remove(&number);
        // Keys may be stored in another form from here on, so that the same row can't be told by them.
        self.noted -= table.forget(place);
        table.keys = None;
        self.desk.again(table.task(number));
    }
}

impl Copied {
    /// Notes which rows these are; whether one has moved to another key. `None` where they can't be told apart.
    fn note(&mut self, rows: &Rows<'_>) -> Option<bool> {
        let version = rows.table.version;
        if self.keys.as_ref().is_none_or(|(known, _)| *known != version) {
            self.keys = Some((version, Keys::of(rows.table)));
        }
        let Some((_, Some(keys))) = &self.keys else { return None };
        let (told, part, noted) = (&mut self.told, &mut self.part, &mut self.noted);
        let mut has_moved = false;
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
        self.blind |= !known;
        Some(has_moved)
    }
}

/// Whether one place of a log is not behind another one.
pub(in crate::pipeline) fn is_up_to(first: &Position, second: &Position) -> bool {
    match (&first.gtid, &second.gtid) {
        (Some(first), Some(second)) => first.is_subset(second),
        _ => Mark::of(first).is_passed(&second.file, second.pos),
    }
}

impl Stage<'_> {
    /// Keeps what is noted of rows within bounds: of tables of which nothing waits it may be forgotten, since what was told before is
    /// settled before more is read.
    pub(super) fn forget_some(&mut self) {
        let Parts { interpreter, existing, .. } = &mut self.parts;
        let Some(existing) = existing else { return };
        let too_much = existing.noted > existing.most_noted;
        if !too_much && !existing.pauses {
            return;
        }
        existing.pauses = false;
        for (number, table) in existing.tables.iter_mut().enumerate().filter(|(_, table)| !table.is_done) {
            if !(table.pauses || (too_much && table.noted > 0)) {
                continue;
            }
            table.pauses = !existing.desk.may_forget(number, interpreter.position());
            existing.pauses |= table.pauses;
            if !table.pauses {
                info!(
                    table = table.name(),
                    keys = table.told.len() + table.part.len(),
                    "forgetting which rows changed while the table is copied"
                );
                existing.noted -= table.forget(interpreter.position());
            }
        }
    }
}
