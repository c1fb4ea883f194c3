//! A MySQL or MariaDB server, sessions on it, and a database with an account for each test.

use std::path::{Path, PathBuf};
use std::process::Command;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};

use crate::{environment, unique, until};

/// A running MySQL server.
#[derive(Debug)]
pub struct Server {
    /// Address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Which server it is.
    pub kind: Kind,
    /// Folder of a server that this handle started and ends.
    own: Option<tempfile::TempDir>,
}

/// Which servers there are scripts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MySQL 9.7.
    Mysql,
    /// MariaDB 10.11.
    Mariadb,
    /// MySQL 5.6.
    Mysql56,
}

impl Kind {
    /// Whether its log, as the scripts start it, tells the names of columns. Else a row can't be read once its table is gone.
    pub fn names_columns(self) -> bool {
        self != Self::Mysql56
    }

    /// MySQL's type for documents; where there is none, for texts.
    pub fn json(self) -> &'static str {
        match self {
            Self::Mysql | Self::Mariadb => "JSON",
            Self::Mysql56 => "TEXT",
        }
    }
}

impl Server {
    /// The MySQL that all tests share: leave its global settings alone.
    pub fn shared() -> Self {
        Self::shared_of(Kind::Mysql)
    }

    /// The server of a kind that all tests share: leave its global settings alone.
    pub fn shared_of(kind: Kind) -> Self {
        let variable = match kind {
            Kind::Mysql => "ROWMILL_TEST_MYSQL",
            Kind::Mariadb => "ROWMILL_TEST_MARIADB",
            Kind::Mysql56 => "ROWMILL_TEST_MYSQL56",
        };
        Self::at(kind, &environment(variable), None)
    }

