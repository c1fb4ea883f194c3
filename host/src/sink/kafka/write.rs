//! The hot path: one lot of records into librdkafka's queues.

use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::native::{Message, Refusal};
use super::settings::MESSAGE_OVERHEAD;
use super::{KafkaSink, LOOK, Route};
use crate::batch::Records;
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::sink::Misfit;

/// Bytes that a record may need in a record batch beside key, value and headers.
const RECORD_OVERHEAD: usize = 40;

/// Where a key or value lies in its lot; `None` for no key and for a tombstone.
type Span = Option<Range<usize>>;

impl KafkaSink {
    /// See `Sink::write`. All records are checked before the first is sent, so that a `Reject` leaves none of them behind.
    pub(super) fn write_records(&mut self, mut records: Records) -> Result<(), Fault> {
        self.serve(Duration::ZERO)?;
        if records.is_empty() {
            return Ok(());
        }
        let routes = self.routes_of(&records)?;
        if let Some((_, misfit)) = self.find_misfits(&records, &routes)?.into_iter().next() {
            return Err(Fault::reject(anyhow::Error::msg(misfit.text)));
        }
        let cost = records.data.capacity() + records.len() * MESSAGE_OVERHEAD;
        self.make_room(cost)?;
        self.begin()?;
        let lot = self.producer.open_lot(std::mem::take(&mut records.data), cost);
        let sent = self.send_all(lot, &records, &routes);
        // Also after a failure: what was sent is still on its way, and its buffer with it.
        self.producer.close_lot(lot);
        reach(Point::Sent);
        sent
    }

    fn send_all(&mut self, lot: u64, records: &Records, routes: &[Option<Route>]) -> Result<(), Fault> {
        let mut headers = Vec::new();
        for i in 0..records.len() {
            let (Some(route), Some(ranges)) = (route(records, routes, i), ranges(records, i)) else {
                let refusal = super::native::invalid("its bounds or topic are missing");
                return Err(self.fail(refusal, format!("sending record {i} of {}", records.len())));
            };
            let (key, value) = ranges;
            let partition = match records.partitions.get(i).copied().unwrap_or(-1) {
                -1 => key.as_ref().map_or(0, |key| {
                    let key = self.producer.lots().data(lot).get(key.clone());
                    rowmill_sdk::partition(key.unwrap_or_default(), route.partitions)
                }),
                given => given,
            };
            headers.clear();
            headers.extend(records.headers(i));
            let message = Message {
                topic: route.topic,
                partition,
                timestamp: records.timestamps.get(i).copied().unwrap_or(0),
                key,
                value,
                headers: &headers,
            };
            match self.producer.send(lot, &message) {
                Ok(()) => {}
                Err(Refusal {
                    code: RDKafkaErrorCode::QueueFull,
                    ..
                }) => {
                    self.send(|producer| producer.send(lot, &message), || tried(records, i, partition))?;
                }
                Err(refusal) => return Err(self.fail(refusal, tried(records, i, partition))),
            }
        }
        Ok(())
    }

    /// Waits until `cost` bytes fit under the bound. A lot that is larger than the bound goes alone.
    fn make_room(&mut self, cost: usize) -> Result<(), Fault> {
        let waiting = Instant::now();
        loop {
            let taken = self.producer.lots().bytes();
            if taken == 0 || taken + cost <= self.in_flight {
                return Ok(());
            }
            self.serve(LOOK)?;
            self.still_wanted(waiting)?;
        }
    }

