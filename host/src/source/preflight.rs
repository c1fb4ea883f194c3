//! Checks before the start: connection, grants, settings, tables; each a line that says what mends it.

mod cascades;
mod replicas;

use anyhow::anyhow;

use super::collation::Encoding;
use super::connection::Connection;
use super::discovery::{TableRef, chosen, of_connection};
use super::file::FileSource;
use super::grants::Grants;
use super::keeping;
use super::schema::{Flavor, Server};
use super::start::log_status;
use super::zone::is_known;
use crate::config::{Config, SourceKind};
use crate::fault::Fault;

/// One line of a preflight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked: `connection`, a privilege, a setting, `table shop.orders`.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// The statement or setting that mends it.
    pub mend: Option<String>,
    /// Whether what failed may pass by itself: a server that is just going away or coming back.
    pub passing: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, with less than one might want.
    Warn,
    /// The connector would not work.
    Fail,
}

impl Finding {
    fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            level: Level::Ok,
            message: message.into(),
            mend: None,
            passing: false,
        }
    }

    fn new(level: Level, name: impl Into<String>, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            level,
            message: message.into(),
            mend: Some(mend.into()),
            passing: false,
        }
    }

    /// The same, of what failed by this fault.
    fn by(self, fault: &Fault) -> Self {
        Self {
            passing: matches!(fault, Fault::Retry(_)),
            ..self
        }
    }
}

/// Below this a connector that is down over a weekend day loses its place.
const SHORT_EXPIRY_S: u64 = 86_400;

/// Checks all that the source needs. Blocks its thread.
pub fn preflight(config: &Config) -> Vec<Finding> {
    if let SourceKind::File(paths) = &config.source.kind {
        return paths.iter().map(|path| file(path)).collect();
    }
    let mut connection = match Connection::open(config) {
        Ok(connection) => connection,
        Err(fault) => return vec![unreachable(config, &fault)],
    };
    let mut findings = Vec::new();
    if let Err(fault) = server(&mut connection, config, &mut findings) {
        let message = format!("a check could not be made: {fault}");
        let mend = "check that the server stays up and the account may read its settings";
        findings.push(Finding::new(Level::Fail, "connection", message, mend).by(&fault));
    }
    findings
}

fn file(path: &std::path::Path) -> Finding {
    let name = format!("file {}", path.display());
    match FileSource::new(vec![path.to_owned()]).server() {
        Ok(server) => Finding::ok(name, format!("a binlog of version {}", server.version)),
        Err(fault) => Finding::new(Level::Fail, name, fault.to_string(), "name binlog files in source.files"),
    }
}

fn unreachable(config: &Config, fault: &Fault) -> Finding {
    let source = &config.source;
    let mend = match fault {
        Fault::Stop(_) => format!(
            "set source.user and source.password to an account of {}:{}, and source.tls to what it offers",
            source.host, source.port
        ),
        _ => format!(
            "check source.host and source.port ({}:{}), the name look-up, firewalls, and that the server runs",
            source.host, source.port
        ),
    };
    Finding::new(Level::Fail, "connection", fault.to_string(), mend).by(fault)
}

fn server(connection: &mut Connection, config: &Config, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let server = of_connection(connection)?;
    let about = format!("{} {}, time zone {}", connection.address(), server.version, server.time_zone);
    findings.push(Finding::ok("connection", about));
    if !is_known(&server.time_zone) {
        let found = &server.time_zone;
        let message = format!("it is {found}, which no zone of the zone database is like: DATE and DATETIME can't become points in time");
        let mend = "set time_zone in the config of the plugin envelope to an IANA name or an offset";
        findings.push(Finding::new(Level::Warn, "time_zone", message, mend));
    }
    age(&server, findings);
    let grants = Grants::of(connection, server.flavor)?;
    let tables = chosen(connection, config)?;
    privileges(&grants, config, &tables, findings);
    settings(connection, findings)?;
    match server.flavor {
        Flavor::Mysql => gtids(connection, findings)?,
        Flavor::Mariadb => {
            let position = connection.value("SELECT @@GLOBAL.gtid_binlog_pos")?.unwrap_or_default();
            findings.push(Finding::ok("gtid_binlog_pos", position));
        }
    }
    let taken = match grants.global("REPLICATION SLAVE") {
        true => replicas::lasting_replica(connection, config, &server)?,
        false => None,
    };
    server_id(connection, config, taken, findings)?;
    expiry(connection, findings)?;
    if grants.global("REPLICATION CLIENT") || grants.global("SUPER") {
        log(connection, findings)?;
    }
    existence(config, &tables, findings);
    for table in &tables {
        columns(connection, table, findings)?;
    }
    cascades::cascades(connection, &server, &tables, findings)
}

