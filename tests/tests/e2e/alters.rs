//! Every form of ALTER, renames, swaps, drops and partitions, on servers whose log describes tables and on those whose log does not: rows arrive
//! under the names and types that they were written with, or the connector stops and says why; while rows flow, and when it starts after all of it.

use pipeline_tests::{Connector, Database, Ended, Kafka, Kind, Message, Session};

use crate::schemas::{Log, MARIADB_FULL, MARIADB_NO_LOG, MYSQL_56, MYSQL_FULL, MYSQL_MINIMAL, Running, every_type, plain};

/// One thing that can happen to a table between two of its rows. `{t}` is the table, `{d}` its database.
struct Form {
    /// Columns after `id INT PRIMARY KEY`, or a whole table from `(` on.
    columns: &'static str,
    /// Values of a row with id 1 before it, without the id.
    before: &'static str,
    statements: &'static [&'static str],
    /// Values of a row with id 2 after it; `{}` around: all of them, with their place for the id written out.
    after: &'static str,
    needs: Needs,
}

/// What a log has to say so that rows from before are told apart from those after, when both come after the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Types of columns.
    Nothing,
    /// Signs and character sets.
    Types,
    /// The names of columns, or what else only FULL has.
    Names,
    /// That, unless the server is one that drops no part of a key.
    NamesOfMysql,
}
use Needs::{Names, NamesOfMysql, Nothing, Types};

const fn form(columns: &'static str, before: &'static str, statements: &'static [&'static str], after: &'static str, needs: Needs) -> Form {
    Form {
        columns,
        before,
        statements,
        after,
        needs,
    }
}

