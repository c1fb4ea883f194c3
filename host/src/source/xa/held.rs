//! Row events that outlive the bytes they came in.

use std::sync::Arc;

use crate::source::schema::Table;
use crate::source::stream::{Image, RowOp, Rows};

/// What a kept event takes beside its images.
const OVERHEAD: usize = 256;

/// A row event of a chosen table, with the version of the table that it was logged for.
#[derive(Debug)]
pub struct Held {
    table: Arc<Table>,
    op: RowOp,
    first: Image,
    second: Image,
    data: Vec<u8>,
    is_partial: bool,
    timestamp: u32,
}

impl Held {
    pub(in crate::source) fn of(rows: Rows<'_>) -> Self {
        Self {
            table: Arc::clone(rows.table),
            op: rows.op,
            first: rows.first,
            second: rows.second,
            data: rows.data.to_vec(),
            is_partial: rows.is_partial,
            timestamp: rows.timestamp,
        }
    }

    /// The same with another time than its event's own: seconds since 1970.
    pub(super) fn at(self, timestamp: u32) -> Self {
        Self { timestamp, ..self }
    }

    /// As it was when it came.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            table: &self.table,
            op: self.op,
            first: self.first.clone(),
            second: self.second.clone(),
            data: &self.data,
            is_partial: self.is_partial,
            timestamp: self.timestamp,
        }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + OVERHEAD
    }
}
