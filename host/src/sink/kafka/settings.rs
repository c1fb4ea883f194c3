//! librdkafka's configuration from ours. What delivery depends on is set last; `config` refuses it in `sink.properties`.

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::native::without_value;
use crate::config::{Compression, Config, Limits, Secret, Transactions};
use crate::fault::Fault;

/// Other names of properties that have a default here.
const ALIASES: &[(&str, &str)] = &[
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.timeout.ms", "delivery.timeout.ms"),
];

/// The largest record that librdkafka takes unless `sink.properties` says otherwise.
const MESSAGE_MAX_BYTES: usize = 1_000_000;
/// A delivery, with all that librdkafka tries; also a transaction, unless `sink.properties` says otherwise.
const DELIVERY_TIMEOUT_MS: &str = "60000";
/// The longest wait before a broker that was away is tried again: it may lead again the moment that it is back.
const RECONNECT_MS: &str = "1000";
/// Bytes on their way at most, whatever `limits.memory` is: more does not make a broker faster.
const MAX_IN_FLIGHT: usize = 48 << 20;
/// The sink's part of `limits.memory`.
const SHARE: usize = 8;
/// What librdkafka needs for a message beside its value: its own struct (about 200 bytes), its copy of the key, malloc.
pub(super) const MESSAGE_OVERHEAD: usize = 272;

/// Bytes of records, overhead included, that may be on their way.
pub(super) fn in_flight(limits: &Limits) -> usize {
    (limits.memory / SHARE).min(MAX_IN_FLIGHT)
}

/// The largest record, key, headers and overhead included.
pub(super) fn message_max_bytes(config: &ClientConfig) -> usize {
    config
        .get("message.max.bytes")
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(MESSAGE_MAX_BYTES)
}

/// The largest batch of several records.
pub(super) fn batch_bytes(config: &ClientConfig) -> usize {
    config
        .get("batch.size")
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(MESSAGE_MAX_BYTES)
}

/// The connector's transactional id.
pub(super) fn transactional_id(name: &str) -> String {
    format!("rowmill-{name}")
}

