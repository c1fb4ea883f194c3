//! Last stage: records and checkpoints into the sink, acknowledgements out of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::info;

use super::counters::Counters;
use super::decode::CommitPoint;
use super::letters::{self, Letter, Reason, Rules, Stage};
use super::mill::Delivery;
use super::queue::{CloseOnDrop, Popped, Queue};
use super::tally::{Ledger, Tally};
use crate::batch::{Batch, Records};
use crate::fault::Fault;
use crate::metrics::Level;
use crate::sink::{Commit, Misfit, Sink};

/// How long the stage sleeps without input before it looks for acknowledgements again.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_millis(5);
/// For so long a commit leaves its work to the next one, where that waits already.
const LONGEST_MERGE: Duration = Duration::from_millis(500);
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
    let mut outlet = Outlet {
        in_flight: counters.meter().queue("broker"),
        sink,
        rules,
        counters,
        ledger: Ledger::default(),
        number: 0,
        merging: None,
    };
    let delivered = outlet.serve(input).and_then(|()| outlet.finish(limit));
    outlet.in_flight.set(0);
    if delivered.is_err() {
        outlet.ledger.give_up(counters);
    }
    delivered
}

/// The running stage.
struct Outlet<'a> {
    sink: &'a mut dyn Sink,
    rules: &'a Rules,
    counters: &'a Counters,
    ledger: Ledger,
    in_flight: Level,
    /// Of the newest commit.
    number: u64,
    /// Since when commits leave their work to the next one.
    merging: Option<Instant>,
}

