//! One scenario: a database of random tables, a load, a connector, and the judgement of what it delivered.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use pipeline_tests::{Chance, Connector, Database, Kafka, Message, Rowmill, Server, Session, unique};

use super::judge::{Surroundings, judge};
use super::load::{Load, Plan};
use super::record::Record;
use super::replay::Replay;
use super::schema::Schema;
use super::steps::{Image, Step, Story, difference};
use super::world::{Rendering, World, quoted};

/// What scenarios saw.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) scenarios: u64,
    /// Rows changed in chosen tables.
    pub(crate) changes: u64,
    pub(crate) records: u64,
    pub(crate) statements: u64,
    pub(crate) refused: u64,
    pub(crate) definitions: u64,
    pub(crate) transactions: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.changes += other.changes;
        self.records += other.records;
        self.statements += other.statements;
        self.refused += other.refused;
        self.definitions += other.definitions;
        self.transactions += other.transactions;
    }
}

/// The table whose rows tell how far the connector is.
const MARKS: &str = "t_marks";

/// A scenario's servers and settings.
struct Scene<'a> {
    kafka: &'a Kafka,
    database: Database,
    connector: Connector,
    world: World,
    chance: Chance,
    forwards: bool,
    marks: u32,
    /// SHOW CREATE TABLE of the tables that were there when the connector came.
    originals: Vec<String>,
}

/// Changes rows and tables, and holds each record against what SELECT said.
pub(crate) fn select(server: &Server, kafka: &Kafka, seed: u64) -> Counts {
    let mut chance = Chance::of(seed);
    let rendering = Rendering::any(&mut chance);
    let mut scene = Scene::new(server, kafka, chance, rendering, false);
    let all = scene.chance.percent(80);
    let plan = Plan {
        changes: usize::try_from(scene.chance.between(300, 2500)).unwrap(),
        alters: scene.chance.percent(70),
        images: if all { &IMAGES } else { &[Image::Full] },
        everything: false,
    };
    let (story, messages) = scene.play(plan);
    let around = scene.surroundings(&story);
    match in_order(&messages).and_then(|records| judge(&around, &story, &records)) {
        Ok(()) => scene.end(&story, messages.len()),
        Err(reason) => panic!("ROWMILL_TEST_SEED={seed}: {reason}\n{}", scene.connector.toml()),
    }
}

/// Changes rows and tables, writes all records into an empty database, and compares checksums of the tables. Tables that come later
/// are made by the records too.
pub(crate) fn copy(server: &Server, kafka: &Kafka, seed: u64) -> Counts {
    let mut chance = Chance::of(seed);
    let rendering = Rendering::lossless(&mut chance);
    let mut scene = Scene::new(server, kafka, chance, rendering, true);
    let plan = Plan {
        changes: usize::try_from(scene.chance.between(300, 1500)).unwrap(),
        alters: scene.chance.percent(80),
        images: &[Image::Full, Image::Noblob],
        everything: true,
    };
    let (story, messages) = scene.play(plan);
    let mut copies = server.again().database_named(&unique("copy"));
    let mut replay = Replay::new(&scene.world, copies.session());
    scene.originals.iter().for_each(|sql| replay.session.exec(sql));
    let result = in_order(&messages).and_then(|records| {
        replay.write(&records, &scene.connector.topic(""))?;
        scene.compare(&mut replay, &copies.name)
    });
    if let Err(reason) = result {
        panic!("ROWMILL_TEST_SEED={seed}: {reason}\n{}", scene.connector.toml());
    }
    let name = copies.name.clone();
    copies.exec(&format!("DROP DATABASE `{name}`"));
    scene.end(&story, messages.len())
}

const IMAGES: [Image; 4] = [Image::Full, Image::Full, Image::Minimal, Image::Noblob];

/// Messages taken apart, in the order of the changes.
fn in_order(messages: &[Message]) -> Result<Vec<Record<'_>>, String> {
    let read = |m| Record::of(m).map_err(|reason| format!("{reason}: {}", m.value));
    let mut records = messages.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    records.sort_by_key(|r| (r.sequence, r.op == "UPDATE_AFTER"));
    Ok(records)
}

