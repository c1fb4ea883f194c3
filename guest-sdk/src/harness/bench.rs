//! Runs an encoder natively and collects its records.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Input, Opened};
use crate::{Encoder, EncoderRunner, Error, HandOver, Output, RouteView};

/// A configured encoder and what it has handed over.
///
/// ```
/// use rowmill_sdk::FlushReason;
/// use rowmill_sdk::harness::{Bench, Delivered, Rows, events};
/// # use rowmill_sdk::{Batch, Description, Encoder, Error, Op, Output, Record, Schema};
/// # struct Names;
/// # impl Encoder for Names {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description::default() }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn encode(&mut self, _: &mut (), batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
/// #         for row in batch.iter() {
/// #             let (image, record) = (row.image()?, Record { row: row.number(), ..Record::default() });
/// #             let key = image.print("id")?.unwrap_or_default();
/// #             let value = serde_json::json!({"name": image.text("name")?}).to_string();
/// #             let is_gone = row.op()? == Op::Delete;
/// #             output.put(record, Some(key.as_bytes()), Some(value.as_bytes()).filter(|_| !is_gone));
/// #         }
/// #         Ok(())
/// #     }
/// # }
/// let mut bench = Bench::<Names>::new("{}")?;
/// let records = bench.encode(&Rows::sample())?;
/// assert_eq!((records[1].key_text().as_str(), records[1].value_text().as_str()), ("1", r#"{"name":"changed"}"#));
/// let tombstone = Delivered { row: 6, partition: -1, key: Some(b"2".to_vec()), ..Delivered::default() };
/// assert_eq!(records[6], tombstone);
/// assert_eq!(records[1].show()["value"]["name"], "changed");
/// // What it does not ask for it says nothing of.
/// assert!(bench.control(&events::heartbeat(&[], 1_614_748_870_000))?.is_empty());
/// bench.runner().flush(FlushReason::Swap)?;
/// # Ok::<(), Error>(())
/// ```
pub struct Bench<E: Encoder> {
    runner: EncoderRunner<E>,
    delivered: Rc<RefCell<Vec<Delivered>>>,
    opened: u32,
}

/// One record, defaults filled in ([example](Bench)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Row of the batch that it comes from.
    pub row: u32,
    /// Full name of its topic; empty: the table's own.
    pub topic: String,
    /// Partition, or -1: by the key.
    pub partition: i32,
    /// Milliseconds; none: the row's `ts`.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values of headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Delivered {
    /// Sends it where a transform says.
    fn apply(&mut self, routes: &RouteView<'_>) {
        let Ok(row) = usize::try_from(self.row) else { return };
        let route = routes.row(row);
        if let Some(topic) = route.topic {
            self.topic = topic;
        }
        self.partition = route.partition.unwrap_or(self.partition);
        self.key = route.key.or(self.key.take());
        self.headers.extend(route.headers);
    }

    /// All of it as one JSON object, for snapshots; values that are JSON are shown as such ([example](Bench)).
    pub fn show(&self) -> serde_json::Value {
        let part = |bytes: &Option<Vec<u8>>| match bytes {
            None => serde_json::Value::Null,
            Some(bytes) => serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into()),
        };
        let header = |(name, value): &(String, Vec<u8>)| serde_json::json!([name, String::from_utf8_lossy(value)]);
        serde_json::json!({
            "topic": self.topic,
            "partition": self.partition,
            "key": part(&self.key),
            "headers": self.headers.iter().map(header).collect::<Vec<_>>(),
            "value": part(&self.value),
        })
    }

    /// The key as text; empty without one ([example](Bench)).
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The value as text; empty without one ([example](Bench)).
    pub fn value_text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

impl<E: Encoder> Bench<E> {
    /// An encoder with this configuration, a JSON object ([example](Self)).
    ///
    /// # Errors
    /// As `EncoderRunner::configure`.
    pub fn new(config: &str) -> Result<Self, Error> {
        let delivered = Rc::new(RefCell::new(Vec::new()));
        let into = Rc::clone(&delivered);
        let mut runner = EncoderRunner::new(Output::new(Box::new(move |records| into.borrow_mut().extend(unpack(records)))));
        runner.configure(config)?;
        Ok(Self {
            runner,
            delivered,
            opened: 0,
        })
    }

    /// The records of a batch: of [`Rows`](super::Rows), or of what a [`Mill`](super::Mill) made, whose routes are applied as the host does
    /// ([example](Self)).
    ///
    /// # Errors
    /// As `EncoderRunner::open_schema` and `encode`.
    pub fn encode(&mut self, input: &impl Input) -> Result<Vec<Delivered>, Error> {
        let (message, batch) = input.messages()?;
        let transactions = input.transactions();
        self.opened += 1;
        self.runner.open_schema(self.opened, &message)?;
        self.runner.encode(self.opened, &batch, &transactions)?;
        let mut delivered = self.delivered.take();
        if let Some(routes) = Opened::new(input)?.batch()?.routes()? {
            delivered.iter_mut().for_each(|record| record.apply(&routes));
        }
        Ok(delivered)
    }

    /// The runner, for what a host does beside batches: `flush`, `save`, `restore` ([example](Self)).
    pub fn runner(&mut self) -> &mut EncoderRunner<E> {
        &mut self.runner
    }

    /// The records of a control event ([example](Self)).
    ///
    /// # Errors
    /// As `EncoderRunner::control`.
    pub fn control(&mut self, event: &serde_json::Value) -> Result<Vec<Delivered>, Error> {
        self.runner.control(&event.to_string())?;
        Ok(self.delivered.take())
    }
}

/// The records of a hand-over, one by one.
fn unpack(records: &HandOver) -> impl Iterator<Item = Delivered> {
    (0..records.len()).map(|i| {
        let slice = |data: &[u8], bounds: &[u32], at: usize| {
            let bound = |at: usize| bounds.get(at).and_then(|bound| usize::try_from(*bound).ok());
            let range = bound(at).zip(bound(at + 1));
            range.and_then(|(start, end)| data.get(start..end)).unwrap_or_default().to_vec()
        };
        let flags = records.flags.get(i).copied().unwrap_or(0);
        let ends = |i: usize| records.header_ends.get(i).and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        let first = i.checked_sub(1).map_or(0, ends);
        let header = |h: usize| {
            let part = |at: usize| slice(&records.header_data, &records.header_bounds, at);
            (String::from_utf8_lossy(&part(2 * h)).into_owned(), part(2 * h + 1))
        };
        let topic = records.topics.get(i).copied().map_or(0, usize::from);
        Delivered {
            row: records.rows.get(i).copied().unwrap_or(0),
            topic: records.topic_names.get(topic).cloned().unwrap_or_default(),
            partition: records.partitions.get(i).copied().unwrap_or(-1),
            timestamp: records.timestamps.get(i).copied(),
            key: (flags & 1 == 0).then(|| slice(&records.data, &records.bounds, 2 * i)),
            value: (flags & 2 == 0).then(|| slice(&records.data, &records.bounds, 2 * i + 1)),
            headers: (first..ends(i)).map(header).collect(),
        }
    })
}
