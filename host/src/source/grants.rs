//! What an account may do, from the statements that SHOW GRANTS prints.

use super::connection::Connection;
use super::schema::Flavor;
use crate::fault::Fault;

/// The grants of the connected account, its active roles' included.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// `user@host` as GRANT takes it.
    pub(super) account: String,
    lines: Vec<Grant>,
}

/// One GRANT or REVOKE of privileges.
#[derive(Debug)]
struct Grant {
    revoked: bool,
    /// Upper case; those of single columns are left out.
    privileges: Vec<String>,
    /// Pattern of databases; `*` is all.
    database: String,
    /// `*` is all.
    table: String,
}

impl Grants {
    /// Asks the server.
    ///
    /// # Errors
    /// As the statements'.
    pub(super) fn of(connection: &mut Connection, flavor: Flavor) -> Result<Self, Fault> {
        let account = connection.value("SELECT CURRENT_USER()")?.unwrap_or_default();
        // Servers without roles don't know the function; MariaDB shows the active role's grants unasked.
        let roles = match flavor {
            Flavor::Mysql => connection.value("SELECT CURRENT_ROLE()").ok().flatten(),
            Flavor::Mariadb => None,
        };
        let roles = roles.filter(|roles| roles != "NONE" && !roles.is_empty());
        let using = roles.map(|roles| format!(" FOR CURRENT_USER() USING {roles}")).unwrap_or_default();
        let rows = connection.query(&format!("SHOW GRANTS{using}"))?;
        let text = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        Ok(Self::parse(&account, text))
    }

    fn parse(account: &str, lines: impl Iterator<Item = String>) -> Self {
        let account = match account.rsplit_once('@') {
            Some((user, host)) => format!("'{user}'@'{host}'"),
            None => account.to_owned(),
        };
        Self {
            account,
            lines: lines.filter_map(|line| Grant::parse(&line)).collect(),
        }
    }

    /// Whether a privilege holds for everything.
    pub(super) fn global(&self, privilege: &str) -> bool {
        self.lines
            .iter()
            .any(|g| !g.revoked && g.has(privilege) && g.database == "*" && g.table == "*")
    }

    /// Whether a privilege holds for a table.
    pub(super) fn table(&self, privilege: &str, database: &str, table: &str) -> bool {
        let covers = |g: &&Grant| g.has(privilege) && like(&g.database, database) && (g.table == "*" || g.table == table);
        let granted = |global: bool| {
            self.lines
                .iter()
                .filter(covers)
                .any(|g| !g.revoked && (g.database == "*") == global)
        };
        let revoked = self.lines.iter().filter(covers).any(|g| g.revoked);
        granted(false) || (granted(true) && !revoked)
    }
}

impl Grant {
    fn parse(line: &str) -> Option<Self> {
        let (revoked, rest) = match line.strip_prefix("GRANT ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("REVOKE ")?),
        };
        // Grants of roles have no ON.
        let (privileges, rest) = rest.split_once(" ON ")?;
        let (scope, _) = rest.split_once(if revoked { " FROM " } else { " TO " })?;
        let mut names = scope.trim_start_matches("TABLE ").split('.');
        let mut name = || names.next().map(|name| name.trim_matches('`').replace("``", "`"));
        let (database, table) = (name()?, name()?);
        let privileges = split_outside_brackets(privileges)
            .filter(|p| !p.contains('('))
            .map(str::to_ascii_uppercase)
            .collect();
        Some(Self {
            revoked,
            privileges,
            database,
            table,
        })
    }

    /// `BINLOG MONITOR` is what MariaDB calls REPLICATION CLIENT from 10.5 on; it still takes the old name in GRANT.
    fn has(&self, privilege: &str) -> bool {
        self.privileges
            .iter()
            .any(|p| p == privilege || p == "ALL PRIVILEGES" || p == "ALL" || (p == "BINLOG MONITOR" && privilege == "REPLICATION CLIENT"))
    }
}

/// Splits at commas that are not within the column list of a privilege.
fn split_outside_brackets(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
}

/// Whether a name matches the pattern of a database in a GRANT: `%`, `_`, and both after a backslash for themselves.
fn like(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut pattern = pattern.chars();
    let mut name_chars = name.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = pattern.as_str();
            // Names have 64 characters at most, so trying every tail is cheap.
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| name.get(at..).is_some_and(|tail| like_rest(rest, tail)))
        }
        Some('_') => name_chars.next().is_some() && like_rest(pattern.as_str(), name_chars.as_str()),
        Some('\\') => pattern.next() == name_chars.next() && like_rest(pattern.as_str(), name_chars.as_str()),
        Some(c) => name_chars.next() == Some(c) && like_rest(pattern.as_str(), name_chars.as_str()),
    }
}

fn like_rest(pattern: &str, name: &str) -> bool {
    if pattern.is_empty() { name.is_empty() } else { like(pattern, name) }
}

#[cfg(test)]
mod tests {
    use super::Grants;

    fn grants(lines: &[&str]) -> Grants {
        Grants::parse("u@%", lines.iter().map(|line| (*line).to_owned()))
    }

    #[test]
    fn privileges_count_on_their_level_and_above() {
        let some = grants(&[
            "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`",
            "GRANT SELECT, INSERT ON `shop\\_1`.* TO `u`@`%`",
            "GRANT SELECT ON `a%`.* TO `u`@`%`",
            "GRANT SELECT ON `b`.`t` TO `u`@`%`",
            "GRANT SELECT (`x`, `y`), INSERT ON `c`.`t` TO `u`@`%`",
            "GRANT `reader`@`%` TO `u`@`%`",
        ]);
        assert!(some.global("REPLICATION SLAVE") && some.global("REPLICATION CLIENT") && !some.global("SELECT"));
        assert!(some.table("SELECT", "shop_1", "t") && !some.table("SELECT", "shopX1", "t"));
        assert!(some.table("SELECT", "abc", "t") && some.table("SELECT", "b", "t") && !some.table("SELECT", "b", "u"));
        assert!(!some.table("SELECT", "c", "t") && some.table("INSERT", "c", "t"));
        assert_eq!(some.account, "'u'@'%'");
    }

    #[test]
    fn all_privileges_are_all_and_partial_revokes_take_away() {
        let all = grants(&[
            "GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION",
            "REVOKE SELECT ON `secret`.* FROM `u`@`%`",
        ]);
        assert!(all.global("REPLICATION SLAVE") && all.table("SELECT", "a", "t"));
        assert!(!all.table("SELECT", "secret", "t"));
    }
}
