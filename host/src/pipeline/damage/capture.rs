//! Binlogs as they were captured, what they hold, and whether the rows of a damaged copy are right.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::outcome::{Outcome, Verdict, config, interpreter};
use crate::batch::Batcher;
use crate::pipeline::replay::BINLOG;
use crate::position::Position;
use crate::source::{Change, Event, EventKind, FileSource, Interpreter, Read, Released, Rows, Source, Transaction};

/// A binlog.
pub(super) struct Capture {
    /// Of the file.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Where each event is.
    pub(super) events: Vec<Range<usize>>,
    /// Offsets between two transactions, where a cut leaves a file that may have been written so; with the rows before each.
    between: BTreeMap<usize, u64>,
    /// Positions that may be committed, with the rows before each.
    positions: BTreeSet<(String, u64)>,
    /// Whether events have checksums.
    checked: bool,
    /// Undamaged, with large batches and with small ones.
    wholes: [Outcome; 2],
}

/// The demo's binlog, and those of ROWMILL_TEST_BINLOGS.
pub(super) fn captures() -> Vec<Capture> {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo.binlog");
    std::fs::write(&demo, BINLOG).unwrap();
    let mut paths = vec![demo];
    if let Some(folder) = std::env::var_os("ROWMILL_TEST_BINLOGS") {
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        paths.sort();
    }
    paths.into_iter().map(Capture::new).collect()
}

impl Capture {
    fn new(path: PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap();
        let mut events = Vec::new();
        let mut at = 4;
        while at < bytes.len() {
            let size = u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap());
            let end = at + usize::try_from(size).unwrap();
            events.push(at..end);
            at = end;
        }
        let mut capture = Self {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            checked: bytes[events[0].end - 5] == 1,
            bytes,
            events,
            between: BTreeMap::from([(4, 0)]),
            positions: BTreeSet::new(),
            wholes: [false, true].map(|small| Outcome::of(&path, small)),
        };
        capture.walk(&path);
        capture
    }

    /// Notes where transactions end.
    fn walk(&mut self, path: &std::path::Path) {
        let config = config();
        let mut source = FileSource::new(vec![path.to_owned()]);
        let server = source.server().unwrap();
        source.open(&Position::default()).unwrap();
        let mut events = Vec::new();
        while source.read(&mut events, Duration::ZERO).unwrap() != Read::End {}
        let mut walk = Walk {
            interpreter: interpreter(&config, path, false),
            batcher: Batcher::new(config.batch, config.limits.row, server, config.sink.topics.clone()),
            rows: 0,
        };
        // Where the next event is; a GTID has come, and nothing of its transaction; the last position.
        let (mut at, mut announced, mut before) = (4, false, String::new());
        for event in &events {
            walk.event(event);
            if event.is_made_up() {
                continue;
            }
            at += usize::try_from(event.size).unwrap();
            let position = walk.interpreter.position().to_string();
            let begins = matches!(event.kind(), EventKind::Gtid | EventKind::GtidTagged | EventKind::DomainGtid);
            announced = position == before && (announced || begins);
            if !announced && !walk.interpreter.in_transaction() {
                self.between.insert(at, walk.rows);
            }
            if position != before {
                self.positions.insert((position.clone(), walk.rows));
            }
            before = position;
        }
    }

    /// What it holds, in large batches or small ones.
    pub(super) fn whole(&self, small: bool) -> &Outcome {
        &self.wholes[usize::from(small)]
    }

    /// Rows that it holds.
    pub(super) fn rows(&self) -> u64 {
        self.whole(false).rows()
    }

    /// Whether what came of a damaged copy is right: every row one of the undamaged file's, in its place, none missing before what
    /// was committed; and all of them where there was no error.
    pub(super) fn judge(&self, damaged: &[u8], outcome: &Outcome, small: bool) -> Result<Verdict, String> {
        let whole = self.whole(small);
        if !self.checked {
            // Nothing could tell a value from another: it is enough that it ended.
            return Ok(Verdict::Unchecked);
        }
        for batch in &outcome.batches {
            // Batches of a few rows are often full before their transaction ends.
            whole.has(batch, !small)?;
        }
        if outcome.controls != whole.controls[..outcome.controls.len().min(whole.controls.len())] {
            return Err(format!("{:?} instead of {:?}", outcome.controls, whole.controls));
        }
        for (position, rows) in &outcome.commits {
            if !self.positions.contains(&(position.clone(), *rows)) {
                return Err(format!("{position} is committed after {rows} rows"));
            }
        }
        if outcome.fault.is_some() {
            return Ok(Verdict::Error);
        }
        let cut = self.bytes.starts_with(damaged).then(|| self.between.get(&damaged.len())).flatten();
        let (expected, verdict) = match cut {
            Some(rows) if damaged.len() < self.bytes.len() => (*rows, Verdict::Cut),
            _ => (self.rows(), Verdict::Same),
        };
        if outcome.rows() != expected {
            return Err(format!("{} rows instead of {expected}, without an error", outcome.rows()));
        }
        Ok(verdict)
    }
}

/// Counts rows.
struct Walk {
    interpreter: Interpreter,
    batcher: Batcher,
    rows: u64,
}

impl Walk {
    fn event(&mut self, event: &Event) {
        match self.interpreter.read(event).unwrap() {
            Change::Packed => {
                let mut payload = self.interpreter.unpack(event).unwrap();
                while let Some(packed) = payload.next().unwrap() {
                    match self.interpreter.read_packed(packed).unwrap() {
                        Change::Rows(rows) => add(&mut self.batcher, &rows, &mut self.rows),
                        Change::Release => self.release(packed.event),
                        _ => {}
                    }
                }
            }
            Change::Rows(rows) => add(&mut self.batcher, &rows, &mut self.rows),
            Change::Release => self.release(event),
            _ => {}
        }
    }

    fn release(&mut self, event: &Event) {
        let mut release = self.interpreter.release(event).unwrap();
        while let Released::Rows(held) = release.next(Duration::ZERO).unwrap() {
            add(&mut self.batcher, &held.rows(), &mut self.rows);
        }
        self.interpreter.released(release, event).unwrap();
    }
}

fn add(batcher: &mut Batcher, rows: &Rows<'_>, count: &mut u64) {
    batcher.add(rows, &Transaction::default(), count).unwrap();
}
