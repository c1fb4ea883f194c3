//! librdkafka's log lines, handed to ours. They name brokers and errors, never payloads or passwords.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// What every client of this room runs with.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct Logs;

impl ClientContext for Logs {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // The enum has syslog's order from 0, 8 levels.
        let number = match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => 3,
            RDKafkaLogLevel::Warning => 4,
            RDKafkaLogLevel::Notice => 5,
            RDKafkaLogLevel::Info => 6,
            RDKafkaLogLevel::Debug => 7,
        };
        line(number, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client trouble");
    }
}

impl ConsumerContext for Logs {}

/// One line at a level of syslog. What librdkafka calls an error it retries by itself, so it is a warning here.
pub(super) fn line(level: i32, facility: &str, text: &str) {
    match level {
        ..=3 => tracing::warn!(target: "rowmill::sink::librdkafka", facility, "{text}"),
        4 => tracing::info!(target: "rowmill::sink::librdkafka", facility, "{text}"),
        _ => tracing::debug!(target: "rowmill::sink::librdkafka", facility, "{text}"),
    }
}
