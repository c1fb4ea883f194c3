//! What the server has: the chosen tables, and itself.

use std::collections::HashSet;

use anyhow::anyhow;

use super::connection::Connection;
use super::file::{FileSource, flavor_of};
use super::schema::{Flavor, Server};
use super::zone;
use crate::config::{Config, SourceKind};
use crate::fault::Fault;

/// A chosen table, as far as making its topic needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRef {
    /// Database.
    pub database: String,
    /// Table.
    pub name: String,
    /// It has a primary key, or a UNIQUE one over NOT NULL columns.
    pub has_key: bool,
}

/// The chosen tables that exist now, by database and name. Of files nothing is known before they are read: then the tables
/// that were named, taken to have keys.
///
/// # Errors
/// `Retry` where the server can't be reached, `Stop` where it refuses.
pub fn tables(config: &Config) -> Result<Vec<TableRef>, Fault> {
    match &config.source.kind {
        SourceKind::File(_) => {
            let named = config.source.tables.named.iter();
            Ok(named
                .map(|(database, name)| TableRef {
                    database: database.clone(),
                    name: name.clone(),
                    has_key: true,
                })
                .collect())
        }
        SourceKind::Mysql => chosen(&mut Connection::open(config)?, config),
    }
}

/// Databases in which chosen tables may be.
fn databases(config: &Config) -> Vec<String> {
    let filter = &config.source.tables;
    let mut all: Vec<String> = filter
        .named
        .iter()
        .map(|(database, _)| database.clone())
        .chain(filter.databases.iter().cloned())
        .collect();
    all.sort();
    all.dedup();
    all
}

pub(super) fn chosen(connection: &mut Connection, config: &Config) -> Result<Vec<TableRef>, Fault> {
    let mut all = Vec::new();
    for database in databases(config) {
        let names: Vec<String> = connection.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name",
            (&database,),
        )?;
        // What the server itself takes as a row's key: unique, whole columns, none of them NULL or computed.
        let keyed = connection.rows::<String>(
            "SELECT table_name FROM information_schema.statistics WHERE table_schema = ? AND non_unique = 0 GROUP BY table_name, index_name \
             HAVING SUM(index_name = 'PRIMARY') > 0 OR (SUM(nullable = 'YES') = 0 AND SUM(sub_part IS NOT NULL) = 0 AND COUNT(column_name) = COUNT(*))",
            (&database,),
        )?;
        let keyed: HashSet<String> = keyed.into_iter().collect();
        let wanted = names.into_iter().filter(|name| config.source.tables.selects(&database, name));
        all.extend(wanted.map(|name| TableRef {
            has_key: keyed.contains(&name),
            database: database.clone(),
            name,
        }));
    }
    Ok(all)
}

/// The server's family, version and time zone.
///
/// # Errors
/// `Retry` where the server can't be reached, `Stop` where it refuses or a file is none of a binlog.
pub fn server(config: &Config) -> Result<Server, Fault> {
    match &config.source.kind {
        SourceKind::File(paths) => FileSource::new(paths.clone()).server(),
        SourceKind::Mysql => of_connection(&mut Connection::open(config)?),
    }
}

pub(super) fn of_connection(connection: &mut Connection) -> Result<Server, Fault> {
    let version = connection
        .value("SELECT @@version")?
        .ok_or_else(|| Fault::stop(anyhow!("the server does not tell its version")))?;
    Ok(Server {
        flavor: flavor_of(&version),
        time_zone: time_zone(connection)?,
        version,
    })
}

/// The server's family.
pub(super) fn flavor(connection: &mut Connection) -> Result<Flavor, Fault> {
    Ok(flavor_of(&connection.value("SELECT @@version")?.unwrap_or_default()))
}

/// `@@global.time_zone`, or the zone that it stands for; a text in parentheses after `SYSTEM` where the zone database has none such.
fn time_zone(connection: &mut Connection) -> Result<String, Fault> {
    let global = connection.value("SELECT @@GLOBAL.time_zone")?.unwrap_or_default();
    if zone::is_known(&global) {
        return Ok(global);
    }
    let word = match global.as_str() {
        "SYSTEM" => connection.value("SELECT @@system_time_zone")?.unwrap_or_default(),
        _ => global.clone(),
    };
    connection.query("SET SESSION time_zone = @@GLOBAL.time_zone")?;
    // The common case, without the long question.
    if word == "UTC" && connection.value("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())")?.as_deref() == Some("0") {
        return Ok(word);
    }
    let found = zone::of_session(connection, &word)?;
    Ok(found.unwrap_or_else(|| format!("SYSTEM ({word})")))
}
