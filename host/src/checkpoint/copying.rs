//! What is left of copying the rows that tables had when a connector first started, or when it was asked for them.
//!
//! Stored, tables that were not begun are lists of names, as there may be ten thousand of them, and a broker takes a record of one
//! megabyte.

use std::collections::BTreeMap;

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

/// A table whose rows are not all delivered yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Left {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Values of the key's columns in the last row that was delivered, as literals of SQL; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
    /// What the order of the key depended on then: with another one `after` means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Rows up to there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows: u64,
    /// Rows of it were told before: it is copied once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

impl Left {
    /// All of a table.
    pub fn all_of(database: &str, table: &str) -> Self {
        Self {
            database: database.to_owned(),
            table: table.to_owned(),
            after: None,
            order: None,
            rows: 0,
            again: false,
        }
    }

    /// All of a table that was copied before, or of which changes were told.
    pub fn again(database: &str, table: &str) -> Self {
        Self {
            again: true,
            ..Self::all_of(database, table)
        }
    }
}

/// The stored form.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    /// Of which rows were delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    begun: Vec<Left>,
    /// The others, by database.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tables: BTreeMap<String, Vec<String>>,
    /// Those of which rows were told before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    again: BTreeMap<String, Vec<String>>,
}

pub(super) fn serialize<S: Serializer>(left: &[Left], serializer: S) -> Result<S::Ok, S::Error> {
    let mut stored = Stored {
        begun: Vec::new(),
        tables: BTreeMap::new(),
        again: BTreeMap::new(),
    };
    for left in left {
        let names = match (&left.after, left.again) {
            (Some(_), _) => {
                stored.begun.push(left.clone());
                continue;
            }
            (None, false) => &mut stored.tables,
            (None, true) => &mut stored.again,
        };
        names.entry(left.database.clone()).or_default().push(left.table.clone());
    }
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Left>, D::Error> {
    let Stored { begun, tables, again } = Stored::deserialize(deserializer)?;
    let all = |names: BTreeMap<String, Vec<String>>, left: fn(&str, &str) -> Left| {
        let of =
            |(database, tables): (String, Vec<String>)| tables.into_iter().map(move |table| left(&database, &table)).collect::<Vec<_>>();
        names.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    let rest = all(tables, Left::all_of).into_iter().chain(all(again, Left::again));
    Ok(begun.into_iter().chain(rest).collect())
}
