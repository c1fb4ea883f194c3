//! The Kafka sink: an idempotent producer whose messages point into the encoder's own buffers, and checkpoints that
//! are committed with everything before them (`transactions`), or follow its acknowledgement where there are no transactions
//! (`commits`): then, after a crash, what was acknowledged after the last stored checkpoint is sent again.

mod commits;
mod failure;
mod logs;
mod lots;
mod native;
mod notes;
mod ownership;
mod positions;
mod renewal;
mod resend;
mod settings;
mod sizes;
mod stall;
mod topics;
mod transactions;
mod write;

pub(super) use logs::Logs;
pub(super) use notes::{KafkaNotes, leave_note};
pub(super) use ownership::{KafkaOwnership, is_running};
pub(super) use positions::{load, passing, save};
pub use resend::Resend;
pub(super) use settings::{check_properties, reader};
pub(super) use topics::POSITIONS;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use self::commits::Commits;
use self::failure::Failure;
use self::native::{Producer, Refusal, Served, TopicId};
use self::sizes::Sizes;
use self::stall::Stall;
use self::topics::Existing;
use self::transactions::Mode;
use super::{Commit, Finding, Misfit, Sink, TopicSpec, names};
use crate::batch::Records;
use crate::config::{Config, Transactions};
use crate::fault::Fault;

/// Between two looks at the stop signal while the sink waits.
const LOOK: Duration = Duration::from_millis(50);

/// Records to Kafka. After a failure every call fails with it: a new sink starts at the checkpoint.
pub(super) struct KafkaSink {
    config: Config,
    producer: Producer,
    /// Topics that records have gone to.
    routes: HashMap<Arc<str>, Route>,
    /// Bytes that the client takes for these, and how many it may.
    handles: usize,
    most_handles: usize,
    /// The checkpoint of the last transaction that was committed.
    stored: Option<Vec<u8>>,
    existing: Existing,
    /// Every table's topic so far: tables that turn up later must not share one.
    announced: Vec<TopicSpec>,
    positions: Option<TopicId>,
    commits: Commits,
    mode: Mode,
    /// When the last transaction was committed.
    ended: Option<Instant>,
    /// The bound of `producer.lots().bytes()`.
    in_flight: usize,
    message_max: usize,
    sizes: Sizes,
    stall: Stall,
    stop: Arc<AtomicBool>,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
struct Route {
    topic: TopicId,
    partitions: i32,
    /// The largest record, key, headers and overhead included.
    most: usize,
}

impl KafkaSink {
    /// Makes the client; a broker is asked for in `prepare`, which also takes the connector's transactions over. Once `stop`
    /// is set, a call that waits for the broker gives up after the configured shutdown timeout.
    ///
    /// # Errors
    /// `Stop` for properties that librdkafka refuses.
    pub(super) fn new(config: &Config, stop: Arc<AtomicBool>) -> Result<Self, Fault> {
        let mode = match config.sink.transactions {
            Transactions::Off => Mode::Plain,
            Transactions::Auto | Transactions::On => Mode::Fresh,
        };
        Self::with_mode(config, stop, mode)
    }

    /// Without transactions, beside another sink of the connector or in place of one.
    ///
    /// # Errors
    /// As `new`.
    pub(super) fn plain(config: &Config) -> Result<Self, Fault> {
        Self::with_mode(config, Arc::default(), Mode::Plain)
    }

    fn with_mode(config: &Config, stop: Arc<AtomicBool>, mode: Mode) -> Result<Self, Fault> {
        let client = settings::producer(config, mode != Mode::Plain);
        let message_max = settings::message_max_bytes(&client);
        let producer = Producer::new(&client).map_err(settings::refused)?;
        Ok(Self {
            in_flight: settings::in_flight(&config.limits),
            most_handles: renewal::most(&config.limits),
            handles: 0,
            stored: None,
            config: config.clone(),
            producer,
            routes: HashMap::new(),
            existing: Existing::new(),
            announced: Vec::new(),
            positions: None,
            commits: Commits::default(),
            mode,
            ended: None,
            message_max,
            sizes: Sizes::default(),
            stall: Stall::default(),
            stop,
            failure: None,
        })
    }

    /// What the producer runs with.
    fn client_config(&self) -> rdkafka::config::ClientConfig {
        let mut client = settings::producer(&self.config, self.mode != Mode::Plain);
        if let Some(batch) = self.sizes.batch {
            client.set("batch.size", batch.to_string());
        }
        client
    }

    /// Handles what a poll brought, then stores the next checkpoint if one is ready.
    fn serve(&mut self, wait: Duration) -> Result<(), Fault> {
        self.healthy()?;
        let served = self.producer.poll(wait);
        for _ in 0..served.copies {
            self.commits.stored();
        }
        self.note(served)?;
        self.drive()
    }

