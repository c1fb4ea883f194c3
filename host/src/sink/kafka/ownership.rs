//! Which process runs a connector: the one that the consumer group `connect-<name>` gives the topic of positions to. The
//! group has one partition to give, so that one member has it and all others wait; nothing is ever read through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::groups::GroupInfo;

use super::failure::Failure;
use super::positions::passing;
use super::topics::POSITIONS;
use super::{KafkaSink, Logs, settings};
use crate::config::Config;
use crate::fault::Fault;
use crate::sink::Sink as _;

/// How long one look at the group takes at most.
const LOOK: Duration = Duration::from_millis(50);
/// How long asking for a group's members may take.
const REACH: Duration = Duration::from_secs(10);

/// What the group has said last.
const WAITING: u8 = 0;
const OWNED: u8 = 1;
const LOST: u8 = 2;

/// Membership in a connector's group; left when dropped.
pub(in crate::sink) struct KafkaOwnership {
    member: BaseConsumer<Member>,
    group: String,
}

struct Member {
    state: Arc<AtomicU8>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        Logs.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Logs.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn post_rebalance(&self, member: &BaseConsumer<Self>, change: &Rebalance<'_>) {
        match change {
            Rebalance::Assign(partitions) if partitions.count() > 0 => {
                // Owning is all that is wanted of it.
                if let Err(error) = member.pause(partitions) {
                    tracing::debug!(%error, "positions can't be paused");
                }
                self.state.store(OWNED, Ordering::Release);
            }
            Rebalance::Revoke(partitions) if partitions.count() > 0 => self.state.store(LOST, Ordering::Release),
            _ => {}
        }
    }
}

impl KafkaOwnership {
    /// Joins the group, which may take the broker some seconds. `instance` names a place in it that survives the process.
    ///
    /// # Errors
    /// `Retry` where no broker answers, `Stop` where it refuses.
    pub(in crate::sink) fn join(config: &Config, instance: Option<&str>) -> Result<Self, Fault> {
        let group = group(&config.name);
        // A member of a topic that is made later would hear of it late.
        KafkaSink::plain(config)?.prepare(&[])?;
        let state = Arc::new(AtomicU8::new(WAITING));
        let failed = |error: KafkaError| Fault::from(Failure::new(error.into(), tried(&group)));
        let client = settings::member(config, &group, instance);
        let member: BaseConsumer<Member> = client.create_with_context(Member { state: Arc::clone(&state) }).map_err(failed)?;
        member.subscribe(&[POSITIONS]).map_err(failed)?;
        Ok(Self { member, group })
    }

    /// Serves the group for a moment; whether this process owns the connector.
    ///
    /// # Errors
    /// `Retry` once it has lost what it owned, `Stop` where the broker refuses the group.
    pub(in crate::sink) fn owned(&self) -> Result<bool, Fault> {
        match self.member.poll(LOOK) {
            None | Some(Ok(_)) => {}
            Some(Err(error)) if passing(&error) || error.rdkafka_error_code() == Some(Code::UnknownTopicOrPartition) => {}
            Some(Err(error)) => return Err(Failure::reading(error.into(), tried(&self.group)).into()),
        }
        match self.member.context().state.load(Ordering::Acquire) {
            OWNED => Ok(true),
            LOST => Err(Fault::retry(anyhow::anyhow!(
                "the group {:?} gave the connector to another process, or heard nothing of this one for too long",
                self.group
            ))),
            _ => Ok(false),
        }
    }
}

/// Whether any process runs the connector, or waits to. The member `but` is not counted: its process is known to be gone,
/// the group only has not missed it yet.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses.
pub(in crate::sink) fn is_running(config: &Config, but: Option<&str>) -> Result<bool, Fault> {
    let group = group(&config.name);
    let failed = |error: KafkaError| Fault::from(Failure::new(error.into(), format!("asking for the members of group {group:?}")));
    let client = settings::reader(&config.sink.brokers, &config.sink.properties, true);
    let asker: BaseConsumer<Logs> = client.create_with_context(Logs).map_err(failed)?;
    let started = Instant::now();
    loop {
        match asker.fetch_group_list(Some(&group), REACH) {
            Ok(groups) => {
                let mut members = groups
                    .groups()
                    .iter()
                    .filter(|found| found.name() == group)
                    .flat_map(GroupInfo::members);
                // A member's id begins with the name of its instance, where it has one.
                return Ok(members.any(|member| but.is_none_or(|but| !member.id().starts_with(but))));
            }
            // The group's coordinator may be on its way up or over.
            Err(error) if started.elapsed() < REACH && (passing(&error) || coordinating(&error)) => std::thread::sleep(LOOK),
            Err(error) => return Err(failed(error)),
        }
    }
}

fn coordinating(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::CoordinatorNotAvailable | Code::CoordinatorLoadInProgress | Code::NotCoordinator | Code::InProgress)
    )
}

fn group(name: &str) -> String {
    format!("connect-{name}")
}

fn tried(group: &str) -> String {
    format!("joining the group {group:?}, which decides what process runs the connector")
}
