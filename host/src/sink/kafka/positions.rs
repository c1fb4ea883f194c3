//! Checkpoints in the topic of positions: the connector's name is the key, the last record of a key wins, and a record
//! without a value means none.

use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::failure::Failure;
use super::topics::POSITIONS;
use super::{KafkaSink, Logs, notes, settings};
use crate::config::Config;
use crate::fault::Fault;
use crate::sink::{Commit, Sink};

/// How long finding the broker and the topic's end may take.
const REACH: Duration = Duration::from_secs(10);
/// How long the reading may stand still.
const STILL: Duration = Duration::from_secs(15);
/// How long another connector's transaction may be open: a broker ends those of the dead after `transaction.timeout.ms`, which is 60 s here
/// unless it is set.
const OPEN: Duration = Duration::from_secs(90);
/// After this time the log is told of the wait.
const NOTICE: Duration = Duration::from_secs(1);
/// Between two looks at its end.
const LOOK: Duration = Duration::from_millis(5);
/// Offsets that are read first, from the end; each further window is this many times larger.
const FIRST_WINDOW: i64 = 2_000;
const GROWTH: i64 = 16;

/// The checkpoint stored last under the connector's name; `None` where there is none.
pub(in crate::sink) fn load(config: &Config) -> Result<Option<Vec<u8>>, Fault> {
    // Asking first makes a dead broker a clear error, and a missing topic none at all.
    let mut sink = KafkaSink::plain(config)?;
    let existing = super::topics::existing(&mut sink.producer, &config.sink.brokers)?;
    drop(sink);
    if !existing.contains_key(POSITIONS) {
        return Ok(None);
    }
    newest(config)
}

/// The same where the topic is there.
///
/// A running connector's own record is near the end of the log, so that the end is read first and earlier windows only
/// while nothing was found: a topic that was not compacted for long does not make a start slow.
pub(super) fn newest(config: &Config) -> Result<Option<Vec<u8>>, Fault> {
    let tried = || {
        format!(
            "reading positions of {:?} from topic {POSITIONS:?} at {:?}",
            config.name, config.sink.brokers
        )
    };
    let failed = |error: KafkaError| Fault::from(Failure::reading(error.into(), tried()));
    let reader = Reader::new(config, true).map_err(failed)?;
    let (low, high) = decided(config, &reader, &tried)?;
    let (mut end, mut window) = (high, FIRST_WINDOW);
    while end > low {
        let start = end.saturating_sub(window).max(low);
        match last_in(&reader, config.name.as_bytes(), start..end) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(Some(error)) => return Err(failed(error)),
            Err(None) => {
                return Err(Fault::retry(
                    anyhow::anyhow!("no answer for {} s", STILL.as_secs()).context(tried()),
                ));
            }
        }
        (end, window) = (start, window.saturating_mul(GROWTH));
    }
    Ok(None)
}

/// A reader of the topic for a start, which waits for nothing that need not be waited for.
struct Reader(Option<BaseConsumer<Logs>>);

impl Reader {
    fn new(config: &Config, committed_only: bool) -> Result<Self, KafkaError> {
        let mut client = settings::reader(&config.sink.brokers, &config.sink.properties, committed_only);
        // At the end, where there is nothing more to come, the broker says so at once.
        client.set("fetch.wait.max.ms", "1");
        client.create_with_context(Logs).map(|reader| Self(Some(reader)))
    }

    fn get(&self) -> Result<&BaseConsumer<Logs>, KafkaError> {
        self.0.as_ref().ok_or(KafkaError::Canceled)
    }
}

impl Drop for Reader {
    /// To close it takes a tenth of a second.
    fn drop(&mut self) {
        let reader = self.0.take();
        let closing = std::thread::Builder::new().name("close".into());
        if let Err(error) = closing.spawn(move || drop(reader)) {
            tracing::debug!(%error, "a reader is closed by the thread that used it");
        }
    }
}

