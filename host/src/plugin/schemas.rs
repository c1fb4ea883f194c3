//! The schemas that plugins have open, and batches of them as encapsulated Arrow IPC messages.
//!
//! Of very many tables not all stay open: those whose batches came least recently are closed once all together take more than there is
//! room for, and opened again, under the same id, with their next batch.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};

use super::error::{Malformed, malformed};
use super::ipc::{Read, as_bytes, check_rows, read_batch, read_schema};
use super::message::{Message, Taker};
use super::patch::Patch;
use crate::batch::{Batch, Shape};

/// Buffers start at multiples of this many bytes: a cache line, and the widest vector load.
pub(super) const ALIGNMENT: usize = 64;

/// Schemas that transforms may make of one version of a table. A transform that makes more has no fixed output.
const MAX_RESHAPED: usize = 4096;

/// Ids of schemas that are made on trial come after this one; a connector never gets there.
const FIRST_ON_TRIAL: u32 = 1 << 31;

/// How many times the bytes of its message an open schema takes here: fields with their metadata, the message itself.
const TIMES_HERE: usize = 5;
/// And in a plugin, which may keep what it has prepared for a table beside it.
const TIMES_IN_PLUGIN: usize = 4;
/// Share of a plugin's memory for open schemas.
const PLUGIN_SHARE: usize = 8;

/// Which schema: a table's version and shape, and what a transform made of it (0: nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    version: u32,
    shape: Shape,
    reshaped: u32,
}

/// A schema that plugins know, or can be told, by its id.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// Never used for another schema within the chain, so neither within an instance.
    pub id: u32,
    /// The encapsulated schema message.
    pub message: Arc<[u8]>,
    key: Key,
    schema: SchemaRef,
    /// The same with bytes for texts: as what its batches are read where they come from a plugin.
    with_bytes: SchemaRef,
}

/// A batch on its way through the chain.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its schema.
    pub announced: Arc<Announced>,
    /// Its rows.
    pub rows: RecordBatch,
    /// Their message, where there is one already: it was written for a plugin before, or a transform wrote it so that it can go on as it is.
    message: Option<Arc<Message>>,
    /// Bytes that its values take, about.
    bytes: usize,
}

impl Item {
    /// Its rows from `start` to `end`, without a copy.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        Self::new(Arc::clone(&self.announced), self.rows.slice(start, end - start))
    }

    fn new(announced: Arc<Announced>, rows: RecordBatch) -> Self {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        Self {
            bytes: rows.columns().iter().map(bytes).sum(),
            announced,
            rows,
            message: None,
        }
    }

    /// The same, of which there is a message now.
    pub(super) fn written(&self, message: Arc<Message>) -> Self {
        Self {
            message: Some(message),
            ..self.clone()
        }
    }

    /// Bytes that its values take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Schemas of the tables' present versions: those that are open, and what it takes to open the others as they were.
pub(super) struct Schemas {
    open: HashMap<Key, Open>,
    /// Bytes of the messages of open ones, and how many there may be.
    bytes: usize,
    most: usize,
    /// Counts uses of open ones.
    clock: u64,
    /// Closed to make room, since somebody asked.
    closed: usize,
    versions: HashMap<u32, Version>,
    /// The present version of each (database, table).
    present: HashMap<(String, String), u32>,
    /// What transforms made is counted on from this one.
    reshaped_from: u32,
    last_id: u32,
    /// One serves all schemas: nothing of a schema is in the messages of its batches.
    writer: Option<StreamWriter<Taker>>,
}

struct Open {
    announced: Arc<Announced>,
    used: u64,
    /// What a transform made of it last: the schema message, and its number.
    made: Option<(Box<[u8]>, u32)>,
}

impl Open {
    /// Bytes of its messages.
    fn bytes(&self) -> usize {
        self.announced.message.len() + self.made.as_ref().map_or(0, |(schema, _)| schema.len())
    }
}

/// What is kept of a version while its schemas are not open.
#[derive(Default)]
struct Version {
    /// Shape, number of what a transform made, and id.
    ids: Vec<(Shape, u32, u32)>,
    /// Digests of the schema messages that came from transforms, in the order of their numbers.
    reshaped: Vec<(Shape, [u8; 32])>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            bytes: 0,
            most: usize::MAX,
            clock: 0,
            closed: 0,
            versions: HashMap::new(),
            present: HashMap::new(),
            reshaped_from: 0,
            last_id: 0,
            writer: None,
        }
    }
}

