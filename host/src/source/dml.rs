//! Which tables a statement changes where the log has the statement in place of the rows: from its own text, and only where that
//! is certain. What triggers, foreign keys, functions and views change besides is not in the text.

use super::sql::{Dialect, Token, Tokens};

/// What a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    /// Rows of these tables, by database and name, or of some of them; of no others.
    Tables(Vec<(String, String)>),
    /// Nobody can tell.
    Unknown,
}

impl Changed {
    /// Reads a statement whose unqualified names belong to `database`.
    pub(super) fn of(database: &str, text: &str, dialect: Dialect) -> Self {
        let mut parser = Parser {
            tokens: Tokens::new(text, dialect),
            database,
        };
        // A name that could not be decoded is no name.
        let is_read = |(database, table): &Id| !database.contains('\u{fffd}') && !table.contains('\u{fffd}');
        match parser.statement() {
            Some(mut tables) if tables.iter().all(is_read) => {
                tables.sort();
                tables.dedup();
                Self::Tables(tables)
            }
            _ => Self::Unknown,
        }
    }
}

/// Database and table.
type Id = (String, String);

/// A table that a statement reads or changes, by the name that it has within the statement.
struct Reference {
    /// In lower case: aliases do not differ by case everywhere.
    alias: String,
    /// None: a query.
    table: Option<Id>,
}

/// What ends the references of UPDATE and DELETE.
const ENDS: [&str; 5] = ["SET", "WHERE", "ORDER", "LIMIT", "RETURNING"];
/// Words behind a reference that are no alias of it.
const NO_ALIASES: [&str; 16] = [
    "PARTITION",
    "USE",
    "IGNORE",
    "FORCE",
    "FOR",
    "INNER",
    "CROSS",
    "LEFT",
    "RIGHT",
    "OUTER",
    "NATURAL",
    "JOIN",
    "STRAIGHT_JOIN",
    "ON",
    "USING",
    "FULL",
];

struct Parser<'a> {
    tokens: Tokens<'a>,
    database: &'a str,
}

