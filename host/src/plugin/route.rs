//! Where a transform sends rows: optional columns of its batch that the host applies to the encoder's records, so that no encoder has to
//! know of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, Int32Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Int32Type, Schema};

use super::error::{Malformed, clipped, malformed};
use crate::batch::Records;
use crate::config::{OWN_TOPICS, alike};

/// What all of them begin with: others of this name mean nothing yet, and are refused.
const PREFIX: &str = "route_";
const TOPIC: &str = "route_topic";
const PARTITION: &str = "route_partition";
const KEY: &str = "route_key";
const HEADERS: &str = "route_headers";

/// Characters of a topic's name, Kafka's limit.
const MAX_NAME: usize = 249;

/// Topics beside the tables' own that rows have been sent to.
#[derive(Debug)]
pub(super) struct Routed {
    names: BTreeSet<Arc<str>>,
    limit: usize,
    /// Tables' own.
    own: Arc<BTreeSet<Arc<str>>>,
}

impl Routed {
    /// None so far, and so many at the most.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            names: BTreeSet::new(),
            limit,
            own: Arc::default(),
        }
    }

    /// Beside these topics, which are tables' own.
    pub(super) fn beside(&mut self, own: &Arc<BTreeSet<Arc<str>>>) {
        self.own = Arc::clone(own);
    }

    fn admit(&mut self, name: &str) -> Result<(), Malformed> {
        if self.names.contains(name) {
            return Ok(());
        }
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || matches!(name, "." | "..") || !name.bytes().all(is_sound) {
            let shown = clipped(name);
            return Err(malformed!(
                "{TOPIC} {shown:?}: a topic's name has 1 to {MAX_NAME} of the characters a-z, A-Z, 0-9, dot, underscore and hyphen"
            ));
        }
        if OWN_TOPICS.iter().any(|own| alike(own, name)) {
            return Err(malformed!("{TOPIC} {name:?}, in which rowmill keeps its own records"));
        }
        let mut others = self.own.iter().chain(&self.names);
        if let Some(other) = others.find(|other| ***other != *name && alike(other, name)) {
            return Err(malformed!(
                "{TOPIC} {name:?}, which differs only in '.' and '_' from {other:?}: Kafka takes them for one"
            ));
        }
        if self.names.len() >= self.limit {
            return Err(malformed!(
                "a row for one topic more, {name:?}: limits.routed_topics = {} are taken",
                self.limit
            ));
        }
        self.names.insert(name.into());
        Ok(())
    }

    fn get(&self, name: &str) -> Option<Arc<str>> {
        self.names.get(name).cloned()
    }
}

/// The columns of one batch, those that it has.
pub(super) struct Routes<'a> {
    topics: Option<&'a StringArray>,
    partitions: Option<&'a Int32Array>,
    keys: Option<&'a BinaryArray>,
    headers: Option<Headers<'a>>,
}

struct Headers<'a> {
    lists: &'a ListArray,
    names: &'a StringArray,
    values: &'a BinaryArray,
}

/// Holds a schema's routing columns against their types.
///
/// # Errors
/// Names the column and the type that it has to have.
pub(super) fn check_schema(schema: &Schema) -> Result<(), Malformed> {
    for field in schema.fields().iter().filter(|field| field.name().starts_with(PREFIX)) {
        let (fits, wanted) = match field.name().as_str() {
            TOPIC => (field.data_type() == &DataType::Utf8, "Utf8"),
            PARTITION => (field.data_type() == &DataType::Int32, "Int32"),
            KEY => (field.data_type() == &DataType::Binary, "Binary"),
            HEADERS => (is_headers(field.data_type()), "List<Struct<name Utf8, value Binary>>"),
            other => {
                let shown = clipped(other);
                return Err(malformed!(
                    "a schema with the column {shown:?}: names with {PREFIX} are {TOPIC}, {PARTITION}, {KEY} and {HEADERS}"
                ));
            }
        };
        if !fits {
            return Err(malformed!("a schema whose column {} is not {wanted}", field.name()));
        }
    }
    Ok(())
}

fn is_headers(data_type: &DataType) -> bool {
    let DataType::List(item) = data_type else { return false };
    let DataType::Struct(fields) = item.data_type() else { return false };
    let types: Vec<_> = fields.iter().map(|field| (field.name().as_str(), field.data_type())).collect();
    matches!(types.as_slice(), [("name", DataType::Utf8), ("value", DataType::Binary)])
}

impl<'a> Routes<'a> {
    /// Of a batch whose schema was checked; none where it has no such column.
    pub(super) fn of(rows: &'a RecordBatch) -> Option<Self> {
        let schema = rows.schema_ref();
        if !schema.fields().iter().any(|field| field.name().starts_with(PREFIX)) {
            return None;
        }
        let headers = || {
            let lists = rows.column_by_name(HEADERS)?.as_list_opt::<i32>()?;
            let items: &StructArray = lists.values().as_struct_opt()?;
            Some(Headers {
                lists,
                names: items.column_by_name("name")?.as_string_opt()?,
                values: items.column_by_name("value")?.as_binary_opt()?,
            })
        };
        Some(Self {
            topics: rows.column_by_name(TOPIC).and_then(|column| column.as_string_opt()),
            partitions: rows
                .column_by_name(PARTITION)
                .and_then(|column| column.as_primitive_opt::<Int32Type>()),
            keys: rows.column_by_name(KEY).and_then(|column| column.as_binary_opt()),
            headers: headers(),
        })
    }

