//! What the program needs: checked and resolved. What was written in a file is `written`'s business.

use std::path::PathBuf;
use std::time::Duration;

/// One connector, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// 1-48 digits, lower-case letters, hyphens; no hyphen first.
    pub name: String,
    /// Where changes come from.
    pub source: Source,
    /// When a batch is cut.
    pub batch: BatchLimits,
    /// The chain: transforms, then one encoder. Never empty.
    pub plugins: Vec<Plugin>,
    /// The file that it was read from; none of a text.
    pub file: Option<std::path::PathBuf>,
    /// Where records go.
    pub sink: Sink,
    /// What all of it may take.
    pub limits: Limits,
    /// Compiled plugins are kept here.
    pub cache_dir: PathBuf,
    /// How long SIGTERM may take to finish and commit the open batch.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// Whether rows may go to the dead-letter topic.
    pub fn has_dead_letters(&self) -> bool {
        let plugins = self.plugins.iter().map(|plugin| plugin.on_error);
        plugins
            .chain([self.source.on_error, self.sink.on_error])
            .any(|on_error| on_error == OnError::DeadLetter)
    }
}

/// Where changes come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// A server or files.
    pub kind: SourceKind,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Databases.
    pub databases: Vec<String>,
    /// Which tables.
    pub tables: TableFilter,
    /// Replica id shown to the server; already derived from the name where 0 was written.
    pub server_id: u32,
    /// Where to start for the first time.
    pub start: Start,
    /// Existing rows.
    pub snapshot: Snapshot,
    /// Connections that read tables side by side.
    pub snapshot_threads: usize,
    /// Rows that one statement reads.
    pub snapshot_chunk_rows: usize,
    /// Encryption of the connection.
    pub tls: TlsMode,
    /// PEM file of certificate authorities.
    pub tls_ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the client's key.
    pub tls_key: Option<PathBuf>,
    /// Between two heartbeats to the topics; zero is off.
    pub heartbeat_interval: Duration,
    /// What a DDL statement does.
    pub ddl: Ddl,
    /// The only statement that `Ddl::Fail` does not stop at: its GTID, or `file:offset` of its first event. No key: it is
    /// asked for on the command line.
    pub resume_past_ddl: Option<String>,
    /// Whether transaction boundaries become records.
    pub transaction_markers: bool,
    /// What a statement does that the log has in place of the rows that it changed.
    pub statements: OnLoss,
    /// What an XA COMMIT does whose rows the log does not have any more.
    pub lost_xa: OnLoss,
    /// What happens where the server has purged what was not read.
    pub on_purged: OnPurged,
    /// What a row does that can't be decoded.
    pub on_error: OnError,
    /// It is warned when the server may purge what is unread within this time; zero: never.
    pub slack_warning: Duration,
}

/// A server, or files of its binlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// MySQL or MariaDB.
    Mysql,
    /// Binlog files, in this order (glob patterns already resolved).
    File(Vec<PathBuf>),
}

/// Which tables a connector takes.
#[derive(Debug, Clone, Default)]
pub struct TableFilter {
    /// (database, table) pairs that were named.
    pub named: Vec<(String, String)>,
    /// Databases in which `auto_add` looks.
    pub databases: Vec<String>,
    /// Matched in full against a table's name.
    pub auto_add: Option<regex::Regex>,
}

impl TableFilter {
    /// Whether rows of this table are wanted.
    pub fn selects(&self, database: &str, table: &str) -> bool {
        self.named.iter().any(|(d, t)| d == database && t == table)
            || (self.databases.iter().any(|d| d == database) && self.auto_add.as_ref().is_some_and(|r| r.is_match(table)))
    }
}

/// Where a connector starts when it has no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After what is in the log now.
    Latest,
    /// At the first event that the server still has.
    Earliest,
    /// After these executed GTIDs.
    Gtid(crate::position::GtidSet),
    /// At this byte of this file.
    File {
        /// Binlog file, without a folder.
        file: String,
        /// Byte offset of an event.
        pos: u64,
    },
    /// At the first transaction of this time (milliseconds since 1970-01-01T00:00Z) or later.
    Time(i64),
}

/// Existing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// Copied while the stream begins.
    Initial,
    /// Not copied.
    Never,
    /// Copied, and the run ends with them.
    Only,
}

/// Encryption of the connection to the server, as MySQL's own clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// None.
    Disabled,
    /// Where the server offers it.
    Preferred,
    /// Always, with whatever certificate.
    Required,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// And with the right host name.
    VerifyIdentity,
}

/// What a DDL statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ddl {
    /// Nothing but take effect.
    Ignore,
    /// A record of its own.
    Forward,
    /// Stops the connector.
    Fail,
}

/// What changes do that the log does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLoss {
    /// Stop the connector.
    Stop,
    /// Are missing, with a warning.
    Warn,
}

/// What happens where the server has purged changes that were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPurged {
    /// The connector stops.
    Stop,
    /// All tables are copied anew.
    Snapshot,
}

/// When a batch is cut.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Rows.
    pub max_rows: usize,
    /// Bytes of row images.
    pub max_bytes: usize,
    /// Since its first row.
    pub max_delay: Duration,
}

