//! A table's version as the schema message tells it: names, kinds, key; and where each column's buffers are.

use crate::Error;
use crate::edit::Last;
use crate::flatbuffer::Table;
use crate::kind::Kind;
use crate::message::{self, Header};
use crate::tree::Tree;

/// One version of one table.
///
/// ```
/// use rowmill_sdk::{Kind, Schema, harness::{Input, Rows}};
/// let (message, _) = Rows::sample().messages()?;
/// let schema = Schema::read(&message)?;
/// assert_eq!((schema.database.as_str(), schema.table.as_str(), schema.topic.as_str()), ("rowmill", "sample", "mysql_sample"));
/// let price = &schema.columns[schema.column("price")?];
/// assert_eq!((price.kind, price.mysql_type.as_str()), (Kind::Decimal, "decimal(12,2)"));
/// assert_eq!((schema.key.as_slice(), schema.find("nme")), (&[0][..], None));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schema {
    /// `mysql` or `mariadb`.
    pub flavor: String,
    /// Version of the source server, as it says it.
    pub server_version: String,
    /// Database of the table.
    pub database: String,
    /// Name of the table.
    pub table: String,
    /// Ordinals of the key's columns, in key order; empty without a key.
    pub key: Vec<usize>,
    /// Zone of the source server: an IANA name or an offset such as `+08:00`.
    pub time_zone: String,
    /// The table's own topic.
    pub topic: String,
    /// The table's columns, in order.
    pub columns: Vec<Field>,
    /// Names of the batch's top-level columns, in order.
    pub layout: Vec<String>,
    /// The encapsulated message that this was read from.
    pub message: Vec<u8>,
    /// Where the batch's top-level columns are.
    pub(crate) places: Places,
    /// All of it, for what changes it.
    pub(crate) tree: Tree,
    /// What a transform made of it last.
    pub(crate) last: Last,
}

/// One column of the table.
///
/// ```
/// use rowmill_sdk::{Kind, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let field = |name| batch.schema.column(name).map(|column| &batch.schema.columns[column]);
/// assert_eq!((field("size")?.kind, field("size")?.labels.as_slice()), (Kind::Enum, &["S".into(), "M".into(), "L".into()][..]));
/// assert_eq!((field("local")?.fsp, field("bits")?.length, field("name")?.charset.as_str()), (6, Some(12), "utf8mb4"));
/// // One to add to a table is made by its type.
/// assert_eq!(rowmill_sdk::Field::new("cents", "bigint")?.kind, Kind::Int);
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The type as MySQL writes it, such as `decimal(12,2)`.
    pub mysql_type: String,
    /// Why it is not known whether a TINYINT has a display width, and which; none where it is known, and for other types.
    pub width_unknown: Option<String>,
    /// Character set of a character column, else empty.
    pub charset: String,
    /// NULL is not allowed.
    pub not_null: bool,
    /// Fractional digits of a temporal column.
    pub fsp: u8,
    /// Labels of an ENUM or SET.
    pub labels: Vec<String>,
    /// n of BINARY(n) and BIT(n).
    pub length: Option<u32>,
    pub(crate) storage: Storage,
}

impl Field {
    /// A column of which nothing but its kind is known.
    ///
    /// ```
    /// let field = rowmill_sdk::Field::of_kind(rowmill_sdk::Kind::Json);
    /// assert_eq!((field.kind, field.name.as_str(), field.not_null), (rowmill_sdk::Kind::Json, "", false));
    /// ```
    pub fn of_kind(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }
}

/// How a column's values lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Storage {
    #[default]
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Bits,
    Decimal128(u8),
    Decimal256(u8),
    /// Offsets and data.
    Bytes,
    /// A container, or something that no column of a table is.
    Other,
}

/// First node and first buffer of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: usize,
    pub(crate) buffer: usize,
}

/// An image of the row: the struct itself, then its columns.
#[derive(Debug, Clone)]
pub(crate) struct ImagePlace {
    pub(crate) at: Place,
    pub(crate) columns: Vec<Place>,
}

/// Top-level columns by name; optional ones may be left out of a batch's schema.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) seq: Place,
    pub(crate) op: Place,
    pub(crate) flags: Place,
    pub(crate) ts: Place,
    pub(crate) checkpoint_ts: Place,
    pub(crate) txn: Place,
    pub(crate) before: Option<ImagePlace>,
    pub(crate) after: ImagePlace,
    pub(crate) before_present: Option<Place>,
    pub(crate) after_present: Option<Place>,
    pub(crate) odd_dates: Option<Place>,
}

