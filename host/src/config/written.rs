//! What was written: a TOML text or a flat map, laid out by the dotted paths of the key table, unknown keys refused,
//! references filled in. Values are not judged here.
//!
//! This is done by hand rather than by a derived deserializer because a derived one stops at the first finding.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::error::Finding;
use super::keys::{self, Kind};
use super::surroundings::Surroundings;

/// Longest piece of a written value in a message.
const SHOWN_CHARACTERS: usize = 60;

/// A setting as it was written.
pub(super) struct Leaf {
    /// References filled in.
    pub(super) value: Value,
    /// For messages: as it stood there, before references were filled in; `****` for secrets.
    pub(super) shown: String,
}

/// All settings that were written.
pub(super) struct Written {
    leaves: BTreeMap<String, Leaf>,
    plugins: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

impl Written {
    /// Lays out a table, nested or with dotted keys.
    pub(super) fn new(table: Table, surroundings: &Surroundings<'_>) -> Self {
        let mut layout = Layout {
            leaves: BTreeMap::new(),
            plugins: Vec::new(),
            findings: Vec::new(),
        };
        layout.walk("", table);
        layout.plugins.sort_by_key(|index| index.parse::<u32>().unwrap_or(u32::MAX));
        let mut written = Self {
            leaves: BTreeMap::new(),
            plugins: layout.plugins,
            findings: layout.findings,
        };
        for (path, (kind, value)) in layout.leaves {
            let shown = show(kind, &value);
            match fill_in(&path, value, surroundings) {
                Ok(value) => {
                    written.leaves.insert(path, Leaf { value, shown });
                }
                Err(finding) => written.findings.push(finding),
            }
        }
        written
    }

    pub(super) fn leaf(&self, path: &str) -> Option<&Leaf> {
        self.leaves.get(path)
    }

    /// Whether the key stands there at all, be it with a value that could not be filled in.
    pub(super) fn holds(&self, path: &str) -> bool {
        self.leaves.contains_key(path) || self.findings.iter().any(|finding| finding.setting == path)
    }

    /// Paths of the plugins, in order.
    pub(super) fn plugins(&self) -> Vec<String> {
        self.plugins.iter().map(|index| format!("plugin.{index}")).collect()
    }
}

struct Layout {
    leaves: BTreeMap<String, (Kind, Value)>,
    plugins: Vec<String>,
    findings: Vec<Finding>,
}

impl Layout {
    fn walk(&mut self, prefix: &str, table: Table) {
        for (name, value) in table {
            let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            self.place(path, value);
        }
    }

    fn place(&mut self, path: String, value: Value) {
        self.note_plugin(&path);
        if let Some(key) = keys::find(&path) {
            self.insert(path, key.kind, value);
        } else if let Some((owner, kind, rest)) = open_owner(&path) {
            let table = Table::from_iter([(rest.to_owned(), value)]);
            self.insert(owner.to_owned(), kind, Value::Table(table));
        } else if is_section(&path) {
            self.section(&path, value);
        } else {
            self.findings.push(unknown(&path));
        }
    }

    fn section(&mut self, path: &str, value: Value) {
        match value {
            Value::Table(table) => self.walk(path, table),
            Value::Array(list) if path == "plugin" => {
                for (index, value) in list.into_iter().enumerate() {
                    self.place(format!("plugin.{index}"), value);
                }
            }
            _ => self.findings.push(Finding::new(
                path,
                "expected a section, found a single value",
                format!("write [{path}] and its keys below it"),
            )),
        }
    }

    fn note_plugin(&mut self, path: &str) {
        let index = path.strip_prefix("plugin.").map(|rest| rest.split('.').next().unwrap_or(rest));
        if let Some(index) = index
            && keys::pattern(path).starts_with("plugin.*")
            && !self.plugins.iter().any(|known| known == index)
        {
            self.plugins.push(index.to_owned());
        }
    }

    /// A table that comes in pieces (`sink.properties.a`, `sink.properties.b`) is put together.
    fn insert(&mut self, path: String, kind: Kind, value: Value) {
        match (self.leaves.get_mut(&path), value) {
            (None, value) => {
                self.leaves.insert(path, (kind, value));
            }
            (Some((_, Value::Table(present))), Value::Table(more)) if is_open(kind) => {
                for (name, value) in more {
                    if present.insert(name, value).is_some() {
                        self.findings
                            .push(Finding::new(&path, "one of its keys is written twice", "keep one of them"));
                    }
                }
            }
            _ => self
                .findings
                .push(Finding::new(path, "written twice, dotted and nested", "keep one of them")),
        }
    }
}

/// Whether keys of any name stand below it.
fn is_open(kind: Kind) -> bool {
    matches!(kind, Kind::Object | Kind::Properties | Kind::Start)
}

/// `sink.properties.security.protocol` → (`sink.properties`, its kind, `security.protocol`).
fn open_owner(path: &str) -> Option<(&str, Kind, &str)> {
    path.match_indices('.').find_map(|(at, _)| {
        let (owner, rest) = (path.get(..at)?, path.get(at + 1..)?);
        let key = keys::find(owner)?;
        is_open(key.kind).then_some((owner, key.kind, rest))
    })
}

fn is_section(path: &str) -> bool {
    let mut start = keys::pattern(path);
    start.push('.');
    keys::KEYS.iter().any(|key| key.path.starts_with(&start))
}

fn unknown(path: &str) -> Finding {
    if path.starts_with("plugin.") && !keys::pattern(path).starts_with("plugin.*") {
        return Finding::new(
            path,
            "plugins are a list",
            "write [[plugin]], in double brackets, once for each plugin",
        );
    }
    let mend = match nearest(path) {
        Some(known) => format!("did you mean {known}?"),
        None => "`rowmill config example` shows every key".to_owned(),
    };
    Finding::new(path, "no such key", mend)
}

/// The known key that this one was probably meant to be: few letters apart, or the same name in another section.
fn nearest(path: &str) -> Option<String> {
    let pattern = keys::pattern(path);
    let name = pattern.rsplit('.').next().unwrap_or(&pattern);
    let (distance, key) = keys::KEYS
        .iter()
        .map(|key| (distance(&pattern, key.path).min(distance(name, key.name()) + 1), key))
        .min_by_key(|(distance, _)| *distance)?;
    let index = path.strip_prefix("plugin.").and_then(|rest| rest.split('.').next()).unwrap_or("0");
    (distance <= 1 + name.chars().count() / 4).then(|| key.path.replace('*', index))
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.chars().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

fn fill_in(path: &str, value: Value, surroundings: &Surroundings<'_>) -> Result<Value, Finding> {
    Ok(match value {
        Value::String(text) => Value::String(surroundings.expand(path, &text)?),
        Value::Array(list) => Value::Array(
            list.into_iter()
                .map(|value| fill_in(path, value, surroundings))
                .collect::<Result<_, _>>()?,
        ),
        Value::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(name, value)| Ok((name, fill_in(path, value, surroundings)?)))
                .collect::<Result<_, Finding>>()?,
        ),
        other => other,
    })
}

fn show(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Secret, _) => "****".to_owned(),
        (Kind::Object | Kind::Properties, Value::Table(_)) => "a table".to_owned(),
        (Kind::Object | Kind::Properties, other) => format!("a value of type {}", other.type_str()),
        (_, value) => {
            let text = value.to_string().replace('\n', " ");
            match text.char_indices().nth(SHOWN_CHARACTERS) {
                Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
                None => text,
            }
        }
    }
}
