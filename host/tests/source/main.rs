//! The source room against a real MySQL at `ROWMILL_TEST_MYSQL=host:port` (root, no password), which `tests/run` starts and
//! sets. Where it is not set there is nothing to talk to, and these tests return at once.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod login;
mod server;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use rowmill::config::{self, Config, Secret, Start, Surroundings, TlsMode};
use rowmill::fault::Fault;
use rowmill::position::Position;
use rowmill::source::{self, Catalog, Change, Interpreter, Level, MysqlSource, Read, RowOp, Source, Table};

/// All read the same log, and some write what stops a reader: one test at a time.
static LOG: Mutex<()> = Mutex::new(());

/// A database of its own, dropped at the end.
struct Mysql {
    _log: MutexGuard<'static, ()>,
    runtime: tokio::runtime::Runtime,
    conn: mysql_async::Conn,
    database: String,
    config: Config,
}

impl Mysql {
    /// `None` without a server.
    fn start(database: &str, tables: &str) -> Option<Self> {
        let address = std::env::var("ROWMILL_TEST_MYSQL").ok()?;
        let (host, port) = address.rsplit_once(':').unwrap();
        let port = port.parse().unwrap();
        let log = LOG.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (runtime, conn) = server::connect(host, port);
        let config = config(host, port, database, tables);
        let mut mysql = Self {
            _log: log,
            runtime,
            conn,
            database: database.to_owned(),
            config,
        };
        mysql.run(&format!("DROP DATABASE IF EXISTS {database}"));
        mysql.run(&format!("CREATE DATABASE {database}"));
        mysql.run(&format!("USE {database}"));
        Some(mysql)
    }

    fn run(&mut self, sql: &str) {
        self.runtime
            .block_on(self.conn.query_drop(sql))
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    fn texts(&mut self, sql: &str) -> Vec<(String, String)> {
        self.runtime.block_on(self.conn.query(sql)).unwrap()
    }
}

impl Drop for Mysql {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {}", self.database);
        let _ = self.runtime.block_on(self.conn.query_drop(sql));
    }
}

fn config(host: &str, port: u16, database: &str, tables: &str) -> Config {
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed) + std::process::id() * 100;
    let text = format!(
        "name = \"test-{id}\"
        [source]
        host = \"{host}\"
        port = {port}
        user = \"root\"
        database = \"{database}\"
        auto_add = \".*\"
        server_id = {}
        snapshot = \"never\"
        heartbeat_interval_ms = 0
        [sink]
        kind = \"stdout\"",
        10_000 + id
    );
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &|_| None,
    };
    let mut config = config::parse(&text, &surroundings).unwrap();
    let named = tables.split(',').filter(|table| !table.is_empty());
    config.source.tables.named = named.map(|table| (database.to_owned(), table.to_owned())).collect();
    config.source.tables.auto_add = None;
    config
}

/// What a stream brought, owned.
#[derive(Debug, PartialEq)]
enum Seen {
    Begin(String),
    Rows(Arc<Table>, RowOp, usize),
    Commit,
    Ddl(String),
}

impl Seen {
    fn of(change: Change<'_>) -> Option<Self> {
        Some(match change {
            Change::Begin(transaction) => Self::Begin(transaction.gtid.clone()),
            Change::Rows(rows) => Self::Rows(rows.table.clone(), rows.op, rows.data.len()),
            Change::Commit { .. } => Self::Commit,
            Change::Ddl { text, .. } => Self::Ddl(text),
            Change::Release => panic!("rows were held back, which no test here does"),
            Change::Packed | Change::Passed | Change::Nothing => return None,
        })
    }
}

struct Stream {
    source: MysqlSource,
    interpreter: Interpreter,
}

impl Stream {
    fn open(config: &Config, from: &Position) -> Self {
        let mut source = MysqlSource::new(config);
        source.open(from).unwrap();
        let interpreter = Interpreter::new(
            from.clone(),
            config.source.tables.clone(),
            Catalog::of_server(config, Arc::default()).tracing_widths(true),
        );
        Self { source, interpreter }
    }

