//! QUERY events: which of the few things a statement can mean for a stream of rows.

use super::collation::Encoding;
use super::reader::{Malformed, Parsed, Reader};
use super::sql::{Dialect, Token, Tokens};
use crate::position::Xid;

/// A QUERY event's body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    /// Default database.
    pub(super) database: &'a [u8],
    /// The statement.
    pub(super) text: &'a [u8],
    /// `sql_mode` of the session; 0 where it is not told.
    pub(super) sql_mode: u64,
    /// Collation of the session's `character_set_client`, in which the text is; none where it is not told.
    pub(super) collation: Option<u64>,
    /// The error with which the statement ended, part of it done; 0: none.
    pub(super) error: u16,
}

impl<'a> Query<'a> {
    /// Format: `Query_event` in MySQL's `statement_events.h`.
    pub(super) fn parse(body: &'a [u8]) -> Parsed<Self> {
        Self::parse_with(body, 0)
    }

    fn parse_with(body: &'a [u8], more: usize) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        reader.take(8)?;
        let database = usize::from(reader.u8()?);
        let error = reader.u16()?;
        let variables = usize::from(reader.u16()?);
        reader.take(more)?;
        let (sql_mode, collation) = session(reader.take(variables)?);
        let database = reader.take(database)?;
        reader.u8()?;
        Ok(Self {
            database,
            text: reader.rest(),
            sql_mode,
            collation,
            error,
        })
    }

    /// An EXECUTE_LOAD_QUERY event's body: the same with four fields about the file before the variables. Format:
    /// `Execute_load_query_event` in MySQL's `statement_events.h`.
    pub(super) fn parse_load(body: &'a [u8]) -> Parsed<Self> {
        Self::parse_with(body, 4 + 4 + 4 + 1)
    }

    /// The text as the server read it. What is no text in its character set, as bytes within a literal may be, becomes U+FFFD.
    pub(super) fn words(self) -> String {
        self.decoded().0
    }

    /// The same, and whether all of it is known.
    pub(super) fn decoded(self) -> (String, bool) {
        let charset = self.collation.and_then(Encoding::of_collation);
        if let Some(text) = charset.and_then(Encoding::decoder).and_then(|charset| charset.decode(self.text)) {
            return (text, true);
        }
        match std::str::from_utf8(self.text) {
            // ASCII means the same in all sets that a client can have.
            Ok(text) => (text.to_owned(), text.is_ascii() || charset.is_none()),
            Err(_) => (String::from_utf8_lossy(self.text).into_owned(), false),
        }
    }

    /// What it means.
    pub(super) fn meaning(self) -> Meaning {
        let text = after_comments(self.text);
        if text.starts_with(b"/*") {
            // A comment that servers execute: its words count.
            let words = self.words();
            let mut tokens = Tokens::new(&words, Dialect::default());
            let mut next = || match tokens.next() {
                Some(Token::Word(word)) => word.as_bytes(),
                _ => b"",
            };
            return of_words(next(), next());
        }
        let (first, rest) = word(text);
        let second = word(rest).0;
        match first {
            // A query in parentheses, which would not be here if it changed nothing.
            b"" if text.starts_with(b"(") => Meaning::Rows,
            w if w.eq_ignore_ascii_case(b"SET") && second.eq_ignore_ascii_case(b"STATEMENT") => self.after_set_statement(),
            w => of_words(w, second),
        }
    }

    /// MariaDB's `SET STATEMENT variable = value FOR statement`: what that statement means.
    fn after_set_statement(self) -> Meaning {
        let words = self.words();
        let mut tokens = Tokens::new(&words, Dialect::default());
        while let Some(token) = tokens.next() {
            if token.is_word("FOR") {
                return match tokens.next() {
                    Some(Token::Word(word)) => of_words(word.as_bytes(), b""),
                    _ => Meaning::Ddl,
                };
            }
        }
        Meaning::Ddl
    }

    /// The name in SAVEPOINT and ROLLBACK TO, which is their last word.
    pub(super) fn savepoint(self) -> Option<String> {
        let text = String::from_utf8_lossy(self.text);
        let mut tokens = Tokens::new(&text, Dialect::default());
        let mut last = None;
        while let Some(token) = tokens.next() {
            last = match token {
                Token::Word(word) => Some(word.to_owned()),
                Token::Name(name) => Some(name),
                Token::Text | Token::Mark(_) => None,
            };
        }
        last
    }