/// Forms that all servers know.
const FORMS: &[Form] = &[
    form(
        "a VARCHAR(9)",
        "'x'",
        &["ALTER TABLE {t} ADD COLUMN n INT UNSIGNED DEFAULT 7"],
        "'y', 4294967295",
        Nothing,
    ),
    form(
        "a VARCHAR(9)",
        "'x'",
        &["ALTER TABLE {t} ADD n INT UNSIGNED FIRST"],
        "{4294967295, 2, 'y'}",
        Nothing,
    ),
    form(
        "a VARCHAR(9), b INT",
        "'x', -1",
        &["ALTER TABLE {t} ADD n VARCHAR(9) AFTER id"],
        "'n', 'y', -2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD (m INT, n ENUM('p','q'))"],
        "4294967294, -1, 'q'",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD m INT AFTER id, ADD n INT FIRST"],
        "{1, 2, 3, 4294967295}",
        Nothing,
    ),
    // Two statements, the second over the first.
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD m INT AFTER id", "ALTER TABLE {t} ADD n INT AFTER id"],
        "1, 2, 3",
        Nothing,
    ),
    form(
        "a VARCHAR(9), b DECIMAL(5,2), c INT",
        "'x', 1.50, -1",
        &["ALTER TABLE {t} DROP b"],
        "'y', -2",
        Nothing,
    ),
    form(
        "a VARCHAR(9), b VARCHAR(8) CHARACTER SET latin1, c INT",
        "'x', 'ä', -1",
        &["ALTER TABLE {t} DROP b"],
        "'y', -2",
        Types,
    ),
    form(
        "a VARCHAR(9), b DECIMAL(5,2) NOT NULL, c INT",
        "'x', 1.50, -1",
        &["ALTER TABLE {t} DROP b"],
        "'y', -2",
        NamesOfMysql,
    ),
    form("a INT, b INT, c INT", "1, 2, 3", &["ALTER TABLE {t} DROP b"], "4, 5", Names),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} CHANGE a b INT UNSIGNED"],
        "4294967294",
        Types,
    ),
    form(
        "a DOUBLE, b FLOAT",
        "1.5, 2.5",
        &["ALTER TABLE {t} CHANGE a c DOUBLE"],
        "3.5, 4.5",
        Nothing,
    ),
    form(
        "a INT, b VARCHAR(9), c INT",
        "1, 'x', 3",
        &["ALTER TABLE {t} MODIFY b VARCHAR(9) FIRST"],
        "{'y', 2, 4, 5}",
        Types,
    ),
    form(
        "a INT, b DECIMAL(5,2), c INT",
        "1, 1.50, 3",
        &["ALTER TABLE {t} MODIFY b DECIMAL(5,2) AFTER c"],
        "4, 5, 2.50",
        Nothing,
    ),
    form(
        "a INT",
        "-1",
        &["ALTER TABLE {t} MODIFY a BIGINT UNSIGNED"],
        "18446744073709551615",
        Types,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["UPDATE {t} SET a = 0", "ALTER TABLE {t} MODIFY a INT"],
        "-1",
        Types,
    ),
    form(
        "a DECIMAL(5,2)",
        "1.50",
        &["ALTER TABLE {t} MODIFY a DECIMAL(6,3)"],
        "2.500",
        Nothing,
    ),
    form(
        "a DECIMAL(5,2)",
        "1.50",
        &["ALTER TABLE {t} MODIFY a VARCHAR(20)"],
        "'2.50!'",
        Nothing,
    ),
    form("a VARCHAR(9)", "'x'", &["ALTER TABLE {t} MODIFY a VARCHAR(200)"], "'yy'", Types),
    form(
        "a VARCHAR(9) CHARACTER SET latin1",
        "'ä'",
        &["ALTER TABLE {t} MODIFY a VARCHAR(9) CHARACTER SET cp1251"],
        "'я'",
        Types,
    ),
    form(
        "a VARCHAR(9) CHARACTER SET latin1",
        "'ä'",
        &["ALTER TABLE {t} CONVERT TO CHARACTER SET utf8"],
        "'я'",
        Types,
    ),
    form(
        "a TEXT CHARACTER SET latin1, e ENUM('ä','b')",
        "'ä', 'ä'",
        &["ALTER TABLE {t} CONVERT TO CHARACTER SET utf8"],
        "'я', 'b'",
        Types,
    ),
    form("e ENUM('a','b')", "'a'", &["ALTER TABLE {t} MODIFY e ENUM('b','a')"], "'b'", Names),
    form(
        "e ENUM('a','b')",
        "'a'",
        &["ALTER TABLE {t} MODIFY e ENUM('a','b','c')"],
        "'c'",
        Names,
    ),
    form(
        "s SET('a','b')",
        "'a,b'",
        &["ALTER TABLE {t} MODIFY s SET('x','a','b')"],
        "'x,b'",
        Names,
    ),
    form("a INT", "1", &["ALTER TABLE {t} MODIFY a INT NOT NULL"], "2", Types),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD INDEX i (a), COMMENT 'DROP a', ENGINE=InnoDB"],
        "2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD UNIQUE INDEX i (a)", "DROP INDEX i ON {t}"],
        "2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ALTER a SET DEFAULT 5"],
        "2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} PARTITION BY HASH (id) PARTITIONS 2"],
        "2",
        Nothing,
    ),
    form(
        "(id INT NOT NULL, a INT UNSIGNED)",
        "4294967295",
        &["ALTER TABLE {t} ADD PRIMARY KEY (id)"],
        "2",
        Names,
    ),
    form(
        "(id INT NOT NULL, a INT UNSIGNED, UNIQUE (id))",
        "4294967295",
        &["ALTER TABLE {t} MODIFY a INT UNSIGNED NOT NULL"],
        "2",
        Names,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} DROP PRIMARY KEY, ADD PRIMARY KEY (a, id)"],
        "2",
        Names,
    ),
    form("a INT UNSIGNED", "4294967295", &["TRUNCATE TABLE {t}"], "2", Nothing),
    form("a INT UNSIGNED", "4294967295", &["OPTIMIZE TABLE {t}"], "2", Nothing),
    // As gh-ost does it.
    form(
        "a INT UNSIGNED",
        "4294967295",
        &[
            "CREATE TABLE _{t}_gho LIKE {t}",
            "ALTER TABLE _{t}_gho ADD n INT AFTER id",
            "INSERT INTO _{t}_gho (id, a) SELECT id, a FROM {t}",
            "RENAME TABLE {t} TO _{t}_del, _{t}_gho TO {t}",
        ],
        "1, 2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &[
            "CREATE TABLE _{t}_gho LIKE {t}",
            "ALTER TABLE _{t}_gho ADD n INT AFTER id",
            "RENAME TABLE {t} TO _{t}_del, _{t}_gho TO {t}",
            "DROP TABLE _{t}_del",
        ],
        "1, 2",
        Nothing,
    ),
    // As pt-online-schema-change does it.
    form(
        "a INT UNSIGNED",
        "4294967295",
        &[
            "CREATE TABLE `{d}`.`_{t}_new` (id INT NOT NULL, n INT, a INT UNSIGNED, PRIMARY KEY (id))",
            "INSERT INTO _{t}_new (id, a) SELECT id, a FROM {t}",
            "RENAME TABLE `{d}`.`{t}` TO `{d}`.`_{t}_old`, `{d}`.`_{t}_new` TO `{d}`.`{t}`",
        ],
        "1, 2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &[
            "CREATE TABLE `{d}`.`_{t}_new` (id INT NOT NULL, n INT, a INT UNSIGNED, PRIMARY KEY (id))",
            "RENAME TABLE `{d}`.`{t}` TO `{d}`.`_{t}_old`, `{d}`.`_{t}_new` TO `{d}`.`{t}`",
            "DROP TABLE IF EXISTS `{d}`.`_{t}_old`",
        ],
        "1, 2",
        Names,
    ),
    form(
        "a INT UNSIGNED",
        "1",
        &["DROP TABLE {t}", "CREATE TABLE {t} (id INT PRIMARY KEY, b INT)"],
        "-2",
        Names,
    ),
    form(
        "a INT, b INT",
        "1, 2",
        &["DROP TABLE {t}", "CREATE TABLE {t} (id INT PRIMARY KEY, b INT, a INT)"],
        "3, 4",
        Names,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &[
            "RENAME TABLE {t} TO _{t}_away",
            "ALTER TABLE _{t}_away ADD n INT FIRST",
            "RENAME TABLE _{t}_away TO {t}",
        ],
        "{1, 2, 3}",
        Nothing,
    ),
    form(
        "(id INT PRIMARY KEY, a INT UNSIGNED) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (100))",
        "4294967295",
        &[
            "CREATE TABLE _{t}_part (id INT PRIMARY KEY, a INT UNSIGNED)",
            "ALTER TABLE {t} EXCHANGE PARTITION p WITH TABLE _{t}_part",
        ],
        "2",
        Nothing,
    ),
];