    /// Reads until `enough` or an error.
    fn until(&mut self, mut enough: impl FnMut(&[Seen]) -> bool) -> Result<Vec<Seen>, Fault> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        while !enough(&seen) {
            assert!(Instant::now() < deadline, "only {seen:?} came");
            let mut events = Vec::new();
            if self.source.read(&mut events, Duration::from_millis(200))? != Read::Events {
                continue;
            }
            for event in &events {
                let change = self.interpreter.read(event)?;
                if !matches!(change, Change::Packed) {
                    seen.extend(Seen::of(change));
                    continue;
                }
                let mut payload = self.interpreter.unpack(event)?;
                while let Some(packed) = payload.next()? {
                    seen.extend(Seen::of(self.interpreter.read_packed(packed)?));
                }
            }
        }
        Ok(seen)
    }
}

/// The tables that rows came for.
fn tables(seen: &[Seen]) -> Vec<&Arc<Table>> {
    seen.iter()
        .filter_map(|s| if let Seen::Rows(table, ..) = s { Some(table) } else { None })
        .collect()
}

/// Ends with the commit of so many row events.
fn rows_and_commit(count: usize) -> impl FnMut(&[Seen]) -> bool {
    move |seen| {
        let last = seen.iter().rposition(|s| matches!(s, Seen::Rows(..)));
        tables(seen).len() == count && last.is_some_and(|last| seen[last..].contains(&Seen::Commit))
    }
}

/// Every supported type; character columns of several sets stand between others, so that a slip in one shows in the next.
const TYPES: &str = "y0 year, i1 tinyint unsigned, i1s tinyint, flag tinyint(1), y1 year, i2 smallint, i2u smallint unsigned,
    i3 mediumint unsigned, i4 int not null, i4u int unsigned, i8 bigint, i8u bigint unsigned, z int(7) unsigned zerofill,
    d1 decimal(65,30), d2 decimal(12,2) unsigned, f float, g double, b1 bit(1), b9 bit(9), b64 bit(64),
    c1 char(10) character set latin1, c2 char(255) character set utf8mb4, v1 varchar(32) character set ascii, geo geometry,
    v2 varchar(255) character set utf8mb3, v3 varchar(300) character set latin1, bi binary(16), vb varbinary(300),
    t1 tinytext, t2 text character set latin1, t3 mediumtext, t4 longtext character set utf8mb3, p point,
    bl1 tinyblob, bl2 blob, bl3 mediumblob, bl4 longblob, ve vector(3), ve2 vector(2048),
    da date, dt datetime, dt3 datetime(3), ts timestamp null, ts6 timestamp(6) null, ti time, ti1 time(1), j json,
    e enum('a','ü') character set latin1, s set('x','y','z') character set utf8mb4, e2 enum('b','€') character set utf8mb4, y2 year,
    last int unsigned";