    /// What a statement of an XA transaction says. The server logs them in one form: `XA START X'6162',X'',1`.
    pub(super) fn xa(self) -> Parsed<Xa> {
        let (first, rest) = word(after_comments(self.text));
        let (second, rest) = word(rest);
        if !first.eq_ignore_ascii_case(b"XA") {
            return Err(Malformed("it is about no XA transaction"));
        }
        let xid = || {
            let text = std::str::from_utf8(rest).ok();
            let xid = text.and_then(|text| text.parse::<Xid>().ok());
            xid.ok_or(Malformed("the id of its XA transaction is none"))
        };
        match second.to_ascii_uppercase().as_slice() {
            b"START" | b"BEGIN" => xid().map(Xa::Start),
            b"END" => Ok(Xa::End),
            b"COMMIT" => xid().map(Xa::Commit),
            b"ROLLBACK" => xid().map(Xa::Rollback),
            _ => Err(Malformed("what it does with an XA transaction is not known")),
        }
    }
}

/// `sql_mode`, 0 where it is not told, and the collation of `character_set_client` among a QUERY event's status variables. Both stand
/// before all that is not known here. Format: `Q_…_CODE` in MySQL's `statement_events.h`.
fn session(variables: &[u8]) -> (u64, Option<u64>) {
    let mut reader = Reader::new(variables);
    let mut sql_mode = 0;
    let mut next = || -> Option<Option<u64>> {
        match reader.u8().ok()? {
            // Flags; where AUTO_INCREMENT goes on.
            0 | 3 => reader.take(4).ok().map(|_| None),
            1 => {
                sql_mode = reader.u64().ok()?;
                Some(None)
            }
            // The catalogue, with a zero byte after it in old servers; the time zone.
            2 => {
                let length = usize::from(reader.u8().ok()?);
                reader.take(length + 1).ok().map(|_| None)
            }
            5 | 6 => {
                let length = usize::from(reader.u8().ok()?);
                reader.take(length).ok().map(|_| None)
            }
            4 => reader.u16().ok().map(|client| Some(u64::from(client))),
            _ => None,
        }
    };
    let collation = loop {
        match next() {
            Some(None) => {}
            Some(found) => break found,
            None => break None,
        }
    };
    (sql_mode, collation)
}

/// What a statement with these first words means.
fn of_words(first: &[u8], second: &[u8]) -> Meaning {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    match first {
        w if is(w, "BEGIN") => Meaning::Begin,
        w if is(w, "START") && is(second, "TRANSACTION") => Meaning::Begin,
        // MariaDB's ALTER in two parts: `COMMIT 7 ALTER TABLE …`.
        w if is(w, "COMMIT") && second.first().is_some_and(u8::is_ascii_digit) => Meaning::Ddl,
        w if is(w, "COMMIT") => Meaning::Commit,
        w if is(w, "ROLLBACK") && is(second, "TO") => Meaning::RollbackToSavepoint,
        w if is(w, "ROLLBACK") => Meaning::Rollback,
        w if is(w, "SAVEPOINT") || is(w, "RELEASE") => Meaning::Savepoint,
        w if is(w, "XA") => Meaning::Xa,
        w if ROWS.iter().any(|name| is(w, name)) => Meaning::Rows,
        _ => Meaning::Ddl,
    }
}

/// First words of statements that change rows. Those that only ask are logged where a function in them changes some.
const ROWS: [&str; 11] = [
    "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "SELECT", "DO", "CALL", "TABLE", "VALUES",
];

/// What a statement means for a stream of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A transaction begins.
    Begin,
    /// It ends.
    Commit,
    /// It ends, and what it did is undone.
    Rollback,
    /// What it did since a savepoint is undone.
    RollbackToSavepoint,
    /// Nothing changes.
    Savepoint,
    /// A step of an XA transaction: see `Query::xa`.
    Xa,
    /// Rows changed, and nobody tells which.
    Rows,
    /// Anything else; it may change schemas.
    Ddl,
}

/// A step of an XA transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Xa {
    /// It begins.
    Start(Xid),
    /// All its changes are there.
    End,
    /// What was prepared before takes effect.
    Commit(Xid),
    /// What was prepared before does not.
    Rollback(Xid),
}

/// The first word, and what follows it and white space.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, after_comments(rest))
}