fn privileges(grants: &Grants, config: &Config, tables: &[TableRef], findings: &mut Vec<Finding>) {
    let account = &grants.account;
    for privilege in ["REPLICATION SLAVE", "REPLICATION CLIENT"] {
        findings.push(if grants.global(privilege) {
            Finding::ok(privilege, format!("{account} has it"))
        } else {
            let message = format!("{account} lacks the privilege {privilege}");
            Finding::new(Level::Fail, privilege, message, format!("GRANT {privilege} ON *.* TO {account};"))
        });
    }
    let existing = tables.iter().map(|table| (&table.database, &table.name));
    let named = config.source.tables.named.iter().map(|(database, name)| (database, name));
    let mut all: Vec<_> = existing.chain(named).collect();
    all.sort();
    all.dedup();
    let count = all.len();
    let lacking: Vec<_> = all
        .into_iter()
        .filter(|(database, name)| !grants.table("SELECT", database, name))
        .collect();
    if lacking.is_empty() {
        findings.push(Finding::ok("SELECT", format!("{account} has it on all {count} chosen tables")));
    }
    for (database, name) in lacking {
        let message = format!("{account} lacks the privilege SELECT on {database}.{name}");
        findings.push(Finding::new(
            Level::Fail,
            "SELECT",
            message,
            format!("GRANT SELECT ON `{database}`.`{name}` TO {account};"),
        ));
    }
}

/// Servers whose binlog has no checksums and no GTIDs are not read.
fn age(server: &Server, findings: &mut Vec<Finding>) {
    let (oldest, name) = match server.flavor {
        Flavor::Mysql => ((5, 6, 0), "MySQL 5.6"),
        Flavor::Mariadb => ((10, 2, 0), "MariaDB 10.2"),
    };
    if version(&server.version) < oldest {
        let message = format!("it is {}, and the oldest that is read is {name}", server.version);
        findings.push(Finding::new(Level::Fail, "version", message, "upgrade the server"));
    }
}

/// A setting, what it should be, what it costs where it is not, what mends it.
const SETTINGS: [(&str, &[&str], Level, &str, &str); 4] = [
    (
        "log_bin",
        &["ON"],
        Level::Fail,
        "the server writes no binlog",
        "start the server with log_bin",
    ),
    (
        "binlog_format",
        &["ROW"],
        Level::Fail,
        "changes are logged as statements, which do not tell which rows changed",
        "SET GLOBAL binlog_format = 'ROW'; then reconnect the sessions that write",
    ),
    (
        "binlog_row_image",
        &["FULL"],
        Level::Warn,
        "unchanged columns are left out of updates and deletes, so they will be missing in messages",
        "SET GLOBAL binlog_row_image = 'FULL';",
    ),
    (
        "binlog_row_metadata",
        &["FULL"],
        Level::Warn,
        "the binlog does not name columns, so the server's catalogue is asked, and rows from before a ddl statement may stop the connector",
        "SET GLOBAL binlog_row_metadata = 'FULL';",
    ),
];

fn settings(connection: &mut Connection, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    for (name, wanted, level, cost, mend) in SETTINGS {
        let value = connection.global(name)?;
        match value {
            Some(value) if wanted.contains(&value.as_str()) => findings.push(Finding::ok(name, value)),
            Some(value) => {
                let wanted = wanted.join(" or ");
                findings.push(Finding::new(level, name, format!("it is {value}, expected {wanted}: {cost}"), mend));
            }
            None if name == "binlog_row_metadata" => {
                let message = "the server is too old to name columns in its binlog, so its catalogue is asked, and rows from before a ddl \
                               statement may stop the connector";
                findings.push(Finding::new(Level::Warn, name, message, "use MySQL 8.0.1, MariaDB 10.5, or newer"));
            }
            None => {}
        }
    }
    let options = connection.global("binlog_row_value_options")?.unwrap_or_default();
    let image = connection.global("binlog_row_image")?;
    if !options.is_empty() && image.as_ref().is_some_and(|image| image != "FULL") {
        let message = format!(
            "it is {options}: JSON columns are logged as differences, and binlog_row_image leaves out the documents that they belong to"
        );
        findings.push(Finding::new(
            Level::Fail,
            "binlog_row_value_options",
            message,
            "SET GLOBAL binlog_row_image = 'FULL';",
        ));
    }
    Ok(())
}

fn gtids(connection: &mut Connection, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let mode = connection.global("gtid_mode")?.unwrap_or_else(|| "not there".to_owned());
    findings.push(if mode == "ON" {
        Finding::ok("gtid_mode", mode)
    } else {
        let message = format!(
            "it is {mode}, expected ON: the position is kept by file and offset, which another server does not share after a failover"
        );
        let mend = "SET GLOBAL enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = OFF_PERMISSIVE, then ON_PERMISSIVE, then ON";
        Finding::new(Level::Warn, "gtid_mode", message, mend)
    });
    Ok(())
}

