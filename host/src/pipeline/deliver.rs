//! Last stage: records and checkpoints into the sink, acknowledgements out of it.

use std::time::{Duration, Instant};

use tracing::info;

use super::counters::Counters;
use super::mill::Delivery;
use super::queue::{CloseOnDrop, Popped, Queue};
use crate::fault::Fault;
use crate::sink::{Commit, Sink};

/// How long the stage sleeps without input before it looks for acknowledgements again.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_millis(5);
/// Between two lines of progress in the log.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);

/// Runs until the input ends, then waits up to `limit` for what is under way.
pub(super) fn run(sink: &mut dyn Sink, input: &Queue<Delivery>, limit: Duration, counters: &Counters) -> Result<(), Fault> {
    let _let_mill_go = CloseOnDrop(input);
    let mut number = 0_u64;
    let mut reported = (Instant::now(), counters.records());
    loop {
        match input.pop(ACKNOWLEDGE_WAIT) {
            Popped::Empty => {}
            Popped::Closed => break,
            Popped::Item(Delivery::Topic(spec)) => sink.prepare(std::slice::from_ref(&spec))?,
            Popped::Item(Delivery::Records(records)) => {
                counters.written(records.len());
                sink.write(records)?;
            }
            Popped::Item(Delivery::Commit(checkpoint)) => {
                number += 1;
                sink.commit(Commit {
                    number,
                    checkpoint: checkpoint.encode()?,
                })?;
            }
        }
        let committed = sink.committed(Duration::ZERO)?;
        let records = counters.records();
        if reported.0.elapsed() >= PROGRESS_INTERVAL && records > reported.1 {
            info!(rows = counters.rows(), records, commits = committed, "progress");
            reported = (Instant::now(), records);
        }
    }
    sink.finish(limit)?;
    info!(
        rows = counters.rows(),
        records = counters.records(),
        commits = number,
        "everything is delivered"
    );
    Ok(())
}
