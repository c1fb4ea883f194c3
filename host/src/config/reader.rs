//! Typed access to what was written, by the key table: kinds, bounds and defaults. A finding is noted and a stand-in
//! returned, so that one pass finds everything.

use toml::Value;

use super::error::Finding;
use super::keys::{self, Key, Kind};
use super::sizes;
use super::surroundings::Surroundings;
use super::written::Written;

/// Reads settings and gathers findings.
pub(super) struct Reader<'a> {
    pub(super) written: Written,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(written: Written, surroundings: &'a Surroundings<'a>) -> Self {
        let findings = written.findings.clone();
        Self {
            written,
            surroundings,
            findings,
        }
    }

    /// Notes what is wrong.
    pub(super) fn refuse(&mut self, setting: &str, problem: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding::new(setting, problem, mend));
    }

    /// What stands there, for messages; the default where nothing does.
    pub(super) fn shown(&self, path: &str) -> String {
        match self.written.leaf(path) {
            Some(leaf) => leaf.shown.clone(),
            None => format!("{:?}", default(path)),
        }
    }

    /// Text, or the default.
    pub(super) fn text(&mut self, path: &str) -> String {
        self.text_if_written(path).unwrap_or_else(|| default(path).to_owned())
    }

    /// Text that must be written; `why` says for what.
    pub(super) fn required(&mut self, path: &str, why: &str) -> String {
        if !self.written.holds(path) {
            let example = keys::find(path).map_or("", |key| key.example);
            let name = path.rsplit('.').next().unwrap_or(path);
            self.refuse(path, format!("is missing: {why}"), format!("write for example {name} = {example}"));
            return String::new();
        }
        self.text_if_written(path).unwrap_or_default()
    }

    /// Text, if it is written and is text.
    pub(super) fn text_if_written(&mut self, path: &str) -> Option<String> {
        let leaf = self.written.leaf(path)?;
        if let Value::String(text) = &leaf.value {
            return Some(text.clone());
        }
        self.refuse_kind(path, "text in quotes");
        None
    }

    /// A path, if it is written.
    pub(super) fn path(&mut self, path: &str) -> Option<std::path::PathBuf> {
        let text = self.text_if_written(path)?;
        if text.is_empty() {
            self.refuse(path, "expected a path, found an empty text", "leave the key out");
            return None;
        }
        Some(self.surroundings.path(&text))
    }

    /// A path of a file that must be there, if it is written.
    pub(super) fn file(&mut self, path: &str) -> Option<std::path::PathBuf> {
        let file = self.path(path)?;
        if !file.is_file() {
            self.refuse(
                path,
                format!("there is no file {}", file.display()),
                "relative paths start at the folder of the configuration file",
            );
        }
        Some(file)
    }

    /// A number within the key's bounds.
    pub(super) fn integer(&mut self, path: &str) -> i64 {
        let Some(Kind::Integer(low, high)) = keys::find(path).map(|key| key.kind) else {
            return 0;
        };
        let found = match self.written.leaf(path).map(|leaf| &leaf.value) {
            None => default(path).parse().ok(),
            Some(Value::Integer(number)) => Some(*number),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match found {
            Some(number) if (low..=high).contains(&number) => number,
            _ => {
                self.refuse_kind(path, &format!("a number from {low} to {high}"));
                low.max(0)
            }
        }
    }

    /// Bytes or milliseconds within the key's bounds.
    pub(super) fn amount(&mut self, path: &str) -> u64 {
        let Some(kind) = keys::find(path).map(|key| key.kind) else {
            return 0;
        };
        let read = |text: &str| {
            if matches!(kind, Kind::Bytes(..)) {
                sizes::parse(text)
            } else {
                text.trim().parse().ok()
            }
        };
        let (low, high, expected) = match kind {
            Kind::Bytes(low, high) => (
                low,
                high,
                format!(
                    "{} to {}, such as \"1MiB\", \"64KiB\" or a number of bytes",
                    sizes::show(low),
                    sizes::show(high)
                ),
            ),
            Kind::Millis(low, high) => (low, high, format!("a whole number of milliseconds from {low} to {high}")),
            _ => return 0,
        };
        let found = match self.written.leaf(path).map(|leaf| &leaf.value) {
            None => read(default(path)),
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            Some(Value::String(text)) => read(text),
            Some(_) => None,
        };
        match found {
            Some(number) if (low..=high).contains(&number) => number,
            _ => {
                self.refuse_kind(path, &expected);
                low
            }
        }
    }

    /// Milliseconds as a duration.
    pub(super) fn duration(&mut self, path: &str) -> std::time::Duration {
        std::time::Duration::from_millis(self.amount(path))
    }

    /// Bytes that fit this machine's addresses.
    pub(super) fn bytes(&mut self, path: &str) -> usize {
        usize::try_from(self.amount(path)).unwrap_or(usize::MAX)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, path: &str) -> bool {
        let found = match self.written.leaf(path).map(|leaf| &leaf.value) {
            None => default(path).parse().ok(),
            Some(Value::Boolean(flag)) => Some(*flag),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let Some(flag) = found else {
            self.refuse_kind(path, "true or false");
            return false;
        };
        if self.refuse_later(path, if flag { "true" } else { "false" }) {
            false
        } else {
            flag
        }
    }

    /// One of the key's choices, if it is one that this version has; the default where nothing is written.
    pub(super) fn choice(&mut self, path: &str) -> Option<&'static str> {
        let Some(Key {
            kind: Kind::Choice(choices),
            ..
        }) = keys::find(path)
        else {
            return None;
        };
        let text = match self.written.leaf(path).map(|leaf| &leaf.value) {
            None => default(path).to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                self.refuse_kind(path, &format!("one of {}", choices.join(", ")));
                return None;
            }
        };
        let found = choices.iter().find(|choice| **choice == text).copied();
        match found {
            Some(choice) if self.refuse_later(path, choice) => None,
            Some(choice) => Some(choice),
            None => {
                if self.written.leaf(path).is_some() {
                    self.refuse_kind(path, &format!("one of {}", choices.join(", ")));
                }
                None
            }
        }
    }

    /// Texts: a list, or one text that `split` takes apart.
    pub(super) fn list(&mut self, path: &str, split: bool) -> Vec<String> {
        let found = match self.written.leaf(path).map(|leaf| &leaf.value) {
            None => Some(Vec::new()),
            Some(Value::String(text)) if split => Some(
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect(),
            ),
            Some(Value::String(text)) => Some(vec![text.clone()]),
            Some(Value::Array(list)) => list.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        found.unwrap_or_else(|| {
            self.refuse_kind(path, "a text or a list of texts");
            Vec::new()
        })
    }

    /// Notes that what stands there is not of the kind that the key takes.
    pub(super) fn refuse_kind(&mut self, path: &str, expected: &str) {
        let problem = format!("expected {expected}, found {}", self.shown(path));
        self.refuse(path, problem, "");
    }

    fn refuse_later(&mut self, path: &str, value: &str) -> bool {
        let Some(key) = keys::find(path).filter(|key| key.later.contains(&value)) else {
            return false;
        };
        let now = match key.kind {
            Kind::Choice(choices) => choices
                .iter()
                .filter(|choice| !key.later.contains(choice))
                .map(|choice| format!("\"{choice}\""))
                .collect::<Vec<_>>()
                .join(" or "),
            _ => "false".to_owned(),
        };
        let shown = if matches!(key.kind, Kind::Flag) {
            value.to_owned()
        } else {
            format!("\"{value}\"")
        };
        self.refuse(
            path,
            format!("{shown} is not in this version"),
            format!("write {} = {now}, or leave the key out", key.name()),
        );
        true
    }
}

/// The default of a key as text.
fn default(path: &str) -> &'static str {
    keys::find(path).and_then(|key| key.default).unwrap_or("")
}
