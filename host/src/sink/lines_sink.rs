//! JSON lines to stdout or to a file, with the checkpoint in a file beside them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lines::Line;
use super::{Commit, Finding, Sink, TopicSpec};
use crate::batch::Records;
use crate::config::{Config, SinkKind};
use crate::fault::Fault;

/// Bytes that are gathered before a write.
const BUFFER: usize = 256 << 10;

/// Lines to a file or stdout. A commit is durable when it returns: the lines are flushed (of a file: on disk) first.
pub(super) struct LinesSink {
    /// `None`: stdout.
    path: Option<PathBuf>,
    position: PathBuf,
    out: Option<BufWriter<Out>>,
    partitions: i32,
    committed: u64,
    /// Bytes of the file up to the last commit, or as it was opened.
    kept: u64,
}

enum Out {
    Stdout(io::Stdout),
    File(File),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

/// The file that holds the position of a sink that is not Kafka: `<file>.position`, or `<name>.position` in the current
/// directory for stdout; `None` for Kafka.
pub fn position_file(config: &Config) -> Option<PathBuf> {
    match &config.sink.kind {
        SinkKind::Kafka => None,
        SinkKind::Stdout => Some(PathBuf::from(format!("{}.position", config.name))),
        SinkKind::File(path) => {
            let mut name = path.clone().into_os_string();
            name.push(".position");
            Some(name.into())
        }
    }
}

impl LinesSink {
    /// Opens nothing yet.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            path: match &config.sink.kind {
                SinkKind::File(path) => Some(path.clone()),
                SinkKind::Kafka | SinkKind::Stdout => None,
            },
            position: position_file(config).unwrap_or_else(|| PathBuf::from(format!("{}.position", config.name))),
            out: None,
            partitions: config.sink.topics.partitions_with_key,
            committed: 0,
            kept: 0,
        }
    }

    fn out(&mut self) -> Result<&mut BufWriter<Out>, Fault> {
        if self.out.is_none() {
            let out = match &self.path {
                None => Out::Stdout(io::stdout()),
                Some(path) => {
                    let file = append_to(path)?;
                    let whole = end_with_a_line(&file).map_err(|error| super::unwritten(path, error))?;
                    if !whole {
                        tracing::warn!(path = %path.display(), "the last line was cut short, and is taken back: it comes again");
                    }
                    self.kept = file.metadata().map_err(|error| super::unwritten(path, error))?.len();
                    Out::File(file)
                }
            };
            self.out = Some(BufWriter::with_capacity(BUFFER, out));
        }
        self.out.as_mut().ok_or_else(|| Fault::stop(anyhow::anyhow!("opening the output")))
    }

    fn written(&mut self, result: io::Result<()>) -> Result<(), Fault> {
        let Err(error) = result else { return Ok(()) };
        self.take_back();
        Err(match &self.path {
            Some(path) => super::unwritten(path, error),
            None => Fault::stop(anyhow::Error::new(error).context("writing to stdout")),
        })
    }

    /// Takes lines that no commit stands behind out of the file: they come again, and are to be there once.
    fn take_back(&mut self) {
        let Some(out) = self.out.take() else { return };
        // What is still in the buffer is not written either.
        let (out, _) = out.into_parts();
        if let Out::File(file) = out
            && file.metadata().is_ok_and(|metadata| metadata.len() > self.kept)
            && let Err(error) = file.set_len(self.kept)
        {
            tracing::warn!(%error, "lines without a position behind them can't be taken back: they come twice");
        }
    }

    /// Stores a position, or takes back what it would stand behind.
    fn store_position(&mut self, checkpoint: &[u8]) -> Result<(), Fault> {
        super::replace_file(&self.position, checkpoint).inspect_err(|_| {
            // A failure behind the replacement itself leaves the new one.
            if std::fs::read(&self.position).is_ok_and(|stored| stored != checkpoint) {
                self.take_back();
            }
        })
    }

    fn store(&mut self, commit: &Commit) -> Result<(), Fault> {
        let out = self.out()?;
        let flushed = out.flush().and_then(|()| match out.get_ref() {
            Out::Stdout(_) => Ok(()),
            Out::File(file) => file.sync_data(),
        });
        self.written(flushed)?;
        self.store_position(&commit.checkpoint)?;
        if let Out::File(file) = self.out()?.get_ref() {
            // Where that can't be told nothing is ever taken back.
            self.kept = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        }
        for id in &commit.heeded {
            super::notes::take_away(&self.position, id)?;
        }
        self.committed = commit.number;
        Ok(())
    }
}

impl Sink for LinesSink {
    fn prepare(&mut self, _: &[TopicSpec]) -> Result<(), Fault> {
        self.out().map(|_| ())
    }

    fn write(&mut self, records: Records) -> Result<(), Fault> {
        let partitions = self.partitions;
        let out = self.out()?;
        let result = (0..records.len()).try_for_each(|i| writeln!(out, "{}", line(&records, i, partitions)));
        self.written(result)
    }

    fn commit(&mut self, commit: Commit) -> Result<(), Fault> {
        self.store(&commit)
    }

