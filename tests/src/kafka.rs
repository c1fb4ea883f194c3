//! A Kafka broker as a consumer sees it.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::environment;
use crate::json::object_members;
use crate::wait::{DEADLINE, until};

/// Bytes of a message, where it has them.
type KeyAndValue = (Option<Vec<u8>>, Option<Vec<u8>>);

const REQUEST: Duration = Duration::from_secs(20);

/// The broker that all tests share; topics are each test's own.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`.
    pub brokers: String,
}

impl Kafka {
    /// The broker of this run.
    pub fn shared() -> Self {
        Self {
            brokers: environment("ROWMILL_TEST_KAFKA"),
        }
    }

    fn settings(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    fn consumer(&self) -> BaseConsumer {
        self.settings()
            .set("group.id", "rowmill-tests")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "20")
            .set("topic.metadata.refresh.interval.ms", "1000")
            .create()
            .unwrap()
    }

    /// Makes a topic.
    pub fn create_topic(&self, topic: &str, partitions: i32) {
        self.create_topic_with(topic, partitions, &[]);
    }

    /// Makes a topic with settings of its own.
    pub fn create_topic_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let admin: AdminClient<DefaultClientContext> = self.settings().create().unwrap();
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
        assert!(made.iter().all(Result::is_ok), "creating {topic}: {made:?}");
        until("a new topic", || self.partitions(topic));
    }

    /// Changes a setting of a topic.
    pub fn set_of_topic(&self, topic: &str, name: &str, value: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let admin: AdminClient<DefaultClientContext> = self.settings().create().unwrap();
        let altered = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let done = runtime.block_on(admin.alter_configs([&altered], &AdminOptions::new())).unwrap();
        assert!(done.iter().all(Result::is_ok), "setting {name} of {topic}: {done:?}");
    }

    /// How many partitions a topic has; `None` where it is missing.
    pub fn partitions(&self, topic: &str) -> Option<i32> {
        partitions(&self.consumer(), topic)
    }

    /// The broker that leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> i32 {
        let consumer = self.consumer();
        until(&format!("a leader of {topic}"), || {
            let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
            let mut partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
            let leader = partitions.find(|found| found.id() == partition)?.leader();
            (leader >= 0).then_some(leader)
        })
    }

    /// How many committed records a topic has; none where it is missing.
    pub fn records(&self, topic: &str) -> i64 {
        i64::try_from(self.read_to_end(topic).len()).unwrap()
    }

    /// Waits for so many committed records of a topic that come from now on. Brokers may be away meanwhile.
    ///
    /// # Panics
    /// When the deadline passes.
    pub fn read_new(&self, topic: &str, count: usize) {
        let consumer = self.consumer();
        let mut list = TopicPartitionList::new();
        for partition in 0..until(&format!("the topic {topic}"), || partitions(&consumer, topic)) {
            list.add_partition_offset(topic, partition, Offset::End).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut came, end) = (0, Instant::now() + DEADLINE);
        while came < count {
            assert!(
                Instant::now() < end,
                "waited in vain for {count} new messages of {topic}; {came} came"
            );
            came += usize::from(matches!(consumer.poll(Duration::from_millis(100)), Some(Ok(_))));
        }
    }

    /// Reads topics from the beginning until `done` says so of what was read, or the deadline passes. A topic that is
    /// missing is waited for. Messages of one partition are in order; those of several are not.
    ///
    /// # Panics
    /// When the deadline passes, telling what was read.
    pub fn read_until(&self, topics: &[&str], mut done: impl FnMut(&[Message]) -> bool) -> Vec<Message> {
        let consumer = self.consumer();
        let mut list = TopicPartitionList::new();
        for topic in topics {
            let count = until(&format!("the topic {topic}"), || partitions(&consumer, topic));
            for partition in 0..count {
                list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            }
        }
        consumer.assign(&list).unwrap();
        let mut read = Vec::new();
        let end = Instant::now() + DEADLINE;
        while !done(&read) {
            assert!(
                Instant::now() < end,
                "waited in vain for messages of {topics:?}; {} came, the last: {:#?}",
                read.len(),
                read.last()
            );
            take(&consumer, &mut read);
        }
        read
    }

    /// Reads a topic of one partition from its beginning, one message after the other, as they come.
    pub fn follow(&self, topic: &str) -> Follower {
        let consumer = self.consumer();
        until(&format!("the topic {topic}"), || partitions(&consumer, topic));
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        Follower {
            consumer,
            topic: topic.to_owned(),
        }
    }

    /// Reads topics from the beginning until `count` messages have come.
    pub fn read(&self, topics: &[&str], count: usize) -> Vec<Message> {
        self.read_until(topics, |read| read.len() >= count)
    }

    /// Reads keys and values as bytes from a topic's beginning until `count` have come.
    ///
    /// # Panics
    /// When the deadline passes.
    pub fn read_bytes(&self, topic: &str, count: usize) -> Vec<KeyAndValue> {
        let consumer = self.consumer();
        let mut list = TopicPartitionList::new();
        for partition in 0..until(&format!("the topic {topic}"), || partitions(&consumer, topic)) {
            list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut read, end) = (Vec::new(), Instant::now() + DEADLINE);
        while read.len() < count {
            assert!(
                Instant::now() < end,
                "waited in vain for {count} messages of {topic}; {} came",
                read.len()
            );
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                read.push((message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec)));
            }
        }
        read
    }

    /// Reads all that is in a topic now; nothing where it is missing.
    ///
    /// # Panics
    /// When the deadline passes.
    pub fn read_to_end(&self, topic: &str) -> Vec<Message> {
        self.read_to_ends(&[topic])
    }

    /// Reads all that is in topics now, one after the other; nothing of those that are missing.
    ///
    /// # Panics
    /// When the deadline passes.
    pub fn read_to_ends(&self, topics: &[&str]) -> Vec<Message> {
        let consumer = self.consumer();
        let mut read = Vec::new();
        for topic in topics {
            let mut list = TopicPartitionList::new();
            for partition in 0..partitions(&consumer, topic).unwrap_or(0) {
                list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            }
            consumer.assign(&list).unwrap();
            let mut ended = std::collections::BTreeSet::new();
            let end = Instant::now() + DEADLINE;
            while ended.len() < list.count() {
                assert!(Instant::now() < end, "the end of {topic} did not come");
                if let Some(partition) = take(&consumer, &mut read) {
                    ended.insert(partition);
                }
            }
        }
        read
    }

    /// Opens a transaction of somebody else's, with one record in partition 0 of a topic.
    pub fn open_transaction(&self, topic: &str, key: &str) -> OpenTransaction {
        let producer: BaseProducer = self.settings().set("transactional.id", crate::unique("open")).create().unwrap();
        producer.init_transactions(REQUEST).unwrap();
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::to(topic).partition(0).key(key).payload("{}")).unwrap();
        producer.flush(REQUEST).unwrap();
        OpenTransaction(producer)
    }

    /// Deletes topics, those that are missing too.
    pub fn delete_topics(&self, topics: &[&str]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let admin: AdminClient<DefaultClientContext> = self.settings().create().unwrap();
        runtime.block_on(admin.delete_topics(topics, &AdminOptions::new())).unwrap();
    }
}

