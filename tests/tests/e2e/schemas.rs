//! Servers whose log does not describe tables (MySQL 5.6, `binlog_row_metadata` MINIMAL, MariaDB's NO_LOG), and those whose log does: rows
//! arrive under the names and types that they were written with, whatever happens to their tables meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pipeline_tests::{Connector, Database, Kafka, Kind, Server};

/// One server of its own at a time: several that start at once take too long on a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// A server that may leave out of its log what describes tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) kind: Kind,
    options: &'static [&'static str],
    /// The log names columns.
    pub(crate) names: bool,
    /// It tells at least signs and character sets.
    pub(crate) types: bool,
}

pub(crate) const MYSQL_FULL: Log = Log {
    kind: Kind::Mysql,
    options: &[],
    names: true,
    types: true,
};
pub(crate) const MARIADB_FULL: Log = Log {
    kind: Kind::Mariadb,
    options: &[],
    names: true,
    types: true,
};
pub(crate) const MYSQL_MINIMAL: Log = Log {
    kind: Kind::Mysql,
    options: &["--binlog-row-metadata=MINIMAL"],
    names: false,
    types: true,
};
pub(crate) const MYSQL_56: Log = Log {
    kind: Kind::Mysql56,
    options: &[],
    names: false,
    types: false,
};
pub(crate) const MARIADB_NO_LOG: Log = Log {
    kind: Kind::Mariadb,
    options: &["--binlog-row-metadata=NO_LOG"],
    names: false,
    types: false,
};

impl Log {
    /// A server whose log is this; its handle is to be kept as long as it is used. Those that log as rowmill asks for are shared.
    pub(crate) fn server(self) -> Running {
        if self.options.is_empty() && self.kind != Kind::Mysql56 {
            return Running { log: self, own: None };
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Running {
            log: self,
            own: Some((Server::start_of(self.kind, self.options), turn)),
        }
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) log: Log,
    own: Option<(Server, MutexGuard<'static, ()>)>,
}

impl Running {
    /// A new database on it.
    pub(crate) fn database(&self, stem: &str) -> Database {
        match &self.own {
            Some((server, _)) => server.again().database(stem),
            None => Server::shared_of(self.log.kind).database(stem),
        }
    }
}

/// Every type with a value that would come out wrong under another sign, character set, length or label.
const TYPES: &[(&str, &str)] = &[
    ("TINYINT UNSIGNED", "255"),
    ("TINYINT", "-1"),
    ("SMALLINT UNSIGNED", "65535"),
    ("MEDIUMINT UNSIGNED", "16777215"),
    ("INT UNSIGNED", "4294967295"),
    ("INT(5) ZEROFILL", "42"),
    ("BIGINT UNSIGNED", "18446744073709551615"),
    ("BIGINT", "-1"),
    ("DECIMAL(20,5) UNSIGNED", "12345.67890"),
    ("FLOAT", "1.5"),
    ("DOUBLE UNSIGNED", "2.25"),
    ("YEAR", "2024"),
    ("CHAR(3) CHARACTER SET latin1", "'äöü'"),
    ("CHAR(255) CHARACTER SET utf8", "REPEAT('é', 255)"),
    ("VARCHAR(10) CHARACTER SET utf8mb4", "'😀€'"),
    ("VARCHAR(300) CHARACTER SET gbk", "'中文'"),
    ("TINYTEXT CHARACTER SET cp1251", "'Привет'"),
    ("TEXT CHARACTER SET utf16", "'Ωmega'"),
    ("MEDIUMTEXT CHARACTER SET ucs2", "'ü'"),
    ("LONGTEXT CHARACTER SET sjis", "'日本'"),
    ("TIME", "'-12:34:56'"),
    (
        "ENUM('it''s','back\\\\slash','new\\nline','a,b','ünï','what?') CHARACTER SET latin1",
        "4",
    ),
    ("ENUM('ä','ö') CHARACTER SET utf8mb4", "'ö'"),
    ("SET('x','y''z','ü') CHARACTER SET utf8", "7"),
    ("SET('a0','a1','a2','a3','a4','a5','a6','a7','a8')", "256"),
];

/// Rows of all types arrive as SELECT prints them.
pub(crate) fn every_type(server: &Running) {
    let kafka = Kafka::shared();
    let mut database = server.database("types");
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(at, (kind, _))| format!("c{at} {kind}")).collect();
    let values: Vec<&str> = TYPES.iter().map(|(_, value)| *value).collect();
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY, {})", columns.join(", ")));
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec(&format!("INSERT INTO t VALUES (1, {})", values.join(", ")));
    let rowmill = connector.start();
    let message = kafka.read(&[&connector.topic("t")], 1).remove(0);
    rowmill.terminate().assert_code(0);
    let row = database.query("SELECT * FROM t").remove(0);
    let image = message.image("after");
    assert_eq!(image.len(), row.len());
    for ((kind, _), ((name, raw), expected)) in TYPES.iter().zip(image.iter().zip(&row).skip(1)) {
        let expected = expected.clone().unwrap_or_default();
        // A number arrives without the zeros that ZEROFILL shows.
        let expected = if kind.contains("ZEROFILL") {
            expected.trim_start_matches('0')
        } else {
            &expected
        };
        assert_eq!(plain(raw), expected, "{name} {kind}");
    }
}

/// A JSON value as SELECT would print it.
pub(crate) fn plain(raw: &str) -> String {
    match serde_json::from_str(raw).unwrap() {
        serde_json::Value::String(text) => text,
        _ => raw.to_owned(),
    }
}

#[test]
fn check_warns_of_a_server_without_column_names_and_run_reads_it() {
    let server = MYSQL_MINIMAL.server();
    let mut database = server.database("check_metadata");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let kafka = Kafka::shared();
    let connector = Connector::new(&mut database, &kafka, "t");
    let checked = connector.check();
    checked.assert_code(0);
    let output = checked.output();
    assert!(
        output.contains("binlog_row_metadata") && output.contains("SET GLOBAL binlog_row_metadata = 'FULL'"),
        "{output}"
    );
    database.exec("INSERT INTO t VALUES (1)");
    let rowmill = connector.start();
    assert_eq!(kafka.read(&[&connector.topic("t")], 1).remove(0).integer("id"), 1);
    rowmill.terminate().assert_code(0);
}
