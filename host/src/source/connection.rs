//! One connection to the server for statements: TLS, time limits, and what an error of it asks for. Blocks its thread, so it
//! is not for tasks of an asynchronous runtime.

use std::time::Duration;

use anyhow::anyhow;
use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, IoError, Opts, OptsBuilder, Params, Row, SslOpts};
use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, Source, TlsMode};
use crate::fault::Fault;

/// Name look-up, TCP, TLS and login together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// One statement; those that we run are answered from memory.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest packet that MySQL's protocol allows, so that no row is too large for us but fits the server.
pub(super) const MAX_PACKET: u32 = 1 << 30;

/// A row of text values; `None` is NULL.
pub(super) type TextRow = Vec<Option<String>>;

/// A connection with the runtime that drives it.
#[derive(Debug)]
pub(super) struct Connection {
    runtime: Runtime,
    conn: Conn,
    address: String,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached now, `Stop` where account or TLS are refused.
    pub(super) fn open(config: &Config) -> Result<Self, Fault> {
        let source = &config.source;
        let address = format!("{}:{}", source.host, source.port);
        let tried = format!("connecting to MySQL at {address} as {}", source.user);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::stop(anyhow::Error::new(error).context("starting a runtime for the connection")))?;
        let result = runtime.block_on(async {
            let limit = tokio::time::timeout(CONNECT_TIMEOUT, connect(source));
            limit.await.unwrap_or_else(|_| Err(timed_out(CONNECT_TIMEOUT)))
        });
        let conn = result.map_err(|error| classify_login(error).context(tried))?;
        Ok(Self { runtime, conn, address })
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement and returns its rows as text.
    ///
    /// # Errors
    /// As the statement's.
    pub(super) fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, Fault> {
        let conn = &mut self.conn;
        let result = self.runtime.block_on(async {
            let limit = tokio::time::timeout(STATEMENT_TIMEOUT, conn.query::<Row, _>(sql));
            limit.await.unwrap_or_else(|_| Err(timed_out(STATEMENT_TIMEOUT)))
        });
        let rows = result.map_err(|error| classify(error).context(format!("running {sql} on {}", self.address)))?;
        rows.into_iter().map(|row| text_row(row).map_err(Fault::stop)).collect()
    }

    /// Runs a statement with parameters and returns its rows.
    ///
    /// # Errors
    /// As the statement's.
    pub(super) fn rows<T>(&mut self, sql: &str, params: impl Into<Params> + Send) -> Result<Vec<T>, Fault>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        let params = params.into();
        let conn = &mut self.conn;
        let result = self.runtime.block_on(async {
            let limit = tokio::time::timeout(STATEMENT_TIMEOUT, conn.exec::<T, _, _>(sql, params));
            limit.await.unwrap_or_else(|_| Err(timed_out(STATEMENT_TIMEOUT)))
        });
        result.map_err(|error| classify(error).context(format!("running {sql} on {}", self.address)))
    }

    /// The first value of the first row.
    ///
    /// # Errors
    /// As `query`'s.
    pub(super) fn value(&mut self, sql: &str) -> Result<Option<String>, Fault> {
        Ok(in_first_row(self.query(sql)?, 0))
    }

    /// The value of a global variable; `None` where the server does not know it.
    ///
    /// # Errors
    /// `Retry` for a lost connection.
    pub(super) fn global(&mut self, name: &str) -> Result<Option<String>, Fault> {
        Ok(in_first_row(self.query(&show_global(name))?, 1))
    }
}

/// The value in this column of the first row.
pub(super) fn in_first_row(rows: Vec<TextRow>, column: usize) -> Option<String> {
    rows.into_iter().next()?.into_iter().nth(column)?
}

/// What shows a global variable: its name and its value, in no row where the server does not know it.
pub(super) fn show_global(name: &str) -> String {
    format!("SHOW GLOBAL VARIABLES WHERE variable_name = '{name}'")
}

async fn connect(source: &Source) -> Result<Conn, Error> {
    match Conn::new(options(source, source.tls)).await {
        Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if source.tls == TlsMode::Preferred => {
            Conn::new(options(source, TlsMode::Disabled)).await
        }
        other => other,
    }
}

fn options(source: &Source, tls: TlsMode) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname(source.host.clone())
        .tcp_port(source.port)
        .user(Some(source.user.clone()))
        .pass(Some(source.password.reveal().to_owned()))
        .prefer_socket(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .max_allowed_packet(usize::try_from(MAX_PACKET).ok())
        .ssl_opts(tls_options(source, tls))
        .into()
}

fn tls_options(source: &Source, tls: TlsMode) -> Option<SslOpts> {
    if tls == TlsMode::Disabled {
        return None;
    }
    let mut options = SslOpts::default();
    if let Some(ca) = &source.tls_ca {
        // Whoever names an authority trusts that one only.
        options = options.with_root_certs(vec![ca.clone().into()]).with_disable_built_in_roots(true);
    }
    if let (Some(cert), Some(key)) = (&source.tls_cert, &source.tls_key) {
        options = options.with_client_identity(Some(ClientIdentity::new(cert.clone().into(), key.clone().into())));
    }
    Some(match tls {
        TlsMode::VerifyIdentity => options,
        // The library lets a certificate with another name pass only where the error's text has this word, which in this version of
        // rustls it no longer has, unless it is the name that was asked for. Authorities are checked first, names last.
        TlsMode::VerifyCa => options
            .with_danger_skip_domain_validation(true)
            .with_danger_tls_hostname_override(Some("NotValidForName")),
        _ => options.with_danger_accept_invalid_certs(true),
    })
}

fn timed_out(limit: Duration) -> Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs())).into()
}