/// A transaction that nobody has ended.
pub struct OpenTransaction(BaseProducer);

impl OpenTransaction {
    /// Ends it without its record.
    pub fn abort(self) {
        self.0.abort_transaction(REQUEST).unwrap();
    }
}

/// Takes one message; the partition whose end was met instead.
fn take(consumer: &BaseConsumer, read: &mut Vec<Message>) -> Option<i32> {
    match consumer.poll(Duration::from_millis(100)) {
        None => None,
        Some(Ok(message)) => {
            read.push(Message::new(&message));
            None
        }
        Some(Err(KafkaError::PartitionEOF(partition))) => Some(partition),
        // The broker may need a moment to elect the leader of a topic that is seconds old.
        Some(Err(KafkaError::MessageConsumption(error))) => {
            println!("reading: {error}");
            None
        }
        Some(Err(error)) => panic!("reading messages: {error}"),
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
    let found = metadata.topics().iter().find(|t| t.name() == topic)?;
    let count = i32::try_from(found.partitions().len()).unwrap();
    (found.error().is_none() && count > 0).then_some(count)
}

/// Reads on where it was.
pub struct Follower {
    consumer: BaseConsumer,
    topic: String,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Follower {
    /// The next message, as soon as it is committed.
    ///
    /// # Panics
    /// When the deadline passes.
    pub fn next_message(&self) -> Message {
        let mut read = Vec::new();
        let end = Instant::now() + DEADLINE;
        loop {
            take(&self.consumer, &mut read);
            if let Some(message) = read.pop() {
                return message;
            }
            assert!(Instant::now() < end, "waited in vain for the next message of {}", self.topic);
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Key as text.
    pub key: Option<String>,
    /// Value as text.
    pub value: String,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
}

impl Message {
    fn new(message: &rdkafka::message::BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("keys and values are UTF-8");
        let headers = message
            .headers()
            .map(|all| all.iter().map(|h| (h.key.to_owned(), text(h.value.unwrap_or_default()))).collect());
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(text),
            value: text(message.payload().unwrap_or_default()),
            headers: headers.unwrap_or_default(),
        }
    }

    /// The value as JSON. Numbers with many digits lose some; `column` keeps them.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.value).unwrap_or_else(|e| panic!("{e}: {}", self.value))
    }

    /// `payload.op`.
    pub fn op(&self) -> String {
        self.json()["payload"]["op"]
            .as_str()
            .unwrap_or_else(|| panic!("no op: {}", self.value))
            .to_owned()
    }

    /// `payload.sequenceId`.
    pub fn sequence(&self) -> u64 {
        let json = self.json();
        let text = json["payload"]["sequenceId"]
            .as_str()
            .unwrap_or_else(|| panic!("no sequenceId: {}", self.value));
        assert_eq!(text.len(), 19, "a sequenceId has 19 digits: {text}");
        text.parse().unwrap()
    }

    /// Columns of an image, `before` or `after`: name and raw JSON, in their order. Empty where the image is null.
    pub fn image(&self, which: &str) -> Vec<(String, String)> {
        let member = |text: &str, name: &str| -> String {
            let found = object_members(text).into_iter().find(|(n, _)| n == name);
            found.unwrap_or_else(|| panic!("no member {name}: {text}")).1.to_owned()
        };
        let image = member(&member(&self.value, "payload"), which);
        if image == "null" {
            return Vec::new();
        }
        object_members(&member(&image, "dataColumn"))
            .into_iter()
            .map(|(name, raw)| (name, raw.to_owned()))
            .collect()
    }

    /// Raw JSON of a column in the after image, else in the before image.
    pub fn column(&self, name: &str) -> Option<String> {
        ["after", "before"]
            .into_iter()
            .find_map(|which| self.image(which).into_iter().find(|(n, _)| n == name))
            .map(|(_, raw)| raw)
    }

    /// A column that holds an integer.
    pub fn integer(&self, name: &str) -> i64 {
        self.column(name)
            .and_then(|raw| raw.parse().ok())
            .unwrap_or_else(|| panic!("no integer {name}: {}", self.value))
    }
}
