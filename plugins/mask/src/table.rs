//! What one version of a table fixes: which of its columns are hidden, and how.

use rowmill_sdk::{Error, Field, Kind, Schema};
use serde_json::Value;

use crate::hash::Hash;
use crate::rule::{Act, Partial, Ready};

/// The columns that are hidden.
#[derive(Debug)]
pub struct Table(pub(crate) Vec<Column>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) ordinal: usize,
    pub(crate) way: Way,
}

/// How its values are hidden.
#[derive(Debug)]
pub(crate) enum Way {
    Hash(Hash, Field),
    Partial(Partial),
    Constant(Constant),
    Null,
}

/// A value of the column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Int(i128),
    Float(f64),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
}

/// Prepares for a table.
pub(crate) fn open(rules: &[Ready], schema: &Schema) -> Result<Table, Error> {
    rules.iter().try_for_each(|rule| rule.check(schema))?;
    let mut columns = Vec::new();
    for (ordinal, field) in schema.columns.iter().enumerate() {
        let Some(rule) = rules.iter().find(|rule| rule.is_for(schema, &field.name)) else {
            continue;
        };
        let refused = |code: &str, what: String| {
            let (database, table, column, number) = (&schema.database, &schema.table, &field.name, rule.number);
            let method = rule.method.name();
            Error::new(
                code,
                format!("opening {database}.{table}: rule {number} of `rules` hides column `{column}` by `{method}`: {what}"),
            )
        };
        let alike = !matches!(rule.act, Act::Hash(_));
        if alike && schema.key.contains(&ordinal) && !rule.allow_key {
            let what = "it belongs to the key, and rows whose keys become alike replace each other in a compacted topic; hash it, or set `allow_key = true`";
            return Err(refused("key-masked", what.to_owned()));
        }
        let way = way(&rule.act, field).map_err(|what| refused("wrong-type", what))?;
        columns.push(Column { ordinal, way });
    }
    Ok(Table(columns))
}

fn way(act: &Act, field: &Field) -> Result<Way, String> {
    Ok(match act {
        Act::Hash(hash) => {
            let mut digest = Field::new(&field.name, "char(64)").map_err(|error| error.message)?;
            digest.not_null = field.not_null;
            Way::Hash(hash.clone(), digest)
        }
        Act::Partial(partial) if field.kind == Kind::String => Way::Partial(*partial),
        Act::Partial(_) => return Err(format!("that is for texts, and the column is of the type `{}`", field.mysql_type)),
        Act::Redact(value) => {
            Way::Constant(constant(value, field).ok_or_else(|| format!("its `value` is none of the type `{}`", field.mysql_type))?)
        }
        Act::Null => Way::Null,
        Act::Zero => Way::Constant(zero(field)),
    })
}

/// A constant of the configuration as one of the column's type.
fn constant(value: &Value, field: &Field) -> Option<Constant> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) if !matches!(field.kind, Kind::String | Kind::Json) => u8::from(*truth).to_string(),
        other => other.to_string(),
    };
    let quoted = value.is_string();
    match field.kind {
        Kind::Int | Kind::Year | Kind::Bit => text.parse().ok().map(Constant::Int),
        Kind::Float | Kind::Double => text.parse().ok().map(Constant::Float),
        Kind::Decimal => text.parse::<f64>().ok().map(|_| Constant::Decimal(text)),
        Kind::String => Some(Constant::Text(text)),
        Kind::Enum => field.labels.contains(&text).then_some(Constant::Text(text)),
        Kind::Set => text.parse().ok().filter(|_| !quoted).map(Constant::Int),
        Kind::Json => serde_json::from_str::<Value>(&text).is_ok().then_some(Constant::Text(text)),
        Kind::Binary => quoted.then(|| Constant::Bytes(text.into_bytes())),
        Kind::Date | Kind::Datetime | Kind::Timestamp | Kind::Time => None,
    }
}

/// What stands for a value and says nothing: 0, an empty text, the first of January 1970.
fn zero(field: &Field) -> Constant {
    match field.kind {
        Kind::Float | Kind::Double => Constant::Float(0.0),
        Kind::Decimal => Constant::Decimal("0".to_owned()),
        Kind::String => Constant::Text(String::new()),
        Kind::Json => Constant::Text("null".to_owned()),
        // A BINARY(n) has n bytes.
        Kind::Binary => Constant::Bytes(vec![0; field.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0)]),
        // The first label: 0 would be no label.
        Kind::Enum => Constant::Int(1),
        Kind::Int | Kind::Year | Kind::Bit | Kind::Set | Kind::Date | Kind::Datetime | Kind::Timestamp | Kind::Time => Constant::Int(0),
    }
}
