//! Rules as they are written, checked and made ready: which columns, and what becomes of values.

use regex_lite::Regex;
use rowmill_sdk::{Error, Schema};
use serde_json::Value;

use crate::hash::Hash;
use crate::options::{Algorithm, Method, Options, Rule};

/// A rule, made ready.
#[derive(Debug)]
pub(crate) struct Ready {
    columns: Vec<Vec<String>>,
    pattern: Option<Regex>,
    pub(crate) method: Method,
    pub(crate) act: Act,
    optional: bool,
    pub(crate) allow_key: bool,
    /// Its number in the configuration, from 1.
    pub(crate) number: usize,
}

/// What becomes of values.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Hash(Hash),
    Partial(Partial),
    Redact(Value),
    Null,
    Zero,
}

/// Which characters are kept, and what stands for the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial {
    first: usize,
    last: usize,
    with: char,
    width: Option<usize>,
}

/// Checks all rules.
pub(crate) fn ready(options: &Options) -> Result<Vec<Ready>, Error> {
    if options.rules.is_empty() {
        return Err(Error::new(
            "bad-configuration",
            "reading `rules`: there is none, so that nothing would be hidden",
        ));
    }
    let rules = options.rules.iter().zip(1..);
    rules
        .map(|(rule, number)| {
            one(rule, &options.salt, number)
                .map_err(|what| Error::new("bad-configuration", format!("reading rule {number} of `rules`: {what}")))
        })
        .collect()
}

fn one(rule: &Rule, salt: &str, number: usize) -> Result<Ready, String> {
    if rule.columns.is_empty() && rule.pattern.is_none() {
        return Err("it says neither by `columns` nor by `pattern` what it is for".to_owned());
    }
    let columns = rule.columns.iter().map(|name| {
        let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        if parts.len() > 3 || parts.iter().any(String::is_empty) {
            return Err(format!("`{name}` is none of column, table.column and database.table.column"));
        }
        Ok(parts)
    });
    let pattern = rule.pattern.as_ref().map(|pattern| {
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        whole.map_err(|cause| format!("`pattern` is no regular expression: {cause}"))
    });
    foreign(rule)?;
    let act = match rule.method {
        Method::Hash if salt.is_empty() => {
            return Err("`hash` needs `salt`: without one, whoever tries values finds those that are behind digests".to_owned());
        }
        Method::Hash => Act::Hash(match rule.algorithm.unwrap_or_default() {
            Algorithm::HmacSha256 => Hash::hmac(salt.as_bytes()),
            Algorithm::Sha256 => Hash::plain(salt.as_bytes()),
        }),
        Method::Partial => Act::Partial(Partial {
            first: rule.first.unwrap_or(0),
            last: rule.last.unwrap_or(0),
            with: rule.with.unwrap_or('*'),
            width: rule.width,
        }),
        Method::Redact => match &rule.value {
            Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => Act::Redact(value.clone()),
            _ => {
                return Err(
                    "`redact` needs a `value` that is a text, a number, true or false; the methods `null` and `zero` need none".to_owned(),
                );
            }
        },
        Method::Null => Act::Null,
        Method::Zero => Act::Zero,
    };
    Ok(Ready {
        columns: columns.collect::<Result<_, _>>()?,
        pattern: pattern.transpose()?,
        method: rule.method,
        act,
        optional: rule.optional,
        allow_key: rule.allow_key,
        number,
    })
}

/// Refuses options that are of another method.
fn foreign(rule: &Rule) -> Result<(), String> {
    let options = [
        ("algorithm", rule.algorithm.is_some(), Method::Hash),
        ("first", rule.first.is_some(), Method::Partial),
        ("last", rule.last.is_some(), Method::Partial),
        ("with", rule.with.is_some(), Method::Partial),
        ("width", rule.width.is_some(), Method::Partial),
        ("value", rule.value.is_some(), Method::Redact),
    ];
    match options.iter().find(|(_, given, method)| *given && *method != rule.method) {
        Some((name, _, method)) => Err(format!(
            "`{name}` is of the method `{}`, not of `{}`",
            method.name(),
            rule.method.name()
        )),
        None => Ok(()),
    }
}

