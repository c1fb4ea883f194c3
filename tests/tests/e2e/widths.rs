//! `tinyint1 = "boolean"`: no log has the display width of a TINYINT, and the catalogue only that of now. Rows are what they were when they
//! were written, or the connector stops; without the option nothing depends on it.

use pipeline_tests::{Connector, Database, Ended, Kafka, Message, Server};

use super::schemas::{Log, MARIADB_FULL, MARIADB_NO_LOG, MYSQL_56, MYSQL_FULL, MYSQL_MINIMAL, Running};

/// From which logs the width before a statement can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Always,
    Never,
}

/// A table whose column `flag` is 2, and what is done to it later.
#[derive(Debug, Clone, Copy)]
struct Case {
    table: &'static str,
    /// What it was.
    flag: &'static str,
    statement: &'static str,
    width: Told,
    /// Which logs tell the rest: by names, by types, by nothing.
    rest: [bool; 3],
}

const CASES: [Case; 8] = [
    Case {
        table: "renamed",
        flag: "TINYINT(1)",
        statement: "ALTER TABLE renamed RENAME COLUMN flag TO mark",
        width: Told::Always,
        rest: [true; 3],
    },
    Case {
        table: "moved",
        flag: "TINYINT(1)",
        statement: "RENAME TABLE moved TO moved_away",
        width: Told::Always,
        rest: [true; 3],
    },
    Case {
        table: "wider",
        flag: "TINYINT(1)",
        statement: "ALTER TABLE wider ADD n TINYINT AFTER id, ADD m TINYINT(1) AFTER n",
        width: Told::Always,
        rest: [true; 3],
    },
    Case {
        table: "wide",
        flag: "TINYINT(4)",
        statement: "ALTER TABLE wide ADD m TINYINT(1) FIRST",
        width: Told::Always,
        rest: [true; 3],
    },
    Case {
        table: "dropped",
        flag: "TINYINT(1)",
        statement: "ALTER TABLE dropped DROP flag",
        width: Told::Never,
        rest: [true, true, false],
    },
    Case {
        table: "widened",
        flag: "TINYINT(1)",
        statement: "ALTER TABLE widened MODIFY flag TINYINT(4)",
        width: Told::Never,
        rest: [true, true, false],
    },
    Case {
        table: "narrowed",
        flag: "TINYINT(4)",
        statement: "ALTER TABLE narrowed MODIFY flag TINYINT(1)",
        width: Told::Never,
        rest: [true, true, false],
    },
    Case {
        table: "gone",
        flag: "TINYINT(1)",
        statement: "DROP TABLE `gone`",
        width: Told::Never,
        rest: [true, false, false],
    },
];

impl Case {
    /// Those whose statement a server has.
    fn known_to(log: Log) -> impl Iterator<Item = Self> {
        let old = log.kind == pipeline_tests::Kind::Mysql56;
        CASES.into_iter().filter(move |case| !old || case.table != "renamed")
    }

    /// Whether the log tells what the row was, but for the width.
    fn has_rest(self, log: Log) -> bool {
        let [names, types, nothing] = self.rest;
        match log {
            Log { names: true, .. } => names,
            Log { types: true, .. } => types,
            _ => nothing,
        }
    }

    /// Whether there is a table of this name afterwards.
    fn stays(self) -> bool {
        !matches!(self.table, "moved" | "gone")
    }

    fn is_true(self) -> bool {
        self.flag == "TINYINT(1)"
    }
}

fn create(table: &str, flag: &str) -> String {
    format!("CREATE TABLE {table} (id INT PRIMARY KEY, flag {flag}, day DATE)")
}

const BOOLEAN: &str = r#"tinyint1 = "boolean", time_zone = "UTC""#;
const LONG: &str = r#"tinyint1 = "long", time_zone = "UTC""#;

