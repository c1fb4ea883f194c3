//! Dead letters read back from their topic.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::{Config, SinkKind};
use crate::fault::Fault;
use crate::sink::{self, Message};

/// Header of a record that says that a letter has been replayed; its value is the letter's place.
pub(super) const REPLAYED: &str = "replayed";
/// Headers that hold the row for programs.
const ORIGINALS: [&str; 2] = ["arrow", "images"];

/// A letter of this connector.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Partition of the dead-letter topic.
    pub partition: i32,
    /// Offset there: the letter's name for `show` and `replay`.
    pub offset: i64,
    /// Its rows have been sent again.
    pub replayed: bool,
    message: Message,
}

impl DeadLetter {
    /// The text of a header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        header(&self.message, name).unwrap_or_default()
    }

    /// All that people can read of it.
    pub fn json(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = self.message.headers.iter().map(|(name, value)| {
            if ORIGINALS.contains(&name.as_str()) {
                // In the topic it is whole.
                json!([name, format!("{} characters of base64", value.len())])
            } else {
                json!([name, text(value)])
            }
        });
        let value = self.message.value.as_deref().unwrap_or_default();
        json!({
            "partition": self.partition,
            "offset": self.offset,
            "replayed": self.replayed,
            "key": self.message.key.as_deref().map(text),
            "headers": headers.collect::<Vec<_>>(),
            "row": serde_json::from_slice::<Value>(value).unwrap_or_else(|_| text(value).into()),
        })
    }

    /// `partition:offset`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.partition, self.offset)
    }
}

/// Hands over the connector's letters in order, from this offset of each partition on, until `each` says no.
///
/// # Errors
/// `Stop` for a sink that is not Kafka; as `sink::read_topic`; whatever `each` returns.
pub fn dead_letters(config: &Config, from: Option<i64>, each: &mut dyn FnMut(DeadLetter) -> Result<bool, Fault>) -> Result<(), Fault> {
    if config.sink.kind != SinkKind::Kafka {
        let text = "the dead letters of this connector are lines of its output, since sink.kind is not \"kafka\": look for them there";
        return Err(Fault::stop(anyhow::Error::msg(text)));
    }
    let topic = &config.sink.dead_letter_topic;
    let is_own = |message: &Message| header(message, "connector") == Some(&config.name);
    let mut replayed = BTreeSet::new();
    // A mark comes after its letter, so that all of them are to be known first.
    sink::read_topic(config, topic, from, &mut |message| {
        if is_own(&message) {
            replayed.extend(header(&message, REPLAYED).map(str::to_owned));
        }
        Ok(true)
    })?;
    sink::read_topic(config, topic, from, &mut |message| {
        if !is_own(&message) || header(&message, "letter").is_none() {
            return Ok(true);
        }
        let mut letter = DeadLetter {
            partition: message.partition,
            offset: message.offset,
            replayed: false,
            message,
        };
        letter.replayed = replayed.contains(&letter.place());
        each(letter)
    })
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let (_, value) = message.headers.iter().find(|(known, _)| known == name)?;
    std::str::from_utf8(value).ok()
}
