//! Decides rows, and drops those that do not pass.

use rowmill_sdk::{Batch, Error, Op, Outcome, host};

use crate::check::{Node, View};
use crate::options::{Absent, Options, Updates};
use crate::truth::{Truth, Verdict};

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Dropped,
    /// Kept, as another change.
    Told(Op),
}

/// Filters a batch.
pub(crate) fn filter(options: &Options, condition: &Node, batch: &Batch<'_>) -> Result<Outcome, Error> {
    let new = condition.truths(batch, View::New)?;
    let needs_old = options.updates != Updates::After && batch.before.is_some() && condition.has_views();
    let old = if needs_old {
        Some(condition.truths(batch, View::Old)?)
    } else {
        None
    };
    let mut fates = Vec::with_capacity(batch.rows());
    let (mut dropped, mut told) = (0_u32, false);
    for (row, new) in new.iter().enumerate() {
        let old = old.as_ref().and_then(|old| old.get(row));
        let fate = match old {
            Some(old) if batch.op(row)? == Op::Update => updated(options, batch, row, (*old, *new))?,
            _ => match new.verdict() {
                Verdict::Pass => Fate::Kept,
                Verdict::Fail => Fate::Dropped,
                Verdict::Unclear => unclear(options.absent, row)?,
            },
        };
        dropped += u32::from(fate == Fate::Dropped);
        told |= matches!(fate, Fate::Told(_));
        fates.push(fate);
    }
    if dropped > 0 {
        host::metric("dropped_rows", dropped.into());
    }
    let fate = |row: usize| fates.get(row).copied().unwrap_or(Fate::Kept);
    let mut edit = batch.edit();
    if dropped > 0 {
        edit.retain(|row| Ok(fate(row.number()) != Fate::Dropped))?;
    }
    if told {
        edit.op(|row| match fate(row.number()) {
            Fate::Told(op) => Ok(op),
            _ => row.op(),
        })?;
    }
    edit.finish()
}

/// An update, by what the condition says of the row before and after it.
fn updated(options: &Options, batch: &Batch<'_>, row: usize, (old, new): (Truth, Truth)) -> Result<Fate, Error> {
    use Verdict::{Fail, Pass, Unclear};
    let verdicts = (old.verdict(), new.verdict());
    let verdict = match options.updates {
        Updates::After => verdicts.1,
        Updates::Before => verdicts.0,
        Updates::Either => match verdicts {
            (Pass, _) | (_, Pass) => Pass,
            (Fail, Fail) => Fail,
            _ => Unclear,
        },
        Updates::Both => match verdicts {
            (Fail, _) | (_, Fail) => Fail,
            (Pass, Pass) => Pass,
            _ => Unclear,
        },
        Updates::Split => match verdicts {
            (Pass, Pass) => Pass,
            (Fail, Fail) => Fail,
            (Pass, Fail) => return Ok(Fate::Told(Op::Delete)),
            // An insert has all columns.
            (Fail, Pass) if batch.after.is_whole(row) => return Ok(Fate::Told(Op::Insert)),
            _ => Unclear,
        },
    };
    match verdict {
        Pass => Ok(Fate::Kept),
        Fail => Ok(Fate::Dropped),
        Unclear => unclear(options.absent, row),
    }
}

/// A row whose images lack columns that would decide it.
fn unclear(absent: Absent, row: usize) -> Result<Fate, Error> {
    match absent {
        Absent::Keep => Ok(Fate::Kept),
        Absent::Drop => Ok(Fate::Dropped),
        Absent::Refuse => Err(Error::new(
            "column-absent",
            "filtering a row: its images lack columns that `where` needs, as under binlog_row_image=MINIMAL; run SET GLOBAL \
             binlog_row_image=FULL on the server, or set `absent` to \"keep\" or \"drop\"",
        )
        .at_row(row)),
    }
}
