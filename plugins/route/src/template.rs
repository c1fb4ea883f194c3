//! Texts with values of a row in them: `{database}`, `{table}`, `{topic}`, `{op}`, `{column:NAME}`. `{{` and `}}` are braces.

use std::fmt::Write;

use rowmill_sdk::{Error, Kind, Op, Row, RowImage, Schema};

/// A template as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece<String>>);

/// A part: of a template that is ready, columns are ordinals.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<C> {
    Text(String),
    Database,
    Table,
    Topic,
    Op,
    Column(C),
}

/// A template that is ready for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready(Vec<Piece<usize>>);

impl Template {
    /// Reads one; otherwise what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(behind) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                plain.push_str(brace.get(..1).unwrap_or_default());
                rest = behind;
                continue;
            }
            let inner = brace.strip_prefix('{').and_then(|brace| brace.split_once('}'));
            let Some((name, behind)) = inner else {
                return Err(format!("`{text}` has a single brace; two of them stand for one"));
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(match name {
                "database" => Piece::Database,
                "table" => Piece::Table,
                "topic" => Piece::Topic,
                "op" => Piece::Op,
                _ => match name.strip_prefix("column:").filter(|column| !column.is_empty()) {
                    Some(column) => Piece::Column(column.to_owned()),
                    None => {
                        let known = "{database}, {table}, {topic}, {op} and {column:NAME}";
                        return Err(format!("`{text}` has {{{name}}}; there are {known}"));
                    }
                },
            });
            rest = behind;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Of a column's value and nothing else.
    pub(crate) fn column(name: &str) -> Self {
        Self(vec![Piece::Column(name.to_owned())])
    }

    /// Finds columns, and puts in what the table fixes.
    pub(crate) fn ready(&self, schema: &Schema) -> Result<Ready, Error> {
        let mut ready: Vec<Piece<usize>> = Vec::new();
        for piece in &self.0 {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Database => &schema.database,
                Piece::Table => &schema.table,
                Piece::Topic => &schema.topic,
                Piece::Op => {
                    ready.push(Piece::Op);
                    continue;
                }
                Piece::Column(name) => {
                    ready.push(Piece::Column(schema.column(name)?));
                    continue;
                }
            };
            match ready.last_mut() {
                Some(Piece::Text(last)) => last.push_str(text),
                _ => ready.push(Piece::Text(text.clone())),
            }
        }
        Ok(Ready(ready))
    }
}

impl Ready {
    /// Writes the text of a row into `text`, which is emptied first; false where a column has no value.
    pub(crate) fn write(&self, row: Row<'_>, text: &mut String) -> Result<bool, Error> {
        text.clear();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Op => text.push_str(match row.op()? {
                    Op::Insert => "insert",
                    Op::Update => "update",
                    Op::Delete => "delete",
                }),
                Piece::Column(column) => {
                    if !print(row, *column, text)? {
                        return Ok(false);
                    }
                }
                Piece::Database | Piece::Table | Piece::Topic => {}
            }
        }
        Ok(true)
    }
}

/// The image that has a column: the one that counts, else the one before; none where neither has it.
pub(crate) fn image_with(row: Row<'_>, column: usize) -> Result<Option<RowImage<'_>>, Error> {
    for image in [row.after(), row.before()].into_iter().flatten() {
        if !image.is_absent(column)? {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// Adds a column's value, as MySQL prints it; false where there is none.
pub(crate) fn print(row: Row<'_>, column: usize, text: &mut String) -> Result<bool, Error> {
    let Some(image) = image_with(row, column)? else { return Ok(false) };
    let kind = row.schema().columns.get(column).map(|field| field.kind);
    // A whole number needs no text of its own.
    if kind == Some(Kind::Int)
        && let Ok(Some(number)) = image.int(column)
    {
        let written = write!(text, "{number}");
        return Ok(written.is_ok());
    }
    let value = image.print(column)?;
    if let Some(value) = &value {
        text.push_str(value);
    }
    Ok(value.is_some())
}

#[cfg(test)]
mod tests {
    use super::{Piece, Template};

    #[test]
    fn a_template_is_read_or_refused_with_what_is_wrong() {
        let read = Template::read("a_{column:x}{{}}").map(|template| template.0);
        assert_eq!(
            read,
            Ok(vec![Piece::Text("a_".into()), Piece::Column("x".into()), Piece::Text("{}".into())])
        );
        for (text, expected) in [
            ("{", "single brace"),
            ("a}b", "single brace"),
            ("{x", "single brace"),
            ("{tabel}", "has {tabel}; there are {database}"),
            ("{column:}", "has {column:}"),
        ] {
            assert!(Template::read(text).is_err_and(|what| what.contains(expected)), "{text}");
        }
    }
}