/// Forms that MySQL 5.6 does not know.
const NEWER: &[Form] = &[
    form(
        "a INT, b INT UNSIGNED",
        "-1, 4294967295",
        &["ALTER TABLE {t} RENAME COLUMN a TO b, RENAME COLUMN b TO a"],
        "-2, 4294967294",
        Nothing,
    ),
    form("a INT, b INT", "1, 2", &["ALTER TABLE {t} RENAME COLUMN a TO c"], "3, 4", Nothing),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD n INT, ALGORITHM=INSTANT"],
        "1, 2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD n INT AFTER id, ALGORITHM=COPY"],
        "1, 2",
        Nothing,
    ),
    form(
        "a INT UNSIGNED, b DATE",
        "4294967295, NULL",
        &["ALTER TABLE {t} DROP b, ALGORITHM=INSTANT"],
        "1",
        Nothing,
    ),
    form(
        "e ENUM('a','b')",
        "'a'",
        &["ALTER TABLE {t} MODIFY e ENUM('a','b','c'), ALGORITHM=INSTANT"],
        "'c'",
        Names,
    ),
    form(
        "a INT UNSIGNED",
        "4294967295",
        &["ALTER TABLE {t} ADD n INT AS (id + 1) STORED, ADD m INT AS (id * 2) VIRTUAL"],
        "1, DEFAULT, DEFAULT",
        Nothing,
    ),
];