    /// This one, or one that takes every statement: with GTIDs MySQL 5.6 forbids CREATE TABLE … SELECT, and temporary tables in
    /// transactions.
    #[must_use]
    pub fn permissive(self) -> Self {
        match self.kind {
            Kind::Mysql56 => Self::start_of(Kind::Mysql56, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]),
            Kind::Mysql | Kind::Mariadb => self,
        }
    }

    /// Another handle of the same server; it must not outlive this one.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            host: self.host.clone(),
            port: self.port,
            kind: self.kind,
            own: None,
        }
    }

    /// Starts one with options of its own, for settings that are global. It ends with the handle.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn start(options: &[&str]) -> Self {
        Self::start_of(Kind::Mysql, options)
    }

    /// Starts one of a kind.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn start_of(kind: Kind, options: &[&str]) -> Self {
        Self::start_in_zone(kind, "UTC", options)
    }

    /// Starts one of a kind whose machine is in a time zone: a value of `TZ`.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn start_in_zone(kind: Kind, zone: &str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(script(kind))
            .env("TZ", zone)
            .arg("start")
            .arg(dir.path())
            .args(options)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "starting {kind:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self::at(kind, String::from_utf8(output.stdout).unwrap().trim(), Some(dir))
    }

    /// Ends the server, which this handle has started, by SIGTERM or SIGKILL; its data stays.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn down(&self, signal: &str) {
        self.command("down", &[signal]);
    }

    /// Starts it again at its port, and waits until it serves.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn up(&self) {
        self.command("up", &[]);
    }

    fn command(&self, command: &str, arguments: &[&str]) {
        let dir = self.own.as_ref().expect("the server is this test's own").path();
        let status = Command::new(script(self.kind)).arg(command).arg(dir).args(arguments).status();
        assert!(status.unwrap().success(), "{command} of {:?} {arguments:?}", self.kind);
    }

    /// Starts a server that replicates all that this one's log has: by GTID where this one has them, else by file and offset.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn replica(&self, options: &[&str]) -> Self {
        // What it applies has to be in its own log.
        let logs = if self.kind == Kind::Mysql {
            "--log-replica-updates"
        } else {
            "--log-slave-updates"
        };
        let replica = Self::start_of(self.kind, &[&[logs], options].concat());
        let (host, port) = (&self.host, self.port);
        let mut session = replica.session();
        match self.kind {
            Kind::Mysql => {
                let by = if self.session().value("SELECT @@global.gtid_mode") == "ON" {
                    "SOURCE_AUTO_POSITION = 1"
                } else {
                    "SOURCE_LOG_FILE = 'binlog.000001', SOURCE_LOG_POS = 4"
                };
                session.exec(&format!(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}', SOURCE_PORT = {port}, SOURCE_USER = 'root', \
                     GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, {by}"
                ));
                session.exec("START REPLICA");
            }
            Kind::Mariadb | Kind::Mysql56 => {
                let by = if self.kind == Kind::Mariadb {
                    "MASTER_USE_GTID = slave_pos"
                } else {
                    "MASTER_AUTO_POSITION = 1"
                };
                session.exec(&format!(
                    "CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_PORT = {port}, MASTER_USER = 'root', MASTER_CONNECT_RETRY = 1, {by}"
                ));
                session.exec("START SLAVE");
            }
        }
        replica
    }

    /// Makes a replica a server of its own, once it has applied all that it has got.
    ///
    /// # Panics
    /// Where it does not get so far.
    pub fn promote(&self) {
        let mut session = self.session();
        let word = if self.kind == Kind::Mysql { "REPLICA" } else { "SLAVE" };
        session.exec(&format!("STOP {word} IO_THREAD"));
        until("the replica to apply what it has got", || {
            // A replica that was stopped applies nothing any more.
            let runs = session.query(&format!("SHOW {word} STATUS"))[0][11].as_deref() == Some("Yes");
            let states = session.query("SELECT state FROM information_schema.processlist WHERE user = 'system user'");
            let is_done = |row: &Vec<Option<String>>| row[0].as_ref().is_some_and(|state| state.contains("has read all relay log"));
            (!runs || states.iter().any(is_done)).then_some(())
        });
        session.exec(&format!("STOP {word}"));
        session.exec(&format!("RESET {word} ALL"));
    }

    fn at(kind: Kind, address: &str, own: Option<tempfile::TempDir>) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap_or_else(|| panic!("{address} is not host:port"));
        Self {
            host: host.to_owned(),
            port: port.parse().unwrap(),
            kind,
            own,
        }
    }

    /// A session of the account `root`.
    pub fn session(&self) -> Session {
        Session::connect(&self.host, self.port, "root", "")
    }

    /// A file of its log, or another one in its data folder, where this handle started it.
    ///
    /// # Panics
    /// Where it did not.
    pub fn log_file(&self, name: &str) -> PathBuf {
        let dir = self.own.as_ref().expect("the server is this test's own").path();
        let state = std::fs::read_to_string(dir.join(format!("{}.state", stem(self.kind)))).unwrap();
        let data = state.lines().find_map(|line| line.strip_prefix("data=")).unwrap();
        Path::new(data).join("data").join(name)
    }

    /// A new database whose name begins with `stem`, with an account of its own that may do what a connector needs.
    pub fn database(self, stem: &str) -> Database {
        let name = unique(stem);
        self.database_named(&name)
    }

    /// A new database with exactly this name.
    pub fn database_named(self, name: &str) -> Database {
        let mut session = self.session();
        let (user, password) = (unique("u"), unique("secret"));
        session.exec(&format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4"));
        session.exec(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"));
        session.exec(&format!(
            "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{user}'@'%'"
        ));
        session.exec(&format!("USE `{name}`"));
        Database {
            name: name.to_owned(),
            user,
            password,
            session,
            server: self,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(dir) = &self.own {
            let _ = Command::new(script(self.kind)).arg("stop").arg(dir.path()).status();
        }
    }
}

/// The name of a kind's script, and of what that writes.
fn stem(kind: Kind) -> &'static str {
    match kind {
        Kind::Mysql => "mysql",
        Kind::Mariadb => "mariadb",
        Kind::Mysql56 => "mysql56",
    }
}

fn script(kind: Kind) -> PathBuf {
    // Not `env!`: a target directory that several checkouts share may hold a build of another one.
    Path::new(&environment("CARGO_MANIFEST_DIR")).join("servers").join(stem(kind))
}

/// A test's own database and account.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The connector's account.
    pub user: String,
    /// That account's password; must be seen nowhere.
    pub password: String,
    session: Session,
    /// Where it is.
    pub server: Server,
}

impl Database {
    /// Runs a statement as root, with this database as the default.
    pub fn exec(&mut self, sql: &str) {
        self.session.exec(sql);
    }

    /// Runs a statement that the server may refuse.
    ///
    /// # Errors
    /// The server's own.
    pub fn try_exec(&mut self, sql: &str) -> Result<(), mysql_async::Error> {
        self.session.try_exec(sql)
    }

    /// Rows of a query as text; `None` is NULL.
    pub fn query(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.session.query(sql)
    }

    /// The only value of a query.
    pub fn value(&mut self, sql: &str) -> String {
        self.session.value(sql)
    }

    /// Ends the server, which must be this test's own, by SIGTERM or SIGKILL, and starts it again.
    ///
    /// # Panics
    /// Where it does not come up again.
    pub fn restart(&mut self, signal: &str) {
        self.server.command("restart", &[signal]);
        self.session = self.session();
    }

