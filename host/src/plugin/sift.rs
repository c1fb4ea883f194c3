//! Finds the rows that a plugin does not take, and has it take the others: a row that it names is left out; where it names
//! none, or breaks, its batch is halved until the row is found. What the plugin makes of the others stays in their order.
//!
//! A batch that is too large for the plugin's memory, or of which more comes than there is room for, is given in smaller ones.

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;

use super::error::Breakage;
use super::link::{ATTEMPTS, Failed, Link, Work};
use super::schemas::Item;
use crate::config::OnError;
use crate::fault::Fault;

/// Characters of a plugin's own text that are kept.
const MAX_TEXT: usize = 2000;
/// Characters of a plugin's own code.
const MAX_CODE: usize = 64;

/// A row that a plugin did not take, and that is in nothing it handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The row's `seq`.
    pub seq: u64,
    /// The plugin's configured name.
    pub plugin: String,
    /// SHA-256 of its file, hexadecimal.
    pub sha256: String,
    /// Its own code, or what broke: `trapped`, `timed_out`, `out_of_memory`, `too_much`, `malformed`.
    pub code: String,
    /// In words.
    pub text: String,
    /// What is to become of the row: never `Stop`.
    pub on_error: OnError,
}

/// An item on its way through a plugin, whole or in parts.
pub(super) struct Sifting<R> {
    /// The next part in order is the last one. Of some it is known what they became.
    parts: Vec<(Item, Option<R>)>,
    attempts: usize,
}

impl<R> Sifting<R> {
    /// All of these are to be given to the plugin, but those of which `made` has what they became.
    pub(super) fn of(parts: Vec<Item>, made: Vec<Option<R>>) -> Self {
        let made = made.into_iter().chain(std::iter::repeat_with(|| None));
        let mut parts: Vec<_> = parts.into_iter().zip(made).collect();
        parts.reverse();
        Self { parts, attempts: ATTEMPTS }
    }

    /// Whether it is known what the next part became.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.parts.last(), Some((_, Some(_))))
    }

    /// The next part that the plugin takes, and what it makes of it; none once all of them are dealt with.
    ///
    /// # Errors
    /// The plugin's failure where its `on_error` is `Stop` or it wants a retry; a failure that no row can be blamed for.
    pub(super) fn next(
        &mut self,
        link: &mut Link,
        work: &Work<'_>,
        rejected: &mut Vec<Rejected>,
        mut call: impl FnMut(&mut Link, &Work<'_>, &Item) -> Result<R, Failed>,
    ) -> Result<Option<(Item, R)>, Fault> {
        while let Some((part, made)) = self.parts.pop() {
            if let Some(made) = made {
                return Ok(Some((part, made)));
            }
            let work = Work {
                // While a row is looked for, one failure is enough; the verdict on the row itself is tried twice again.
                attempts: if part.rows.num_rows() > 1 { self.attempts } else { ATTEMPTS },
                ..*work
            };
            match call(link, &work, &part) {
                Ok(made) => return Ok(Some((part, made))),
                Err(failed) => self.failed(link, &work, rejected, (part, failed))?,
            }
        }
        Ok(None)
    }

    fn failed(&mut self, link: &Link, work: &Work<'_>, rejected: &mut Vec<Rejected>, (part, failed): (Item, Failed)) -> Result<(), Fault> {
        let rows = part.rows.num_rows();
        if rows > 1
            && let Failed::Broken(cause) = &failed
            && let Some(smaller) = cause.smaller(rows)
        {
            tracing::debug!(plugin = %link.name(), rows, smaller, reason = %cause, "a batch goes to the plugin in smaller ones");
            for start in (0..rows).step_by(smaller).rev() {
                push(&mut self.parts, &part, start, (start + smaller).min(rows));
            }
            return Ok(());
        }
        self.attempts = 1;
        let verdict = verdict(&failed).filter(|_| link.on_error() != OnError::Stop && rows > 0);
        let Some((row, code, text)) = verdict else {
            return Err(link.fault(work, failed));
        };
        match row.filter(|row| *row < rows).or((rows == 1).then_some(0)) {
            Some(row) => {
                let Some(seq) = sequence(&part, row) else {
                    return Err(link.fault(work, failed));
                };
                rejected.push(Rejected {
                    seq,
                    plugin: link.name().to_owned(),
                    sha256: link.digest().to_owned(),
                    code,
                    text,
                    on_error: link.on_error(),
                });
                push(&mut self.parts, &part, row + 1, rows);
                push(&mut self.parts, &part, 0, row);
            }
            None => {
                push(&mut self.parts, &part, rows / 2, rows);
                push(&mut self.parts, &part, 0, rows / 2);
            }
        }
        Ok(())
    }
}

fn push<R>(parts: &mut Vec<(Item, Option<R>)>, part: &Item, start: usize, end: usize) {
    if start < end {
        parts.push((part.slice(start, end), None));
    }
}

/// The row that is named, code and text; none for what is no row's fault.
fn verdict(failed: &Failed) -> Option<(Option<usize>, String, String)> {
    let clipped = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    match failed {
        Failed::Fault(_) => None,
        Failed::Refused(error) if error.retryable => None,
        Failed::Refused(error) => {
            let row = error.row.and_then(|row| usize::try_from(row).ok());
            Some((row, clipped(&error.code, MAX_CODE), clipped(&error.message, MAX_TEXT)))
        }
        Failed::Broken(cause) => {
            let code = match cause {
                Breakage::TimedOut { .. } => "timed_out",
                Breakage::OutOfMemory { .. } => "out_of_memory",
                Breakage::TooMuch { .. } => "too_much",
                Breakage::Malformed(_) => "malformed",
                Breakage::Trapped(_) => "trapped",
            };
            Some((None, code.to_owned(), clipped(&cause.to_string(), MAX_TEXT)))
        }
    }
}

/// `seq` of a row.
fn sequence(item: &Item, row: usize) -> Option<u64> {
    let seq = item.rows.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?;
    seq.values().get(row).copied()
}
