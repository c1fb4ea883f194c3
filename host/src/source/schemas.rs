//! What a table was when rows of it were logged, where the log itself does not say.
//!
//! The catalogue tells what a table is at the end of the log. That is what it was at an earlier place if no statement between
//! the two changed it, which a look at this part of the log tells; where one did, it is undone, or the stream stops. See
//! `docs/decisions/schemas-from-the-catalogue.md`.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::anyhow;

use super::ahead::look_ahead;
use super::catalog::{Catalog, Reading, Server};
use super::definition::{Definition, Rest, take_width};
use super::effect::{Id, Step};
use super::lineage::{Trail, follow};
use super::logged::{Effect, Logged, same};
use super::schema::Column;
use super::spot::Spot;
use super::table_map::Description;
use super::undo::Sketch;
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::{GtidSet, Position};

/// How often a table is read again that changes while it is read.
const MOST_TRIES: usize = 8;

/// Definitions, and the statements that change them.
#[derive(Debug)]
pub(super) struct Schemas {
    catalog: Catalog,
    filter: TableFilter,
    /// What the server passes over: a statement among it would not be seen.
    start: Option<GtidSet>,
    /// The server has executed all of `start`, so that nothing more of it can come.
    settled: bool,
    /// `server_id` of the server that sends the stream.
    sender: Option<u32>,
    /// The last reading of each table: no statement that the stream has passed since has touched it.
    readings: HashMap<Id, Reading>,
    /// Statements that the stream has not come to, and the places between which all of them are known.
    ahead: VecDeque<Logged>,
    known: Option<(Spot, Spot)>,
    /// The log leaves out what only the catalogue can tell: tables are read as soon as they change.
    eager: bool,
}

impl Schemas {
    /// Of a stream that begins at `start`.
    pub(super) fn new(mut catalog: Catalog, filter: TableFilter, start: &Position) -> Self {
        let (preloaded, executed) = catalog.take_preloaded();
        let mut schemas = Self {
            eager: !preloaded.is_empty() || catalog.traces_widths(),
            catalog,
            filter,
            start: start.gtid.clone(),
            settled: false,
            sender: None,
            readings: preloaded.into_iter().collect(),
            ahead: VecDeque::new(),
            known: None,
        };
        schemas.settle(executed.as_ref());
        schemas
    }

    /// Notes which server sends the stream.
    pub(super) fn sent_by(&mut self, server_id: u32) {
        self.sender = Some(server_id);
    }

    /// Whether there is a server whose catalogue can be asked.
    pub(super) fn can_ask(&self) -> bool {
        self.catalog.is_there()
    }

    /// The stream has come to a statement.
    pub(super) fn pass(&mut self, logged: &Logged) {
        self.forget_passed(&logged.at);
        if self.readings.is_empty() && !self.eager {
            return;
        }
        let Ok(server) = self.server() else {
            self.readings.clear();
            return;
        };
        let is_later = |reading: &Reading| logged.at.order(&reading.at) == Some(Ordering::Less);
        self.readings
            .retain(|id, reading| is_later(reading) || !logged.touches(id, server.folds));
        if self.eager {
            self.read_touched(logged);
        }
    }

    /// Reads the tables that a statement has made or changed before another one does.
    fn read_touched(&mut self, logged: &Logged) {
        let Effect::Exact(steps) = &logged.effect else { return };
        for step in steps {
            let id = match step {
                Step::Create { table, .. } | Step::Alter { table, .. } | Step::Rename { to: table, .. } => table,
                Step::Drop(_) | Step::DropDatabase(_) => continue,
            };
            if !self.filter.selects(&id.0, &id.1) || self.readings.contains_key(id) {
                continue;
            }
            if let Err(fault) = self.read(id) {
                // Its rows, when they come, will say whether it matters.
                tracing::debug!(database = id.0, table = id.1, reason = %fault, "a changed table can't be read yet");
            }
        }
    }

