//! What a DDL statement does, and to which tables, from its own text. Tolerant: a statement that is not understood touches no
//! table. What a table looks like is never taken from here.

use super::sql::{Dialect, Token, Tokens};

/// What a DDL statement does, by its first words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// CREATE TABLE, CREATE DATABASE.
    Create,
    /// ALTER TABLE, whatever it alters; ALTER DATABASE.
    Alter,
    /// DROP TABLE, DROP DATABASE.
    Erase,
    /// TRUNCATE.
    Truncate,
    /// RENAME TABLE.
    Rename,
    /// CREATE INDEX.
    CreateIndex,
    /// DROP INDEX.
    DropIndex,
    /// Anything else.
    Query,
}

impl Operation {
    /// As records name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Alter => "ALTER",
            Self::Erase => "ERASE",
            Self::Truncate => "TRUNCATE",
            Self::Rename => "RENAME",
            Self::CreateIndex => "CINDEX",
            Self::DropIndex => "DINDEX",
            Self::Query => "QUERY",
        }
    }
}

/// A DDL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub operation: Operation,
    /// Database and table of each table that it makes, changes, renames (both names) or drops; each once, in order.
    pub tables: Vec<(String, String)>,
    /// The database that it drops, with all tables in it.
    pub dropped_database: Option<String>,
    /// It makes a table with rows in it that the log does not tell: CREATE TABLE … SELECT, logged as a statement. Where rows are
    /// logged the server writes the columns in place of the query.
    pub fills: bool,
}

impl Statement {
    /// Reads a statement whose unqualified names belong to `database`.
    pub(super) fn parse(database: &str, text: &str, dialect: Dialect) -> Self {
        let mut parser = Parser {
            tokens: Tokens::new(text, dialect),
            database,
            tables: Vec::new(),
            dropped: None,
            fills: false,
        };
        let operation = parser.statement();
        Self {
            operation,
            tables: parser.tables,
            dropped_database: parser.dropped,
            fills: parser.fills,
        }
    }
}

/// Words that may stand between CREATE or DROP and what is made or dropped, the parts of DEFINER and ALGORITHM left out:
/// these are passed over as they come, up to this many tokens.
const MOST_MODIFIERS: usize = 24;

/// What can be made, dropped or altered; only the first three groups have tables.
const OBJECTS: [&str; 18] = [
    "TABLE",
    "TABLES",
    "INDEX",
    "DATABASE",
    "SCHEMA",
    "VIEW",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "EVENT",
    "USER",
    "ROLE",
    "SERVER",
    "TABLESPACE",
    "LOGFILE",
    "SEQUENCE",
    "PACKAGE",
    "INSTANCE",
];

struct Parser<'a> {
    tokens: Tokens<'a>,
    database: &'a str,
    tables: Vec<(String, String)>,
    dropped: Option<String>,
    fills: bool,
}

