//! The table of keys: every setting with its kind, bounds, default and meaning. The reader, the example, the JSON Schema
//! and the page in `docs/` are all made from it, so that none can say something else.

use super::builtins::BUILTINS;

/// One setting. In `path`, `*` stands for the index of a plugin.
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    /// As plain text in the form that the reader takes; `None`: nothing is assumed.
    pub(super) default: Option<&'static str>,
    /// What the example shows: TOML. A key with `Show::Always` stands there uncommented.
    pub(super) example: &'static str,
    pub(super) show: Show,
    /// Values that are known but belong to a later version: refused by name.
    pub(super) later: &'static [&'static str],
    pub(super) help: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// A path; relative ones start at the folder of the configuration file.
    Path,
    /// A number within bounds.
    Integer(i64, i64),
    /// Bytes within bounds: `"64KiB"`, `"1MiB"`, or a plain number.
    Bytes(u64, u64),
    /// Milliseconds within bounds.
    Millis(u64, u64),
    /// `true` or `false`.
    Flag,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A list of texts, or one text separated by commas.
    Names,
    /// A list of paths, the last part of which may hold `*` and `?`.
    Files,
    /// A place to start.
    Start,
    /// A table handed on as JSON.
    Object,
    /// A table of texts that are never shown.
    Properties,
}

/// How the example shows a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// As a live line: it must be written, or nearly everybody writes it.
    Live,
    /// As a comment.
    Comment,
}

/// A section of the file and what it is about.
pub(super) struct Section {
    /// Empty for keys before the first section; `plugin` is a list.
    pub(super) path: &'static str,
    pub(super) help: &'static str,
}

/// In the order of the file.
pub(super) const SECTIONS: [Section; 6] = [
    Section {
        path: "",
        help: "One connector.",
    },
    Section {
        path: "source",
        help: "Where changes come from.",
    },
    Section {
        path: "batch",
        help: "When a batch is cut: whichever comes first.",
    },
    Section {
        path: "plugin",
        help: "The chain, in order: transforms, then one encoder. None written: the built-in encoder \"envelope\".",
    },
    Section {
        path: "sink",
        help: "Where records go.",
    },
    Section {
        path: "limits",
        help: "What the connector may take.",
    },
];

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
/// A day.
const DAY_MS: u64 = 86_400_000;

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, example: &'static str, help: &'static str) -> Key {
    Key {
        path,
        kind,
        default,
        example,
        show: Show::Comment,
        later: &[],
        help,
    }
}

impl Key {
    const fn live(mut self) -> Self {
        self.show = Show::Live;
        self
    }

    /// The part after the last dot.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The part before it: the section's path.
    pub(super) fn section(&self) -> &'static str {
        match self.path.split_once('.') {
            Some((section, _)) => section,
            None => "",
        }
    }
}

/// The key of this path; a plugin's index may stand in it.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let pattern = pattern(path);
    KEYS.iter().find(|key| key.path == pattern)
}

/// `plugin.3.path` → `plugin.*.path`; all other paths stay as they are.
pub(super) fn pattern(path: &str) -> String {
    match path.strip_prefix("plugin.").map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
        Some((index, "")) if is_index(index) => "plugin.*".to_owned(),
        Some((index, name)) if is_index(index) => format!("plugin.*.{name}"),
        _ => path.to_owned(),
    }
}

fn is_index(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit())
}

const TLS: &[&str] = &["disabled", "preferred", "required", "verify-ca", "verify-identity"];
const LOSS: &[&str] = &["stop", "warn"];
const ON_ERROR: &[&str] = &["stop", "dead_letter", "skip"];
const COMPRESSION: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];