impl Parser<'_> {
    fn statement(&mut self) -> Option<Vec<Id>> {
        if self.tokens.word("SET") {
            // MariaDB: SET STATEMENT variable = value FOR statement.
            while !self.tokens.next()?.is_word("FOR") {}
        }
        let Token::Word(first) = self.tokens.next()? else { return None };
        match first.to_ascii_uppercase().as_str() {
            "WITH" => self.after_common_tables(),
            word => self.change(word),
        }
    }

    /// What follows the definitions after WITH: the first of these words that is in no parentheses.
    fn after_common_tables(&mut self) -> Option<Vec<Id>> {
        loop {
            match self.tokens.next()? {
                Token::Mark('(') => self.tokens.group()?,
                Token::Word(word)
                    if ["UPDATE", "DELETE", "INSERT", "REPLACE"]
                        .iter()
                        .any(|name| word.eq_ignore_ascii_case(name)) =>
                {
                    return self.change(&word.to_ascii_uppercase());
                }
                Token::Word(word) if word.eq_ignore_ascii_case("SELECT") => return None,
                _ => {}
            }
        }
    }

    fn change(&mut self, word: &str) -> Option<Vec<Id>> {
        match word {
            "INSERT" | "REPLACE" => {
                self.pass(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"]);
                Some(vec![self.tokens.table(self.database)?])
            }
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "LOAD" => loop {
                if self.tokens.next()?.is_word("INTO") && self.tokens.word("TABLE") {
                    return Some(vec![self.tokens.table(self.database)?]);
                }
            },
            _ => None,
        }
    }

    fn update(&mut self) -> Option<Vec<Id>> {
        self.pass(&["LOW_PRIORITY", "IGNORE"]);
        let (references, end) = self.references()?;
        if !end.is_some_and(|end| end.is_word("SET")) {
            return None;
        }
        let mut changed = Vec::new();
        loop {
            let first = self.tokens.part()?;
            let second = if self.tokens.mark('.') { Some(self.tokens.part()?) } else { None };
            let third = if self.tokens.mark('.') { Some(self.tokens.part()?) } else { None };
            match (second, third) {
                (None, _) => changed.extend(references.iter().filter_map(|reference| reference.table.clone())),
                (Some(_), None) => changed.push(find(&references, &first)?),
                (Some(table), Some(_)) => changed.push((first, table)),
            }
            if !self.next_assignment()? {
                return Some(changed);
            }
        }
    }

    /// Passes over a value; whether another assignment follows.
    fn next_assignment(&mut self) -> Option<bool> {
        if !(self.tokens.mark('=') || self.tokens.mark(':') && self.tokens.mark('=')) {
            return None;
        }
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Mark('(') => self.tokens.group()?,
                Token::Mark(',') => return Some(true),
                token if ends(&token) => return Some(false),
                _ => {}
            }
        }
        Some(false)
    }

    fn delete(&mut self) -> Option<Vec<Id>> {
        self.pass(&["LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY"]);
        if !self.tokens.word("FROM") {
            let targets = self.targets()?;
            if !self.tokens.word("FROM") {
                return None;
            }
            let (references, _) = self.references()?;
            return targets
                .into_iter()
                .map(|target| resolve(&references, target, self.database))
                .collect();
        }
        let targets = self.targets()?;
        if self.tokens.word("USING") {
            let (references, _) = self.references()?;
            return targets
                .into_iter()
                .map(|target| resolve(&references, target, self.database))
                .collect();
        }
        // One table, perhaps with an alias.
        let [(database, table)] = <[Target; 1]>::try_from(targets).ok()?;
        Some(vec![(database.unwrap_or_else(|| self.database.to_owned()), table)])
    }

    /// The tables that DELETE names as those to delete from, `.*` behind them or not.
    fn targets(&mut self) -> Option<Vec<Target>> {
        let mut targets = Vec::new();
        loop {
            let first = self.tokens.part()?;
            let target = match self.tokens.mark('.') {
                true if self.tokens.mark('*') => (None, first),
                true => {
                    let table = self.tokens.part()?;
                    if self.tokens.mark('.') && !self.tokens.mark('*') {
                        return None;
                    }
                    (Some(first), table)
                }
                false => (None, first),
            };
            targets.push(target);
            if !self.tokens.mark(',') {
                return Some(targets);
            }
        }
    }

    /// Table references up to what ends them, which is given too.
    fn references(&mut self) -> Option<(Vec<Reference>, Option<Token<'_>>)> {
        let mut found = Vec::new();
        let (mut groups, mut wanted, mut may_have_alias) = (0_u32, true, false);
        loop {
            if wanted {
                if self.tokens.mark('(') {
                    if !self.is_query() {
                        groups += 1;
                        continue;
                    }
                    self.tokens.group()?;
                    found.push(Reference {
                        alias: String::new(),
                        table: None,
                    });
                } else {
                    found.push(self.reference()?);
                }
                (wanted, may_have_alias) = (false, true);
                continue;
            }
            let before = self.tokens.clone();
            let Some(token) = self.tokens.next() else {
                return Some((found, None));
            };
            match &token {
                Token::Mark(',') => wanted = true,
                Token::Mark('(') => self.tokens.group()?,
                Token::Mark(')') => groups = groups.checked_sub(1)?,
                Token::Word(_) if token.is_word("JOIN") || token.is_word("STRAIGHT_JOIN") => wanted = true,
                token if groups == 0 && ends(token) => {
                    self.tokens = before;
                    return Some((found, self.tokens.next()));
                }
                Token::Word(_) if token.is_word("AS") => continue,
                Token::Word(_) | Token::Name(_) if may_have_alias && !NO_ALIASES.iter().any(|word| token.is_word(word)) => {
                    if let (Some(reference), Some(alias)) = (found.last_mut(), name(&token)) {
                        reference.alias = alias.to_lowercase();
                    }
                }
                _ => {}
            }
            may_have_alias = false;
        }
    }

    /// One table, or a function that gives one.
    fn reference(&mut self) -> Option<Reference> {
        self.tokens.word("LATERAL");
        if self.tokens.mark('(') {
            self.tokens.group()?;
            return Some(Reference {
                alias: String::new(),
                table: None,
            });
        }
        let table = self.tokens.table(self.database)?;
        if table.1.eq_ignore_ascii_case("JSON_TABLE") && self.tokens.mark('(') {
            self.tokens.group()?;
            return Some(Reference {
                alias: String::new(),
                table: None,
            });
        }
        Some(Reference {
            alias: table.1.to_lowercase(),
            table: Some(table),
        })
    }

    /// Whether a query follows an opening parenthesis.
    fn is_query(&self) -> bool {
        let mut ahead = self.tokens.clone();
        while ahead.mark('(') {}
        let first = ahead.next();
        first.is_some_and(|token| ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|word| token.is_word(word)))
    }

    /// Passes over these words.
    fn pass(&mut self, words: &[&str]) {
        while words.iter().any(|word| self.tokens.word(word)) {}
    }
}

/// A table as DELETE names it: the database, where it is written.
type Target = (Option<String>, String);

fn resolve(references: &[Reference], (database, table): Target, default: &str) -> Option<Id> {
    match database {
        Some(database) => Some((database, table)),
        None => find(references, &table).or_else(|| Some((default.to_owned(), table))),
    }
}

