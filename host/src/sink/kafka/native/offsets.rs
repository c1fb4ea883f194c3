//! ListOffsets through librdkafka itself, on the producer's own connections: whether the leaders of many partitions serve them, by one
//! request a broker.
#![expect(unsafe_code, reason = "rdkafka's safe interface asks for one partition at a time")]

use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

use super::admin::{ask, zero_ended};
use super::{Producer, Refusal, invalid, text};

/// A partition by its topic's name, and why its leader does not serve it.
pub(in crate::sink::kafka) type Unserved = ((String, i32), Refusal);

impl Producer {
    /// Which of these partitions their leaders do not serve yet.
    pub(in crate::sink::kafka) fn unserved(&self, partitions: &[(String, i32)], limit: Duration) -> Result<Vec<Unserved>, Refusal> {
        let list = Partitions::of(partitions)?;
        let client = self.client().native_ptr();
        let operation = raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        // SAFETY: the client is alive, and so is the list, which the call copies; what is read is the answer to it.
        unsafe {
            let submit = |options: *mut raw::rd_kafka_AdminOptions_t, queue| {
                raw::rd_kafka_ListOffsets(client, list.0.as_ptr(), options, queue);
            };
            ask(client, operation, limit, submit, |event| read(event))
        }
    }
}

/// # Safety
/// `event` is a live result of ListOffsets.
unsafe fn read(event: *mut raw::rd_kafka_event_t) -> Result<Vec<Unserved>, Refusal> {
    // SAFETY: everything read here belongs to the event and is copied.
    unsafe {
        let result = raw::rd_kafka_event_ListOffsets_result(event);
        if result.is_null() {
            return Err(invalid("an answer of another kind"));
        }
        let mut count = 0;
        let infos = raw::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        let mut unserved = Vec::new();
        for i in 0..count {
            let Some(partition) = raw::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(i)).as_ref() else {
                continue;
            };
            let code: RDKafkaErrorCode = partition.err.into();
            if code != RDKafkaErrorCode::NoError {
                let reason = code.to_string();
                unserved.push(((text(partition.topic), partition.partition), Refusal { code, reason }));
            }
        }
        Ok(unserved)
    }
}

/// Partitions to ask for, as librdkafka wants them.
struct Partitions(NonNull<raw::rd_kafka_topic_partition_list_t>);

impl Partitions {
    fn of(partitions: &[(String, i32)]) -> Result<Self, Refusal> {
        let room = i32::try_from(partitions.len()).map_err(|_| invalid("too many partitions"))?;
        // SAFETY: makes an empty list, which is destroyed in `drop`.
        let list = NonNull::new(unsafe { raw::rd_kafka_topic_partition_list_new(room) });
        let list = Self(list.ok_or_else(|| invalid("no memory for partitions"))?);
        for (topic, partition) in partitions {
            let topic = zero_ended(topic)?;
            // SAFETY: the list is ours and alive, the name ends with a zero byte and is copied; the entry is the list's.
            unsafe {
                if let Some(entry) = raw::rd_kafka_topic_partition_list_add(list.0.as_ptr(), topic.as_ptr(), *partition).as_mut() {
                    // RD_KAFKA_OFFSET_SPEC_LATEST.
                    entry.offset = -1;
                }
            }
        }
        Ok(list)
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: made by `of`, destroyed once.
        unsafe { raw::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) };
    }
}
