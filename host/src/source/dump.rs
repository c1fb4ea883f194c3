//! The server's dump stream: what a replica reads, over one connection, each event's checksum verified.

mod assembly;
mod behind;
mod same;
mod watch;

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use mysql_common::packets::{BinlogDumpFlags, ComBinlogDump, ComBinlogDumpGtid, ComRegisterSlave, Sid};
use sha2::{Digest, Sha256};

use self::assembly::Assembly;
use self::behind::{sids, tells_incidents};
use self::same::{Server, server_of};
use self::watch::Watch;
use super::event::{Event, EventKind, largest};
use super::file::flavor_of;
use super::schema::Flavor;
use super::wire::{Link, Wire};
use super::{Read, Source};
use crate::config::Config;
use crate::fault::Fault;
use crate::position::{Log, Position};

/// How often an idle server shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A connection that is silent for so many heartbeats is dead.
const SILENCE: Duration = HEARTBEAT.saturating_mul(15);
/// How long the server waits for us while Kafka or a long look ahead holds us up; its default is 60 s.
const NET_WRITE_TIMEOUT_S: u32 = 86_400;
/// Bytes of events that one `read` returns.
const CHUNK: usize = 1 << 20;
/// Offset of a file's first event.
const FIRST: u32 = 4;

/// Events of a MySQL server. Blocks its thread, so it is not for tasks of an asynchronous runtime.
pub struct MysqlSource {
    config: Config,
    dump: Option<Dump>,
    /// What the position is a place in.
    log: Option<Log>,
    /// Of the server that was opened.
    server: String,
    watch: Watch,
    /// An error that came after events which go first.
    later: Option<Fault>,
}

impl std::fmt::Debug for MysqlSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MysqlSource").field("dump", &self.dump).finish_non_exhaustive()
    }
}

impl MysqlSource {
    /// A source that is not connected yet.
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            dump: None,
            log: None,
            server: String::new(),
            watch: Watch::default(),
            later: None,
        }
    }
}

impl Source for MysqlSource {
    fn open(&mut self, from: &Position) -> Result<(), Fault> {
        self.dump = None;
        self.later = None;
        self.watch = Watch::default();
        let (dump, server) = Dump::open(&self.config, from, self.log.as_ref())?;
        self.dump = Some(dump);
        self.server = server;
        Ok(())
    }

    fn expect(&mut self, log: Option<&Log>) {
        self.log = log.cloned();
    }

    fn server(&self) -> Option<&str> {
        Some(&self.server)
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
        match dump.read(events, wait) {
            Err(fault) if events.len() > before => {
                self.later = Some(fault);
                Ok(Read::Events)
            }
            Err(fault) => {
                self.dump = None;
                Err(fault)
            }
            Ok(Read::Events) => {
                let looked = self.watch.look(&self.config, events.get(before..).unwrap_or_default());
                self.later = looked.err();
                Ok(Read::Events)
            }
            read => read,
        }
    }
}

