//! An Arrow schema as a tree that can be changed and written again.

use crate::Error;
use crate::flatbuffer::Table;
use crate::flatbuffer_writer::{Slot, Writer};
use crate::message;
use crate::schema::{Place, Storage};

/// Types nest this deep at most.
const MAX_DEPTH: u8 = 8;

/// A schema: its fields and its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) fields: Vec<Node>,
    pub(crate) metadata: Vec<(String, String)>,
}

/// A field, with those inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) nullable: bool,
    pub(crate) kind: Type,
    pub(crate) children: Vec<Node>,
    pub(crate) metadata: Vec<(String, String)>,
}

/// Arrow's types, as far as they may cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Int { bits: i32, signed: bool },
    Float(i16),
    Binary,
    Utf8,
    Bool,
    Decimal { precision: i32, scale: i32, bits: i32 },
    Date(i16),
    Time { unit: i16, bits: i32 },
    Timestamp { unit: i16, zone: Option<String> },
    Interval(i16),
    List,
    Struct,
    FixedBinary(i32),
    FixedList(i32),
    Map { sorted: bool },
    Duration(i16),
    LargeBinary,
    LargeUtf8,
    LargeList,
}

/// How the values of a type lie in buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Nothing,
    Bits,
    Fixed(usize),
    Bytes,
    LargeBytes,
    List,
    LargeList,
    Struct,
    FixedList(usize),
}

/// Units of Arrow: seconds, milliseconds, microseconds, nanoseconds.
pub(crate) const MICROSECONDS: i16 = 2;

