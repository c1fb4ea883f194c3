//! What a server has purged of its log that a position has not read.

use std::cmp::Ordering;

use super::connection::Connection;
use super::discovery::flavor;
use super::schema::Flavor;
use super::spot::Spot;
use super::start::{domains_at, files, has_gtids};
use crate::config::Config;
use crate::fault::Fault;
use crate::position::{GtidSet, Position};

/// Characters of a GTID set that are shown.
const SHOWN: usize = 500;
/// Offset of a file's first event.
const FIRST: u64 = 4;

/// What comes after a position and is gone, in words: transactions by their GTIDs, or files. `None`: nothing, or the position is none of
/// this server's at all, which the server says when it is asked for its log.
///
/// # Errors
/// `Retry` where the server can't be reached, `Stop` where it refuses.
pub fn purged(config: &Config, from: &Position) -> Result<Option<String>, Fault> {
    let mut connection = Connection::open(config)?;
    match (&from.gtid, flavor(&mut connection)?) {
        (Some(set), Flavor::Mysql) if !set.has_domains() && has_gtids(&mut connection)? => {
            let sql = format!("SELECT GTID_SUBTRACT(@@GLOBAL.gtid_purged, '{}')", set.one_line());
            let lost = connection.value(&sql)?.unwrap_or_default();
            Ok((!lost.is_empty()).then(|| format!("the transactions {}", shown(&lost))))
        }
        (Some(set), Flavor::Mariadb) if !set.has_servers() => domains(&mut connection, set),
        _ => by_files(&mut connection, from),
    }
}

/// The oldest file tells which transactions are before it.
fn domains(connection: &mut Connection, set: &GtidSet) -> Result<Option<String>, Fault> {
    let Some(oldest) = files(connection)?.into_iter().next() else {
        return Ok(None);
    };
    let Some(before) = domains_at(connection, &oldest, FIRST)? else {
        return Ok(None);
    };
    let lost: Vec<String> = before
        .last_of_domains()
        .filter_map(|last| {
            let read = set.last_of_domains().find(|read| read.domain == last.domain);
            let number = read.map_or(0, |read| read.number);
            (number < last.number).then(|| format!("{} to {} of domain {}", number + 1, last.number, last.domain))
        })
        .collect();
    Ok((!lost.is_empty()).then(|| format!("the transactions {}", shown(&lost.join(", ")))))
}

fn by_files(connection: &mut Connection, from: &Position) -> Result<Option<String>, Fault> {
    let files = files(connection)?;
    let Some(oldest) = files.first() else { return Ok(None) };
    let is_older = Spot::new(&from.file, FIRST).order(&Spot::new(oldest, FIRST)) == Some(Ordering::Less);
    Ok((is_older && !files.contains(&from.file))
        .then(|| format!("{} from byte {} on, and what else is before {oldest}", from.file, from.pos)))
}

fn shown(text: &str) -> String {
    let line = text.replace(['\n', '\r'], "");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
