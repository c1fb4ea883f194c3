//! The server's dump stream: what a replica reads, over one connection, each event's checksum verified.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::{FutureExt, StreamExt};
use mysql_async::BinlogStream;
use mysql_async::BinlogStreamRequest;
use mysql_common::binlog::consts::BinlogChecksumAlg;
use mysql_common::packets::{GnoInterval, Sid, Tag};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use super::connection::{Connection, classify};
use super::discovery::flavor;
use super::event::{Event, EventKind};
use super::schema::Flavor;
use super::{Read, Source};
use crate::config::Config;
use crate::fault::Fault;
use crate::position::{GtidSet, Position, Uuid};

/// How often an idle server shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A connection that is silent for three heartbeats is dead.
const SILENCE: Duration = HEARTBEAT.saturating_mul(3);
/// How long the server waits for us while Kafka holds us up; its default is 60 s.
const NET_WRITE_TIMEOUT_S: u32 = 3600;
/// Bytes of events that one `read` returns.
const CHUNK: usize = 1 << 20;
/// Stands in place of the shortest wait: less would not look at the socket at all.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Events of a MySQL server. Blocks its thread, so it is not for tasks of an asynchronous runtime.
#[derive(Debug)]
pub struct MysqlSource {
    config: Config,
    dump: Option<Dump>,
    /// An error that came after events which go first.
    later: Option<Fault>,
}

impl MysqlSource {
    /// A source that is not connected yet.
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            dump: None,
            later: None,
        }
    }
}

impl Source for MysqlSource {
    fn open(&mut self, from: &Position) -> Result<(), Fault> {
        self.dump = None;
        self.later = None;
        self.dump = Some(Dump::open(&self.config, from)?);
        Ok(())
    }

    fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<Read, Fault> {
        if let Some(fault) = self.later.take() {
            self.dump = None;
            return Err(fault);
        }
        let Some(dump) = &mut self.dump else {
            return Err(Fault::retry(anyhow!("the binlog stream is not open")));
        };
        let before = events.len();
        // The library panics on some events that are cut short; here that is an error like any other.
        let read = catch_unwind(AssertUnwindSafe(|| dump.read(events, wait)));
        let result = read.unwrap_or_else(|_| Err(Fault::stop(anyhow!("an event in the binlog stream is malformed"))));
        match result {
            Err(fault) if events.len() > before => {
                self.later = Some(fault);
                Ok(Read::Events)
            }
            Err(fault) => {
                self.dump = None;
                Err(fault)
            }
            read => read,
        }
    }
}

