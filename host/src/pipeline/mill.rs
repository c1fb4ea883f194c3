//! Third stage: batches through the plugins.

use std::sync::Arc;
use std::time::Instant;

use super::STOP_CHECK;
use super::counters::Counters;
use super::decode::Job;
use super::letters::{Letter, Rules};
use super::queue::{CloseOnDrop, Popped, Queue};
use crate::batch::{Batch, Records};
use crate::checkpoint::Checkpoint;
use crate::config::OnError;
use crate::fault::Fault;
use crate::plugin::{Chain, FlushReason, Rejected};
use crate::sink::TopicSpec;

/// What goes to the sink, in order.
pub(super) enum Delivery {
    /// A topic to make before the records that follow.
    Topic(TopicSpec),
    /// Records.
    Records(Box<Records>),
    /// Records of whole rows, and the batch that these came from: where a record can't be delivered its row has to be told.
    Rows(Vec<Records>, Arc<Batch>),
    /// A row that was not taken.
    Letter(Box<Letter>),
    /// Everything before it may be committed with this checkpoint.
    Commit(Box<Checkpoint>),
}

/// The sink has left; the reason is its own.
struct Left;

/// Rows that were not taken, and the batch that they are from.
type NotTaken = (Vec<Rejected>, Arc<Batch>);

/// Runs until the input ends or the sink has left.
pub(super) fn run(
    chain: &mut Chain,
    input: &Queue<Job>,
    output: &Queue<Delivery>,
    (rules, counters): (&Rules, &Counters),
) -> Result<(), Fault> {
    let _close = CloseOnDrop(output);
    let _let_decoder_go = CloseOnDrop(input);
    let mut mill = Mill {
        chain,
        output,
        rules,
        counters,
    };
    loop {
        let done = match input.pop(STOP_CHECK) {
            Popped::Empty if output.is_closed() => return Ok(()),
            Popped::Empty => continue,
            Popped::Closed => return Ok(()),
            Popped::Item(Job::Topic(spec)) => mill.push(Delivery::Topic(spec), 0),
            Popped::Item(Job::Commit(checkpoint)) => mill.push(Delivery::Commit(checkpoint), 0),
            Popped::Item(Job::Letter(letter)) => mill.letter(letter),
            Popped::Item(Job::Control(event, topics)) => mill.control(&event, &topics)?,
            Popped::Item(Job::Batch(batch, topic)) => mill.encode(batch, &topic)?,
        };
        if done.is_err() {
            return Ok(());
        }
    }
}

struct Mill<'a> {
    chain: &'a mut Chain,
    output: &'a Queue<Delivery>,
    rules: &'a Rules,
    counters: &'a Counters,
}

impl Mill<'_> {
    fn push(&self, delivery: Delivery, bytes: usize) -> Result<(), Left> {
        if self.output.push(delivery, bytes) { Ok(()) } else { Err(Left) }
    }

    fn encode(&mut self, batch: Box<Batch>, topic: &Arc<str>) -> Result<Result<(), Left>, Fault> {
        let started = Instant::now();
        let rows = batch.rows.num_rows();
        let done = if self.rules.sink == OnError::Stop {
            let output = self.output;
            let mut taken = true;
            let rejected = self.chain.run(&batch, topic, &mut |records| {
                let bytes = records.bytes();
                taken = taken && output.push(Delivery::Records(Box::new(records)), bytes);
                Ok(())
            })?;
            let done = if taken { Ok(()) } else { Err(Left) };
            done.map(|()| (rejected, Arc::from(batch)))
        } else {
            self.encode_rows(Arc::from(batch), topic)?
        };
        self.counters.milled(rows, started.elapsed());
        let Ok((rejected, batch)) = done else { return Ok(Err(Left)) };
        self.letters(&batch, rejected)
    }

    /// As `encode`, with whole rows in each delivery: what a row has become goes, or stays, together.
    fn encode_rows(&mut self, batch: Arc<Batch>, topic: &Arc<str>) -> Result<Result<NotTaken, Left>, Fault> {
        let (output, bytes_of_batch) = (self.output, batch.bytes);
        let mut open: Vec<Records> = Vec::new();
        let mut taken = true;
        let mut hand_over = |records: Vec<Records>| {
            let bytes = records.iter().map(Records::bytes).sum::<usize>() + bytes_of_batch;
            taken = taken && (records.is_empty() || output.push(Delivery::Rows(records, Arc::clone(&batch)), bytes));
        };
        let rejected = self.chain.run(&batch, topic, &mut |records| {
            let last = open.last().and_then(|last| last.sequence(last.len().checked_sub(1)?));
            if last.is_some() && last != records.sequence(0) {
                hand_over(std::mem::take(&mut open));
            }
            open.push(records);
            Ok(())
        })?;
        hand_over(open);
        Ok(if taken { Ok((rejected, batch)) } else { Err(Left) })
    }

    fn letters(&self, batch: &Batch, rejected: Vec<Rejected>) -> Result<Result<(), Left>, Fault> {
        for rejected in rejected {
            let letter = Letter::of_row(batch, rejected.seq, rejected.into())?;
            if self.letter(Box::new(letter)).is_err() {
                return Ok(Err(Left));
            }
        }
        Ok(Ok(()))
    }

    fn letter(&self, letter: Box<Letter>) -> Result<(), Left> {
        if !self.counters.rejected(&letter) {
            return Ok(());
        }
        let bytes = letter.bytes();
        self.push(Delivery::Letter(letter), bytes)
    }

    /// What plugins hold back goes out before the event.
    fn control(&mut self, event: &serde_json::Value, topics: &[Arc<str>]) -> Result<Result<(), Left>, Fault> {
        let output = self.output;
        let mut taken = true;
        let mut deliver = |records: Records| {
            let bytes = records.bytes();
            taken = taken && output.push(Delivery::Records(Box::new(records)), bytes);
            Ok(())
        };
        self.chain.flush(FlushReason::Barrier, &mut deliver)?;
        self.chain.control(event, topics, &mut deliver)?;
        Ok(if taken { Ok(()) } else { Err(Left) })
    }
}
