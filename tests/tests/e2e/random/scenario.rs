//! One scenario: a database of random tables, a load, a connector, and the judgement of what it delivered.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use pipeline_tests::{Chance, Connector, Database, Kafka, Kind, Message, Rowmill, Server, Session, unique};

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
    /// Scenarios at whose end the connector had stopped, since columns could not be told any more.
    pub(crate) stopped: u64,
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
        self.stopped += other.stopped;
    }
}

/// When the connector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// All the time, and the load waits for it before statements that change what only the catalogue tells.
    Abreast,
    /// All the time, as fast as it can.
    Along,
    /// After everything has happened.
    Behind,
}

impl Pace {
    fn any(chance: &mut Chance, world: &World, alters: bool) -> Self {
        let free = [Self::Along, Self::Behind];
        if !alters || !world.may_ask() {
            return *chance.pick(&free);
        }
        // A copy needs all records.
        if world.lossless || chance.percent(40) {
            Self::Abreast
        } else {
            *chance.pick(&free)
        }
    }
}

/// What came of a load.
struct Played {
    story: Story,
    messages: Vec<Message>,
    /// The connector ended at rows whose columns can't be told any more.
    stopped: bool,
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
        changes: usize::try_from(scene.chance.between(200, 2000)).unwrap(),
        alters: *scene.chance.pick(&[0, 5, 14, 14, 40]),
        images: if all { &IMAGES } else { &[Image::Full] },
        everything: false,
    };
    let played = scene.play(plan);
    let around = scene.surroundings(&played.story);
    match in_order(&played.messages).and_then(|records| judge(&around, &played.story, &records, played.stopped)) {
        Ok(changes) => scene.end(&played, changes),
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
        alters: *scene.chance.pick(&[0, 14, 14, 40]),
        images: &[Image::Full, Image::Noblob],
        everything: true,
    };
    let played = scene.play(plan);
    let mut copies = server.again().database_named(&unique("copy"));
    let mut replay = Replay::new(&scene.world, copies.session());
    scene.originals.iter().for_each(|sql| replay.session.exec(sql));
    let result = in_order(&played.messages).and_then(|records| {
        replay.write(&records, &scene.connector.topic(""))?;
        scene.compare(&mut replay, &copies.name)
    });
    if let Err(reason) = result {
        panic!("ROWMILL_TEST_SEED={seed}: {reason}\n{}", scene.connector.toml());
    }
    let name = copies.name.clone();
    copies.exec(&format!("DROP DATABASE `{name}`"));
    scene.end(&played, played.story.changes)
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
        if server.kind != Kind::Mysql56 && !lossless {
            let least = if server.kind == Kind::Mariadb { "NO_LOG" } else { "MINIMAL" };
            let metadata = *chance.pick(&["FULL", "FULL", "MINIMAL", least]);
            database.exec(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
        }
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

    /// Runs the load and the connector.
    fn play(&mut self, plan: Plan) -> Played {
        let (seed, session) = (self.chance.below(1 << 52), self.database.session());
        let mut load = Load::new(seed, &self.world, session, plan);
        load.begin();
        if self.chance.percent(50) {
            // The first tables are there when the connector comes.
            self.connector.start = format!("{{ gtid = \"{}\" }}", self.database.gtids());
            self.originals = load.tables.iter().map(|t| original(&mut self.database, &t.schema.table)).collect();
            load.story.forget_records();
        }
        let pace = Pace::any(&mut self.chance, &self.world, plan.alters > 0);
        let may_stop = plan.alters > 0 && self.world.may_ask() && pace != Pace::Abreast;
        let running = Rc::new(RefCell::new((pace != Pace::Behind).then(|| self.connector.start())));
        let (kafka, connector, marks, same) = (self.kafka, &self.connector, &mut self.marks, Rc::clone(&running));
        if !may_stop {
            let running = Rc::clone(&running);
            load.interlude = Box::new(move || restart(connector, &mut running.borrow_mut()));
        }
        if pace == Pace::Abreast {
            load.barrier = Box::new(move |session| {
                *marks += 1;
                let ended = reach(kafka, connector, session, *marks, &mut same.borrow_mut());
                ended
                    .inspect_err(|reason| panic!("the connector ended before mark {marks}: {reason}\n{}", connector.toml()))
                    .unwrap();
            });
        }
        load.run();
        let (story, mut session) = load.end();
        self.marks += 1;
        let mut process = running.take().or_else(|| Some(self.connector.start()));
        let stopped = match reach(self.kafka, &self.connector, &mut session, self.marks, &mut process) {
            Ok(()) => false,
            Err(output) if may_stop && output.contains("can't be told") => true,
            Err(output) => panic!("the connector ended before the last mark: {output}\n{}", self.connector.toml()),
        };
        process.into_iter().for_each(|process| {
            process.terminate().assert_code(0);
        });
        let topics = self.topics(&story);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let messages = self.kafka.read_to_ends(&topics);
        Played { story, messages, stopped }
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
    fn end(mut self, played: &Played, changes: usize) -> Counts {
        let story = &played.story;
        let topics: Vec<String> = self.topics(story).into_iter().chain([self.connector.topic(MARKS)]).collect();
        self.kafka.delete_topics(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        let name = self.database.name.clone();
        self.database.exec(&format!("DROP DATABASE `{name}`"));
        let count = |n: usize| u64::try_from(n).unwrap();
        Counts {
            scenarios: 1,
            changes: count(changes),
            records: count(played.messages.len()),
            statements: count(story.taken),
            refused: count(story.refused),
            definitions: count(story.definitions),
            transactions: count(story.transactions.len()),
            stopped: u64::from(played.stopped),
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

/// Ends a connector that runs and starts it again, which neither loses nor repeats anything.
fn restart(connector: &Connector, process: &mut Option<Rowmill>) {
    if let Some(running) = process.take() {
        // Before that it would not hear the signal.
        running.wait_for_log("that it streams", |line| line.contains("attempt: streaming"));
        running.terminate().assert_code(0);
        *process = Some(connector.start());
    }
}

/// Writes a mark and waits until it is delivered: then all before it has been read.
///
/// # Errors
/// What the connector wrote, where it ended instead.
fn reach(kafka: &Kafka, connector: &Connector, session: &mut Session, mark: u32, process: &mut Option<Rowmill>) -> Result<(), String> {
    session.exec(&format!("INSERT INTO {MARKS} VALUES ({mark})"));
    let mut runs = true;
    kafka.read_until(&[&connector.topic(MARKS)], |read| {
        runs = process.as_mut().is_some_and(Rowmill::is_running);
        !runs || read.iter().any(|m| m.integer("rid") == i64::from(mark))
    });
    match process.take_if(|_| !runs) {
        None => Ok(()),
        Some(ended) => Err(ended.wait().output()),
    }
}
