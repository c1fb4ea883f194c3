//! Finds the rows that a plugin does not take, and has it take the others: a row that it names is left out; where it names
//! none, or breaks, its batch is halved until the row is found. What the plugin makes of the others stays in their order.

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;

use super::error::Breakage;
use super::ipc::Item;
use super::link::{ATTEMPTS, Failed, Link, Work};
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
    /// Its own code, or what broke: `trapped`, `timed_out`, `out_of_memory`, `malformed`.
    pub code: String,
    /// In words.
    pub text: String,
    /// What is to become of the row: never `Stop`.
    pub on_error: OnError,
}

/// Calls a plugin with an item, or with the parts of it that it takes; results come in order.
///
/// # Errors
/// The plugin's failure where its `on_error` is `Stop` or it wants a retry; a failure that no row can be blamed for.
pub(super) fn sift<R>(
    link: &mut Link,
    item: Item,
    work: &Work<'_>,
    rejected: &mut Vec<Rejected>,
    mut call: impl FnMut(&mut Link, &Work<'_>, &Item) -> Result<R, Failed>,
) -> Result<Vec<R>, Fault> {
    let mut done = Vec::new();
    // The next part in order is the last one.
    let mut parts = vec![item];
    let mut attempts = ATTEMPTS;
    while let Some(part) = parts.pop() {
        let rows = part.rows.num_rows();
        let work = Work {
            // While a row is looked for, one failure is enough; the verdict on the row itself is tried twice again.
            attempts: if rows > 1 { attempts } else { ATTEMPTS },
            ..*work
        };
        let failed = match call(link, &work, &part) {
            Ok(result) => {
                done.push(result);
                continue;
            }
            Err(failed) => failed,
        };
        attempts = 1;
        let verdict = verdict(&failed).filter(|_| link.on_error() != OnError::Stop && rows > 0);
        let Some((row, code, text)) = verdict else {
            return Err(link.fault(&work, failed));
        };
        match row.filter(|row| *row < rows).or((rows == 1).then_some(0)) {
            Some(row) => {
                let Some(seq) = sequence(&part, row) else {
                    return Err(link.fault(&work, failed));
                };
                rejected.push(Rejected {
                    seq,
                    plugin: link.name().to_owned(),
                    sha256: link.digest().to_owned(),
                    code,
                    text,
                    on_error: link.on_error(),
                });
                push(&mut parts, &part, row + 1, rows);
                push(&mut parts, &part, 0, row);
            }
            None => {
                push(&mut parts, &part, rows / 2, rows);
                push(&mut parts, &part, 0, rows / 2);
            }
        }
    }
    Ok(done)
}

fn push(parts: &mut Vec<Item>, part: &Item, start: usize, end: usize) {
    if start < end {
        let mut some = part.clone();
        some.rows = part.rows.slice(start, end - start);
        parts.push(some);
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
