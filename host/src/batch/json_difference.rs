//! Partial updates of JSON columns: differences applied to the binary document before, giving a binary document after.
//!
//! Format: `Json_diff` in MySQL's `json_diff.h`: operation, path, value, one after the other. Only what a path leads through is
//! taken apart; everything else is copied as it stands.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::json::{Container, MAX_DEPTH, length};

/// Operations of a difference.
const REPLACE: u8 = 0;
const INSERT: u8 = 1;
const REMOVE: u8 = 2;
/// Types of binary JSON: containers whose offsets have four bytes, which any document fits into, and literals.
const OBJECT: u8 = 1;
const ARRAY: u8 = 3;
const LITERAL: u8 = 4;
/// The literal null.
const NULL: &[u8] = &[0];

/// The document that `differences` make of `document`.
pub(super) fn apply(document: &[u8], differences: &[u8]) -> Result<Vec<u8>, Flaw> {
    let mut root = Node::of(document)?;
    let mut cursor = Cursor::new(differences);
    while !cursor.rest().is_empty() {
        let operation = cursor.byte()?;
        let legs = legs(counted(&mut cursor)?)?;
        let value = match operation {
            REPLACE | INSERT => Some(Node::of(counted(&mut cursor)?)?),
            REMOVE => None,
            _ => return Err(Flaw::Difference("has an unknown operation")),
        };
        match (legs.split_last(), value) {
            (Some((last, parents)), value) => root.find(parents)?.change(last, operation, value)?,
            (None, Some(value)) if operation == REPLACE => root = value,
            (None, _) => return Err(Flaw::Difference("inserts or removes the whole document")),
        }
    }
    // Room for the type, which is known only when the value is written.
    let mut out = Vec::with_capacity(document.len() + differences.len() + 1);
    out.push(0);
    let kind = root.write(&mut out)?;
    if let Some(first) = out.first_mut() {
        *first = kind;
    }
    Ok(out)
}

/// A step of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leg<'p> {
    Member(Cow<'p, str>),
    Cell(usize),
}

