//! DescribeConfigs through librdkafka itself, on the producer's own connections: the largest batch of records that topics take.
#![expect(unsafe_code, reason = "rdkafka's safe interface has this only for a client of its own")]

use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

use super::admin::{TEXT, ask, zero_ended};
use super::{Producer, Refusal, invalid, text};

/// The setting that bounds a batch.
const SETTING: &str = "max.message.bytes";
/// A topic, and the bytes that a batch of records may have there.
pub(in crate::sink::kafka) type Size = (String, Result<usize, Refusal>);

impl Producer {
    /// What these topics take, each by name.
    pub(in crate::sink::kafka) fn sizes(&self, topics: &[&str], limit: Duration) -> Result<Vec<Size>, Refusal> {
        let mut requests = Requests(Vec::new());
        for topic in topics {
            requests.push(topic)?;
        }
        let broker = self.any_broker(topics.first().copied(), limit)?;
        let client = self.client().native_ptr();
        let operation = raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        // SAFETY: the client is alive, and so are the requests; what is read is the answer to them.
        unsafe {
            let submit = |options, queue| {
                // Any broker knows. Unless one is named the controller is waited for, which not all that speak the protocol have.
                let mut words = [0; TEXT];
                raw::rd_kafka_AdminOptions_set_broker(options, broker, words.as_mut_ptr(), TEXT);
                raw::rd_kafka_DescribeConfigs(client, requests.0.as_mut_ptr(), requests.0.len(), options, queue);
            };
            ask(client, operation, limit, submit, |event| read(event))
        }
    }

    /// The id of a broker that is there.
    fn any_broker(&self, topic: Option<&str>, limit: Duration) -> Result<i32, Refusal> {
        let metadata = self.client().fetch_metadata(topic, limit).map_err(Refusal::from)?;
        let broker = metadata.brokers().first().map(rdkafka::metadata::MetadataBroker::id);
        broker.ok_or_else(|| invalid("a cluster without brokers"))
    }
}

/// # Safety
/// `event` is a live result of DescribeConfigs.
unsafe fn read(event: *mut raw::rd_kafka_event_t) -> Result<Vec<Size>, Refusal> {
    // SAFETY: everything read here belongs to the event and is copied.
    unsafe {
        let result = raw::rd_kafka_event_DescribeConfigs_result(event);
        if result.is_null() {
            return Err(invalid("an answer of another kind"));
        }
        let mut count = 0;
        let resources = raw::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        let mut sizes = Vec::new();
        for i in 0..count {
            let resource = *resources.add(i);
            sizes.push((text(raw::rd_kafka_ConfigResource_name(resource)), size(resource)));
        }
        Ok(sizes)
    }
}

/// # Safety
/// `resource` is part of a live result.
unsafe fn size(resource: *const raw::rd_kafka_ConfigResource_t) -> Result<usize, Refusal> {
    // SAFETY: the caller's promise.
    unsafe {
        let code: RDKafkaErrorCode = raw::rd_kafka_ConfigResource_error(resource).into();
        if code != RDKafkaErrorCode::NoError {
            return Err(Refusal {
                code,
                reason: text(raw::rd_kafka_ConfigResource_error_string(resource)),
            });
        }
        let mut count = 0;
        let entries = raw::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        for i in 0..count {
            let entry = *entries.add(i);
            if text(raw::rd_kafka_ConfigEntry_name(entry)) == SETTING {
                let value = text(raw::rd_kafka_ConfigEntry_value(entry));
                return value.parse().map_err(|_| invalid("a max.message.bytes that is no number"));
            }
        }
        Err(invalid("an answer without max.message.bytes"))
    }
}

/// Topics to ask for, as librdkafka wants them.
struct Requests(Vec<*mut raw::rd_kafka_ConfigResource_t>);

impl Requests {
    fn push(&mut self, topic: &str) -> Result<(), Refusal> {
        let (name, setting) = (zero_ended(topic)?, zero_ended(SETTING)?);
        // SAFETY: both texts end with a zero byte and are copied; the resource is destroyed in `drop`.
        unsafe {
            let resource = raw::rd_kafka_ConfigResource_new(raw::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, name.as_ptr());
            let Some(resource) = NonNull::new(resource) else {
                return Err(invalid("no topic's name"));
            };
            self.0.push(resource.as_ptr());
            // Of the settings only those are sent that are named; the value does not matter.
            raw::rd_kafka_ConfigResource_set_config(resource.as_ptr(), setting.as_ptr(), c"".as_ptr());
        }
        Ok(())
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        for request in self.0.drain(..) {
            // SAFETY: made by `push`, destroyed once.
            unsafe { raw::rd_kafka_ConfigResource_destroy(request) };
        }
    }
}
