//! TABLE_MAP events: what is before a row event and describes its columns. Only parses; `columns` gives it meaning.
//!
//! Format: `Table_map_event` in MySQL's `rows_event.h`, the optional metadata included.

use super::reader::{Malformed, Parsed, Reader};

/// The part that tells whether anybody wants the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    /// The id that row events give.
    pub(super) table_id: u64,
    /// Database.
    pub(super) database: &'a str,
    /// Table.
    pub(super) table: &'a str,
    /// What follows the id and flags: the same bytes mean the same table version.
    pub(super) identity: &'a [u8],
    /// What follows the names.
    pub(super) rest: &'a [u8],
    /// Whether MariaDB wrote it, which the event itself does not tell.
    pub(super) mariadb: bool,
}

impl<'a> Name<'a> {
    /// Reads the start of a TABLE_MAP event's body.
    pub(super) fn parse(body: &'a [u8], id_bytes: usize) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        let table_id = reader.uint(id_bytes)?;
        reader.u16()?;
        Ok(Self {
            table_id,
            ..Self::of_identity(reader.rest())?
        })
    }

    /// Reads the same again from what described the table, which has no id.
    pub(super) fn of_identity(identity: &'a [u8]) -> Parsed<Self> {
        let mut reader = Reader::new(identity);
        let database = name(&mut reader)?;
        let table = name(&mut reader)?;
        Ok(Self {
            table_id: 0,
            database,
            table,
            identity,
            rest: reader.rest(),
            mariadb: false,
        })
    }
}

fn name<'a>(reader: &mut Reader<'a>) -> Parsed<&'a str> {
    let length = usize::from(reader.u8()?);
    let bytes = reader.take(length)?;
    reader.u8()?;
    std::str::from_utf8(bytes).map_err(|_| Malformed("a name in it is not UTF-8"))
}

/// The columns of a table map, by ordinal or by the order within their class, as the event lists them.
#[derive(Debug, Default)]
pub(super) struct Description<'a> {
    /// Type code and its metadata of each column. A type that isn't known ends the list: how long its metadata is, nobody knows.
    pub(super) columns: Vec<(TypeCode, u16)>,
    /// How many columns there are.
    pub(super) width: usize,
    /// Bit `i % 8` of byte `i / 8`: column `i` may be NULL.
    pub(super) nullable: &'a [u8],
    /// Of numeric columns, highest bit first; none: all signed.
    pub(super) unsigned: &'a [u8],
    /// Collations of character columns.
    pub(super) text: Collations,
    /// Collations of ENUM and SET columns.
    pub(super) labelled: Collations,
    /// Column names; empty with `binlog_row_metadata=MINIMAL`.
    pub(super) names: Vec<&'a str>,
    /// Labels of each ENUM column.
    pub(super) enums: Vec<Vec<&'a [u8]>>,
    /// Labels of each SET column.
    pub(super) sets: Vec<Vec<&'a [u8]>>,
    /// Kinds of GEOMETRY columns.
    pub(super) geometries: Vec<u64>,
    /// Dimensions of VECTOR columns.
    pub(super) dimensions: Vec<u64>,
    /// Ordinals of the primary key's columns, in key order.
    pub(super) key: Vec<usize>,
}

/// A column's type as the table map codes it, `STRING` already taken apart.
pub(super) type TypeCode = u8;

/// Collations of the columns of one class.
#[derive(Debug, Default)]
pub(super) struct Collations {
    default: Option<u64>,
    /// (place within the class, collation).
    exceptions: Vec<(usize, u64)>,
    each: Vec<u64>,
}

impl Collations {
    /// The collation of the class's column number `at`.
    pub(super) fn get(&self, at: usize) -> Option<u64> {
        let exception = self
            .exceptions
            .iter()
            .find(|(place, _)| *place == at)
            .map(|(_, collation)| *collation);
        self.each.get(at).copied().or(exception).or(self.default)
    }

    /// Takes out the class's column number `at`; those after it move up.
    fn take_out(&mut self, at: usize) {
        if at < self.each.len() {
            self.each.remove(at);
        }
        self.exceptions.retain(|(place, _)| *place != at);
        for (place, _) in self.exceptions.iter_mut().filter(|(place, _)| *place > at) {
            *place -= 1;
        }
    }

    /// Appends the collation of the class's next column.
    pub(super) fn push(&mut self, collation: u64) {
        self.each.push(collation);
    }

    fn parse_default(&mut self, mut reader: Reader<'_>) -> Parsed<()> {
        self.default = Some(reader.lenenc()?);
        while !reader.is_empty() {
            self.exceptions.push((reader.size()?, reader.lenenc()?));
        }
        Ok(())
    }
}

/// More columns than any server allows in a table.
const MOST_COLUMNS: usize = 4096;

impl<'a> Description<'a> {
    /// Reads what follows the names.
    pub(super) fn parse(name: &Name<'a>) -> Parsed<Self> {
        let mut reader = Reader::new(name.rest);
        let width = reader.size()?;
        if width > MOST_COLUMNS {
            return Err(Malformed("it has more columns than a table can have"));
        }
        let codes = reader.take(width)?;
        let mut metadata = Reader::new(reader.counted()?);
        let nullable = reader.take(width.div_ceil(8))?;
        let mut description = Self {
            width,
            nullable,
            ..Self::default()
        };
        for code in codes {
            match column(*code, &mut metadata)? {
                Some(column) => description.columns.push(column),
                None => {
                    description.columns.push((*code, 0));
                    break;
                }
            }
        }
        while !reader.is_empty() {
            let field = reader.u8()?;
            let value = reader.counted()?;
            description.field(field, value)?;
        }
        description.keep_texts(name.mariadb);
        Ok(description)
    }

