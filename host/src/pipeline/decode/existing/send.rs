//! The stage's side: takes what was read, holds the stream where a table asks for it, and sends rows where they are right.

use std::time::{Duration, Instant};

use super::{Existing, Rest};
use crate::failpoint::{Point, reach};
use crate::pipeline::STOP_CHECK;
use crate::pipeline::copy::{Chunk, Step, Task, Until};
use crate::pipeline::decode::{End, Ending, Parts, Stage};
use crate::source::{Image, Layout, RowOp, Rows, Transaction};

/// What is read as a whole is committed as a whole, unless that takes longer: brokers end a transaction that is too old.
const LONGEST_WHOLE: Duration = Duration::from_secs(20);

impl Stage<'_> {
    /// Whether tables are being copied.
    pub(in crate::pipeline::decode) fn is_copying(&self) -> bool {
        self.parts.existing.as_ref().is_some_and(|existing| existing.open > 0)
    }

    /// Whether the run is to end, since all rows are on their way.
    pub(in crate::pipeline::decode) fn is_copied(&self) -> bool {
        self.parts
            .existing
            .as_ref()
            .is_some_and(|existing| existing.ends && existing.open == 0)
    }

    /// Between two transactions: takes what was read, and sends what may go.
    pub(in crate::pipeline::decode) fn copy(&mut self, ending: &Ending) -> Result<(), End> {
        loop {
            self.report_copy();
            let Some(existing) = &mut self.parts.existing else { return Ok(()) };
            if existing.open == 0 || self.in_transaction || self.parts.interpreter.in_transaction() {
                return Ok(());
            }
            if existing.desk.has_news() {
                for chunk in existing.desk.take() {
                    if let Some(table) = existing.tables.get_mut(chunk.table) {
                        existing.waiting.insert(chunk.table);
                        table.waiting.push_back(chunk);
                    }
                }
            } else if existing.waiting.is_empty() && !existing.desk.talk(|talk| talk.is_some()) {
                return Ok(());
            }
            let is_held = self.talk();
            self.send_waiting(ending)?;
            self.forget_some();
            if !is_held || !self.is_copying() {
                return Ok(());
            }
            if self.must_leave(ending) {
                // A part of a table that is read as a whole must not be committed: it would come again.
                return Err(End::Left);
            }
            if self.first_uncommitted.is_some_and(|first| first.elapsed() > LONGEST_WHOLE) {
                self.commit_point()?;
            }
            if let Some(existing) = &self.parts.existing {
                existing.desk.wait(STOP_CHECK);
            }
        }
    }

    /// Whether a wait for rows is to end.
    fn must_leave(&self, ending: &Ending) -> bool {
        let closed = |existing: &Existing| existing.desk.is_closed();
        ending.stop.requested() || ending.give_up.requested() || self.output.is_closed() || self.parts.existing.as_ref().is_none_or(closed)
    }

    /// The talk about a table that is read as a whole: whether the stream is to wait.
    fn talk(&mut self) -> bool {
        let Parts { interpreter, existing, .. } = &mut self.parts;
        let Some(existing) = existing else { return false };
        let (file, pos) = interpreter.reached();
        let (heard, conflict) = (existing.heard, &mut existing.conflict);
        existing.desk.talk(|talk| {
            let Some(talk) = talk else { return false };
            match &talk.step {
                Step::Asked => {
                    talk.step = Step::Held(interpreter.position().clone());
                    *conflict = false;
                }
                Step::Goal(goal) if heard && goal.is_reached(file, pos) => {
                    talk.step = match std::mem::take(conflict) {
                        true => Step::Held(interpreter.position().clone()),
                        false => Step::There,
                    };
                }
                Step::Goal(_) => return false,
                Step::Held(_) | Step::There => {}
            }
            true
        })
    }

    /// Sends what may go out here. While the stream waits for one table, only that one's.
    fn send_waiting(&mut self, ending: &Ending) -> Result<(), End> {
        let Some(existing) = &self.parts.existing else { return Ok(()) };
        let talks = existing.desk.talk(|talk| talk.as_ref().map(|talk| talk.table));
        let numbers: Vec<usize> = match talks {
            Some(number) => vec![number],
            None => existing.waiting.iter().copied().collect(),
        };
        for number in numbers {
            while let Some(chunk) = self.ready(number) {
                self.send_chunk(number, chunk, ending)?;
            }
        }
        Ok(())
    }

    /// The next chunk of a table, if it may go out.
    fn ready(&mut self, number: usize) -> Option<Chunk> {
        let (file, pos) = self.parts.interpreter.reached();
        let existing = self.parts.existing.as_mut()?;
        let table = existing.tables.get_mut(number)?;
        let may_go = match &table.waiting.front()?.until {
            Until::Now => true,
            Until::Passed(mark) => existing.heard && mark.is_passed(file, pos),
        };
        if !may_go {
            return None;
        }
        let chunk = table.waiting.pop_front();
        if table.waiting.is_empty() {
            existing.waiting.remove(&number);
        }
        chunk
    }

    fn send_chunk(&mut self, number: usize, chunk: Chunk, ending: &Ending) -> Result<(), End> {
        let Some(existing) = &mut self.parts.existing else { return Ok(()) };
        let Some(table) = existing.tables.get_mut(number) else {
            return Ok(());
        };
        let whole = Image {
            present: Vec::new(),
            whole: true,
        };
        let rest = table.rest(&chunk, &whole);
        let sent = match (&rest, &chunk.layout) {
            (Rest::Unsure, _) => {
                existing.desk.gone(&chunk);
                return self.read_now(number, ending);
            }
            (_, None) => 0,
            (Rest::All, Some(layout)) => self.add_existing(&chunk, layout, (&chunk.lot.images, chunk.lot.rows), &whole)?,
            (Rest::Some(images, rows), Some(layout)) => self.add_existing(&chunk, layout, (images, *rows), &whole)?,
        };
        reach(Point::Copied);
        self.moved = true;
        self.first_uncommitted.get_or_insert_with(Instant::now);
        let Some(existing) = &mut self.parts.existing else { return Ok(()) };
        existing.desk.gone(&chunk);
        let Some(table) = existing.tables.get_mut(number) else {
            return Ok(());
        };
        let rows = u64::try_from(chunk.lot.rows).unwrap_or(0);
        table.rows += sent;
        table.chunks += 1;
        if chunk.layout.as_ref().is_some_and(|layout| layout.order != table.left.order) {
            // It was read from its first row on.
            table.left.rows = 0;
        }
        table.left.rows += rows;
        existing
            .progress
            .chunk(&table.left.database, &table.left.table, (rows, table.left.rows));
        let is_whole = table.whole || chunk.layout.as_ref().is_some_and(|layout| layout.order.is_none());
        if let (false, Some(layout)) = (is_whole || chunk.lot.last.is_empty(), &chunk.layout) {
            table.left.after = Some(chunk.lot.last.clone());
            table.left.order.clone_from(&layout.order);
        }
        if let Some(ended) = chunk.end {
            reach(Point::TableCopied);
            existing.end_table(number, ended);
        }
        if !self.is_copying() {
            // So that the last rows do not wait for the next change.
            self.commit_point()?;
        }
        Ok(())
    }

    /// Adds row images of a table to the batches: how many.
    fn add_existing(&mut self, chunk: &Chunk, layout: &Layout, (images, rows): (&[u8], usize), whole: &Image) -> Result<u64, End> {
        if rows == 0 {
            return Ok(0);
        }
        let rows = Rows {
            table: &layout.table,
            op: RowOp::Insert,
            first: whole.clone(),
            second: whole.clone(),
            data: images,
            is_partial: false,
            timestamp: 0,
        };
        let read = Transaction {
            commit_time_ms: Some(chunk.read_at_ms),
            checkpoint_time_ms: chunk.read_at_ms,
            ..Transaction::default()
        };
        let before = self.parts.next_sequence;
        self.parts.batcher.add_existing(&rows, &read, &mut self.parts.next_sequence)?;
        self.send_rejected()?;
        self.send_full()?;
        self.close_too_much()?;
        Ok(self.parts.next_sequence - before)
    }

    /// Has the next lot of a table read while the stream waits, and sends it.
    fn read_now(&mut self, number: usize, ending: &Ending) -> Result<(), End> {
        let position = self.parts.interpreter.position().clone();
        let Some(existing) = &mut self.parts.existing else { return Ok(()) };
        let Some(table) = existing.tables.get_mut(number) else {
            return Ok(());
        };
        table.throw(&existing.desk);
        existing.waiting.remove(&number);
        let task = table.task(number);
        let epoch = existing.desk.urge(task, position);
        loop {
            if self.must_leave(ending) {
                return Err(End::Left);
            }
            let Some(existing) = &mut self.parts.existing else { return Ok(()) };
            let mut urgent = None;
            for chunk in existing.desk.take() {
                let Some(table) = existing.tables.get_mut(chunk.table) else {
                    continue;
                };
                if chunk.table == number && chunk.epoch == epoch {
                    urgent = Some(chunk);
                } else {
                    existing.waiting.insert(chunk.table);
                    table.waiting.push_back(chunk);
                }
            }
            let Some(chunk) = urgent else {
                existing.desk.wait(STOP_CHECK);
                continue;
            };
            let is_end = chunk.end.is_some();
            self.send_chunk(number, chunk, ending)?;
            if let Some(existing) = &self.parts.existing
                && let Some(table) = existing.tables.get(number)
                && !is_end
            {
                existing.desk.resume(Task {
                    epoch,
                    ..table.task(number)
                });
            }
            return Ok(());
        }
    }

    /// The stream has said where it is.
    pub(in crate::pipeline::decode) fn hear(&mut self) {
        if let Some(existing) = &mut self.parts.existing {
            existing.heard = true;
        }
    }
}