    fn committed(&mut self, _: Duration) -> Result<u64, Fault> {
        Ok(self.committed)
    }

    fn finish(&mut self, _: Duration) -> Result<(), Fault> {
        let flushed = self.out()?.flush();
        self.written(flushed)
    }
}

/// Whether the file and its position file can be written.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let SinkKind::File(path) = &config.sink.kind else {
        return vec![Finding::ok("output", "stdout")];
    };
    // Only a file that exists is opened: a check leaves nothing behind.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let opened = if path.exists() { append_to(path).map(|_| ()) } else { Ok(()) };
    match opened {
        Ok(()) if !folder.is_dir() => {
            let text = format!("{folder:?} is no folder");
            vec![Finding::fail("output", text, "make the folder, or mend the sink's path")]
        }
        Ok(()) => vec![Finding::ok("output", format!("{path:?}"))],
        Err(fault) => vec![Finding::fail(
            "output",
            fault.to_string(),
            "mend the sink's path or its permissions",
        )],
    }
}

/// Takes back what stands behind the last whole line: a disk that was full, or a crash, has cut it. Whether there was nothing.
fn end_with_a_line(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut piece = vec![0; BUFFER];
    while end > 0 {
        let from = end.saturating_sub(u64::try_from(BUFFER).unwrap_or(u64::MAX));
        let part = piece.get_mut(..usize::try_from(end - from).unwrap_or(0)).unwrap_or_default();
        file.read_exact_at(part, from)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            end = from + u64::try_from(at).unwrap_or(0) + 1;
            break;
        }
        end = from;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end == length)
}

fn append_to(path: &Path) -> Result<File, Fault> {
    let opened = File::options().create(true).append(true).read(true).open(path);
    opened.map_err(|error| Fault::stop(anyhow::Error::new(error).context(format!("opening {path:?} to append lines"))))
}

/// Records as JSON lines, with the partition that each goes to where its topic has this many.
pub fn json_lines(records: &Records, partitions: i32) -> impl Iterator<Item = String> {
    (0..records.len()).map(move |i| line(records, i, partitions))
}

fn line(records: &Records, i: usize, partitions: i32) -> String {
    let (key, value) = records.entry(i).unwrap_or_default();
    let topic = records.topics.get(i).and_then(|t| records.topic_names.get(usize::from(*t)));
    let headers = headers(records, i);
    Line {
        topic: topic.map(|name| &**name),
        partition: match records.partitions.get(i).copied().unwrap_or(-1) {
            -1 => key.map_or(0, |key| rowmill_sdk::partition(key, partitions)),
            given => given,
        },
        offset: None,
        timestamp: records.timestamps.get(i).copied(),
        key,
        headers: &headers,
        value,
    }
    .compact()
}

fn headers(records: &Records, i: usize) -> Vec<(&str, Option<&[u8]>)> {
    let mut found = Vec::new();
    for (name, value) in records.headers(i) {
        found.push((std::str::from_utf8(name).unwrap_or("?"), Some(value)));
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_line_that_was_cut_is_taken_back_and_whole_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let long = "x".repeat(2 * BUFFER);
        for (before, after) in [
            (String::new(), ""),
            ("a\nb\n".to_owned(), "a\nb\n"),
            ("a\nb".to_owned(), "a\n"),
            (format!("a\n{long}"), "a\n"),
            (long, ""),
        ] {
            std::fs::write(&path, &before).unwrap();
            let whole = end_with_a_line(&append_to(&path).unwrap()).unwrap();
            assert_eq!(
                (whole, std::fs::read_to_string(&path).unwrap()),
                (before == after, after.to_owned())
            );
        }
    }

    #[test]
    fn a_committed_file_holds_every_record_and_the_position_stands_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let mut sink = LinesSink {
            path: Some(path.clone()),
            position: folder.path().join("out.jsonl.position"),
            out: None,
            partitions: 6,
            committed: 0,
            kept: 0,
        };
        let records = Records {
            topic_names: vec![Arc::from("m_t")],
            topics: vec![0, 0],
            partitions: vec![-1, -1],
            timestamps: vec![5, 6],
            flags: vec![0, 3],
            bounds: vec![0, 14, 17, 17, 17],
            header_ends: vec![1, 1],
            header_bounds: vec![0, 2, 3],
            header_data: b"opI".to_vec(),
            data: b"{\"mysql_id\":1}abc".to_vec(),
            ..Records::default()
        };
        sink.write(records).unwrap();
        sink.commit(Commit {
            number: 4,
            checkpoint: b"{}".to_vec(),
            heeded: Vec::new(),
        })
        .unwrap();
        assert_eq!(sink.committed(Duration::ZERO).unwrap(), 4);
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"topic":"m_t","partition":4,"timestamp":5,"key":"{\"mysql_id\":1}","headers":[["op","I"]],"value":"abc"}"#,
                r#"{"topic":"m_t","partition":0,"timestamp":6,"key":null,"headers":[],"value":null}"#,
            ]
        );
        assert_eq!(std::fs::read(folder.path().join("out.jsonl.position")).unwrap(), b"{}");
    }
}
