//! Why an event stops the connector, and what to do about it.

use anyhow::anyhow;

use super::event::Event;
use crate::fault::Fault;

/// Of an event that is needed to its end, and of which only the beginning may be in memory.
pub(super) fn too_large(place: &str, event: &Event) -> Fault {
    Fault::stop(anyhow!(
        "the {place} has {} bytes, more than an event may take of memory: twice limits.row and 1 MiB, {} bytes; raise limits.row, and \
         limits.memory with it",
        event.size,
        event.body.len()
    ))
}

/// The reason that an INCIDENT event gives.
pub(super) fn incident(body: &[u8]) -> &'static str {
    match body {
        [1, 0, ..] => {
            "the server lost events; what changed since is unknown. Take a new snapshot, then start at the server's present position"
        }
        _ => "the server reports an incident; what changed is unknown. Take a new snapshot, then start at the server's present position",
    }
}

pub(super) const ENDS_EARLY: &str = "a compressed transaction ends before its last event: the server's file is damaged; take a new snapshot and start after \
     this transaction";
pub(super) const UNFINISHED: &str = "a compressed transaction does not end with its last event: the server's file is damaged; take a new snapshot and start \
     after this transaction";
/// What follows the names of the tables.
pub(super) const STATEMENT: &str = "and the log does not tell which rows; set binlog_format=ROW on the server and in all sessions, then take a new snapshot or \
     start after this transaction. To go on without such rows, set source.statements = \"warn\"";
pub(super) const ENCRYPTED: &str =
    "the rest of the file is encrypted, and only the server has the key; read from the server instead (source.kind = \"mysql\")";
pub(super) const ENDS_WITHIN: &str = "its file ends within a transaction: it was cut, or copied while the server wrote it; give a whole copy, and it is read on from \
     that transaction";
pub(super) const GAP: &str =
    "the files before it hold other transactions than it says: a file is missing, cut, or in another place in source.files";
pub(super) const RESET: &str = "it leads to an earlier file: the server's log was reset (RESET BINARY LOGS AND GTIDS, RESET MASTER), and what was written before \
     that and not read is not in it; take a new snapshot, or move the position to where this log is to be read from (rowmill position set)";
pub(super) const RESET_UNDER_US: &str = "the log was reset (RESET BINARY LOGS AND GTIDS, RESET MASTER), and what was written before that and not read is not in it; \
     take a new snapshot, or move the position to where the new log is to be read from (rowmill position set)";
pub(super) const TWICE: &str =
    "its transaction was in the files before this one, or before those: the files of source.files are not in order, or one is there twice";
pub(super) const FOREIGN_GTID: &str =
    "its transaction has a GTID of the other family of servers than those before it: the stream is damaged, or the server was replaced";
pub(super) const UNKNOWN: &str =
    "its type is not known, and the server does not flag it as ignorable; a newer version of this program may read it";
pub(super) const ROLLED_BACK: &str = "the transaction takes back rows of chosen tables that have been handed out, since there was no room to hold them to its end; \
     raise limits.memory and start again, or start after this transaction";
pub(super) const MIDDLE: &str = "it is in the middle of a transaction: the start position is not between two transactions; start at one that SHOW BINARY LOG STATUS or \
     the position of a transaction's first event gives";
