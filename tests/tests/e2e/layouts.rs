//! Keys and columns that tables have without saying so plainly, on servers whose log names them and on those whose log does not: the same of both.

use pipeline_tests::{Connector, Database, Kafka, Kind};

use crate::schemas::{Log, MARIADB_FULL, MARIADB_NO_LOG, MYSQL_56, MYSQL_FULL, MYSQL_MINIMAL, plain};

/// A table, the key of its rows, and which servers know what is in it.
struct Layout {
    definition: &'static str,
    values: &'static str,
    key: &'static [&'static str],
    known: fn(Kind) -> bool,
    /// Columns that the server logs behind those that it shows.
    hidden: &'static [&'static str],
}

impl Layout {
    const fn with_hidden(mut self, hidden: &'static [&'static str]) -> Self {
        self.hidden = hidden;
        self
    }
}

const fn layout(definition: &'static str, values: &'static str, key: &'static [&'static str], known: fn(Kind) -> bool) -> Layout {
    Layout {
        definition,
        values,
        key,
        known,
        hidden: &[],
    }
}

const fn all(_: Kind) -> bool {
    true
}

const fn newer(kind: Kind) -> bool {
    !matches!(kind, Kind::Mysql56)
}

const fn mysql(kind: Kind) -> bool {
    matches!(kind, Kind::Mysql)
}

const fn mariadb(kind: Kind) -> bool {
    matches!(kind, Kind::Mariadb)
}

const LAYOUTS: &[Layout] = &[
    layout("(a INT, b INT, c INT, PRIMARY KEY (c, a))", "1, 2, 3", &["c", "a"], all),
    layout(
        "(a VARCHAR(9), b TEXT, PRIMARY KEY (b(3), a(2)))",
        "'xyz', 'uvwxyz'",
        &["b", "a"],
        all,
    ),
    layout("(a INT, b INT NOT NULL, UNIQUE (a), UNIQUE (b))", "1, 2", &["b"], all),
    layout("(a INT NOT NULL, b INT NOT NULL, UNIQUE z (b), UNIQUE a (a))", "1, 2", &["b"], all),
    layout(
        "(a INT NOT NULL, b INT, c INT NOT NULL, UNIQUE (a, b), UNIQUE (c, a))",
        "1, 2, 3",
        &["c", "a"],
        all,
    ),
    layout(
        "(a VARCHAR(9) NOT NULL, b INT NOT NULL, UNIQUE (a(3)), UNIQUE (b))",
        "'x', 2",
        &["b"],
        all,
    ),
    layout("(a VARCHAR(9) NOT NULL, UNIQUE (a(3)))", "'x'", &[], all),
    layout("(a INT, UNIQUE (a))", "1", &[], all),
    layout("(a INT, b INT NOT NULL, INDEX (b))", "1, 2", &[], all),
    layout(
        "(a INT NOT NULL, b INT NOT NULL, INDEX (a), UNIQUE (b), PRIMARY KEY (a))",
        "1, 2",
        &["a"],
        all,
    ),
    layout(
        "(`a``b` INT PRIMARY KEY, `select` INT, `c d` INT, `ü€` INT)",
        "1, 2, 3, 4",
        &["a`b"],
        all,
    ),
    layout(
        "(a INT PRIMARY KEY, b INT AS (a + 1) VIRTUAL, c INT AS (a * 2) STORED, d INT)",
        "1, DEFAULT, DEFAULT, 4",
        &["a"],
        newer,
    ),
    layout(
        "(a INT NOT NULL, b INT AS (a + 1) STORED NOT NULL, UNIQUE (b))",
        "1, DEFAULT",
        &["b"],
        mysql,
    ),
    layout(
        "(a INT NOT NULL, b INT AS (a + 1) VIRTUAL NOT NULL, c INT NOT NULL, UNIQUE (b), UNIQUE (c))",
        "1, DEFAULT, 3",
        &["c"],
        mysql,
    ),
    layout("(a INT PRIMARY KEY, b INT INVISIBLE DEFAULT 7, c INT)", "1, 3", &["a"], newer),
    layout(
        "(a INT, b INT, c INT, INDEX ((a + b)), PRIMARY KEY (c), UNIQUE ((a * 2)))",
        "1, 2, 3",
        &["c"],
        mysql,
    ),
    layout(
        "(a INT NOT NULL, b INT NOT NULL, UNIQUE ((a + b)), UNIQUE (b))",
        "1, 2",
        &["b"],
        mysql,
    ),
    layout(
        "(a INT NOT NULL, b INT NOT NULL, UNIQUE (b) INVISIBLE, PRIMARY KEY (a))",
        "1, 2",
        &["a"],
        mysql,
    ),
    layout("(a INT PRIMARY KEY, b TEXT, UNIQUE (b))", "1, 'x'", &["a"], mariadb),
    layout(
        "(a INT PRIMARY KEY, b INT) WITH SYSTEM VERSIONING",
        "1, 2",
        &["a", "row_end"],
        mariadb,
    )
    .with_hidden(&["row_start", "row_end"]),
    layout(
        "(a INT NOT NULL, b INT, UNIQUE (a)) WITH SYSTEM VERSIONING",
        "1, 2",
        &["a", "row_end"],
        mariadb,
    )
    .with_hidden(&["row_start", "row_end"]),
    layout("(a INT, b INT) WITH SYSTEM VERSIONING", "1, 2", &[], mariadb).with_hidden(&["row_start", "row_end"]),
    layout(
        "(a INT PRIMARY KEY, s TIMESTAMP(6) AS ROW START, e TIMESTAMP(6) AS ROW END, b INT, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
        "1, DEFAULT, DEFAULT, 2",
        &["a", "e"],
        mariadb,
    ),
    layout(
        "(a INT NOT NULL, b TEXT NOT NULL, c TEXT, UNIQUE (b), UNIQUE (c), UNIQUE (a)) WITH SYSTEM VERSIONING",
        "1, 'x', 'y'",
        &["a", "row_end"],
        mariadb,
    )
    .with_hidden(&["row_start", "row_end"]),
    layout(
        "(a INT NOT NULL, b TEXT NOT NULL, UNIQUE (b), UNIQUE (a))",
        "1, 'x'",
        &["a"],
        mariadb,
    ),
    layout("(a INT NOT NULL, UNIQUE (a) USING HASH) ENGINE=MEMORY", "1", &["a"], all),
    layout(
        "(a INT PRIMARY KEY, b UUID, c INET6, d INET4, bytes BINARY(16), f JSON)",
        "1, UUID(), '::1', '1.2.3.4', 'x', '{\"a\": 1}'",
        &["a"],
        mariadb,
    ),
    layout(
        "(a INT PRIMARY KEY, b VARCHAR(100) COMPRESSED, c TEXT COMPRESSED, d VARBINARY(9) COMPRESSED)",
        "1, 'x', 'y', NULL",
        &["a"],
        mariadb,
    ),
    layout("(a INT PRIMARY KEY, b POINT, c GEOMETRY)", "1, NULL, NULL", &["a"], all),
    layout("(a INT PRIMARY KEY, b VECTOR(3), c JSON)", "1, NULL, '{\"a\": 1}'", &["a"], mysql),
];

