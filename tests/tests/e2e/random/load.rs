//! Runs random statements on a server, and keeps what SELECT says before and after each of them.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use pipeline_tests::{Chance, Session};

use super::alters;
use super::definitions;
use super::names;
use super::schema::{Schema, State};
use super::statements::{Statement, Table, Writer};
use super::steps::{Change, Definition, Image, Step, Story, Touched, difference};
use super::world::{World, quoted};

/// What a scenario may contain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Row changes after which it ends.
    pub(crate) changes: usize,
    /// How many in a hundred steps change tables.
    pub(crate) alters: u64,
    /// Which row images are logged.
    pub(crate) images: &'static [Image],
    /// Whether the connector takes every table, and not only those whose names begin with `t`.
    pub(crate) everything: bool,
}

/// A load that runs.
pub(crate) struct Load<'a> {
    pub(crate) chance: Chance,
    pub(crate) world: &'a World,
    pub(crate) session: Session,
    pub(crate) tables: Vec<Table>,
    pub(crate) story: Story,
    pub(crate) number: u32,
    /// Called before a statement that the connector must not be behind of.
    pub(crate) barrier: Box<dyn FnMut(&mut Session) + 'a>,
    /// Called between transactions now and then.
    pub(crate) interlude: Box<dyn FnMut() + 'a>,
    plan: Plan,
    next_rid: i64,
    image: Image,
    partial: bool,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A change of type may have made texts of bytes that are none in the column's character set, which the connector refuses: puts in
/// their place what the server makes of them, unlogged.
pub(crate) fn mend(session: &mut Session, schema: &Schema) {
    let table = quoted(&schema.table);
    for column in schema.columns.iter().filter(|c| c.is_text() && !c.generated) {
        let (name, charset) = (quoted(&column.name), column.charset.as_deref().unwrap_or_default());
        // By way of a character set that is not the column's: what needs no conversion is not looked at.
        let way = if charset == "utf16" { "utf8mb4" } else { "utf16" };
        let good = format!("CONVERT(CONVERT({name} USING {way}) USING {charset})");
        let wrong = format!("WHERE NOT (HEX({name}) <=> HEX({good}))");
        if session.value(&format!("SELECT COUNT(*) FROM {table} {wrong}")) != "0" {
            session.exec("SET SESSION sql_log_bin = 0");
            // Keys over it may collide then.
            if session.try_exec(&format!("UPDATE {table} SET {name} = {good} {wrong}")).is_err() {
                session.exec(&format!("DELETE FROM {table} {wrong}"));
            }
            session.exec("SET SESSION sql_log_bin = 1");
        }
    }
}

impl<'a> Load<'a> {
    /// A load on an empty database, which is the session's default.
    pub(crate) fn new(seed: u64, world: &'a World, mut session: Session, plan: Plan) -> Self {
        // Without a strict mode the server stores what it otherwise refuses.
        session.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', SESSION time_zone = '+00:00'");
        Self {
            chance: Chance::of(seed),
            world,
            session,
            tables: Vec::new(),
            story: Story::default(),
            number: 0,
            barrier: Box::new(|_| {}),
            interlude: Box::new(|| {}),
            plan,
            next_rid: 1,
            image: Image::Full,
            partial: false,
        }
    }

    /// Makes the first tables, of which the first is always chosen.
    pub(crate) fn begin(&mut self) {
        let count = self.chance.between(2, 4);
        for i in 0..count {
            let chosen = i == 0 || self.chance.percent(85);
            self.create(chosen);
        }
    }

    /// Changes rows and tables until enough rows have changed.
    pub(crate) fn run(&mut self) {
        while self.story.changes < self.plan.changes {
            if self.chance.percent(12) {
                self.mood();
            }
            let roll = self.chance.below(100);
            if self.chance.percent(1) {
                (self.interlude)();
            }
            if roll < self.plan.alters {
                alters::any(self);
            } else if roll.is_multiple_of(3) {
                self.transaction();
            } else {
                let begin = now();
                let steps: Vec<Step> = self.statement(self.story.transactions.len()).into_iter().collect();
                self.commit(begin, steps);
            }
        }
    }

    /// What happened, and the session.
    pub(crate) fn end(self) -> (Story, Session) {
        (self.story, self.session)
    }

    /// Makes a table of a new name: tries until the server takes one.
    pub(crate) fn create(&mut self, chosen: bool) {
        loop {
            let name = names::table(&mut self.chance, &mut self.number, chosen);
            if self.create_named(&name) {
                return;
            }
        }
    }

    /// Tries once.
    pub(crate) fn create_named(&mut self, name: &str) -> bool {
        let sql = definitions::create(&mut self.chance, self.world, name, &mut self.number);
        let begin = now();
        if !self.attempt(&sql) {
            return false;
        }
        self.take(name);
        self.defined(begin, sql, &[name], "CREATE");
        true
    }

    /// Whether the connector takes a table is a matter of its name alone.
    pub(crate) fn is_chosen(&self, name: &str) -> bool {
        self.plan.everything || name.starts_with(['t', 'T'])
    }

    /// Takes up a table that is there.
    pub(crate) fn take(&mut self, name: &str) {
        let schema = Rc::new(Schema::of(&mut self.session, self.world, name).expect("the table is there"));
        mend(&mut self.session, &schema);
        let state = schema.state(&mut self.session);
        let chosen = self.is_chosen(name);
        self.tables.push(Table { schema, state, chosen });
    }

    /// Runs a statement; whether the server took it.
    pub(crate) fn attempt(&mut self, sql: &str) -> bool {
        let result = self.session.try_exec(sql);
        match result {
            Ok(()) => self.story.taken += 1,
            Err(_) => self.story.refused += 1,
        }
        result.is_ok()
    }

