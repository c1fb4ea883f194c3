//! From a table map to columns: which type, how stored, which character set, what SHOW CREATE would print.

use super::charset::Charset;
use super::collation::{BINARY, Encoding};
use super::reader::{Malformed, Parsed};
use super::schema::{Column, ColumnType, Former};
use super::table_map::Description;

/// The columns of a table map that has their names, in ordinal order. After a type that isn't known no column follows.
pub(super) fn columns(description: &Description<'_>) -> Parsed<Vec<Column>> {
    let mut classes = Classes::default();
    let mut all = Vec::with_capacity(description.width);
    for (ordinal, (code, metadata)) in description.columns.iter().enumerate() {
        let name = description.names.get(ordinal).ok_or(Malformed("it has fewer names than columns"))?;
        let (type_text, kind) = classes.column(*code, *metadata, description)?;
        all.push(Column {
            name: (*name).to_owned(),
            type_text,
            width_unknown: None,
            kind,
            nullable: bit(description.nullable, ordinal, false),
        });
    }
    Ok(all)
}

/// How many columns of each class have been seen: optional metadata counts within classes.
#[derive(Debug, Default)]
struct Classes {
    numeric: usize,
    text: usize,
    labelled: usize,
    enums: usize,
    sets: usize,
    geometries: usize,
    vectors: usize,
}

/// The next number of a class.
fn next(class: &mut usize) -> usize {
    let at = *class;
    *class += 1;
    at
}

impl Classes {
    fn column(&mut self, code: u8, metadata: u16, description: &Description<'_>) -> Parsed<(String, ColumnType)> {
        let [low, high] = metadata.to_le_bytes();
        // YEAR is counted among the numeric ones too.
        let numeric = matches!(code, 1..=5 | 8 | 9 | 13 | 246).then(|| next(&mut self.numeric));
        let unsigned = numeric.is_some_and(|at| bit(description.unsigned, at, true));
        let int = |name: &str, bytes| (signed(name, unsigned), ColumnType::Int { bytes, unsigned });
        Ok(match code {
            1 => int("tinyint", 1),
            2 => int("smallint", 2),
            9 => int("mediumint", 3),
            3 => int("int", 4),
            8 => int("bigint", 8),
            4 => (signed("float", unsigned), ColumnType::Float),
            5 => (signed("double", unsigned), ColumnType::Double),
            246 => (signed(&format!("decimal({low},{high})"), unsigned), decimal(low, high)?),
            13 => ("year".to_owned(), ColumnType::Year),
            16 => bits(low, high)?,
            // 14 is what MySQL itself calls a DATE of 3 bytes.
            10 | 14 => ("date".to_owned(), ColumnType::Date),
            7 => ("timestamp".to_owned(), ColumnType::Former(Former::Timestamp)),
            11 => ("time".to_owned(), ColumnType::Former(Former::Time)),
            12 => ("datetime".to_owned(), ColumnType::Former(Former::Datetime)),
            17 => (temporal("timestamp", low), ColumnType::Timestamp { fsp: digits(low)? }),
            18 => (temporal("datetime", low), ColumnType::Datetime { fsp: digits(low)? }),
            19 => (temporal("time", low), ColumnType::Time { fsp: digits(low)? }),
            15 | 253 => text("var", metadata, self.encoding(description)),
            254 => text("", metadata, self.encoding(description)),
            252 => blob(length_bytes(low)?, self.encoding(description)),
            140 => packed(blob(length_bytes(low)?, self.encoding(description))),
            // A byte more than the column's width tells how a value is packed.
            141 => packed(compressed_varchar(metadata, self.encoding(description))),
            247 => self.enumeration(low, description)?,
            248 => self.set(low, description)?,
            245 => (
                "json".to_owned(),
                ColumnType::Json {
                    length_bytes: length_bytes(low)?,
                },
            ),
            255 => {
                let kind = description.geometries.get(next(&mut self.geometries)).copied();
                (
                    geometry(kind).to_owned(),
                    ColumnType::Binary {
                        length_bytes: length_bytes(low)?,
                    },
                )
            }
            242 => {
                let dimensions = description.dimensions.get(next(&mut self.vectors)).copied();
                let text = dimensions.map_or_else(|| "vector".to_owned(), |n| format!("vector({n})"));
                (
                    text,
                    ColumnType::Binary {
                        length_bytes: length_bytes(low)?,
                    },
                )
            }
            code => unsupported(format!("of the type with code {code}")),
        })
    }

