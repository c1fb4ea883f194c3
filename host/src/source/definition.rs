//! A table's definition as the server's catalogue prints it, held against a table map and put into it where the map does not
//! tell: names, signs, character sets, labels, the key.

use super::collation::{BINARY, Encoding};
use super::connection::TextRow;
use super::schema::{Column, ColumnType, Spelling};
use super::table_map::{Description, TypeCode};

/// What the catalogue says of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Definition {
    /// In ordinal order.
    pub(super) columns: Vec<Known>,
    /// Names of the key's columns in key order: the primary key, or what the server takes in its place; none without one.
    pub(super) key: Vec<String>,
    /// The key is called PRIMARY: nothing else can take its place.
    pub(super) has_primary: bool,
    /// It has a primary or any other unique key.
    pub(super) has_unique: bool,
}

/// What the catalogue says of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Name.
    pub(super) name: String,
    /// `COLUMN_TYPE`.
    pub(super) type_text: String,
    /// NULL is allowed.
    pub(super) nullable: bool,
    /// How a table map codes it.
    pub(super) form: Form,
}

/// A type as a table map codes it, and what a map may leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    code: TypeCode,
    metadata: u16,
    /// The same type's code in tables that an older server made.
    former: Option<TypeCode>,
    pub(super) rest: Rest,
}

/// What a table map may leave out of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// A number's sign.
    Unsigned(bool),
    /// A text's collation; one of its character set is as good as another.
    Text(u64),
    /// Labels of an ENUM or SET, and whether their texts may lack characters that the catalogue can't print.
    Labels(Vec<String>, bool),
    /// The kind of a GEOMETRY, as the binlog numbers them.
    Geometry(u64),
    /// The dimensions of a VECTOR.
    Vector(u64),
}

impl Definition {
    /// Why a table map is none of this table; `None` where it may be.
    pub(super) fn misfit(&self, map: &Description<'_>) -> Option<String> {
        if self.columns.len() != map.width {
            let (here, there) = (self.columns.len(), map.width);
            return Some(format!("it has {here} columns in the catalogue and {there} in the log"));
        }
        let mut view = View::new(map);
        for (column, (code, metadata)) in self.columns.iter().zip(&map.columns) {
            let seen = view.next(*code, *metadata);
            if !column.fits(&seen) {
                let (name, text) = (&column.name, &column.type_text);
                let null = if column.nullable { "NULL" } else { "NOT NULL" };
                return Some(format!(
                    "column {name} is {text} {null} in the catalogue, which is not what the log has in its place"
                ));
            }
        }
        (map.columns.len() != map.width).then(|| "the log has a column of a type that is not known".to_owned())
    }

