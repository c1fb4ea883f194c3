//! Binlog files: what `mysqlbinlog` reads, from disk or from memory.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read as _, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::checksum::Checksums;
use super::event::{Event, EventKind, HEADER_LEN};
use super::reader::Malformed;
use super::schema::{Flavor, Server};
use super::{Read, Source};
use crate::fault::Fault;
use crate::position::Position;

/// The first bytes of a binlog file.
const MAGIC: [u8; 4] = *b"\xfebin";
/// The first bytes of an encrypted one.
const ENCRYPTED: [u8; 4] = *b"\xfdbin";
/// Offset of the first event.
const FIRST: u64 = 4;
/// Bytes of events that one `read` returns.
const CHUNK: usize = 1 << 20;
/// The largest event that a server writes, with room to spare: a length past it is damage.
const LARGEST: u32 = (1 << 30) + (1 << 24);
/// Read from a file at once.
const BUFFER: usize = 1 << 18;

/// Events of binlog files, in order.
#[derive(Debug)]
pub struct FileSource {
    inputs: Vec<Input>,
    /// Index of the next input to open.
    next: usize,
    log: Option<Log>,
    /// An error that came after events which go first.
    later: Option<Fault>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
enum Input {
    Path(PathBuf),
    Bytes(&'static [u8]),
}

impl FileSource {
    /// Reads these files one after the other.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self::of(paths.into_iter().map(Input::Path).collect())
    }

    /// Reads one file that is in memory; its name is `binlog.000001`.
    pub fn from_bytes(bytes: &'static [u8]) -> Self {
        Self::of(vec![Input::Bytes(bytes)])
    }

    fn of(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            next: 0,
            log: None,
            later: None,
        }
    }

    /// The server that wrote the first file, as its format description tells.
    ///
    /// # Errors
    /// `Stop` where there is no file, or its start is none of a binlog.
    pub fn server(&self) -> Result<Server, Fault> {
        let input = self
            .inputs
            .first()
            .ok_or_else(|| Fault::stop(anyhow!("source.files names no file")))?;
        let mut log = Log::open(input)?;
        let event = log.next()?.ok_or_else(|| Fault::stop(anyhow!("{} holds no event", log.name)))?;
        let text = event.body.get(2..52).unwrap_or_default();
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        let version = String::from_utf8_lossy(text.get(..end).unwrap_or_default()).into_owned();
        Ok(Server {
            flavor: flavor_of(&version),
            version,
            time_zone: "UTC".to_owned(),
        })
    }

    /// Opens the next input and announces it as a server does: by a rotation that is in no file.
    fn advance(&mut self, pos: u64, events: &mut Vec<Event>) -> Result<bool, Fault> {
        let Some(input) = self.inputs.get(self.next) else {
            return Ok(false);
        };
        self.next += 1;
        let mut log = Log::open(input)?;
        events.push(Event::made_up_rotation(&log.name, pos));
        if pos > FIRST {
            let format = log.next()?;
            // Its place is before the start; a server sends it without one too.
            events.extend(format.map(|event| Event { end_pos: 0, ..event }));
            log.seek(pos)?;
        }
        self.log = Some(log);
        Ok(true)
    }

    fn fill(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        let mut bytes = 0;
        while bytes < CHUNK {
            let Some(log) = &mut self.log else {
                if self.advance(FIRST, events)? {
                    continue;
                }
                return Ok(());
            };
            match log.next()? {
                Some(event) => {
                    bytes += event.body.len();
                    events.push(event);
                }
                None => {
                    events.push(Event::made_up_end());
                    self.log = None;
                }
            }
        }
        Ok(())
    }
}

impl Source for FileSource {
    fn open(&mut self, from: &Position) -> Result<(), Fault> {
        self.log = None;
        self.later = None;
        self.next = 0;
        if from.file.is_empty() {
            return Ok(());
        }
        let found = self.inputs.iter().position(|input| input.name() == from.file);
        self.next = found.ok_or_else(|| Fault::stop(anyhow!("the position {from} is in a file that source.files does not name")))?;
        let mut events = Vec::new();
        self.advance(from.pos.max(FIRST), &mut events)?;
        if let Some(log) = &mut self.log {
            log.ahead = events;
        }
        Ok(())
    }

    fn read(&mut self, events: &mut Vec<Event>, _wait: Duration) -> Result<Read, Fault> {
        if let Some(fault) = self.later.take() {
            return Err(fault);
        }
        let before = events.len();
        if let Some(log) = &mut self.log {
            events.append(&mut log.ahead);
        }
        match self.fill(events) {
            Err(fault) if events.len() > before => self.later = Some(fault),
            Err(fault) => return Err(fault),
            Ok(()) => {}
        }
        Ok(if events.len() > before { Read::Events } else { Read::End })
    }
}