#[test]
fn column_types_are_those_of_the_servers_catalogue() {
    let Some(mut mysql) = Mysql::start("rowmill_source_types", "t") else {
        return;
    };
    mysql.run(&format!("CREATE TABLE t ({TYPES}, PRIMARY KEY (last, i4)) CHARACTER SET utf8mb4"));
    let start = source::resolve_start(&mysql.config).unwrap();
    let mut stream = Stream::open(&mysql.config, &start);
    mysql.run("INSERT INTO t (i4, last) VALUES (1, 2)");
    let seen = stream.until(rows_and_commit(1)).unwrap();
    let table = tables(&seen)[0].clone();
    let catalogue = mysql.texts(
        "SELECT column_name, IF(data_type IN ('enum', 'set'), data_type, column_type) FROM information_schema.columns
         WHERE table_schema = 'rowmill_source_types' ORDER BY ordinal_position",
    );
    let ours: Vec<_> = table.columns.iter().map(|c| (c.name.clone(), c.type_text.clone())).collect();
    assert_eq!(ours, catalogue);
    let key: Vec<_> = table.key.iter().map(|i| table.columns[*i].name.as_str()).collect();
    assert_eq!(key, ["last", "i4"]);
    let not_null: Vec<_> = table.columns.iter().filter(|c| !c.nullable).map(|c| c.name.as_str()).collect();
    assert_eq!(not_null, ["i4", "last"]);
    let labels = |name: &str| match &table.columns.iter().find(|c| c.name == name).unwrap().kind {
        source::ColumnType::Enum { labels, .. } | source::ColumnType::Set { labels, .. } => labels.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!([labels("e"), labels("s"), labels("e2")], ["a ü", "x y z", "b €"]);
}

#[test]
fn a_stream_goes_on_at_its_position_by_gtid_and_by_file() {
    let Some(mut mysql) = Mysql::start("rowmill_source_resume", "t") else {
        return;
    };
    let start = source::resolve_start(&mysql.config).unwrap();
    assert!(start.gtid.is_some() && !start.file.is_empty(), "{start}");
    mysql.run("CREATE TABLE other (id int)");
    mysql.run("CREATE TABLE t (id int PRIMARY KEY, u int, UNIQUE (u))");
    mysql.run("INSERT INTO other VALUES (1)");
    mysql.run("INSERT INTO t VALUES (1, 1), (2, 2)");
    for by_gtid in [true, false] {
        let mut from = start.clone();
        if !by_gtid {
            from.gtid = None;
        }
        let mut stream = Stream::open(&mysql.config, &from);
        let count = if by_gtid { 1 } else { 2 };
        let seen = stream.until(rows_and_commit(count)).unwrap();
        assert!(
            seen.iter().any(|s| matches!(s, Seen::Ddl(text) if text.contains("TABLE other"))),
            "{seen:?}"
        );
        let middle = stream.interpreter.position().clone();
        assert_eq!(middle.gtid.is_some(), by_gtid);
        drop(stream);
        mysql.run(&format!("UPDATE t SET u = u + 10 WHERE id = {}", 1 + i32::from(by_gtid)));
        let mut stream = Stream::open(&mysql.config, &middle);
        let seen = stream.until(rows_and_commit(1)).unwrap();
        assert_eq!(tables(&seen).len(), 1);
        assert!(seen.iter().any(|s| matches!(s, Seen::Rows(_, RowOp::Update, _))), "{seen:?}");
        assert!(
            seen.iter().all(|s| !matches!(s, Seen::Begin(gtid) if !gtid.contains(':'))),
            "{seen:?}"
        );
    }
}

#[test]
fn a_table_changes_its_version_with_its_columns_only() {
    let Some(mut mysql) = Mysql::start("rowmill_source_versions", "t") else {
        return;
    };
    let start = source::resolve_start(&mysql.config).unwrap();
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)");
    mysql.run("INSERT INTO t VALUES (1)");
    mysql.run("FLUSH TABLES t");
    mysql.run("INSERT INTO t VALUES (2)");
    mysql.run("ALTER TABLE t ADD COLUMN a varchar(10)");
    mysql.run("INSERT INTO t VALUES (3, 'x')");
    mysql.run("CREATE TABLE made_from_select SELECT * FROM t");
    mysql.run("DELETE FROM t");
    let mut stream = Stream::open(&mysql.config, &start);
    let seen = stream.until(rows_and_commit(4)).unwrap();
    let versions: Vec<_> = tables(&seen).iter().map(|t| t.version).collect();
    assert_eq!(versions[0], versions[1]);
    assert!(versions[1] < versions[2] && versions[2] == versions[3], "{versions:?}");
    let columns: Vec<_> = tables(&seen).iter().map(|t| t.columns.len()).collect();
    assert_eq!(columns, [1, 1, 2, 2]);
}

#[test]
fn what_is_not_rows_stops_the_stream() {
    let Some(mut mysql) = Mysql::start("rowmill_source_statement", "t") else {
        return;
    };
    mysql.run("CREATE TABLE t (id int PRIMARY KEY, n int)");
    mysql.run("INSERT INTO t VALUES (1, 1)");
    let start = source::resolve_start(&mysql.config).unwrap();
    mysql.run("SET SESSION binlog_format = STATEMENT");
    mysql.run("UPDATE t SET n = 2");
    let mut stream = Stream::open(&mysql.config, &start);
    let text = stream.until(|_| false).unwrap_err().to_string();
    assert!(text.contains("binlog_format=ROW"), "{text}");
}

