//! Reads a condition. From loose to tight: OR, AND, NOT, comparisons.

use crate::expression::{Comparison, Expression, Flaw, Operand, Side, Value};
use crate::lexer::{Kind, Token, tokens};

/// Conditions in conditions: deeper ones could overflow the stack.
const MAX_DEPTH: usize = 64;

/// Reads a condition.
pub(crate) fn parse(text: &str) -> Result<Expression, Flaw> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expression = parser.or()?;
    match parser.peek() {
        Kind::End => Ok(expression),
        _ => Err(parser.flaw("the condition should end here, or go on with AND or OR")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |token| &token.kind)
    }

    /// Where the next token stands.
    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(usize::MAX, |token| token.at)
    }

    fn flaw(&self, what: impl Into<String>) -> Flaw {
        Flaw::new(self.place(), what)
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.tokens.get(self.at + ahead);
        matches!(token.map(|token| &token.kind), Some(Kind::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let is = self.is_word(0, word);
        self.at += usize::from(is);
        is
    }

    fn mark(&mut self, mark: &str) -> bool {
        let is = matches!(self.peek(), Kind::Mark(found) if *found == mark);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), Flaw> {
        if self.mark(mark) {
            Ok(())
        } else {
            Err(self.flaw(format!("`{mark}` is missing")))
        }
    }

    fn or(&mut self) -> Result<Expression, Flaw> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.flaw(format!("conditions nest {MAX_DEPTH} deep at most")));
        }
        let mut parts = vec![self.and()?];
        while self.word("or") || self.mark("||") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(joined(parts, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression, Flaw> {
        let mut parts = vec![self.not()?];
        while self.word("and") || self.mark("&&") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn not(&mut self) -> Result<Expression, Flaw> {
        let mut negations = 0_usize;
        while self.word("not") || self.mark("!") {
            negations += 1;
        }
        let inner = self.predicate()?;
        Ok(if negations.is_multiple_of(2) {
            inner
        } else {
            Expression::Not(Box::new(inner))
        })
    }

    fn predicate(&mut self) -> Result<Expression, Flaw> {
        if self.mark("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return match inner {
                // A value in parentheses is that value.
                Expression::Truth(operand) => self.rest(operand),
                inner => self.is(inner),
            };
        }
        let operand = self.operand()?;
        self.rest(operand)
    }

    /// `IS [NOT] TRUE`, `FALSE` or `UNKNOWN` behind a condition.
    fn is(&mut self, inner: Expression) -> Result<Expression, Flaw> {
        if !self.word("is") {
            return Ok(inner);
        }
        let not = self.word("not");
        let truth = if self.word("true") {
            Some(true)
        } else if self.word("false") {
            Some(false)
        } else if self.word("unknown") || self.word("null") {
            None
        } else {
            return Err(self.flaw("behind IS stands NULL, TRUE, FALSE or UNKNOWN"));
        };
        let inner = Box::new(inner);
        Ok(Expression::Is { inner, truth, not })
    }

    /// What stands behind a value.
    fn rest(&mut self, operand: Operand) -> Result<Expression, Flaw> {
        if self.is_word(0, "is") {
            let negated = usize::from(self.is_word(1, "not"));
            if self.is_word(1 + negated, "null") {
                self.at += 2 + negated;
                let not = negated == 1;
                return Ok(Expression::IsNull { operand, not });
            }
            return self.is(Expression::Truth(operand));
        }
        let comparison = match self.peek() {
            Kind::Mark("=") => Some(Comparison::Equal),
            Kind::Mark("<>" | "!=") => Some(Comparison::Unequal),
            Kind::Mark("<") => Some(Comparison::Less),
            Kind::Mark("<=") => Some(Comparison::AtMost),
            Kind::Mark(">") => Some(Comparison::Greater),
            Kind::Mark(">=") => Some(Comparison::AtLeast),
            Kind::Mark("<=>") => Some(Comparison::Same),
            _ => None,
        };
        if let Some(comparison) = comparison {
            self.at += 1;
            let right = self.operand()?;
            return Ok(Expression::Compare(operand, comparison, right));
        }
        let not = self.word("not");
        if self.word("in") {
            return self.list(operand, not);
        }
        if self.word("between") {
            let low = self.operand()?;
            if !self.word("and") {
                return Err(self.flaw("BETWEEN wants two values with AND between them"));
            }
            let high = self.operand()?;
            let within = Expression::And(vec![
                Expression::Compare(operand.clone(), Comparison::AtLeast, low),
                Expression::Compare(operand, Comparison::AtMost, high),
            ]);
            return Ok(if not { Expression::Not(Box::new(within)) } else { within });
        }
        if self.word("like") {
            let pattern = self.operand()?;
            let escape = if self.word("escape") { Some(self.escape()?) } else { None };
            return Ok(Expression::Like {
                operand,
                pattern,
                escape: escape.unwrap_or(Some('\\')),
                not,
            });
        }
        if not {
            return Err(self.flaw("behind a value and NOT stands IN, BETWEEN or LIKE"));
        }
        Ok(Expression::Truth(operand))
    }

    fn list(&mut self, operand: Operand, not: bool) -> Result<Expression, Flaw> {
        self.expect("(")?;
        let mut list = vec![self.operand()?];
        while self.mark(",") {
            list.push(self.operand()?);
        }
        self.expect(")")?;
        Ok(Expression::In { operand, list, not })
    }

    /// The character behind ESCAPE; none for an empty text, which is: no character escapes.
    fn escape(&mut self) -> Result<Option<char>, Flaw> {
        if let Kind::Text(text) = self.peek() {
            let mut characters = text.chars();
            let (first, second) = (characters.next(), characters.next());
            if second.is_none() {
                self.at += 1;
                return Ok(first);
            }
        }
        Err(self.flaw("behind ESCAPE stands one character in quotes"))
    }

    fn operand(&mut self) -> Result<Operand, Flaw> {
        let at = self.place();
        let negative = self.mark("-");
        if !negative {
            self.mark("+");
        }
        let signed = self.place() != at;
        let kind = self.peek().clone();
        let value = match kind {
            Kind::Number(text) => Value::Number(text, negative),
            _ if signed => return Err(self.flaw("behind a sign stands a number")),
            Kind::Text(text) => Value::Text(text),
            Kind::Bytes(bytes) => Value::Bytes(bytes),
            Kind::Name(name) => {
                self.at += 1;
                return self.column(at, name, true);
            }
            Kind::Word(word) => {
                self.at += 1;
                return self.named(at, word);
            }
            Kind::Mark("(") => return Err(self.flaw("a comparison is between values: a column or a constant is wanted here")),
            _ => return Err(self.flaw("a column or a constant is wanted here")),
        };
        self.at += 1;
        Ok(Operand { at, value })
    }

    /// A word that is no keyword: a constant, something of the change, or a column.
    fn named(&mut self, at: usize, word: String) -> Result<Operand, Flaw> {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        let qualified = matches!(self.peek(), Kind::Mark("."));
        let value = match () {
            () if qualified => return self.column(at, word, false),
            () if is("true") => Value::Number("1".to_owned(), false),
            () if is("false") => Value::Number("0".to_owned(), false),
            () if is("null") => Value::Null,
            () if is("op") => Value::Op,
            () if is("database") => Value::Database,
            () if is("table") => Value::Table,
            () if is("snapshot") => Value::Snapshot,
            () if KEYWORDS.iter().any(|keyword| is(keyword)) => {
                return Err(Flaw::new(
                    at,
                    "a column or a constant is wanted here; a column of this name stands in backticks",
                ));
            }
            () if matches!(self.peek(), Kind::Mark("(")) => {
                return Err(Flaw::new(at, "conditions have no functions"));
            }
            () => return self.column(at, word, false),
        };
        Ok(Operand { at, value })
    }

    /// A column, with `before.` or `after.` or without.
    fn column(&mut self, at: usize, first: String, in_backticks: bool) -> Result<Operand, Flaw> {
        if !self.mark(".") {
            let value = Value::Column(Side::Row, first);
            return Ok(Operand { at, value });
        }
        let side = match () {
            () if in_backticks => None,
            () if first.eq_ignore_ascii_case("before") => Some(Side::Before),
            () if first.eq_ignore_ascii_case("after") => Some(Side::After),
            () => None,
        };
        let Some(side) = side else {
            return Err(Flaw::new(at, "before a column's name and the dot stands `before` or `after`"));
        };
        let (Kind::Word(name) | Kind::Name(name)) = self.peek().clone() else {
            return Err(self.flaw("a column's name is wanted here"));
        };
        self.at += 1;
        let value = Value::Column(side, name);
        Ok(Operand { at, value })
    }
}

/// Words that are no column unless they stand in backticks.
const KEYWORDS: [&str; 11] = [
    "and", "or", "not", "in", "is", "between", "like", "escape", "unknown", "where", "xor",
];

fn joined(mut parts: Vec<Expression>, join: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}
