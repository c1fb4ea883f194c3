//! What happened on the server, as SELECT showed it: the story that the records are held against.

use std::rc::Rc;

use super::schema::{Row, Schema, State};
use super::statements::Kind;

/// `binlog_row_image`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    Full,
    Minimal,
    Noblob,
}

/// What a statement did to one table.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(crate) schema: Rc<Schema>,
    /// Rows that are other ones now; `None` where they are gone.
    pub(crate) changes: Vec<(i64, Option<Rc<Row>>)>,
    /// The columns that the statement wrote to.
    pub(crate) written: Vec<usize>,
}

/// One committed statement that changes rows.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) sql: String,
    pub(crate) kind: Kind,
    pub(crate) image: Image,
    /// Its transaction, by its place in `Story`.
    pub(crate) transaction: usize,
    pub(crate) touched: Vec<Touched>,
}

/// A table's columns and rows.
pub(crate) type Content = (Rc<Schema>, State);

/// A statement that changes tables, or brings new ones.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) sql: String,
    /// How the chosen tables are afterwards; `None` for those that are gone.
    pub(crate) tables: Vec<(String, Option<Content>)>,
    /// The records that tell of it, in any order: table and operation.
    pub(crate) records: Vec<(String, &'static str)>,
    pub(crate) transaction: usize,
}

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    Change(Change),
    Define(Definition),
}

impl Step {
    /// Rows that it changed in chosen tables.
    pub(crate) fn changes(&self) -> usize {
        match self {
            Self::Change(change) => change.touched.iter().map(|t| t.changes.len()).sum(),
            Self::Define(_) => 0,
        }
    }
}

/// All steps in the order of the binlog.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
    /// When each transaction began and ended, in milliseconds.
    pub(crate) transactions: Vec<(i64, i64)>,
    /// Rows that committed statements changed in chosen tables.
    pub(crate) changes: usize,
    /// Statements that the server took, and those that it refused.
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    /// Statements that changed tables.
    pub(crate) definitions: usize,
}

impl Story {
    /// What has happened so far is in no record.
    pub(crate) fn forget_records(&mut self) {
        for step in &mut self.steps {
            if let Step::Define(definition) = step {
                definition.records.clear();
            }
        }
    }
}

/// What differs between two states.
pub(crate) fn difference(before: &State, after: &State) -> Vec<(i64, Option<Rc<Row>>)> {
    let gone = before.keys().filter(|rid| !after.contains_key(rid)).map(|rid| (*rid, None));
    let other = after
        .iter()
        .filter(|(rid, row)| before.get(rid).is_none_or(|old| old != *row))
        .map(|(rid, row)| (*rid, Some(Rc::clone(row))));
    gone.chain(other).collect()
}