    /// Checks every row's values, and admits the topics.
    ///
    /// # Errors
    /// What Kafka would not take.
    pub(super) fn check(&self, routed: &mut Routed) -> Result<(), Malformed> {
        self.topics
            .into_iter()
            .flat_map(|topics| topics.iter().flatten())
            .try_for_each(|topic| routed.admit(topic))?;
        if let Some(partition) = self
            .partitions
            .and_then(|all| all.iter().flatten().find(|partition| *partition < 0))
        {
            return Err(malformed!(
                "{PARTITION} {partition}; 0 is the lowest, and null leaves it to the encoder"
            ));
        }
        let names = self.headers.as_ref().map(|headers| headers.names);
        if names.is_some_and(|names| names.iter().any(|name| name.is_none_or(str::is_empty))) {
            return Err(malformed!("{HEADERS} with a header that has no name"));
        }
        Ok(())
    }

    /// The records of this batch as its rows want them.
    pub(super) fn apply(&self, mut records: Records, routed: &Routed) -> Records {
        if self.topics.is_some() {
            self.send(&mut records, routed);
        }
        if let Some(partitions) = self.partitions {
            for (partition, row) in records.partitions.iter_mut().zip(&records.rows) {
                if let Some(wanted) = value(partitions, *row, Int32Array::value) {
                    *partition = wanted;
                }
            }
        }
        if let Some(keys) = self.keys {
            rekey(&mut records, keys);
        }
        if let Some(headers) = &self.headers {
            headers.append(&mut records);
        }
        records
    }

    fn send(&self, records: &mut Records, routed: &Routed) {
        let Some(topics) = self.topics else { return };
        for (topic, row) in records.topics.iter_mut().zip(&records.rows) {
            let Some(name) = value(topics, *row, StringArray::value).and_then(|name| routed.get(name)) else {
                continue;
            };
            // Few topics a hand-over; most often the one before.
            let at = records.topic_names.iter().rposition(|known| *known == name).unwrap_or_else(|| {
                records.topic_names.push(name);
                records.topic_names.len() - 1
            });
            *topic = u16::try_from(at).unwrap_or(*topic);
        }
    }
}

/// The value of a row; none where it is null.
fn value<'a, A: Array, T>(array: &'a A, row: u32, get: impl Fn(&'a A, usize) -> T) -> Option<T> {
    let row = usize::try_from(row).ok().filter(|row| *row < array.len())?;
    array.is_valid(row).then(|| get(array, row))
}

/// Gives the records of rows that name a key this one.
fn rekey(records: &mut Records, keys: &BinaryArray) {
    let (mut data, mut bounds) = (Vec::with_capacity(records.data.len()), vec![0]);
    for i in 0..records.len() {
        let wanted = records.rows.get(i).and_then(|row| value(keys, *row, BinaryArray::value));
        let (key, rest) = records.entry(i).unwrap_or((None, None));
        data.extend_from_slice(wanted.or(key).unwrap_or_default());
        bounds.push(end(&data));
        data.extend_from_slice(rest.unwrap_or_default());
        bounds.push(end(&data));
        if let (Some(_), Some(flags)) = (wanted, records.flags.get_mut(i)) {
            *flags &= !1;
        }
    }
    (records.data, records.bounds) = (data, bounds);
}

impl Headers<'_> {
    fn append(&self, records: &mut Records) {
        let (mut ends, mut bounds, mut data) = (Vec::with_capacity(records.len()), vec![0], Vec::new());
        let mut put = |part: &[u8]| {
            data.extend_from_slice(part);
            bounds.push(end(&data));
        };
        let mut count = 0_u32;
        for i in 0..records.len() {
            for (name, value) in records.headers(i) {
                put(name);
                put(value);
                count += 1;
            }
            let row = records.rows.get(i).and_then(|row| usize::try_from(*row).ok());
            for item in row.map(|row| self.items(row)).unwrap_or_default() {
                put(self.names.value(item).as_bytes());
                put(if self.values.is_valid(item) { self.values.value(item) } else { &[] });
                count += 1;
            }
            ends.push(count);
        }
        if count > 0 {
            (records.header_ends, records.header_bounds, records.header_data) = (ends, bounds, data);
        }
    }

    /// Indices of a row's headers.
    fn items(&self, row: usize) -> std::ops::Range<usize> {
        if row >= self.lists.len() || self.lists.is_null(row) {
            return 0..0;
        }
        let offset = |at: usize| self.lists.value_offsets().get(at).and_then(|offset| usize::try_from(*offset).ok());
        let (start, end) = (offset(row).unwrap_or_default(), offset(row + 1).unwrap_or_default());
        start..end.min(self.names.len())
    }
}

/// Records of one call are far smaller than 4 GiB.
fn end(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
