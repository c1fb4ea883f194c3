//! SQL text as tokens: enough to find names among keywords, comments and strings.

/// What decides how a text reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dialect {
    /// `80036` for 8.0.36, `101106` for 10.11.6; 0: not known, and every executable comment counts.
    pub(super) version: u32,
    /// MariaDB's comments count.
    pub(super) mariadb: bool,
    /// `sql_mode` has ANSI_QUOTES: double quotes are around names.
    pub(super) ansi_quotes: bool,
    /// `sql_mode` has NO_BACKSLASH_ESCAPES.
    pub(super) no_backslash_escapes: bool,
}

impl Dialect {
    /// That of a server with this `@@version`.
    pub(super) fn of_server(version: &str) -> Self {
        let mut parts = version
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse::<u32>().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        Self {
            version: major.saturating_mul(10_000).saturating_add(minor.min(99) * 100 + patch.min(99)),
            mariadb: version.contains("MariaDB"),
            ..Self::default()
        }
    }

    /// The same with a statement's `sql_mode`. Bits: `MODE_ANSI_QUOTES`, `MODE_NO_BACKSLASH_ESCAPES` in MySQL's `sql_mode.h`.
    pub(super) fn with_mode(self, sql_mode: u64) -> Self {
        Self {
            ansi_quotes: sql_mode & 4 != 0,
            no_backslash_escapes: sql_mode & 1 << 20 != 0,
            ..self
        }
    }

    /// Whether a comment's text is executed, by what stands after `/*!` or `/*M!`.
    fn executes(self, of_mariadb: bool, number: u32) -> bool {
        if of_mariadb && !self.mariadb && self.version != 0 {
            return false;
        }
        // MariaDB leaves out what is for MySQL 5.7 and later.
        let foreign = self.mariadb && !of_mariadb && (50_700..=99_999).contains(&number);
        self.version == 0 || (number <= self.version && !foreign)
    }
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, a name without quotes, a number.
    Word(&'a str),
    /// A name that was in quotes, without them.
    Name(String),
    /// A string.
    Text,
    /// Any other character.
    Mark(char),
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

/// The tokens of a text, in order; comments and white space are left out.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    dialect: Dialect,
    /// Within a comment that is executed.
    executed: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self {
            rest: text,
            dialect,
            executed: false,
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.skip();
        let first = self.rest.chars().next()?;
        match first {
            '`' => Some(Token::Name(self.quoted(first, false))),
            '"' if self.dialect.ansi_quotes => Some(Token::Name(self.quoted(first, false))),
            '"' | '\'' => {
                self.quoted(first, !self.dialect.no_backslash_escapes);
                Some(Token::Text)
            }
            _ if is_word(first) => {
                let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                Some(Token::Word(word))
            }
            _ => {
                self.advance(first.len_utf8());
                Some(Token::Mark(first))
            }
        }
    }

    /// Takes the next token where it is this word.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.take(|token| token.is_word(word))
    }

    /// Takes the next token where it is this character.
    pub(super) fn mark(&mut self, mark: char) -> bool {
        self.take(|token| *token == Token::Mark(mark))
    }

    /// Takes the next token where it can be one part of a name.
    pub(super) fn part(&mut self) -> Option<String> {
        let before = self.clone();
        match self.next() {
            Some(Token::Word(word)) => Some(word.to_owned()),
            Some(Token::Name(name)) => Some(name),
            _ => {
                *self = before;
                None
            }
        }
    }

    /// Takes `IF EXISTS` or `IF NOT EXISTS`; whether it was there. A table may be called `if`.
    pub(super) fn if_exists(&mut self) -> bool {
        let before = self.clone();
        if self.word("IF") {
            self.word("NOT");
            if self.word("EXISTS") {
                return true;
            }
        }
        *self = before;
        false
    }

    /// A table's name; the database is `default` where it is not written.
    pub(super) fn table(&mut self, default: &str) -> Option<(String, String)> {
        let first = self.part()?;
        if self.mark('.') {
            return Some((first, self.part()?));
        }
        Some((default.to_owned(), first))
    }

    /// Passes over all up to the parenthesis that closes the one that was taken; `None` where none does.
    pub(super) fn group(&mut self) -> Option<()> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()? {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth -= 1,
                _ => {}
            }
        }
        Some(())
    }

    fn take(&mut self, wanted: impl Fn(&Token<'_>) -> bool) -> bool {
        let before = self.clone();
        if self.next().is_some_and(|token| wanted(&token)) {
            return true;
        }
        *self = before;
        false
    }

    /// What is between two quotes; a doubled one stands for itself.
    fn quoted(&mut self, quote: char, escapes: bool) -> String {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            if character == quote {
                if characters.peek().is_none_or(|(_, next)| *next != quote) {
                    end = at + 1;
                    break;
                }
                characters.next();
            } else if escapes && character == '\\' {
                characters.next();
                continue;
            }
            text.push(character);
        }
        self.advance(end);
        text
    }

    /// Passes over white space and comments, and goes into those that are executed.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if self.executed && self.rest.starts_with("*/") {
                self.executed = false;
                self.advance(2);
            } else if self.rest.starts_with("/*") {
                self.comment();
            } else if self.rest.starts_with('#') || is_line_comment(self.rest) {
                self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else {
                return;
            }
        }
    }

    fn comment(&mut self) {
        let (mark, of_mariadb) = match () {
            () if self.rest.starts_with("/*!") => (3, false),
            () if self.rest.starts_with("/*M!") => (4, true),
            () => (0, false),
        };
        if mark > 0 {
            let text = self.rest.get(mark..).unwrap_or_default();
            let digits = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
            let digits = if digits < 5 { 0 } else { digits };
            let number = text.get(..digits).and_then(|text| text.parse().ok()).unwrap_or(0);
            if self.dialect.executes(of_mariadb, number) {
                self.executed = true;
                self.advance(mark + digits);
                return;
            }
        }
        let end = self.rest.get(2..).and_then(|text| text.find("*/"));
        self.advance(end.map_or(self.rest.len(), |end| end + 4));
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn is_line_comment(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace))
}