    /// Records that the client or their topic would refuse, each with the reason.
    ///
    /// # Errors
    /// Where a partition is not known, and no broker tells whether it is there by now.
    pub(super) fn find_misfits(&mut self, records: &Records, routes: &[Option<Route>]) -> Result<Vec<(usize, Misfit)>, Fault> {
        let mut found = self.find_too_large(records, routes);
        let is_beyond = |(i, partition): &(usize, &i32)| {
            // Most leave it to the host.
            **partition >= 0 && route(records, routes, *i).is_some_and(|route| **partition >= route.partitions)
        };
        let beyond: Vec<(usize, &i32)> = records.partitions.iter().enumerate().filter(is_beyond).collect();
        if beyond.is_empty() {
            return Ok(found);
        }
        // The topic may have got more of them since it was looked at.
        self.existing = super::topics::existing(&mut self.producer, &self.config.sink.brokers)?;
        for (i, partition) in beyond {
            let topic = topic_name(records, i);
            match self.existing.get(topic) {
                Some(count) if partition >= count => found.push((
                    i,
                    Misfit {
                        code: "no_such_partition",
                        text: format!(
                            "a record for partition {partition} of topic {topic:?}, which has {count}, from 0 on: \
                             add partitions to the topic, or have the plugin that chose it choose another one"
                        ),
                    },
                )),
                // What the client does not know yet it asks for.
                _ => {}
            }
        }
        Ok(found)
    }

    fn find_too_large(&self, records: &Records, routes: &[Option<Route>]) -> Vec<(usize, Misfit)> {
        // Keys and values of all records together are mostly smaller than one record may be.
        if self.fits_everywhere(records.data.len() + records.header_data.len() + 10 * records.header_bounds.len() + RECORD_OVERHEAD) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for i in 0..records.len() {
            let bound = |at: usize| records.bounds.get(at).copied().unwrap_or(0);
            let size = usize::try_from(bound(2 * i + 2).saturating_sub(bound(2 * i))).unwrap_or(usize::MAX);
            let headers: usize = records.headers(i).map(|(name, value)| name.len() + value.len() + 10).sum();
            let size = size.saturating_add(headers).saturating_add(RECORD_OVERHEAD);
            let most = route(records, routes, i).map_or(self.message_max, |route| route.most);
            if size > most {
                let topic = topic_name(records, i);
                let bound = if most == self.message_max {
                    format!("message.max.bytes = {most}")
                } else {
                    format!("the {most} that max.message.bytes of the topic allows for one")
                };
                let text = format!(
                    "a record of {size} bytes for topic {topic:?} is larger than {bound}; \
                     raise `message.max.bytes` in sink.properties and `max.message.bytes` of the topic"
                );
                found.push((
                    i,
                    Misfit {
                        code: "record_too_large",
                        text,
                    },
                ));
            }
        }
        found
    }

    /// Where the records' topics are, by index into their names; topics that are new are looked up, or made.
    pub(super) fn routes_of(&mut self, records: &Records) -> Result<Vec<Option<Route>>, Fault> {
        let mut routes = vec![None; records.topic_names.len()];
        for index in &records.topics {
            let index = usize::from(*index);
            if let (Some(route @ None), Some(name)) = (routes.get_mut(index), records.topic_names.get(index)) {
                *route = Some(self.route(name)?);
            }
        }
        Ok(routes)
    }
}

fn route(records: &Records, routes: &[Option<Route>], i: usize) -> Option<Route> {
    *routes.get(usize::from(*records.topics.get(i)?))?
}

/// Where key and value of record `i` lie.
fn ranges(records: &Records, i: usize) -> Option<(Span, Span)> {
    let flags = *records.flags.get(i)?;
    let bounds = records.bounds.get(2 * i..2 * i + 3)?;
    let [start, middle, end] = bounds else { return None };
    let at = |bound: &u32| usize::try_from(*bound).ok();
    let (start, middle, end) = (at(start)?, at(middle)?, at(end)?);
    Some(((flags & 1 == 0).then_some(start..middle), (flags & 2 == 0).then_some(middle..end)))
}

fn topic_name(records: &Records, i: usize) -> &str {
    let index = records.topics.get(i).copied().map_or(0, usize::from);
    records.topic_names.get(index).map_or("", |name| name)
}

fn tried(records: &Records, i: usize, partition: i32) -> String {
    format!("sending a record to partition {partition} of topic {:?}", topic_name(records, i))
}