/// An open stream.
pub(super) struct Dump {
    runtime: Runtime,
    stream: BinlogStream,
    heard: Instant,
    address: String,
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dump {
    fn open(config: &Config, from: &Position) -> Result<Self, Fault> {
        let mut connection = Connection::open(config)?;
        prepare(&mut connection, config)?;
        if flavor(&mut connection)? == Flavor::Mariadb {
            return Self::open_mariadb(connection, config, from);
        }
        if from.gtid.as_ref().is_some_and(GtidSet::has_domains) {
            return Err(Fault::stop(anyhow!(
                "the position {from} is one of MariaDB, and {} is MySQL; move the position",
                connection.address()
            )));
        }
        let gtid_mode = connection.global("gtid_mode")?;
        let by_gtid = from.gtid.as_ref().filter(|_| gtid_mode.as_deref() == Some("ON"));
        let mut request = BinlogStreamRequest::new(config.source.server_id).with_hostname(b"rowmill");
        if let Some(set) = by_gtid {
            request = request.with_gtid().with_gtid_set(sids(set)?);
        } else {
            if from.file.is_empty() && from.gtid.as_ref().is_some_and(|set| !set.is_empty()) {
                return Err(Fault::stop(anyhow!(
                    "the position {from} has no file, and the server's gtid_mode is {}: run SET GLOBAL gtid_mode=ON, or set a position by file",
                    gtid_mode.as_deref().unwrap_or("not there")
                )));
            }
            within_reach(from)?;
            request = request.with_filename(from.file.as_bytes()).with_pos(from.pos.max(4));
        }
        tracing::info!(address = connection.address(), by_gtid = by_gtid.is_some(), position = %from, "reading the binlog");
        Self::ask(connection, request)
    }

    /// MariaDB takes its GTIDs by variables, in place of the file that the request names.
    fn open_mariadb(mut connection: Connection, config: &Config, from: &Position) -> Result<Self, Fault> {
        let mut request = BinlogStreamRequest::new(config.source.server_id).with_hostname(b"rowmill");
        connection.query(GTIDS_PLEASE)?;
        if let Some(set) = &from.gtid {
            if set.has_servers() {
                return Err(Fault::stop(anyhow!(
                    "the position {from} is one of MySQL, and {} is MariaDB; move the position",
                    connection.address()
                )));
            }
            // Strict: a position that the server's log does not have is an error, not a start somewhere near it.
            connection.query(&format!(
                "SET @slave_connect_state = '{set}', @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0"
            ))?;
        } else {
            within_reach(from)?;
            request = request.with_filename(from.file.as_bytes()).with_pos(from.pos.max(4));
        }
        tracing::info!(address = connection.address(), by_gtid = from.gtid.is_some(), position = %from, "reading MariaDB's binlog");
        Self::ask(connection, request)
    }

    /// Sends the request over a connection that is fit for it.
    pub(super) fn ask(connection: Connection, request: BinlogStreamRequest<'_>) -> Result<Self, Fault> {
        let address = connection.address().to_owned();
        let (runtime, stream) = connection.dump(request)?;
        Ok(Self {
            runtime,
            stream,
            heard: Instant::now(),
            address,
        })
    }

    /// See `Source::read`.
    pub(super) fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<Read, Fault> {
        let Self { runtime, stream, .. } = self;
        let wait = wait.max(SHORTEST_WAIT);
        let first = runtime.block_on(async {
            let first = tokio::time::timeout(wait, stream.next()).await;
            let mut found = Found::default();
            if let Ok(first) = first {
                found.push(first, events);
                while found.bytes < CHUNK && !found.over {
                    match stream.next().now_or_never() {
                        Some(next) => found.push(next, events),
                        None => break,
                    }
                }
                return Some(found);
            }
            None
        });
        let Some(found) = first else {
            if self.heard.elapsed() > SILENCE {
                return Err(Fault::retry(anyhow!(
                    "{} has been silent for {} s",
                    self.address,
                    SILENCE.as_secs()
                )));
            }
            return Ok(Read::Idle);
        };
        self.heard = Instant::now();
        match found.fault {
            Some(fault) => Err(fault.context(format!("reading the binlog of {}", self.address))),
            None => Ok(Read::Events),
        }
    }
}

/// What one `read` found.
#[derive(Debug, Default)]
struct Found {
    bytes: usize,
    /// Nothing more is to be read now.
    over: bool,
    fault: Option<Fault>,
}

impl Found {
    fn push(&mut self, next: Option<mysql_async::Result<mysql_common::binlog::events::Event>>, events: &mut Vec<Event>) {
        let event = match next {
            // Our own reader unpacks compressed transactions: it says what is wrong with them, where this one keeps silent.
            Some(Ok(event)) if unpacked_by_library(&event) => {
                self.bytes += event.data().len();
                return;
            }
            None => Err(Fault::retry(anyhow!("the server ended the stream"))),
            Some(Err(error)) => Err(classify(error)),
            Some(Ok(event)) => convert(&event),
        };
        match event {
            Ok(event) => {
                self.bytes += event.body.len();
                events.push(event);
            }
            Err(fault) => {
                self.over = true;
                self.fault = Some(fault);
            }
        }
    }
}

/// Whether the library made the event out of a compressed transaction that it handed out before: only for those it turns
/// checksums off, which events in there do not have.
fn unpacked_by_library(event: &mysql_common::binlog::events::Event) -> bool {
    !event.footer().get_checksum_enabled()
}

/// Our own event from the library's, checksum verified.
fn convert(raw: &mysql_common::binlog::events::Event) -> Result<Event, Fault> {
    let header = raw.header();
    let mut event = Event {
        timestamp: header.timestamp(),
        code: header.event_type_raw(),
        server_id: header.server_id(),
        size: header.event_size(),
        end_pos: header.log_pos(),
        flags: header.flags_raw(),
        body: raw.data().to_vec(),
    };
    let algorithm = raw.footer().get_checksum_alg();
    let algorithm = algorithm.map_err(|error| Fault::stop(anyhow::Error::new(error).context("reading the binlog's checksum algorithm")))?;
    if event.code == EventKind::FORMAT_DESCRIPTION {
        // The library cuts the algorithm off with the checksum.
        match algorithm {
            Some(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32) => event.body.push(1),
            Some(_) => event.body.push(0),
            None => {}
        }
    }
    match raw.checksum() {
        Some(stored) if algorithm == Some(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32) && event.crc() != u32::from_le_bytes(stored) => {
            Err(Fault::stop(anyhow!(
                "the {} event that ends at {} has a wrong checksum: the server's file or memory is damaged",
                event.kind().name(),
                event.end_pos
            )))
        }
        Some(_) => Ok(event),
        None => {
            // The rotation that begins a dump comes before anything could say that events have checksums.
            if event.code == EventKind::ROTATE {
                event.cut_checksum();
            }
            Ok(event)
        }
    }
}

/// Without this MariaDB hides its GTIDs behind events that say nothing. Other servers don't mind the variable.
pub(super) const GTIDS_PLEASE: &str = "SET @mariadb_slave_capability = 4";

/// That a request by file can name the position.
fn within_reach(from: &Position) -> Result<(), Fault> {
    if u32::try_from(from.pos).is_err() {
        return Err(Fault::stop(anyhow!(
            "the position {from} is past 4 GiB, where a server can be asked for it by GTID only; run SET GLOBAL gtid_mode=ON, or start at the \
             next file"
        )));
    }
    Ok(())
}

/// Makes the session fit for a dump.
fn prepare(connection: &mut Connection, config: &Config) -> Result<(), Fault> {
    let own = connection.value("SELECT @@GLOBAL.server_id")?;
    if own.is_some_and(|id| id == config.source.server_id.to_string()) {
        return Err(Fault::stop(anyhow!(
            "source.server_id {} is the server's own; set another one, or 0 to have one derived from the name",
            config.source.server_id
        )));
    }
    let nanoseconds = HEARTBEAT.as_nanos();
    let uuid = replica_uuid(&config.name);
    connection.query(&format!(
        "SET @source_heartbeat_period = {nanoseconds}, @master_heartbeat_period = {nanoseconds}, @replica_uuid = '{uuid}', \
         @slave_uuid = '{uuid}', SESSION net_write_timeout = {NET_WRITE_TIMEOUT_S}"
    ))?;
    Ok(())
}

/// The UUID under which the server knows a connector. The same for the same connector: a new connection of it takes the place of one that the server still thinks alive.
pub fn replica_uuid(name: &str) -> String {
    let digest = Sha256::digest(format!("rowmill connector {name}"));
    let mut uuid = String::new();
    for (i, byte) in digest.iter().take(16).enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        // Writing to a String can't fail.
        let _ = write!(uuid, "{byte:02x}");
    }
    uuid
}

/// Server and tag, and their intervals.
type Member = ((Uuid, String), Vec<GnoInterval>);

/// The set as the protocol wants it: one entry a server and tag.
fn sids(set: &GtidSet) -> Result<Vec<Sid<'static>>, Fault> {
    let mut all: Vec<Member> = Vec::new();
    for (uuid, tag, first, last) in set.ranges() {
        let interval = GnoInterval::new(first, last.saturating_add(1));
        match all.last_mut() {
            Some(((same_uuid, same_tag), intervals)) if *same_uuid == uuid && *same_tag == tag => intervals.push(interval),
            _ => all.push(((uuid, tag.to_owned()), vec![interval])),
        }
    }
    let sid = |((uuid, tag), intervals): Member| {
        let sid = Sid::new(uuid).with_intervals(intervals);
        if tag.is_empty() {
            return Ok(sid);
        }
        let tag = Tag::new(tag).map_err(|error| Fault::stop(anyhow!("a GTID tag is none: {error}")))?;
        Ok(sid.with_tag(tag))
    };
    all.into_iter().map(sid).collect()
}
