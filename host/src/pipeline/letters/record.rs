//! A letter as a Kafka record, made smaller until the topic takes it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::values::{self, Image};
use super::{Letter, Original, Rules};
use crate::batch::Records;
use crate::fault::Fault;
use crate::sink::{Sink, base64};

/// The form that `docs/dead-letters.md` describes.
const VERSION: &str = "1";
/// Characters of a reason.
const MAX_REASON: usize = 2000;
/// A value with more characters than this is cut out of a letter that is too large.
const LONG: usize = 256;

/// How much of the row is told. Each leaves out more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Not the form from which the row can be had again.
    Readable,
    /// Nor long values.
    Short,
    /// Nothing of the row.
    Nothing,
}

/// Writes a letter, as whole as its topic takes it.
///
/// # Errors
/// As `Sink::write`.
pub(in crate::pipeline) fn send(sink: &mut dyn Sink, letter: &Letter, rules: &Rules) -> Result<(), Fault> {
    for extent in [Extent::All, Extent::Readable, Extent::Short] {
        let records = letter.record(rules, extent);
        if sink.misfits(&records)?.is_empty() {
            return sink.write(records);
        }
    }
    sink.write(letter.record(rules, Extent::Nothing))
}

impl Letter {
    pub(super) fn record(&self, rules: &Rules, extent: Extent) -> Records {
        let key = match extent {
            Extent::Nothing => None,
            _ => self.key.as_ref().map(Value::to_string),
        };
        let mut headers = vec![("letter", VERSION.to_owned()), ("connector", rules.connector.clone())];
        headers.extend(self.headers(extent));
        one_record(
            &rules.topic,
            self.time_ms,
            key.as_deref(),
            &self.value(extent).to_string(),
            &headers,
        )
    }

    fn headers(&self, extent: Extent) -> Vec<(&'static str, String)> {
        let reason = &self.reason;
        let mut headers = vec![
            ("database", self.database.clone()),
            ("table", self.table.clone()),
            ("op", self.op.to_owned()),
            ("position", self.place.clone()),
            ("sequenceId", format!("{:019}", self.sequence)),
            ("stage", reason.stage.name().to_owned()),
            ("code", reason.code.clone()),
            ("error", reason.text.chars().take(MAX_REASON).collect()),
            ("event_time", self.event_ms.to_string()),
            ("time", shown(self.time_ms)),
        ];
        if !self.gtid.is_empty() {
            headers.push(("gtid", self.gtid.clone()));
        }
        headers.extend(self.row.map(|row| ("row", row.to_string())));
        if let Some((name, sha256)) = &reason.plugin {
            headers.extend([("plugin", name.clone()), ("plugin_sha256", sha256.clone())]);
        }
        let (name, bytes) = match &self.original {
            Original::Arrow(bytes) => ("arrow", bytes.as_slice()),
            Original::Images { images, .. } => ("images", images.as_slice()),
            Original::TooLarge(_) => ("images", &[][..]),
            Original::Cut => ("arrow", &[][..]),
        };
        let left_out = match (extent, &self.original) {
            (Extent::Nothing, _) | (_, Original::TooLarge(_)) => "row".to_owned(),
            (_, Original::Cut) => format!("{name},values"),
            (Extent::All, _) => {
                headers.push((name, base64(bytes)));
                return headers;
            }
            (Extent::Readable, _) => name.to_owned(),
            (Extent::Short, _) => format!("{name},values"),
        };
        headers.push(("left_out", left_out));
        headers
    }

    fn value(&self, extent: Extent) -> Value {
        let mut cut = match extent {
            Extent::Nothing => Map::new(),
            _ => self.cut.clone(),
        };
        let mut image = |name: &str, image: &Option<Image>| match (extent, image) {
            (Extent::Nothing, _) | (_, None) => Value::Null,
            (Extent::Short, Some(image)) => Value::Object(shortened(name, image, &mut cut)),
            (_, Some(image)) => Value::Object(image.clone()),
        };
        let (before, after) = (image("before", &self.before), image("after", &self.after));
        let mut value = json!({
            "database": self.database,
            "table": self.table,
            "op": self.op,
            "before": before,
            "after": after,
        });
        let mut note = |name: &str, note: Value| {
            if let Some(members) = value.as_object_mut() {
                members.insert(name.to_owned(), note);
            }
        };
        if !cut.is_empty() {
            note("cut", Value::Object(cut));
        }
        match &self.original {
            Original::Images { held, columns, .. } if extent != Extent::Nothing => {
                note("images", held.clone());
                note("columns", columns.clone());
            }
            Original::TooLarge(bytes) => note("bytes", (*bytes).into()),
            Original::Arrow(_) | Original::Images { .. } | Original::Cut => {}
        }
        value
    }
}

/// The image without its long values, whose places and lengths in characters go to `cut`.
pub(super) fn shortened(name: &str, image: &Image, cut: &mut Map<String, Value>) -> Image {
    let short = |(column, value): (&String, &Value)| {
        let text = value
            .as_str()
            .or_else(|| value.get("base64").and_then(Value::as_str))
            .unwrap_or_default();
        let length = text.chars().count();
        if length <= LONG {
            return (column.clone(), value.clone());
        }
        cut.insert(format!("{name}.{column}"), length.into());
        (column.clone(), Value::Null)
    };
    image.iter().map(short).collect()
}

/// `2024-01-31T12:00:00.123Z`.
pub(super) fn shown(ms: i64) -> String {
    let text = values::moment(ms.saturating_mul(1000), 3).unwrap_or_else(|| ms.to_string());
    format!("{}Z", text.replace(' ', "T"))
}

/// A record for partition 0 with these headers.
pub(super) fn one_record(topic: &Arc<str>, ms: i64, key: Option<&str>, value: &str, headers: &[(&str, String)]) -> Records {
    let end = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut data = key.unwrap_or_default().as_bytes().to_vec();
    let middle = end(&data);
    data.extend(value.as_bytes());
    let (mut header_data, mut header_bounds) = (Vec::new(), vec![0]);
    for (name, value) in headers {
        for text in [*name, value.as_str()] {
            header_data.extend(text.as_bytes());
            header_bounds.push(end(&header_data));
        }
    }
    Records {
        topic_names: vec![Arc::clone(topic)],
        topics: vec![0],
        // One partition, so that letters keep their order.
        partitions: vec![0],
        timestamps: vec![ms],
        flags: vec![u8::from(key.is_none())],
        bounds: vec![0, middle, end(&data)],
        header_ends: vec![u32::try_from(headers.len()).unwrap_or(u32::MAX)],
        header_bounds,
        header_data,
        data,
        ..Records::default()
    }
}
