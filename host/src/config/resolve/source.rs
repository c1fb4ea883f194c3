//! Where changes come from: server or files, tables, start, encryption.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::config::reader::Reader;
use crate::config::settings::{Ddl, OnLoss, OnPurged, Secret, Snapshot, Source, SourceKind, Start, TableFilter, TlsMode};
use crate::config::{tables, times};
use crate::position::GtidSet;

/// Derived replica ids start here: people give small ones, so the upper half is nearly always free.
const DERIVED_SERVER_IDS_START: u32 = 1 << 31;
/// And there are this many, so that the largest id stays free.
const DERIVED_SERVER_IDS: u32 = (1 << 31) - 1;

/// The checked source of the connector `name`.
pub(super) fn resolve(reader: &mut Reader<'_>, name: &str) -> Source {
    let is_file = reader.choice("source.kind") == Some("file");
    let kind = if is_file {
        SourceKind::File(files(reader))
    } else {
        SourceKind::Mysql
    };
    let user = if is_file {
        reader.text("source.user")
    } else {
        reader.required("source.user", "the server asks for an account")
    };
    let host = reader.text("source.host");
    if host.is_empty() || host.contains([' ', '/', '@']) {
        reader.refuse_kind("source.host", "a host name or address");
    }
    let databases = reader.list("source.database", true);
    let written_id = u32::try_from(reader.integer("source.server_id")).unwrap_or(0);
    let (tls, [tls_ca, tls_cert, tls_key]) = tls(reader);
    let ddl = match reader.choice("source.ddl") {
        Some("forward") => Ddl::Forward,
        Some("fail") => Ddl::Fail,
        _ => Ddl::Ignore,
    };
    let password = reader.text("source.password");
    Source {
        kind,
        host,
        port: u16::try_from(reader.integer("source.port")).unwrap_or(0),
        user,
        password: Secret::new(password),
        tables: tables(reader, &databases),
        databases,
        server_id: if written_id == 0 { derived_server_id(name) } else { written_id },
        start: start(reader),
        snapshot: match reader.choice("source.snapshot") {
            // Files are all there is.
            _ if is_file => Snapshot::Never,
            Some("never") => Snapshot::Never,
            Some("only") => Snapshot::Only,
            _ => Snapshot::Initial,
        },
        snapshot_threads: usize::try_from(reader.integer("source.snapshot_threads")).unwrap_or(1),
        snapshot_chunk_rows: usize::try_from(reader.integer("source.snapshot_chunk_rows")).unwrap_or(1),
        tls,
        tls_ca,
        tls_cert,
        tls_key,
        heartbeat_interval: reader.duration("source.heartbeat_interval_ms"),
        ddl,
        resume_past_ddl: None,
        transaction_markers: reader.flag("source.transaction_markers"),
        statements: on_loss(reader, "source.statements"),
        lost_xa: on_loss(reader, "source.lost_xa"),
        on_purged: match reader.choice("source.on_purged") {
            Some("snapshot") => OnPurged::Snapshot,
            _ => OnPurged::Stop,
        },
        on_error: super::on_error(reader, "source.on_error"),
        slack_warning: reader.duration("source.slack_warning_ms"),
    }
}

fn on_loss(reader: &mut Reader<'_>, path: &str) -> OnLoss {
    match reader.choice(path) {
        Some("warn") => OnLoss::Warn,
        _ => OnLoss::Stop,
    }
}

/// The same for the same name on every machine and in every version.
fn derived_server_id(name: &str) -> u32 {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let [a, b, c, d, ..] = digest;
    DERIVED_SERVER_IDS_START + u32::from_be_bytes([a, b, c, d]) % DERIVED_SERVER_IDS
}

fn tls(reader: &mut Reader<'_>) -> (TlsMode, [Option<PathBuf>; 3]) {
    let mode = match reader.choice("source.tls") {
        Some("disabled") => TlsMode::Disabled,
        Some("required") => TlsMode::Required,
        Some("verify-ca") => TlsMode::VerifyCa,
        Some("verify-identity") => TlsMode::VerifyIdentity,
        _ => TlsMode::Preferred,
    };
    let files = ["source.tls_ca", "source.tls_cert", "source.tls_key"].map(|path| reader.file(path));
    let [_, cert, key] = &files;
    if cert.is_some() != key.is_some() {
        let missing = if cert.is_some() { "source.tls_key" } else { "source.tls_cert" };
        if !reader.written.holds(missing) {
            reader.refuse(
                missing,
                "is missing: a client's certificate and key go together",
                "write both or neither",
            );
        }
    }
    (mode, files)
}

