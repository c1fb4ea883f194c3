//! What a DDL statement does to the definitions of tables, as far as that can be undone: read exactly, or not at all. A statement
//! that is not understood to its last word may do anything to the tables that its text names.

use super::sql::{Dialect, Token, Tokens};

/// Database and table.
pub(super) type Id = (String, String);

/// One thing that a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A table is made.
    Create {
        /// Which.
        table: Id,
        /// The table whose definition it gets.
        like: Option<Id>,
        /// Nothing happens where it is there already.
        if_missing: bool,
        /// One that is there is dropped first.
        replace: bool,
    },
    /// A table is dropped.
    Drop(Id),
    /// All tables of a database are dropped.
    DropDatabase(String),
    /// A table gets another name.
    Rename {
        /// Before.
        from: Id,
        /// After.
        to: Id,
    },
    /// A table's definition changes. One without changes may have other indexes that are no keys, options or partitions.
    Alter {
        /// Which.
        table: Id,
        /// In the order of the statement, all at once.
        changes: Vec<Change>,
    },
}

/// A change of a table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A column is added.
    Add(String),
    /// A column is dropped.
    Drop(String),
    /// A column gets another name.
    Rename(String, String),
    /// A column's type is written anew.
    Redefine {
        /// Name before.
        old: String,
        /// Name after.
        new: String,
        /// It gets another place.
        moved: bool,
    },
    /// All texts get another character set.
    Convert,
    /// The primary key is made or dropped.
    PrimaryKey,
    /// A key that stands in for a missing primary key may be made or dropped.
    UniqueKey,
}

/// What a text does; `None` where it is not understood.
pub(super) fn steps(database: &str, text: &str, dialect: Dialect) -> Option<Vec<Step>> {
    let mut parser = Parser {
        tokens: Tokens::new(text, dialect),
        database,
    };
    let steps = parser.statement()?;
    while parser.tokens.mark(';') {}
    parser.at_end().then_some(steps)
}

/// What can be made, altered or dropped without a table's definition being touched.
const OTHERS: &str = "VIEW TRIGGER PROCEDURE FUNCTION EVENT USER ROLE SERVER TABLESPACE LOGFILE PACKAGE INSTANCE REFERENCE RESOURCE LIBRARY \
    MATERIALIZED DATABASE SCHEMA";
/// Statements that define nothing.
const HARMLESS: &str = "GRANT REVOKE FLUSH SET ANALYZE OPTIMIZE REPAIR CHECK INSERT UPDATE DELETE REPLACE INSTALL UNINSTALL";
/// Tokens that may stand before the word that says what is made: OR REPLACE, DEFINER = …, ALGORITHM = …
const MOST_MODIFIERS: usize = 24;
fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    database: &'a str,
}

