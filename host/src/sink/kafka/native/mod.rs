//! The one place of this room that calls librdkafka directly. rdkafka's own producers copy every payload and look the
//! topic up by name for each message; here messages point into buffers that this module owns until every delivery
//! report about them is in, and reports arrive in batches, one event for many messages.
#![expect(
    unsafe_code,
    reason = "zero-copy produce with timestamps and batched reports are not in rdkafka's safe interface"
)]

mod admin;
mod offsets;
mod sizes;
mod transactions;
// Elsewhere the call is as it was.
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod waits;

pub(in crate::sink::kafka) use transactions::Trouble;

use std::ffi::{CStr, CString};
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::client::Client;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaType;

use crate::sink::kafka::logs::{self, Logs};
use crate::sink::kafka::lots::Lots;

/// How long ending an open transaction may hold up the end of the producer.
const ABORT: Duration = Duration::from_secs(2);

/// Syslog's level of librdkafka's errors.
const ERROR: i32 = 3;

/// Opaque of a message whose value librdkafka copied. Lots count from 1 and never get here.
const COPIED: usize = usize::MAX;

/// What librdkafka says of something that failed.
#[derive(Debug, Clone)]
pub(in crate::sink::kafka) struct Refusal {
    /// Its code.
    pub(in crate::sink::kafka) code: RDKafkaErrorCode,
    /// The broker's or librdkafka's own words.
    pub(in crate::sink::kafka) reason: String,
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        Self {
            code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            reason: without_value(&error),
        }
    }
}

/// What an error says, without the value of a property: it may be a password under a name that was misspelt.
pub(in crate::sink::kafka) fn without_value(error: &KafkaError) -> String {
    let KafkaError::ClientConfig(_, text, name, value) = error else {
        return error.to_string();
    };
    let text = text.replace(&format!("\"{value}\""), "\"****\"");
    if text.contains(name.as_str()) {
        text
    } else {
        format!("{name}: {text}")
    }
}

/// A message that was not delivered.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Undelivered {
    /// Why.
    pub(in crate::sink::kafka) refusal: Refusal,
    /// Its topic.
    pub(in crate::sink::kafka) topic: String,
    /// Bytes of key and value.
    pub(in crate::sink::kafka) size: usize,
}

/// What a poll brought.
#[derive(Debug, Default)]
pub(in crate::sink::kafka) struct Served {
    /// Reports about messages of lots.
    pub(in crate::sink::kafka) reports: usize,
    /// Copied messages (`send_copy`) that are durable.
    pub(in crate::sink::kafka) copies: usize,
    /// The first message that was not delivered.
    pub(in crate::sink::kafka) undelivered: Option<Undelivered>,
    /// The last trouble of the client as a whole: connections, authentication, fatal states.
    pub(in crate::sink::kafka) trouble: Option<Refusal>,
}

/// A topic of a producer, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink::kafka) struct TopicId(usize);

/// One message of a lot. Ranges lie in the lot's data.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Message<'a> {
    pub(in crate::sink::kafka) topic: TopicId,
    pub(in crate::sink::kafka) partition: i32,
    /// Milliseconds since 1970; 0 is now.
    pub(in crate::sink::kafka) timestamp: i64,
    pub(in crate::sink::kafka) key: Option<Range<usize>>,
    pub(in crate::sink::kafka) value: Option<Range<usize>>,
    /// Names and values.
    pub(in crate::sink::kafka) headers: &'a [(&'a [u8], &'a [u8])],
}

/// A topic to make.
#[derive(Debug)]
pub(in crate::sink::kafka) struct NewTopic {
    pub(in crate::sink::kafka) name: String,
    pub(in crate::sink::kafka) partitions: i32,
    /// -1 is the broker's default.
    pub(in crate::sink::kafka) replication: i32,
    pub(in crate::sink::kafka) settings: &'static [(&'static str, &'static str)],
}

/// An idempotent producer with its buffers. Fields are dropped in this order: the client first, which ends librdkafka's
/// threads, then the buffers that they read.
pub(in crate::sink::kafka) struct Producer {
    client: Client<Logs>,
    queue: NonNull<raw::rd_kafka_queue_t>,
    topics: Vec<NonNull<raw::rd_kafka_topic_t>>,
    lots: Lots,
    in_transaction: bool,
    /// What librdkafka's log said last of a partition that the coordinator refused: the error itself names none.
    refused: Option<String>,
}