impl Parser<'_> {
    fn statement(&mut self) -> Operation {
        if self.word("SET") {
            // MariaDB: SET STATEMENT variable = value FOR statement.
            while let Some(token) = self.tokens.next() {
                if token.is_word("FOR") {
                    break;
                }
            }
        }
        let Some(Token::Word(first)) = self.tokens.next() else {
            return Operation::Query;
        };
        match first.to_ascii_uppercase().as_str() {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop(),
            "TRUNCATE" => {
                self.word("TABLE");
                self.table();
                Operation::Truncate
            }
            "RENAME" => self.rename(),
            "ANALYZE" | "OPTIMIZE" | "REPAIR" => {
                let _ = self.word("NO_WRITE_TO_BINLOG") || self.word("LOCAL");
                if self.word("TABLE") || self.word("TABLES") {
                    self.list();
                }
                Operation::Query
            }
            _ => Operation::Query,
        }
    }

    fn create(&mut self) -> Operation {
        match self.object() {
            Some("TABLE") => {
                self.table();
                self.fills = self.query_follows();
                Operation::Create
            }
            Some("INDEX") => {
                self.after_on();
                Operation::CreateIndex
            }
            Some("DATABASE" | "SCHEMA") => Operation::Create,
            _ => Operation::Query,
        }
    }

    /// Whether a query follows, in the definition of a table: no other part of it has these words without quotes.
    fn query_follows(&mut self) -> bool {
        let mut depth = 0_u32;
        while let Some(token) = self.tokens.next() {
            match &token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                token if token.is_word("SELECT") => return true,
                token if depth == 0 && (token.is_word("TABLE") || token.is_word("VALUES")) => return true,
                _ => {}
            }
        }
        false
    }

    fn alter(&mut self) -> Operation {
        match self.object() {
            Some("TABLE") => self.alter_table(),
            Some("DATABASE" | "SCHEMA") => return Operation::Alter,
            _ => return Operation::Query,
        }
        Operation::Alter
    }

    /// RENAME TO, EXCHANGE PARTITION … WITH TABLE and MariaDB's CONVERT PARTITION … TO TABLE name another table.
    fn alter_table(&mut self) {
        self.table();
        let mut depth = 0_u32;
        while let Some(token) = self.tokens.next() {
            match &token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                Token::Word(_) if depth > 0 => {}
                Token::Word(_) if token.is_word("TABLE") => self.table(),
                Token::Word(_) if token.is_word("RENAME") => self.new_name(),
                _ => {}
            }
        }
    }

    /// What follows RENAME within ALTER TABLE: the table's new name, or a part of it.
    fn new_name(&mut self) {
        if !["COLUMN", "INDEX", "KEY", "CONSTRAINT"].iter().any(|word| self.word(word)) {
            let _ = self.word("TO") || self.word("AS") || self.tokens.mark('=');
            self.table();
        }
    }

    fn drop(&mut self) -> Operation {
        match self.object() {
            Some("TABLE" | "TABLES") => {
                self.list();
                Operation::Erase
            }
            Some("INDEX") => {
                self.after_on();
                Operation::DropIndex
            }
            Some("DATABASE" | "SCHEMA") => {
                self.tokens.if_exists();
                self.dropped = self.tokens.part();
                Operation::Erase
            }
            _ => Operation::Query,
        }
    }

    fn rename(&mut self) -> Operation {
        if !(self.word("TABLE") || self.word("TABLES")) {
            return Operation::Query;
        }
        loop {
            self.table();
            // MariaDB: WAIT n, NOWAIT.
            let _ = self.word("NOWAIT") || (self.word("WAIT") && self.tokens.part().is_some());
            if !self.word("TO") {
                break;
            }
            self.table();
            if !self.tokens.mark(',') {
                break;
            }
        }
        Operation::Rename
    }

    /// What is made or dropped; `None` for a temporary table too, which belongs to one session.
    fn object(&mut self) -> Option<&'static str> {
        let mut temporary = false;
        for _ in 0..MOST_MODIFIERS {
            let token = self.tokens.next()?;
            temporary |= token.is_word("TEMPORARY");
            if let Some(object) = OBJECTS.into_iter().find(|object| token.is_word(object)) {
                return Some(object).filter(|_| !temporary);
            }
        }
        None
    }

    /// The table after ON.
    fn after_on(&mut self) {
        while let Some(token) = self.tokens.next() {
            if token.is_word("ON") {
                self.table();
                return;
            }
        }
    }

    fn list(&mut self) {
        loop {
            self.table();
            if !self.tokens.mark(',') {
                return;
            }
        }
    }

    /// A table's name, `IF NOT EXISTS` or `IF EXISTS` before it.
    fn table(&mut self) {
        self.tokens.if_exists();
        let name = self.tokens.table(self.database);
        if let Some(name) = name.filter(|name| !self.tables.contains(name)) {
            self.tables.push(name);
        }
    }

    fn word(&mut self, word: &str) -> bool {
        self.tokens.word(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Statement};

    fn parsed(text: &str, dialect: Dialect) -> String {
        let statement = Statement::parse("d", text, dialect);
        let tables: Vec<String> = statement
            .tables
            .iter()
            .map(|(database, table)| format!("{database}.{table}"))
            .collect();
        let dropped = statement.dropped_database.map(|name| format!(" all of {name}")).unwrap_or_default();
        format!("{} {}{dropped}", statement.operation.name(), tables.join(" "))
    }

    #[test]
    fn statements_are_classified_and_their_tables_found() {
        for (text, expected) in [
            ("CREATE TABLE t (a int)", "CREATE d.t"),
            ("create table if not exists `x`.`t` like `y`.`s`", "CREATE x.t"),
            ("CREATE TABLE x . t SELECT * FROM y", "CREATE x.t"),
            ("CREATE OR REPLACE TABLE `a``b` (c int)", "CREATE d.a`b"),
            ("CREATE TEMPORARY TABLE t (a int)", "QUERY "),
            ("CREATE TABLE `if` (a int)", "CREATE d.if"),
            ("ALTER TABLE t ADD INDEX (a), COMMENT 'x; RENAME TO y'", "ALTER d.t"),
            ("ALTER TABLE t RENAME TO x.u", "ALTER d.t x.u"),
            ("ALTER TABLE t RENAME u, ADD c INT", "ALTER d.t d.u"),
            ("ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO j", "ALTER d.t"),
            (
                "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x.s WITHOUT VALIDATION",
                "ALTER d.t x.s",
            ),
            ("ALTER TABLE t TRUNCATE PARTITION p0, p1", "ALTER d.t"),
            ("ALTER TABLE t ADD PARTITION (PARTITION rename VALUES LESS THAN (9))", "ALTER d.t"),
            ("DROP TABLE IF EXISTS a, x.b , `c` /* generated by server */", "ERASE d.a x.b d.c"),
            ("DROP TEMPORARY TABLE IF EXISTS a", "QUERY "),
            ("DROP DATABASE IF EXISTS x", "ERASE  all of x"),
            ("DROP INDEX `on` ON t", "DINDEX d.t"),
            ("CREATE UNIQUE INDEX i USING BTREE ON x.t (a)", "CINDEX x.t"),
            ("TRUNCATE t", "TRUNCATE d.t"),
            ("TRUNCATE TABLE `x`.`t`", "TRUNCATE x.t"),
            ("RENAME TABLE t TO _t_old, _t_new TO t", "RENAME d.t d._t_old d._t_new"),
            ("RENAME TABLES a WAIT 5 TO b", "RENAME d.a d.b"),
            ("RENAME USER a TO b", "QUERY "),
            ("OPTIMIZE TABLE t", "QUERY d.t"),
            (
                "CREATE DEFINER=`root`@`%` TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
                "QUERY ",
            ),
            ("CREATE VIEW t AS SELECT 1", "QUERY "),
            ("GRANT ALL ON t TO u", "QUERY "),
            ("SET STATEMENT max_statement_time=1 FOR DROP TABLE t", "ERASE d.t"),
            ("CREATE TABLE 表 (a int)", "CREATE d.表"),
            ("", "QUERY "),
            ("DROP TABLE", "ERASE "),
            ("ALTER TABLE `never closed", "ALTER d.never closed"),
        ] {
            assert_eq!(parsed(text, Dialect::default()), expected, "{text}");
        }
    }

    #[test]
    fn a_table_made_with_rows_by_the_statement_itself_is_recognised() {
        let fills = |text: &str| Statement::parse("d", text, Dialect::default()).fills;
        for text in [
            "CREATE TABLE t SELECT 1",
            "CREATE TABLE t (a int) ENGINE=x AS (SELECT * FROM u)",
            "CREATE TABLE t (a int) IGNORE WITH q AS (SELECT 1) TABLE q",
            "CREATE TABLE t TABLE u",
            "CREATE TABLE t VALUES ROW(1)",
        ] {
            assert!(fills(text), "{text}");
        }
        for text in [
            "CREATE TABLE `t` (\n  `k` int NOT NULL DEFAULT '0'\n) START TRANSACTION",
            "CREATE TABLE t LIKE u",
            "CREATE TABLE t (`select` int COMMENT 'SELECT') PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (9))",
            "CREATE TABLE t (a int) UNION=(u, v) INSERT_METHOD=LAST TABLESPACE x",
            "CREATE TEMPORARY TABLE t SELECT 1",
            "CREATE VIEW v AS SELECT 1",
        ] {
            assert!(!fills(text), "{text}");
        }
    }

    #[test]
    fn comments_that_the_server_executes_count_and_others_do_not() {
        let mysql = Dialect {
            version: 80_400,
            ..Dialect::default()
        };
        let mariadb = Dialect {
            version: 101_106,
            mariadb: true,
            ..Dialect::default()
        };
        for (text, on_mysql, on_mariadb) in [
            ("/* DROP */ -- x\n # y\nTRUNCATE/**/t", "TRUNCATE d.t", "TRUNCATE d.t"),
            ("/*!40000 ALTER TABLE t ENGINE=x */", "ALTER d.t", "ALTER d.t"),
            ("/*!99999 ALTER */ TRUNCATE TABLE t", "TRUNCATE d.t", "TRUNCATE d.t"),
            ("DROP TABLE t /*!80000 , u */", "ERASE d.t d.u", "ERASE d.t"),
            ("DROP TABLE t /*M! , u */", "ERASE d.t", "ERASE d.t d.u"),
            ("DROP TABLE t /*M!100500 , u */ , v", "ERASE d.t d.v", "ERASE d.t d.u d.v"),
            ("CREATE TABLE /*!32312 IF NOT EXISTS*/ t (a int)", "CREATE d.t", "CREATE d.t"),
        ] {
            assert_eq!(parsed(text, mysql), on_mysql, "{text}");
            assert_eq!(parsed(text, mariadb), on_mariadb, "{text}");
        }
    }

    #[test]
    fn double_quotes_are_names_where_the_session_says_so() {
        let ansi = Dialect {
            ansi_quotes: true,
            ..Dialect::default()
        };
        assert_eq!(parsed(r#"ALTER TABLE "a b"."c""d" ADD e int"#, ansi), "ALTER a b.c\"d");
        assert_eq!(
            parsed(r#"ALTER TABLE t COMMENT "x\" RENAME TO y""#, Dialect::default()),
            "ALTER d.t"
        );
        let plain = Dialect {
            no_backslash_escapes: true,
            ..Dialect::default()
        };
        assert_eq!(parsed(r"ALTER TABLE t COMMENT 'x\', RENAME TO y", plain), "ALTER d.t d.y");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(CREATE|DROP|ALTER|TABLE|RENAME|TO|[ `'\"(),./*!#\\\\-]|[a-z0-9é])*") {
            let _ = parsed(&text, Dialect::default());
        }
    }
}