    fn note(&mut self, served: Served) -> Result<(), Fault> {
        let has_come = served.reports + served.copies > 0;
        if let Some(lost) = served.undelivered {
            let tried = format!("delivering a record of {} bytes to topic {:?}", lost.size, lost.topic);
            let fault = self.fail(lost.refusal, tried);
            return Err(self.with_new_sizes(fault, &lost.topic));
        }
        if let Some(trouble) = served.trouble {
            // Only a fatal state ends the producer; lost connections it mends itself, within delivery.timeout.ms.
            if self.producer.client().fatal_error().is_some() {
                return Err(self.fail(trouble, format!("writing to {:?}", self.config.sink.brokers)));
            }
            tracing::debug!(code = ?trouble.code, reason = trouble.reason, "broker trouble");
        }
        if has_come || !self.producer.is_waiting() {
            self.stall.is_over();
            return Ok(());
        }
        self.look_what_keeps()
    }

    /// Sends the newest checkpoint whose records are all acknowledged, if none is on its way.
    fn drive(&mut self) -> Result<(), Fault> {
        let Some(commit) = self.commits.take(self.producer.lots().oldest()) else {
            return Ok(());
        };
        self.store(&commit)
    }

    fn positions_topic(&mut self) -> Result<TopicId, Fault> {
        if let Some(topic) = self.positions {
            return Ok(topic);
        }
        if !self.existing.contains_key(POSITIONS) {
            self.look_up(&[])?;
        }
        let route = self.route(&Arc::from(POSITIONS))?;
        self.positions = Some(route.topic);
        Ok(route.topic)
    }

    /// Where a topic's records go; makes a topic that no table announced, such as one that a plugin routes to.
    fn route(&mut self, name: &Arc<str>) -> Result<Route, Fault> {
        if let Some(route) = self.routes.get(name) {
            return Ok(*route);
        }
        if !self.existing.contains_key(&**name) {
            let spec = TopicSpec {
                name: name.to_string(),
                table: format!("(topic {name:?} of a plugin)"),
                keyed: true,
            };
            self.look_up(&[spec])?;
        }
        let tried = || format!("opening topic {name:?}");
        let partitions = self.existing.get(&**name).copied().unwrap_or(1);
        let topic = self.producer.topic(name);
        let topic = topic.map_err(|error| Failure::new(error.into(), tried()))?;
        let route = Route {
            topic,
            partitions,
            most: self.largest_record(name),
        };
        self.handles += renewal::handle_bytes(partitions);
        self.routes.insert(Arc::clone(name), route);
        Ok(route)
    }

    /// Finds out which topics there are, and makes those of `topics` that are missing.
    fn look_up(&mut self, topics: &[TopicSpec]) -> Result<(), Fault> {
        let refused = names::findings(topics);
        if !refused.is_empty() {
            return Err(Fault::stop(anyhow::Error::msg(refused.join("; "))));
        }
        self.existing = topics::existing(&mut self.producer, &self.config.sink.brokers)?;
        self.make_missing(topics)
    }

    /// Makes those of `topics` that `existing` lacks.
    fn make_missing(&mut self, topics: &[TopicSpec]) -> Result<(), Fault> {
        let new = topics::missing(
            &self.existing,
            topics,
            &self.config.sink.topics,
            &self.config.sink.dead_letter_topic,
        );
        if !new.is_empty() {
            self.existing = topics::make(&mut self.producer, &new, &self.config.sink)?;
            for topic in &new {
                tracing::info!(topic = topic.name, partitions = topic.partitions, "topic made");
            }
        }
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        self.learn_sizes(&names)
    }

    /// Repeats a send while librdkafka's queue is full, serving reports in between.
    fn send(&mut self, once: impl Fn(&mut Producer) -> Result<(), Refusal>, tried: impl Fn() -> String) -> Result<(), Fault> {
        let waiting = Instant::now();
        loop {
            match once(&mut self.producer) {
                Ok(()) => return Ok(()),
                Err(refusal) if refusal.code == Code::QueueFull => {}
                Err(refusal) => return Err(self.fail(refusal, tried())),
            }
            let served = self.producer.poll(LOOK);
            for _ in 0..served.copies {
                self.commits.stored();
            }
            self.note(served)?;
            self.still_wanted(waiting)?;
        }
    }

    /// Fails when the pipeline is stopping and has waited long enough.
    fn still_wanted(&self, waiting: Instant) -> Result<(), Fault> {
        if self.stop.load(Ordering::Relaxed) && waiting.elapsed() > self.config.shutdown_timeout {
            let text = format!("stopping, and {:?} acknowledges nothing", self.config.sink.brokers);
            return Err(Fault::retry(anyhow::Error::msg(text)));
        }
        Ok(())
    }

