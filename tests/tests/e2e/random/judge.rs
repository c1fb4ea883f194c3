//! Holds records against the story: each must be the next change that the server made, and tell it exactly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::presence::Rules;
use super::record::Record;
use super::rows::{Found, Seen};
use super::schema::{Row, Schema, State};
use super::statements::Kind;
use super::steps::{Change, Definition, Step, Story, Touched};
use super::world::{World, cut};

/// What the messages came through.
pub(crate) struct Surroundings<'a> {
    pub(crate) world: &'a World,
    pub(crate) database: &'a str,
    /// Topic prefix with the underscore.
    pub(crate) prefix: String,
    /// Partitions by topic.
    pub(crate) partitions: BTreeMap<String, i32>,
    /// Whether DDL records are forwarded.
    pub(crate) forwards: bool,
}

/// A table as the records so far have made it.
struct Table {
    schema: Rc<Schema>,
    rows: State,
}

/// The judgement so far.
pub(crate) struct Judge<'a> {
    around: &'a Surroundings<'a>,
    tables: HashMap<String, Table>,
    /// Tables and texts of `schema` that were found right; forgotten when a table changes.
    right: BTreeSet<(String, String)>,
    /// GTIDs by transaction.
    gtids: HashMap<String, usize>,
    of_transaction: HashMap<usize, String>,
    next: usize,
    /// Records that tell of the step.
    told: Vec<usize>,
}

/// Holds all records, in the order of their sequence ids, against the story; gives how many changes of rows they told. If the connector
/// `stopped`, they may end before the story does.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn judge(around: &Surroundings<'_>, story: &Story, records: &[Record<'_>], stopped: bool) -> Result<usize, String> {
    order(records)?;
    let mut judge = Judge {
        around,
        tables: HashMap::new(),
        right: BTreeSet::new(),
        gtids: HashMap::new(),
        of_transaction: HashMap::new(),
        next: 0,
        told: Vec::new(),
    };
    let mut changes = 0;
    for step in &story.steps {
        judge.told.clear();
        let (sql, transaction, result) = match step {
            Step::Change(change) => (&change.sql, change.transaction, judge.change(change, records)),
            Step::Define(definition) => (&definition.sql, definition.transaction, judge.define(definition, records)),
        };
        let times = story.transactions[transaction];
        let result = result.and_then(|()| judge.transaction(transaction, times, records));
        if result.is_err() && stopped && judge.next == records.len() {
            return Ok(changes);
        }
        result.map_err(|reason| judge.explain(&reason, sql, step, records))?;
        changes += step.changes();
    }
    judge.pass_idle(records)?;
    match records.get(judge.next) {
        None => Ok(changes),
        Some(record) => Err(format!("a record that no statement explains: {}", cut(&record.message.value, 3000))),
    }
}

/// Sequence ids rise, both halves of an update have the same, and each partition has its records in this order.
fn order(records: &[Record<'_>]) -> Result<(), String> {
    let mut offsets: HashMap<(&str, i32), i64> = HashMap::new();
    for (i, record) in records.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| records.get(i));
        if let Some(before) = before.filter(|b| b.sequence == record.sequence) {
            let halves = (before.op.as_str(), record.op.as_str()) == ("UPDATE_BEFOR", "UPDATE_AFTER");
            if !halves || before.message.topic != record.message.topic {
                return Err(format!(
                    "two records of sequenceId {}: {}",
                    record.sequence,
                    cut(&record.message.value, 2000)
                ));
            }
        }
        let place = (record.message.topic.as_str(), record.message.partition);
        if offsets
            .insert(place, record.message.offset)
            .is_some_and(|last| last >= record.message.offset)
        {
            return Err(format!("{place:?} has sequenceId {} out of order", record.sequence));
        }
    }
    Ok(())
}

