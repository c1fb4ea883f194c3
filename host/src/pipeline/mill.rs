//! Third stage: batches through the plugins.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::STOP_CHECK;
use super::counters::Counters;
use super::decode::{CommitPoint, Job};
use super::letters::{Letter, Rules};
use super::queue::{CloseOnDrop, Popped, Queue};
use super::stages::End;
use super::tally::Tally;
use crate::batch::{Batch, Records};
use crate::checkpoint::{PluginOrder, PluginRecord, PluginState};
use crate::config::OnError;
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::plugin::{Chain, FlushReason, Rejected, Saved, Standing};
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
    /// Everything before it may be committed: what was milled since the last time.
    Commit(Box<CommitPoint>, Tally),
}

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
        tally: Tally::default(),
        routed: HashSet::new(),
        may_hold: false,
    };
    loop {
        let done = match input.pop(STOP_CHECK) {
            Popped::Empty if output.is_closed() => return Ok(()),
            Popped::Empty => mill.idle(),
            Popped::Closed => return Ok(()),
            Popped::Item(Job::Topic(spec)) => mill.push(Delivery::Topic(spec), 0),
            Popped::Item(Job::Commit(point)) => mill.commit(point),
            Popped::Item(Job::Letter(letter)) => mill.letter(letter),
            Popped::Item(Job::Plugin(order)) => mill.order(&order),
            Popped::Item(Job::Control(event, topics)) => mill.control(&event, &topics),
            Popped::Item(Job::Batch(batch, topic)) => mill.encode(&Arc::from(batch), &topic),
        };
        match done {
            Ok(()) => {}
            Err(End::Left) => return Ok(()),
            Err(End::Fault(fault)) => return Err(fault),
        }
    }
}

/// A plugin as checkpoints have it.
fn record(standing: Standing) -> PluginRecord {
    PluginRecord {
        plugin: standing.plugin,
        sha256: standing.sha256,
        former: standing.former,
        state: standing.saved.map(|saved| PluginState {
            version: saved.version,
            bytes: saved.bytes.to_vec(),
        }),
        taken_back: standing.taken_back,
    }
}

/// The same the other way round.
pub(super) fn standing(record: &PluginRecord) -> Standing {
    Standing {
        plugin: record.plugin.clone(),
        version: String::new(),
        sha256: record.sha256.clone(),
        former: record.former.clone(),
        saved: record.state.as_ref().map(|state| Saved {
            version: state.version,
            bytes: state.bytes.as_slice().into(),
        }),
        taken_back: record.taken_back.clone(),
        on_probation: false,
        setback: None,
    }
}

struct Mill<'a> {
    chain: &'a mut Chain,
    output: &'a Queue<Delivery>,
    rules: &'a Rules,
    counters: &'a Counters,
    tally: Tally,
    /// Topics beside the tables' own that transforms have sent rows to.
    routed: HashSet<Arc<str>>,
    /// Plugins were called since they were last asked for what they hold back.
    may_hold: bool,
}

