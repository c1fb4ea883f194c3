//! First stage: the source's events into the first queue. Knows nothing of what they mean.

use std::time::Duration;

use super::STOP_CHECK;
use super::queue::{CloseOnDrop, Queue};
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::metrics::Meter;
use crate::source::{Event, Read, Source};

/// Bytes that an event takes beside its body.
const EVENT_OVERHEAD: usize = size_of::<Event>() + 16;

/// Bytes of an event in the log before its body.
const HEADER: usize = 19;

/// Between two looks at whether the other stages are done with a very large row.
const LOOK: Duration = Duration::from_millis(1);

/// Lets very large rows through one by one: each stage has them in one form or more, and all stages together would hold ten of them.
pub(super) struct Gate<'a> {
    /// From so many bytes on a row is very large.
    pub(super) bytes: usize,
    /// Whether another one is on its way.
    pub(super) is_taken: &'a (dyn Fn() -> bool + Sync),
}

/// Reads until the source ends or the next stage has left.
pub(super) fn run(source: &mut dyn Source, output: &Queue<Vec<Event>>, meter: &Meter, gate: &Gate<'_>) -> Result<(), Fault> {
    let _close = CloseOnDrop(output);
    while !output.is_closed() {
        let mut events = Vec::new();
        let read = source.read(&mut events, STOP_CHECK)?;
        if !events.is_empty() {
            reach(Point::Read);
            let bodies: usize = events.iter().map(|event| event.body.len()).sum();
            // What the server makes up, such as heartbeats, has no time.
            let is_quiet = events.iter().all(|event| event.timestamp == 0);
            meter.read(bodies + events.len() * HEADER, is_quiet);
            let bytes = bodies + events.len() * EVENT_OVERHEAD;
            while bytes >= gate.bytes && !output.is_closed() && (gate.is_taken)() {
                std::thread::sleep(LOOK);
            }
            if !output.push(events, bytes) {
                return Ok(());
            }
        }
        if read == Read::End {
            return Ok(());
        }
    }
    Ok(())
}
