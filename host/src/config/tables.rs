//! Table names as people write them: `orders`, `shop.orders`, `` `my.table` ``, several in one text.

/// A table as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) database: Option<String>,
    pub(super) table: String,
}

/// Longest name of a database or table in MySQL, characters.
const MAX_CHARACTERS: usize = 64;

/// The names in a text, separated by commas. Backticks keep dots, commas and spaces within a name; a doubled one stands
/// for itself. Says what is wrong in the words of a message.
pub(super) fn parse(text: &str) -> Result<Vec<Name>, String> {
    let mut names = Vec::new();
    if text.trim().is_empty() {
        return Ok(names);
    }
    let mut rest = text;
    loop {
        let (first, after) = part(rest)?;
        rest = after.trim_start();
        let mut name = Name {
            database: None,
            table: first,
        };
        if let Some(after) = rest.strip_prefix('.') {
            let (second, after) = part(after)?;
            name = Name {
                database: Some(name.table),
                table: second,
            };
            rest = after.trim_start();
        }
        names.push(name);
        if rest.is_empty() {
            return Ok(names);
        }
        rest = rest
            .strip_prefix(',')
            .ok_or_else(|| format!("unexpected {rest:?} after a table name"))?;
    }
}

/// One name and what follows it.
fn part(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let (name, rest) = match text.strip_prefix('`') {
        Some(quoted) => quoted_part(quoted)?,
        None => {
            let end = text.find([',', '.', '`']).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (name.trim_end().to_owned(), rest)
        }
    };
    if name.is_empty() {
        return Err("a table name is empty".to_owned());
    }
    if name.chars().count() > MAX_CHARACTERS {
        return Err(format!("{name:?} is longer than the {MAX_CHARACTERS} characters that MySQL allows"));
    }
    Ok((name, rest))
}

fn quoted_part(text: &str) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('`').ok_or("a backtick is not closed")?;
        name.push_str(before);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Ok((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, parse};

    fn name(database: Option<&str>, table: &str) -> Name {
        Name {
            database: database.map(str::to_owned),
            table: table.to_owned(),
        }
    }

    #[test]
    fn names_are_split_at_commas_and_dots_outside_backticks() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse("orders, items"), Ok(vec![name(None, "orders"), name(None, "items")]));
        assert_eq!(parse("shop.orders"), Ok(vec![name(Some("shop"), "orders")]));
        assert_eq!(parse("`a.b`,`c,d` . `e``f`"), Ok(vec![name(None, "a.b"), name(Some("c,d"), "e`f")]));
        assert_eq!(parse("with space"), Ok(vec![name(None, "with space")]));
    }

    #[test]
    fn broken_lists_are_refused() {
        for text in [",", "a,", "a,,b", "`a", "a.b.c", "``", "a`b`", &"x".repeat(65)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
