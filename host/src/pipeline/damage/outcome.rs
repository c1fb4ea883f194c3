//! What the file source and the decode stage make of a file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::UInt64Type;

use crate::batch::{Batch, Batcher, Slice, check_batch, check_same_rows};
use crate::config::{self, Config, SourceKind, Surroundings};
use crate::metrics::Meter;
use crate::pipeline::decode::{self, Ending, Job, Parts, Policy, Pulse};
use crate::pipeline::queue::{Popped, Queue};
use crate::pipeline::read::Gate;
use crate::pipeline::{Stop, attempt, read};
use crate::position::Position;
use crate::source::{Again, Catalog, FileSource, Holding, Interpreter, Source};

/// What a user would write; the file is put in for each run.
const CONFIG: &str = r#"
name = "damage"
[source]
host = "captured"
user = "nobody"
database = "captured"
auto_add = ".*"
snapshot = "never"
ddl = "forward"
[sink]
brokers = "127.0.0.1:9092"
topic_prefix = "mysql"
"#;

/// All that came of a file.
pub(super) struct Outcome {
    pub(super) batches: Vec<Batch>,
    /// Control events.
    pub(super) controls: Vec<serde_json::Value>,
    /// Positions that were committed, with the number of rows in the batches before each.
    pub(super) commits: Vec<(String, u64)>,
    /// How it ended, unless well.
    pub(super) fault: Option<String>,
}

/// What came of a damaged copy.
pub(super) enum Verdict {
    /// It was found out.
    Error,
    /// It has the same rows.
    Same,
    /// It ends between two transactions, as a file may that is still being written.
    Cut,
    /// Nothing in the file could tell.
    Unchecked,
}

pub(super) fn config() -> Config {
    static PARSED: OnceLock<Config> = OnceLock::new();
    let parse = || {
        let mut config = config::parse(CONFIG, &Surroundings::of_process(Path::new(""))).unwrap();
        config.source.kind = SourceKind::File(Vec::new());
        config.source.tables.databases.push("mysql_to_kafka".to_owned());
        config
    };
    PARSED.get_or_init(parse).clone()
}

/// With room for the rows of XA transactions, or with none, so that they are read again.
pub(super) fn interpreter(config: &Config, path: &Path, small: bool) -> Interpreter {
    let holding = Holding {
        again: Again::of_files(&[path.to_owned()]),
        memory: if small { 0 } else { 1 << 20 },
        ..Holding::default()
    };
    Interpreter::new(Position::default(), config.source.tables.clone(), Catalog::none()).with_prepared(Vec::new(), holding)
}

impl Outcome {
    /// Reads a file, cutting batches after a few rows or after many.
    pub(super) fn of(path: &Path, small: bool) -> Self {
        let mut outcome = Self {
            batches: Vec::new(),
            controls: Vec::new(),
            commits: Vec::new(),
            fault: None,
        };
        let mut source = FileSource::new(vec![path.to_owned()]);
        let opened = source
            .server()
            .and_then(|server| source.open(&Position::default()).map(|()| server));
        let server = match opened {
            Ok(server) => server,
            Err(fault) => {
                outcome.fault = Some(fault.to_string());
                return outcome;
            }
        };
        let mut config = config();
        config.batch.max_rows = if small { 5 } else { 65536 };
        let parts = Parts {
            interpreter: interpreter(&config, path, small),
            batcher: Batcher::new(config.batch, config.limits.row, server.clone(), config.sink.topics.clone()),
            on_error: crate::config::OnError::Stop,
            topics: config.sink.topics.clone(),
            owners: HashMap::new(),
            next_sequence: 1,
            commit_interval: config.sink.commit_interval,
            part: attempt::part(&config),
            inside: None,
            server: None,
            existing: None,
            most_open: attempt::most_open(&config),
            meter: Meter::unread(),
            monitor: None,
            policy: Policy::new(&config, &server),
            pulse: Pulse::new(Duration::ZERO, None),
        };
        let (events, jobs) = (Queue::new(usize::MAX), Queue::new(usize::MAX));
        let ending = Ending {
            stop: Stop::new(),
            give_up: Stop::new(),
        };
        let read = read::run(
            &mut source,
            &events,
            &Meter::unread(),
            &Gate {
                bytes: usize::MAX,
                is_taken: &|| false,
            },
        );
        let decoded = decode::run(parts, &events, &jobs, &ending);
        outcome.fault = decoded.and(read).err().map(|fault| fault.to_string());
        outcome.take(&jobs);
        outcome
    }

    fn take(&mut self, jobs: &Queue<Job>) {
        loop {
            match jobs.pop(Duration::ZERO) {
                Popped::Item(Job::Batch(batch, _)) => {
                    check_batch(&batch);
                    self.batches.push(*batch);
                }
                Popped::Item(Job::Control(event, _)) => self.controls.push(*event),
                Popped::Item(Job::Commit(point)) => self.commits.push((point.checkpoint.position.to_string(), self.rows())),
                Popped::Item(Job::Topic(_) | Job::Plugin(_)) => {}
                Popped::Item(Job::Letter(_)) => panic!("a letter, though a row at fault stops the connector"),
                Popped::Empty | Popped::Closed => return,
            }
        }
    }

    /// Rows in all batches.
    pub(super) fn rows(&self) -> u64 {
        u64::try_from(self.batches.iter().map(|batch| batch.rows.num_rows()).sum::<usize>()).unwrap()
    }

    /// Whether every row of a batch is here, however batches were cut; what is not, as text.
    pub(super) fn has(&self, batch: &Batch, ended: bool) -> Result<(), String> {
        let mut from = 0;
        while let Some(seq) = seqs(batch).get(from) {
            let own = self.slice(*seq).ok_or_else(|| format!("there is no row {seq}"))?;
            let rows = (own.batch.rows.num_rows() - own.from).min(batch.rows.num_rows() - from);
            check_same_rows(own, Slice { batch, from }, rows, ended).map_err(|wrong| format!("{rows} rows from {seq} on: {wrong}"))?;
            from += rows;
        }
        Ok(())
    }

    /// The batch that has the row of this number, from there on.
    fn slice(&self, seq: u64) -> Option<Slice<'_>> {
        self.batches.iter().find_map(|batch| {
            let from = seqs(batch).binary_search(&seq).ok()?;
            Some(Slice { batch, from })
        })
    }
}

fn seqs(batch: &Batch) -> &[u64] {
    batch.rows["seq"].as_primitive::<UInt64Type>().values()
}