impl Type {
    fn read(tag: u8, table: Option<&Table<'_>>) -> Result<Self, Error> {
        let Some(table) = table else {
            return Err(Error::malformed("a type has no details"));
        };
        Ok(match tag {
            1 => Self::Null,
            2 => Self::Int {
                bits: table.i32(0, 0)?,
                signed: table.u8(1)? != 0,
            },
            3 => Self::Float(table.i16(0, 0)?),
            4 => Self::Binary,
            5 => Self::Utf8,
            6 => Self::Bool,
            7 => Self::Decimal {
                precision: table.i32(0, 0)?,
                scale: table.i32(1, 0)?,
                bits: table.i32(2, 128)?,
            },
            8 => Self::Date(table.i16(0, 1)?),
            9 => Self::Time {
                unit: table.i16(0, 1)?,
                bits: table.i32(1, 32)?,
            },
            10 => Self::Timestamp {
                unit: table.i16(0, 0)?,
                zone: Some(table.text(1)?).filter(|zone| !zone.is_empty()).map(str::to_owned),
            },
            11 => Self::Interval(table.i16(0, 0)?),
            12 => Self::List,
            13 => Self::Struct,
            15 => Self::FixedBinary(table.i32(0, 0)?),
            16 => Self::FixedList(table.i32(0, 0)?),
            17 => Self::Map { sorted: table.u8(0)? != 0 },
            18 => Self::Duration(table.i16(0, 1)?),
            19 => Self::LargeBinary,
            20 => Self::LargeUtf8,
            21 => Self::LargeList,
            _ => return Err(Error::malformed("it has a type that the sdk does not know")),
        })
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Null => 1,
            Self::Int { .. } => 2,
            Self::Float(_) => 3,
            Self::Binary => 4,
            Self::Utf8 => 5,
            Self::Bool => 6,
            Self::Decimal { .. } => 7,
            Self::Date(_) => 8,
            Self::Time { .. } => 9,
            Self::Timestamp { .. } => 10,
            Self::Interval(_) => 11,
            Self::List => 12,
            Self::Struct => 13,
            Self::FixedBinary(_) => 15,
            Self::FixedList(_) => 16,
            Self::Map { .. } => 17,
            Self::Duration(_) => 18,
            Self::LargeBinary => 19,
            Self::LargeUtf8 => 20,
            Self::LargeList => 21,
        }
    }

    fn write(&self, writer: &mut Writer, from: usize) {
        let flag = |set: bool| Slot::U8(u8::from(set));
        match self {
            Self::Int { bits, signed } => {
                writer.table(from, &[Slot::I32(*bits), flag(*signed)]);
            }
            Self::Float(number) | Self::Date(number) | Self::Interval(number) | Self::Duration(number) => {
                writer.table(from, &[Slot::I16(*number)]);
            }
            Self::Decimal { precision, scale, bits } => {
                writer.table(from, &[Slot::I32(*precision), Slot::I32(*scale), Slot::I32(*bits)]);
            }
            Self::Time { unit, bits } => {
                writer.table(from, &[Slot::I16(*unit), Slot::I32(*bits)]);
            }
            Self::Timestamp { unit, zone } => {
                let link = if zone.is_some() { Slot::Link } else { Slot::Empty };
                let written = writer.table(from, &[Slot::I16(*unit), link]);
                if let Some(zone) = zone {
                    writer.text(written.field(1), zone);
                }
            }
            Self::FixedBinary(number) | Self::FixedList(number) => {
                writer.table(from, &[Slot::I32(*number)]);
            }
            Self::Map { sorted } => {
                writer.table(from, &[flag(*sorted)]);
            }
            _ => {
                writer.table(from, &[]);
            }
        }
    }

    /// How its values lie in buffers.
    pub(crate) fn layout(&self) -> Layout {
        let width = |number: i32| usize::try_from(number).unwrap_or(0);
        match self {
            Self::Null => Layout::Nothing,
            Self::Int { bits, .. } | Self::Decimal { bits, .. } | Self::Time { bits, .. } => Layout::Fixed(width(*bits / 8)),
            Self::Float(precision) => Layout::Fixed(match precision {
                0 => 2,
                1 => 4,
                _ => 8,
            }),
            Self::Binary | Self::Utf8 => Layout::Bytes,
            Self::Bool => Layout::Bits,
            Self::Date(unit) => Layout::Fixed(if *unit == 0 { 4 } else { 8 }),
            Self::Timestamp { .. } | Self::Duration(_) => Layout::Fixed(8),
            Self::Interval(unit) => Layout::Fixed(match unit {
                0 => 4,
                1 => 8,
                _ => 16,
            }),
            Self::List | Self::Map { .. } => Layout::List,
            Self::Struct => Layout::Struct,
            Self::FixedBinary(number) => Layout::Fixed(width(*number)),
            Self::FixedList(number) => Layout::FixedList(width(*number)),
            Self::LargeBinary | Self::LargeUtf8 => Layout::LargeBytes,
            Self::LargeList => Layout::LargeList,
        }
    }

    /// How values of a table's column of this type are read.
    pub(crate) fn storage(&self) -> Storage {
        match self {
            Self::Int { bits: 8, signed: true } => Storage::Int8,
            Self::Int { bits: 16, signed: true } => Storage::Int16,
            Self::Int { bits: 32, signed: true } | Self::Date(0) => Storage::Int32,
            Self::Int { bits: 64, signed: true } | Self::Timestamp { unit: MICROSECONDS, .. } | Self::Duration(MICROSECONDS) => {
                Storage::Int64
            }
            Self::Int { bits: 8, signed: false } => Storage::UInt8,
            Self::Int { bits: 16, signed: false } => Storage::UInt16,
            Self::Int { bits: 32, signed: false } => Storage::UInt32,
            Self::Int { bits: 64, signed: false } => Storage::UInt64,
            Self::Float(1) => Storage::Float32,
            Self::Float(2) => Storage::Float64,
            Self::Bool => Storage::Bits,
            Self::Binary | Self::Utf8 => Storage::Bytes,
            Self::Decimal { scale, bits, .. } => match (u8::try_from(*scale), bits) {
                (Ok(scale), 128) if scale <= 38 => Storage::Decimal128(scale),
                (Ok(scale), 256) if scale <= 76 => Storage::Decimal256(scale),
                _ => Storage::Other,
            },
            _ => Storage::Other,
        }
    }
}

impl Node {
    /// A field without children and metadata.
    pub(crate) fn leaf(name: &str, kind: Type, nullable: bool) -> Self {
        Self {
            name: name.to_owned(),
            nullable,
            kind,
            children: Vec::new(),
            metadata: Vec::new(),
        }
    }