/// Every setting, in the order of the file.
pub(super) const KEYS: &[Key] = &[
    key(
        "name",
        Kind::Text,
        None,
        "\"mysql-orders\"",
        "The connector's name: 1 to 48 digits, lower-case letters and hyphens, no hyphen first. Its position is kept under this name.",
    )
    .live(),
    key(
        "cache_dir",
        Kind::Path,
        None,
        "\"/var/cache/rowmill\"",
        "Where compiled plugins are kept. Not written: `rowmill` in the user's cache directory (`$XDG_CACHE_HOME`, else `$HOME/.cache`).",
    ),
    key(
        "shutdown_timeout_ms",
        Kind::Millis(0, DAY_MS),
        Some("10000"),
        "10000",
        "How long SIGTERM or SIGINT may take to finish and commit the open batch.",
    ),
    key(
        "source.kind",
        Kind::Choice(&["mysql", "file"]),
        Some("mysql"),
        "\"mysql\"",
        "`mysql` is a server, `file` reads binlog files.",
    ),
    key(
        "source.files",
        Kind::Files,
        None,
        "[\"binlog.0*\"]",
        "Of kind `file`: the binlog files; `*` and `?` may stand in the last part of a path. What a pattern finds is read in the order of the numbers at the names' ends.",
    ),
    key("source.host", Kind::Text, Some("127.0.0.1"), "\"127.0.0.1\"", "Host name or address of the server.").live(),
    key("source.port", Kind::Integer(1, 65535), Some("3306"), "3306", "Its TCP port.").live(),
    key("source.user", Kind::Text, None, "\"rowmill\"", "Account with SELECT, REPLICATION SLAVE and REPLICATION CLIENT. Needed for kind `mysql`.").live(),
    key(
        "source.password",
        Kind::Secret,
        Some(""),
        "\"change-me\"",
        "Its password; better not in this file but as `\"${env:ROWMILL_PASSWORD}\"` or `\"${file:password.txt}\"`.",
    )
    .live(),
    key("source.database", Kind::Names, None, "\"shop\"", "The database, or a list. Needed unless every table is written `db.table` and `auto_add` is empty.").live(),
    key(
        "source.tables",
        Kind::Names,
        Some(""),
        "\"orders,items\"",
        "The tables, separated by commas or as a list; `db.table` where there are several databases. A name that holds a dot or a comma stands in backticks. One topic per table.",
    )
    .live(),
    key(
        "source.auto_add",
        Kind::Text,
        Some(""),
        "\"\"",
        "Regular expression that is matched in full against a table's name, in every database of `database`; `.*` takes every table, also one that is created later. Empty: none.",
    ),
    key(
        "source.server_id",
        Kind::Integer(0, 4_294_967_295),
        Some("0"),
        "0",
        "Replica id shown to the server; no other replica may have it. 0: derived from the name, between 2147483648 and 4294967294.",
    ),
    key(
        "source.start",
        Kind::Start,
        Some("latest"),
        "\"latest\"",
        "Where to start when the connector has no position yet: `\"latest\"`, `\"earliest\"`, `{ gtid = \"…\" }`, `{ file = \"binlog.000003\", pos = 4 }` or `{ time = \"2026-01-31T00:00:00Z\" }`.",
    ),
    key(
        "source.snapshot",
        Kind::Choice(&["initial", "never", "only"]),
        Some("initial"),
        "\"initial\"",
        "Rows that the tables have when the connector starts for the first time: `initial` copies them while the stream of changes begins, `never` copies none, `only` ends the run once they are copied. With `kind = \"file\"` none are copied.",
    ),
    key(
        "source.snapshot_threads",
        Kind::Integer(1, 64),
        Some("2"),
        "2",
        "Connections that copy tables side by side, each a table.",
    ),
    key(
        "source.snapshot_chunk_rows",
        Kind::Integer(1, 1_000_000),
        Some("8192"),
        "8192",
        "Rows that one SELECT copies.",
    ),
    key(
        "source.tls",
        Kind::Choice(TLS),
        Some("preferred"),
        "\"preferred\"",
        "Encryption of the connection, as MySQL's own clients name it. `preferred` takes TLS where the server has it, `verify-ca` wants a certificate of a known authority, `verify-identity` one that names `host`, too.",
    ),
    key("source.tls_ca", Kind::Path, None, "\"ca.pem\"", "PEM file of the certificate authorities that are trusted."),
    key("source.tls_cert", Kind::Path, None, "\"client.pem\"", "PEM file of the client's certificate; with `tls_key`."),
    key("source.tls_key", Kind::Path, None, "\"client-key.pem\"", "PEM file of the client's key; with `tls_cert`."),
    key(
        "source.heartbeat_interval_ms",
        Kind::Millis(0, DAY_MS),
        Some("60000"),
        "60000",
        "Between two heartbeat records, which go to every topic and prove that all changes before their `eventTime` have been written; 0 is off.",
    ),
    key(
        "source.ddl",
        Kind::Choice(&["ignore", "forward", "fail"]),
        Some("ignore"),
        "\"ignore\"",
        "What a DDL statement on a chosen table does besides taking effect: `forward` writes a record to partition 0 of the table's topic; `fail` stops the connector before it, until `rowmill run --resume-past-ddl` names the statement.",
    ),
    key(
        "source.transaction_markers",
        Kind::Flag,
        Some("false"),
        "false",
        "Whether the edges of each transaction become records in partition 0 of every topic that it touched. Batches then end with transactions: small transactions cost more.",
    ),
    key(
        "source.statements",
        Kind::Choice(LOSS),
        Some("stop"),
        "\"stop\"",
        "What a statement does that the log has in place of the rows that it changed (`binlog_format` is not `ROW` in its session), where it changes a chosen table: `stop` the connector, or `warn` and go on without these rows.",
    ),
    key(
        "source.lost_xa",
        Kind::Choice(LOSS),
        Some("stop"),
        "\"stop\"",
        "What an XA COMMIT does whose XA PREPARE was before the start and is in no file that the log still has: `stop` the connector, or `warn` and go on without its rows.",
    ),
    key(
        "source.on_purged",
        Kind::Choice(&["stop", "snapshot"]),
        Some("stop"),
        "\"stop\"",
        "What happens where the server has purged changes that were not read: `stop` the connector with what was lost, or note a new start and copy all rows of all chosen tables (`snapshot`), whatever `snapshot` says. Rows that were deleted meanwhile are told to nobody then.",
    ),
    key(
        "source.on_error",
        Kind::Choice(ON_ERROR),
        Some("stop"),
        "\"stop\"",
        "What a row does that can't be decoded, or is larger than `limits.row`: `stop` the connector, go to the dead-letter topic, or be counted and left out.",
    ),
    key(
        "source.slack_warning_ms",
        Kind::Millis(0, 31 * DAY_MS),
        Some("3600000"),
        "3600000",
        "The log warns when the server may purge the binlog file that the connector would go on with within this time; asked once a minute. 0 is off.",
    ),
    key("batch.max_rows", Kind::Integer(1, 65536), Some("8192"), "8192", "Rows."),
    key("batch.max_bytes", Kind::Bytes(KIB, 64 * MIB), Some("1MiB"), "\"1MiB\"", "Bytes of row images."),
    key("batch.max_delay_ms", Kind::Millis(0, 60_000), Some("20"), "20", "Since the batch's first row."),
    key("plugin.*.path", Kind::Path, None, "\"plugins/mask.wasm\"", "A WebAssembly component. The file is watched: a new one takes over between two batches. Exactly one of `path` and `builtin`."),
    key("plugin.*.builtin", Kind::Choice(BUILTINS), None, "\"envelope\"", "A plugin that ships inside the program: `docs/encoders.md` says what each encoder writes, `docs/transforms.md` what each transform does. Exactly one of `path` and `builtin`.").live(),
    key("plugin.*.config", Kind::Object, None, "{ update_mode = \"split\", time_zone = \"+08:00\" }", "What the plugin is configured with; each plugin says what it takes."),
    key("plugin.*.memory", Kind::Bytes(MIB, GIB), Some("64MiB"), "\"64MiB\"", "Memory that one instance may have."),
    key("plugin.*.instances", Kind::Integer(1, 64), Some("1"), "4", "Instances that share the rows of a large batch, at the same time, where the plugin's description says that it may be so (`parallel`) and it keeps nothing; the order stays. For plugins that are slower than the rest of the connector."),
    key("plugin.*.call_timeout_ms", Kind::Millis(10, 600_000), Some("1000"), "1000", "How long one call may take."),
    key("plugin.*.log_lines", Kind::Integer(0, 100_000), Some("100"), "100", "Lines that one call may log; more are counted and left out."),
    key("plugin.*.state", Kind::Bytes(0, 16 * MIB), Some("256KiB"), "\"256KiB\"", "Bytes that it may keep from one batch to the next. They are part of every position that is committed, which Kafka's `message.max.bytes` bounds."),
    key("plugin.*.tables", Kind::Text, Some(""), "\"\"", "Of a transform: a regular expression that is matched in full against a table's name, also as `database.table`; batches of other tables pass it by. Empty: every table."),
    key("plugin.*.on_error", Kind::Choice(ON_ERROR), Some("stop"), "\"stop\"", "What an error of the plugin does: `stop` the connector, send the rows at fault to the dead-letter topic, or count them and leave them out."),
    key("sink.kind", Kind::Choice(&["kafka", "stdout", "file"]), Some("kafka"), "\"kafka\"", "`kafka`, or JSON lines to `stdout` or a `file`."),
    key("sink.path", Kind::Path, None, "\"orders.jsonl\"", "Of kind `file`: the file that lines are appended to. Its position is kept beside it."),
    key("sink.brokers", Kind::Text, Some("127.0.0.1:9092"), "\"127.0.0.1:9092\"", "Of kind `kafka`: `host:port` of one or more brokers, separated by commas.").live(),
    key("sink.topic_prefix", Kind::Text, Some("mysql"), "\"mysql\"", "What stands for `{prefix}` in topics. Give each connector its own.").live(),
    key("sink.topic", Kind::Text, Some("{prefix}_{table}"), "\"{prefix}_{table}\"", "How topics are named; `{table}` must stand in it, `{prefix}` and `{database}` may."),
    key("sink.partitions_with_key", Kind::Integer(1, 100_000), Some("6"), "6", "Partitions of a topic that is made for a table with a key. An existing topic is taken as it is."),
    key("sink.partitions_without_key", Kind::Integer(1, 100_000), Some("1"), "1", "Partitions of a topic that is made for a table without one."),
    key("sink.replication", Kind::Integer(-1, 32_767), Some("-1"), "-1", "Replication factor of topics that are made; -1: the broker's default."),
    key("sink.transactions", Kind::Choice(&["auto", "on", "off"]), Some("auto"), "\"auto\"", "Whether records and their position are committed in one Kafka transaction, so that a `read_committed` reader sees each change exactly once. `auto`: where the broker has transactions and allows them, else at least once, with a warning; `on`: or fail; `off`: at least once."),
    key("sink.commit_interval_ms", Kind::Millis(1, 60_000), Some("25"), "25", "From a change to the start of its commit while changes flow."),
    key("sink.transaction_max_bytes", Kind::Bytes(1 << 20, 1 << 40), Some("256MiB"), "\"256MiB\"", "A source transaction with more bytes of rows than this is committed in parts, so that the broker need not hold it open. Smaller ones are never seen in part."),
    key("sink.transaction_max_ms", Kind::Millis(100, 600_000), Some("10000"), "10000", "So is one that takes longer than this to arrive. Kafka's own `transaction.timeout.ms` has to be well above."),
    key("sink.compression", Kind::Choice(COMPRESSION), Some("lz4"), "\"lz4\"", "Compression of record batches."),
    key("sink.dead_letter_topic", Kind::Text, Some("{prefix}_dead_letters"), "\"{prefix}_dead_letters\"", "Topic of the rows that an `on_error = \"dead_letter\"` keeps from the others; `{prefix}` and `{name}` may stand in it. Made with one partition and without end of retention."),
    key("sink.on_error", Kind::Choice(ON_ERROR), Some("stop"), "\"stop\"", "What a row does whose record is larger than the client (`message.max.bytes` in `properties`) or the topic (`max.message.bytes`) takes, or which a plugin sends to a partition that the topic does not have: `stop` the connector, go to the dead-letter topic, or be counted and left out."),
    key("sink.properties", Kind::Properties, None, "{ \"security.protocol\" = \"SASL_SSL\" }", "Any librdkafka property but those that delivery depends on. Values are shown nowhere."),
    key("limits.memory", Kind::Bytes(32 * MIB, 64 * GIB), Some("192MiB"), "\"192MiB\"", "What batches, queues and guests may take together."),
    key("limits.row", Kind::Bytes(KIB, GIB), Some("64MiB"), "\"64MiB\"", "One row image. An event of the log, and so all of a compressed transaction before it is unpacked, may take twice as much and 1 MiB."),
    key("limits.prepared", Kind::Integer(1, 100_000), Some("1000"), "1000", "XA transactions that are prepared and not decided yet. Each takes some 300 bytes of every checkpoint; Kafka's `message.max.bytes` bounds these."),
    key("limits.metric_names", Kind::Integer(0, 1_000_000), Some("1000"), "1000", "Tables, and as many topics, that metrics tell apart; those that come later are counted together, as `(others)`."),
    key("limits.plugin_output", Kind::Bytes(0, 64 * GIB), Some("0"), "\"96MiB\"", "Bytes of records that one call of a plugin may hand over about one row or event; 0: half of `limits.memory`. A quarter of it about several rows: where it would be more, it gets fewer at a time."),
    key("limits.routed_topics", Kind::Integer(0, 60_000), Some("1000"), "1000", "Topics that transforms may send rows to beside the tables' own. A row for one more is not taken."),
    key("limits.tables", Kind::Bytes(0, 64 * GIB), Some("0"), "\"48MiB\"", "Bytes of `limits.memory` that may be taken by what is known of tables: columns, schemas that plugins have open, the client's handles of topics. Of more tables the ones that changed least recently are forgotten, and known again with their next change. 0: a quarter of `limits.memory`."),
];