impl<'a> Scene<'a> {
    fn new(server: &Server, kafka: &'a Kafka, mut chance: Chance, rendering: Rendering, lossless: bool) -> Self {
        let odd = if chance.percent(30) { "odd db.ü'%\u{2603}" } else { "random" };
        let mut database = server.again().database_named(&unique(odd));
        let world = World::new(server.kind, &mut database.session(), rendering, lossless);
        database.exec(&format!("CREATE TABLE {MARKS} (rid INT PRIMARY KEY)"));
        let mut connector = Connector::new(&mut database, kafka, "");
        let forwards = lossless || chance.percent(40);
        let ddl = if forwards { "forward" } else { "ignore" };
        let tables = if lossless { ".*" } else { "[tT].*" };
        connector.source = format!("auto_add = \"{tables}\"\nddl = \"{ddl}\"");
        connector.plugin = format!("builtin = \"envelope\"\nconfig = {}", world.rendering.toml());
        let partitions = chance.between(1, 5);
        let _ = write!(
            connector.sink,
            "\npartitions_with_key = {partitions}\npartitions_without_key = {}",
            chance.between(1, 2)
        );
        let rows = *chance.pick(&[1, 7, 100, 8192]);
        connector.sections = format!("[batch]\nmax_rows = {rows}\nmax_bytes = \"{}KiB\"", chance.pick(&[1, 16, 1024]));
        Self {
            kafka,
            database,
            connector,
            world,
            chance,
            forwards,
            marks: 0,
            originals: Vec::new(),
        }
    }

    /// Runs the load and the connector; gives what happened, and what was delivered.
    fn play(&mut self, plan: Plan) -> (Story, Vec<Message>) {
        let (seed, session) = (self.chance.below(1 << 52), self.database.session());
        let mut load = Load::new(seed, &self.world, session, plan);
        load.begin();
        if self.chance.percent(50) {
            // The first tables are there when the connector comes.
            self.connector.start = format!("{{ gtid = \"{}\" }}", self.database.gtids());
            self.originals = load.tables.iter().map(|t| original(&mut self.database, &t.schema.table)).collect();
            load.story.forget_records();
        }
        // Where what is asked of the server must not be behind, the connector has to run all the time.
        let live = (plan.alters && (!self.world.is_mysql9() || self.world.rendering.truth)) || self.chance.percent(50);
        let running = Rc::new(RefCell::new(live.then(|| self.connector.start())));
        let (kafka, connector, marks, same) = (self.kafka, &self.connector, &mut self.marks, Rc::clone(&running));
        load.barrier = Box::new(move |session| {
            *marks += 1;
            reach(kafka, connector, session, *marks, &mut same.borrow_mut());
        });
        load.run();
        let (story, mut session) = load.end();
        self.marks += 1;
        let mut process = running.take().or_else(|| Some(self.connector.start()));
        reach(self.kafka, &self.connector, &mut session, self.marks, &mut process);
        process.into_iter().for_each(|process| {
            process.terminate().assert_code(0);
        });
        let topics = self.topics(&story);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        (story, self.kafka.read_to_ends(&topics))
    }

    /// Topics of all tables that there were, but that of the marks.
    fn topics(&self, story: &Story) -> BTreeSet<String> {
        let names = story.steps.iter().flat_map(|step| match step {
            Step::Define(definition) => definition.tables.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            Step::Change(_) => Vec::new(),
        });
        names.map(|name| self.connector.topic(name)).collect()
    }