/// A connector of these tables; one that is named must be there.
fn connector(database: &mut Database, kafka: &Kafka, cases: &[Case], options: &str) -> Connector {
    let tables = |stays: bool| {
        let tables: Vec<&str> = cases.iter().filter(|case| case.stays() == stays).map(|case| case.table).collect();
        tables
    };
    let mut connector = encoded(database, kafka, &tables(true).join(","), options);
    connector.source = format!("auto_add = \"none|{}\"", tables(false).join("|"));
    connector
}

/// A connector whose encoder has these options.
fn encoded(database: &mut Database, kafka: &Kafka, tables: &str, options: &str) -> Connector {
    let mut connector = Connector::new(database, kafka, tables);
    connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ {options} }}");
    connector.sink.push_str("\npartitions_with_key = 1");
    connector
}

/// Type and value of `flag`.
fn flag(message: &Message) -> (String, String) {
    let json = message.json();
    let columns = json["schema"]["dataColumn"].as_array().unwrap().clone();
    let column = columns.iter().find(|column| column["name"] == "flag").unwrap();
    (column["type"].as_str().unwrap().to_owned(), message.column("flag").unwrap())
}

fn value(is_true: bool) -> (String, String) {
    let (kind, value) = if is_true { ("BOOLEAN", "true") } else { ("LONG", "2") };
    (kind.to_owned(), value.to_owned())
}

/// Statements have been logged behind the rows before the connector comes.
fn behind(server: &Running) {
    let (kafka, log) = (Kafka::shared(), server.log);
    let mut database = server.database("widths");
    for case in Case::known_to(log) {
        database.exec(&create(case.table, case.flag));
    }
    let told = |case: Case, options: &str| (options == LONG || case.width == Told::Always) && case.has_rest(log);
    let delivering = [BOOLEAN, LONG].map(|options| {
        let cases: Vec<Case> = Case::known_to(log).filter(|case| told(*case, options)).collect();
        (options, connector(&mut database, &kafka, &cases, options), cases)
    });
    let mut stopping = Vec::new();
    for case in Case::known_to(log) {
        for options in [BOOLEAN, LONG].into_iter().filter(|options| !told(case, options)) {
            stopping.push((case, options, connector(&mut database, &kafka, &[case], options)));
        }
    }
    for case in Case::known_to(log) {
        database.exec(&format!("INSERT INTO {} VALUES (1, 2, '2024-02-29')", case.table));
    }
    for case in Case::known_to(log) {
        database.exec(case.statement);
    }
    for (options, connector, cases) in &delivering {
        let rowmill = connector.start();
        for case in cases {
            let message = kafka.read(&[&connector.topic(case.table)], 1).remove(0);
            let expected = value(*options == BOOLEAN && case.is_true());
            assert_eq!(flag(&message), expected, "{log:?} {options} {case:?}");
        }
        rowmill.terminate().assert_code(0);
    }
    for (case, options, connector) in &stopping {
        let ended = connector.start().wait();
        let column = if case.has_rest(log) { ".flag" } else { "" };
        stopped(&ended, &format!("{}.{}{column} ", database.name, case.table));
        assert!(
            ended.reason().contains(case.statement),
            "{log:?} {options} {case:?}: {}",
            ended.reason()
        );
        let topic = connector.topic(case.table);
        assert!(
            kafka.partitions(&topic).is_none() || kafka.read_to_end(&topic).is_empty(),
            "{log:?} {options} {case:?}"
        );
    }
}

/// It has stopped since a width, or more of this, can't be told.
fn stopped(ended: &Ended, name: &str) {
    ended.assert_code(1);
    let reason = ended.reason();
    assert!(reason.contains(name) && reason.contains("can't be told"), "{name}: {reason}");
}