/// A producer's configuration.
pub(super) fn producer(config: &Config, transactional: bool) -> ClientConfig {
    let sink = &config.sink;
    // librdkafka wants a transaction to last at least as long as a delivery.
    let transaction = sink
        .properties
        .iter()
        .find(|(name, _)| transactional && name == "transaction.timeout.ms");
    let longest_delivery = transaction.map_or(DELIVERY_TIMEOUT_MS, |(_, ms)| ms.reveal());
    let mut client = ClientConfig::new();
    client.set_log_level(log_level(&sink.properties));
    client
        .set("client.id", format!("rowmill-{}", config.name))
        // Enough for large batches, short enough not to show in freshness.
        .set("linger.ms", "5")
        .set("batch.num.messages", "100000")
        .set("batch.size", "1000000")
        // A broker that is away longer than this is the pipeline's business: it starts again at the checkpoint.
        .set("delivery.timeout.ms", longest_delivery)
        // A topic that is gone is to be missed soon; new ones are only written to once their leaders serve them.
        .set("topic.metadata.propagation.max.ms", "5000")
        .set("reconnect.backoff.max.ms", RECONNECT_MS)
        .set("socket.keepalive.enable", "true");
    for (name, value) in &sink.properties {
        // librdkafka takes both names in no particular order, so that a default under the other one might win.
        let canonical = ALIASES
            .iter()
            .find(|(alias, _)| alias == name)
            .map_or(name.as_str(), |(_, name)| name);
        client.set(canonical, value.reveal());
    }
    client
        .set("bootstrap.servers", &sink.brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.codec", codec(sink.compression))
        // The sink's own account is the bound; librdkafka's only has to be above it.
        .set(
            "queue.buffering.max.messages",
            (in_flight(&config.limits) / MESSAGE_OVERHEAD).max(1000).to_string(),
        )
        .set("queue.buffering.max.kbytes", "1048576")
        .set("statistics.interval.ms", "0");
    if transactional {
        client.set("transactional.id", transactional_id(&config.name));
        if transaction.is_none() {
            let delivery = client.get("delivery.timeout.ms").unwrap_or(DELIVERY_TIMEOUT_MS).to_owned();
            client.set("transaction.timeout.ms", delivery);
        }
    }
    client
}

/// What a property that librdkafka does not take asks for. The property is named, its value is not shown.
pub(super) fn refused(error: KafkaError) -> Fault {
    let hint = "see librdkafka's list of properties, and mend sink.properties";
    // Some of librdkafka's texts end with a line break.
    let text = without_value(&error);
    Fault::stop(anyhow::Error::msg(format!("{} ({hint})", text.trim_end())).context("reading sink.properties"))
}

/// Whether librdkafka takes all properties; connects to nothing.
///
/// # Errors
/// `Stop` that names the property.
pub(in crate::sink) fn check_properties(config: &Config) -> Result<(), Fault> {
    producer(config, config.sink.transactions != Transactions::Off)
        .create_native_config()
        .map(|_| ())
        .map_err(refused)
}

/// A member of a connector's group.
pub(super) fn member(config: &Config, group: &str, instance: Option<&str>) -> ClientConfig {
    let mut client = reader(&config.sink.brokers, &config.sink.properties, true);
    client
        .set("client.id", format!("rowmill-{}", config.name))
        .set("group.id", group)
        // It reads nothing; what would begin before it is paused begins at the end.
        .set("auto.offset.reset", "latest")
        .set("enable.partition.eof", "false")
        // Whoever has the connector keeps it when others join.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // The shortest that brokers allow unless told otherwise: another process takes over within seconds.
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500");
    if let Some(instance) = instance {
        client.set("group.instance.id", instance);
    }
    client
}

/// A reader's configuration: it belongs to no group and commits nothing.
pub(in crate::sink) fn reader(brokers: &str, properties: &[(String, Secret)], committed_only: bool) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set_log_level(log_level(properties));
    for (name, value) in properties {
        // The rest of `sink.properties` tunes the producer.
        if [
            "security.",
            "sasl.",
            "ssl.",
            "enable.ssl.",
            "socket.",
            "broker.",
            "client.",
            "debug",
        ]
        .iter()
        .any(|start| name.starts_with(start))
        {
            client.set(name, value.reveal());
        }
    }
    client
        .set("bootstrap.servers", brokers)
        .set("reconnect.backoff.max.ms", RECONNECT_MS)
        // librdkafka wants one for any consumer; nothing is joined without a subscription.
        .set("group.id", "rowmill-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set(
            "isolation.level",
            if committed_only { "read_committed" } else { "read_uncommitted" },
        )
        // A reader of a busy topic otherwise fetches 64 MiB ahead.
        .set("queued.max.messages.kbytes", "16384");
    client
}

/// Who sets `debug` wants its lines, too.
fn log_level(properties: &[(String, Secret)]) -> RDKafkaLogLevel {
    if properties.iter().any(|(name, _)| name == "debug") {
        RDKafkaLogLevel::Debug
    } else {
        RDKafkaLogLevel::Info
    }
}

fn codec(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_on_their_way_are_a_part_of_the_memory_limit_and_bounded() {
        let limits = |memory| Limits {
            memory,
            ..Limits::default()
        };
        assert_eq!(in_flight(&limits(192 << 20)), 24 << 20);
        assert_eq!(in_flight(&limits(1 << 40)), 48 << 20);
    }

    #[test]
    fn a_reader_takes_what_the_connection_needs_and_nothing_of_the_producer() {
        let properties = [
            ("sasl.username".to_owned(), Secret::new("u")),
            ("linger.ms".to_owned(), Secret::new("7")),
        ];
        let client = reader("b:1", &properties, true);
        assert_eq!(client.get("sasl.username"), Some("u"));
        assert_eq!(client.get("linger.ms"), None);
        assert_eq!(client.get("isolation.level"), Some("read_committed"));
    }
}
