//! Third stage: batches through the plugins.

use std::sync::Arc;
use std::time::Instant;

use super::STOP_CHECK;
use super::counters::Counters;
use super::decode::Job;
use super::queue::{CloseOnDrop, Popped, Queue};
use crate::batch::{Batch, Records};
use crate::checkpoint::Checkpoint;
use crate::fault::Fault;
use crate::plugin::{Chain, FlushReason};
use crate::sink::TopicSpec;

/// What goes to the sink, in order.
pub(super) enum Delivery {
    /// A topic to make before the records that follow.
    Topic(TopicSpec),
    /// Records.
    Records(Records),
    /// Everything before it may be committed with this checkpoint.
    Commit(Box<Checkpoint>),
}

/// Runs until the input ends or the sink has left.
pub(super) fn run(chain: &mut Chain, input: &Queue<Job>, output: &Queue<Delivery>, counters: &Counters) -> Result<(), Fault> {
    let _close = CloseOnDrop(output);
    let _let_decoder_go = CloseOnDrop(input);
    loop {
        let (delivery, bytes) = match input.pop(STOP_CHECK) {
            Popped::Empty if output.is_closed() => return Ok(()),
            Popped::Empty => continue,
            Popped::Closed => return Ok(()),
            Popped::Item(Job::Topic(spec)) => (Delivery::Topic(spec), 0),
            Popped::Item(Job::Commit(checkpoint)) => (Delivery::Commit(checkpoint), 0),
            Popped::Item(Job::Control(event, topics)) => {
                if !control(chain, &event, &topics, output)? {
                    return Ok(());
                }
                continue;
            }
            Popped::Item(Job::Batch(batch, topic)) => {
                let started = Instant::now();
                let taken = encode(chain, &batch, &topic, output)?;
                counters.milled(batch.rows.num_rows(), started.elapsed());
                if !taken {
                    return Ok(());
                }
                continue;
            }
        };
        if !output.push(delivery, bytes) {
            return Ok(());
        }
    }
}

/// `false` when the sink has left.
fn encode(chain: &mut Chain, batch: &Batch, topic: &Arc<str>, output: &Queue<Delivery>) -> Result<bool, Fault> {
    let mut taken = true;
    chain.run(batch, topic, &mut |records| {
        let bytes = records.bytes();
        taken = taken && output.push(Delivery::Records(records), bytes);
        Ok(())
    })?;
    Ok(taken)
}

/// What plugins hold back goes out before the event. `false` when the sink has left.
fn control(chain: &mut Chain, event: &serde_json::Value, topics: &[Arc<str>], output: &Queue<Delivery>) -> Result<bool, Fault> {
    let mut taken = true;
    let mut deliver = |records: Records| {
        let bytes = records.bytes();
        taken = taken && output.push(Delivery::Records(records), bytes);
        Ok(())
    };
    chain.flush(FlushReason::Barrier, &mut deliver)?;
    chain.control(event, topics, &mut deliver)?;
    Ok(taken)
}
