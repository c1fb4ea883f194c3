//! What the binlog does not tell of a column: `tinyint(1)` and ZEROFILL, which nothing relies on, and MariaDB's UUID, INET4 and
//! INET6, which look like BINARY in it. Asked for once per table version.

use anyhow::anyhow;

use super::connection::Connection;
use super::discovery::flavor;
use super::schema::{Column, ColumnType, Flavor, Spelling};
use crate::config::Config;
use crate::fault::Fault;

/// The server's catalogue, or none.
#[derive(Debug, Default)]
pub struct Catalog {
    server: Option<Lookup>,
}

#[derive(Debug)]
struct Lookup {
    config: Config,
    /// Opened when a table is first asked for.
    connection: Option<Connection>,
    /// Of the server; `None` until it has been asked.
    flavor: Option<Flavor>,
}

impl Catalog {
    /// No catalogue: files.
    pub fn none() -> Self {
        Self::default()
    }

    /// The catalogue of the configured server, over a connection of its own. Blocks its thread while it asks.
    pub fn of_server(config: &Config) -> Self {
        Self {
            server: Some(Lookup {
                config: config.clone(),
                connection: None,
                flavor: None,
            }),
        }
    }

    /// Puts into the columns' types what the binlog leaves out. Where MariaDB's types can't be found out that is an error; display
    /// widths that can't are logged and left as they are.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it no longer has a column that may be of one of MariaDB's types.
    pub(super) fn refine(&mut self, database: &str, table: &str, columns: &mut [Column]) -> Result<(), Fault> {
        let Some(lookup) = &mut self.server else {
            return Ok(());
        };
        let types = match lookup.types(database, table) {
            Ok(types) => types,
            Err(fault) if lookup.flavor == Some(Flavor::Mysql) || !columns.iter().any(may_be_spelled) => {
                tracing::warn!(database, table, error = %format_args!("{fault:#}"), "no column types from the catalogue");
                lookup.connection = None;
                return Ok(());
            }
            Err(fault) => {
                lookup.connection = None;
                return Err(fault);
            }
        };
        for column in columns {
            let found = types.iter().find(|(name, _)| *name == column.name).map(|(_, text)| text);
            match found {
                Some(text) if differs_in_display_only(&column.type_text, text) => column.type_text.clone_from(text),
                Some(text) => spell(column, text),
                None if lookup.flavor == Some(Flavor::Mariadb) && may_be_spelled(column) => {
                    return Err(Fault::stop(anyhow!(
                        "column {database}.{table}.{} is logged as {}, which may be a UUID or an address, and the server no longer has it to \
                         tell; leave the table out, or start after it was changed",
                        column.name,
                        column.type_text
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Lookup {
    fn types(&mut self, database: &str, table: &str) -> Result<Vec<(String, String)>, Fault> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(Connection::open(&self.config)?),
        };
        if self.flavor.is_none() {
            self.flavor = Some(flavor(connection)?);
        }
        let sql = "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?";
        connection.rows(sql, (database, table))
    }
}

/// Whether the binlog could mean one of MariaDB's types that it logs as BINARY.
fn may_be_spelled(column: &Column) -> bool {
    matches!(column.kind, ColumnType::FixedBinary { length: 4 | 16, .. })
}

/// Gives a column its type of MariaDB where the catalogue knows it to be one, and the width fits.
fn spell(column: &mut Column, text: &str) {
    // Tables from before MariaDB 10.11.5 are `uuid /* old */`.
    let spelling = match text.split(' ').next() {
        Some("uuid") => Spelling::Uuid,
        Some("inet4") => Spelling::Inet4,
        Some("inet6") => Spelling::Inet6,
        _ => return,
    };
    if let ColumnType::FixedBinary { length, length_bytes } = column.kind
        && usize::from(length) == spelling.bytes()
    {
        text.clone_into(&mut column.type_text);
        column.kind = ColumnType::Spelled { spelling, length_bytes };
    }
}

/// The catalogue shows the table as it is now, not as it was: only what does not change how values are stored is taken.
fn differs_in_display_only(binlog: &str, catalog: &str) -> bool {
    let Some((name, rest)) = catalog.split_once('(') else {
        return false;
    };
    let Some((_, flags)) = rest.split_once(')') else {
        return false;
    };
    let integer = matches!(name, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
    let plain = format!("{name}{}", flags.trim_end_matches(" zerofill"));
    integer && plain == binlog
}

#[cfg(test)]
mod tests {
    use super::differs_in_display_only;

    #[test]
    fn only_the_display_width_of_integers_is_taken_from_the_catalogue() {
        assert!(differs_in_display_only("tinyint", "tinyint(1)"));
        assert!(differs_in_display_only("int unsigned", "int(5) unsigned zerofill"));
        assert!(!differs_in_display_only("int", "int(5) unsigned zerofill"));
        assert!(!differs_in_display_only("int unsigned", "bigint(20) unsigned"));
        assert!(!differs_in_display_only("varchar(3)", "varchar(4)"));
        assert!(!differs_in_display_only("decimal(3,1)", "decimal(4,1)"));
    }
}
