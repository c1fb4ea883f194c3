//! Connection, preflight, dump stream as raw events, schemas: everything that knows MySQL's side of the wire.

mod event;
mod checksum;
mod reader;
mod charset;
mod collation;
mod schema;
mod table_map;
mod columns;
mod transaction_id;
mod statement;
mod sql;
mod ddl;
mod dml;
mod effect;
mod rows;
mod unpack;
mod place;
mod connection;
mod wire;
mod spot;
mod logged;
mod definition;
mod lineage;
mod undo;
mod catalog;
mod ahead;
mod schemas;
mod tables;
mod refusal;
mod payload;
mod stream;
mod xa;
mod dump;
mod start;
mod purged;
mod clock;
mod keeping;
mod file;
mod zone;
mod discovery;
mod grants;
mod preflight;
mod snapshot;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;

pub use catalog::Catalog;
pub use charset::{Charset, NotText};
pub use clock::{Clock, Reading};
pub use connection::{is_collision, is_purged};
pub use ddl::{Operation, Statement};
pub use discovery::{TableRef, server, tables};
pub use dump::{MysqlSource, replica_uuid};
pub use event::{Event, EventKind};
pub use file::FileSource;
#[cfg(any(test, feature = "fuzzing"))]
pub use fuzzing::{bytes_of, check_compressed, check_gtids, check_table_map, events, interpreter, interpreter_of, transaction_of};
pub use keeping::{Keeping, Slack};
pub use payload::{Packed, Payload};
pub use preflight::{Finding, Level, demand, preflight};
pub use purged::purged;
pub use schema::{Column, ColumnType, Flavor, Former, Server, Spelling, Table};
pub use snapshot::{Begun, Copier, Goal, KeyPlace, Layout, Lot, Mark, settled_start};
pub use start::resolve_start;
pub use stream::{Change, Image, Interpreter, RowOp, Rows, Transaction};
pub use xa::{Again, Held, Holding, Release, Released};

use std::time::Duration;

use crate::fault::Fault;
use crate::position::{Log, Position};

/// What a wait for events brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Events were appended.
    Events,
    /// Nothing came in the time given; the connection is alive.
    Idle,
    /// Nothing will come any more: the last file has been read.
    End,
}

/// A stream of binlog events.
///
/// Contract: events come whole, in order, with verified checksums, each exactly once from the opened position on. After
/// an error the source must be opened again. `read` blocks its thread and must not be called in an asynchronous task.
pub trait Source: Send {
    /// Starts the stream at `from`. May be called again after an error.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses (account, settings, purged binlog), or where the position is none of its
    /// log.
    fn open(&mut self, from: &Position) -> Result<(), Fault>;

    /// Which log the position is a place in, where that is known: to be said before `open`, which looks whether it is the same.
    fn expect(&mut self, log: Option<&Log>) {
        let _ = log;
    }

    /// The server whose log is read, as it calls itself; none of files.
    fn server(&self) -> Option<&str> {
        None
    }

    /// Appends what has arrived to `events`, about `1 MiB` at most a call, waiting up to `wait` for a first one.
    ///
    /// # Errors
    /// `Retry` for a lost or silent connection, `Stop` for a corrupt event.
    fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<Read, Fault>;
}
