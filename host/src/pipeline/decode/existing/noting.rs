//! Which rows the stream tells of while their tables are copied: these are left out of the copy.

use tracing::info;

use super::Existing;
use crate::batch::{Keys, Told};
use crate::pipeline::copy::{Step, Talk};
use crate::pipeline::decode::{Parts, Stage};
use crate::source::{Rows, Transaction};

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
        let version = rows.table.version;
        if table.keys.as_ref().is_none_or(|(known, _)| *known != version) {
            table.keys = Some((version, Keys::of(rows.table)));
        }
        let Some((_, Some(keys))) = &table.keys else {
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
            table.rewind();
            table.throw(&self.desk);
            self.waiting.remove(&number);
            if !is_talked_of {
                self.desk.again(table.task(number));
            }
        }
        false
    }

    /// A statement changes a table: what was read of it counts no more.
    pub(in crate::pipeline::decode) fn changed(&mut self, database: &str, table: &str) {
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
                existing.noted -= table.forget();
            }
        }
    }
}