/// Named tables with their databases, and the pattern of those to be added.
fn tables(reader: &mut Reader<'_>, databases: &[String]) -> TableFilter {
    let mut names = Vec::new();
    for text in reader.list("source.tables", false) {
        match tables::parse(&text) {
            Ok(more) => names.extend(more),
            Err(problem) => reader.refuse(
                "source.tables",
                format!("expected table names, but {problem}"),
                "separate names by commas; a name with a dot or a comma stands in backticks",
            ),
        }
    }
    let auto_add = pattern(reader, "source.auto_add");
    let chosen = reader.written.holds("source.tables") || reader.written.holds("source.auto_add");
    if names.is_empty()
        && auto_add.is_none()
        && !reader
            .findings
            .iter()
            .any(|finding| matches!(finding.setting.as_str(), "source.tables" | "source.auto_add"))
    {
        let problem = if chosen {
            "no table is chosen"
        } else {
            "is missing: no table is chosen"
        };
        reader.refuse(
            "source.tables",
            problem,
            "write tables = \"orders,items\", or auto_add = \".*\" for every table",
        );
    }
    let mut named: Vec<(String, String)> = Vec::new();
    for name in names {
        let Some(database) = database_of(reader, &name, databases) else {
            continue;
        };
        let pair = (database, name.table);
        if named.contains(&pair) {
            reader.refuse(
                "source.tables",
                format!("{}.{} is written twice", pair.0, pair.1),
                "keep one of them",
            );
            continue;
        }
        named.push(pair);
    }
    if auto_add.is_some() && databases.is_empty() && !reader.written.holds("source.database") {
        reader.refuse(
            "source.database",
            "is missing: auto_add looks for tables in it",
            "write database = \"shop\"",
        );
    }
    TableFilter {
        named,
        databases: databases.to_vec(),
        auto_add,
    }
}

fn database_of(reader: &mut Reader<'_>, name: &tables::Name, databases: &[String]) -> Option<String> {
    match (&name.database, databases) {
        (Some(database), []) => return Some(database.clone()),
        (Some(database), _) if databases.contains(database) => return Some(database.clone()),
        (Some(database), _) => {
            reader.refuse(
                "source.tables",
                format!("{database}.{} lies in a database that source.database does not name", name.table),
                format!("add \"{database}\" to database"),
            );
        }
        (None, [database]) => return Some(database.clone()),
        (None, []) => {
            if !reader.findings.iter().any(|finding| finding.setting == "source.database") {
                reader.refuse(
                    "source.database",
                    format!("is missing: in which database is the table {}?", name.table),
                    "write database = \"shop\"",
                );
            }
        }
        (None, _) => {
            reader.refuse(
                "source.tables",
                format!("expected db.table since database names several, found {:?}", name.table),
                format!("write \"{}.{}\"", databases.join(&format!(".{} or ", name.table)), name.table),
            );
        }
    }
    None
}

/// A regular expression, anchored so that it matches a name as a whole; none where the text is empty.
pub(super) fn pattern(reader: &mut Reader<'_>, key: &str) -> Option<regex::Regex> {
    let pattern = reader.text(key);
    if pattern.is_empty() {
        return None;
    }
    // The pattern is tried by itself first: what closes the group early would otherwise escape the anchors.
    match regex::Regex::new(&pattern).and_then(|_| regex::Regex::new(&format!(r"\A(?:{pattern})\z"))) {
        Ok(regex) => Some(regex),
        Err(_) => {
            let problem = format!("expected a regular expression, found {}", reader.shown(key));
            reader.refuse(
                key,
                problem,
                "\".*\" takes every table; the syntax is that of the Rust crate `regex`, without look-around and back-references",
            );
            None
        }
    }
}

