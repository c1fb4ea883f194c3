//! What the binlog does not tell of a column: `tinyint(1)`, ZEROFILL. Asked for once per table version, never relied on.

use super::connection::Connection;
use super::schema::Column;
use crate::config::Config;

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
            }),
        }
    }

    /// Puts display widths that mean something into the columns' types. What can't be found out is logged and left as it is.
    pub(super) fn refine(&mut self, database: &str, table: &str, columns: &mut [Column]) {
        let Some(lookup) = &mut self.server else {
            return;
        };
        match lookup.types(database, table) {
            Ok(types) => {
                for column in columns {
                    if let Some((_, text)) = types.iter().find(|(name, _)| *name == column.name)
                        && differs_in_display_only(&column.type_text, text)
                    {
                        column.type_text.clone_from(text);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(database, table, error = %format_args!("{error:#}"), "no column types from the catalogue");
                lookup.connection = None;
            }
        }
    }
}

impl Lookup {
    fn types(&mut self, database: &str, table: &str) -> anyhow::Result<Vec<(String, String)>> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(Connection::open(&self.config)?),
        };
        let sql = "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?";
        let rows: Vec<(String, String)> = connection.rows(sql, (database, table))?;
        Ok(rows)
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