fn server_id(connection: &mut Connection, config: &Config, taken: Option<String>, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let id = connection.value("SELECT @@GLOBAL.server_id")?.unwrap_or_default();
    findings.push(if id == "0" {
        Finding::new(
            Level::Fail,
            "server_id",
            "the server's is 0: it refuses replicas",
            "SET GLOBAL server_id = 1;",
        )
    } else if id == config.source.server_id.to_string() {
        let message = format!("source.server_id {id} is the server's own");
        Finding::new(
            Level::Fail,
            "server_id",
            message,
            "set source.server_id to another number, or to 0 to have one derived from the name",
        )
    } else if let Some(by) = taken {
        let message = format!(
            "source.server_id {} is taken: {by} reads from the server with it",
            config.source.server_id
        );
        Finding::new(
            Level::Fail,
            "server_id",
            message,
            "set source.server_id to another number, or to 0 to have one derived from the name",
        )
    } else {
        Finding::ok("server_id", format!("the server's is {id}, ours {}", config.source.server_id))
    });
    Ok(())
}

/// The first three numbers of a version such as `8.0.36-log`.
fn version(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

fn expiry(connection: &mut Connection, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let name = "binlog_expire_logs_seconds";
    findings.push(match keeping::expiry(connection)?.map(|expiry| expiry.as_secs()) {
        None => Finding::ok(name, "the server purges nothing by itself"),
        Some(seconds) if seconds < SHORT_EXPIRY_S => {
            let message = format!("it is {seconds}, less than a day: a connector that is down for longer loses its place");
            Finding::new(Level::Warn, name, message, "SET GLOBAL binlog_expire_logs_seconds = 604800;")
        }
        Some(seconds) => Finding::ok(name, seconds.to_string()),
    });
    Ok(())
}

/// Where the log is now; nothing to say where there is none, `log_bin` has said it.
fn log(connection: &mut Connection, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    if let Some(row) = log_status(connection)? {
        let field = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        findings.push(Finding::ok("binlog", format!("at {}:{}", field(0), field(1))));
    }
    Ok(())
}

fn existence(config: &Config, tables: &[TableRef], findings: &mut Vec<Finding>) {
    for (database, name) in &config.source.tables.named {
        let found = tables.iter().find(|table| table.database == *database && table.name == *name);
        let title = format!("table {database}.{name}");
        if found.is_none() {
            let message = format!("{database}.{name} does not exist, or the account may not see it");
            findings.push(Finding::new(
                Level::Fail,
                title,
                message,
                "create it, grant SELECT on it, or take it out of source.tables",
            ));
        }
    }
    if tables.is_empty() && config.source.tables.named.is_empty() {
        let message = "source.auto_add matches no table yet";
        findings.push(Finding::new(
            Level::Warn,
            "tables",
            message,
            "check source.database and source.auto_add",
        ));
    }
}

/// Types whose values can be decoded, whatever their parameters.
const TYPES: &str = " tinyint smallint mediumint int bigint decimal float double bit year date datetime timestamp time char varchar tinytext text \
     mediumtext longtext binary uuid inet4 inet6 varbinary tinyblob blob mediumblob longblob enum set json geometry point linestring polygon multipoint \
     multilinestring multipolygon geomcollection geometrycollection vector ";

fn columns(connection: &mut Connection, table: &TableRef, findings: &mut Vec<Finding>) -> Result<(), Fault> {
    let full = format!("{}.{}", table.database, table.name);
    let title = format!("table {full}");
    let sql = "SELECT column_name, data_type, column_type, character_set_name FROM information_schema.columns \
               WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";
    let rows: Vec<(String, String, String, Option<String>)> = connection.rows(sql, (&table.database, &table.name))?;
    let count = rows.len();
    let mut problems = 0;
    for (column, data_type, column_type, charset) in rows {
        let decodable = charset.as_deref().is_none_or(Encoding::is_decoded);
        if TYPES.contains(&format!(" {data_type} ")) && decodable {
            continue;
        }
        problems += 1;
        let charset = charset.map(|name| format!(" in character set {name}")).unwrap_or_default();
        let message = format!("column {full}.{column} is {column_type}{charset}, which can't be decoded yet");
        let mend = "leave the table out, or ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4";
        findings.push(Finding::new(Level::Fail, title.clone(), message, mend));
    }
    if problems == 0 && !table.has_key {
        let message = format!("{count} columns, no key: all of it goes to partition 0, without a record key");
        findings.push(Finding::new(
            Level::Warn,
            title,
            message,
            "add a primary key, or a UNIQUE key over NOT NULL columns",
        ));
    } else if problems == 0 {
        findings.push(Finding::ok(title, format!("{count} columns")));
    }
    Ok(())
}

/// The failures of a preflight as one error; `Ok` where there is none.
///
/// # Errors
/// `Stop` with each failure, on one line; `Retry` where one may pass by itself.
pub fn demand(findings: &[Finding]) -> Result<(), Fault> {
    let failures = || findings.iter().filter(|finding| finding.level == Level::Fail);
    let lines: Vec<String> = failures()
        .map(|finding| match &finding.mend {
            Some(mend) => format!("{}: {}; {}", finding.name, finding.message, mend.trim_end_matches(';')),
            None => format!("{}: {}", finding.name, finding.message),
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let error = anyhow!("{}", lines.join("; "));
    // The server that went away in the middle of its checks is waited for like one that went away later.
    Err(if failures().any(|finding| finding.passing) {
        Fault::Retry(error)
    } else {
        Fault::Stop(error)
    })
}

#[cfg(test)]
mod tests;