impl Schemas {
    /// Which take at most about so many bytes here, and a share of the memory of the plugin that has the least.
    pub(super) fn within(bytes: usize, plugin_memory: usize) -> Self {
        Self {
            most: (bytes / TIMES_HERE).min(plugin_memory / PLUGIN_SHARE / TIMES_IN_PLUGIN),
            ..Self::default()
        }
    }

    /// For a trial: ids differ from those of every live one.
    pub(super) fn on_trial() -> Self {
        Self {
            last_id: FIRST_ON_TRIAL,
            reshaped_from: FIRST_ON_TRIAL,
            ..Self::default()
        }
    }

    /// How many are open, and how many were closed to make room since this was asked last.
    pub(super) fn take_count(&mut self) -> (usize, usize) {
        (self.open.len(), std::mem::take(&mut self.closed))
    }

    /// Whether more are open than there is room for. One of them always may be.
    pub(super) fn is_crowded(&self) -> bool {
        self.bytes > self.most && self.open.len() > 1
    }

    /// Makes room, for some more than one: closes the ones that were used least recently, and returns their ids.
    pub(super) fn make_room(&mut self) -> Vec<u32> {
        let mut by_use: Vec<(u64, Key)> = self.open.iter().map(|(key, open)| (open.used, *key)).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        let left = self.most / 4 * 3;
        let mut closed = Vec::new();
        for (_, key) in by_use {
            if self.bytes <= left {
                break;
            }
            closed.extend(self.close(&key));
        }
        self.closed += closed.len();
        closed
    }

    /// The batch as the first plugin gets it, and the ids of schemas that will not come again because it brings a new
    /// version of its table.
    ///
    /// # Errors
    /// Where the batch's schema is not the one that its version and shape had before: a defect of the host.
    pub(super) fn admit(&mut self, batch: &Batch) -> anyhow::Result<(Item, Vec<u32>)> {
        let key = Key {
            version: batch.table.version,
            shape: batch.shape,
            reshaped: 0,
        };
        let schema = batch.rows.schema_ref();
        let mut closed = Vec::new();
        if !self.versions.contains_key(&key.version) {
            closed = self.retire(&batch.table.database, &batch.table.name, key.version);
        }
        let announced = self.announce(key, schema)?;
        if !Arc::ptr_eq(&announced.schema, schema) && announced.schema != *schema {
            bail!(
                "a batch of {}.{} came with another schema than its table's version {} had: this is a defect of rowmill, please report it",
                batch.table.database,
                batch.table.name,
                key.version
            );
        }
        Ok((Item::new(announced, batch.rows.clone()), closed))
    }

    /// The encapsulated record-batch message of an item.
    ///
    /// # Errors
    /// Where Arrow can't write it: a defect.
    pub(super) fn write(&mut self, item: &Item) -> anyhow::Result<Arc<Message>> {
        self.clock += 1;
        let open = self.open.get_mut(&item.announced.key).context("find the schema of a batch")?;
        open.used = self.clock;
        if let Some(message) = &item.message {
            return Ok(Arc::clone(message));
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            writer => writer.insert(stream(Taker::default(), &Schema::empty())?),
        };
        writer.get_mut().begin(&item.rows);
        let written = writer.write(&item.rows);
        let message = writer.get_mut().end();
        written.context("write a batch as an Arrow message")?;
        Ok(Arc::new(message))
    }

    /// An item of the same schema from a message that a transform made.
    pub(super) fn changed(item: &Item, message: Vec<u8>) -> Result<Item, Malformed> {
        Self::made(item, &item.announced, message)
    }

    /// An item of another schema from the messages that a transform made.
    pub(super) fn reshaped(&mut self, item: &Item, schema: &[u8], message: Vec<u8>) -> Result<Item, Malformed> {
        let announced = self.announced(item, schema)?;
        Self::made(item, &announced, message)
    }

    /// What comes of an item by a patch, under the schema of a message that a transform made; none: under its own.
    pub(super) fn patched(&mut self, item: &Item, schema: Option<&[u8]>, patch: &Patch) -> Result<Item, Malformed> {
        let announced = match schema {
            Some(schema) => self.announced(item, schema)?,
            None => Arc::clone(&item.announced),
        };
        let Some(rows) = patch.apply(&item.rows, &announced.schema)? else {
            return Ok(item.clone());
        };
        // To look at each column for it takes longer than it is worth.
        let each = item.bytes.div_ceil(item.rows.num_rows().max(1));
        Ok(Item {
            bytes: each.saturating_mul(rows.num_rows()).saturating_add(patch.bytes()),
            announced,
            rows,
            message: None,
        })
    }