/// The connector sees each statement soon after it.
fn abreast(server: &Running) {
    let kafka = Kafka::shared();
    let mut database = server.database("widths_abreast");
    database.exec(&create("t", "TINYINT(1)"));
    database.exec("CREATE TABLE none (id INT PRIMARY KEY)");
    let connector = encoded(&mut database, &kafka, "t,none", BOOLEAN);
    let rowmill = connector.start();
    let statements = [
        "SELECT 1",
        "ALTER TABLE t MODIFY flag TINYINT(4)",
        "ALTER TABLE t MODIFY flag TINYINT(1)",
        "ALTER TABLE t DROP flag, ADD flag TINYINT AFTER id",
        "ALTER TABLE t CHANGE flag flag TINYINT(1) DEFAULT 1",
    ];
    for (id, (statement, is_true)) in statements.iter().zip([true, false, true, false, true]).enumerate() {
        database.exec(statement);
        database.exec(&format!("INSERT INTO none VALUES ({id})"));
        database.exec(&format!("INSERT INTO t (id, flag) VALUES ({id}, 2)"));
        let messages = kafka.read(&[&connector.topic("t")], id + 1);
        let message = messages.iter().find(|message| message.integer("id") == i64::try_from(id).unwrap());
        assert_eq!(flag(message.unwrap()), value(is_true), "{:?} {statement}", server.log);
    }
    rowmill.terminate().assert_code(0);
}

fn everything(log: Log) {
    let server = log.server();
    abreast(&server);
    behind(&server);
}

#[test]
fn tinyint1_of_mysql_is_what_it_was_or_stops() {
    everything(MYSQL_FULL);
}

#[test]
fn tinyint1_of_a_mysql_that_logs_minimal_metadata_is_what_it_was_or_stops() {
    everything(MYSQL_MINIMAL);
}

#[test]
fn tinyint1_of_mysql_5_6_is_what_it_was_or_stops() {
    everything(MYSQL_56);
}

#[test]
fn tinyint1_of_mariadb_is_what_it_was_or_stops() {
    everything(MARIADB_FULL);
}

#[test]
fn tinyint1_of_a_mariadb_that_logs_no_metadata_is_what_it_was_or_stops() {
    everything(MARIADB_NO_LOG);
}

#[test]
fn files_have_no_widths_so_that_tinyint1_as_boolean_stops_there() {
    let kafka = Kafka::shared();
    let server = Server::start(&["--binlog-row-metadata=FULL"]);
    let mut database = server.again().database("widths_file");
    database.exec(&create("t", "TINYINT(1)"));
    database.exec("CREATE TABLE others (id INT PRIMARY KEY, n SMALLINT)");
    let (file, _) = database.log_end();
    database.exec("INSERT INTO others VALUES (1, 1)");
    database.exec("INSERT INTO t VALUES (1, 2, '2024-02-29')");
    database.exec("FLUSH BINARY LOGS");
    let run = |database: &mut Database, tables: &str, options: &str| {
        let connector = encoded(database, &kafka, tables, options);
        let path = connector.file("connector.toml");
        let toml = format!(
            "name = \"{}\"\n[source]\nkind = \"file\"\nfiles = \"{}\"\ndatabase = \"{}\"\ntables = \"{tables}\"\nheartbeat_interval_ms = 0\n\
             [[plugin]]\n{}\n[sink]\ntopic_prefix = \"{}\"\n{}\n",
            connector.name,
            server.log_file(&file).display(),
            database.name,
            connector.plugin,
            connector.prefix,
            connector.sink
        );
        std::fs::write(&path, toml).unwrap();
        let ended = pipeline_tests::run_command(&["run", "-c", path.to_str().unwrap()]);
        (connector, ended)
    };
    let (connector, ended) = run(&mut database, "t", BOOLEAN);
    stopped(&ended, &format!("{}.t.flag ", database.name));
    assert!(ended.reason().contains("binlog files"), "{}", ended.reason());
    assert_eq!(kafka.read_to_end(&connector.topic("t")), []);
    let (connector, ended) = run(&mut database, "t", LONG);
    ended.assert_code(0);
    assert_eq!(flag(&kafka.read(&[&connector.topic("t")], 1)[0]), value(false));
    let (connector, ended) = run(&mut database, "others", BOOLEAN);
    ended.assert_code(0);
    assert_eq!(kafka.read(&[&connector.topic("others")], 1)[0].integer("n"), 1);
}