    fn surroundings(&self, story: &Story) -> Surroundings<'_> {
        let partitions: BTreeMap<String, i32> = self
            .topics(story)
            .into_iter()
            .filter_map(|topic| self.kafka.partitions(&topic).map(|count| (topic, count)))
            .collect();
        Surroundings {
            world: &self.world,
            database: &self.database.name,
            prefix: self.connector.topic(""),
            partitions,
            forwards: self.forwards,
        }
    }

    /// Compares checksums of all tables with those of their copies.
    fn compare(&self, replay: &mut Replay<'_>, copies: &str) -> Result<(), String> {
        let mut session = self.database.session();
        let rows = session.query("SHOW TABLES");
        let mut names: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        names.retain(|name| name != MARKS);
        let copied = replay.tables();
        if names != copied {
            return Err(format!("copies of {copied:?} instead of {names:?}"));
        }
        for name in names {
            let (one, other) = (quoted(&name), format!("`{copies}`.{}", quoted(&name)));
            let mut sums = checksums(&mut session, &one, &other)?;
            if sums.0 != sums.1 && self.world.is_mariadb() {
                sums = plain_checksums(&mut session, &self.world, &name, copies)?;
            }
            if sums.0 != sums.1 {
                return Err(format!(
                    "checksums {sums:?} of {name}: {}",
                    self.difference(&name, &mut session, &mut replay.session)
                ));
            }
        }
        Ok(())
    }

    /// In which rows a copy differs from its table.
    fn difference(&self, name: &str, session: &mut Session, copies: &mut Session) -> String {
        let state = |session: &mut Session| Schema::of(session, &self.world, name).map(|schema| (schema.in_words(), schema.state(session)));
        let (Some((words, source)), Some((_, copy))) = (state(session), state(copies)) else {
            return String::from("it is gone");
        };
        let differ = difference(&copy, &source);
        let rows = differ
            .iter()
            .take(3)
            .map(|(rid, row)| format!("row {rid}: {:?} instead of {row:?}", copy.get(rid)));
        format!("{} rows differ: {}; {words}", differ.len(), rows.collect::<Vec<_>>().join("; "))
    }

    /// Leaves nothing behind.
    fn end(mut self, story: &Story, records: usize) -> Counts {
        let topics: Vec<String> = self.topics(story).into_iter().chain([self.connector.topic(MARKS)]).collect();
        self.kafka.delete_topics(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        let name = self.database.name.clone();
        self.database.exec(&format!("DROP DATABASE `{name}`"));
        let count = |n: usize| u64::try_from(n).unwrap();
        Counts {
            scenarios: 1,
            changes: count(story.changes),
            records: count(records),
            statements: count(story.taken),
            refused: count(story.refused),
            definitions: count(story.definitions),
            transactions: count(story.transactions.len()),
        }
    }
}

/// CHECKSUM TABLE of two tables.
fn checksums(session: &mut Session, one: &str, other: &str) -> Result<(String, String), String> {
    let sums = session.query(&format!("CHECKSUM TABLE {one}, {other}"));
    match [&sums[0][1], &sums[1][1]] {
        [Some(first), Some(second)] => Ok((first.clone(), second.clone())),
        _ => Err(format!("no checksums: {sums:?}")),
    }
}

/// The same of what the two tables hold. MariaDB's CHECKSUM TABLE of a table with virtual columns is another one after FLUSH TABLES.
fn plain_checksums(session: &mut Session, world: &World, name: &str, copies: &str) -> Result<(String, String), String> {
    let schema = Schema::of(session, world, name).ok_or("it is gone")?;
    let columns: Vec<String> = schema.columns.iter().map(|c| quoted(&c.name)).collect();
    let names = ["x_plain", "x_plain_copy"].map(|plain| format!("`{copies}`.{plain}"));
    let from = [quoted(name), format!("`{copies}`.{}", quoted(name))];
    for (plain, from) in names.iter().zip(from) {
        session.exec(&format!(
            "CREATE OR REPLACE TABLE {plain} AS SELECT {} FROM {from}",
            columns.join(", ")
        ));
    }
    checksums(session, &names[0], &names[1])
}

/// The statement that makes a table.
fn original(database: &mut Database, table: &str) -> String {
    let row = database.query(&format!("SHOW CREATE TABLE {}", quoted(table))).remove(0);
    row[1].clone().expect("the table is there")
}

/// Writes a mark and waits until it is delivered: then all before it has been read.
fn reach(kafka: &Kafka, connector: &Connector, session: &mut Session, mark: u32, process: &mut Option<Rowmill>) {
    session.exec(&format!("INSERT INTO {MARKS} VALUES ({mark})"));
    let mut runs = true;
    kafka.read_until(&[&connector.topic(MARKS)], |read| {
        runs = process.as_mut().is_some_and(Rowmill::is_running);
        !runs || read.iter().any(|m| m.integer("rid") == i64::from(mark))
    });
    if let Some(ended) = process.take_if(|_| !runs) {
        panic!(
            "the connector ended before mark {mark}: {}\n{}",
            ended.wait().output(),
            connector.toml()
        );
    }
}
