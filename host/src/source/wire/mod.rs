//! Our own client of MySQL's protocol, for the one connection over which the binlog comes: few statements, then packets
//! without end, in bounded memory. Everything else goes over `connection`. Why: `docs/decisions/own-dump-client.md`.

mod answer;
mod channel;
mod greeting;
mod input;
mod key;
mod link;
mod login;
mod result;
mod tls;

pub(super) use answer::{END, END_LEN, ERROR, OK, error};
pub(super) use input::Input;
pub(super) use link::{FULL, HEAD, Link, length};
pub(super) use result::Patience;

use std::time::{Duration, Instant};

use mysql_common::proto::MySerialize;

use self::answer::First;
use self::channel::Channel;
use super::connection::{TextRow, classify_request, in_first_row, show_global};
use crate::config::Source;
use crate::fault::Fault;

/// TCP, TLS and login together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// One statement or command; those that we send are answered from memory.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// The command that runs a statement.
const QUERY: u8 = 3;

/// A session.
pub(super) struct Wire {
    link: Link,
    address: String,
    /// The statement that is prepared.
    statement: Option<[u8; 4]>,
}

impl Wire {
    /// Connects and logs in.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached now, `Stop` where account or TLS are refused.
    pub(super) fn open(source: &Source) -> Result<Self, Fault> {
        let address = format!("{}:{}", source.host, source.port);
        let connect = || {
            let deadline = Instant::now() + CONNECT_TIMEOUT;
            let channel = Channel::connect(&source.host, source.port, deadline).map_err(Fault::retry)?;
            let mut link = Link::new(channel);
            login::log_in(&mut link, source, deadline)?;
            Ok(link)
        };
        let link = connect().map_err(|fault: Fault| fault.context(format!("connecting to MySQL at {address} as {}", source.user)))?;
        Ok(Self {
            link,
            address,
            statement: None,
        })
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// As the statement's.
    pub(super) fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, Fault> {
        let rows = self.rows(sql);
        rows.map_err(|fault| fault.context(format!("running {sql} on {}", self.address)))
    }

    fn rows(&mut self, sql: &str) -> Result<Vec<TextRow>, Fault> {
        let link = &mut self.link;
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        let mut command = vec![QUERY];
        command.extend_from_slice(sql.as_bytes());
        link.command(&command)?;
        let packet = link.packet(deadline)?;
        let First::Columns(columns) = answer::first(&packet).map_err(|_| link::senseless())? else {
            return Ok(Vec::new());
        };
        // A description of each column, and an end: the names are those that we asked for.
        for _ in 0..=columns {
            link.packet(deadline)?;
        }
        let mut rows = Vec::new();
        loop {
            let packet = link.packet(deadline)?;
            if answer::is_end(&packet) {
                return Ok(rows);
            }
            rows.push(answer::row(&packet).map_err(|_| link::senseless())?);
        }
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

    /// Sends two commands, `register` and then, when the server has agreed to it, `dump`, to which it answers with events.
    ///
    /// # Errors
    /// `Retry` for a lost connection, `Stop` where the server refuses.
    pub(super) fn dump(self, register: &impl MySerialize, dump: &impl MySerialize) -> Result<Link, Fault> {
        let Self { mut link, address, .. } = self;
        let mut ask = || {
            let bytes = |command: &dyn Fn(&mut Vec<u8>)| {
                let mut payload = Vec::new();
                command(&mut payload);
                payload
            };
            link.command(&bytes(&|payload| register.serialize(payload)))?;
            link.packet_or(Instant::now() + COMMAND_TIMEOUT, classify_request)?;
            link.command(&bytes(&|payload| dump.serialize(payload)))
        };
        ask().map_err(|fault| fault.context(format!("asking {address} for its binlog")))?;
        Ok(link)
    }
}
