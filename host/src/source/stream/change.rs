//! What events mean, in the terms of the rooms after this one.

use std::sync::Arc;

use crate::source::ddl::Statement;
use crate::source::schema::Table;

/// What a row event does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOp {
    /// After images only.
    Insert,
    /// Before and after images in turn.
    Update,
    /// Before images only.
    Delete,
}

/// Which columns an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Bit `i % 8` of byte `i / 8`: column `i` is there. Bits past the last column are unset.
    pub present: Vec<u8>,
    /// All columns are.
    pub whole: bool,
}

/// One row event of a chosen table.
#[derive(Debug)]
pub struct Rows<'a> {
    /// The version of the table that the images follow.
    pub table: &'a Arc<Table>,
    /// Insert, update or delete.
    pub op: RowOp,
    /// Columns of the only image of an insert or delete, or of an update's before image.
    pub first: Image,
    /// Columns of an update's after image; equal to `first` otherwise.
    pub second: Image,
    /// The row images, one after the other, to the end.
    pub data: &'a [u8],
    /// JSON columns of after images may be differences: the form of MySQL's PARTIAL_UPDATE_ROWS event.
    pub is_partial: bool,
    /// Seconds since 1970 in the event's header.
    pub timestamp: u32,
}

/// The transaction that changes belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// GTID as text; empty without one.
    pub gtid: String,
    /// File of the transaction's first event.
    pub file: String,
    /// Offset of the transaction's first event.
    pub pos: u64,
    /// Milliseconds since 1970: commit time in the GTID event where there is one (on the server where the transaction
    /// originated, not on a replica in between); `None`: each event's header tells.
    pub commit_time_ms: Option<i64>,
    /// Header time of the first event, milliseconds.
    pub checkpoint_time_ms: i64,
}

/// What an event means.
#[derive(Debug)]
pub enum Change<'a> {
    /// A transaction begins.
    Begin(&'a Transaction),
    /// Rows of a chosen table changed.
    Rows(Rows<'a>),
    /// The transaction ended; `Interpreter::position` is after it.
    Commit {
        /// The storage engine's transaction id; 0 where there is none.
        xid: u64,
    },
    /// A statement that may change schemas; a transaction of its own (`Interpreter::transaction`), and the position is after
    /// it. Only CREATE TABLE … SELECT comes between `Begin` and `Commit`, see `Interpreter::in_transaction`.
    Ddl {
        /// Default database of the statement.
        database: String,
        /// Its text.
        text: String,
        /// What it does, and to which tables.
        statement: Statement,
    },
    /// A transaction that concerns no chosen table has passed, of which nothing was told; `Interpreter::position` is after it.
    Passed,
    /// Rows that were held back are due: `Interpreter::release` gives them, and after these `Interpreter::released` says what the event
    /// means. Where an XA transaction takes effect that was prepared before, no `Begin` has come.
    Release,
    /// A compressed transaction: `Interpreter::unpack` gives the events in it, and each goes to `Interpreter::read_packed`.
    Packed,
    /// Nothing for the row path (rotation, heartbeat, rows of tables that nobody chose).
    Nothing,
}
