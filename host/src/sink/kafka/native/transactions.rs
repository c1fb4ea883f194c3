//! Transactions through librdkafka itself: rdkafka's own calls belong to a producer that serves its queue elsewhere.
#![expect(unsafe_code, reason = "the transactional calls are wrapped only for rdkafka's own producers")]

use std::time::{Duration, Instant};

use rdkafka::bindings as raw;
use rdkafka::error::RDKafkaErrorCode;

use super::{Producer, Refusal, millis, text};

/// One step of giving outstanding messages to the broker without waiting for `linger.ms`: reports are taken in between, and
/// none is waited for longer than this.
const STEP: Duration = Duration::from_millis(1);

/// Why a transactional call failed.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Trouble {
    pub(in crate::sink::kafka) refusal: Refusal,
    /// The same call may be made again and goes on where it was.
    pub(in crate::sink::kafka) retriable: bool,
}

impl Producer {
    /// Takes the transactional id over: ends what its last owner left open, and fences that one.
    pub(in crate::sink::kafka) fn init_transactions(&mut self, limit: Duration) -> Result<(), Trouble> {
        // SAFETY: the client is alive.
        checked(unsafe { raw::rd_kafka_init_transactions(self.client.native_ptr(), millis(limit)) })
    }

    /// Opens a transaction; every message from now on belongs to it.
    pub(in crate::sink::kafka) fn begin_transaction(&mut self) -> Result<(), Trouble> {
        // SAFETY: the client is alive.
        checked(unsafe { raw::rd_kafka_begin_transaction(self.client.native_ptr()) })?;
        self.refused = None;
        self.in_transaction = true;
        Ok(())
    }

    /// Commits. Every message must have been reported: the call would wait for reports that only this thread takes.
    pub(in crate::sink::kafka) fn commit_transaction(&mut self, limit: Duration) -> Result<(), Trouble> {
        // SAFETY: the client is alive.
        checked(unsafe { raw::rd_kafka_commit_transaction(self.client.native_ptr(), millis(limit)) })?;
        self.in_transaction = false;
        Ok(())
    }

    /// Whether a transaction is open.
    pub(in crate::sink::kafka) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// What made the open transaction impossible, in the broker's words; none while it is sound. Reports that are in are taken on the way:
    /// after this the transaction can only be given up.
    pub(in crate::sink::kafka) fn transaction_error(&mut self) -> Option<Refusal> {
        if !self.in_transaction {
            return None;
        }
        // Within a transaction a second begin is refused, with the reason for which the first can't go on.
        // SAFETY: the client is alive.
        let refused = checked(unsafe { raw::rd_kafka_begin_transaction(self.client.native_ptr()) });
        let refusal = refused.err()?.refusal;
        if refusal.code == RDKafkaErrorCode::State {
            return None;
        }
        // Only the log tells which partition it is about; it came before the error, perhaps since the last look.
        self.poll(Duration::ZERO);
        let reason = self.refused.clone().unwrap_or(refusal.reason);
        Some(Refusal { reason, ..refusal })
    }

    /// Sends what is queued without waiting for more; whether every message has been reported.
    pub(in crate::sink::kafka) fn flush(&mut self) -> bool {
        // SAFETY: the client is alive.
        let error = unsafe { raw::rd_kafka_flush(self.client.native_ptr(), millis(STEP)) };
        error == raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Ends an open transaction without its records, so that readers don't wait for them until the broker does.
    pub(in crate::sink::kafka) fn abort_transaction(&mut self, limit: Duration) -> Result<(), Trouble> {
        let started = Instant::now();
        // SAFETY: the client is alive.
        unsafe {
            raw::rd_kafka_purge(
                self.client.native_ptr(),
                raw::RD_KAFKA_PURGE_F_QUEUE | raw::RD_KAFKA_PURGE_F_INFLIGHT | raw::RD_KAFKA_PURGE_F_NON_BLOCKING,
            );
        }
        // As for a commit, its reports have to be taken first.
        while !self.flush() && started.elapsed() < limit {
            self.poll(Duration::ZERO);
        }
        let left = limit.saturating_sub(started.elapsed());
        // SAFETY: the client is alive.
        checked(unsafe { raw::rd_kafka_abort_transaction(self.client.native_ptr(), millis(left)) })?;
        self.in_transaction = false;
        Ok(())
    }
}

fn checked(error: *mut raw::rd_kafka_error_t) -> Result<(), Trouble> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours: it is read, then freed once.
    unsafe {
        let trouble = Trouble {
            refusal: Refusal {
                code: raw::rd_kafka_error_code(error).into(),
                reason: text(raw::rd_kafka_error_string(error)),
            },
            retriable: raw::rd_kafka_error_is_retriable(error) != 0,
        };
        raw::rd_kafka_error_destroy(error);
        Err(trouble)
    }
}
