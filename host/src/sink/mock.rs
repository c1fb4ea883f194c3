//! A broker inside this process, for the demo: librdkafka's mock cluster, and a reader of what arrived there. It speaks
//! the protocol over loopback, keeps a few MiB a partition in memory, and knows nothing of transactions.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::TopicSpec;
use super::kafka::{self, Logs};
use crate::config::Topics;
use crate::fault::Fault;

/// A running mock broker; it ends when this is dropped.
pub struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// One message of a mock broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset in its partition.
    pub offset: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
}

/// Reads what arrives at a mock broker.
pub struct Reader {
    consumer: BaseConsumer<Logs>,
}

impl Broker {
    /// Starts a broker with these topics, partitions as configured, and the topic of positions.
    ///
    /// # Errors
    /// `Stop` where no listener can be opened.
    pub fn start(topics: &[TopicSpec], settings: &Topics) -> Result<Self, Fault> {
        let failed = |error: KafkaError| kafka::fault(error, "starting the mock broker".to_owned());
        let cluster = MockCluster::new(1).map_err(failed)?;
        for topic in topics {
            let partitions = if topic.keyed {
                settings.partitions_with_key
            } else {
                settings.partitions_without_key
            };
            cluster.create_topic(&topic.name, partitions, 1).map_err(failed)?;
        }
        cluster.create_topic(kafka::POSITIONS, 1, 1).map_err(failed)?;
        Ok(Self { cluster })
    }

    /// Its `bootstrap.servers`.
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// A reader of these topics, from their beginning.
    ///
    /// # Errors
    /// `Retry` where the broker does not answer.
    pub fn reader(&self, topics: &[&str]) -> Result<Reader, Fault> {
        let failed = |error: KafkaError| kafka::fault(error, "reading from the mock broker".to_owned());
        let client = kafka::reader(&self.brokers(), &[], false);
        let consumer: BaseConsumer<Logs> = client.create_with_context(Logs).map_err(failed)?;
        let metadata = consumer.fetch_metadata(None, Duration::from_secs(10)).map_err(failed)?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics().iter().filter(|topic| topics.contains(&topic.name())) {
            for partition in topic.partitions() {
                list.add_partition_offset(topic.name(), partition.id(), Offset::Beginning)
                    .map_err(failed)?;
            }
        }
        consumer.assign(&list).map_err(failed)?;
        Ok(Reader { consumer })
    }
}

impl Reader {
    /// The next message in order of arrival here, waiting at most `wait`; `None` when nothing came.
    ///
    /// # Errors
    /// `Retry` or `Stop`, as the broker's error asks for.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Received>, Fault> {
        let started = Instant::now();
        loop {
            match self.consumer.poll(wait.saturating_sub(started.elapsed())) {
                Some(Ok(message)) => {
                    return Ok(Some(Received {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                        offset: message.offset(),
                        key: message.key().map(<[u8]>::to_vec),
                        value: message.payload().map(<[u8]>::to_vec),
                    }));
                }
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) if kafka::passing(&error) => {}
                Some(Err(error)) => return Err(kafka::fault(error, "reading from the mock broker".to_owned())),
            }
            if started.elapsed() >= wait {
                return Ok(None);
            }
        }
    }
}