/// Columns of a row: names, and values as SELECT prints them.
type Row = Vec<(String, String)>;

/// A table, and its rows before and after.
struct Case {
    table: String,
    form: &'static Form,
    before: Row,
    after: Row,
}

impl Form {
    fn known_to(log: Log) -> impl Iterator<Item = &'static Self> {
        let newer = if log.kind == Kind::Mysql56 { &[] } else { NEWER };
        FORMS.iter().chain(newer)
    }

    /// Whether rows from before can be told after the fact.
    fn is_told(&self, log: Log) -> bool {
        log.names
            || match self.needs {
                Nothing => true,
                Types => log.types,
                Names => false,
                NamesOfMysql => log.kind == Kind::Mariadb,
            }
    }

    fn statement(text: &str, database: &str, table: &str) -> String {
        text.replace("{t}", table).replace("{d}", database)
    }

    fn create(&self, table: &str) -> String {
        match self.columns.strip_prefix('(') {
            Some(_) => format!("CREATE TABLE {table} {}", self.columns),
            None => format!("CREATE TABLE {table} (id INT PRIMARY KEY, {})", self.columns),
        }
    }

    fn insert(table: &str, id: u8, values: &str) -> String {
        match values.strip_prefix('{') {
            Some(all) => format!("INSERT INTO {table} VALUES ({})", all.trim_end_matches('}')),
            None => format!("INSERT INTO {table} VALUES ({id}, {values})"),
        }
    }
}

/// A row as SELECT prints it.
fn select(session: &mut Session, database: &str, table: &str, id: u8) -> Row {
    let names = session.query(&format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = '{database}' AND table_name = '{table}' ORDER BY ordinal_position"
    ));
    let mut rows = session.query(&format!("SELECT * FROM {table} WHERE id = {id}"));
    let names = names.into_iter().map(|mut row| row.remove(0).unwrap());
    let values = rows.remove(0).into_iter().map(|value| value.unwrap_or_else(|| "null".to_owned()));
    names.zip(values).collect()
}

/// The row of a message.
fn row(message: &Message) -> Row {
    message
        .image("after")
        .iter()
        .map(|(name, raw)| (name.clone(), plain(raw)))
        .collect()
}

/// A session in which what does not fit a column's new type is cut.
fn lenient(database: &Database) -> Session {
    let mut session = database.session();
    session.exec("SET SESSION sql_mode = ''");
    session
}

/// A connector whose topics keep the order of their tables' rows.
fn connector(database: &mut Database, kafka: &Kafka, tables: &str) -> Connector {
    let mut connector = Connector::new(database, kafka, tables);
    connector.sink.push_str("\npartitions_with_key = 1");
    connector
}

fn make(database: &mut Database, at: usize, form: &'static Form) -> Case {
    let table = format!("f{at}");
    database.exec(&form.create(&table));
    Case {
        table,
        form,
        before: Row::new(),
        after: Row::new(),
    }
}

impl Case {
    fn insert_before(&mut self, database: &str, session: &mut Session) {
        session.exec(&Form::insert(&self.table, 1, self.form.before));
        self.before = select(session, database, &self.table, 1);
    }

    fn happen(&mut self, database: &str, session: &mut Session) {
        for text in self.form.statements {
            session.exec(&Form::statement(text, database, &self.table));
        }
        session.exec(&Form::insert(&self.table, 2, self.form.after));
        self.after = select(session, database, &self.table, 2);
    }

    /// That the table's inserts are these rows and no others.
    fn check(&self, messages: &[Message], log: Log) {
        let inserts = messages.iter().filter(|message| message.op() == "INSERT");
        let mut found: Vec<(u64, Row)> = inserts.map(|message| (message.sequence(), row(message))).collect();
        found.sort_by_key(|(sequence, _)| *sequence);
        let found: Vec<Row> = found.into_iter().map(|(_, row)| row).collect();
        assert_eq!(
            found,
            [self.before.clone(), self.after.clone()],
            "{log:?} {:?}",
            self.form.statements
        );
    }
}