    /// Notes what a statement made of tables: those of these names that are chosen, as they are now. `operation` is what records call it.
    pub(crate) fn defined(&mut self, begin: i64, sql: String, names: &[&str], operation: &'static str) {
        let transaction = self.story.transactions.len();
        self.story.transactions.push((begin, now()));
        self.story.definitions += 1;
        let (mut tables, mut records) = (Vec::new(), Vec::new());
        for name in names.iter().filter(|name| self.is_chosen(name)) {
            let found = self.tables.iter().find(|t| t.schema.table == *name);
            tables.push(((*name).to_owned(), found.map(|t| (Rc::clone(&t.schema), t.state.clone()))));
            records.push(((*name).to_owned(), operation));
        }
        self.story.steps.push(Step::Define(Definition {
            sql,
            tables,
            records,
            transaction,
        }));
    }

    /// Another row image, packed transactions, partial documents: all by settings of the session.
    fn mood(&mut self) {
        let image = *self.chance.pick(self.plan.images);
        let name = match image {
            Image::Full => "FULL",
            Image::Minimal => "MINIMAL",
            Image::Noblob => "NOBLOB",
        };
        let onoff = |chance: &mut Chance| if chance.percent(40) { "ON" } else { "OFF" };
        let mut settings = vec![format!("SESSION binlog_row_image = '{name}'")];
        self.image = image;
        if self.world.is_mysql9() {
            // A difference needs the document before.
            self.partial = image == Image::Full && self.chance.percent(50);
            settings.push(format!(
                "SESSION binlog_row_value_options = '{}'",
                if self.partial { "PARTIAL_JSON" } else { "" }
            ));
            settings.push(format!("SESSION binlog_transaction_compression = {}", onoff(&mut self.chance)));
            settings.push(format!("SESSION binlog_rows_query_log_events = {}", onoff(&mut self.chance)));
            if !self.world.lossless {
                settings.push(format!("SESSION sql_generate_invisible_primary_key = {}", onoff(&mut self.chance)));
            }
        }
        if self.world.is_mariadb() {
            settings.push(format!("GLOBAL log_bin_compress = {}", onoff(&mut self.chance)));
            settings.push(String::from("GLOBAL log_bin_compress_min_len = 30"));
            settings.push(format!("SESSION binlog_annotate_row_events = {}", onoff(&mut self.chance)));
            settings.push(format!("SESSION gtid_domain_id = {}", self.chance.below(3)));
        }
        let dates = if self.chance.percent(60) || self.world.lossless {
            "ALLOW_INVALID_DATES"
        } else {
            ""
        };
        settings.push(format!("SESSION sql_mode = '{dates}'"));
        self.session.exec(&format!("SET {}", settings.join(", ")));
    }

    /// Several statements that are committed or rolled back together, or in part.
    fn transaction(&mut self) {
        let begin = now();
        self.session.exec("BEGIN");
        let number = self.story.transactions.len();
        let before: Vec<State> = self.tables.iter().map(|t| t.state.clone()).collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut savepoint: Option<(usize, Vec<State>)> = None;
        for _ in 0..self.chance.between(1, 6) {
            match self.chance.below(10) {
                0 => {
                    self.session.exec("SAVEPOINT `s`");
                    savepoint = Some((steps.len(), self.tables.iter().map(|t| t.state.clone()).collect()));
                }
                1 => {
                    if let Some((length, states)) = savepoint.take() {
                        self.session.exec("ROLLBACK TO SAVEPOINT `s`");
                        steps.truncate(length);
                        self.restore(states);
                    }
                }
                _ => steps.extend(self.statement(number)),
            }
        }
        if self.chance.percent(75) {
            self.session.exec("COMMIT");
            self.commit(begin, steps);
        } else {
            self.session.exec("ROLLBACK");
            self.restore(before);
        }
    }

    /// Back to what the tables were; the server is asked whether they are.
    fn restore(&mut self, states: Vec<State>) {
        for (table, state) in self.tables.iter_mut().zip(states) {
            table.state = state;
        }
        let at = self.chance.index(self.tables.len());
        let table = &self.tables[at];
        assert_eq!(
            table.schema.state(&mut self.session),
            table.state,
            "a rollback on {}",
            table.schema.table
        );
    }

    fn commit(&mut self, begin: i64, steps: Vec<Step>) {
        self.story.transactions.push((begin, now()));
        self.story.changes += steps.iter().map(Step::changes).sum::<usize>();
        self.story.steps.extend(steps);
    }

    /// One statement, and what it did to chosen tables.
    fn statement(&mut self, transaction: usize) -> Option<Step> {
        let mut writer = Writer {
            chance: &mut self.chance,
            world: self.world,
            next_rid: &mut self.next_rid,
            all: false,
        };
        let Statement {
            sql,
            kind,
            tables,
            written,
        } = writer.any(&self.tables);
        self.attempt(&sql);
        let mut touched = Vec::new();
        // Asked also where the server refused it: that must not have changed anything.
        for at in tables {
            let table = &mut self.tables[at];
            let state = table.schema.state(&mut self.session);
            let changes = difference(&table.state, &state);
            table.state = state;
            if table.chosen && !changes.is_empty() {
                touched.push(Touched {
                    schema: Rc::clone(&table.schema),
                    changes,
                    written: written.clone(),
                });
            }
        }
        let change = Change {
            sql,
            kind,
            image: self.image,
            transaction,
            touched,
        };
        Some(change).filter(|c| !c.touched.is_empty()).map(Step::Change)
    }
}