// SAFETY: librdkafka's handles may be used from any thread; the pointers are owned by this struct alone.
unsafe impl Send for Producer {}

impl Producer {
    /// Makes the client; connects in the background.
    pub(in crate::sink::kafka) fn new(config: &ClientConfig) -> KafkaResult<Self> {
        let native = config.create_native_config()?;
        let events = raw::RD_KAFKA_EVENT_DR | raw::RD_KAFKA_EVENT_ERROR | raw::RD_KAFKA_EVENT_LOG;
        // SAFETY: the configuration lives until `Client::new` takes it over.
        unsafe { raw::rd_kafka_conf_set_events(native.ptr(), events) };
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_PRODUCER, Logs)?;
        // SAFETY: the client is alive; the reference that this takes is given back in `drop`.
        let queue = NonNull::new(unsafe { raw::rd_kafka_queue_get_main(client.native_ptr()) });
        Ok(Self {
            queue: queue.ok_or_else(|| KafkaError::ClientCreation("no main queue".into()))?,
            client,
            topics: Vec::new(),
            lots: Lots::new(),
            in_transaction: false,
            refused: None,
        })
    }

    /// The safe part of the client: metadata, fatal errors.
    pub(in crate::sink::kafka) fn client(&self) -> &Client<Logs> {
        &self.client
    }

    /// The buffers on their way.
    pub(in crate::sink::kafka) fn lots(&self) -> &Lots {
        &self.lots
    }

    /// Whether messages wait for their reports.
    pub(in crate::sink::kafka) fn is_waiting(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { raw::rd_kafka_outq_len(self.client.native_ptr()) > 0 }
    }

    /// A handle of a topic, kept as long as the producer.
    pub(in crate::sink::kafka) fn topic(&mut self, name: &str) -> KafkaResult<TopicId> {
        let text = CString::new(name)?;
        // SAFETY: the client is alive, the text ends with a zero byte, and no configuration means the default one.
        let topic = unsafe { raw::rd_kafka_topic_new(self.client.native_ptr(), text.as_ptr(), ptr::null_mut()) };
        let topic = NonNull::new(topic).ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::InvalidTopic))?;
        self.topics.push(topic);
        Ok(TopicId(self.topics.len() - 1))
    }

    /// Takes a buffer over for messages to point into; it counts for `cost` bytes until it is finished.
    pub(in crate::sink::kafka) fn open_lot(&mut self, data: Vec<u8>, cost: usize) -> u64 {
        self.lots.open(data, cost)
    }

    /// No more messages of this lot.
    pub(in crate::sink::kafka) fn close_lot(&mut self, lot: u64) {
        self.lots.close(lot);
    }

    /// Queues one message of a lot. Its value is not copied.
    pub(in crate::sink::kafka) fn send(&mut self, lot: u64, message: &Message<'_>) -> Result<(), Refusal> {
        let data = self.lots.data(lot);
        let slice = |range: &Option<Range<usize>>| match range {
            Some(range) => data
                .get(range.clone())
                .map(Some)
                .ok_or_else(|| invalid("a message outside its lot")),
            None => Ok(None),
        };
        let (key, value) = (slice(&message.key)?, slice(&message.value)?);
        let opaque = usize::try_from(lot).unwrap_or(COPIED - 1);
        self.produce(message, key, value, opaque, 0)?;
        self.lots.add(lot, 1);
        Ok(())
    }

    /// Queues one message whose value librdkafka copies.
    pub(in crate::sink::kafka) fn send_copy(&mut self, topic: TopicId, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let message = Message {
            topic,
            partition: 0,
            timestamp: 0,
            key: None,
            value: None,
            headers: &[],
        };
        self.produce(&message, Some(key), value, COPIED, raw::RD_KAFKA_MSG_F_COPY)
    }

    fn produce(&self, message: &Message<'_>, key: Option<&[u8]>, value: Option<&[u8]>, opaque: usize, flags: i32) -> Result<(), Refusal> {
        use raw::rd_kafka_vtype_t as vtype;
        let topic = self
            .topics
            .get(message.topic.0)
            .ok_or_else(|| invalid("a topic of another producer"))?;
        let headers = headers(message.headers)?;
        let mut arguments = [raw::rd_kafka_vu_t {
            vtype: vtype::RD_KAFKA_VTYPE_END,
            u: raw::rd_kafka_vu_s__bindgen_ty_1 { ptr: ptr::null_mut() },
        }; 8];
        let [rkt, partition, flag, val, k, ts, id, hdrs] = &mut arguments;
        rkt.vtype = vtype::RD_KAFKA_VTYPE_RKT;
        rkt.u.rkt = topic.as_ptr();
        partition.vtype = vtype::RD_KAFKA_VTYPE_PARTITION;
        partition.u.i32_ = message.partition;
        flag.vtype = vtype::RD_KAFKA_VTYPE_MSGFLAGS;
        flag.u.i = flags;
        val.vtype = vtype::RD_KAFKA_VTYPE_VALUE;
        val.u.mem = memory(value);
        k.vtype = vtype::RD_KAFKA_VTYPE_KEY;
        k.u.mem = memory(key);
        ts.vtype = vtype::RD_KAFKA_VTYPE_TIMESTAMP;
        ts.u.i64_ = message.timestamp;
        id.vtype = vtype::RD_KAFKA_VTYPE_OPAQUE;
        id.u.ptr = ptr::without_provenance_mut(opaque);
        let mut count = 7;
        if let Some(headers) = headers {
            hdrs.vtype = vtype::RD_KAFKA_VTYPE_HEADERS;
            hdrs.u.headers = headers.as_ptr();
            count = 8;
        }
        // SAFETY: every argument holds the union member that its type says. The key is copied by the call; the value is
        // copied too (RD_KAFKA_MSG_F_COPY) or lies in a lot, whose bytes stay until the report of this message.
        let error = unsafe { raw::rd_kafka_produceva(self.client.native_ptr(), arguments.as_ptr(), count) };
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: after a failure the headers are still ours; the error is ours to free, and its text is read before.
        unsafe {
            if let Some(headers) = headers {
                raw::rd_kafka_headers_destroy(headers.as_ptr());
            }
            let refusal = Refusal {
                code: raw::rd_kafka_error_code(error).into(),
                reason: text(raw::rd_kafka_error_string(error)),
            };
            raw::rd_kafka_error_destroy(error);
            Err(refusal)
        }
    }

    /// Serves reports and troubles: waits up to `wait` for a first event, then takes what else is there.
    pub(in crate::sink::kafka) fn poll(&mut self, wait: Duration) -> Served {
        let mut served = Served::default();
        let mut wait_ms = millis(wait);
        loop {
            // SAFETY: the queue is ours and alive; the event is destroyed below.
            let event = unsafe { raw::rd_kafka_queue_poll(self.queue.as_ptr(), wait_ms) };
            if event.is_null() {
                return served;
            }
            wait_ms = 0;
            // SAFETY: the event is alive until it is destroyed, and nothing of it is kept.
            unsafe {
                match raw::rd_kafka_event_type(event) {
                    raw::RD_KAFKA_EVENT_DR => self.reports(event, &mut served),
                    raw::RD_KAFKA_EVENT_ERROR => {
                        let trouble = self.trouble(event);
                        // That all brokers are down only follows from what was said before it.
                        if served.trouble.is_none() || trouble.code != RDKafkaErrorCode::AllBrokersDown {
                            served.trouble = Some(trouble);
                        }
                    }
                    raw::RD_KAFKA_EVENT_LOG => self.log(event),
                    _ => {}
                }
                raw::rd_kafka_event_destroy(event);
            }
        }
    }

    /// # Safety
    /// `event` is a live event of delivery reports.
    unsafe fn reports(&mut self, event: *mut raw::rd_kafka_event_t, served: &mut Served) {
        // Neighbours mostly belong to one lot, so they are counted before the books are touched.
        let (mut lot, mut run) = (0, 0);
        // SAFETY: messages and what they point at live as long as the event; `_private` is only compared, never followed.
        unsafe {
            while let Some(message) = raw::rd_kafka_event_message_next(event).as_ref() {
                let opaque = message._private.addr();
                let failed = message.err != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
                if failed && served.undelivered.is_none() {
                    served.undelivered = Some(Undelivered {
                        refusal: Refusal {
                            code: message.err.into(),
                            reason: text(raw::rd_kafka_message_errstr(message)),
                        },
                        topic: text(raw::rd_kafka_topic_name(message.rkt)),
                        size: message.len.saturating_add(message.key_len),
                    });
                }
                if opaque == COPIED {
                    served.copies += usize::from(!failed);
                    continue;
                }
                if opaque != lot {
                    self.settle(lot, run);
                    (lot, run) = (opaque, 0);
                }
                run += 1;
                served.reports += 1;
            }
        }
        self.settle(lot, run);
    }

    /// # Safety
    /// `event` is a live log event.
    unsafe fn log(&mut self, event: *mut raw::rd_kafka_event_t) {
        let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the caller's promise; the texts live as long as the event.
        unsafe {
            if raw::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) == 0 {
                let (facility, line) = (text(facility), text(line));
                logs::line(level, &facility, &line);
                // Of all partitions of the request there is a line; most of them were only not attempted.
                if facility == "ADDPARTS" && level <= ERROR && !line.contains("not attempted") {
                    // Before it stand a thread and a broker.
                    self.refused = line.find("Failed to add").and_then(|at| line.get(at..)).map(str::to_owned);
                }
            }
        }
    }

    fn settle(&mut self, lot: usize, messages: usize) {
        if messages > 0
            && let Ok(lot) = u64::try_from(lot)
        {
            self.lots.settle(lot, messages);
        }
    }

    /// # Safety
    /// `event` is a live error event.
    unsafe fn trouble(&self, event: *mut raw::rd_kafka_event_t) -> Refusal {
        if let Some((code, reason)) = self.client.fatal_error() {
            return Refusal { code, reason };
        }
        // SAFETY: the caller's promise.
        unsafe {
            Refusal {
                code: raw::rd_kafka_event_error(event).into(),
                reason: text(raw::rd_kafka_event_error_string(event)),
            }
        }
    }

    /// Asks the cluster to make topics, or only whether it would. The topics that it refuses, each with its reason.
    pub(in crate::sink::kafka) fn create_topics(
        &self,
        topics: &[NewTopic],
        only_check: bool,
        limit: Duration,
    ) -> Result<Vec<(String, Refusal)>, Refusal> {
        admin::create_topics(self.client.native_ptr(), topics, only_check, limit)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Readers would otherwise wait for the open transaction until the broker ends it.
        if self.in_transaction
            && self.client.fatal_error().is_none()
            && let Err(trouble) = self.abort_transaction(ABORT)
        {
            tracing::debug!(reason = trouble.refusal.reason, "an open transaction is left to the broker");
        }
        // SAFETY: each reference is given back once. Purging makes the client's end quick; the client is destroyed right
        // after this function and before `lots`, and its end waits for all of librdkafka's threads.
        unsafe {
            raw::rd_kafka_purge(
                self.client.native_ptr(),
                raw::RD_KAFKA_PURGE_F_QUEUE | raw::RD_KAFKA_PURGE_F_INFLIGHT | raw::RD_KAFKA_PURGE_F_NON_BLOCKING,
            );
            for topic in self.topics.drain(..) {
                raw::rd_kafka_topic_destroy(topic.as_ptr());
            }
            raw::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Copies headers into librdkafka's own list; none for none.
fn headers(headers: &[(&[u8], &[u8])]) -> Result<Option<NonNull<raw::rd_kafka_headers_t>>, Refusal> {
    if headers.is_empty() {
        return Ok(None);
    }
    // SAFETY: makes an empty list, which is ours until a message takes it.
    let list = NonNull::new(unsafe { raw::rd_kafka_headers_new(headers.len()) }).ok_or_else(|| invalid("no memory for headers"))?;
    for (name, value) in headers {
        // SAFETY: name and value are copied by the call, with the lengths given.
        let code = unsafe {
            raw::rd_kafka_header_add(
                list.as_ptr(),
                name.as_ptr().cast(),
                name.len().cast_signed(),
                value.as_ptr().cast(),
                value.len().cast_signed(),
            )
        };
        if code != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            // SAFETY: the list is still ours.
            unsafe { raw::rd_kafka_headers_destroy(list.as_ptr()) };
            return Err(Refusal {
                code: code.into(),
                reason: "a header was refused".into(),
            });
        }
    }
    Ok(Some(list))
}

fn memory(bytes: Option<&[u8]>) -> raw::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    // A slice's pointer is never null, so that an empty key or value stays one, and only `None` is null.
    raw::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
        size: bytes.map_or(0, <[u8]>::len),
    }
}

/// # Safety
/// Null, or a text that ends with a zero byte.
pub(in crate::sink::kafka) unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().trim().to_owned()
}

pub(in crate::sink::kafka) fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}

pub(in crate::sink::kafka) fn invalid(reason: &str) -> Refusal {
    Refusal {
        code: RDKafkaErrorCode::InvalidArgument,
        reason: reason.to_owned(),
    }
}