/// A top-level column while its place is looked for.
struct Found<'a> {
    name: &'a str,
    at: Place,
    table: Table<'a>,
    children: Vec<Place>,
}

impl Schema {
    /// Reads an encapsulated schema message ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message` where the bytes are no schema message or lack what the contract demands.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (header, _) = message::open(bytes, Header::Schema)?;
        if header.i16(0, 0)? != 0 {
            return Err(Error::malformed("it is big-endian"));
        }
        let mut found = Vec::new();
        let mut next = Place { node: 0, buffer: 0 };
        for table in header.tables(1)? {
            let at = next;
            let children = walk(&table, &mut next, 0)?;
            found.push(Found {
                name: table.text(0)?,
                at,
                table,
                children,
            });
        }
        let after = find(&found, "after").ok_or_else(|| missing("after"))?;
        let columns = after.table.tables(5)?.iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let text = |key: &str| metadata(&header, 2, key);
        let key: Vec<usize> = serde_json::from_str(text("rowmill.key")?.unwrap_or("[]"))
            .map_err(|_| Error::malformed("`rowmill.key` is not a list of ordinals"))?;
        if key.iter().any(|ordinal| *ordinal >= columns.len()) {
            return Err(Error::malformed("`rowmill.key` names a column that is not there"));
        }
        let owned = |key: &str| Ok::<_, Error>(text(key)?.unwrap_or_default().to_owned());
        Ok(Self {
            flavor: owned("rowmill.flavor")?,
            server_version: owned("rowmill.server_version")?,
            database: owned("rowmill.database")?,
            table: owned("rowmill.table")?,
            key,
            time_zone: owned("rowmill.time_zone")?,
            topic: owned("rowmill.topic")?,
            layout: found.iter().map(|column| column.name.to_owned()).collect(),
            places: places(&found, columns.len())?,
            columns,
            message: bytes.to_vec(),
            tree: Tree::read(&header)?,
            last: Last::default(),
        })
    }
}

fn find<'f, 'a>(found: &'f [Found<'a>], name: &str) -> Option<&'f Found<'a>> {
    found.iter().find(|column| column.name == name)
}

#[cold]
fn missing(name: &str) -> Error {
    Error::malformed(&format!("the schema has no column `{name}`"))
}

