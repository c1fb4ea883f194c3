//! What is left of copying the rows that tables had when a connector first started, or when it was asked for them.
//!
//! Stored, tables that were not begun are lists of names, as there may be ten thousand of them, and a broker takes a record of one
//! megabyte.

use std::collections::BTreeMap;

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use crate::position::Position;

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
    /// From this place of the log on it counts which rows the stream tells of: they are left out of the copy. None where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
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
            since: None,
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
    /// `since` of all that say nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Position>,
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
    let since = left.first().and_then(|left| left.since.clone());
    let mut stored = Stored {
        since: since.clone(),
        begun: Vec::new(),
        tables: BTreeMap::new(),
        again: BTreeMap::new(),
    };
    for left in left {
        // One that has none differs from the others, too: it is told as such by a place that no log has.
        let is_usual = left.since == since;
        let names = match (&left.after, left.again) {
            (None, false) if is_usual => &mut stored.tables,
            (None, true) if is_usual => &mut stored.again,
            _ => {
                let own = if is_usual {
                    None
                } else {
                    Some(left.since.clone().unwrap_or_default())
                };
                stored.begun.push(Left {
                    since: own,
                    ..left.clone()
                });
                continue;
            }
        };
        names.entry(left.database.clone()).or_default().push(left.table.clone());
    }
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Left>, D::Error> {
    let Stored {
        since,
        begun,
        tables,
        again,
    } = Stored::deserialize(deserializer)?;
    let all = |names: BTreeMap<String, Vec<String>>, left: fn(&str, &str) -> Left| {
        let of =
            |(database, tables): (String, Vec<String>)| tables.into_iter().map(move |table| left(&database, &table)).collect::<Vec<_>>();
        names.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    let rest = all(tables, Left::all_of).into_iter().chain(all(again, Left::again));
    let rest = rest.map(|left| Left {
        since: since.clone(),
        ..left
    });
    let begun = begun.into_iter().map(|left| {
        let own = match left.since {
            None => since.clone(),
            Some(place) => Some(place).filter(|place| *place != Position::default()),
        };
        Left { since: own, ..left }
    });
    Ok(begun.chain(rest).collect())
}