/// Each form happens while the connector runs and has seen the row before it.
fn while_rows_flow(server: &Running) {
    let (kafka, log) = (Kafka::shared(), server.log);
    let mut database = server.database("flow");
    let name = database.name.clone();
    let mut cases: Vec<Case> = Form::known_to(log)
        .enumerate()
        .map(|(at, form)| make(&mut database, at, form))
        .collect();
    let tables: Vec<&str> = cases.iter().map(|case| case.table.as_str()).collect();
    let connector = connector(&mut database, &kafka, &tables.join(","));
    let rowmill = connector.start();
    let mut session = lenient(&database);
    for case in &mut cases {
        case.insert_before(&name, &mut session);
        kafka.read(&[&connector.topic(&case.table)], 1);
        case.happen(&name, &mut session);
    }
    for case in &cases {
        let done = |messages: &[Message]| {
            messages
                .iter()
                .any(|message| message.op() == "INSERT" && message.integer("id") == 2)
        };
        case.check(&kafka.read_until(&[&connector.topic(&case.table)], done), log);
    }
    rowmill.terminate().assert_code(0);
}

/// Each form has happened before the connector starts: it delivers what it can tell, and stops at what it can't.
fn after_the_fact(server: &Running) {
    let (kafka, log) = (Kafka::shared(), server.log);
    let mut database = server.database("behind");
    let name = database.name.clone();
    let forms: Vec<_> = Form::known_to(log).collect();
    let mut cases: Vec<Case> = forms.iter().enumerate().map(|(at, form)| make(&mut database, at, form)).collect();
    let told: Vec<&str> = cases
        .iter()
        .filter(|case| case.form.is_told(log))
        .map(|case| case.table.as_str())
        .collect();
    let all = connector(&mut database, &kafka, &told.join(","));
    let stopping: Vec<(String, Connector)> = cases
        .iter()
        .filter(|case| !case.form.is_told(log))
        .map(|case| (case.table.clone(), connector(&mut database, &kafka, &case.table)))
        .collect();
    let mut session = lenient(&database);
    for case in &mut cases {
        case.insert_before(&name, &mut session);
        case.happen(&name, &mut session);
    }
    let rowmill = all.start();
    for case in cases.iter().filter(|case| case.form.is_told(log)) {
        let done = |messages: &[Message]| {
            messages
                .iter()
                .any(|message| message.op() == "INSERT" && message.integer("id") == 2)
        };
        case.check(&kafka.read_until(&[&all.topic(&case.table)], done), log);
    }
    rowmill.terminate().assert_code(0);
    let running: Vec<_> = stopping
        .iter()
        .map(|(table, connector)| (table, connector, connector.start()))
        .collect();
    for (table, connector, rowmill) in running {
        let ended: Ended = rowmill.wait();
        ended.assert_code(1);
        let reason = ended.reason();
        assert!(
            reason.contains(&format!(".{table} ")) && reason.contains("ddl statement at"),
            "{table}: {reason}"
        );
        assert_eq!(
            kafka.read_to_end(&connector.topic(table)),
            [],
            "{table}: rows that can't be told are not delivered"
        );
    }
}

/// All of it on one server, whose start takes a while.
fn everything(log: Log) {
    let server = log.server();
    every_type(&server);
    while_rows_flow(&server);
    after_the_fact(&server);
}

#[test]
fn tables_of_mysql_arrive_as_they_were_whatever_is_done_to_them() {
    everything(MYSQL_FULL);
}

#[test]
fn tables_of_a_mysql_that_logs_minimal_metadata_arrive_as_they_were_or_stop() {
    everything(MYSQL_MINIMAL);
}

#[test]
fn tables_of_mysql_5_6_arrive_as_they_were_or_stop() {
    everything(MYSQL_56);
}

#[test]
fn tables_of_mariadb_arrive_as_they_were_whatever_is_done_to_them() {
    everything(MARIADB_FULL);
}

#[test]
fn tables_of_a_mariadb_that_logs_no_metadata_arrive_as_they_were_or_stop() {
    everything(MARIADB_NO_LOG);
}