/// Skips white space and comments; those that MySQL executes (`/*!`) are no comments.
fn after_comments(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        let end = if text.starts_with(b"/*") && !text.starts_with(b"/*!") {
            find(text, b"*/").map(|at| at + 2)
        } else if text.starts_with(b"#") || text.starts_with(b"-- ") {
            find(text, b"\n").map(|at| at + 1)
        } else {
            return text;
        };
        text = end.and_then(|end| text.get(end..)).unwrap_or_default();
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::{Meaning, Query, Xa};

    fn meaning(text: &str) -> Meaning {
        Query {
            database: b"d",
            text: text.as_bytes(),
            sql_mode: 0,
            collation: None,
            error: 0,
        }
        .meaning()
    }

    #[test]
    fn statements_are_told_apart_by_their_first_words() {
        assert_eq!(meaning("BEGIN"), Meaning::Begin);
        assert_eq!(meaning("COMMIT"), Meaning::Commit);
        assert_eq!(meaning("rollback to `a`"), Meaning::RollbackToSavepoint);
        assert_eq!(meaning("ROLLBACK /* x */"), Meaning::Rollback);
        assert_eq!(meaning("XA START X'01',X'',1"), Meaning::Xa);
        assert_eq!(meaning("XA COMMIT X'01',X'',1"), Meaning::Xa);
        assert_eq!(meaning("/* a */ -- b\n update t set a=1"), Meaning::Rows);
        assert_eq!(meaning("INSERT/**/INTO t VALUES (1)"), Meaning::Rows);
        assert_eq!(meaning("CREATE TABLE t (a int)"), Meaning::Ddl);
        assert_eq!(meaning("UPDATES"), Meaning::Ddl);
        assert_eq!(meaning("/*!40000 INSERT */ INTO t VALUES (1)"), Meaning::Rows);
        assert_eq!(meaning("/*!50003 CREATE */ /*!50017 DEFINER=a@b */ TRIGGER t"), Meaning::Ddl);
        assert_eq!(meaning("SET STATEMENT a = 'FOR INSERT' FOR DELETE FROM t"), Meaning::Rows);
        assert_eq!(meaning("SET STATEMENT a = 1 FOR DROP TABLE t"), Meaning::Ddl);
        assert_eq!(meaning("SET PASSWORD FOR a = 'b'"), Meaning::Ddl);
        assert_eq!(meaning("SELECT `d`.`f`()"), Meaning::Rows);
        assert_eq!(meaning("(SELECT f())"), Meaning::Rows);
        assert_eq!(meaning("/* never closed"), Meaning::Ddl);
    }

    #[test]
    fn the_steps_of_an_xa_transaction_tell_its_id() {
        let step = |text: &str| {
            let query = Query {
                database: b"",
                text: text.as_bytes(),
                sql_mode: 0,
                collation: None,
                error: 0,
            };
            query.xa().ok()
        };
        let xid = "X'00ff27',X'5c27',7".parse().ok();
        assert_eq!(step("XA START X'00ff27',X'5c27',7"), xid.clone().map(Xa::Start));
        assert_eq!(step("XA COMMIT X'00ff27',X'5c27',7"), xid.clone().map(Xa::Commit));
        assert_eq!(step("xa rollback /* x */ X'00FF27',X'5c27',7"), xid.map(Xa::Rollback));
        assert_eq!(step("XA END X'00ff27',X'5c27',7"), Some(Xa::End));
        for text in ["XA RECOVER", "XA COMMIT", "XA COMMIT 'a'", "BEGIN", "XA START X'6"] {
            assert_eq!(step(text), None, "{text}");
        }
    }

    #[test]
    fn a_statement_is_read_in_the_character_set_of_its_session() {
        // Flags, mode, catalogue, AUTO_INCREMENT, then latin1, and what is not known here.
        let variables: &[u8] = &[
            0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 6, 3, b's', b't', b'd', 3, 1, 0, 1, 0, 4, 8, 0, 8, 0, 8, 0, 77,
        ];
        let body = |variables: &[u8]| {
            let length = u16::try_from(variables.len()).unwrap_or(u16::MAX).to_le_bytes();
            let head = [[0; 8].as_slice(), &[1, 0, 0], &length].concat();
            [&head, variables, b"d\0", b"ALTER TABLE t\xfc COMMENT '\x80'"].concat()
        };
        let with = body(variables);
        let query = Query::parse(&with).ok();
        assert_eq!(query.map(|query| (query.sql_mode, query.collation)), Some((8, Some(8))));
        assert_eq!(query.map(Query::words).as_deref(), Some("ALTER TABLE tü COMMENT '€'"));
        for cut in 0..variables.len() - 7 {
            let without = body(variables.get(..cut).unwrap_or_default());
            let words = Query::parse(&without).ok().map(Query::words);
            assert_eq!(words.as_deref(), Some("ALTER TABLE t\u{fffd} COMMENT '\u{fffd}'"), "{cut}");
        }
    }
}