    /// The schema that a transform makes of an item's.
    fn announced(&mut self, item: &Item, schema: &[u8]) -> Result<Arc<Announced>, Malformed> {
        let key = Key {
            reshaped: self.number(&item.announced.key, schema)?,
            ..item.announced.key
        };
        match self.open.get(&key) {
            Some(open) => Ok(Arc::clone(&open.announced)),
            None => {
                let read = Arc::new(read_schema(schema)?);
                self.announce(key, &read)
                    .map_err(|error| malformed!("a schema that can't be written again: {error:#}"))
            }
        }
    }

    /// What a transform made of an item, under this schema.
    fn made(item: &Item, announced: &Arc<Announced>, message: Vec<u8>) -> Result<Item, Malformed> {
        let bytes = message.len();
        let Read { rows, message } = read_batch(message, (&announced.schema, &announced.with_bytes))?;
        check_rows(&rows, &item.rows)?;
        Ok(Item {
            announced: Arc::clone(announced),
            rows,
            message: message.map(|message| Arc::new(Message::whole(message))),
            bytes,
        })
    }

    /// The number of what a transform made of a table's version: the same bytes have the same one.
    fn number(&mut self, of: &Key, schema: &[u8]) -> Result<u32, Malformed> {
        let last = self.open.get(of).and_then(|open| open.made.as_ref());
        if let Some((_, number)) = last.filter(|(last, _)| **last == *schema) {
            return Ok(*number);
        }
        let number = self.number_by_digest(of, schema)?;
        if let Some(open) = self.open.get_mut(of) {
            self.bytes = self.bytes.saturating_sub(open.bytes());
            open.made = Some((schema.into(), number));
            self.bytes += open.bytes();
        }
        Ok(number)
    }

    fn number_by_digest(&mut self, of: &Key, schema: &[u8]) -> Result<u32, Malformed> {
        let made = (of.shape, <[u8; 32]>::from(Sha256::digest(schema)));
        let known = &mut self.versions.entry(of.version).or_default().reshaped;
        let at = match known.iter().position(|other| *other == made) {
            Some(at) => at,
            None if known.len() >= MAX_RESHAPED => {
                return Err(malformed!("the {}th schema; {MAX_RESHAPED} are allowed", MAX_RESHAPED + 1));
            }
            None => {
                known.push(made);
                known.len() - 1
            }
        };
        Ok(u32::try_from(at).map_or(u32::MAX, |at| self.reshaped_from + at + 1))
    }

    /// Takes a live schema as it is, id and all.
    pub(super) fn adopt(&mut self, announced: &Arc<Announced>) {
        self.put(Arc::clone(announced));
    }

    /// Forgets what transforms made, and returns the ids: other versions of them make others.
    pub(super) fn forget_reshaped(&mut self) -> Vec<u32> {
        let made: Vec<Key> = self.open.keys().filter(|key| key.reshaped != 0).copied().collect();
        for open in self.open.values_mut() {
            self.bytes = self.bytes.saturating_sub(open.bytes());
            open.made = None;
            self.bytes += open.bytes();
        }
        for version in self.versions.values_mut() {
            version.reshaped.clear();
            version.ids.retain(|(_, reshaped, _)| *reshaped == 0);
        }
        made.iter().filter_map(|key| self.close(key)).collect()
    }

    fn announce(&mut self, key: Key, schema: &SchemaRef) -> anyhow::Result<Arc<Announced>> {
        if let Some(open) = self.open.get(&key) {
            return Ok(Arc::clone(&open.announced));
        }
        let message = std::mem::take(stream(Vec::new(), schema)?.get_mut()).into();
        let ids = &mut self.versions.entry(key.version).or_default().ids;
        let known = ids
            .iter()
            .find(|(shape, reshaped, _)| (*shape, *reshaped) == (key.shape, key.reshaped))
            .map(|(_, _, id)| *id);
        let id = match known {
            Some(id) => id,
            None => {
                self.last_id += 1;
                ids.push((key.shape, key.reshaped, self.last_id));
                self.last_id
            }
        };
        let announced = Arc::new(Announced {
            id,
            message,
            key,
            schema: Arc::clone(schema),
            with_bytes: as_bytes(schema),
        });
        self.put(Arc::clone(&announced));
        Ok(announced)
    }

