//! First stage: the source's events into the first queue. Knows nothing of what they mean.

use super::STOP_CHECK;
use super::queue::{CloseOnDrop, Queue};
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::source::{Event, Read, Source};

/// Bytes that an event takes beside its body.
const EVENT_OVERHEAD: usize = size_of::<Event>() + 16;

/// Reads until the source ends or the next stage has left.
pub(super) fn run(source: &mut dyn Source, output: &Queue<Vec<Event>>) -> Result<(), Fault> {
    let _close = CloseOnDrop(output);
    while !output.is_closed() {
        let mut events = Vec::new();
        let read = source.read(&mut events, STOP_CHECK)?;
        if !events.is_empty() {
            reach(Point::Read);
            let bytes = events.iter().map(|event| event.body.len() + EVENT_OVERHEAD).sum();
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
