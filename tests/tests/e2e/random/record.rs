//! A message taken apart, and what every message must be whatever it tells: its members, their order, key, partition and times.

use pipeline_tests::{Message, object_members};

use super::murmur2::partition;

/// Members of an image: name and raw JSON.
pub(crate) type Members<'a> = Vec<(String, &'a str)>;

/// One message. Texts are raw JSON.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) message: &'a Message,
    pub(crate) schema: &'a str,
    pub(crate) before: Option<Members<'a>>,
    pub(crate) after: Option<Members<'a>>,
    pub(crate) sequence: u64,
    pub(crate) event_time: i64,
    pub(crate) checkpoint_time: i64,
    pub(crate) op: String,
    pub(crate) ddl: &'a str,
    /// Members of the key; none where the message has no key.
    pub(crate) key: Option<Members<'a>>,
}

/// The members of an object whose names are known.
fn named<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Result<[&'a str; N], String> {
    let members = object_members(text);
    let found: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    if found != names {
        return Err(format!("members {found:?} instead of {names:?}"));
    }
    let values: Vec<&str> = members.into_iter().map(|(_, raw)| raw).collect();
    values.try_into().map_err(|_| String::from("another number of members"))
}

fn image(raw: &str) -> Result<Option<Members<'_>>, String> {
    if raw == "null" {
        return Ok(None);
    }
    let [columns] = named(raw, ["dataColumn"])?;
    Ok(Some(object_members(columns)))
}

fn number(raw: &str) -> Result<i64, String> {
    raw.parse().map_err(|e| format!("{e}: {raw}"))
}

impl<'a> Record<'a> {
    /// Takes a message apart.
    pub(crate) fn of(message: &'a Message) -> Result<Self, String> {
        let [schema, payload, version] = named(&message.value, ["schema", "payload", "version"])?;
        if version != "\"0.0.1\"" {
            return Err(format!("version {version}"));
        }
        let [before, after, sequence, timestamp, op, ddl] = named(payload, ["before", "after", "sequenceId", "timestamp", "op", "ddl"])?;
        let [event, system, checkpoint] = named(timestamp, ["eventTime", "systemTime", "checkpointTime"])?;
        let digits = sequence.trim_matches('"');
        if digits.len() != 19 || sequence.len() != 21 {
            return Err(format!("sequenceId {sequence}"));
        }
        let record = Self {
            message,
            schema,
            before: image(before)?,
            after: image(after)?,
            sequence: digits.parse().map_err(|e| format!("{e}: {sequence}"))?,
            event_time: number(event)?,
            checkpoint_time: number(checkpoint)?,
            op: op.trim_matches('"').to_owned(),
            ddl,
            key: message.key.as_deref().map(object_members),
        };
        if record.event_time != message.timestamp {
            return Err(format!("eventTime {event}, but the message's timestamp is {}", message.timestamp));
        }
        if number(system)? + 1000 < record.event_time {
            return Err(format!("systemTime {system} before eventTime {event}"));
        }
        Ok(record)
    }

    /// Whether it lies in the partition of its key, of this many.
    pub(crate) fn check_partition(&self, partitions: i32) -> Result<(), String> {
        let expected = self.message.key.as_ref().map_or(0, |key| partition(key.as_bytes(), partitions));
        if self.message.partition == expected {
            Ok(())
        } else {
            Err(format!(
                "partition {} of {partitions} instead of {expected}",
                self.message.partition
            ))
        }
    }

    /// Headers as they must be; `gtid` gives the one that is there.
    pub(crate) fn check_headers(&self, wanted: bool, database: &str, table: &str) -> Result<Option<&'a str>, String> {
        let headers = &self.message.headers;
        if !wanted {
            return if headers.is_empty() {
                Ok(None)
            } else {
                Err(format!("headers {headers:?}"))
            };
        }
        let gtid = headers
            .iter()
            .find(|(name, _)| name == "gtid")
            .map_or("", |(_, value)| value.as_str());
        let sequence = self.sequence.to_string();
        let expected = [
            ("op", self.op.as_str()),
            ("database", database),
            ("table", table),
            ("gtid", gtid),
            ("sequenceId", &sequence),
        ];
        if headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(expected) && !gtid.is_empty() {
            Ok(Some(gtid))
        } else {
            Err(format!("headers {headers:?}"))
        }
    }
}
