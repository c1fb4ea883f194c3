//! Behind which transactions a stream is to begin, as the protocol says it.

use anyhow::anyhow;
use mysql_common::packets::{GnoInterval, Sid, Tag};

use crate::fault::Fault;
use crate::position::{Gtid, GtidSet, ServerGtid, Uuid};

/// Server and tag, and their intervals.
type Member = ((Uuid, String), Vec<GnoInterval>);

/// Whether an INCIDENT event has a GTID, so that it comes whatever the position is. Before MySQL 8.0 it has none, and the server leaves it out
/// as if it belonged to the transaction before it, where that is not asked for.
pub(super) fn tells_incidents(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_none_or(|major| major >= 8)
}

/// The set as the protocol wants it: one entry a server and tag. With `purged`, which the server can't send any more, the last transaction
/// of each server is asked for again, for what may stand behind it; that it has been handled is known where it arrives.
pub(super) fn sids(set: &GtidSet, purged: Option<&GtidSet>) -> Result<Vec<Sid<'static>>, Fault> {
    let mut all: Vec<Member> = Vec::new();
    let asked = purged.map_or_else(|| set.clone(), |purged| without_last(set, purged));
    for (uuid, tag, first, last) in asked.ranges() {
        let interval = GnoInterval::new(first, last.saturating_add(1));
        match all.last_mut() {
            Some(((same_uuid, same_tag), intervals)) if *same_uuid == uuid && *same_tag == tag => intervals.push(interval),
            _ => all.push(((uuid, tag.to_owned()), vec![interval])),
        }
    }
    let sid = |((uuid, tag), intervals): Member| {
        let sid = Sid::new(uuid).with_intervals(intervals);
        if tag.is_empty() {
            return Ok(sid);
        }
        let tag = Tag::new(tag).map_err(|error| Fault::stop(anyhow!("a GTID tag is none: {error}")))?;
        Ok(sid.with_tag(tag))
    };
    all.into_iter().map(sid).collect()
}

/// The set without the last transaction of each server that has it still.
fn without_last(set: &GtidSet, purged: &GtidSet) -> GtidSet {
    let mut rest = GtidSet::new();
    let mut ranges = set.ranges().peekable();
    while let Some((uuid, tag, first, mut last)) = ranges.next() {
        let is_last = ranges.peek().is_none_or(|(next, next_tag, ..)| (*next, *next_tag) != (uuid, tag));
        let gtid = Gtid::Server(ServerGtid {
            uuid,
            tag: tag.to_owned(),
            number: last,
        });
        if is_last && !purged.contains(&gtid) {
            last = last.saturating_sub(1);
        }
        if first <= last {
            rest.add_range(uuid, tag, first, last);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_last_transaction_of_each_server_is_asked_for_again_where_it_is_there() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| format!("{0}{0}{0}{0}{0}{0}{0}{0}-0000-0000-0000-000000000000", digit));
        let set = |text: String| text.parse::<GtidSet>().unwrap();
        let handled = set(format!("{a}:1-5:8-9,{b}:7,{c}:1-3"));
        let asked = without_last(&handled, &set(format!("{a}:1-2,{c}:1-3")));
        assert_eq!(asked, set(format!("{a}:1-5:8,{c}:1-3")));
        assert!(tells_incidents("8.0.36") && tells_incidents("9.7.0") && !tells_incidents("5.6.24-log") && !tells_incidents("5.7.44"));
    }
}