/// An open stream.
pub(super) struct Dump {
    link: Link,
    assembly: Assembly,
    heard: Instant,
    address: String,
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dump {
    /// The stream, and the server's name for itself.
    fn open(config: &Config, from: &Position, log: Option<&Log>) -> Result<(Self, String), Fault> {
        let mut wire = Wire::open(&config.source)?;
        prepare(&mut wire, config)?;
        let version = wire.value("SELECT @@version")?.unwrap_or_default();
        let flavor = flavor_of(&version);
        let name = server_of(&mut wire, flavor)?;
        let by_gtid = match flavor {
            Flavor::Mariadb => from.gtid.is_some(),
            Flavor::Mysql => from.gtid.is_some() && wire.global("gtid_mode")?.as_deref() == Some("ON"),
        };
        let mut server = Server {
            wire: &mut wire,
            config,
            flavor,
            name: &name,
        };
        server.demand_family(from)?;
        server.demand_same(from, log, by_gtid)?;
        if let Some(set) = from.gtid.as_ref().filter(|_| by_gtid) {
            server.demand_all(set)?;
        }
        let dump = match flavor {
            Flavor::Mariadb => Self::open_mariadb(wire, config, from)?,
            Flavor::Mysql => Self::open_mysql(wire, config, from, &version)?,
        };
        Ok((dump, name))
    }

    fn open_mysql(mut wire: Wire, config: &Config, from: &Position, version: &str) -> Result<Self, Fault> {
        let gtid_mode = wire.global("gtid_mode")?;
        let by_gtid = from.gtid.as_ref().filter(|_| gtid_mode.as_deref() == Some("ON"));
        let origin = match by_gtid {
            Some(set) if tells_incidents(version) => Origin::Gtids(sids(set, None)?),
            Some(set) => {
                let purged = wire.value("SELECT @@GLOBAL.gtid_purged")?.unwrap_or_default();
                Origin::Gtids(sids(set, Some(&purged.parse().map_err(Fault::stop)?))?)
            }
            None if from.file.is_empty() && from.gtid.as_ref().is_some_and(|set| !set.is_empty()) => {
                return Err(Fault::stop(anyhow!(
                    "the position {from} has no file, and the server's gtid_mode is {}: run SET GLOBAL gtid_mode=ON, or set a position by file",
                    gtid_mode.as_deref().unwrap_or("not there")
                )));
            }
            None => Origin::place(from)?,
        };
        tracing::info!(address = wire.address(), by_gtid = by_gtid.is_some(), position = %from, "reading the binlog");
        Self::ask(wire, config, origin)
    }

    /// MariaDB takes its GTIDs by variables, in place of the file that the request names.
    fn open_mariadb(mut wire: Wire, config: &Config, from: &Position) -> Result<Self, Fault> {
        wire.query(GTIDS_PLEASE)?;
        let origin = if let Some(set) = &from.gtid {
            // Strict: a position that the server's log does not have is an error, not a start somewhere near it.
            wire.query(&format!(
                "SET @slave_connect_state = '{set}', @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0"
            ))?;
            Origin::Place { file: "", pos: FIRST }
        } else {
            Origin::place(from)?
        };
        tracing::info!(address = wire.address(), by_gtid = from.gtid.is_some(), position = %from, "reading MariaDB's binlog");
        Self::ask(wire, config, origin)
    }

    /// The stream of one file from its first event on.
    pub(super) fn of_file(config: &Config, file: &str) -> Result<Self, Fault> {
        let wire = reader(config, &config.name)?;
        Self::ask(wire, config, Origin::Place { file, pos: FIRST })
    }

    /// The stream from an offset of a file to what is the end of the log now, as a replica of its own, without the bodies of events that are
    /// not wanted.
    pub(super) fn look(config: &Config, file: &str, pos: u32, wanted: fn(EventKind) -> bool) -> Result<Self, Fault> {
        Self::beside(config, "looking ahead", (file, pos), wanted)
    }

    /// The stream of one file from its first event on, while the connector reads elsewhere; nothing of events but what they are.
    pub(super) fn beginning(config: &Config, file: &str) -> Result<Self, Fault> {
        Self::beside(config, "looking at times", (file, FIRST), |_| false)
    }

    /// A replica beside the connector's own, so that the server ends neither for the other.
    fn beside(config: &Config, role: &str, (file, pos): (&str, u32), wanted: fn(EventKind) -> bool) -> Result<Self, Fault> {
        let name = format!("{} {role}", config.name);
        let server_id = own_id(&replica_uuid(&name), config.source.server_id);
        let wire = reader(config, &name)?;
        let address = wire.address().to_owned();
        let register = ComRegisterSlave::new(server_id).with_hostname(&b"rowmill"[..]);
        let dump = ComBinlogDump::new(server_id)
            .with_filename(file.as_bytes())
            .with_pos(pos)
            .with_flags(BinlogDumpFlags::BINLOG_DUMP_NON_BLOCK);
        let link = wire.dump(&register, &dump)?;
        Ok(Self {
            assembly: Assembly::new(link.number, largest(config.limits.row)).only(wanted),
            link,
            heard: Instant::now(),
            address,
        })
    }

    /// Sends the request over a connection that is fit for it.
    fn ask(wire: Wire, config: &Config, origin: Origin<'_>) -> Result<Self, Fault> {
        let address = wire.address().to_owned();
        let server_id = config.source.server_id;
        let register = ComRegisterSlave::new(server_id).with_hostname(&b"rowmill"[..]);
        let link = match origin {
            Origin::Place { file, pos } => {
                let dump = ComBinlogDump::new(server_id).with_filename(file.as_bytes()).with_pos(pos);
                wire.dump(&register, &dump)?
            }
            Origin::Gtids(sids) => {
                let dump = ComBinlogDumpGtid::new(server_id).with_pos(u64::from(FIRST)).with_sids(sids);
                wire.dump(&register, &dump)?
            }
        };
        Ok(Self {
            assembly: Assembly::new(link.number, largest(config.limits.row)),
            link,
            heard: Instant::now(),
            address,
        })
    }

    /// See `Source::read`.
    pub(super) fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<Read, Fault> {
        let read = self.read_until(events, Instant::now() + wait);
        read.map_err(|fault| fault.context(format!("reading the binlog of {}", self.address)))
    }

    fn read_until(&mut self, events: &mut Vec<Event>, deadline: Instant) -> Result<Read, Fault> {
        let before = events.len();
        let mut waited = false;
        loop {
            let mut bytes = 0;
            while bytes < CHUNK
                && let Some(event) = self.assembly.next(&mut self.link.input)?
            {
                bytes += event.body.len();
                events.push(event);
            }
            if events.len() > before {
                return Ok(Read::Events);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if waited && left.is_zero() {
                return Ok(Read::Idle);
            }
            waited = true;
            // An event of many megabytes comes in parts, each of which is a sign of life.
            if self.link.fill(left)? {
                self.heard = Instant::now();
            } else if self.heard.elapsed() > SILENCE {
                return Err(Fault::retry(anyhow!("it has been silent for {} s", SILENCE.as_secs())));
            }
        }
    }
}

/// Where a stream starts, as a request can say it.
enum Origin<'a> {
    /// A file and an offset in it.
    Place { file: &'a str, pos: u32 },
    /// Behind these transactions.
    Gtids(Vec<Sid<'static>>),
}

impl<'a> Origin<'a> {
    fn place(from: &'a Position) -> Result<Self, Fault> {
        let pos = u32::try_from(from.pos).map_err(|_| {
            Fault::stop(anyhow!(
                "the position {from} is past 4 GiB, where a server can be asked for it by GTID only; run SET GLOBAL gtid_mode=ON, or start at \
                 the next file"
            ))
        })?;
        Ok(Self::Place {
            file: &from.file,
            pos: pos.max(FIRST),
        })
    }
}

/// Without this MariaDB hides its GTIDs behind events that say nothing. Other servers don't mind the variable.
const GTIDS_PLEASE: &str = "SET @mariadb_slave_capability = 4";

/// Without this a server whose log has checksums refuses.
const CHECKSUMS_ARE_KNOWN: &str = "SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'";

/// A replica id beside the connector's own: MariaDB ends the older of two that have the same. Without one, MySQL 5.6 remembers a connection
/// that is gone.
fn own_id(uuid: &str, taken: u32) -> u32 {
    let id = uuid.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let id = id.unwrap_or(1).max(1);
    if id == taken { id ^ 0x4000_0000 } else { id }
}

/// Says who reads. MySQL 5.6 can't list its replicas when one of them has no UUID.
fn name_replica(wire: &mut Wire, name: &str) -> Result<(), Fault> {
    let uuid = replica_uuid(name);
    wire.query(&format!("SET @replica_uuid = '{uuid}', @slave_uuid = '{uuid}'"))?;
    Ok(())
}

/// A connection that is fit to read a part of the log, under this name.
fn reader(config: &Config, name: &str) -> Result<Wire, Fault> {
    let mut wire = Wire::open(&config.source)?;
    wire.query(CHECKSUMS_ARE_KNOWN)?;
    wire.query(GTIDS_PLEASE)?;
    name_replica(&mut wire, name)?;
    // What it reads may have to wait for the sink, too.
    wire.query(&format!("SET SESSION net_write_timeout = {NET_WRITE_TIMEOUT_S}"))?;
    Ok(wire)
}

/// Makes the session fit for a dump.
fn prepare(wire: &mut Wire, config: &Config) -> Result<(), Fault> {
    let own = wire.value("SELECT @@GLOBAL.server_id")?;
    if own.is_some_and(|id| id == config.source.server_id.to_string()) {
        return Err(Fault::stop(anyhow!(
            "source.server_id {} is the server's own; set another one, or 0 to have one derived from the name",
            config.source.server_id
        )));
    }
    let nanoseconds = HEARTBEAT.as_nanos();
    wire.query(CHECKSUMS_ARE_KNOWN)?;
    name_replica(wire, &config.name)?;
    wire.query(&format!(
        "SET @source_heartbeat_period = {nanoseconds}, @master_heartbeat_period = {nanoseconds}, \
         SESSION net_write_timeout = {NET_WRITE_TIMEOUT_S}"
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_that_is_silent_too_long_is_given_up_and_one_that_speaks_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = Link::to(listener.local_addr().unwrap());
        let (mut server, _) = listener.accept().unwrap();
        let mut dump = Dump {
            assembly: Assembly::new(link.number, 1000),
            link,
            heard: Instant::now(),
            address: "somewhere".to_owned(),
        };
        let mut events = Vec::new();
        let long_ago = Instant::now().checked_sub(SILENCE + Duration::from_secs(1)).unwrap();
        assert_eq!(dump.read(&mut events, Duration::ZERO).unwrap(), Read::Idle);
        dump.heard = long_ago;
        // The first bytes of an event are a sign of life, too.
        std::io::Write::write_all(&mut server, &[100, 0, 0, 0, 0]).unwrap();
        while dump.heard == long_ago {
            assert_eq!(dump.read(&mut events, Duration::from_millis(50)).unwrap(), Read::Idle);
        }
        dump.heard = long_ago;
        let fault = dump.read(&mut events, Duration::ZERO).unwrap_err();
        assert!(matches!(fault, Fault::Retry(_)) && fault.to_string().contains("silent"), "{fault}");
        drop(server);
        let fault = dump.read(&mut events, Duration::from_secs(5)).unwrap_err();
        assert!(
            matches!(fault, Fault::Retry(_)) && fault.to_string().contains("closed the connection"),
            "{fault}"
        );
    }
}
