//! A table as the server's catalogue describes it, and its rows as SELECT shows them.

use std::collections::BTreeMap;
use std::rc::Rc;

use pipeline_tests::Session;

use super::column::{CATALOGUE, Column, Form};
use super::world::{World, literal, quoted};

/// The column that tells the rows of every table apart. Nothing but this test relies on it.
pub(crate) const RID: &str = "rid";

/// What is known of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Is(String),
    /// Of a row that no SELECT saw, since the same statement replaced it.
    Unknown,
}

impl Cell {
    pub(crate) fn may_be(&self, other: &Self) -> bool {
        self == other || *self == Self::Unknown || *other == Self::Unknown
    }
}

/// Values in the order of columns, and last what tells values apart that the envelope renders alike.
pub(crate) type Row = Vec<Cell>;

/// All rows by their `rid`.
pub(crate) type State = BTreeMap<i64, Rc<Row>>;

/// One version of a table.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    /// Form and envelope type of each.
    pub(crate) forms: Vec<(Form, &'static str)>,
    /// The columns of the row's key, in its order; none where there is no key.
    pub(crate) key: Vec<usize>,
    /// Where `RID` is.
    pub(crate) rid: usize,
    select: String,
}

impl Schema {
    /// Asks the catalogue; `None` where there is no such table.
    pub(crate) fn of(session: &mut Session, world: &World, table: &str) -> Option<Self> {
        let rows = session.query(&format!(
            "SELECT {CATALOGUE} FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = {} ORDER BY ordinal_position",
            literal(table)
        ));
        if rows.is_empty() {
            return None;
        }
        let mut columns: Vec<Column> = rows.iter().map(|row| Column::new(row)).collect();
        if world.is_mariadb() {
            note_documents(session, table, &mut columns);
        }
        let rid = columns.iter().position(|c| c.name == RID).expect("every table has the column");
        let mut list = vec![quoted(RID)];
        list.extend(columns.iter().map(|c| c.expected(world)));
        let precise: Vec<String> = columns.iter().filter_map(|c| c.precise(world)).collect();
        list.push(if precise.is_empty() {
            String::from("''")
        } else {
            format!("CONCAT_WS('|', {})", precise.join(", "))
        });
        Some(Self {
            table: table.to_owned(),
            forms: columns.iter().map(|c| c.form(&world.rendering)).collect(),
            key: key(session, table, &columns),
            rid,
            select: format!("SELECT {} FROM {}", list.join(", "), quoted(table)),
            columns,
        })
    }

    /// What SELECT says now.
    pub(crate) fn state(&self, session: &mut Session) -> State {
        let rows = session.query(&self.select);
        let count = rows.len();
        let state: State = rows.into_iter().map(|row| self.row(row)).collect();
        assert_eq!(state.len(), count, "rids of {} are not unique", self.table);
        state
    }

    /// The table, for failures.
    pub(crate) fn in_words(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|c| {
                let charset = c.charset.as_deref().unwrap_or("-");
                format!("{:?} {} {charset} {}", c.name, c.column_type, c.extra)
            })
            .collect();
        format!("{} ({})", self.table, columns.join(", "))
    }

    /// What `schema` of every record must be.
    pub(crate) fn described(&self, world: &World, database: &str) -> serde_json::Value {
        let columns = self.columns.iter().zip(&self.forms);
        let list: Vec<_> = columns
            .map(|(c, (_, kind))| serde_json::json!({ "name": c.name, "type": kind }))
            .collect();
        let key: Vec<&str> = self.key.iter().map(|i| self.columns[*i].name.as_str()).collect();
        let kind = if world.is_mariadb() { "MariaDB" } else { "MySQL" };
        let mut source = serde_json::json!({ "dbType": kind, "dbName": database, "tableName": self.table });
        if world.rendering.version {
            source["dbVersion"] = world.version.clone().into();
        }
        serde_json::json!({ "dataColumn": list, "primaryKey": key, "source": source })
    }

    fn row(&self, values: Vec<Option<String>>) -> (i64, Rc<Row>) {
        let mut values = values.into_iter();
        let rid = values.next().flatten().expect("rid is never NULL").parse().unwrap();
        let forms = self.forms.iter().map(|(form, _)| *form).chain([Form::Exact]);
        let cells = forms.zip(values).map(|(form, value)| match value {
            None => Cell::Null,
            Some(text) => Cell::Is(form.of_sql(text)),
        });
        (rid, Rc::new(cells.collect()))
    }
}

/// MariaDB's JSON is a LONGTEXT with a constraint that bears the column's name.
fn note_documents(session: &mut Session, table: &str, columns: &mut [Column]) {
    let rows = session.query(&format!(
        "SELECT constraint_name FROM information_schema.check_constraints \
         WHERE constraint_schema = DATABASE() AND table_name = {} AND check_clause LIKE 'json_valid(%'",
        literal(table)
    ));
    for name in rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
        columns.iter_mut().filter(|c| c.name == name).for_each(|c| c.document = true);
    }
}

/// The primary key; without one the first unique key over whole columns that are not nullable. SHOW INDEX lists keys in the order
/// in which the server looks for it.
fn key(session: &mut Session, table: &str, columns: &[Column]) -> Vec<usize> {
    let mut keys: Vec<(String, Vec<usize>, bool)> = Vec::new();
    for row in session.query(&format!("SHOW INDEX FROM {}", quoted(table))) {
        let text = |i: usize| row[i].clone().unwrap_or_default();
        let (name, position) = (
            text(2),
            row[4].as_ref().and_then(|c| columns.iter().position(|found| found.name == *c)),
        );
        if keys.last().is_none_or(|(last, ..)| *last != name) {
            keys.push((name.clone(), Vec::new(), text(1) == "0"));
        }
        let (_, parts, good) = keys.last_mut().unwrap();
        match position {
            Some(position) => {
                parts.push(position);
                // A key of hashes, which MariaDB makes of what is too long for a key, is none of the row.
                let whole = row[7].is_none() && !columns[position].nullable && text(10) != "HASH";
                *good &= name == "PRIMARY" || whole;
            }
            None => *good = false,
        }
    }
    keys.into_iter()
        .find(|(_, _, good)| *good)
        .map(|(_, parts, _)| parts)
        .unwrap_or_default()
}