/// Every value of a text-protocol row is text already.
fn text_row(row: Row) -> anyhow::Result<TextRow> {
    let values = row.unwrap_raw().into_iter();
    values
        .map(|value| match value {
            None | Some(mysql_async::Value::NULL) => Ok(None),
            Some(mysql_async::Value::Bytes(bytes)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Some(_) => Err(anyhow!("the server sent a value that is not text")),
        })
        .collect()
}

/// While logging in, data that makes no sense is a TLS handshake that failed: a certificate that is not trusted above all.
fn classify_login(error: Error) -> Fault {
    match error {
        Error::Io(IoError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            Fault::stop(anyhow::Error::new(error).context(TLS_FAILED))
        }
        error => classify(error),
    }
}

/// A server that lets an account in refuses it as a replica in the same words as one that it does not know.
pub(super) fn classify_request(error: Error) -> Fault {
    match error {
        Error::Server(server) if server.code == 1045 => {
            let hint = "the account may not read the binlog; GRANT REPLICATION SLAVE ON *.* to it";
            Fault::stop(anyhow::Error::new(server).context(hint))
        }
        error => classify(error),
    }
}

pub(super) const TLS_FAILED: &str = "the TLS connection failed; check source.tls, tls_ca, tls_cert and tls_key";
pub(super) const NO_TLS: &str = "the server offers no TLS, and source.tls asks for it; set source.tls = \"preferred\" or \"disabled\"";
pub(super) const UNKNOWN_PLUGIN: &str =
    "the account's authentication plugin is not supported; use caching_sha2_password or mysql_native_password";

/// What an error of the connection asks for, with a hint where an operator can act.
pub(super) fn classify(error: Error) -> Fault {
    // The library's own layers say the same again: only what they wrap is kept.
    match error {
        Error::Server(server) if is_passing(server.code) => Fault::retry(server),
        // So says a server of a log that was reset while it read it, which is found out when it is opened again.
        Error::Server(server) if server.code == 1236 && server.message.contains("I/O error reading log event") => Fault::retry(server),
        Error::Server(server) => match hint(server.code, &server.message) {
            Some(hint) => Fault::stop(anyhow::Error::new(server).context(hint)),
            None => Fault::stop(server),
        },
        Error::Io(IoError::Tls(error)) => Fault::stop(anyhow::Error::new(error).context(TLS_FAILED)),
        Error::Io(IoError::Io(error)) => Fault::retry(error),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Fault::stop(anyhow!(NO_TLS)),
        Error::Driver(
            error @ (DriverError::UnknownAuthPlugin { .. } | DriverError::MysqlOldPasswordDisabled | DriverError::CleartextPluginDisabled),
        ) => Fault::stop(anyhow::Error::new(error).context(UNKNOWN_PLUGIN)),
        Error::Driver(error) => Fault::retry(error),
        error @ (Error::Url(_) | Error::Other(_)) => Fault::stop(error),
    }
}

const COLLISION: &str = "another replica or connector reads with the same id; give each connector a name or source.server_id of its own";

/// Whether the server ended the connection because it met the same replica id again.
pub fn is_collision(fault: &Fault) -> bool {
    fault.to_string().contains(COLLISION)
}

const PURGED: &str = "the server no longer has the binlog at the saved position; set source.on_purged = \"snapshot\" to copy all tables anew, or \
                      move the position (`rowmill position set`), and raise binlog_expire_logs_seconds";

/// Whether the server ended the stream because it has purged what comes next.
pub fn is_purged(fault: &Fault) -> bool {
    let (Fault::Stop(error) | Fault::Retry(error) | Fault::Reject(error)) = fault;
    error.chain().any(|cause| cause.to_string() == PURGED)
}

/// Errors of the server that go by themselves: too many connections, shutdown, killed, lost, lock waits, read-only moments.
fn is_passing(code: u16) -> bool {
    matches!(
        code,
        1040 | 1053 | 1077 | 1079 | 1080 | 1129 | 1152 | 1153 | 1156
            ..=1161 | 1184 | 1203 | 1205 | 1213 | 1226 | 1317 | 1927 | 3024 | 3168 | 3169 | 4031
    )
}

/// What mends an error of the server.
fn hint(code: u16, message: &str) -> Option<&'static str> {
    let has = |text: &str| message.contains(text);
    Some(match code {
        1045 => "the server refused the account; check source.user and source.password, and that the account may come from this host",
        1130 => "the server lets no account connect from this host; CREATE USER with this host's address, or '%'",
        1820 | 1862 => "the account's password has expired; ALTER USER … IDENTIFIED BY a new one, and put that into source.password",
        3159 => "the server takes connections by TLS only; set source.tls = \"preferred\" or more",
        3118 => "the account is locked; ALTER USER … ACCOUNT UNLOCK",
        1227 => "the account lacks a privilege; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* to it",
        1236 if has("same server_uuid") || has("same server_id") || has("same server-id") => COLLISION,
        1236 if has("purged") || has("Could not find first log file") || has("missing") => PURGED,
        1236 if has("which is not in the master's binlog") => {
            "the saved position is not in the server's binlog: it is another server, was set back, or has purged it; move the position, or take a \
             new snapshot"
        }
        1236 if has("more GTIDs") || has("more transactions") => {
            "the saved position has transactions that this server does not: it is another server or was set back; move the position"
        }
        1236 if has("bogus data") || has("impossible position") || has("position > file size") => {
            "the saved position is not in the server's binlog: it is another server or was set back; move the position"
        }
        1236 if has("max_allowed_packet") => {
            "an event is larger than the server sends, or the position is within an event; raise max_allowed_packet on the server, or move the \
             position"
        }
        1236 => "the server can't read its binlog from the saved position",
        _ => return None,
    })
}
