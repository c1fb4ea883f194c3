//! Whether foreign keys change rows of chosen tables without the log telling: before MySQL 9.6 and on MariaDB the storage engine
//! does that by itself.

use super::{Finding, Level};
use crate::fault::Fault;
use crate::source::connection::Connection;
use crate::source::discovery::TableRef;
use crate::source::schema::Server;
use crate::source::sql::{Dialect, Token, Tokens};

/// Who carries out what foreign keys ask for: `OFF` is the server, which logs it; it is not there on servers that can't.
const VARIABLE: &str = "innodb_native_foreign_keys";

/// A line for each chosen table whose rows change unseen.
pub(super) fn cascades(
    connection: &mut Connection,
    server: &Server,
    tables: &[TableRef],
    findings: &mut Vec<Finding>,
) -> Result<(), Fault> {
    let native = connection.global(VARIABLE)?;
    if native.as_deref() == Some("OFF") {
        return Ok(());
    }
    let dialect = Dialect::of_server(&server.version);
    for TableRef { database, name, .. } in tables {
        let quoted = |name: &str| name.replace('`', "``");
        let sql = format!("SHOW CREATE TABLE `{}`.`{}`", quoted(database), quoted(name));
        // A table that is gone meanwhile has no foreign keys.
        let Ok(rows) = connection.query(&sql) else { continue };
        let text = rows.into_iter().next().and_then(|row| row.into_iter().nth(1)).flatten();
        if !text.is_some_and(|text| is_changed_by_keys(&text, dialect)) {
            continue;
        }
        let message = format!(
            "a foreign key of {database}.{name} has CASCADE or SET NULL, and the server does not log what that changes: such changes do not arrive"
        );
        let mend = if native.is_some() {
            "start the server with innodb_native_foreign_keys=OFF"
        } else {
            "change rows of the table by statements or triggers, or use MySQL 9.6 or later"
        };
        findings.push(Finding::new(Level::Warn, format!("table {database}.{name}"), message, mend));
    }
    Ok(())
}

/// Whether a CREATE TABLE statement has `ON DELETE` or `ON UPDATE` with `CASCADE` or `SET` (NULL, DEFAULT).
fn is_changed_by_keys(text: &str, dialect: Dialect) -> bool {
    let mut tokens = Tokens::new(text, dialect);
    let mut last: [Option<Token<'_>>; 2] = [None, None];
    while let Some(token) = tokens.next() {
        let is = |at: &Option<Token<'_>>, words: [&str; 2]| at.as_ref().is_some_and(|token| words.iter().any(|word| token.is_word(word)));
        let [on, event] = &last;
        if is(on, ["ON", "ON"]) && is(event, ["DELETE", "UPDATE"]) && (token.is_word("CASCADE") || token.is_word("SET")) {
            return true;
        }
        let [_, event] = last;
        last = [event, Some(token)];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Dialect, is_changed_by_keys};

    #[test]
    fn only_what_a_foreign_key_changes_counts() {
        let changed = |text: &str| is_changed_by_keys(text, Dialect::default());
        let keyed = |rule: &str| format!("CREATE TABLE t (p int, CONSTRAINT `k` FOREIGN KEY (p) REFERENCES q (id) {rule}) ENGINE=InnoDB");
        for rule in [
            "ON DELETE CASCADE",
            "ON DELETE NO ACTION ON UPDATE CASCADE",
            "ON DELETE SET NULL",
            "on update set default",
        ] {
            assert!(changed(&keyed(rule)), "{rule}");
        }
        for rule in ["", "ON DELETE RESTRICT ON UPDATE NO ACTION"] {
            assert!(!changed(&keyed(rule)), "{rule}");
        }
        assert!(!changed("CREATE TABLE t (a timestamp DEFAULT 0 ON UPDATE current_timestamp())"));
        assert!(!changed(
            "CREATE TABLE t (a int COMMENT 'ON DELETE CASCADE', `ON DELETE CASCADE` int)"
        ));
    }
}