/// Columns whose values are other ones at each run.
const PERIOD: [&str; 2] = ["s", "e"];

#[test]
fn keys_and_columns_of_mysql_are_those_of_the_server() {
    layouts(MYSQL_FULL);
}

#[test]
fn keys_and_columns_of_a_mysql_that_logs_minimal_metadata_are_those_of_the_server() {
    layouts(MYSQL_MINIMAL);
}

#[test]
fn keys_and_columns_of_mysql_5_6_are_those_of_the_server() {
    layouts(MYSQL_56);
}

#[test]
fn keys_and_columns_of_mariadb_are_those_of_the_server() {
    layouts(MARIADB_FULL);
}

#[test]
fn keys_and_columns_of_a_mariadb_that_logs_no_metadata_are_those_of_the_server() {
    layouts(MARIADB_NO_LOG);
}

fn layouts(log: Log) {
    let kafka = Kafka::shared();
    let server = log.server();
    let mut database = server.database("layout");
    let layouts: Vec<(String, &Layout)> = LAYOUTS
        .iter()
        .filter(|layout| (layout.known)(log.kind))
        .enumerate()
        .map(|(at, layout)| (format!("l{at}"), layout))
        .collect();
    for (table, layout) in &layouts {
        database.exec(&format!("CREATE TABLE {table} {}", layout.definition));
    }
    let tables: Vec<&str> = layouts.iter().map(|(table, _)| table.as_str()).collect();
    let connector = Connector::new(&mut database, &kafka, &tables.join(","));
    for (table, layout) in &layouts {
        database.exec(&format!("INSERT INTO {table} VALUES ({})", layout.values));
    }
    let rowmill = connector.start();
    for (table, layout) in &layouts {
        let message = kafka.read(&[&connector.topic(table)], 1).remove(0);
        let json = message.json();
        let key: Vec<String> = serde_json::from_value(json["schema"]["primaryKey"].clone()).unwrap();
        assert_eq!(key, layout.key, "{log:?} {}", layout.definition);
        let image = message.image("after");
        let names: Vec<String> = image.iter().map(|(name, _)| name.clone()).collect();
        let shown = columns(&mut database, table);
        let all: Vec<&str> = shown.iter().map(String::as_str).chain(layout.hidden.iter().copied()).collect();
        assert_eq!(names, all, "{log:?} {}", layout.definition);
        let found = image
            .iter()
            .filter(|(name, _)| shown.contains(name) && !PERIOD.contains(&name.as_str()));
        let found: Vec<String> = found.map(|(_, raw)| plain(raw)).collect();
        let wanted: Vec<String> = shown.into_iter().filter(|name| !PERIOD.contains(&name.as_str())).collect();
        assert_eq!(found, values(&mut database, table, &wanted), "{log:?} {}", layout.definition);
    }
    rowmill.terminate().assert_code(0);
}

fn columns(database: &mut Database, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
    );
    database.query(&sql).into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

fn values(database: &mut Database, table: &str, names: &[String]) -> Vec<String> {
    let text = |name: &String| {
        let name = format!("`{}`", name.replace('`', "``"));
        // BINARY arrives in base64.
        if name == "`bytes`" { format!("TO_BASE64({name})") } else { name }
    };
    let list: Vec<String> = names.iter().map(text).collect();
    let row = database.query(&format!("SELECT {} FROM {table}", list.join(", "))).remove(0);
    row.into_iter().map(|value| value.unwrap_or_else(|| "null".to_owned())).collect()
}