    fn put(&mut self, announced: Arc<Announced>) {
        self.clock += 1;
        let key = announced.key;
        let open = Open {
            announced,
            used: self.clock,
            made: None,
        };
        self.bytes += open.bytes();
        if let Some(former) = self.open.insert(key, open) {
            self.bytes = self.bytes.saturating_sub(former.bytes());
        }
    }

    fn close(&mut self, key: &Key) -> Option<u32> {
        let open = self.open.remove(key)?;
        self.bytes = self.bytes.saturating_sub(open.bytes());
        Some(open.announced.id)
    }

    /// Forgets a table's former version, and returns the ids of its schemas that are open.
    fn retire(&mut self, database: &str, table: &str, version: u32) -> Vec<u32> {
        self.versions.entry(version).or_default();
        let former = self.present.insert((database.to_owned(), table.to_owned()), version);
        let Some(former) = former.filter(|former| *former != version) else {
            return Vec::new();
        };
        let known = self.versions.remove(&former).unwrap_or_default();
        let key = |(shape, reshaped, _)| Key {
            version: former,
            shape,
            reshaped,
        };
        known.ids.into_iter().filter_map(|known| self.close(&key(known))).collect()
    }
}

/// A writer that has written the schema message.
fn stream<W: Write>(to: W, schema: &Schema) -> anyhow::Result<StreamWriter<W>> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).context("set up Arrow messages")?;
    StreamWriter::try_new_with_options(to, schema, options).context("write a schema as an Arrow message")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow::array::UInt64Array;

    use super::*;
    use crate::plugin::ipc::message;

    fn rows(seq: &[u64]) -> RecordBatch {
        let seq: ArrayRef = Arc::new(UInt64Array::from(seq.to_vec()));
        RecordBatch::try_from_iter([("seq", seq)]).unwrap()
    }

    #[test]
    fn a_message_is_of_the_rows_of_its_item_alone() {
        let mut schemas = Schemas::default();
        let key = Key {
            version: 1,
            shape: Shape::default(),
            reshaped: 0,
        };
        let item = |rows: &RecordBatch, announced: &Arc<Announced>| Item::new(Arc::clone(announced), rows.clone());
        let first = rows(&[5, 6]);
        let announced = schemas.announce(key, first.schema_ref()).unwrap();
        // Long columns are lent, short ones copied.
        let long = rows(&(0..4096).collect::<Vec<_>>());
        for rows in [
            &first,
            &long,
            &rows(&[7, 8]),
            &first.slice(1, 1),
            &long.slice(7, 3000),
            &first.slice(0, 0),
            &first,
        ] {
            let made = schemas.write(&item(rows, &announced)).unwrap().to_vec();
            assert_eq!(made, message(rows, ALIGNMENT), "as one stream has it");
            assert_eq!(
                read_batch(made, (rows.schema_ref(), &as_bytes(rows.schema_ref()))).unwrap().rows,
                *rows
            );
        }
    }

    #[test]
    fn a_schema_that_a_transform_makes_again_has_the_id_that_it_had() {
        let (mut schemas, given) = (Schemas::default(), rows(&[5, 6]));
        let key = Key {
            version: 1,
            shape: Shape::default(),
            reshaped: 0,
        };
        schemas.announce(key, given.schema_ref()).unwrap();
        let shape = |schemas: &mut Schemas, schema: &str| schemas.number(&key, schema.as_bytes()).unwrap();
        let made = ["one", "two", "two", "one", "one"].map(|schema| shape(&mut schemas, schema));
        assert_eq!(made, [1, 2, 2, 1, 1]);
        let bytes = schemas.bytes;
        // Another version of the transform counts anew, also where it makes what the former one made last.
        schemas.forget_reshaped();
        assert_eq!(schemas.bytes, bytes - "one".len());
        assert_eq!(["two", "one"].map(|schema| shape(&mut schemas, schema)), [1, 2]);
        // What is closed leaves nothing behind.
        schemas.close(&key);
        assert_eq!((schemas.bytes, shape(&mut schemas, "two")), (0, 1));
    }
}