    /// Leaves in `text` the collations of columns that hold text or bytes. The servers also count VECTOR there and MariaDB every
    /// GEOMETRY, since to them these are BLOBs with a character set, `binary`.
    fn keep_texts(&mut self, mariadb: bool) {
        let mut at = 0;
        for (code, _) in &self.columns {
            match code {
                15 | 140 | 141 | 252..=254 => at += 1,
                242 => self.text.take_out(at),
                255 if mariadb => self.text.take_out(at),
                _ => {}
            }
        }
    }

    /// One optional metadata field; unknown ones have a length and are passed over.
    fn field(&mut self, field: u8, value: &'a [u8]) -> Parsed<()> {
        let reader = Reader::new(value);
        match field {
            1 => self.unsigned = value,
            2 => self.text.parse_default(reader)?,
            3 => self.text.each = integers(reader)?,
            4 => self.names = names(reader)?,
            5 => self.sets = labels(reader)?,
            6 => self.enums = labels(reader)?,
            7 => self.geometries = integers(reader)?,
            8 => self.key = key(reader, false)?,
            9 => self.key = key(reader, true)?,
            10 => self.labelled.parse_default(reader)?,
            11 => self.labelled.each = integers(reader)?,
            13 => self.dimensions = integers(reader)?,
            // 12 tells invisible columns: they are in the row images like the others.
            _ => {}
        }
        Ok(())
    }
}

/// Type and metadata of one column; `None` for a type whose metadata's length isn't known.
fn column(code: u8, metadata: &mut Reader<'_>) -> Parsed<Option<(TypeCode, u16)>> {
    Ok(Some(match code {
        // The integers, NULL, and temporal types without fractional digits.
        1..=3 | 6..=14 => (code, 0),
        // FLOAT, DOUBLE, TIMESTAMP2, DATETIME2, TIME2, MariaDB's compressed BLOB, VECTOR, JSON, the BLOBs, GEOMETRY.
        4 | 5 | 17..=19 | 140 | 242 | 245 | 249..=252 | 255 => (code, u16::from(metadata.u8()?)),
        // VARCHAR, BIT, MariaDB's compressed VARCHAR, VAR_STRING: two bytes, low one first; DECIMAL: precision, scale.
        15 | 16 | 141 | 246 | 253 => (code, metadata.u16()?),
        // STRING, ENUM, SET: the real type, then the length, whose bits 8 and 9 hide inverted in the type.
        247 | 248 | 254 => {
            let [first, second] = metadata.array()?;
            if matches!(first, 247 | 248) {
                (first, u16::from(second))
            } else {
                let high = u16::from(first & 0x30 ^ 0x30) << 4;
                (first | 0x30, high | u16::from(second))
            }
        }
        _ => return Ok(None),
    }))
}

fn integers(mut reader: Reader<'_>) -> Parsed<Vec<u64>> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        all.push(reader.lenenc()?);
    }
    Ok(all)
}

fn names(mut reader: Reader<'_>) -> Parsed<Vec<&str>> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        let bytes = reader.counted()?;
        all.push(std::str::from_utf8(bytes).map_err(|_| Malformed("a column's name in it is not UTF-8"))?);
    }
    Ok(all)
}

fn labels(mut reader: Reader<'_>) -> Parsed<Vec<Vec<&[u8]>>> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        let count = reader.size()?;
        // Each label takes a byte at least, so a count from outside can't ask for more memory than there are bytes.
        let mut one = Vec::with_capacity(count.min(reader.rest().len()));
        for _ in 0..count {
            one.push(reader.counted()?);
        }
        all.push(one);
    }
    Ok(all)
}

fn key(mut reader: Reader<'_>, prefixes: bool) -> Parsed<Vec<usize>> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        all.push(reader.size()?);
        if prefixes {
            reader.lenenc()?;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{Description, Name};

    /// Collations of the two texts in a table of TEXT, a third column that the server counts too, VARCHAR.
    fn collations(third: u8, mariadb: bool, field: &[u8]) -> [Option<u64>; 2] {
        let mut rest = vec![3, 252, third, 15, 4, 2, 4, 20, 0, 0];
        rest.extend_from_slice(field);
        let name = Name {
            table_id: 1,
            database: "d",
            table: "t",
            identity: &rest,
            rest: &rest,
            mariadb,
        };
        let description = Description::parse(&name).unwrap();
        [description.text.get(0), description.text.get(1)]
    }

    #[test]
    fn character_sets_of_texts_are_not_those_of_vectors_and_geometries_between_them() {
        let (default, each) = ([2, 5, 45, 1, 63, 2, 8], [3, 3, 45, 63, 8]);
        for field in [default.as_slice(), &each] {
            assert_eq!(collations(242, false, field), [Some(45), Some(8)], "VECTOR");
            assert_eq!(collations(255, true, field), [Some(45), Some(8)], "GEOMETRY of MariaDB");
        }
        // MySQL does not count it: the exception is the second text's.
        assert_eq!(collations(255, false, &[2, 3, 45, 1, 8]), [Some(45), Some(8)]);
    }
}
