//! Tables of a connector as people name them on a command line.

use super::settings::Source;
use super::tables;

impl Source {
    /// The tables that a text names as `source.tables` would: databases and names, each once. What the connector does not have, or what
    /// could be several tables, is refused in the words of a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn chosen(&self, text: &str) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        for name in tables::parse(text)? {
            let pair = match name.database {
                Some(database) => (database, name.table),
                None => (self.only_database(&name.table)?, name.table),
            };
            if !self.tables.selects(&pair.0, &pair.1) {
                return Err(format!(
                    "the connector does not have the table {}.{}: source.tables and source.auto_add do not choose it",
                    pair.0, pair.1
                ));
            }
            if !found.contains(&pair) {
                found.push(pair);
            }
        }
        match found.is_empty() {
            true => Err("no table is named".to_owned()),
            false => Ok(found),
        }
    }

    fn only_database(&self, table: &str) -> Result<String, String> {
        let named = self.tables.named.iter().map(|(database, _)| database);
        let mut all: Vec<&String> = self.databases.iter().chain(named).collect();
        all.sort();
        all.dedup();
        match all.as_slice() {
            [database] => Ok((*database).clone()),
            _ => Err(format!("in which database is {table}? write db.table")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;

    use crate::config::{Surroundings, parse};

    fn chosen(source: &str, text: &str) -> Result<Vec<(String, String)>, String> {
        let toml = format!("name = \"c\"\n[source]\nuser = \"u\"\n{source}\n[sink]\ntopic = \"{{prefix}}_{{database}}_{{table}}\"\n");
        let config = parse(&toml, &Surroundings::of_process(Path::new(""))).unwrap();
        config.source.chosen(text)
    }

    fn pair(database: &str, table: &str) -> (String, String) {
        (database.to_owned(), table.to_owned())
    }

    #[test]
    fn tables_are_named_as_in_the_configuration() {
        let one = "database = \"shop\"\ntables = \"orders,`a.b`\"";
        assert_eq!(
            chosen(one, "orders, shop.`a.b`,orders"),
            Ok(vec![pair("shop", "orders"), pair("shop", "a.b")])
        );
        let pattern = "database = [\"a\", \"b\"]\nauto_add = \"t.*\"";
        assert_eq!(chosen(pattern, "b.t1"), Ok(vec![pair("b", "t1")]));
        assert_eq!(chosen("tables = \"a.t\"", "t"), Ok(vec![pair("a", "t")]));
    }

    #[test]
    fn what_the_connector_does_not_have_is_refused_by_name() {
        let one = "database = \"shop\"\ntables = \"orders\"";
        for (text, part) in [
            ("items", "shop.items"),
            ("other.orders", "other.orders"),
            ("", "no table"),
            ("orders,", "empty"),
        ] {
            assert!(chosen(one, text).unwrap_err().contains(part), "{text}");
        }
        let several = "database = [\"a\", \"b\"]\ntables = \"a.t,b.t\"";
        assert!(chosen(several, "t").unwrap_err().contains("db.table"));
    }
}