fn places(found: &[Found<'_>], columns: usize) -> Result<Places, Error> {
    let image = |name: &str| -> Result<Option<ImagePlace>, Error> {
        let Some(image) = find(found, name) else { return Ok(None) };
        if image.table.u8(2)? != 13 || image.children.len() != columns {
            return Err(Error::malformed(&format!("`{name}` is not a struct over the table's columns")));
        }
        Ok(Some(ImagePlace {
            at: image.at,
            columns: image.children.clone(),
        }))
    };
    let typed = |name: &str, storage: Storage| -> Result<Place, Error> {
        let column = find(found, name).ok_or_else(|| missing(name))?;
        if storage_of(&column.table)? == storage {
            Ok(column.at)
        } else {
            Err(Error::malformed(&format!(
                "column `{name}` has another type than the contract says"
            )))
        }
    };
    let optional = |name: &str, tag: u8| -> Result<Option<Place>, Error> {
        match find(found, name) {
            Some(column) if column.table.u8(2)? == tag => Ok(Some(column.at)),
            Some(_) => Err(Error::malformed(&format!(
                "column `{name}` has another type than the contract says"
            ))),
            None => Ok(None),
        }
    };
    Ok(Places {
        seq: typed("seq", Storage::UInt64)?,
        op: typed("op", Storage::UInt8)?,
        flags: typed("flags", Storage::UInt8)?,
        ts: typed("ts", Storage::Int64)?,
        checkpoint_ts: typed("checkpoint_ts", Storage::Int64)?,
        txn: typed("txn", Storage::UInt32)?,
        before: image("before")?,
        after: image("after")?.ok_or_else(|| missing("after"))?,
        before_present: optional("before_present", 15)?,
        after_present: optional("after_present", 15)?,
        odd_dates: optional("odd_dates", 12)?,
    })
}

/// Counts a field's nodes and buffers into `next`; the places of its direct children.
fn walk(field: &Table<'_>, next: &mut Place, depth: u8) -> Result<Vec<Place>, Error> {
    if depth > 8 {
        return Err(Error::malformed("its types nest too deep"));
    }
    next.node += 1;
    next.buffer += match field.u8(2)? {
        1 => 0,
        13 | 16 => 1,
        2 | 3 | 6..=12 | 15 | 17 | 18 | 21 => 2,
        4 | 5 | 19 | 20 => 3,
        _ => return Err(Error::malformed("it has a type that the sdk does not know")),
    };
    if field.table(4)?.is_some() {
        return Err(Error::malformed("it has dictionaries"));
    }
    field
        .tables(5)?
        .iter()
        .map(|child| {
            let at = *next;
            walk(child, next, depth + 1)?;
            Ok(at)
        })
        .collect()
}

/// The column that a field of `after` describes.
fn field(table: &Table<'_>) -> Result<Field, Error> {
    let name = table.text(0)?;
    let text = |key: &str| metadata(table, 6, key);
    let kind = text("rowmill.kind")?.unwrap_or_default();
    let kind = Kind::named(kind).ok_or_else(|| {
        Error::new(
            "unknown-kind",
            format!("opening a schema: column `{name}` is of kind `{kind}`, which this sdk does not know"),
        )
    })?;
    let storage = storage_of(table)?;
    if !kind.fits(storage) {
        return Err(Error::malformed(&format!(
            "column `{name}` is stored in another type than its kind has"
        )));
    }
    let labels = text("rowmill.labels")?.unwrap_or("[]");
    let number = |key: &str| Ok::<_, Error>(text(key)?.and_then(|text| text.parse::<u32>().ok()));
    Ok(Field {
        name: name.to_owned(),
        kind,
        mysql_type: text("rowmill.type")?.unwrap_or_default().to_owned(),
        width_unknown: text("rowmill.width_unknown")?.map(str::to_owned),
        charset: text("rowmill.charset")?.unwrap_or_default().to_owned(),
        not_null: text("rowmill.not_null")? == Some("true"),
        fsp: number("rowmill.fsp")?
            .and_then(|digits| u8::try_from(digits.min(6)).ok())
            .unwrap_or(0),
        labels: serde_json::from_str(labels).map_err(|_| Error::malformed("`rowmill.labels` is not a list of texts"))?,
        length: number("rowmill.length")?,
        storage,
    })
}

/// How values of a field's Arrow type lie in memory.
fn storage_of(field: &Table<'_>) -> Result<Storage, Error> {
    let tag = field.u8(2)?;
    let Some(details) = field.table(3)? else {
        return Ok(Storage::Other);
    };
    let unit_is = |unit: i16, default: i16| Ok::<_, Error>(details.i16(0, default)? == unit);
    Ok(match tag {
        2 => match (details.i32(0, 0)?, details.u8(1)? != 0) {
            (8, true) => Storage::Int8,
            (16, true) => Storage::Int16,
            (32, true) => Storage::Int32,
            (64, true) => Storage::Int64,
            (8, false) => Storage::UInt8,
            (16, false) => Storage::UInt16,
            (32, false) => Storage::UInt32,
            (64, false) => Storage::UInt64,
            _ => Storage::Other,
        },
        3 => match details.i16(0, 0)? {
            1 => Storage::Float32,
            2 => Storage::Float64,
            _ => Storage::Other,
        },
        4 | 5 => Storage::Bytes,
        6 => Storage::Bits,
        7 => {
            let scale = u8::try_from(details.i32(1, 0)?).map_err(|_| Error::malformed("a decimal has a negative scale"))?;
            match details.i32(2, 128)? {
                128 if scale <= 38 => Storage::Decimal128(scale),
                256 if scale <= 76 => Storage::Decimal256(scale),
                _ => Storage::Other,
            }
        }
        8 if unit_is(0, 1)? => Storage::Int32,
        // Microseconds; Duration's default unit is milliseconds, Timestamp's seconds.
        10 if unit_is(2, 0)? => Storage::Int64,
        18 if unit_is(2, 1)? => Storage::Int64,
        _ => Storage::Other,
    })
}

/// Value of a key in a list of key-value tables.
fn metadata<'a>(table: &Table<'a>, i: usize, key: &str) -> Result<Option<&'a str>, Error> {
    for pair in table.tables(i)? {
        if pair.text(0)? == key {
            return pair.text(1).map(Some);
        }
    }
    Ok(None)
}