/// A value; containers are taken apart once a path leads into them.
#[derive(Debug)]
enum Node<'d> {
    /// Type, and exactly the bytes after it.
    Raw(u8, &'d [u8]),
    Object(Vec<(Cow<'d, [u8]>, Self)>),
    Array(Vec<Self>),
}

impl<'d> Node<'d> {
    /// A whole document: type and value. An empty one stands for the literal `null`, as in MySQL.
    fn of(document: &'d [u8]) -> Result<Self, Flaw> {
        match document.split_first() {
            Some((kind, bytes)) => Self::raw(*kind, bytes),
            None => Ok(Self::Raw(LITERAL, NULL)),
        }
    }

    /// A value of which `bytes` begins with the first byte after its type; what follows it may be there too.
    fn raw(kind: u8, bytes: &'d [u8]) -> Result<Self, Flaw> {
        let mut cursor = Cursor::new(bytes);
        let size = match kind {
            0..=3 => Container::new(bytes, kind % 2 == 1, kind < 2)?.bytes.len(),
            4 => 1,
            5 | 6 => 2,
            7 | 8 => 4,
            9..=11 => 8,
            12 => {
                let length = length(&mut cursor)?;
                bytes.len() - cursor.rest().len() + length
            }
            15 => {
                cursor.byte()?;
                let length = length(&mut cursor)?;
                bytes.len() - cursor.rest().len() + length
            }
            _ => return Err(Flaw::Json("a value has an unknown type")),
        };
        let value = bytes.get(..size).ok_or(Flaw::Json("a value ends after the document"))?;
        Ok(Self::Raw(kind, value))
    }

    /// Takes a container apart.
    fn open(&mut self) -> Result<(), Flaw> {
        let Self::Raw(kind @ 0..=3, bytes) = *self else { return Ok(()) };
        let container = Container::new(bytes, kind % 2 == 1, kind < 2)?;
        // A sound container holds each byte once; one whose offsets cross must not grow with every copy.
        let mut budget = bytes.len();
        let mut spend = |amount: usize| {
            budget = budget.checked_sub(amount).ok_or(Flaw::Json("offsets run in circles"))?;
            Ok(())
        };
        let mut child = |index, key: usize| {
            let (kind, value) = container.value(index)?;
            let node = Self::raw(kind, value)?;
            if let Self::Raw(_, bytes) = node {
                spend(bytes.len() + key)?;
            }
            Ok(node)
        };
        *self = if kind < 2 {
            let mut members = Vec::with_capacity(container.count);
            for index in 0..container.count {
                let key = container.key(index)?;
                members.push((Cow::Borrowed(key), child(index, key.len())?));
            }
            Self::Object(members)
        } else {
            Self::Array((0..container.count).map(|index| child(index, 0)).collect::<Result<_, Flaw>>()?)
        };
        Ok(())
    }

    /// The value that a path leads to.
    fn find(&mut self, path: &[Leg<'_>]) -> Result<&mut Self, Flaw> {
        path.iter().try_fold(self, |node, leg| {
            node.open()?;
            let child = match (node, leg) {
                (Self::Object(members), Leg::Member(name)) => {
                    let member = members.iter_mut().find(|(key, _)| key.as_ref() == name.as_bytes());
                    member.map(|(_, value)| value)
                }
                (Self::Array(cells), Leg::Cell(index)) => cells.get_mut(*index),
                _ => None,
            };
            child.ok_or(NOWHERE)
        })
    }

    /// Changes what stands at a leg in this container. `value` is there unless the operation is `REMOVE`.
    fn change(&mut self, leg: &Leg<'_>, operation: u8, value: Option<Self>) -> Result<(), Flaw> {
        self.open()?;
        match (self, leg) {
            (Self::Object(members), Leg::Member(name)) => {
                let at = members.iter().position(|(key, _)| key.as_ref() == name.as_bytes());
                match (at, value) {
                    (Some(at), None) => {
                        members.remove(at);
                    }
                    (Some(at), Some(value)) if operation == REPLACE => {
                        members.get_mut(at).ok_or(NOWHERE)?.1 = value;
                    }
                    (None, Some(value)) if operation == INSERT => {
                        // The order that MySQL keeps keys in: by length, then by bytes.
                        let name = name.as_bytes();
                        let before = |key: &[u8]| (key.len(), key) < (name.len(), name);
                        let at = members.partition_point(|(key, _)| before(key));
                        members.insert(at, (Cow::Owned(name.to_vec()), value));
                    }
                    _ => return Err(NOWHERE),
                }
            }
            (Self::Array(cells), Leg::Cell(index)) => match value {
                Some(value) if operation == INSERT => cells.insert((*index).min(cells.len()), value),
                Some(value) => *cells.get_mut(*index).ok_or(NOWHERE)? = value,
                None if *index < cells.len() => {
                    cells.remove(*index);
                }
                None => return Err(NOWHERE),
            },
            _ => return Err(NOWHERE),
        }
        Ok(())
    }

    /// Appends the value without its type, which comes back.
    fn write(&self, out: &mut Vec<u8>) -> Result<u8, Flaw> {
        match self {
            Self::Raw(kind, bytes) => {
                out.extend_from_slice(bytes);
                Ok(*kind)
            }
            Self::Object(members) => {
                let values = members.iter().map(|(_, value)| value);
                container(members.iter().map(|(key, _)| key.as_ref()), values, members.len(), out)?;
                Ok(OBJECT)
            }
            Self::Array(cells) => {
                container(std::iter::empty(), cells.iter(), cells.len(), out)?;
                Ok(ARRAY)
            }
        }
    }
}

const NOWHERE: Flaw = Flaw::Difference("has a path that leads nowhere in the document before");

/// Appends a container: count, size, entries of keys, entries of values, keys, values. Offsets count from its start.
fn container<'n, 'd: 'n>(
    keys: impl Iterator<Item = &'n [u8]> + Clone,
    values: impl Iterator<Item = &'n Node<'d>>,
    count: usize,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let start = out.len();
    put(out, count)?;
    put(out, 0)?;
    let lengths: usize = keys.clone().count() * 6;
    let mut offset = 8 + lengths + count * 5;
    for key in keys.clone() {
        put(out, offset)?;
        let length = u16::try_from(key.len()).map_err(|_| TOO_LONG)?;
        out.extend_from_slice(&length.to_le_bytes());
        offset += key.len();
    }
    let mut entry = out.len();
    out.resize(entry + count * 5, 0);
    for key in keys {
        out.extend_from_slice(key);
    }
    for value in values {
        let kind = match value {
            // Small values stand in the entry itself.
            Node::Raw(kind @ 4..=8, bytes) => {
                let room = out.get_mut(entry + 1..entry + 1 + bytes.len()).ok_or(TOO_LONG)?;
                room.copy_from_slice(bytes);
                *kind
            }
            value => {
                let offset = out.len() - start;
                let kind = value.write(out)?;
                patch(out, entry + 1, offset)?;
                kind
            }
        };
        *out.get_mut(entry).ok_or(TOO_LONG)? = kind;
        entry += 5;
    }
    let size = out.len() - start;
    patch(out, start + 4, size)
}

const TOO_LONG: Flaw = Flaw::Difference("makes the document too long");

fn put(out: &mut Vec<u8>, number: usize) -> Result<(), Flaw> {
    let number = u32::try_from(number).map_err(|_| TOO_LONG)?;
    out.extend_from_slice(&number.to_le_bytes());
    Ok(())
}

fn patch(out: &mut [u8], at: usize, number: usize) -> Result<(), Flaw> {
    let number = u32::try_from(number).map_err(|_| TOO_LONG)?;
    out.get_mut(at..at + 4).ok_or(TOO_LONG)?.copy_from_slice(&number.to_le_bytes());
    Ok(())
}

/// Bytes after their length-encoded length.
fn counted<'d>(cursor: &mut Cursor<'d>) -> Result<&'d [u8], Flaw> {
    let length = cursor.lenenc()?;
    cursor.take(usize::try_from(length).map_err(|_| Flaw::Short)?)
}

