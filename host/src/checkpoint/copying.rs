//! What is left of copying the rows that tables had when a connector first started.
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
}

impl Left {
    /// All of a table.
    pub fn all_of(database: &str, table: &str) -> Self {
        Self {
            database: database.to_owned(),
            table: table.to_owned(),
            after: None,
            order: None,
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
}

pub(super) fn serialize<S: Serializer>(left: &[Left], serializer: S) -> Result<S::Ok, S::Error> {
    let mut stored = Stored {
        begun: Vec::new(),
        tables: BTreeMap::new(),
    };
    for left in left {
        match left.after {
            Some(_) => stored.begun.push(left.clone()),
            None => stored.tables.entry(left.database.clone()).or_default().push(left.table.clone()),
        }
    }
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Left>, D::Error> {
    let Stored { begun, tables } = Stored::deserialize(deserializer)?;
    let rest = tables
        .iter()
        .flat_map(|(database, tables)| tables.iter().map(move |table| Left::all_of(database, table)));
    Ok(begun.into_iter().chain(rest).collect())
}