    /// The encoding of the next character column: collation id, and what is known of it.
    fn encoding(&mut self, description: &Description<'_>) -> (Option<u64>, Option<Encoding>) {
        let collation = description.text.get(next(&mut self.text));
        (collation, collation.and_then(Encoding::of_collation))
    }

    fn enumeration(&mut self, bytes: u8, description: &Description<'_>) -> Parsed<(String, ColumnType)> {
        let labels = description.enums.get(next(&mut self.enums));
        if !matches!(bytes, 1 | 2) {
            return Err(Malformed("an ENUM column in it has a wrong length"));
        }
        Ok(match self.labels(labels, description)? {
            Ok(labels) => ("enum".to_owned(), ColumnType::Enum { labels, bytes }),
            Err(problem) => ("enum".to_owned(), ColumnType::Unsupported(format!("enum {problem}"))),
        })
    }

    fn set(&mut self, bytes: u8, description: &Description<'_>) -> Parsed<(String, ColumnType)> {
        let labels = description.sets.get(next(&mut self.sets));
        if !(1..=8).contains(&bytes) {
            return Err(Malformed("a SET column in it has a wrong length"));
        }
        Ok(match self.labels(labels, description)? {
            Ok(labels) => ("set".to_owned(), ColumnType::Set { labels, bytes }),
            Err(problem) => ("set".to_owned(), ColumnType::Unsupported(format!("set {problem}"))),
        })
    }

    /// The labels of the next ENUM or SET column as UTF-8, or what stands in the way.
    fn labels(&mut self, labels: Option<&Vec<&[u8]>>, description: &Description<'_>) -> Parsed<Result<Vec<String>, String>> {
        let collation = description.labelled.get(next(&mut self.labelled));
        let labels = labels.ok_or(Malformed("the labels of an ENUM or SET column are missing"))?;
        let encoding = collation.and_then(Encoding::of_collation);
        // Labels of a binary column are bytes; those that are UTF-8 are shown so.
        let charset = match encoding {
            Some(encoding) if encoding.name == "binary" => Some(Charset::Utf8mb4),
            Some(encoding) => encoding.decoder(),
            None => None,
        };
        let Some(charset) = charset else {
            return Ok(Err(charset_text(collation, encoding)));
        };
        let decoded: Option<Vec<String>> = labels.iter().map(|label| charset.decode(label)).collect();
        Ok(decoded.ok_or_else(|| format!("with a label that is not valid {}", charset_text(collation, encoding))))
    }
}

fn unsupported(text: String) -> (String, ColumnType) {
    (text.clone(), ColumnType::Unsupported(text))
}

fn charset_text(collation: Option<u64>, encoding: Option<Encoding>) -> String {
    match (encoding, collation) {
        (Some(encoding), _) => format!("in character set {}", encoding.name),
        (None, Some(id)) => format!("in the character set of collation number {id}"),
        (None, None) => "in a character set that the binlog does not tell".to_owned(),
    }
}

/// CHAR and VARCHAR, BINARY and VARBINARY; `bytes` is their most.
fn text(prefix: &str, bytes: u16, (collation, encoding): (Option<u64>, Option<Encoding>)) -> (String, ColumnType) {
    let length_bytes = if bytes > 255 { 2 } else { 1 };
    if collation == Some(BINARY) {
        let kind = match prefix {
            "" => ColumnType::FixedBinary {
                length: bytes,
                length_bytes,
            },
            _ => ColumnType::Binary { length_bytes },
        };
        return (format!("{prefix}binary({bytes})"), kind);
    }
    let characters = u32::from(bytes) / encoding.map_or(1, |e| e.max_bytes);
    character(format!("{prefix}char({characters})"), length_bytes, collation, encoding)
}