    /// The same database and account on another server: a replica.
    pub fn on(&self, server: Server) -> Self {
        let mut session = server.session();
        session.exec(&format!("USE `{}`", self.name));
        Self {
            name: self.name.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            session,
            server,
        }
    }

    /// Another session of root, with this database as the default.
    pub fn session(&self) -> Session {
        let mut session = self.server.session();
        session.exec(&format!("USE `{}`", self.name));
        session
    }

    /// GTIDs executed so far: a start from here on sees everything that comes after.
    pub fn gtids(&mut self) -> String {
        let variable = if self.server.kind == Kind::Mariadb {
            "gtid_binlog_pos"
        } else {
            "gtid_executed"
        };
        self.value(&format!("SELECT @@global.{variable}")).replace(['\n', ' '], "")
    }

    /// The end of the log as a value of `source.start`: by GTID where the server has them.
    pub fn here(&mut self) -> String {
        let has_gtids = self.server.kind == Kind::Mariadb || self.value("SELECT @@global.gtid_mode") == "ON";
        if has_gtids {
            return format!("{{ gtid = \"{}\" }}", self.gtids());
        }
        let (file, pos) = self.log_end();
        format!("{{ file = \"{file}\", pos = {pos} }}")
    }

    /// The log's events from a place on, as `SHOW BINLOG EVENTS` has them, in all files since: other tests may begin new ones.
    pub fn log_events(&mut self, file: &str, pos: u64) -> Vec<Vec<Option<String>>> {
        let logs = self.query("SHOW BINARY LOGS").into_iter().filter_map(|row| row[0].clone());
        let logs: Vec<String> = logs.skip_while(|name| name != file).collect();
        let mut events = Vec::new();
        for log in logs {
            let from = if log == file { pos } else { 4 };
            events.extend(self.query(&format!("SHOW BINLOG EVENTS IN '{log}' FROM {from}")));
        }
        events
    }

    /// Binlog file and offset of its end.
    pub fn log_end(&mut self) -> (String, u64) {
        let statement = match self.server.kind {
            Kind::Mysql => "SHOW BINARY LOG STATUS",
            Kind::Mariadb | Kind::Mysql56 => "SHOW MASTER STATUS",
        };
        let row = self.query(statement).remove(0);
        (row[0].clone().unwrap(), row[1].clone().unwrap().parse().unwrap())
    }
}

/// One connection. Statements go over the text protocol, so that values are what the server prints.
#[derive(Debug)]
pub struct Session {
    // Declared before the runtime: a connection is dropped while its runtime is there.
    conn: Conn,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Connects.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn connect(host: &str, port: u16, user: &str, password: &str) -> Self {
        Self::try_connect(host, port, user, password).unwrap_or_else(|e| panic!("connecting to MySQL at {host}:{port}: {e}"))
    }

    /// Connects to a server that may be away.
    ///
    /// # Errors
    /// Why it can't be reached.
    pub fn try_connect(host: &str, port: u16, user: &str, password: &str) -> Result<Self, mysql_async::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .user(Some(user))
            .pass(Some(password))
            .prefer_socket(false)
            .init(vec!["SET NAMES utf8mb4"]);
        let conn = runtime.block_on(Conn::new(options))?;
        Ok(Self { conn, runtime })
    }

    /// Runs a statement.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub fn exec(&mut self, sql: &str) {
        self.runtime
            .block_on(self.conn.query_drop(sql))
            .unwrap_or_else(|e| panic!("{e}: {sql}"));
    }

    /// Runs a statement that the server may refuse.
    ///
    /// # Errors
    /// The server's own.
    pub fn try_exec(&mut self, sql: &str) -> Result<(), mysql_async::Error> {
        self.runtime.block_on(self.conn.query_drop(sql))
    }

    /// Rows of a query as text; `None` is NULL.
    ///
    /// # Panics
    /// Where the server refuses it, or a value is not UTF-8.
    pub fn query(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let rows: Vec<Row> = self.runtime.block_on(self.conn.query(sql)).unwrap_or_else(|e| panic!("{e}: {sql}"));
        rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
    }

    /// The only value of a query.
    ///
    /// # Panics
    /// Where there is none, or it is NULL.
    pub fn value(&mut self, sql: &str) -> String {
        self.query(sql).remove(0).remove(0).unwrap_or_else(|| panic!("NULL: {sql}"))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("the session's character set is utf8mb4")),
        other => panic!("{other:?} over the text protocol"),
    }
}