    /// Notes a failure: nothing after it may count as delivered.
    fn fail(&mut self, refusal: Refusal, tried: String) -> Fault {
        let mut refusal = self.cause(refusal);
        if let (Code::MessageTimedOut | Code::OperationTimedOut, Some(found)) = (refusal.code, &self.stall.found) {
            refusal.reason = format!("{}: {found}", refusal.reason);
        }
        let failure = Failure::new(refusal, tried);
        let fault = failure.fault();
        self.failure.get_or_insert(failure);
        fault
    }

    fn healthy(&self) -> Result<(), Fault> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.fault()))
    }
}

impl Sink for KafkaSink {
    fn prepare(&mut self, topics: &[TopicSpec]) -> Result<(), Fault> {
        self.healthy()?;
        let new = topics
            .iter()
            .filter(|topic| !self.announced.contains(topic))
            .cloned()
            .collect::<Vec<_>>();
        self.announced.extend(new);
        let refused = names::findings(&self.announced);
        if !refused.is_empty() {
            return Err(Fault::stop(anyhow::Error::msg(refused.join("; "))));
        }
        // A broker that does not answer is told more clearly by this request than by a transactional call.
        let metadata = topics::metadata(&mut self.producer, &self.config.sink.brokers)?;
        self.stall.knows(&metadata);
        self.existing = topics::partitions(&metadata);
        if self.routes.is_empty() {
            self.fit_batches(topics)?;
            self.take_over()?;
        }
        self.make_missing(topics)?;
        self.positions_topic().map(drop)
    }

    fn misfits(&mut self, records: &Records) -> Result<Vec<(usize, Misfit)>, Fault> {
        self.healthy()?;
        let routes = self.routes_of(records)?;
        self.find_misfits(records, &routes)
    }

    fn write(&mut self, records: Records) -> Result<(), Fault> {
        self.renew_when_full()?;
        self.write_records(records)
    }

    fn commit(&mut self, commit: Commit) -> Result<(), Fault> {
        self.healthy()?;
        self.renew_when_full()?;
        if self.mode == Mode::Transactional {
            return self.commit_transaction(commit);
        }
        self.commits.push(self.producer.lots().next(), commit);
        self.serve(Duration::ZERO)
    }

    fn committed(&mut self, wait: Duration) -> Result<u64, Fault> {
        let (started, before) = (Instant::now(), self.commits.durable());
        loop {
            self.serve(wait.saturating_sub(started.elapsed()))?;
            if self.commits.durable() != before || started.elapsed() >= wait {
                return Ok(self.commits.durable());
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.producer.lots().bytes()
    }

    fn finish(&mut self, limit: Duration) -> Result<(), Fault> {
        // Records without a commit behind them are not to be seen: the producer's end takes them back.
        if self.mode == Mode::Transactional {
            return self.healthy();
        }
        let started = Instant::now();
        loop {
            self.serve(LOOK.min(limit.saturating_sub(started.elapsed())))?;
            if self.commits.settled() && self.producer.lots().bytes() == 0 {
                return Ok(());
            }
            if started.elapsed() >= limit {
                let text = format!(
                    "waiting for acknowledgements of {:?}: {} bytes are on their way after {} ms",
                    self.config.sink.brokers,
                    self.producer.lots().bytes(),
                    limit.as_millis()
                );
                return Err(Fault::retry(anyhow::Error::msg(text)));
            }
        }
    }
}

/// The fault that an error of rdkafka asks for.
pub(super) fn fault(error: rdkafka::error::KafkaError, tried: String) -> Fault {
    Failure::new(error.into(), tried).fault()
}

/// Checks without changing anything: names, a broker that answers, topics that it would make.
pub(super) fn check(config: &Config, topics: &[TopicSpec]) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in names::findings(topics) {
        found.push(Finding::fail("topic names", text, ""));
    }
    let sink = &config.sink;
    let mut producer = match KafkaSink::plain(config) {
        Ok(sink) => sink.producer,
        Err(fault) => return [found, vec![Finding::fail("sink properties", fault.to_string(), "")]].concat(),
    };
    let existing = match topics::existing(&mut producer, &sink.brokers) {
        Ok(existing) => existing,
        Err(fault) => {
            found.push(Finding::fail(
                "brokers",
                fault.to_string(),
                "start the broker, or mend sink.brokers",
            ));
            return found;
        }
    };
    found.push(Finding::ok("brokers", format!("{:?} answers", sink.brokers)));
    if !found.iter().all(Finding::passed) {
        return found;
    }
    let new = topics::missing(&existing, topics, &sink.topics, &sink.dead_letter_topic);
    match topics::check(&mut producer, &new, sink) {
        Ok(()) => {
            let text = format!("{} exist, {} would be made", topics.len() + 1 - new.len(), new.len());
            found.push(Finding::ok("topics", text));
        }
        Err(fault) => found.push(Finding::fail("topics", fault.to_string(), "")),
    }
    found
}
