//! Where a connector starts that has no position yet.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::connection::{Connection, TextRow};
use super::discovery::flavor;
use super::dump::Dump;
use super::event::{Event, EventKind};
use super::schema::Flavor;
use super::transaction_id::{domains, previous};
use crate::config::{Config, SourceKind, Start};
use crate::fault::Fault;
use crate::position::{GtidSet, Position};

/// Offset of a file's first event.
const FIRST: u64 = 4;
/// A file's first events are there at once or never.
const FIRST_EVENTS_TIMEOUT: Duration = Duration::from_secs(20);

/// The position that `source.start` means now. For a time it is the start of the file that has it: the interpreter passes
/// over what is older (`Interpreter::skip_before`).
///
/// # Errors
/// `Retry` where the server can't be reached, `Stop` where it refuses, writes no binlog, or has no GTIDs and they were asked for.
pub fn resolve_start(config: &Config) -> Result<Position, Fault> {
    match (&config.source.start, &config.source.kind) {
        (Start::File { file, pos }, kind) => {
            let gtid = match kind {
                SourceKind::Mysql => domains_at(&mut Connection::open(config)?, file, *pos)?,
                SourceKind::File(_) => None,
            };
            Ok(Position {
                gtid,
                file: file.clone(),
                pos: *pos,
            })
        }
        (Start::Gtid(set), SourceKind::File(_)) => Ok(Position {
            gtid: Some(set.clone()),
            ..Position::default()
        }),
        // Files are all there is: their first event is the start, and a time is the interpreter's business.
        (_, SourceKind::File(_)) => Ok(Position::default()),
        (Start::Latest, SourceKind::Mysql) => latest(&mut Connection::open(config)?),
        (Start::Earliest, SourceKind::Mysql) => earliest(&mut Connection::open(config)?),
        (Start::Gtid(set), SourceKind::Mysql) => {
            let mut connection = Connection::open(config)?;
            if !has_gtids(&mut connection)? {
                return Err(Fault::stop(anyhow!(
                    "source.start names GTIDs, but the server's gtid_mode is not ON; run SET GLOBAL gtid_mode=ON (by its steps), or start by file"
                )));
            }
            Ok(Position {
                gtid: Some(set.clone()),
                ..Position::default()
            })
        }
        (Start::Time(time_ms), SourceKind::Mysql) => at_time(config, *time_ms),
    }
}

/// MariaDB always has them.
pub(super) fn has_gtids(connection: &mut Connection) -> Result<bool, Fault> {
    Ok(flavor(connection)? == Flavor::Mariadb || connection.global("gtid_mode")?.as_deref() == Some("ON"))
}

/// File, position and executed GTIDs as the server shows them; `None` without a binlog.
pub(super) fn log_status(connection: &mut Connection) -> Result<Option<TextRow>, Fault> {
    // The first is MySQL 8.2 and later, the second what came before; each knows only its own.
    let rows = match connection.query("SHOW BINARY LOG STATUS") {
        Err(Fault::Stop(_)) => connection.query("SHOW MASTER STATUS"),
        other => other,
    };
    Ok(rows?.into_iter().next())
}

fn latest(connection: &mut Connection) -> Result<Position, Fault> {
    let row = log_status(connection)?.ok_or_else(|| Fault::stop(anyhow!("the server writes no binlog; start it with log_bin")))?;
    let field = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let pos = field(1)
        .parse()
        .map_err(|_| Fault::stop(anyhow!("the server shows no position of its binlog")))?;
    let gtid = match flavor(connection)? {
        Flavor::Mariadb => Some(gtid_set(&connection.value("SELECT @@GLOBAL.gtid_binlog_pos")?.unwrap_or_default())?),
        Flavor::Mysql if has_gtids(connection)? => Some(gtid_set(&field(4))?),
        Flavor::Mysql => None,
    };
    Ok(Position { gtid, file: field(0), pos })
}