    /// What the table `id` was at `at`, whose map is `map`.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached or tables change too fast, `Stop` where it can't be told.
    pub(super) fn definition(&mut self, id: &Id, at: &Spot, map: &Description<'_>) -> Result<Arc<Definition>, Fault> {
        self.eager = true;
        let found = match self.present(id, at)? {
            Some(present) => match present.misfit(map) {
                None => Ok(present),
                Some(misfit) => Err(unexplained(&misfit)),
            },
            None => self.past(id, at, map)?,
        };
        let definition = found.map_err(|doubt| untold(id, at, &doubt))?;
        match definition
            .columns
            .iter()
            .find(|column| matches!(column.form.rest, Rest::Labels(_, true)))
        {
            None => Ok(definition),
            Some(column) => Err(untold(
                id,
                at,
                &format!(
                    "the server's catalogue can't show all characters of the labels of column {}",
                    column.name
                ),
            )),
        }
    }

    /// For each of these columns of MariaDB, which may be logged in place of those of another type, what the catalogue says of it; `None`
    /// where there is none.
    ///
    /// # Errors
    /// As `definition`.
    pub(super) fn types(&mut self, id: &Id, at: &Spot, columns: &[&str]) -> Result<Vec<Option<String>>, Fault> {
        if !self.catalog.is_there() {
            return Ok(vec![None; columns.len()]);
        }
        self.eager = true;
        let found = self.texts(id, at, columns)?;
        let found = found.map(|texts| texts.into_iter().map(Some).collect());
        found.map_err(|doubt| {
            untold(
                id,
                at,
                &format!("columns {} may be UUIDs or addresses, and {doubt}", columns.join(", ")),
            )
        })
    }

    /// Puts the display widths that these integer columns had at `at` into their types, and says of each TINYINT why it is not known. Nobody
    /// is asked for others alone. Whether the answer rests on the catalogue.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached or tables change too fast, `Stop` where it can't be asked or its log can't be read.
    pub(super) fn widths(&mut self, id: &Id, at: &Spot, columns: &mut [&mut Column]) -> Result<bool, Fault> {
        let matters = columns.iter().any(|column| column.is_tinyint());
        let untraced = match (self.catalog.is_there(), self.catalog.traces_widths()) {
            (false, _) => Some("binlog files do not have it, only a server can tell"),
            (true, false) => Some("no plugin asked for it when the connector started"),
            (true, true) => None,
        };
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = match untraced {
            None if matters => self.texts(id, at, &names)?.ok(),
            _ => None,
        };
        for (at_column, column) in columns.iter_mut().enumerate() {
            let text = all.as_ref().and_then(|texts| texts.get(at_column));
            let told = match (text, untraced) {
                (Some(text), _) => Ok(vec![text.clone()]),
                (None, Some(reason)) => Err(reason.to_owned()),
                // One by one: what became of one of them says nothing of the others.
                (None, None) if column.is_tinyint() => self.texts(id, at, &[&column.name])?,
                (None, None) => continue,
            };
            let told = told.and_then(|texts| texts.iter().try_for_each(|text| take_width(column, text)));
            column.width_unknown = told.err().filter(|_| column.is_tinyint());
        }
        Ok(untraced.is_none() && matters)
    }

    /// What the catalogue says of the types that these columns had at `at`. The inner error is why nobody can tell.
    fn texts(&mut self, id: &Id, at: &Spot, columns: &[&str]) -> Result<Result<Vec<String>, String>, Fault> {
        let text = |definition: &Definition, name: &str| {
            let known = definition.columns.iter().find(|column| column.name == name);
            known
                .map(|column| column.type_text.clone())
                .ok_or_else(|| format!("the catalogue has no column {name}"))
        };
        if let Some(present) = self.present(id, at)? {
            let found: Result<Vec<_>, _> = columns.iter().map(|name| text(&present, name)).collect();
            if found.is_ok() {
                return Ok(found);
            }
        }
        self.trace(id, at, |trail, definition, _| {
            columns.iter().map(|name| text(definition, &trail.column(name)?)).collect()
        })
    }

    /// The definition of a reading that the stream has come to, and that nothing has touched since.
    fn present(&mut self, id: &Id, at: &Spot) -> Result<Option<Arc<Definition>>, Fault> {
        self.forget_passed(at);
        let is_past = self.readings.get(id).is_some_and(|reading| reading.at.is_up_to(at));
        if !is_past {
            return Ok(None);
        }
        if !self.settled {
            let executed = self.catalog.executed()?;
            self.settle(executed.as_ref());
        }
        // A statement that the server kept from the stream may have changed it.
        if !self.settled {
            return Ok(None);
        }
        Ok(self.readings.get(id).and_then(|reading| reading.definition.clone()))
    }

