//! Binary JSON and differences of it.

use serde_json::Value;

use super::super::cursor::Cursor;
use super::super::flaw::Flaw;
use super::super::{json, json_difference};

/// The text of a document, which has to be JSON, in bounds, and the same each time.
fn text(document: &[u8]) -> Option<String> {
    let read = || {
        let mut text = b"before".to_vec();
        json::append(document, &mut text).ok()?;
        let text = String::from_utf8(text).unwrap();
        Some(text.strip_prefix("before").expect("what was there stays").to_owned())
    };
    let text = read()?;
    assert_eq!(read().as_deref(), Some(text.as_str()));
    serde_json::from_str::<serde::de::IgnoredAny>(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    // No number takes more than 400 characters, no byte of a string more than 6.
    assert!(text.len() <= 400 * document.len() + 400);
    Some(text)
}

/// A binary JSON document.
pub fn check_json(document: &[u8]) {
    let Some(text) = text(document) else { return };
    // No difference leaves it as it is, but for what stands behind it; that counts for how much a document may hold.
    let same = json_difference::apply(document, &[]).expect("what has a text can be copied");
    let copied = self::text(&same);
    assert!(
        copied.as_ref() == Some(&text) || copied.is_none() && same.len() < document.len(),
        "{copied:?}, not {text}"
    );
}

/// Two bytes with the length of a document, that, and differences: applied to it they give a document whose text is that of the
/// same changes to the text.
pub fn check_partial_json(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let Some((document, differences)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else {
        return;
    };
    let Ok(changed) = json_difference::apply(document, differences) else {
        return;
    };
    assert_eq!(json_difference::apply(document, differences).as_ref(), Ok(&changed));
    // Entries of keys and values grow by up to half when offsets of two bytes become four; nothing is there twice.
    assert!(changed.len() <= 8 * (document.len() + differences.len()) + 64);
    let after = text(&changed);
    let Some(before) = text(document).and_then(|text| tree(&text)) else {
        return;
    };
    let Some(expected) = changed_tree(before, differences) else {
        return;
    };
    if after.is_none() {
        // A document whose parts overlap has a text as long as enough bytes belong to none of them; these are not copied.
        let flaw = json::append(&changed, &mut Vec::new());
        let overlaps = matches!(flaw, Err(Flaw::Json("offsets run in circles")));
        assert!(overlaps || depth(&expected) > usize::from(json::MAX_DEPTH), "{flaw:?}");
        return;
    }
    assert_eq!(after.and_then(|text| tree(&text)), Some(expected));
}

/// The text as a tree; none where a key is there twice, which MySQL never writes and the tree can't hold, or where a number is
/// larger than the tree takes.
fn tree(text: &str) -> Option<Value> {
    let tree: Value = serde_json::from_str(text).ok()?;
    let colons = members(&tree);
    // Each member has a colon of its own outside of strings.
    let (mut seen, mut quoted, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => seen += 1,
            _ => {}
        }
    }
    (seen == colons).then_some(tree)
}

fn members(tree: &Value) -> usize {
    match tree {
        Value::Object(map) => map.values().map(|value| 1 + members(value)).sum(),
        Value::Array(cells) => cells.iter().map(members).sum(),
        _ => 0,
    }
}

/// How deep containers nest; MySQL has no document deeper than 100.
fn depth(tree: &Value) -> usize {
    match tree {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(cells) => 1 + cells.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The same changes, made to the tree; none where they are more than it can follow.
fn changed_tree(mut tree: Value, differences: &[u8]) -> Option<Value> {
    let mut cursor = Cursor::new(differences);
    while !cursor.rest().is_empty() {
        let operation = cursor.byte().ok()?;
        let path = counted(&mut cursor)?;
        let value = match operation {
            2 => None,
            _ => Some(self::tree(&text(counted(&mut cursor)?)?)?),
        };
        let pointer = pointer(path)?;
        let Some((parent, leg)) = pointer.rsplit_once('/') else {
            tree = value?;
            continue;
        };
        let leg = leg.replace("~1", "/").replace("~0", "~");
        match (tree.pointer_mut(parent)?, operation, value) {
            (Value::Object(map), 2, _) => drop(map.shift_remove(&leg)?),
            (Value::Object(map), _, Some(value)) => drop(map.insert(leg, value)),
            (Value::Array(cells), 2, _) => drop(cells.remove(leg.parse().ok()?)),
            (Value::Array(cells), 1, Some(value)) => cells.insert(leg.parse::<usize>().ok()?.min(cells.len()), value),
            (Value::Array(cells), _, Some(value)) => *cells.get_mut(leg.parse::<usize>().ok()?)? = value,
            _ => return None,
        }
    }
    Some(tree)
}

/// A path as a JSON pointer.
fn pointer(path: &[u8]) -> Option<String> {
    let mut pointer = String::new();
    for leg in json_difference::legs(path).ok()? {
        let leg = match leg {
            json_difference::Leg::Member(name) => name.replace('~', "~0").replace('/', "~1"),
            json_difference::Leg::Cell(index) => index.to_string(),
        };
        pointer = pointer + "/" + &leg;
    }
    Some(pointer)
}

fn counted<'d>(cursor: &mut Cursor<'d>) -> Option<&'d [u8]> {
    let length = cursor.lenenc().ok()?;
    cursor.take(usize::try_from(length).ok()?).ok()
}