impl Parser<'_> {
    fn statement(&mut self) -> Option<Vec<Step>> {
        let first = self.keyword()?;
        match first.as_str() {
            "SET" if self.tokens.word("STATEMENT") => {
                // MariaDB: SET STATEMENT variable = value FOR statement.
                while !self.tokens.next()?.is_word("FOR") {}
                self.statement()
            }
            // MariaDB's ALTER in two parts: it takes effect with the second one.
            "START" | "ROLLBACK" => self.rest(Vec::new()),
            "COMMIT" => {
                self.tokens.part()?;
                self.statement()
            }
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop(),
            "RENAME" => self.rename(),
            "TRUNCATE" => {
                self.tokens.word("TABLE");
                let table = self.table()?;
                self.rest(vec![Step::Alter {
                    table,
                    changes: Vec::new(),
                }])
            }
            word if is_among(HARMLESS, word) => self.rest(Vec::new()),
            _ => None,
        }
    }

    fn create(&mut self) -> Option<Vec<Step>> {
        let (object, seen) = self.object()?;
        match object.as_str() {
            "TABLE" if seen.temporary => self.rest(Vec::new()),
            "TABLE" => {
                let if_missing = self.tokens.if_exists();
                let table = self.table()?;
                let before = self.tokens.clone();
                let _ = self.tokens.mark('(');
                let like = if self.tokens.word("LIKE") { Some(self.table()?) } else { None };
                if like.is_none() {
                    self.tokens = before;
                }
                let replace = seen.replace;
                self.rest(vec![Step::Create {
                    table,
                    like,
                    if_missing,
                    replace,
                }])
            }
            "INDEX" => self.index(seen.unique || seen.replace),
            other if is_among(OTHERS, other) => self.rest(Vec::new()),
            _ => None,
        }
    }

    /// The rest of CREATE and DROP INDEX.
    fn index(&mut self, unique: bool) -> Option<Vec<Step>> {
        self.tokens.if_exists();
        self.tokens.part()?;
        while !self.tokens.next()?.is_word("ON") {}
        let table = self.table()?;
        let changes = if unique { vec![Change::UniqueKey] } else { Vec::new() };
        self.rest(vec![Step::Alter { table, changes }])
    }

    fn drop(&mut self) -> Option<Vec<Step>> {
        let (object, seen) = self.object()?;
        match object.as_str() {
            "TABLE" | "TABLES" if seen.temporary => self.rest(Vec::new()),
            "TABLE" | "TABLES" => {
                self.tokens.if_exists();
                let mut steps = vec![Step::Drop(self.table()?)];
                while self.tokens.mark(',') {
                    steps.push(Step::Drop(self.table()?));
                }
                let _ = self.tokens.word("RESTRICT") || self.tokens.word("CASCADE");
                self.wait()?;
                Some(steps)
            }
            "INDEX" => self.index(true),
            "DATABASE" | "SCHEMA" => {
                self.tokens.if_exists();
                Some(vec![Step::DropDatabase(self.tokens.part()?)])
            }
            other if is_among(OTHERS, other) => self.rest(Vec::new()),
            _ => None,
        }
    }

    fn rename(&mut self) -> Option<Vec<Step>> {
        if self.tokens.word("USER") {
            return self.rest(Vec::new());
        }
        if !(self.tokens.word("TABLE") || self.tokens.word("TABLES")) {
            return None;
        }
        self.tokens.if_exists();
        let mut steps = Vec::new();
        loop {
            let from = self.table()?;
            self.wait()?;
            self.expect("TO")?;
            steps.push(Step::Rename { from, to: self.table()? });
            if !self.tokens.mark(',') {
                return Some(steps);
            }
        }
    }

    fn alter(&mut self) -> Option<Vec<Step>> {
        let (object, _) = self.object()?;
        if object != "TABLE" {
            return is_among(OTHERS, &object).then_some(()).and_then(|()| self.rest(Vec::new()));
        }
        self.tokens.if_exists();
        let table = self.table()?;
        self.wait()?;
        let (mut changes, mut renamed) = (Vec::new(), None);
        while !self.at_end() {
            self.clause(&mut changes, &mut renamed)?;
            if !self.tokens.mark(',') && !self.at_end() {
                // Partitions may follow without a comma; that is the end of the statement.
                let partitions = self.tokens.word("PARTITION") || self.tokens.word("REMOVE");
                partitions.then(|| self.everything())??;
            }
        }
        let mut steps = vec![Step::Alter {
            table: table.clone(),
            changes,
        }];
        steps.extend(renamed.map(|to| Step::Rename { from: table, to }));
        Some(steps)
    }

    /// What is made, altered or dropped, and the words before it that matter.
    fn object(&mut self) -> Option<(String, Seen)> {
        let mut seen = Seen::default();
        for _ in 0..MOST_MODIFIERS {
            let token = self.tokens.next()?;
            let Token::Word(word) = &token else { continue };
            let word = word.to_ascii_uppercase();
            match word.as_str() {
                "TEMPORARY" => seen.temporary = true,
                "REPLACE" => seen.replace = true,
                "UNIQUE" => seen.unique = true,
                // MariaDB's, which are tables in their own way.
                "SEQUENCE" => return None,
                "TABLE" | "TABLES" | "INDEX" => return Some((word, seen)),
                other if is_among(OTHERS, other) => return Some((word, seen)),
                _ => {}
            }
        }
        None
    }

    /// A column's name. One that need not be there makes the statement one of two.
    fn column(&mut self) -> Option<String> {
        if self.tokens.if_exists() {
            return None;
        }
        self.tokens.part()
    }

    fn table(&mut self) -> Option<Id> {
        self.tokens.table(self.database)
    }

    fn keyword(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Word(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        self.tokens.word(word).then_some(())
    }

    /// MariaDB: WAIT n, NOWAIT.
    fn wait(&mut self) -> Option<()> {
        if self.tokens.word("WAIT") {
            self.tokens.part()?;
        }
        self.tokens.word("NOWAIT");
        Some(())
    }

    /// Passes over the rest of a clause.
    fn value(&mut self) -> Option<()> {
        while !self.at_clause_end() {
            match self.tokens.next()? {
                Token::Mark('(') => self.tokens.group()?,
                token if token.is_word("PARTITION") => self.everything()?,
                _ => {}
            }
        }
        Some(())
    }

    /// Passes over the rest of the statement.
    fn everything(&mut self) -> Option<()> {
        while self.tokens.next().is_some() {}
        Some(())
    }

    fn rest(&mut self, steps: Vec<Step>) -> Option<Vec<Step>> {
        self.everything()?;
        Some(steps)
    }

    fn at_clause_end(&mut self) -> bool {
        matches!(self.tokens.clone().next(), None | Some(Token::Mark(',' | ')' | ';')))
    }

    fn at_end(&mut self) -> bool {
        matches!(self.tokens.clone().next(), None | Some(Token::Mark(';')))
    }
}

/// Words before the one that says what is made.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    temporary: bool,
    replace: bool,
    unique: bool,
}

mod alter;
#[cfg(test)]
mod tests;
