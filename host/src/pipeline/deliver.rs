//! Last stage: records and checkpoints into the sink, acknowledgements out of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::info;

use super::counters::Counters;
use super::letters::{self, Letter, Reason, Rules, Stage};
use super::mill::Delivery;
use super::queue::{CloseOnDrop, Popped, Queue};
use crate::batch::{Batch, Records};
use crate::fault::Fault;
use crate::sink::{Commit, Sink};

/// How long the stage sleeps without input before it looks for acknowledgements again.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_millis(5);
/// Between two lines of progress in the log.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);

/// Runs until the input ends, then waits up to `limit` for what is under way.
pub(super) fn run(
    sink: &mut dyn Sink,
    input: &Queue<Delivery>,
    limit: Duration,
    (rules, counters): (&Rules, &Counters),
) -> Result<(), Fault> {
    let _let_mill_go = CloseOnDrop(input);
    let (mut number, mut committed) = (0_u64, 0_u64);
    let mut reported = (Instant::now(), counters.records());
    loop {
        match input.pop(ACKNOWLEDGE_WAIT) {
            Popped::Empty => {}
            Popped::Closed => break,
            Popped::Item(Delivery::Topic(spec)) => sink.prepare(std::slice::from_ref(&spec))?,
            Popped::Item(Delivery::Records(records)) => {
                counters.written(records.len());
                sink.write(*records)?;
            }
            Popped::Item(Delivery::Rows(records, batch)) => rows(sink, records, &batch, (rules, counters))?,
            Popped::Item(Delivery::Letter(letter)) => letters::send(sink, &letter, rules)?,
            Popped::Item(Delivery::Commit(checkpoint, heeded)) => {
                number += 1;
                sink.commit(Commit {
                    number,
                    checkpoint: checkpoint.encode()?,
                    heeded,
                })?;
            }
        }
        committed = note(sink, committed, counters)?;
        let records = counters.records();
        if reported.0.elapsed() >= PROGRESS_INTERVAL && records > reported.1 {
            let (dead_letters, skipped) = (counters.dead_letters(), counters.skipped());
            info!(
                rows = counters.rows(),
                records,
                commits = committed,
                dead_letters,
                skipped,
                "progress"
            );
            reported = (Instant::now(), records);
        }
    }
    sink.finish(limit)?;
    note(sink, committed, counters)?;
    Ok(())
}

/// Counts what has become durable since there were so many commits of this sink.
fn note(sink: &mut dyn Sink, before: u64, counters: &Counters) -> Result<u64, Fault> {
    let committed = sink.committed(Duration::ZERO)?;
    counters.committed(committed.saturating_sub(before));
    Ok(committed)
}

/// Writes records, but for those of rows of which one is too large: these rows are left out whole.
fn rows(sink: &mut dyn Sink, records: Vec<Records>, batch: &Batch, (rules, counters): (&Rules, &Counters)) -> Result<(), Fault> {
    let mut refused: BTreeMap<u64, String> = BTreeMap::new();
    for some in &records {
        for (i, reason) in sink.too_large(some)? {
            // What is about no row stays, and the sink refuses it.
            if let Some(sequence) = some.sequence(i) {
                refused.entry(sequence).or_insert(reason);
            }
        }
    }
    for some in records {
        let is_kept = |i: usize| some.sequence(i).is_none_or(|sequence| !refused.contains_key(&sequence));
        let left = if (0..some.len()).all(is_kept) {
            some
        } else {
            some.filtered(is_kept)
        };
        counters.written(left.len());
        if !left.is_empty() {
            sink.write(left)?;
        }
    }
    for (sequence, text) in refused {
        let reason = Reason {
            stage: Stage::Sink,
            code: "record_too_large".to_owned(),
            text,
            plugin: None,
            on_error: rules.sink,
        };
        let letter = Letter::of_row(batch, sequence, reason)?;
        if counters.rejected(&letter) {
            letters::send(sink, &letter, rules)?;
        }
    }
    Ok(())
}
