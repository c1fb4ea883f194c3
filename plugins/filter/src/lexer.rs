//! Cuts a condition into tokens.

use crate::expression::Flaw;

/// A token, and the number of its first character, from 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A word as it was written: keyword or name.
    Word(String),
    /// A name in backticks.
    Name(String),
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    /// An operator or a mark.
    Mark(&'static str),
    End,
}

/// Longer ones first.
const MARKS: [&str; 17] = [
    "<=>", "<>", "!=", "<=", ">=", "&&", "||", "=", "<", ">", "(", ")", ",", ".", "-", "+", "!",
];

/// All tokens, the end last.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Flaw> {
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { characters, at: 0 };
    let mut tokens = Vec::new();
    loop {
        while lexer.peek(0).is_some_and(char::is_whitespace) {
            lexer.at += 1;
        }
        let at = lexer.at;
        let kind = lexer.token()?;
        let last = kind == Kind::End;
        tokens.push(Token { at, kind });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    characters: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.peek(0).filter(|next| is(*next)) {
            taken.push(next);
            self.at += 1;
        }
        taken
    }

    fn token(&mut self) -> Result<Kind, Flaw> {
        let Some(first) = self.peek(0) else { return Ok(Kind::End) };
        let second = self.peek(1);
        match first {
            '\'' | '"' => self.quoted(first).map(Kind::Text),
            '`' => self.quoted('`').map(Kind::Name),
            'x' | 'X' if second == Some('\'') => {
                self.at += 1;
                let at = self.at;
                let digits = self.quoted('\'')?;
                bytes(&digits, at).map(Kind::Bytes)
            }
            '0' if matches!(second, Some('x')) => {
                self.at += 2;
                let at = self.at;
                let digits = self.take_while(|next| next.is_ascii_alphanumeric());
                bytes(&digits, at).map(Kind::Bytes)
            }
            '0'..='9' => self.number(),
            '.' if second.is_some_and(|next| next.is_ascii_digit()) => self.number(),
            _ if first.is_alphabetic() || first == '_' || first == '$' => Ok(Kind::Word(
                self.take_while(|next| next.is_alphanumeric() || next == '_' || next == '$'),
            )),
            _ => {
                let found = MARKS
                    .iter()
                    .find(|mark| mark.chars().enumerate().all(|(i, expected)| self.peek(i) == Some(expected)));
                match found {
                    Some(mark) => {
                        self.at += mark.len();
                        Ok(Kind::Mark(mark))
                    }
                    None if "*/%^|&".contains(first) => Err(Flaw::new(self.at, "conditions compare values and do not calculate")),
                    None => Err(Flaw::new(self.at, "a condition has no such character")),
                }
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Flaw> {
        let at = self.at;
        let mut text = self.take_while(|next| next.is_ascii_digit());
        if self.peek(0) == Some('.') {
            text.push('.');
            self.at += 1;
            text += &self.take_while(|next| next.is_ascii_digit());
        }
        if let Some(mark @ ('e' | 'E')) = self.peek(0) {
            text.push(mark);
            self.at += 1;
            if let Some(sign @ ('+' | '-')) = self.peek(0) {
                text.push(sign);
                self.at += 1;
            }
            text += &self.take_while(|next| next.is_ascii_digit());
        }
        let ends = self
            .peek(0)
            .is_none_or(|next| !(next.is_alphanumeric() || next == '_' || next == '.'));
        if ends && text.parse::<f64>().is_ok() {
            Ok(Kind::Number(text))
        } else {
            Err(Flaw::new(at, "this is no number"))
        }
    }

    /// What stands in quotes. A quote within is written twice or, but for a name, behind a backslash, as MySQL has it.
    fn quoted(&mut self, quote: char) -> Result<String, Flaw> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.peek(0) else {
                return Err(Flaw::new(start, format!("the closing {quote} is missing")));
            };
            self.at += 1;
            match next {
                '\\' if quote != '`' => text.push_str(&self.escaped(start)?),
                _ if next != quote => text.push(next),
                _ if self.peek(0) == Some(quote) => {
                    text.push(quote);
                    self.at += 1;
                }
                _ => return Ok(text),
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<String, Flaw> {
        let Some(next) = self.peek(0) else {
            return Err(Flaw::new(start, "the closing quote is missing"));
        };
        self.at += 1;
        Ok(match next {
            '0' => "\0".to_owned(),
            'b' => "\u{8}".to_owned(),
            'n' => "\n".to_owned(),
            'r' => "\r".to_owned(),
            't' => "\t".to_owned(),
            'Z' => "\u{1a}".to_owned(),
            // These keep their backslash: LIKE takes it away.
            '%' | '_' => format!("\\{next}"),
            other => other.to_string(),
        })
    }
}

fn bytes(digits: &str, at: usize) -> Result<Vec<u8>, Flaw> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let pair = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    match pairs.iter().map(pair).collect() {
        Some(bytes) if rest.is_empty() => Ok(bytes),
        _ => Err(Flaw::new(at, "bytes are pairs of hexadecimal digits")),
    }
}