    /// What the table was, by what it is and the statements since.
    fn past(&mut self, id: &Id, at: &Spot, map: &Description<'_>) -> Result<Result<Arc<Definition>, String>, Fault> {
        self.trace(id, at, |trail, definition, server| {
            if trail.changes.is_empty() {
                return match definition.misfit(map) {
                    None => Ok(Arc::clone(definition)),
                    Some(misfit) => Err(unexplained(&misfit)),
                };
            }
            let mut sketch = Sketch::new(definition);
            for (logged, changes) in trail.changes.iter().rev() {
                sketch.undo(changes).map_err(|doubt| since(logged, &doubt))?;
            }
            let settled = sketch.settle(map, server.flavor);
            let first = trail.changes.first();
            settled
                .map(Arc::new)
                .map_err(|doubt| first.map_or(doubt.clone(), |(logged, _)| since(logged, &doubt)))
        })
    }

    /// Follows the table from `at` to where it, or one made like it, has been read; `answer` tells from there. The inner error is why nobody
    /// can tell.
    fn trace<T>(
        &mut self,
        id: &Id,
        at: &Spot,
        answer: impl Fn(&Trail<'_>, &Arc<Definition>, Server) -> Result<T, String>,
    ) -> Result<Result<T, String>, Fault> {
        let mut doubt = String::new();
        let mut names = vec![id.clone()];
        for _ in 0..MOST_TRIES {
            let mut again = false;
            for name in &names {
                let reading = self.read_after(name, at)?;
                self.look(at, &reading.at)?;
                let server = self.server()?;
                let trails = follow(id, between(&self.ahead, at, &reading.at), server.folds);
                let trail = trails
                    .iter()
                    .find(|trail| trail.end.is_none() && same(&trail.name, name, server.folds));
                match (trail, &reading.definition) {
                    (Some(trail), Some(definition)) => match answer(trail, definition, server) {
                        Ok(answer) => return Ok(Ok(answer)),
                        Err(reason) => doubt = reason,
                    },
                    // It came or went while it was read, or has another name by now.
                    _ => again |= self.readings.remove(name).is_some(),
                }
            }
            let Some((_, until)) = self.known.clone() else { break };
            let folds = self.server()?.folds;
            let trails = follow(id, between(&self.ahead, at, &until), folds);
            if let Some(end) = trails.first().and_then(|trail| trail.end) {
                doubt = since(end, "with it the table they belong to is gone, or may be another one");
            }
            let found: Vec<Id> = trails
                .into_iter()
                .filter(|trail| trail.end.is_none())
                .map(|trail| trail.name)
                .collect();
            if found == names && !again || found.is_empty() {
                return Ok(Err(doubt));
            }
            names = found;
        }
        Err(Fault::retry(anyhow!(
            "the definition of {}.{} changes while it is read",
            id.0,
            id.1
        )))
    }

    /// A reading of a table from after `at`.
    fn read_after(&mut self, id: &Id, at: &Spot) -> Result<Reading, Fault> {
        match self.readings.get(id) {
            Some(reading) if at.order(&reading.at) == Some(Ordering::Less) => Ok(reading.clone()),
            _ => self.read(id),
        }
    }

    /// Reads a table now.
    fn read(&mut self, id: &Id) -> Result<Reading, Fault> {
        let about = self.server()?;
        if let Some(sender) = self.sender.filter(|sender| *sender != about.id) {
            return Err(Fault::retry(anyhow!(
                "the binlog comes from the server with server_id {sender}, and the catalogue from that with {}: source.host leads to both",
                about.id
            )));
        }
        let reading = self.catalog.read(id)?;
        self.readings.insert(id.clone(), reading.clone());
        Ok(reading)
    }

    /// Sees to it that the statements between two places are known.
    fn look(&mut self, at: &Spot, to: &Spot) -> Result<(), Fault> {
        let (since, from) = match self.known.take() {
            Some((since, until)) if since.is_up_to(at) && at.is_up_to(&until) => (since, until),
            // An XA transaction that is read again lies before all that is known.
            _ => {
                self.ahead.clear();
                (at.clone(), at.clone())
            }
        };
        match from.order(to) {
            Some(Ordering::Less) => {}
            Some(_) => {
                self.known = Some((since, from));
                return Ok(());
            }
            None => {
                return Err(Fault::stop(anyhow!(
                    "the server's binlog files have other names at {to} than at {from}, so that it can't be told what is between them"
                )));
            }
        }
        let Some((config, stop)) = self.catalog.way() else {
            return Err(Fault::stop(anyhow!("there is no server whose log could be looked at")));
        };
        self.ahead.extend(look_ahead(config, &from, to, stop)?);
        self.known = Some((since, to.clone()));
        Ok(())
    }

    fn forget_passed(&mut self, at: &Spot) {
        while self.ahead.front().is_some_and(|logged| logged.at.is_up_to(at)) {
            self.ahead.pop_front();
        }
        match &mut self.known {
            Some((_, until)) if !at.is_up_to(until) => {
                self.known = None;
                self.ahead.clear();
            }
            Some((since, _)) if since.is_up_to(at) => since.clone_from(at),
            _ => {}
        }
    }

    fn server(&mut self) -> Result<Server, Fault> {
        self.catalog.about()
    }

    fn settle(&mut self, executed: Option<&GtidSet>) {
        self.settled = match (&self.start, executed) {
            (Some(start), Some(executed)) => start.is_subset(executed),
            _ => true,
        };
    }
}

/// The statements between two places.
fn between<'a>(statements: &'a VecDeque<Logged>, from: &Spot, to: &Spot) -> impl Iterator<Item = &'a Logged> {
    let is_between = move |at: &Spot| from.order(at) == Some(Ordering::Less) && at.order(to) == Some(Ordering::Less);
    statements.iter().filter(move |logged| is_between(&logged.at))
}