    /// The table map with all that the catalogue knows. `unsigned` is `Self::signs`.
    pub(super) fn fill<'a>(&'a self, map: &Description<'a>, unsigned: &'a [u8]) -> Description<'a> {
        let mut filled = Description {
            columns: map.columns.clone(),
            width: map.width,
            nullable: map.nullable,
            unsigned,
            ..Description::default()
        };
        for column in &self.columns {
            filled.names.push(&column.name);
            match &column.form.rest {
                Rest::Text(collation) => filled.text.push(*collation),
                Rest::Labels(labels, _) => {
                    let labels = labels.iter().map(String::as_bytes).collect();
                    let all = if column.form.code == ENUM {
                        &mut filled.enums
                    } else {
                        &mut filled.sets
                    };
                    all.push(labels);
                    filled.labelled.push(UTF8MB4);
                }
                Rest::Geometry(kind) => filled.geometries.push(*kind),
                Rest::Vector(dimensions) => filled.dimensions.push(*dimensions),
                Rest::Unsigned(_) | Rest::Nothing => {}
            }
        }
        let ordinal = |name: &String| self.columns.iter().position(|column| column.name == *name);
        filled.key = self.key.iter().filter_map(ordinal).collect();
        filled
    }

    /// Takes the key out of the rows of SHOW INDEX: the primary one, or the first unique one that the server takes in its place, which has
    /// whole columns and none of them nullable. The server lists keys in its own order.
    pub(super) fn take_key(&mut self, rows: &[TextRow]) {
        let mut fit: Option<(&str, Vec<String>)> = None;
        let mut unfit = "";
        for row in rows {
            let field = |at: usize| row.get(at).and_then(Option::as_deref);
            let name = field(2).unwrap_or_default();
            let unique = field(1) == Some("0");
            self.has_unique |= unique;
            let whole = field(7).is_none() && field(9) != Some("YES");
            let column = field(4).filter(|_| whole || name == PRIMARY).map(str::to_owned);
            match &mut fit {
                _ if !unique || name == unfit => {}
                Some((taken, columns)) if *taken == name => match column {
                    Some(column) => columns.push(column),
                    None => (fit, unfit) = (None, name),
                },
                Some(_) => {}
                none => match column {
                    Some(column) => *none = Some((name, vec![column])),
                    None => unfit = name,
                },
            }
        }
        if let Some((name, columns)) = fit {
            self.has_primary = name == PRIMARY;
            self.key = columns;
        }
    }

    /// Which columns may be NULL, as a table map has it.
    pub(super) fn nullable_bits(&self) -> Vec<u8> {
        let mut bits = vec![0; self.columns.len().div_ceil(8)];
        for (at, _) in self.columns.iter().enumerate().filter(|(_, column)| column.nullable) {
            if let Some(byte) = bits.get_mut(at / 8) {
                *byte |= 1 << (at % 8);
            }
        }
        bits
    }

    /// The signs of numeric columns as a table map has them.
    pub(super) fn signs(&self) -> Vec<u8> {
        let mut bits = Vec::new();
        let signs = self.columns.iter().filter_map(|column| match column.form.rest {
            Rest::Unsigned(unsigned) => Some(unsigned),
            _ => None,
        });
        for (at, unsigned) in signs.enumerate() {
            if at % 8 == 0 {
                bits.push(0);
            }
            if let Some(last) = bits.last_mut()
                && unsigned
            {
                *last |= 0x80 >> (at % 8);
            }
        }
        bits
    }
}

impl Known {
    /// A column by what `information_schema.columns` says of it; `None` for a type that isn't known.
    pub(super) fn new(name: String, type_text: String, charset: Option<&str>, nullable: bool) -> Option<Self> {
        let form = Form::parse(&type_text, charset)?;
        Some(Self {
            name,
            type_text,
            nullable,
            form,
        })
    }

    /// Whether a column of a table map may be this one.
    pub(super) fn fits(&self, seen: &Seen) -> bool {
        let form = &self.form;
        let coded = (form.code == seen.code && form.metadata == seen.metadata) || form.former == Some(seen.code);
        let told = match (&form.rest, seen.unsigned, seen.collation) {
            (Rest::Unsigned(own), Some(sign), _) => *own == sign || seen.code == YEAR,
            (Rest::Text(own), _, Some(seen)) => Encoding::of_collation(*own) == Encoding::of_collation(seen),
            _ => true,
        };
        coded && told && self.nullable == seen.nullable
    }
}

/// A column of a table map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) code: TypeCode,
    pub(super) metadata: u16,
    pub(super) nullable: bool,
    /// Of a number, where the map tells.
    pub(super) unsigned: Option<bool>,
    /// Of a text, where the map tells.
    pub(super) collation: Option<u64>,
}

/// The columns of a table map one after the other: what is optional counts within classes.
#[derive(Debug)]
pub(super) struct View<'a> {
    map: &'a Description<'a>,
    at: usize,
    numbers: usize,
    texts: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(map: &'a Description<'a>) -> Self {
        Self {
            map,
            at: 0,
            numbers: 0,
            texts: 0,
        }
    }

    /// The next column, of this type.
    pub(super) fn next(&mut self, code: TypeCode, metadata: u16) -> Seen {
        let map = self.map;
        let mut seen = Seen {
            code,
            metadata,
            nullable: map.nullable.get(self.at / 8).is_some_and(|byte| byte >> (self.at % 8) & 1 == 1),
            unsigned: None,
            collation: None,
        };
        self.at += 1;
        if is_number(code) {
            let bit = |byte: &u8| byte >> (7 - self.numbers % 8) & 1 == 1;
            seen.unsigned = map.unsigned.get(self.numbers / 8).map(bit);
            self.numbers += 1;
        } else if is_text(code) {
            seen.collation = map.text.get(self.texts);
            self.texts += 1;
        }
        seen
    }
}

/// Whether a table map tells the sign of this type.
pub(super) fn is_number(code: TypeCode) -> bool {
    matches!(code, 1..=5 | 8 | 9 | 13 | 246)
}