#[test]
fn tagged_gtids_are_followed() {
    let Some(mut mysql) = Mysql::start("rowmill_source_tagged", "t") else {
        return;
    };
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)");
    let start = source::resolve_start(&mysql.config).unwrap();
    mysql.run("SET SESSION gtid_next = 'AUTOMATIC:rowmill'");
    mysql.run("INSERT INTO t VALUES (1)");
    mysql.run("SET SESSION gtid_next = 'AUTOMATIC'");
    let mut stream = Stream::open(&mysql.config, &start);
    let seen = stream.until(rows_and_commit(1)).unwrap();
    assert!(
        seen.iter().any(|s| matches!(s, Seen::Begin(gtid) if gtid.contains(":rowmill:"))),
        "{seen:?}"
    );
    let after = stream.interpreter.position().clone();
    mysql.run("INSERT INTO t VALUES (2)");
    let mut stream = Stream::open(&mysql.config, &after);
    let seen = stream.until(rows_and_commit(1)).unwrap();
    assert_eq!(tables(&seen).len(), 1);
}

#[test]
fn a_killed_dump_asks_for_a_retry() {
    let Some(mut mysql) = Mysql::start("rowmill_source_killed", "t") else {
        return;
    };
    let start = source::resolve_start(&mysql.config).unwrap();
    let mut stream = Stream::open(&mysql.config, &start);
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)");
    stream.until(|seen| !seen.is_empty()).unwrap();
    let threads = mysql.texts(&format!(
        "SELECT t.processlist_id, t.processlist_command FROM performance_schema.threads t
         JOIN performance_schema.user_variables_by_thread v ON v.thread_id = t.thread_id
         WHERE v.variable_name = 'replica_uuid' AND v.variable_value = '{}'",
        source::replica_uuid(&mysql.config.name)
    ));
    assert_eq!(threads.len(), 1);
    mysql.run(&format!("KILL {}", threads[0].0));
    let fault = stream.until(|_| false).unwrap_err();
    assert!(matches!(fault, Fault::Retry(_)), "{fault}");
}

/// The line of a check.
fn finding<'a>(findings: &'a [source::Finding], name: &str) -> &'a source::Finding {
    findings
        .iter()
        .find(|f| f.name == name)
        .unwrap_or_else(|| panic!("no {name} in {findings:#?}"))
}

#[test]
fn a_preflight_names_what_is_missing_and_what_mends_it() {
    let Some(mut mysql) = Mysql::start("rowmill_source_preflight", "t,gone,odd") else {
        return;
    };
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)");
    mysql.run("CREATE TABLE odd (id int, name varchar(10) CHARACTER SET gbk)");
    let findings = source::preflight(&mysql.config);
    let failed: Vec<_> = findings
        .iter()
        .filter(|f| f.level == Level::Fail)
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(failed, ["table rowmill_source_preflight.gone"], "{findings:#?}");
    assert!(
        finding(&findings, "table rowmill_source_preflight.odd").message.contains("no key"),
        "{findings:#?}"
    );
    assert!(
        source::demand(&findings)
            .unwrap_err()
            .to_string()
            .contains("rowmill_source_preflight.gone does not exist")
    );

    mysql.run("DROP USER IF EXISTS rowmill_source_user");
    mysql.run("CREATE USER rowmill_source_user IDENTIFIED BY 'secret'");
    mysql.run("GRANT SELECT ON rowmill_source_preflight.odd TO rowmill_source_user");
    mysql.config.source.user = "rowmill_source_user".to_owned();
    mysql.config.source.password = Secret::new("secret");
    for tls in [TlsMode::Preferred, TlsMode::Disabled, TlsMode::Required] {
        mysql.config.source.tls = tls;
        let findings = source::preflight(&mysql.config);
        let slave = finding(&findings, "REPLICATION SLAVE");
        assert_eq!(slave.level, Level::Fail);
        assert_eq!(
            slave.mend.as_deref(),
            Some("GRANT REPLICATION SLAVE ON *.* TO 'rowmill_source_user'@'%';")
        );
        let selects: Vec<_> = findings
            .iter()
            .filter(|f| f.name == "SELECT")
            .map(|f| f.mend.as_deref().unwrap())
            .collect();
        assert_eq!(selects.len(), 2, "{findings:#?}");
    }
    let refused = {
        let mut source = MysqlSource::new(&mysql.config);
        let fault = source
            .open(&Position::default())
            .and_then(|()| source.read(&mut Vec::new(), Duration::from_secs(5)).map(drop));
        fault.unwrap_err()
    };
    assert!(
        matches!(refused, Fault::Stop(_)) && refused.to_string().contains("REPLICATION SLAVE"),
        "{refused}"
    );

    mysql.config.source.password = Secret::new("wrong");
    let findings = source::preflight(&mysql.config);
    assert!(
        findings.len() == 1 && findings[0].message.contains("source.password"),
        "{findings:#?}"
    );
    assert!(!findings[0].message.contains("wrong"));
    mysql.config.source.host = "no-such-host.invalid".to_owned();
    let findings = source::preflight(&mysql.config);
    assert!(
        findings.len() == 1 && findings[0].mend.as_deref().unwrap().contains("source.host"),
        "{findings:#?}"
    );
    mysql.run("DROP USER rowmill_source_user");
}

