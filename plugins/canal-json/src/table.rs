//! What one version of a table fixes: heads, fragments of names and labels, forms.

use rowmill_json::{Binary, Column, Form, Zone, columns, key_columns, plain_form, quoted};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Field, Kind, Schema};

use crate::options::{EnumForm, Options};

/// A table's version, prepared.
pub type Table = rowmill_json::Table<Parts>;

/// What does not change while rows are written. Members stand in the order of their names, as Canal writes them.
#[derive(Debug)]
pub struct Parts {
    /// Constant texts; the numbers below point into it.
    pub(crate) fragments: Fragments,
    /// From the start to the first value of the row, and from the last one to the value of `es`.
    pub(crate) head: usize,
    pub(crate) to_es: usize,
    /// From the value of `gtid` to that of `id`, and from that to that of `old`.
    pub(crate) to_id: usize,
    pub(crate) to_old: usize,
    /// Types by their numbers, from the value of `old` to each one that depends on its value.
    pub(crate) promoted: Vec<Promoted>,
    /// From the last of those to the value of `ts`.
    pub(crate) to_ts: usize,
    /// `}`.
    pub(crate) brace: usize,
    /// Each column's form and the fragment `,"name":`.
    pub(crate) columns: Vec<Column>,
    /// Each key column's ordinal and what stands before its value.
    pub(crate) key: Vec<(usize, usize)>,
    /// Bytes that all constant parts of a record may take.
    pub(crate) constant_bytes: usize,
}

/// An unsigned column, whose type is the next larger one where the value would not fit into the signed one.
#[derive(Debug)]
pub(crate) struct Promoted {
    /// What stands before the number.
    pub(crate) before: usize,
    /// The column.
    pub(crate) column: usize,
    /// Its type, and the larger one.
    pub(crate) code: i64,
    pub(crate) larger: i64,
}

/// Prepares for a schema.
pub(crate) fn open(options: &Options, schema: &Schema) -> Result<Table, Error> {
    let mut fragments = Fragments::default();
    let object = |member: &dyn Fn(&Field) -> String| {
        let members = schema
            .columns
            .iter()
            .map(|field| format!("{}:{}", quoted(&field.name), member(field)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let types = object(&|field| quoted(&mysql_type(field)));
    // In the table's order, which need not be that of the key.
    let key = schema.columns.iter().enumerate().filter(|(i, _)| schema.key.contains(i));
    let key: Vec<_> = key.map(|(_, field)| quoted(&field.name)).collect();
    let key = if key.is_empty() {
        "null".to_owned()
    } else {
        format!("[{}]", key.join(","))
    };
    let to_es = format!("}}],\"database\":{},\"es\":", quoted(&schema.database));
    let to_old = format!(",\"isDdl\":false,\"mysqlType\":{types},\"old\":");
    let (promoted, codes) = sql_types(schema, &mut fragments, format!(",\"pkNames\":{key},\"sql\":\"\",\"sqlType\":{{"));
    let to_ts = format!("{codes}}},\"table\":{},\"ts\":", quoted(&schema.table));
    let code_bytes: usize = promoted.iter().map(|code| fragments.get(code.before).length() + 4).sum();
    let parts = Parts {
        head: fragments.push(b"{\"data\":[{"),
        constant_bytes: to_es.len() + to_old.len() + code_bytes + to_ts.len() + 512,
        promoted,
        to_es: fragments.push(to_es.as_bytes()),
        to_id: fragments.push(b",\"id\":"),
        to_old: fragments.push(to_old.as_bytes()),
        to_ts: fragments.push(to_ts.as_bytes()),
        brace: fragments.push(b"}"),
        columns: columns(schema, &mut fragments, |field, fragments| form(field, options, fragments)),
        key: key_columns(schema, &mut fragments, "{"),
        fragments,
    };
    let zone = zone(options, schema)?;
    Ok(rowmill_json::Table { parts, zone })
}

/// The zone of TIMESTAMP. A source whose zone has no usable name matters only to tables that have one.
fn zone(options: &Options, schema: &Schema) -> Result<Zone, Error> {
    match &options.time_zone {
        _ if !schema.columns.iter().any(|field| field.kind == Kind::Timestamp) => Ok(Zone::utc()),
        Some(name) => Zone::named(name),
        None => Zone::of_source(schema, "TIMESTAMP"),
    }
}

/// The type as MySQL writes it, labels included.
fn mysql_type(field: &Field) -> String {
    if !matches!(field.kind, Kind::Enum | Kind::Set) {
        return field.mysql_type.clone();
    }
    let labels = field.labels.iter().map(|label| format!("'{}'", label.replace('\'', "''")));
    format!("{}({})", field.mysql_type, labels.collect::<Vec<_>>().join(","))
}

/// The members of `sqlType`: those of unsigned columns one by one, and what stands behind the last of them. `head` stands before the first.
fn sql_types(schema: &Schema, fragments: &mut Fragments, head: String) -> (Vec<Promoted>, String) {
    let (mut promoted, mut text) = (Vec::new(), head);
    for (column, field) in schema.columns.iter().enumerate() {
        let comma = if column == 0 { "" } else { "," };
        text += &format!("{comma}{}:", quoted(&field.name));
        let code = code(field);
        match larger(field) {
            Some(larger) => {
                let before = fragments.push(text.as_bytes());
                text.clear();
                promoted.push(Promoted {
                    before,
                    column,
                    code: code.into(),
                    larger,
                });
            }
            None => text += &code.to_string(),
        }
    }
    (promoted, text)
}

/// The number of the next larger type of an unsigned one; MEDIUMINT has room enough in its own.
fn larger(field: &Field) -> Option<i64> {
    if field.kind != Kind::Int || !field.mysql_type.contains("unsigned") {
        return None;
    }
    match field.mysql_type.split(['(', ' ']).next()? {
        "tinyint" => Some(5),
        "smallint" => Some(4),
        "int" => Some(-5),
        "bigint" => Some(3),
        _ => None,
    }
}

/// The number that `java.sql.Types` has for what Canal makes of a column.
fn code(field: &Field) -> i16 {
    let name = field.mysql_type.split(['(', ' ']).next().unwrap_or_default();
    match field.kind {
        Kind::Int => match name {
            "tinyint" => -6,
            "smallint" => 5,
            "bigint" => -5,
            _ => 4,
        },
        Kind::Year | Kind::Json => 12,
        Kind::Bit | Kind::Set => -7,
        Kind::Float => 7,
        Kind::Double => 8,
        Kind::Decimal => 3,
        Kind::Date => 91,
        Kind::Time => 92,
        Kind::Datetime | Kind::Timestamp => 93,
        Kind::Enum => 4,
        Kind::String => match name {
            "char" => 1,
            name if name.ends_with("text") => 2005,
            _ => 12,
        },
        Kind::Binary => 2004,
    }
}

fn form(field: &Field, options: &Options, fragments: &mut Fragments) -> Form {
    match field.kind {
        Kind::Enum | Kind::Set if options.label == EnumForm::Index => Form::Integer,
        Kind::Bit => Form::BitNumber,
        Kind::Year => Form::Year,
        Kind::Float => Form::JavaFloat,
        Kind::Double => Form::JavaDouble,
        Kind::Timestamp => Form::Local { fsp: field.fsp },
        Kind::Binary => Form::Bytes(Binary::Latin1),
        _ => plain_form(field, fragments),
    }
}