fn start(reader: &mut Reader<'_>) -> Start {
    const FORMS: &str = "\"latest\", \"earliest\", { gtid = \"…\" }, { file = \"…\", pos = 4 } or { time = \"2026-01-31T00:00:00Z\" }";
    let found = match reader.written.leaf("source.start").map(|leaf| &leaf.value) {
        None => Ok(Start::Latest),
        Some(Value::String(text)) => match text.as_str() {
            "latest" => Ok(Start::Latest),
            "earliest" => Ok(Start::Earliest),
            _ => Err(format!("expected {FORMS}")),
        },
        Some(Value::Table(table)) => start_at(table).unwrap_or_else(|| Err(format!("expected {FORMS}"))),
        Some(_) => Err(format!("expected {FORMS}")),
    };
    found.unwrap_or_else(|expected| {
        let problem = format!("{expected}, found {}", reader.shown("source.start"));
        reader.refuse("source.start", problem, "");
        Start::Latest
    })
}

/// `None`: the table has other members than any of the forms.
fn start_at(table: &Table) -> Option<Result<Start, String>> {
    let members: Vec<(&str, &Value)> = table.iter().map(|(name, value)| (name.as_str(), value)).collect();
    Some(match members.as_slice() {
        [("gtid", Value::String(text))] => GtidSet::try_from(text.clone()).map(Start::Gtid).map_err(|error| error.to_string()),
        [("time", Value::String(text))] => times::parse_time(text)
            .map(Start::Time)
            .ok_or_else(|| "expected a time with its offset, such as \"2026-01-31T00:00:00Z\"".to_owned()),
        [("time", Value::Integer(number))] => Ok(Start::Time(*number)),
        [("time", Value::Datetime(time))] => times::milliseconds(time)
            .map(Start::Time)
            .ok_or_else(|| "expected a time with its offset, such as 2026-01-31T00:00:00Z".to_owned()),
        [("file", Value::String(file))] => place(file, Some(4)),
        [("file", Value::String(file)), ("pos", Value::Integer(pos))] => place(file, u64::try_from(*pos).ok()),
        [("file", Value::String(file)), ("pos", Value::String(pos))] => place(file, pos.parse().ok()),
        _ => return None,
    })
}

/// A file's first event stands at byte 4, after its magic number.
fn place(file: &str, pos: Option<u64>) -> Result<Start, String> {
    if file.is_empty() || file.contains('/') {
        return Err("expected the name of a binlog file without its folder, as SHOW BINARY LOGS lists it".to_owned());
    }
    match pos {
        Some(pos) if pos >= 4 => Ok(Start::File {
            file: file.to_owned(),
            pos,
        }),
        _ => Err("expected a pos of 4 or more".to_owned()),
    }
}

/// What the patterns of `source.files` find, each in the order of the numbers at the names' ends.
fn files(reader: &mut Reader<'_>) -> Vec<PathBuf> {
    let patterns = reader.list("source.files", false);
    if patterns.is_empty() && !reader.findings.iter().any(|finding| finding.setting == "source.files") {
        reader.refuse(
            "source.files",
            "is missing: kind = \"file\" reads binlog files",
            "write files = [\"binlog.0*\"]",
        );
    }
    let mut files = Vec::new();
    for pattern in patterns {
        let path = reader.surroundings.path(&pattern);
        let found = if pattern.contains(['*', '?']) {
            matching(&path)
        } else {
            Vec::from_iter(path.is_file().then(|| path.clone()))
        };
        if found.is_empty() {
            reader.refuse(
                "source.files",
                format!("there is no file {}", path.display()),
                "relative paths start at the folder of the configuration file",
            );
        }
        files.extend(found);
    }
    files
}

fn matching(pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let text = format!(r"(?s)\A{}\z", regex::escape(name).replace(r"\*", ".*").replace(r"\?", "."));
    let Ok(regex) = regex::Regex::new(&text) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let number = name.rsplit('.').next()?.parse().ok();
            // The index beside the logs (`binlog.index`) is a list of names, not a log.
            let wanted = regex.is_match(name) && !name.ends_with(".index");
            wanted.then(|| (number.unwrap_or(u64::MAX), path.clone()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}