impl Outlet<'_> {
    fn serve(&mut self, input: &Queue<Delivery>) -> Result<(), Fault> {
        let counters = self.counters;
        let mut reported = (Instant::now(), counters.records());
        loop {
            match input.pop(ACKNOWLEDGE_WAIT) {
                Popped::Empty => {}
                Popped::Closed => return Ok(()),
                Popped::Item(Delivery::Commit(point, tally)) if self.may_merge(&point, input) => {
                    self.ledger.leave(tally, point.has_changes);
                }
                Popped::Item(delivery) => self.deliver(delivery)?,
            }
            let committed = self.sink.committed(Duration::ZERO)?;
            self.ledger.durable(committed, counters);
            self.in_flight.set(self.sink.in_flight());
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
    }

    /// Whether the next commit does the work of this one. Commits that a slow broker has pile up would each have its price, and what comes
    /// behind them would be later and later. A part of a source transaction is as large as it may be and stays alone.
    fn may_merge(&mut self, point: &CommitPoint, input: &Queue<Delivery>) -> bool {
        point.heeded.is_empty()
            && point.checkpoint.inside.is_none()
            && input.holds(|delivery| matches!(delivery, Delivery::Commit(..)))
            && self.merging.get_or_insert_with(Instant::now).elapsed() < LONGEST_MERGE
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<(), Fault> {
        match delivery {
            Delivery::Topic(spec) => self.sink.prepare(std::slice::from_ref(&spec)),
            Delivery::Records(records) => self.write(*records),
            Delivery::Rows(records, batch) => self.rows(records, &batch),
            Delivery::Letter(letter) => self.letter(&letter),
            Delivery::Commit(point, tally) => self.commit(*point, tally),
        }
    }

    fn write(&mut self, records: Records) -> Result<(), Fault> {
        self.counters.written(records.len());
        self.ledger.records(&records);
        self.in_flight.set(self.sink.in_flight().saturating_add(records.bytes()));
        self.sink.write(records)
    }

    fn letter(&mut self, letter: &Letter) -> Result<(), Fault> {
        self.ledger.letter(&self.rules.topic);
        letters::send(self.sink, letter, self.rules)
    }

    fn commit(&mut self, point: CommitPoint, tally: Tally) -> Result<(), Fault> {
        self.number += 1;
        self.merging = None;
        let checkpoint = point.checkpoint.encode()?;
        self.ledger.ask(self.number, tally, point.checkpoint.position, point.has_changes);
        self.sink.commit(Commit {
            number: self.number,
            checkpoint,
            heeded: point.heeded,
        })
    }

    fn finish(&mut self, limit: Duration) -> Result<(), Fault> {
        self.sink.finish(limit)?;
        self.ledger.durable(self.number, self.counters);
        Ok(())
    }

    /// Writes records, but for those of rows of which one can never be delivered: these rows are left out whole.
    fn rows(&mut self, records: Vec<Records>, batch: &Batch) -> Result<(), Fault> {
        let mut refused: BTreeMap<u64, Misfit> = BTreeMap::new();
        for some in &records {
            for (i, reason) in self.sink.misfits(some)? {
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
            if !left.is_empty() {
                self.write(left)?;
            }
        }
        for (sequence, Misfit { code, text }) in refused {
            let reason = Reason {
                stage: Stage::Sink,
                code: code.to_owned(),
                text,
                plugin: None,
                on_error: self.rules.sink,
            };
            let letter = Letter::of_row(batch, sequence, reason, self.rules.most)?;
            if self.counters.rejected(&letter) {
                self.letter(&letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::checkpoint::{Checkpoint, Inside, TableRows};
    use crate::config::{self, Surroundings};
    use crate::position::Position;
    use crate::sink::TopicSpec;

    /// Notes what it is asked to commit.
    #[derive(Default)]
    struct Notes(Vec<serde_json::Value>);

    impl Sink for Notes {
        fn prepare(&mut self, _: &[TopicSpec]) -> Result<(), Fault> {
            Ok(())
        }

        fn write(&mut self, _: Records) -> Result<(), Fault> {
            Ok(())
        }

        fn commit(&mut self, commit: Commit) -> Result<(), Fault> {
            self.0.push(serde_json::from_slice(&commit.checkpoint).map_err(Fault::stop)?);
            Ok(())
        }

        fn committed(&mut self, _: Duration) -> Result<u64, Fault> {
            Ok(0)
        }

        fn finish(&mut self, _: Duration) -> Result<(), Fault> {
            Ok(())
        }
    }

    fn commit(next_sequence: u64, inside: Option<Inside>) -> Delivery {
        let checkpoint = Checkpoint {
            position: Position::default(),
            next_sequence,
            saved_at_ms: 0,
            skip_before_ms: None,
            prepared: Vec::new(),
            inside,
            log: None,
            copying: Vec::new(),
            plugins: Vec::new(),
        };
        let point = CommitPoint {
            checkpoint,
            heeded: Vec::new(),
            has_changes: true,
        };
        Delivery::Commit(Box::new(point), Tally::default())
    }

    /// The numbers of what is committed of these, which all wait already.
    fn committed(deliveries: Vec<Delivery>) -> Vec<u64> {
        let queue = Queue::new(1000);
        for delivery in deliveries {
            assert!(queue.push(delivery, 0));
        }
        queue.close();
        let surroundings = Surroundings {
            folder: std::path::Path::new(""),
            variable: &|_| None,
        };
        let text = "name = \"c\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"\n[sink]\nkind = \"stdout\"";
        let config = config::parse(text, &surroundings).unwrap();
        let mut sink = Notes::default();
        let outcome = run(&mut sink, &queue, Duration::ZERO, (&Rules::of(&config), &Counters::unwatched()));
        assert!(outcome.is_ok());
        let number = |stored: &serde_json::Value| stored["next_sequence"].as_u64().unwrap();
        sink.0.iter().map(number).collect()
    }

    #[test]
    fn of_commits_that_wait_behind_each_other_the_last_one_counts() {
        assert_eq!(committed(vec![commit(1, None), commit(2, None), commit(3, None)]), [3]);
    }

    #[test]
    fn parts_of_a_transaction_are_committed_one_by_one() {
        let part = |rows| {
            Some(Inside {
                gtid: "g".to_owned(),
                file: "f".to_owned(),
                pos: 4,
                rows: vec![TableRows {
                    database: "d".to_owned(),
                    table: "t".to_owned(),
                    rows,
                }],
                begin: None,
                topics: Vec::new(),
            })
        };
        let all = vec![commit(1, None), commit(2, part(1)), commit(3, part(2)), commit(4, None)];
        assert_eq!(committed(all), [2, 3, 4]);
    }
}
