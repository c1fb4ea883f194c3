//! A table's Avro schemas: the row, the key, the change.

use rowmill_json::quoted;
use rowmill_sdk::{Error, Field, Kind, Schema};

/// A field of the row: its name in Avro, its type, and whether it may be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    name: String,
    column: String,
    kind: String,
    pub(crate) nullable: bool,
}

impl Member {
    /// As a field of a record; in a key nothing is null.
    fn text(&self, in_key: bool) -> String {
        let kind = if self.nullable && !in_key {
            format!("[\"null\",{}],\"default\":null", self.kind)
        } else {
            self.kind.clone()
        };
        let column = if self.name == self.column {
            String::new()
        } else {
            format!(",\"rowmill.column\":{}", quoted(&self.column))
        };
        format!("{{\"name\":\"{}\",\"type\":{kind}{column}}}", self.name)
    }
}

/// The fields of a table's row.
///
/// # Errors
/// `name-taken` where two columns would have one name.
pub(crate) fn members(schema: &Schema) -> Result<Vec<Member>, Error> {
    let mut members: Vec<Member> = Vec::with_capacity(schema.columns.len());
    for field in &schema.columns {
        let name = avro_name(&field.name);
        if let Some(taken) = members.iter().find(|member| member.name == name) {
            return Err(Error::new(
                "name-taken",
                format!(
                    "opening {}.{}: its columns `{}` and `{}` would both be `{name}` in Avro, which takes letters, digits and `_` only; \
                     rename one by a transform",
                    schema.database, schema.table, taken.column, field.name
                ),
            ));
        }
        members.push(Member {
            name,
            column: field.name.clone(),
            kind: kind(field),
            // A zero date is null whatever the column says.
            nullable: !field.not_null || matches!(field.kind, Kind::Date | Kind::Datetime | Kind::Timestamp),
        });
    }
    Ok(members)
}

/// The schema of a row.
pub(crate) fn row(schema: &Schema, members: &[Member]) -> String {
    record(schema, "", members.iter().map(|member| member.text(false)))
}

/// The schema of the key.
pub(crate) fn key(schema: &Schema, members: &[Member]) -> String {
    let members = schema.key.iter().filter_map(|ordinal| members.get(*ordinal));
    record(schema, "_key", members.map(|member| member.text(true)))
}

/// The schema of a change, whose images are rows.
pub(crate) fn change(schema: &Schema, row: &str) -> String {
    let named = format!("{}.{}", avro_name(&schema.database), avro_name(&schema.table));
    let fields = [
        format!("{{\"name\":\"before\",\"type\":[\"null\",{row}],\"default\":null}}"),
        format!("{{\"name\":\"after\",\"type\":[\"null\",\"{named}\"],\"default\":null}}"),
        "{\"name\":\"op\",\"type\":\"string\"}".to_owned(),
        "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}".to_owned(),
        "{\"name\":\"seq\",\"type\":\"long\"}".to_owned(),
        "{\"name\":\"gtid\",\"type\":\"string\"}".to_owned(),
        "{\"name\":\"position\",\"type\":\"string\"}".to_owned(),
    ];
    record(schema, "_change", fields.into_iter())
}

fn record(schema: &Schema, suffix: &str, fields: impl Iterator<Item = String>) -> String {
    format!(
        "{{\"type\":\"record\",\"name\":\"{}{suffix}\",\"namespace\":\"{}\",\"fields\":[{}]}}",
        avro_name(&schema.table),
        avro_name(&schema.database),
        fields.collect::<Vec<_>>().join(",")
    )
}

/// A name that Avro takes: letters, digits and `_`, no digit first.
fn avro_name(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '_' })
        .collect();
    match safe.chars().next() {
        Some(first) if !first.is_ascii_digit() => safe,
        _ => format!("_{safe}"),
    }
}

/// A column's type.
fn kind(field: &Field) -> String {
    let logical = |kind: &str, name: &str| format!("{{\"type\":\"{kind}\",\"logicalType\":\"{name}\"}}");
    let plain = |kind: &str| format!("\"{kind}\"");
    match field.kind {
        Kind::Int => match (field.mysql_type.split(['(', ' ']).next(), field.mysql_type.contains("unsigned")) {
            (Some("bigint"), true) => decimal(20, 0),
            (Some("bigint"), false) | (Some("int"), true) => plain("long"),
            (Some("tinyint" | "smallint" | "mediumint" | "int"), _) => plain("int"),
            // What a transform has made.
            _ => plain("long"),
        },
        Kind::Year => plain("int"),
        Kind::Bit if field.length.unwrap_or(1) == 1 => plain("boolean"),
        Kind::Bit | Kind::Binary => plain("bytes"),
        Kind::Float => plain("float"),
        Kind::Double => plain("double"),
        Kind::Decimal => {
            let inner = field.mysql_type.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            let mut numbers = inner
                .map_or("", |(inner, _)| inner)
                .split(',')
                .map(|number| number.trim().parse().ok());
            let mut number = |default: u32| numbers.next().flatten().unwrap_or(default);
            decimal(number(10), number(0))
        }
        Kind::Date => logical("int", "date"),
        Kind::Datetime => logical("long", "local-timestamp-micros"),
        Kind::Timestamp => logical("long", "timestamp-micros"),
        Kind::Time | Kind::String | Kind::Json | Kind::Enum | Kind::Set => plain("string"),
    }
}

fn decimal(precision: u32, scale: u32) -> String {
    format!("{{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":{precision},\"scale\":{scale}}}")
}

/// What tells two schemas apart: FNV-1a of the whole text, 16 hexadecimal digits.
pub(crate) fn fingerprint(schema: &str) -> String {
    let hash = schema.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