/// The offsets of the topic, once everything that is written of this connector by now is shown: behind a transaction that is still open,
/// such as one that another connector left when it was killed, no record is shown, however long ago it was committed.
fn decided(config: &Config, reader: &Reader, tried: &dyn Fn() -> String) -> Result<(i64, i64), Fault> {
    let failed = |error: KafkaError| Fault::from(Failure::reading(error.into(), tried()));
    let all = Reader::new(config, false).map_err(failed)?;
    let (_, written) = all
        .get()
        .and_then(|all| all.fetch_watermarks(POSITIONS, 0, REACH))
        .map_err(failed)?;
    let started = Instant::now();
    let (mut told, mut is_hidden) = (false, false);
    loop {
        let (low, high) = reader
            .get()
            .and_then(|reader| reader.fetch_watermarks(POSITIONS, 0, REACH))
            .map_err(failed)?;
        if high >= written || (!is_hidden && !hides(&all, &config.name, high..written).map_err(failed)?) {
            return Ok((low, high));
        }
        is_hidden = true;
        if started.elapsed() > OPEN {
            let text = format!(
                "a transaction that somebody left in topic {POSITIONS:?} has been open for {} s; where whoever left it is gone, kafka-transactions.sh of \
                 Kafka finds it (find-hanging) and ends it (abort), see docs/recovery.md",
                OPEN.as_secs()
            );
            return Err(Fault::retry(anyhow::Error::msg(text).context(tried())));
        }
        if !told && started.elapsed() > NOTICE {
            told = true;
            tracing::info!(connector = %config.name, "waiting for the end of a transaction that another connector has open in the topic of positions");
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether these offsets, which readers are not shown, have a position of the connector, or something of its notes.
fn hides(all: &Reader, name: &str, offsets: Range<i64>) -> Result<bool, KafkaError> {
    let notes = notes::key(name, "");
    let mut found = false;
    let read = each_in(all, offsets, &mut |message| {
        let key = message.key().unwrap_or_default();
        found |= key == name.as_bytes() || key.starts_with(notes.as_bytes());
    });
    match read {
        Ok(()) => Ok(found),
        Err(Some(error)) => Err(error),
        // What can't be read may be anything.
        Err(None) => Ok(true),
    }
}

/// The last record of the key in these offsets: nothing, a tombstone, or a value. The error is none when nothing came.
fn last_in(reader: &Reader, key: &[u8], offsets: Range<i64>) -> Result<Option<Option<Vec<u8>>>, Option<KafkaError>> {
    let mut found = None;
    each_in(reader, offsets, &mut |message| {
        if message.key() == Some(key) {
            found = Some(message.payload().map(<[u8]>::to_vec));
        }
    })?;
    Ok(found)
}

/// Hands over the records in these offsets. The error is none when nothing came.
fn each_in(reader: &Reader, offsets: Range<i64>, each: &mut dyn FnMut(&BorrowedMessage<'_>)) -> Result<(), Option<KafkaError>> {
    let mut partitions = TopicPartitionList::new();
    partitions
        .add_partition_offset(POSITIONS, 0, Offset::Offset(offsets.start))
        .map_err(Some)?;
    let reader = reader.get().map_err(Some)?;
    reader.assign(&partitions).map_err(Some)?;
    let mut heard = Instant::now();
    while heard.elapsed() < STILL {
        let message = match reader.poll(Duration::from_millis(100)) {
            None => continue,
            Some(Ok(message)) => message,
            // Past the last record that is shown; what was there before it has been read.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) if passing(&error) => continue,
            Some(Err(error)) => return Err(Some(error)),
        };
        heard = Instant::now();
        if message.offset() < offsets.end {
            each(&message);
        }
        if message.offset() >= offsets.end - 1 {
            return Ok(());
        }
    }
    Err(None)
}

/// Errors that the reader mends itself.
pub(in crate::sink) fn passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
        )
    )
}

/// Stores a checkpoint by itself, waiting for its acknowledgement. Without a transaction: it would fence the connector's own
/// producer.
pub(in crate::sink) fn save(config: &Config, checkpoint: Vec<u8>) -> Result<(), Fault> {
    let mut sink = KafkaSink::plain(config)?;
    sink.prepare(&[])?;
    sink.commit(Commit {
        number: 1,
        checkpoint,
        heeded: Vec::new(),
    })?;
    sink.finish(REACH)
}