#[test]
fn discovery_finds_the_chosen_tables_their_keys_and_the_server() {
    let Some(mut mysql) = Mysql::start("rowmill_source_discovery", "a,b,c,d,missing") else {
        return;
    };
    mysql.run("CREATE TABLE a (id int PRIMARY KEY)");
    mysql.run("CREATE TABLE b (id int NOT NULL, x int NOT NULL, UNIQUE (id, x))");
    mysql.run("CREATE TABLE c (id int, UNIQUE (id))");
    mysql.run("CREATE TABLE d (id varchar(50) NOT NULL, UNIQUE (id(5)))");
    mysql.run("CREATE TABLE e (id int)");
    let found: Vec<_> = source::tables(&mysql.config)
        .unwrap()
        .into_iter()
        .map(|t| (t.name, t.has_key))
        .collect();
    let expected = [("a", true), ("b", true), ("c", false), ("d", false)].map(|(name, key)| (name.to_owned(), key));
    assert_eq!(found, expected);
    let server = source::server(&mysql.config).unwrap();
    assert_eq!(server.flavor, source::Flavor::Mysql);
    let version = mysql.texts("SELECT VERSION(), 1").remove(0).0;
    assert_eq!(server.version, version);
}

#[test]
fn starts_lead_to_the_place_that_they_name() {
    let Some(mut mysql) = Mysql::start("rowmill_source_start", "t") else {
        return;
    };
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)");
    mysql.config.source.start = Start::Earliest;
    let earliest = source::resolve_start(&mysql.config).unwrap();
    assert!(
        earliest.pos == 4 && !earliest.file.is_empty() && earliest.gtid.is_some(),
        "{earliest}"
    );
    mysql.config.source.start = Start::Time(0);
    let oldest = source::resolve_start(&mysql.config).unwrap();
    assert_eq!((oldest.file, oldest.pos), (earliest.file, 4));
    mysql.config.source.start = Start::Time(i64::MAX);
    let newest = source::resolve_start(&mysql.config).unwrap();
    mysql.config.source.start = Start::Latest;
    let latest = source::resolve_start(&mysql.config).unwrap();
    assert_eq!(newest.file, latest.file);
    assert!(newest.gtid.unwrap().is_subset(latest.gtid.as_ref().unwrap()));
}

#[test]
fn a_server_that_is_verified_must_have_a_certificate_of_the_named_authority() {
    let Some(mut mysql) = Mysql::start("rowmill_source_tls", "") else {
        return;
    };
    for tls in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        mysql.config.source.tls = tls;
        let findings = source::preflight(&mysql.config);
        assert!(findings.len() == 1 && findings[0].message.contains("TLS"), "{findings:#?}");
    }
}
