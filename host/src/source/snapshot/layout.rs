//! How a table is read: its version as the stream would have it, the statement, and the key in whose order its rows come.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::form::Forms;
use super::literal::{Words, is_ordered, literal};
use crate::fault::Fault;
use crate::source::catalog::quoted;
use crate::source::connection::TextRow;
use crate::source::definition::Definition;
use crate::source::effect::Id;
use crate::source::tables::defined;
use crate::source::{ColumnType, Table};

/// A table as it is read.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What its rows mean.
    pub table: Arc<Table>,
    /// The key's columns, with all that their order depends on: while this stays the same, a place in the order keeps its meaning.
    /// None: the table has no key that its rows can be read by.
    pub order: Option<String>,
    pub(super) forms: Forms,
    /// Ordinals of the columns that it is read by, in the order of the key.
    pub(super) key: Vec<usize>,
    /// The statement up to its condition.
    select: String,
    pub(super) words: Words,
}

/// Values of the key's columns as literals of SQL, in the order of the key.
pub type KeyPlace = Vec<String>;

/// An index that has every row once, under whole values.
struct Index {
    name: String,
    columns: Vec<String>,
}

impl Layout {
    /// Of a table whose definition was read, with the rows of SHOW INDEX and each column's collation.
    pub(super) fn new(
        id: &Id,
        (definition, mariadb): (&Definition, bool),
        indexes: &[TextRow],
        collations: &[(String, String)],
        words: Words,
    ) -> Result<Self, Fault> {
        let mut table = defined(id, definition, mariadb)?;
        for column in &mut table.columns {
            if matches!(column.kind, ColumnType::Json { .. }) {
                column.kind = ColumnType::JsonText;
            }
        }
        let ordinal = |name: &String| table.columns.iter().position(|column| column.name == *name);
        let is_fit = |name: &String| {
            ordinal(name)
                .and_then(|at| table.columns.get(at))
                .is_some_and(|column| is_ordered(&column.kind))
        };
        let index = whole_index(indexes).filter(|index| index.columns.iter().all(is_fit) && !table.key.is_empty());
        let key: Vec<usize> = index.iter().flat_map(|index| index.columns.iter().filter_map(ordinal)).collect();
        let forms = Forms::of(&table, &key).ok_or_else(|| {
            let full = format!("{}.{}", id.0, id.1);
            Fault::stop(anyhow::anyhow!(
                "table {full} has a column that can't be read; leave the table out, or set source.snapshot = \"never\""
            ))
        })?;
        let select = select(id, &table, index.as_ref());
        let order = index.map(|_| order(&table, &key, collations));
        Ok(Self {
            table: Arc::new(table),
            order,
            forms,
            key,
            select,
            words,
        })
    }

    /// The statement that reads on behind a place, in the order of the key, `limit` rows at most; without a key: all rows.
    pub(super) fn statement(&self, after: Option<&KeyPlace>, limit: usize) -> String {
        let mut sql = self.select.clone();
        if self.order.is_none() {
            return sql;
        }
        let names: Vec<String> = self
            .key
            .iter()
            .filter_map(|at| self.table.columns.get(*at))
            .map(|column| quoted(&column.name))
            .collect();
        if let Some(after) = after {
            // Each step by itself, so that the server sees ranges of its index in it.
            let step = |last: usize| {
                let same = names
                    .iter()
                    .zip(after)
                    .take(last)
                    .map(|(name, value)| format!("{name} = {value} AND "));
                let more = names
                    .iter()
                    .zip(after)
                    .skip(last)
                    .take(1)
                    .map(|(name, value)| format!("{name} > {value}"));
                format!("({})", same.chain(more).collect::<String>())
            };
            let steps: Vec<String> = (0..names.len()).map(step).collect();
            // Writing to a `String` can't fail.
            let _ = write!(sql, " WHERE {}", steps.join(" OR "));
        }
        let _ = write!(sql, " ORDER BY {} LIMIT {limit}", names.join(", "));
        sql
    }

    /// The place of a row of which `places` tells where the key's values stand in `images`, by ordinal.
    pub(super) fn place(&self, images: &[u8], places: &[Range<usize>]) -> Result<KeyPlace, Fault> {
        let mut by_ordinal = self.key.clone();
        by_ordinal.sort_unstable();
        let value = |ordinal: &usize| {
            let at = by_ordinal.iter().position(|other| other == ordinal)?;
            let bytes = images.get(places.get(at)?.clone())?;
            literal(&self.table.columns.get(*ordinal)?.kind, bytes, self.words).ok()
        };
        let place: Option<KeyPlace> = self.key.iter().map(value).collect();
        place.ok_or_else(|| {
            let full = format!("{}.{}", self.table.database, self.table.name);
            Fault::stop(anyhow::anyhow!(
                "a row of {full} has a key that can't be written as a literal: this is a defect of rowmill"
            ))
        })
    }
}

fn select(id: &Id, table: &Table, index: Option<&Index>) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| match column.kind {
            // Their numbers, as the log has them, in eight bytes on every server.
            ColumnType::Enum { .. } | ColumnType::Set { .. } => format!("CAST({} AS UNSIGNED) | 0", quoted(&column.name)),
            _ => quoted(&column.name),
        })
        .collect();
    let force = index
        .map(|index| format!(" FORCE INDEX ({})", quoted(&index.name)))
        .unwrap_or_default();
    format!("SELECT {} FROM {}.{}{force}", columns.join(", "), quoted(&id.0), quoted(&id.1))
}

fn order(table: &Table, key: &[usize], collations: &[(String, String)]) -> String {
    let column = |ordinal: &usize| {
        let column = table.columns.get(*ordinal)?;
        let collation = collations
            .iter()
            .find(|(name, _)| *name == column.name)
            .map_or("", |(_, collation)| collation);
        Some(format!("{} {} {collation}", quoted(&column.name), column.type_text))
    };
    key.iter().filter_map(column).collect::<Vec<_>>().join(", ")
}

/// The primary key, or the first unique one over NOT NULL columns, if all of its parts are whole columns.
fn whole_index(rows: &[TextRow]) -> Option<Index> {
    let mut found: Vec<(Index, bool)> = Vec::new();
    for row in rows {
        let field = |at: usize| row.get(at).and_then(Option::as_deref);
        let name = field(2)?;
        if field(1) != Some("0") {
            continue;
        }
        // A part without a column is an expression; one with a length is the beginning of a value; a hash has no order.
        let whole = field(7).is_none() && field(9) != Some("YES") && field(4).is_some() && field(10) != Some("HASH");
        let column = field(4).unwrap_or_default().to_owned();
        match found.last_mut().filter(|(index, _)| index.name == name) {
            Some((index, fit)) => {
                index.columns.push(column);
                *fit &= whole;
            }
            None => found.push((
                Index {
                    name: name.to_owned(),
                    columns: vec![column],
                },
                whole,
            )),
        }
    }
    found.into_iter().find(|(_, fit)| *fit).map(|(index, _)| index)
}