/// Whether a table map tells the collation of this type.
pub(super) fn is_text(code: TypeCode) -> bool {
    matches!(code, 15 | 140 | 141 | 252..=254)
}

/// The name that a primary key always has.
const PRIMARY: &str = "PRIMARY";
/// Codes of YEAR, ENUM and SET, and a collation of utf8mb4.
const YEAR: TypeCode = 13;
const ENUM: TypeCode = 247;
const SET: TypeCode = 248;
const UTF8MB4: u64 = 45;

impl Form {
    /// From `COLUMN_TYPE` and `CHARACTER_SET_NAME`.
    fn parse(text: &str, charset: Option<&str>) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let (arguments, flags) = match rest.strip_prefix('(') {
            Some(rest) if matches!(name, "enum" | "set") => (rest.strip_suffix(')')?, ""),
            Some(rest) => rest.split_once(')')?,
            None => ("", rest),
        };
        let unsigned = flags.contains("unsigned") || flags.contains("zerofill");
        let number = |code, metadata| Some(Self::new(code, metadata, Rest::Unsigned(unsigned)));
        let plain = |code, metadata| Some(Self::new(code, metadata, Rest::Nothing));
        let first: u16 = arguments.split(',').next().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        match name {
            "tinyint" => number(1, 0),
            "smallint" => number(2, 0),
            "mediumint" => number(9, 0),
            "int" => number(3, 0),
            "bigint" => number(8, 0),
            "float" => number(4, 4),
            "double" => number(5, 8),
            // It counts as unsigned without being called so.
            "year" => Some(Self::new(YEAR, 0, Rest::Unsigned(true))),
            "decimal" => {
                let scale: u8 = arguments.split(',').nth(1).map_or(Some(0), |text| text.trim().parse().ok())?;
                number(246, u16::from_le_bytes([u8::try_from(first).ok()?, scale]))
            }
            "bit" => plain(
                16,
                u16::from_le_bytes([u8::try_from(first % 8).ok()?, u8::try_from(first / 8).ok()?]),
            ),
            "date" => Some(Self::new(10, 0, Rest::Nothing).or_formerly(14)),
            "timestamp" => Some(Self::temporal(17, 7, first)),
            "datetime" => Some(Self::temporal(18, 12, first)),
            "time" => Some(Self::temporal(19, 11, first)),
            "json" => plain(245, 4),
            "enum" => Self::labelled(ENUM, arguments, charset),
            "set" => Self::labelled(SET, arguments, charset),
            "vector" => Some(Self::new(242, 4, Rest::Vector(u64::from(first)))),
            _ => Self::string(name, first, flags.contains("COMPRESSED"), charset).or_else(|| geometry(name)),
        }
    }

    /// Type code and metadata.
    pub(super) fn coded(&self) -> (TypeCode, u16) {
        (self.code, self.metadata)
    }

    /// Of a column in a table map.
    pub(super) fn seen(code: TypeCode, metadata: u16, rest: Rest) -> Self {
        Self::new(code, metadata, rest)
    }

    fn new(code: TypeCode, metadata: u16, rest: Rest) -> Self {
        Self {
            code,
            metadata,
            former: None,
            rest,
        }
    }

    fn or_formerly(self, code: TypeCode) -> Self {
        Self {
            former: Some(code),
            ..self
        }
    }

    /// Tables made before MySQL 5.6 have another form, which has no fractional digits.
    fn temporal(code: TypeCode, former: TypeCode, digits: u16) -> Self {
        let form = Self::new(code, digits, Rest::Nothing);
        if digits == 0 { form.or_formerly(former) } else { form }
    }

    fn labelled(code: TypeCode, arguments: &str, charset: Option<&str>) -> Option<Self> {
        let labels = labels(arguments)?;
        let bytes = match (code, labels.len()) {
            (ENUM, ..256) => 1,
            (ENUM, _) => 2,
            (_, count @ ..=32) => count.div_ceil(8).max(1),
            _ => 8,
        };
        // The catalogue is in utf8mb3 and shows a question mark for what that does not have.
        let wide = matches!(charset, Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030"));
        let doubtful = wide && labels.iter().any(|label| label.contains('?'));
        Some(Self::new(code, u16::try_from(bytes).ok()?, Rest::Labels(labels, doubtful)))
    }

    fn string(name: &str, length: u16, compressed: bool, charset: Option<&str>) -> Option<Self> {
        let encoding = match charset {
            Some(charset) => Encoding::named(charset)?,
            None => (BINARY, Encoding::of_collation(BINARY)?),
        };
        let text = |code, metadata| Some(Self::new(code, metadata, Rest::Text(encoding.0)));
        let bytes = u32::from(length)
            .checked_mul(encoding.1.max_bytes)
            .and_then(|bytes| u16::try_from(bytes).ok());
        let blob = |length_bytes| text(if compressed { 140 } else { 252 }, length_bytes);
        match name {
            "char" | "binary" => text(254, bytes?),
            // A byte more than the column's width tells how a value is packed.
            "varchar" | "varbinary" if compressed => text(141, bytes?.checked_add(1)?),
            "varchar" | "varbinary" => text(15, bytes?),
            "tinytext" | "tinyblob" => blob(1),
            "text" | "blob" => blob(2),
            "mediumtext" | "mediumblob" => blob(3),
            "longtext" | "longblob" => blob(4),
            _ => {
                let width = u16::try_from(spelling(name)?.bytes()).ok()?;
                Some(Self::new(254, width, Rest::Text(BINARY)))
            }
        }
    }
}