/// MariaDB says so in its version.
pub(super) fn flavor_of(version: &str) -> Flavor {
    if version.contains("MariaDB") {
        Flavor::Mariadb
    } else {
        Flavor::Mysql
    }
}

impl Input {
    /// File name without a folder.
    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Bytes(_) => "binlog.000001".to_owned(),
        }
    }
}

/// Bytes that can be read and searched.
trait Stream: std::io::Read + Seek + Send + std::fmt::Debug {}
impl<T: std::io::Read + Seek + Send + std::fmt::Debug> Stream for T {}

/// One open file.
#[derive(Debug)]
struct Log {
    name: String,
    stream: Box<dyn Stream>,
    /// Offset of the next event.
    offset: u64,
    checksums: Checksums,
    /// Events that were read before they were asked for.
    ahead: Vec<Event>,
}

impl Log {
    fn open(input: &Input) -> Result<Self, Fault> {
        let name = input.name();
        let stream: Box<dyn Stream> = match input {
            Input::Bytes(bytes) => Box::new(Cursor::new(*bytes)),
            Input::Path(path) => {
                let file = File::open(path).with_context(|| format!("opening the binlog file {}", path.display()));
                Box::new(BufReader::with_capacity(BUFFER, file.map_err(Fault::Stop)?))
            }
        };
        let mut log = Self {
            name,
            stream,
            offset: 0,
            checksums: Checksums::of_file(),
            ahead: Vec::new(),
        };
        let mut magic = [0; 4];
        log.fill(&mut magic)?;
        match magic {
            MAGIC => {}
            ENCRYPTED => return Err(log.broken("it is encrypted, which can't be read; read it from its server")),
            _ => return Err(log.broken("it does not begin like a binlog")),
        }
        log.offset = FIRST;
        Ok(log)
    }

    fn seek(&mut self, offset: u64) -> Result<(), Fault> {
        let result = self.stream.seek(SeekFrom::Start(offset));
        result
            .with_context(|| format!("going to offset {offset} of {}", self.name))
            .map_err(Fault::Stop)?;
        self.offset = offset;
        Ok(())
    }

    /// The next event; `None` at the end.
    fn next(&mut self) -> Result<Option<Event>, Fault> {
        let mut header = [0; HEADER_LEN];
        let Some((first, rest)) = header.split_first_mut() else {
            return Ok(None);
        };
        match self.stream.read(std::slice::from_mut(first)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.next(),
            Err(error) => return Err(self.unread(error)),
        }
        self.fill(rest)?;
        let mut event = Event::from_header(&header);
        let length = usize::try_from(event.size).ok().and_then(|size| size.checked_sub(HEADER_LEN));
        let Some(length) = length.filter(|_| event.size <= LARGEST) else {
            return Err(self.broken("its event has an impossible length"));
        };
        // A length from outside must not become memory before as many bytes are there.
        let wanted = u64::from(event.size);
        let mut body = Vec::with_capacity(length.min(CHUNK));
        let read = self.stream.by_ref().take(u64::try_from(length).unwrap_or(0)).read_to_end(&mut body);
        read.map_err(|error| self.unread(error))?;
        if body.len() < length {
            return Err(self.broken("it ends within its last event"));
        }
        event.body = body;
        self.verify(&mut event)?;
        self.offset += wanted;
        // An event tells where it ends, in 32 bits: one that was lost, or that stands where it was not written, shows.
        if u64::from(event.end_pos) != self.offset & u64::from(u32::MAX) {
            self.offset -= wanted;
            return Err(self.broken("its event was written for another place: events are missing, were moved, or it is a relay log"));
        }
        Ok(Some(event))
    }

    /// Verifies the checksum and cuts it off.
    fn verify(&mut self, event: &mut Event) -> Result<(), Fault> {
        if self.offset == FIRST && event.code != EventKind::FORMAT_DESCRIPTION {
            return Err(self.broken("its first event is no format description"));
        }
        self.checksums.verify(event).map_err(|Malformed(problem)| self.broken(problem))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.stream.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.broken("it ends within its last event"),
            _ => self.unread(error),
        })
    }

    fn unread(&self, error: std::io::Error) -> Fault {
        Fault::stop(anyhow::Error::new(error).context(format!("reading the binlog file {} at offset {}", self.name, self.offset)))
    }

    fn broken(&self, problem: &str) -> Fault {
        Fault::stop(anyhow!(
            "the binlog file {} can't be read at offset {}: {problem}",
            self.name,
            self.offset
        ))
    }
}

#[cfg(test)]
mod tests;
