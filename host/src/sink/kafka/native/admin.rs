//! Requests to the cluster through librdkafka itself, on the producer's own connections; CreateTopics here, since rdkafka's admin client
//! drops the broker's words and keeps only a code.
#![expect(unsafe_code, reason = "the broker's reason for a refused topic is not in rdkafka's safe interface")]

use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

use super::{NewTopic, Refusal, invalid, millis, text};

/// Room for librdkafka's error texts.
pub(super) const TEXT: usize = 512;

/// Makes a request of librdkafka's admin interface, within `limit`: `submit` sends it, `read` gets an answer without an error.
///
/// # Safety
/// `client` is alive for the whole call. `submit` sends this operation to the queue, with the options, to which it may add some; `read`
/// keeps nothing of the event.
pub(super) unsafe fn ask<T>(
    client: *mut raw::rd_kafka_t,
    operation: raw::rd_kafka_admin_op_t,
    limit: Duration,
    submit: impl FnOnce(*mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    read: impl FnOnce(*mut raw::rd_kafka_event_t) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    // SAFETY: each handle is made from the live client and destroyed once, after its last use.
    unsafe {
        let options = raw::rd_kafka_AdminOptions_new(client, operation);
        let mut words = [0; TEXT];
        raw::rd_kafka_AdminOptions_set_request_timeout(options, millis(limit), words.as_mut_ptr(), TEXT);
        let queue = raw::rd_kafka_queue_new(client);
        submit(options, queue);
        // The request has its own limit; this one only guards against an answer that never comes.
        let event = raw::rd_kafka_queue_poll(queue, millis(limit + Duration::from_secs(2)));
        let answer = if event.is_null() {
            Err(Refusal {
                code: RDKafkaErrorCode::OperationTimedOut,
                reason: "no answer".into(),
            })
        } else {
            let code: RDKafkaErrorCode = raw::rd_kafka_event_error(event).into();
            let answer = match code {
                RDKafkaErrorCode::NoError => read(event),
                code => Err(Refusal {
                    code,
                    reason: text(raw::rd_kafka_event_error_string(event)),
                }),
            };
            raw::rd_kafka_event_destroy(event);
            answer
        };
        raw::rd_kafka_queue_destroy(queue);
        raw::rd_kafka_AdminOptions_destroy(options);
        answer
    }
}

/// See `Producer::create_topics`. `client` is alive for the whole call.
pub(super) fn create_topics(
    client: *mut raw::rd_kafka_t,
    topics: &[NewTopic],
    only_check: bool,
    limit: Duration,
) -> Result<Vec<(String, Refusal)>, Refusal> {
    let mut requests = Requests(Vec::new());
    for topic in topics {
        requests.push(topic)?;
    }
    let operation = raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS;
    // SAFETY: the client is alive, and so are the requests; what is read is the answer to them.
    unsafe {
        let submit = |options, queue| {
            let mut words = [0; TEXT];
            raw::rd_kafka_AdminOptions_set_operation_timeout(options, millis(limit), words.as_mut_ptr(), TEXT);
            raw::rd_kafka_AdminOptions_set_validate_only(options, i32::from(only_check), words.as_mut_ptr(), TEXT);
            raw::rd_kafka_CreateTopics(client, requests.0.as_mut_ptr(), requests.0.len(), options, queue);
        };
        ask(client, operation, limit, submit, |event| refused(event))
    }
}

/// # Safety
/// `event` is a live result of CreateTopics.
unsafe fn refused(event: *mut raw::rd_kafka_event_t) -> Result<Vec<(String, Refusal)>, Refusal> {
    // SAFETY: everything read here belongs to the event and is copied.
    unsafe {
        let mut count = 0;
        let result = raw::rd_kafka_event_CreateTopics_result(event);
        if result.is_null() {
            return Err(invalid("an answer of another kind"));
        }
        let topics = raw::rd_kafka_CreateTopics_result_topics(result, &raw mut count);
        let mut refused = Vec::new();
        for i in 0..count {
            let topic = *topics.add(i);
            let code: RDKafkaErrorCode = raw::rd_kafka_topic_result_error(topic).into();
            if code != RDKafkaErrorCode::NoError {
                let words = text(raw::rd_kafka_topic_result_error_string(topic));
                let reason = if words.is_empty() { code.to_string() } else { words };
                refused.push((text(raw::rd_kafka_topic_result_name(topic)), Refusal { code, reason }));
            }
        }
        Ok(refused)
    }
}

/// Topics to make, as librdkafka wants them.
struct Requests(Vec<*mut raw::rd_kafka_NewTopic_t>);

impl Requests {
    fn push(&mut self, topic: &NewTopic) -> Result<(), Refusal> {
        let name = zero_ended(&topic.name)?;
        let mut words: [c_char; TEXT] = [0; TEXT];
        // SAFETY: all texts end with a zero byte and are copied; the topic is destroyed in `drop`.
        unsafe {
            let request = raw::rd_kafka_NewTopic_new(name.as_ptr(), topic.partitions, topic.replication, words.as_mut_ptr(), TEXT);
            let Some(request) = NonNull::new(request) else {
                return Err(invalid(&text(words.as_ptr())));
            };
            self.0.push(request.as_ptr());
            for (setting, value) in topic.settings {
                let (setting, value) = (zero_ended(setting)?, zero_ended(value)?);
                raw::rd_kafka_NewTopic_set_config(request.as_ptr(), setting.as_ptr(), value.as_ptr());
            }
        }
        Ok(())
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        for request in self.0.drain(..) {
            // SAFETY: made by `push`, destroyed once.
            unsafe { raw::rd_kafka_NewTopic_destroy(request) };
        }
    }
}

pub(super) fn zero_ended(name: &str) -> Result<CString, Refusal> {
    CString::new(name).map_err(|_| invalid("a name with a zero byte"))
}
