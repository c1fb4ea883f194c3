//! From packets to events: joined where they are split, checksums verified, and no more than a bound of one event in memory.

use anyhow::anyhow;

use crate::fault::Fault;
use crate::source::checksum::{self, Checksums};
use crate::source::connection::classify;
use crate::source::event::{Event, EventKind, HEADER_LEN};
use crate::source::reader::Malformed;
use crate::source::wire::{END, END_LEN, ERROR, FULL, HEAD, Input, OK, error, length};

/// Bytes before an event's body in its first packet: the mark that all is well, and the event's header.
const FIRST: usize = 1 + HEADER_LEN;
/// Memory for a body before its bytes are there: a length from outside must not become memory.
const ROOM: usize = 1 << 20;

/// What has come of the stream so far.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Of the next packet.
    number: u8,
    /// Bytes of the present packet that have not come.
    left: usize,
    /// The payload goes on in another packet.
    goes_on: bool,
    partial: Option<Partial>,
    checksums: Checksums,
    /// Bytes of a body that are kept.
    bound: usize,
    /// Which events' bodies are kept.
    wanted: fn(EventKind) -> bool,
}

/// An event that has begun.
#[derive(Debug)]
struct Partial {
    event: Event,
    /// Bytes of the body and the checksum, as the header says.
    wanted: usize,
    /// Of these, how many have come.
    seen: usize,
    /// Bytes of the body that are kept.
    bound: usize,
    /// Of an event that is larger than the bound: of what has come.
    crc: Option<crc32fast::Hasher>,
    /// And what stands in place of a checksum at its end.
    stored: Vec<u8>,
}

impl Assembly {
    /// Of the packets that come after number `number - 1`.
    pub(super) fn new(number: u8, bound: usize) -> Self {
        Self {
            number,
            left: 0,
            goes_on: false,
            partial: None,
            checksums: Checksums::of_stream(),
            bound,
            wanted: |_| true,
        }
    }

    /// Without the bodies of events that are not wanted.
    pub(super) fn only(self, wanted: fn(EventKind) -> bool) -> Self {
        Self { wanted, ..self }
    }

    /// The next event, taken from what has arrived; `None` where more has to arrive first.
    ///
    /// # Errors
    /// `Stop` for an event that is damaged, `Retry` where the stream ends or makes no sense, or what an error of the server asks for.
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Event>, Fault> {
        loop {
            if self.left == 0 && !self.begin_packet(input)? {
                return Ok(None);
            }
            if self.partial.is_none() && !self.begin_event(input)? {
                return Ok(None);
            }
            let Some(partial) = &mut self.partial else { return Ok(None) };
            let arrived = input.bytes();
            let part = arrived.get(..self.left).unwrap_or(arrived);
            let taken = part.len();
            partial.take(part);
            input.consume(taken);
            self.left -= taken;
            if self.left > 0 {
                return Ok(None);
            }
            if !self.goes_on {
                let partial = self.partial.take();
                return partial.map(|partial| partial.finish(&mut self.checksums)).transpose();
            }
        }
    }

    /// Reads the head of a packet; whether it is there.
    fn begin_packet(&mut self, input: &mut Input) -> Result<bool, Fault> {
        let Some(head) = input.bytes().get(..HEAD) else { return Ok(false) };
        if head.last() != Some(&self.number) {
            return Err(Fault::retry(anyhow!("packets from the server are out of order")));
        }
        self.number = self.number.wrapping_add(1);
        self.left = length(head);
        self.goes_on = self.left == FULL;
        input.consume(HEAD);
        Ok(true)
    }

