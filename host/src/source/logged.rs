//! A DDL statement at its place in the log, and which tables' definitions it may change.

use super::effect::{Id, Step, steps};
use super::event::{Event, EventKind};
use super::reader::Parsed;
use super::spot::Spot;
use super::sql::Dialect;
use super::statement::{Meaning, Query};
use super::unpack::unpack;

/// Characters of a statement that a reason shows.
const SHOWN: usize = 200;

/// A statement that may change the definition of a table.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    /// Of its event.
    pub(super) at: Spot,
    /// What it does.
    pub(super) effect: Effect,
    /// The start of its text, on one line.
    pub(super) shown: String,
}

/// What a statement does to definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Exactly this.
    Exact(Vec<Step>),
    /// Anything, to the tables that its text names; the text is in lower case.
    Anything(String),
    /// Anything to any table: it has characters that can't be read.
    Everything,
}

impl Logged {
    /// What a QUERY event does, whose text has up to `largest` bytes; `None` where it defines nothing.
    pub(super) fn of_event(event: &Event, at: Spot, dialect: Dialect, largest: usize) -> Parsed<Option<Self>> {
        let mut query = Query::parse(&event.body)?;
        let text;
        if event.kind() == EventKind::CompressedQuery {
            text = unpack(query.text, largest)?;
            query.text = &text;
        }
        if query.meaning() != Meaning::Ddl {
            return Ok(None);
        }
        let (text, exact) = query.decoded();
        let exact = exact && event.is_whole();
        Ok(Self::of_statement(&query, &text, exact, at, dialect))
    }

    /// What a statement with this text does; `exact` where all its characters are known.
    pub(super) fn of_statement(query: &Query<'_>, text: &str, exact: bool, at: Spot, dialect: Dialect) -> Option<Self> {
        let effect = Effect::of(query, text, exact, dialect);
        (effect != Effect::Exact(Vec::new())).then(|| Self {
            at,
            effect,
            shown: shown(text),
        })
    }

    /// Whether it may change what this table is, or whether there is one.
    pub(super) fn touches(&self, id: &Id, folds: bool) -> bool {
        match &self.effect {
            Effect::Exact(steps) => steps.iter().any(|step| step.touches(id, folds)),
            Effect::Anything(text) => text.contains(&id.1.to_lowercase()),
            Effect::Everything => true,
        }
    }
}

impl Effect {
    fn of(query: &Query<'_>, text: &str, exact: bool, dialect: Dialect) -> Self {
        if !exact {
            return Self::Everything;
        }
        let database = String::from_utf8_lossy(query.database);
        let dialect = dialect.with_mode(query.sql_mode);
        // A statement that failed midway has done a part.
        let steps = (query.error == 0).then(|| steps(&database, text, dialect)).flatten();
        // Quotes within a quoted name are doubled in the text.
        steps.map_or_else(
            || Self::Anything(text.to_lowercase().replace("``", "`").replace("\"\"", "\"")),
            Self::Exact,
        )
    }
}

impl Step {
    fn touches(&self, id: &Id, folds: bool) -> bool {
        match self {
            Self::Create { table, .. } | Self::Drop(table) | Self::Alter { table, .. } => same(table, id, folds),
            Self::DropDatabase(database) => same_name(database, &id.0, folds),
            Self::Rename { from, to } => same(from, id, folds) || same(to, id, folds),
        }
    }
}

/// Whether two names are one table.
pub(super) fn same(one: &Id, other: &Id, folds: bool) -> bool {
    same_name(&one.0, &other.0, folds) && same_name(&one.1, &other.1, folds)
}

/// Whether two names are one where names differ by case or do not.
pub(super) fn same_name(one: &str, other: &str, folds: bool) -> bool {
    one == other || (folds && one.to_lowercase() == other.to_lowercase())
}

/// On one line, cut where it is long.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