/// MariaDB's compressed VARCHAR; its metadata counts the byte that tells how a value is packed.
fn compressed_varchar(bytes: u16, encoding: (Option<u64>, Option<Encoding>)) -> (String, ColumnType) {
    let (type_text, kind) = text("var", bytes.saturating_sub(1), encoding);
    let length_bytes = if bytes > 255 { 2 } else { 1 };
    let kind = match kind {
        ColumnType::Text { charset, .. } => ColumnType::Text { charset, length_bytes },
        ColumnType::Binary { .. } => ColumnType::Binary { length_bytes },
        other => other,
    };
    (type_text, kind)
}

/// The COMPRESSED form of a type.
fn packed((type_text, kind): (String, ColumnType)) -> (String, ColumnType) {
    let kind = match kind {
        ColumnType::Text { charset, length_bytes } => ColumnType::Packed {
            charset: Some(charset),
            length_bytes,
        },
        ColumnType::Binary { length_bytes } => ColumnType::Packed {
            charset: None,
            length_bytes,
        },
        other => other,
    };
    (type_text, kind)
}

fn character(type_text: String, length_bytes: u8, collation: Option<u64>, encoding: Option<Encoding>) -> (String, ColumnType) {
    match encoding.and_then(Encoding::decoder) {
        Some(charset) => (type_text, ColumnType::Text { charset, length_bytes }),
        None => {
            let problem = format!("{type_text} {}", charset_text(collation, encoding));
            (type_text, ColumnType::Unsupported(problem))
        }
    }
}

/// The TEXT and BLOB families, told apart by the bytes of their length.
fn blob(length_bytes: u8, (collation, encoding): (Option<u64>, Option<Encoding>)) -> (String, ColumnType) {
    let size = match length_bytes {
        1 => "tiny",
        2 => "",
        3 => "medium",
        _ => "long",
    };
    if collation == Some(BINARY) {
        return (format!("{size}blob"), ColumnType::Binary { length_bytes });
    }
    character(format!("{size}text"), length_bytes, collation, encoding)
}

fn signed(name: &str, unsigned: bool) -> String {
    let suffix = if unsigned { " unsigned" } else { "" };
    format!("{name}{suffix}")
}

fn temporal(name: &str, fsp: u8) -> String {
    if fsp == 0 { name.to_owned() } else { format!("{name}({fsp})") }
}

fn digits(fsp: u8) -> Parsed<u8> {
    (fsp <= 6)
        .then_some(fsp)
        .ok_or(Malformed("a column in it has more than 6 fractional digits"))
}

fn decimal(precision: u8, scale: u8) -> Parsed<ColumnType> {
    let right = (1..=65).contains(&precision) && scale <= precision && scale <= 30;
    let kind = ColumnType::Decimal { precision, scale };
    right
        .then_some(kind)
        .ok_or(Malformed("a DECIMAL column in it has impossible digits"))
}

fn bits(odd: u8, bytes: u8) -> Parsed<(String, ColumnType)> {
    let bits = u16::from(bytes) * 8 + u16::from(odd);
    match u8::try_from(bits) {
        Ok(bits @ 1..=64) if odd < 8 => Ok((format!("bit({bits})"), ColumnType::Bit { bits })),
        _ => Err(Malformed("a BIT column in it has impossible bits")),
    }
}

fn length_bytes(bytes: u8) -> Parsed<u8> {
    let right = (1..=4).contains(&bytes);
    right
        .then_some(bytes)
        .ok_or(Malformed("a column in it has a length of impossible size"))
}

fn geometry(kind: Option<u64>) -> &'static str {
    match kind {
        Some(1) => "point",
        Some(2) => "linestring",
        Some(3) => "polygon",
        Some(4) => "multipoint",
        Some(5) => "multilinestring",
        Some(6) => "multipolygon",
        Some(7) => "geomcollection",
        _ => "geometry",
    }
}

/// Bit `at`, counted from the lowest or from the highest of each byte; false past the end.
fn bit(bytes: &[u8], at: usize, highest_first: bool) -> bool {
    let within = if highest_first { 7 - at % 8 } else { at % 8 };
    bytes.get(at / 8).is_some_and(|byte| byte >> within & 1 == 1)
}
