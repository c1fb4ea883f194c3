//! Types as MySQL writes them, such as `decimal(12,2)`, and the Arrow fields that `docs/plugin-contract.md` has for them.

use crate::tree::{MICROSECONDS, Node, Type};
use crate::{Error, Field, Kind};

impl Field {
    /// A column of a type as MySQL writes it: `bigint`, `int unsigned`, `decimal(12,2)`, `varchar(40)`, `datetime(6)`, `json`, `blob`. ENUM and
    /// SET get their labels by [`Field::with_labels`].
    ///
    /// ```
    /// use rowmill_sdk::{Field, Kind};
    /// let total = Field::new("total", "decimal(12,2)")?;
    /// assert_eq!((total.kind, total.mysql_type.as_str()), (Kind::Decimal, "decimal(12,2)"));
    /// assert_eq!(Field::new("total", "money").unwrap_err().code, "unknown-type");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `unknown-type` where it is none of MySQL's, or its numbers are out of range.
    pub fn new(name: &str, mysql_type: &str) -> Result<Self, Error> {
        let parsed = parse(mysql_type)?;
        Ok(Self {
            name: name.to_owned(),
            kind: parsed.kind,
            mysql_type: mysql_type.to_owned(),
            width_unknown: None,
            not_null: false,
            charset: if parsed.kind == Kind::String {
                "utf8mb4".to_owned()
            } else {
                String::new()
            },
            fsp: parsed.fsp,
            labels: Vec::new(),
            length: parsed.length,
            storage: parsed.arrow.storage(),
        })
    }

    /// The same with these labels, of an ENUM or SET.
    ///
    /// ```
    /// let size = rowmill_sdk::Field::new("size", "enum")?.with_labels(["S", "M", "L"]);
    /// assert_eq!(size.labels, ["S", "M", "L"]);
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    #[must_use]
    pub fn with_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// The Arrow field, with the metadata that the contract has.
    pub(crate) fn node(&self) -> Result<Node, Error> {
        let mut node = Node::leaf(&self.name, parse(&self.mysql_type)?.arrow, true);
        node.set("rowmill.type", Some(self.mysql_type.clone()));
        node.set("rowmill.kind", Some(self.kind.name().to_owned()));
        node.set("rowmill.charset", Some(self.charset.clone()).filter(|charset| !charset.is_empty()));
        if matches!(self.kind, Kind::Datetime | Kind::Timestamp | Kind::Time) {
            node.set("rowmill.fsp", Some(self.fsp.to_string()));
        }
        if matches!(self.kind, Kind::Enum | Kind::Set) {
            node.set("rowmill.labels", Some(serde_json::Value::from(self.labels.clone()).to_string()));
        }
        node.set("rowmill.length", self.length.map(|length| length.to_string()));
        node.set("rowmill.width_unknown", self.width_unknown.clone());
        node.set("rowmill.not_null", self.not_null.then(|| "true".to_owned()));
        Ok(node)
    }
}

/// What a type's text says.
struct Parsed {
    kind: Kind,
    arrow: Type,
    fsp: u8,
    length: Option<u32>,
}

/// Digits that a Decimal128 holds.
const NARROW_DIGITS: u32 = 38;

fn parse(text: &str) -> Result<Parsed, Error> {
    let lower = text.trim().to_ascii_lowercase();
    let base = lower.split(['(', ' ']).next().unwrap_or_default();
    let inner = lower
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(inner, _)| inner);
    // The labels of an ENUM or SET may stand there too; nothing here needs them.
    let numbers: Vec<u32> = inner.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let unsigned = lower.split(' ').any(|word| word == "unsigned");
    let number = |i: usize, default: u32| numbers.get(i).copied().unwrap_or(default);
    let int = |bits: i32, signed: bool| Type::Int { bits, signed };
    let first = number(0, 0);
    let (kind, arrow) = match base {
        "tinyint" | "bool" | "boolean" => (Kind::Int, int(8, !unsigned)),
        "smallint" => (Kind::Int, int(16, !unsigned)),
        "mediumint" | "int" | "integer" => (Kind::Int, int(32, !unsigned)),
        "bigint" => (Kind::Int, int(64, !unsigned)),
        "year" => (Kind::Year, int(16, false)),
        "bit" if number(0, 1) == 1 => (Kind::Bit, Type::Bool),
        "bit" if first <= 64 => (Kind::Bit, int(64, false)),
        "float" => (Kind::Float, Type::Float(1)),
        "double" | "real" => (Kind::Double, Type::Float(2)),
        "decimal" | "numeric" => (Kind::Decimal, decimal(number(0, 10), number(1, 0)).ok_or_else(|| unknown(text))?),
        "date" => (Kind::Date, Type::Date(0)),
        "datetime" if first <= 6 => (Kind::Datetime, timestamp(None)),
        "timestamp" if first <= 6 => (Kind::Timestamp, timestamp(Some("+00:00"))),
        "time" if first <= 6 => (Kind::Time, Type::Duration(MICROSECONDS)),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => (Kind::String, Type::Utf8),
        "enum" => (Kind::Enum, int(16, false)),
        "set" => (Kind::Set, int(64, false)),
        "json" => (Kind::Json, Type::Utf8),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "vector" => (Kind::Binary, Type::Binary),
        _ => return Err(unknown(text)),
    };
    Ok(Parsed {
        fsp: if matches!(kind, Kind::Datetime | Kind::Timestamp | Kind::Time) {
            u8::try_from(first).unwrap_or(0)
        } else {
            0
        },
        length: matches!(base, "bit" | "binary").then(|| number(0, 1)),
        kind,
        arrow,
    })
}

fn decimal(precision: u32, scale: u32) -> Option<Type> {
    let is_possible = (1..=76).contains(&precision) && scale <= precision;
    is_possible.then(|| Type::Decimal {
        precision: i32::try_from(precision).unwrap_or(0),
        scale: i32::try_from(scale).unwrap_or(0),
        bits: if precision <= NARROW_DIGITS { 128 } else { 256 },
    })
}

fn timestamp(zone: Option<&str>) -> Type {
    Type::Timestamp {
        unit: MICROSECONDS,
        zone: zone.map(str::to_owned),
    }
}

#[cold]
fn unknown(text: &str) -> Error {
    Error::new(
        "unknown-type",
        format!(
            "reading the type `{text}`: it is none of MySQL's, or its numbers are out of range; write one such as `bigint`, `decimal(12,2)` or `varchar(40)`"
        ),
    )
}