/// One link of the chain. `Debug` leaves out the values of `config`, which may hold secrets.
#[derive(Clone)]
pub struct Plugin {
    /// Short name for logs and metrics: the file's stem or the built-in's name.
    pub name: String,
    /// Where its code is.
    pub origin: PluginOrigin,
    /// Its configuration, a JSON object.
    pub config: serde_json::Value,
    /// Linear memory that one instance may have, in bytes.
    pub memory: usize,
    /// Instances that may share a batch.
    pub instances: u32,
    /// One call.
    pub call_timeout: Duration,
    /// Lines that one call may log.
    pub log_lines: u32,
    /// Bytes that it may keep from one batch to the next.
    pub state: usize,
    /// What an error in a row or batch does.
    pub on_error: OnError,
    /// Of a transform: the tables whose batches it is given, matched in full against `table` or `database.table`; none: all.
    pub tables: Option<regex::Regex>,
}

impl Plugin {
    /// Whether batches of this table pass through it.
    pub fn takes(&self, database: &str, table: &str) -> bool {
        self.tables
            .as_ref()
            .is_none_or(|tables| tables.is_match(table) || tables.is_match(&format!("{database}.{table}")))
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options: Vec<&str> = self
            .config
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("origin", &self.origin)
            .field("config", &options)
            .field("memory", &self.memory)
            .field("instances", &self.instances)
            .field("call_timeout", &self.call_timeout)
            .field("log_lines", &self.log_lines)
            .field("state", &self.state)
            .field("on_error", &self.on_error)
            .field("tables", &self.tables)
            .finish()
    }
}

/// Where a plugin's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginOrigin {
    /// Inside the binary.
    Builtin(String),
    /// A watched file.
    File(PathBuf),
}

/// What an error in a row or batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stops the connector.
    Stop,
    /// The row goes to the dead-letter topic.
    DeadLetter,
    /// The row is counted and left out.
    Skip,
}

/// Where records go.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Kafka, stdout or a file.
    pub kind: SinkKind,
    /// Kafka's `bootstrap.servers`.
    pub brokers: String,
    /// How topics are named and made.
    pub topics: Topics,
    /// Whether Kafka transactions are used.
    pub transactions: Transactions,
    /// From a change to the start of its commit while changes flow.
    pub commit_interval: Duration,
    /// A source transaction with more bytes of row images than this is committed in parts.
    pub transaction_max_bytes: usize,
    /// So is one that takes longer than this.
    pub transaction_max_time: Duration,
    /// Compression of record batches.
    pub compression: Compression,
    /// Topic of what could not be delivered, resolved.
    pub dead_letter_topic: String,
    /// What a row does whose record is too large.
    pub on_error: OnError,
    /// librdkafka properties, sorted by name. May hold secrets.
    pub properties: Vec<(String, Secret)>,
}

/// Kafka, stdout or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// Apache Kafka and what speaks its protocol.
    Kafka,
    /// JSON lines on stdout.
    Stdout,
    /// JSON lines appended to this file.
    File(PathBuf),
}

/// How topics are named and made.
#[derive(Debug, Clone)]
pub struct Topics {
    /// `{prefix}` in `pattern`.
    pub prefix: String,
    /// `{prefix}_{table}` unless written otherwise; `{database}` may stand in it.
    pub pattern: String,
    /// Partitions of a topic made for a table with a key.
    pub partitions_with_key: i32,
    /// And without one.
    pub partitions_without_key: i32,
    /// Replication factor; -1 is the broker's default.
    pub replication: i32,
}

impl Topics {
    /// The topic of a table.
    pub fn name(&self, database: &str, table: &str) -> String {
        self.pattern
            .replace("{prefix}", &self.prefix)
            .replace("{database}", database)
            .replace("{table}", table)
    }
}

/// Whether Kafka transactions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transactions {
    /// Where the broker has them.
    Auto,
    /// Or fail.
    On,
    /// At least once.
    Off,
}

/// Compression of record batches, as librdkafka names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// None.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Share of `limits.memory` for what is known of tables, unless `limits.tables` says how much that is.
const TABLES_SHARE: usize = 4;

/// What all of a connector may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Bytes of batches, queues and guests together.
    pub memory: usize,
    /// Bytes of one row image.
    pub row: usize,
    /// XA transactions that are prepared and not decided.
    pub prepared: usize,
    /// Tables, and topics, that metrics tell apart.
    pub metric_names: usize,
    /// Bytes of records that one call of a plugin may hand over.
    pub plugin_output: usize,
    /// Topics that transforms may send rows to beside the tables' own.
    pub routed_topics: usize,
    /// Bytes that what is known of tables may take; 0: a share of `memory`.
    pub tables: usize,
}

impl Limits {
    /// Bytes that what is known of tables may take.
    pub fn for_tables(&self) -> usize {
        match self.tables {
            0 => self.memory / TABLES_SHARE,
            bytes => bytes,
        }
    }
}

/// Text that is never shown: `Debug` prints `****`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}