    fn read(table: &Table<'_>, depth: u8) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::malformed("its types nest too deep"));
        }
        let children = table.tables(5)?;
        Ok(Self {
            name: table.text(0)?.to_owned(),
            nullable: table.u8(1)? != 0,
            kind: Type::read(table.u8(2)?, table.table(3)?.as_ref())?,
            children: children
                .iter()
                .map(|child| Self::read(child, depth + 1))
                .collect::<Result<_, _>>()?,
            metadata: read_metadata(table, 6)?,
        })
    }

    fn write(&self, writer: &mut Writer, from: usize) {
        let list = |is_empty: bool| if is_empty { Slot::Empty } else { Slot::Link };
        let written = writer.table(
            from,
            &[
                Slot::Link,
                Slot::U8(u8::from(self.nullable)),
                Slot::U8(self.kind.tag()),
                Slot::Link,
                Slot::Empty,
                Slot::Link,
                list(self.metadata.is_empty()),
            ],
        );
        writer.text(written.field(0), &self.name);
        self.kind.write(writer, written.field(3));
        let places = writer.links(written.field(5), self.children.len());
        for (child, place) in self.children.iter().zip(places) {
            child.write(writer, place);
        }
        write_metadata(writer, written.field(6), &self.metadata);
    }

    /// Moves a place past this field's nodes and buffers.
    pub(crate) fn pass(&self, place: &mut Place) {
        place.node += 1;
        place.buffer += match self.kind.layout() {
            Layout::Nothing => 0,
            Layout::Struct | Layout::FixedList(_) => 1,
            Layout::Bits | Layout::Fixed(_) | Layout::List | Layout::LargeList => 2,
            Layout::Bytes | Layout::LargeBytes => 3,
        };
        for child in &self.children {
            child.pass(place);
        }
    }

    /// Sets or removes a key of its metadata.
    pub(crate) fn set(&mut self, key: &str, value: Option<String>) {
        set(&mut self.metadata, key, value);
    }
}

/// Sets or removes a key, in its place where it is there.
pub(crate) fn set(metadata: &mut Vec<(String, String)>, key: &str, value: Option<String>) {
    let found = metadata.iter().position(|(known, _)| known == key);
    match (found, value) {
        (Some(at), Some(value)) => {
            if let Some(pair) = metadata.get_mut(at) {
                pair.1 = value;
            }
        }
        (Some(at), None) => {
            metadata.remove(at);
        }
        (None, Some(value)) => metadata.push((key.to_owned(), value)),
        (None, None) => {}
    }
}

impl Tree {
    /// Reads a schema's table.
    pub(crate) fn read(header: &Table<'_>) -> Result<Self, Error> {
        let fields = header.tables(1)?;
        Ok(Self {
            fields: fields.iter().map(|field| Node::read(field, 0)).collect::<Result<_, _>>()?,
            metadata: read_metadata(header, 2)?,
        })
    }

    /// The encapsulated schema message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let header = message::begin(&mut writer, message::Header::Schema, 0);
        let list = |is_empty: bool| if is_empty { Slot::Empty } else { Slot::Link };
        let written = writer.table(header, &[Slot::Empty, Slot::Link, list(self.metadata.is_empty())]);
        let places = writer.links(written.field(1), self.fields.len());
        for (field, place) in self.fields.iter().zip(places) {
            field.write(&mut writer, place);
        }
        write_metadata(&mut writer, written.field(2), &self.metadata);
        message::encapsulate(&writer.finish(), 0)
    }
}

fn read_metadata(table: &Table<'_>, i: usize) -> Result<Vec<(String, String)>, Error> {
    let pairs = table.tables(i)?;
    let pair = |pair: &Table<'_>| Ok((pair.text(0)?.to_owned(), pair.text(1)?.to_owned()));
    pairs.iter().map(pair).collect()
}

fn write_metadata(writer: &mut Writer, from: usize, metadata: &[(String, String)]) {
    if metadata.is_empty() {
        return;
    }
    let places = writer.links(from, metadata.len());
    for ((key, value), place) in metadata.iter().zip(places) {
        let written = writer.table(place, &[Slot::Link, Slot::Link]);
        writer.text(written.field(0), key);
        writer.text(written.field(1), value);
    }
}
