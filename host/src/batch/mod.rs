//! Raw row events and a table's schema → Arrow record batches, decoded in place; cuts by rows, bytes and time.

mod batcher;
mod undecoded;
mod builder;
mod image;
mod column;
mod plan;
mod cursor;
mod flaw;
mod decimal;
mod temporal;
mod former;
mod text;
mod mariadb;
mod json;
mod json_scalar;
mod json_difference;
mod partial;
mod odd_dates;
mod fields;
mod transactions;
mod records;
mod keys;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod oracle_moments;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod hostile;

pub use batcher::Batcher;
pub use builder::OF_SNAPSHOT;
pub use fields::describe_columns;
#[cfg(any(test, feature = "fuzzing"))]
pub use fuzzing::{Slice, check_batch, check_events, check_json, check_partial_json, check_row_image, check_same_rows, check_table};
pub use image::is_set;
pub use keys::{Keys, Told};
pub use records::{Entry, Records};
pub use transactions::Transactions;
pub use undecoded::Undecoded;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::source::Table;

/// Changes of one table under one version of its schema, in binlog order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The table's version.
    pub table: Arc<Table>,
    /// Which optional columns `rows` has; with `table.version` it identifies the Arrow schema.
    pub shape: Shape,
    /// Columns as `docs/plugin-contract.md` lists them.
    pub rows: RecordBatch,
    /// What column `txn` points into.
    pub transactions: Transactions,
    /// Bytes that `rows` and `transactions` take.
    pub bytes: usize,
}

/// Which optional columns a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    /// `before`.
    pub before: bool,
    /// `before_present` and `after_present`.
    pub partial: bool,
    /// `odd_dates`.
    pub odd_dates: bool,
}