fn geometry(name: &str) -> Option<Form> {
    let kind = match name {
        "geometry" => 0,
        "point" => 1,
        "linestring" => 2,
        "polygon" => 3,
        "multipoint" => 4,
        "multilinestring" => 5,
        "multipolygon" => 6,
        "geomcollection" | "geometrycollection" => 7,
        _ => return None,
    };
    Some(Form::new(255, 4, Rest::Geometry(kind)))
}

/// The labels in `'a','b'`, as the catalogue escapes them.
fn labels(mut text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    loop {
        let mut label = String::new();
        let mut characters = text.strip_prefix('\'')?.chars();
        loop {
            match characters.next()? {
                '\'' if characters.as_str().starts_with('\'') => {
                    characters.next();
                    label.push('\'');
                }
                '\'' => break,
                '\\' => label.push(match characters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    other => other,
                }),
                other => label.push(other),
            }
        }
        all.push(label);
        text = match characters.as_str().strip_prefix(',') {
            Some(rest) => rest,
            None if characters.as_str().is_empty() => return Some(all),
            None => return None,
        };
    }
}

/// Puts into a column's type what the catalogue says beyond the binlog: the display width of an integer, or which of the types that
/// MariaDB logs as bytes it is.
pub(super) fn refine(column: &mut Column, text: &str) {
    if differs_in_display_only(&column.type_text, text) {
        text.clone_into(&mut column.type_text);
    }
    let Some(spelling) = spelling(text) else { return };
    if let ColumnType::FixedBinary { length, length_bytes } = column.kind
        && usize::from(length) == spelling.bytes()
    {
        text.clone_into(&mut column.type_text);
        column.kind = ColumnType::Spelled { spelling, length_bytes };
    }
}

/// Takes a TINYINT's display width from what the catalogue says of it; an error where that is another type.
pub(super) fn take_width(column: &mut Column, text: &str) -> Result<(), String> {
    if differs_in_display_only(&column.type_text, text) {
        text.clone_into(&mut column.type_text);
        Ok(())
    } else if column.type_text == text {
        Ok(())
    } else {
        Err(format!(
            "it is {text} in the catalogue, and no ddl statement in the log tells why (it may have run with sql_log_bin=0)"
        ))
    }
}

/// Which of MariaDB's types a `COLUMN_TYPE` is. Tables from before MariaDB 10.11.5 are `uuid /* old */`.
fn spelling(text: &str) -> Option<Spelling> {
    match text.split(' ').next() {
        Some("uuid") => Some(Spelling::Uuid),
        Some("inet4") => Some(Spelling::Inet4),
        Some("inet6") => Some(Spelling::Inet6),
        _ => None,
    }
}

/// Whether two texts of a type are those of one type, but for a display width.
fn differs_in_display_only(binlog: &str, catalog: &str) -> bool {
    let Some((name, rest)) = catalog.split_once('(') else {
        return false;
    };
    let Some((_, flags)) = rest.split_once(')') else {
        return false;
    };
    let integer = matches!(name, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
    let plain = format!("{name}{}", flags.trim_end_matches(" zerofill"));
    integer && plain == binlog
}

#[cfg(test)]
mod tests;