/// The last transactions before an offset of a file, which only MariaDB tells. Asked for by these it does not mind a log past 4 GiB.
pub(super) fn domains_at(connection: &mut Connection, file: &str, pos: u64) -> Result<Option<GtidSet>, Fault> {
    if flavor(connection)? != Flavor::Mariadb {
        return Ok(None);
    }
    let rows: Vec<Option<String>> = connection.rows("SELECT BINLOG_GTID_POS(?, ?)", (file, pos))?;
    let text = rows.into_iter().next().flatten();
    let text = text.ok_or_else(|| {
        Fault::stop(anyhow!(
            "{file}:{pos} is no place in the server's binlog; set source.start to one that is"
        ))
    })?;
    Ok(Some(gtid_set(&text)?))
}

fn earliest(connection: &mut Connection) -> Result<Position, Fault> {
    let files = files(connection)?;
    let file = files
        .into_iter()
        .next()
        .ok_or_else(|| Fault::stop(anyhow!("the server writes no binlog; start it with log_bin")))?;
    let gtid = if flavor(connection)? == Flavor::Mariadb {
        domains_at(connection, &file, FIRST)?
    } else if has_gtids(connection)? {
        Some(gtid_set(&connection.value("SELECT @@GLOBAL.gtid_purged")?.unwrap_or_default())?)
    } else {
        None
    };
    Ok(Position { gtid, file, pos: FIRST })
}

fn gtid_set(text: &str) -> Result<GtidSet, Fault> {
    text.parse().map_err(Fault::stop)
}

/// Names of the binlog files that the server has, oldest first.
pub(super) fn files(connection: &mut Connection) -> Result<Vec<String>, Fault> {
    let rows = connection.query("SHOW BINARY LOGS")?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// The start of the last file that was begun at the time or before it; of the first where all are younger.
fn at_time(config: &Config, time_ms: i64) -> Result<Position, Fault> {
    let mut connection = Connection::open(config)?;
    let files = files(&mut connection)?;
    let gtids = has_gtids(&mut connection)?;
    drop(connection);
    let (mut low, mut high) = (0, files.len());
    let mut found = None;
    while low < high {
        let middle = (low + high) / 2;
        let file = files.get(middle).cloned().unwrap_or_default();
        let (began_ms, executed) = head(config, &file)?;
        if began_ms <= time_ms || middle == 0 {
            found = Some(Position {
                gtid: executed.filter(|_| gtids),
                file,
                pos: FIRST,
            });
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    found.ok_or_else(|| Fault::stop(anyhow!("the server writes no binlog; start it with log_bin")))
}

/// When a file was begun, milliseconds since 1970, and the GTIDs of the files before it.
pub(super) fn head(config: &Config, file: &str) -> Result<(i64, Option<GtidSet>), Fault> {
    let mut dump = Dump::of_file(config, file)?;
    let deadline = Instant::now() + FIRST_EVENTS_TIMEOUT;
    let mut began = None;
    while Instant::now() < deadline {
        let mut events: Vec<Event> = Vec::new();
        dump.read(&mut events, Duration::from_secs(1))?;
        for event in &events {
            match (event.kind(), began) {
                (EventKind::Rotate, _) => {}
                (EventKind::FormatDescription, None) => began = Some(i64::from(event.timestamp) * 1000),
                (EventKind::PreviousGtids, Some(began)) => return Ok((began, Some(previous(&event.body).map_err(Fault::stop)?))),
                (EventKind::GtidList, Some(began)) => return Ok((began, Some(domains(&event.body).map_err(Fault::stop)?))),
                (_, Some(began)) => return Ok((began, None)),
                (_, None) => return Err(Fault::stop(anyhow!("the binlog file {file} has no format description"))),
            }
        }
        // A file may hold nothing after its head yet; servers without GTIDs of any kind write no second event.
        if let (Some(began), true) = (began, events.is_empty()) {
            return Ok((began, None));
        }
    }
    Err(Fault::retry(anyhow!("the server does not send the start of {file}")))
}