impl Mill<'_> {
    fn encode(&mut self, batch: &Arc<Batch>, topic: &Arc<str>) -> Result<(), End> {
        self.make_room()?;
        let started = Instant::now();
        self.may_hold = true;
        let encoded = if self.rules.sink == OnError::Stop {
            self.encode_records(batch, topic)
        } else {
            self.encode_rows(batch, topic)
        };
        self.measure();
        let rejected = encoded?;
        reach(Point::Encoded);
        self.counters.milled(batch.rows.num_rows(), started.elapsed());
        self.tally.batch(batch);
        for rejected in rejected {
            let letter = Letter::of_row(batch, rejected.seq, rejected.into(), self.rules.most)?;
            self.letter(Box::new(letter))?;
        }
        Ok(())
    }

    /// Hands over what the batch has become; the rows that were not taken.
    fn encode_records(&mut self, batch: &Batch, topic: &Arc<str>) -> Result<Vec<Rejected>, End> {
        let mut outlet = Outlet::to(self.output);
        let routed = &mut self.routed;
        let rejected = self.chain.run(batch, topic, &mut |records| {
            outlet.announce(&records, (batch, topic), routed);
            outlet.records(records);
            Ok(())
        })?;
        outlet.end()?;
        Ok(rejected)
    }

    /// The same with whole rows in each delivery: what a row has become goes, or stays, together.
    fn encode_rows(&mut self, batch: &Arc<Batch>, topic: &Arc<str>) -> Result<Vec<Rejected>, End> {
        let mut outlet = Outlet::to(self.output);
        let routed = &mut self.routed;
        let mut open: Vec<Records> = Vec::new();
        let mut hand_over = |records: Vec<Records>| {
            let bytes = records.iter().map(Records::bytes).sum::<usize>() + batch.bytes;
            for some in &records {
                outlet.announce(some, (batch, topic), routed);
            }
            if !records.is_empty() {
                outlet.push(Delivery::Rows(records, Arc::clone(batch)), bytes);
            }
        };
        let rejected = self.chain.run(batch, topic, &mut |records| {
            let last = open.last().and_then(|last| last.sequence(last.len().checked_sub(1)?));
            if last.is_some() && last != records.sequence(0) {
                hand_over(std::mem::take(&mut open));
            }
            open.push(records);
            Ok(())
        })?;
        hand_over(open);
        outlet.end()?;
        Ok(rejected)
    }

    /// Of very many tables the plugins forget some. What they hold back of these comes before.
    fn make_room(&mut self) -> Result<(), End> {
        if self.chain.is_crowded() {
            self.flush(FlushReason::Barrier)?;
            self.chain.make_room();
        }
        Ok(())
    }

    /// What plugins hold back belongs to what is committed.
    fn commit(&mut self, point: Box<CommitPoint>) -> Result<(), End> {
        if std::mem::take(&mut self.may_hold) {
            self.flush(FlushReason::Commit)?;
            if self.chain.is_crowded() {
                self.chain.make_room();
            }
        }
        self.counters.schemas(self.chain.schemas());
        let standing = self.chain.standing();
        self.counters.standing(&standing);
        let mut point = point;
        point.checkpoint.plugins = standing.into_iter().map(record).collect();
        let bytes = point.bytes();
        let tally = std::mem::take(&mut self.tally);
        self.push(Delivery::Commit(point, tally), bytes)
    }

    fn order(&mut self, order: &PluginOrder) -> Result<(), End> {
        match order {
            PluginOrder::Reload(name) => self.chain.reload(name.as_deref()),
            PluginOrder::RollBack(name) => {
                let mut outlet = Outlet::to(self.output);
                self.chain.roll_back_to_former(name.as_deref(), &mut |records| {
                    outlet.records(records);
                    Ok(())
                })?;
                outlet.end()?;
            }
        }
        Ok(())
    }

    /// While nothing comes, new versions of plugins take their places, and what became of those that do not is told.
    fn idle(&mut self) -> Result<(), End> {
        let mut outlet = Outlet::to(self.output);
        let has_news = self.chain.catch_up(&mut |records| {
            outlet.records(records);
            Ok(())
        })?;
        outlet.end()?;
        if has_news {
            self.measure();
            self.counters.standing(&self.chain.standing());
        }
        Ok(())
    }

    /// Tells what was measured of the plugins.
    fn measure(&mut self) {
        for measured in self.chain.measured() {
            self.counters.plugin(measured);
        }
    }

    fn letter(&self, letter: Box<Letter>) -> Result<(), End> {
        if !self.counters.rejected(&letter) {
            return Ok(());
        }
        let bytes = letter.bytes();
        self.push(Delivery::Letter(letter), bytes)
    }

    /// What plugins hold back goes out before the event.
    fn control(&mut self, event: &serde_json::Value, topics: &[Arc<str>]) -> Result<(), End> {
        self.flush(FlushReason::Barrier)?;
        self.may_hold = true;
        let mut outlet = Outlet::to(self.output);
        self.chain.control(event, topics, &mut |records| {
            outlet.records(records);
            Ok(())
        })?;
        self.measure();
        outlet.end()
    }

    fn flush(&mut self, reason: FlushReason) -> Result<(), End> {
        let mut outlet = Outlet::to(self.output);
        self.chain.flush(reason, &mut |records| {
            outlet.records(records);
            Ok(())
        })?;
        outlet.end()
    }

    fn push(&self, delivery: Delivery, bytes: usize) -> Result<(), End> {
        let mut outlet = Outlet::to(self.output);
        outlet.push(delivery, bytes);
        outlet.end()
    }
}

/// Hands over to the next stage until that has left: a plugin's call is not ended for it.
struct Outlet<'a> {
    output: &'a Queue<Delivery>,
    is_open: bool,
}

impl<'a> Outlet<'a> {
    fn to(output: &'a Queue<Delivery>) -> Self {
        Self { output, is_open: true }
    }

    fn push(&mut self, delivery: Delivery, bytes: usize) {
        self.is_open = self.is_open && self.output.push(delivery, bytes);
    }

    /// Has topics made that records of this batch go to for the first time, and that are not its table's own. Those that other tables
    /// have are there already; then nothing comes of it.
    fn announce(&mut self, records: &Records, (batch, own): (&Batch, &Arc<str>), routed: &mut HashSet<Arc<str>>) {
        for name in &records.topic_names {
            if name == own || routed.contains(name) {
                continue;
            }
            routed.insert(Arc::clone(name));
            let table = &batch.table;
            let spec = TopicSpec {
                name: name.to_string(),
                table: format!("{}.{}", table.database, table.name),
                keyed: !table.key.is_empty(),
            };
            self.push(Delivery::Topic(spec), 0);
        }
    }

    fn records(&mut self, records: Records) {
        let bytes = records.bytes();
        self.push(Delivery::Records(Box::new(records)), bytes);
    }

    fn end(self) -> Result<(), End> {
        if self.is_open { Ok(()) } else { Err(End::Left) }
    }
}