/// A doubt with the statement that it is about.
fn since(logged: &Logged, doubt: &str) -> String {
    format!("the ddl statement at {} came after them ({}): {doubt}", logged.at, logged.shown)
}

/// Why a table that no statement has changed since can't be what the log shows.
fn unexplained(misfit: &str) -> String {
    format!("{misfit}, and no ddl statement in the log tells why (it may have run with sql_log_bin=0)")
}

fn untold((database, table): &Id, at: &Spot, doubt: &str) -> Fault {
    Fault::stop(anyhow!(
        "the columns of {database}.{table} at {at} can't be told: the binlog does not describe them (binlog_row_metadata is not FULL), and {doubt}; \
         leave the table out, or take a new snapshot and start after that; with SET GLOBAL binlog_row_metadata=FULL (MySQL 8.0, MariaDB 10.5) it \
         can't happen again"
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::{Catalog, Column, Position, Schemas, Spot, TableFilter};
    use crate::config::{self, Surroundings};
    use crate::source::schema::ColumnType;

    /// Asks for the width of `d.t.flag` where nobody listens.
    fn ask(traces_widths: bool) -> Result<(bool, Column), String> {
        let toml = "name = \"a\"\n[source]\nport = 1\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"\n[[plugin]]\nbuiltin = \"envelope\"\n[sink]\nkind = \"stdout\"\n";
        let config = config::parse(toml, &Surroundings::of_process(Path::new(""))).unwrap();
        let catalog = Catalog::of_server(&config, Arc::new(AtomicBool::new(false))).tracing_widths(traces_widths);
        let mut schemas = Schemas::new(catalog, TableFilter::default(), &Position::default());
        let mut flag = Column {
            name: "flag".to_owned(),
            type_text: "tinyint".to_owned(),
            width_unknown: None,
            kind: ColumnType::Int { bytes: 1, unsigned: false },
            nullable: true,
        };
        let id = ("d".to_owned(), "t".to_owned());
        let asked = schemas.widths(&id, &Spot::new("binlog.000001", 4), &mut [&mut flag]);
        asked.map(|asked| (asked, flag)).map_err(|fault| format!("{fault:#}"))
    }

    #[test]
    fn nobody_is_asked_for_widths_that_do_not_matter() {
        let (asked, flag) = ask(false).unwrap();
        assert!(!asked && flag.width_unknown.unwrap().contains("no plugin asked"));
        // Here the server would have to answer.
        assert!(ask(true).is_err());
    }
}
