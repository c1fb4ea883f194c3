//! What a Kafka error asks for: classes of codes, with a hint where an operator can act.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::native::Refusal;
use crate::fault::Fault;

/// A fault that can be told again: after one, a sink answers every call with it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    refusal: Refusal,
    tried: String,
    reads: bool,
}

impl Failure {
    /// `tried` says what was tried on which thing.
    pub(super) fn new(refusal: Refusal, tried: impl Into<String>) -> Self {
        Self {
            refusal,
            tried: tried.into(),
            reads: false,
        }
    }

    /// Of something that was to be read rather than written.
    pub(super) fn reading(refusal: Refusal, tried: impl Into<String>) -> Self {
        Self {
            reads: true,
            ..Self::new(refusal, tried)
        }
    }

    /// What to do about it.
    pub(super) fn fault(&self) -> Fault {
        let Refusal { code, reason } = &self.refusal;
        let (class, mut hint) = class(*code);
        if self.reads && *code == Code::TopicAuthorizationFailed {
            hint = "grant the sink's principal READ on the topic";
        }
        let reason = if hint.is_empty() {
            reason.clone()
        } else {
            format!("{reason} ({hint})")
        };
        let error = anyhow::Error::msg(reason).context(self.tried.clone());
        match class {
            Class::Retry => Fault::Retry(error),
            Class::Reject => Fault::Reject(error),
            Class::Stop => Fault::Stop(error),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        failure.fault()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Retry,
    Reject,
    Stop,
}

/// Whether trying again by itself can't help: worth failing for while a first connection is still being tried.
pub(super) fn hopeless(code: Code) -> bool {
    class(code).0 == Class::Stop
}

fn class(code: Code) -> (Class, &'static str) {
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => (
            Class::Reject,
            "raise `message.max.bytes` in sink.properties and on the broker, or `max.message.bytes` of the topic",
        ),
        Code::TopicAuthorizationFailed => (
            Class::Stop,
            "grant the sink's principal WRITE, DESCRIBE and, for missing topics, CREATE on the topic",
        ),
        Code::ClusterAuthorizationFailed => (
            Class::Stop,
            "grant the sink's principal IDEMPOTENT_WRITE and, for missing topics, CREATE on the cluster",
        ),
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism | Code::IllegalSASLState => (
            Class::Stop,
            "check sasl.mechanism, sasl.username and sasl.password in sink.properties",
        ),
        Code::SSL => (Class::Stop, "check security.protocol and the ssl.* settings in sink.properties"),
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            (Class::Retry, "it was deleted; the topic is made again, without what it held")
        }
        Code::TransactionalIdAuthorizationFailed => (
            Class::Stop,
            "grant the sink's principal WRITE and DESCRIBE on the transactional id, or set sink.transactions = \"off\"",
        ),
        Code::GroupAuthorizationFailed => (
            Class::Stop,
            "grant the sink's principal READ on the group connect-<name>, which decides what process runs the connector",
        ),
        Code::InvalidTransactionTimeout => (
            Class::Stop,
            "lower transaction.timeout.ms in sink.properties to what the broker's transaction.max.timeout.ms allows",
        ),
        // Whoever owns the connector now goes on; librdkafka also says it of a transaction that the broker ended for its time.
        Code::ProducerFenced | Code::Fenced => (Class::Retry, "another process writes as this connector"),
        // A new producer starts with a new id and heals these: sent again from the checkpoint, nothing is lost.
        Code::Fatal
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId
        | Code::InvalidProducerEpoch
        | Code::InvalidProducerIdMapping => (Class::Retry, ""),
        Code::Resolve => (Class::Retry, "check the host names in sink.brokers"),
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::BrokerNotAvailable => {
            (Class::Retry, "check sink.brokers and that a broker listens there")
        }
        Code::InvalidTimestamp => (
            Class::Stop,
            "an event time is further ahead of the broker's clock than message.timestamp.after.max.ms of the topic allows, an hour unless it is \
             set, or longer ago than its message.timestamp.before.max.ms: raise that, and start the connector",
        ),
        Code::InvalidArgument
        | Code::InvalidConfig
        | Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::PolicyViolation
        | Code::InvalidRequest
        | Code::InvalidRecord
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::InvalidRequiredAcks => (Class::Stop, ""),
        _ => (Class::Retry, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Code) -> Fault {
        let refusal = Refusal {
            code,
            reason: "the broker's words".into(),
        };
        Failure::new(refusal, "delivering to topic \"t\"").fault()
    }

    #[test]
    fn a_fault_holds_what_was_tried_the_brokers_reason_and_a_hint() {
        let text = fault(Code::TopicAuthorizationFailed).to_string();
        assert!(text.starts_with("delivering to topic \"t\": the broker's words (grant "), "{text}");
    }

    #[test]
    fn errors_that_pass_by_themselves_are_retried_and_others_are_not() {
        for code in [
            Code::MessageTimedOut,
            Code::BrokerTransportFailure,
            Code::NotEnoughReplicas,
            Code::RequestTimedOut,
            Code::Fatal,
            Code::UnknownTopicOrPartition,
        ] {
            assert!(matches!(fault(code), Fault::Retry(_)), "{code:?}");
        }
        for code in [Code::GroupAuthorizationFailed, Code::TopicAuthorizationFailed, Code::Authentication] {
            assert!(matches!(fault(code), Fault::Stop(_)), "{code:?}");
        }
        assert!(matches!(fault(Code::MessageSizeTooLarge), Fault::Reject(_)));
    }
}