impl Ready {
    /// Whether it is for a column.
    pub(crate) fn is_for(&self, schema: &Schema, column: &str) -> bool {
        let named = self.columns.iter().any(|parts| {
            let names = [column, &schema.table, &schema.database];
            parts.iter().rev().zip(names).all(|(part, name)| part.eq_ignore_ascii_case(name))
        });
        named
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(&format!("{}.{}.{column}", schema.database, schema.table)))
    }

    /// Refuses a table that lacks a column that is named with the table: a slip in its name would let it through.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), Error> {
        let missing = self.columns.iter().filter(|_| !self.optional).find(|parts| {
            let (Some(column), of_table) = (parts.last(), parts.iter().rev().skip(1)) else {
                return false;
            };
            let mut names = of_table.zip([&schema.table, &schema.database]).peekable();
            names.peek().is_some() && names.all(|(part, name)| part.eq_ignore_ascii_case(name)) && schema.find(column).is_none()
        });
        match missing {
            None => Ok(()),
            Some(parts) => Err(Error::new(
                "no-such-column",
                format!(
                    "opening {}.{}: rule {} of `rules` hides `{}`, and the table has no such column; mend the name, or set `optional = true`",
                    schema.database,
                    schema.table,
                    self.number,
                    parts.join(".")
                ),
            )),
        }
    }
}

/// Characters that stand for others are copied so many at once.
const AT_ONCE: usize = 64;

impl Partial {
    /// The characters that stand for others, as many as are copied at once.
    pub(crate) fn filler(&self) -> String {
        std::iter::repeat_n(self.with, AT_ONCE).collect()
    }

    /// Writes what is shown of a text into `shown`, which is emptied first; `filler` is what [`Partial::filler`] made.
    pub(crate) fn show(&self, text: &str, filler: &str, shown: &mut String) {
        shown.clear();
        let is_ascii = text.is_ascii();
        let characters = if is_ascii { text.len() } else { text.chars().count() };
        let hidden = characters.checked_sub(self.first + self.last).filter(|hidden| *hidden > 0);
        // A text that is too short for both ends is hidden altogether.
        let (first, hidden, last) = hidden.map_or((0, characters, 0), |hidden| (self.first, hidden, self.last));
        let (start, end) = if is_ascii {
            (first, characters - last)
        } else {
            (start(text, first), end(text, last))
        };
        shown.push_str(text.get(..start).unwrap_or_default());
        let mut left = self.width.unwrap_or(hidden);
        while left > 0 {
            let some = left.min(AT_ONCE);
            shown.push_str(filler.get(..some * self.with.len_utf8()).unwrap_or_default());
            left -= some;
        }
        shown.push_str(text.get(end..).unwrap_or_default());
    }
}

/// Where the first `characters` of a text end.
fn start(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

/// Where the last `characters` of a text begin.
fn end(text: &str, characters: usize) -> usize {
    match characters.checked_sub(1) {
        Some(behind) => text.char_indices().nth_back(behind).map_or(0, |(at, _)| at),
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::Partial;

    #[test]
    fn what_is_shown_is_what_character_by_character_is() {
        for (unit, with) in [("ab", '*'), ("ä€x😀", '•')] {
            let whole = unit.repeat(80);
            for (length, first, last, width) in [
                (0, 4, 0, None),
                (7, 4, 3, None),
                (8, 4, 3, None),
                (150, 0, 2, None),
                (150, 3, 0, Some(200)),
            ] {
                let partial = Partial { first, last, with, width };
                let text: String = whole.chars().take(length).collect();
                let (first, last) = if length > first + last { (first, last) } else { (0, 0) };
                let hidden = width.unwrap_or(length - first - last);
                let ends = (text.chars().take(first), text.chars().skip(length - last));
                let expected: String = ends.0.chain(std::iter::repeat_n(with, hidden)).chain(ends.1).collect();
                let mut shown = "before".to_owned();
                partial.show(&text, &partial.filler(), &mut shown);
                assert_eq!(shown, expected);
            }
        }
    }
}