impl Judge<'_> {
    fn explain(&self, reason: &str, sql: &str, step: &Step, records: &[Record<'_>]) -> String {
        let shown = |i: usize| records.get(i).map_or("none", |r| r.message.value.as_str());
        let (image, tables) = match step {
            Step::Change(change) => (
                format!(" under {:?}", change.image),
                change.touched.iter().map(|t| t.schema.in_words()).collect::<Vec<_>>().join("; "),
            ),
            Step::Define(_) => Default::default(),
        };
        format!(
            "{reason}\nstatement{image}: {}\nof {tables}\nthe last record: {}\nthe next record: {}",
            cut(sql, 6000),
            cut(self.next.checked_sub(1).map_or("none", shown), 6000),
            cut(shown(self.next), 6000)
        )
    }

    /// Records of one transaction share a GTID that no other has, and times that lie within it.
    fn transaction(&mut self, number: usize, (begin, end): (i64, i64), records: &[Record<'_>]) -> Result<(), String> {
        for record in self.told.iter().filter_map(|i| records.get(*i)) {
            // Where the log has whole seconds only, they lie up to one before.
            for (name, time) in [("eventTime", record.event_time), ("checkpointTime", record.checkpoint_time)] {
                if time < begin - 1000 || time > end + 1 {
                    return Err(format!("{name} {time} is not between {begin} and {end}"));
                }
            }
            let table = self.table_of(record);
            let wanted = self.around.world.rendering.headers;
            if let Some(gtid) = record.check_headers(wanted, self.around.database, table)? {
                let first = *self.gtids.entry(gtid.to_owned()).or_insert(number);
                let known = self.of_transaction.entry(number).or_insert_with(|| gtid.to_owned());
                if first != number || known != gtid {
                    return Err(format!("GTID {gtid} in another transaction, or a second one besides {known}"));
                }
            }
            let partitions = self.around.partitions.get(&record.message.topic).copied().unwrap_or(1);
            record.check_partition(partitions)?;
        }
        Ok(())
    }

    fn define(&mut self, definition: &Definition, records: &[Record<'_>]) -> Result<(), String> {
        if self.around.forwards {
            let mut wanted = definition.records.clone();
            while !wanted.is_empty() {
                self.pass_idle(records)?;
                let record = records.get(self.next).ok_or_else(|| format!("no records {wanted:?}"))?;
                let table = self.table_of(record);
                let Some(at) = wanted.iter().position(|(name, op)| name == table && *op == record.op) else {
                    return Err(format!("record {} of {table} instead of {wanted:?}", record.op));
                };
                if record.before.is_some() || record.after.is_some() || record.key.is_some() || record.ddl == "null" {
                    return Err(String::from("a record of a statement has a statement and nothing else"));
                }
                wanted.remove(at);
                self.told.push(self.next);
                self.next += 1;
            }
        }
        for (name, now) in &definition.tables {
            self.right.retain(|(table, _)| table != name);
            match now {
                Some((schema, rows)) => {
                    let (schema, rows) = (Rc::clone(schema), rows.clone());
                    self.tables.insert(name.clone(), Table { schema, rows });
                }
                None => {
                    self.tables.remove(name);
                }
            }
        }
        Ok(())
    }

    /// Takes records until the rows are what SELECT said after the statement.
    fn change(&mut self, change: &Change, records: &[Record<'_>]) -> Result<(), String> {
        let mut works: Vec<Work<'_>> = change.touched.iter().map(Work::of).collect();
        loop {
            let left: usize = works.iter().map(|work| work.pending.len()).sum();
            if left == 0 {
                return Ok(());
            }
            let record = records
                .get(self.next)
                .ok_or_else(|| format!("there is no record of {}", self.missing(&works)))?;
            let table = self.table_of(record);
            let result = match works.iter_mut().find(|work| work.touched.schema.table == table) {
                Some(work) => self.one(change, work, records),
                None => Err(format!("a record of {table:?}, before any of {}", self.missing(&works))),
            };
            if let Err(reason) = result
                && !self.pass_idle(records)?
            {
                return Err(reason);
            }
        }
    }

    /// Passes over updates that leave rows as they are; whether there were any. SELECT saw nothing of their statements.
    fn pass_idle(&mut self, records: &[Record<'_>]) -> Result<bool, String> {
        let start = self.next;
        while let Some(record) = records.get(self.next) {
            let Some(table) = self.tables.get(self.table_of(record)) else {
                break;
            };
            let schema = Rc::clone(&table.schema);
            if !schema.columns.iter().any(|c| c.data_type == "json") || !record.op.starts_with("UPDATE") {
                break;
            }
            let (seen, next) = self.seen(&schema, records)?;
            if seen.idle(&schema, &self.tables[&schema.table].rows).is_none() {
                break;
            }
            self.next = next;
        }
        Ok(self.next > start)
    }

    /// The next change of a row: one record, or both halves of an update; and which record comes after.
    fn seen<'r>(&mut self, schema: &Schema, records: &'r [Record<'r>]) -> Result<(Seen<'r>, usize), String> {
        let record = records.get(self.next).ok_or("there is no record")?;
        self.check_schema(schema, record)?;
        let mut seen = Seen::of(schema, record)?;
        if record.op != "UPDATE_BEFOR" {
            return Ok((seen, self.next + 1));
        }
        let half = records.get(self.next + 1).filter(|r| r.sequence == record.sequence);
        let half = half.ok_or("an update without its second half")?;
        self.check_schema(schema, half)?;
        seen.join(schema, half)?;
        Ok((seen, self.next + 2))
    }

    /// Rows that have no record, in words: as they are to be, and as they were.
    fn missing(&self, works: &[Work<'_>]) -> String {
        let of_work = |work: &Work<'_>| {
            let name = &work.touched.schema.table;
            let rows = self.tables.get(name).map(|t| &t.rows);
            let rows: Vec<String> = work
                .pending
                .iter()
                .take(3)
                .map(|rid| format!("{name} {rid}: {:?} -> {:?}", rows.and_then(|r| r.get(rid)), work.targets.get(rid)))
                .collect();
            rows.join("; ")
        };
        cut(&works.iter().map(of_work).collect::<Vec<_>>().join("; "), 3000)
    }

    fn table_of<'r>(&self, record: &Record<'r>) -> &'r str {
        record.message.topic.strip_prefix(&self.around.prefix).unwrap_or_default()
    }

    /// One change of a row. After an error nothing has changed.
    fn one(&mut self, change: &Change, work: &mut Work<'_>, records: &[Record<'_>]) -> Result<(), String> {
        let schema = &work.touched.schema;
        let (seen, next) = self.seen(schema, records)?;
        if !change.kind.may_log(seen.op) {
            return Err(format!("{} of a statement of kind {:?}", seen.op, change.kind));
        }
        let table = self.tables.get_mut(&schema.table).ok_or("the table is gone")?;
        assert!(
            Rc::ptr_eq(&table.schema, schema),
            "the story has two versions of {} at once",
            schema.table
        );
        let replaces = matches!(change.kind, Kind::Replace | Kind::Upsert);
        let target = |rid: i64| work.target(rid, &table.rows);
        let Found { gone, new } = seen.find(schema, &table.rows, (&target, &work.pending), replaces)?;
        let old = gone.and_then(|rid| table.rows.get(&rid).cloned());
        let rules = Rules {
            world: self.around.world,
            schema,
            image: change.image,
            kind: change.kind,
            written: &work.touched.written,
        };
        seen.check_presence(&rules, old.as_deref(), new.as_ref().map(|(_, row)| row.as_ref()))?;
        seen.check_keys(schema, self.around.world.rendering.single)?;
        if let Some((rid, _)) = new.as_ref().filter(|(rid, _)| gone != Some(*rid) && table.rows.contains_key(rid)) {
            return Err(format!("row {rid} comes a second time"));
        }
        if let Some(rid) = gone {
            // A row that the statement leaves as it was, of which there is an update to the same values.
            work.targets.entry(rid).or_insert(old);
            table.rows.remove(&rid);
            work.settle(rid, None);
        }
        if let Some((rid, row)) = new {
            work.settle(rid, Some(&row));
            table.rows.insert(rid, row);
        }
        self.told.extend(self.next..next);
        self.next = next;
        Ok(())
    }

    fn check_schema(&mut self, schema: &Schema, record: &Record<'_>) -> Result<(), String> {
        let known = (schema.table.clone(), record.schema.to_owned());
        if self.right.contains(&known) {
            return Ok(());
        }
        let expected = schema.described(self.around.world, self.around.database);
        // As texts once more: the order of members counts, how characters are escaped does not.
        let read = serde_json::from_str::<serde_json::Value>(record.schema).map_err(|e| e.to_string())?;
        let (found, expected) = (read.to_string(), expected.to_string());
        if found != expected {
            return Err(format!("schema is\n{found}\ninstead of\n{expected}"));
        }
        self.right.insert(known);
        Ok(())
    }
}

/// What a statement is still to do to one table.
struct Work<'a> {
    touched: &'a Touched,
    /// Rows as they are to be.
    targets: BTreeMap<i64, Option<Rc<Row>>>,
    /// Those that are not yet so.
    pending: BTreeSet<i64>,
}

impl<'a> Work<'a> {
    fn of(touched: &'a Touched) -> Self {
        Self {
            touched,
            targets: touched.changes.iter().cloned().collect(),
            pending: touched.changes.iter().map(|(rid, _)| *rid).collect(),
        }
    }

    /// What a row is to be: as it is, where the statement does not change it.
    fn target(&self, rid: i64, rows: &State) -> Option<Rc<Row>> {
        match self.targets.get(&rid) {
            Some(row) => row.clone(),
            None => rows.get(&rid).cloned(),
        }
    }

    /// Notes what a row is now.
    fn settle(&mut self, rid: i64, row: Option<&Rc<Row>>) {
        // One that no SELECT saw has to go again.
        let target = self.targets.entry(rid).or_insert(None);
        if target.as_ref() == row {
            self.pending.remove(&rid);
        } else {
            self.pending.insert(rid);
        }
    }
}
