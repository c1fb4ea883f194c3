//! A connector's configuration as a file, and the commands that take it.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Ended, Rowmill, command};
use crate::{Database, Kafka};

/// The variable that the password is read from.
const PASSWORD: &str = "ROWMILL_TEST_PASSWORD";

/// One connector: change its fields, then `start` it as often as wanted.
#[derive(Debug)]
pub struct Connector {
    /// `name`.
    pub name: String,
    /// Topic prefix.
    pub prefix: String,
    /// `source.tables`.
    pub tables: String,
    /// Where a first start begins: TOML.
    pub start: String,
    /// `source.snapshot`; none by default, so that tests read nothing but what they write.
    pub snapshot: String,
    /// More lines of `[source]`.
    pub source: String,
    /// `source.heartbeat_interval_ms`; off by default, so that tests read nothing but rows.
    pub heartbeat_interval_ms: u32,
    /// Lines of the only `[[plugin]]`.
    pub plugin: String,
    /// All lines of `[sink]` but the topic prefix.
    pub sink: String,
    /// Password given to the process.
    pub password: String,
    /// Account.
    pub user: String,
    /// Sections of their own.
    pub sections: String,
    /// Keys before the first section.
    pub top: String,
    /// Environment variables of its processes.
    pub variables: Vec<(String, String)>,
    /// Host and port of the server, or of a proxy before it.
    pub address: (String, u16),
    database: String,
    folder: tempfile::TempDir,
}

impl Connector {
    /// A connector of these tables of a database. It begins with what is written after this call.
    pub fn new(database: &mut Database, kafka: &Kafka, tables: &str) -> Self {
        let prefix = crate::unique("p");
        Self {
            name: prefix.replace('_', "-"),
            prefix,
            tables: tables.to_owned(),
            start: database.here(),
            snapshot: "never".to_owned(),
            source: String::new(),
            heartbeat_interval_ms: 0,
            plugin: "builtin = \"envelope\"\nconfig = { time_zone = \"+00:00\" }".to_owned(),
            sink: format!("brokers = \"{}\"", kafka.brokers),
            password: database.password.clone(),
            user: database.user.clone(),
            sections: String::new(),
            top: String::new(),
            variables: Vec::new(),
            database: database.name.clone(),
            address: (database.server.host.clone(), database.server.port),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The topic of a table.
    pub fn topic(&self, table: &str) -> String {
        format!("{}_{table}", self.prefix)
    }

    /// A file in the connector's own folder, which is also the working directory of its processes.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration as TOML.
    pub fn toml(&self) -> String {
        let Self {
            name,
            prefix,
            tables,
            start,
            snapshot,
            source,
            heartbeat_interval_ms,
            plugin,
            sink,
            user,
            database,
            sections,
            top,
            ..
        } = self;
        let (host, port) = &self.address;
        format!(
            "name = \"{name}\"\n{top}\n[source]\nhost = \"{host}\"\nport = {port}\nuser = \"{user}\"\npassword = \"${{env:{PASSWORD}}}\"\n\
             database = \"{database}\"\ntables = \"{tables}\"\nstart = {start}\nsnapshot = \"{snapshot}\"\nheartbeat_interval_ms = {heartbeat_interval_ms}\n{source}\n\
             [[plugin]]\n{plugin}\n[sink]\ntopic_prefix = \"{prefix}\"\n{sink}\n{sections}\n"
        )
    }

    /// Writes the file and starts a command with `-c` and its path at the end.
    pub fn spawn(&self, arguments: &[&str]) -> Rowmill {
        Rowmill::spawn(self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let path = self.file("connector.toml");
        std::fs::write(&path, self.toml()).unwrap();
        let mut command = command(arguments);
        command
            .arg("-c")
            .arg(path)
            .env(PASSWORD, &self.password)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    /// `rowmill run`.
    pub fn start(&self) -> Rowmill {
        self.spawn(&["run"])
    }

    /// `rowmill run` that dies at a step of `host/src/failpoint` when it comes to it for the so-manieth time, to its end.
    ///
    /// # Panics
    /// Where it ends by itself.
    pub fn dies_at(&self, step: &str, count: u64) {
        let mut command = self.command(&["run"]);
        command.env("ROWMILL_DIE_AT", format!("{step}:{count}"));
        let ended = Rowmill::spawn(command).wait();
        assert_eq!(ended.code, None, "at {step}:{count} it was to die; it wrote:\n{}", ended.output());
    }

    /// `rowmill run` that tells how it is over HTTP.
    pub fn start_listening(&self) -> Rowmill {
        self.spawn(&["run", "--listen", "127.0.0.1:0"])
    }

    /// `rowmill check`, to its end.
    pub fn check(&self) -> Ended {
        self.spawn(&["check"]).wait()
    }
}