    /// Reads the head of an event; whether it is there.
    fn begin_event(&mut self, input: &mut Input) -> Result<bool, Fault> {
        let arrived = input.bytes();
        // Whatever is no event is short, and taken whole.
        let is_event = arrived.first() == Some(&OK);
        let wanted = if is_event { FIRST.min(self.left) } else { self.left };
        let Some(packet) = arrived.get(..wanted) else {
            return if arrived.is_empty() || is_event || wanted <= ROOM / 8 {
                Ok(false)
            } else {
                Err(senseless())
            };
        };
        let header = match packet.split_first() {
            Some((&OK, header)) => header.first_chunk::<HEADER_LEN>(),
            Some((&END, _)) if packet.len() < END_LEN => return Err(Fault::retry(anyhow!("the server ended the stream"))),
            Some((&ERROR, _)) => return Err(error(packet).map_or_else(|_| senseless(), |error| classify(error.into()))),
            _ => return Err(senseless()),
        };
        let event = header.map(Event::from_header);
        let wanted = event
            .as_ref()
            .and_then(|event| usize::try_from(event.size).ok()?.checked_sub(HEADER_LEN));
        let (Some(mut event), Some(wanted)) = (event, wanted) else {
            return Err(Fault::stop(anyhow!("the server sent an event that is shorter than its own header")));
        };
        let bound = if (self.wanted)(event.kind()) { self.bound } else { 0 };
        event.body = Vec::with_capacity(wanted.min(ROOM).min(bound));
        let crc = (wanted > bound).then(|| {
            let mut crc = crc32fast::Hasher::new();
            crc.update(&event.header());
            crc
        });
        self.partial = Some(Partial {
            event,
            wanted,
            bound,
            seen: 0,
            crc,
            stored: Vec::new(),
        });
        input.consume(FIRST);
        self.left -= FIRST;
        Ok(true)
    }
}

impl Partial {
    fn take(&mut self, bytes: &[u8]) {
        let Some(crc) = &mut self.crc else {
            if self.seen + bytes.len() <= self.wanted {
                self.event.body.extend_from_slice(bytes);
            }
            self.seen += bytes.len();
            return;
        };
        let room = self.bound.saturating_sub(self.event.body.len());
        self.event.body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let covered = self.wanted.saturating_sub(checksum::LEN).saturating_sub(self.seen);
        let (covered, stored) = bytes.split_at_checked(covered).unwrap_or((bytes, &[]));
        crc.update(covered);
        self.stored.extend_from_slice(stored.get(..checksum::LEN).unwrap_or(stored));
        self.seen += bytes.len();
    }

    fn finish(self, checksums: &mut Checksums) -> Result<Event, Fault> {
        let Self {
            mut event,
            wanted,
            seen,
            crc,
            stored,
            ..
        } = self;
        if seen != wanted {
            return Err(damaged(
                &event,
                &format!("it says that it has {} bytes, and {} came", event.size, seen + HEADER_LEN),
            ));
        }
        let Some(crc) = crc else {
            // The rotation that begins a dump comes before anything could say that events have checksums.
            if event.code == EventKind::ROTATE && !checksums.are_on() {
                event.cut_checksum();
            } else {
                checksums
                    .verify(&mut event)
                    .map_err(|Malformed(problem)| damaged(&event, problem))?;
            }
            return Ok(event);
        };
        let mut whole = wanted;
        if checksums.are_on() {
            whole -= checksum::LEN;
            if crc.finalize().to_le_bytes()[..] != stored {
                return Err(damaged(&event, checksum::WRONG.0));
            }
        }
        event.body.truncate(whole);
        event.missing = u32::try_from(whole - event.body.len()).unwrap_or(u32::MAX);
        Ok(event)
    }
}

fn damaged(event: &Event, problem: &str) -> Fault {
    Fault::stop(anyhow!(
        "the {} event that ends at {} is damaged: {problem}. The server's file or memory is damaged, or the connection was tampered with",
        event.kind().name(),
        event.end_pos
    ))
}

fn senseless() -> Fault {
    Fault::retry(anyhow!("what the server sent in place of an event makes no sense"))
}

#[cfg(test)]
mod tests;