/// The steps of a path as MySQL writes it: `$.name."any name"[3]`.
pub(super) fn legs(path: &[u8]) -> Result<Vec<Leg<'_>>, Flaw> {
    let text = std::str::from_utf8(path).map_err(|_| NO_PATH)?;
    let mut rest = text.strip_prefix('$').ok_or(NO_PATH)?;
    let mut legs = Vec::new();
    while !rest.is_empty() {
        if legs.len() >= usize::from(MAX_DEPTH) {
            return Err(Flaw::Difference("has a path deeper than 100"));
        }
        let (leg, after) = if let Some(after) = rest.strip_prefix('[') {
            let (digits, after) = after.split_once(']').ok_or(NO_PATH)?;
            (Leg::Cell(digits.parse().map_err(|_| NO_PATH)?), after)
        } else {
            member(rest.strip_prefix('.').ok_or(NO_PATH)?)?
        };
        legs.push(leg);
        rest = after;
    }
    Ok(legs)
}

/// A member's name at the start of `text`, in quotes or not, and what follows it.
fn member(text: &str) -> Result<(Leg<'_>, &str), Flaw> {
    if !text.starts_with('"') {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (name, after) = text.split_at_checked(end).filter(|(name, _)| !name.is_empty()).ok_or(NO_PATH)?;
        return Ok((Leg::Member(Cow::Borrowed(name)), after));
    }
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (quoted, after) = end.and_then(|end| text.split_at_checked(end + 2)).ok_or(NO_PATH)?;
    let name: String = serde_json::from_str(quoted).map_err(|_| NO_PATH)?;
    Ok((Leg::Member(Cow::Owned(name)), after))
}

const NO_PATH: Flaw = Flaw::Difference("has a path that is none");

#[cfg(test)]
mod tests;