/// The table that has this name within a statement; none where it is none or a query.
fn find(references: &[Reference], alias: &str) -> Option<Id> {
    let alias = alias.to_lowercase();
    let found = references.iter().find(|reference| reference.alias == alias);
    found.and_then(|reference| reference.table.clone())
}

fn name(token: &Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some((*word).to_owned()),
        Token::Name(name) => Some(name.clone()),
        _ => None,
    }
}

fn ends(token: &Token<'_>) -> bool {
    ENDS.iter().any(|word| token.is_word(word))
}

#[cfg(test)]
mod tests {
    use super::{Changed, Dialect};

    fn changed(text: &str) -> String {
        match Changed::of("d", text, Dialect::default()) {
            Changed::Tables(tables) => {
                let names: Vec<String> = tables.iter().map(|(database, table)| format!("{database}.{table}")).collect();
                names.join(" ")
            }
            Changed::Unknown => "?".to_owned(),
        }
    }

    #[test]
    fn the_tables_that_a_statement_changes_are_found_and_those_that_it_reads_are_not() {
        for (text, expected) in [
            ("INSERT INTO t VALUES (1)", "d.t"),
            ("insert low_priority ignore `x`.`t` select * from u", "x.t"),
            ("INSERT/**/INTO t SET a = 1", "d.t"),
            ("REPLACE DELAYED t (a) VALUES (1)", "d.t"),
            ("INSERT INTO t (a) SELECT a FROM u ON DUPLICATE KEY UPDATE b = 1", "d.t"),
            ("UPDATE t SET a = (SELECT MAX(b) FROM u), c = 2 WHERE d IN (SELECT 1)", "d.t"),
            ("UPDATE LOW_PRIORITY IGNORE x.t AS y SET y.a = 1 ORDER BY b LIMIT 3", "x.t"),
            ("UPDATE t, u SET t.a = u.a", "d.t"),
            ("UPDATE t JOIN u ON t.a = u.a AND u.b IN (1, 2) SET t.b = 1, u.b = 2", "d.t d.u"),
            ("UPDATE t a LEFT JOIN x.u b USING (c, d) SET B.a = a.a", "x.u"),
            ("UPDATE (t CROSS JOIN (u, v)) SET v.a = t.a", "d.v"),
            ("UPDATE t JOIN (SELECT * FROM u) q ON q.a = t.a SET t.b = q.b", "d.t"),
            ("UPDATE t USE INDEX (i, j), u SET b = 1", "d.t d.u"),
            ("UPDATE t PARTITION (p0, p1) SET b = 1", "d.t"),
            ("UPDATE t SET x.t.b = 1", "x.t"),
            ("UPDATE t SET z.b = 1", "?"),
            ("UPDATE t FOR PORTION OF p FROM 1 TO 2 SET b = 1", "d.t"),
            ("DELETE FROM t", "d.t"),
            ("DELETE QUICK FROM x.t y WHERE a IN (SELECT a FROM u)", "x.t"),
            ("DELETE FROM `d`.`memory_table`", "d.memory_table"),
            ("DELETE HISTORY FROM t", "d.t"),
            ("DELETE t FROM t JOIN u ON t.a = u.a WHERE u.b", "d.t"),
            ("DELETE a.*, x.v FROM t AS a, u, x.v", "d.t x.v"),
            ("DELETE FROM a, u.* USING t a JOIN u", "d.t d.u"),
            (
                "LOAD DATA LOCAL INFILE 'into table z' REPLACE INTO TABLE `t` FIELDS TERMINATED BY ',' (a)",
                "d.t",
            ),
            ("WITH q AS (SELECT 1 FROM u UPDATE) UPDATE t JOIN q SET t.a = 1", "d.t"),
            (
                "WITH RECURSIVE q (i) AS (SELECT 1) DELETE FROM t USING t JOIN q ON q.i = t.a",
                "d.t",
            ),
            ("WITH q AS (SELECT 1) SELECT f()", "?"),
            ("SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)", "d.t"),
            ("/*!40000 INSERT */ INTO t VALUES (1)", "d.t"),
            ("SELECT `d`.`f`()", "?"),
            ("INSERT INTO t\u{fffd} VALUES (1)", "?"),
            ("INSERT INTO t VALUES ('\u{fffd}')", "d.t"),
            ("DO f()", "?"),
            ("INSERT INTO", "?"),
            ("UPDATE t JOIN (u SET a = 1", "?"),
            ("", "?"),
        ] {
            assert_eq!(changed(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(WITH|INSERT|UPDATE|DELETE|FROM|SET|JOIN|USING|INTO|[ `'\"(),.*=/!#-]|[a-z0-9é])*") {
            let _ = changed(&text);
        }
    }
}
