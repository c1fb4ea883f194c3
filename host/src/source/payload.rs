//! Compressed transactions: the events inside a TRANSACTION_PAYLOAD event, unpacked one at a time, so that memory holds the
//! compressed bytes and one event, never the whole transaction.
//!
//! Format: `Transaction_payload_event` in MySQL's `control_events.h`: fields of type, length and value up to an end mark,
//! then the payload. The events in it have no checksums, and their offsets mean nothing outside.

use std::io::{BufRead, BufReader, Cursor, Read};

use anyhow::{Context, anyhow};

use super::event::{Event, EventKind, HEADER_LEN};
use super::reader::{Malformed, Parsed, Reader};
use crate::fault::Fault;

/// Field types of the header.
const END: u64 = 0;
const SIZE: u64 = 1;
const COMPRESSION: u64 = 2;
const UNCOMPRESSED_SIZE: u64 = 3;
/// Values of the field `COMPRESSION`.
const ZSTD: u64 = 0;
const NONE: u64 = 255;
/// The largest window that zstd's own decoder takes by default, 128 MiB; the server's highest level needs no more.
const WINDOW_LOG_MAX: u32 = 27;
/// Room for the body of an event before its bytes are there: a length from outside must not become memory.
const ROOM: usize = 1 << 20;

/// The events of one compressed transaction.
pub struct Payload<'a> {
    stream: Box<dyn BufRead + 'a>,
    /// Unpacked bytes that have not come yet.
    left: u64,
    /// What was unpacked last.
    event: Event,
    /// The compressed event's name and place, for error texts.
    place: String,
    /// Bytes of an event's body that are kept.
    largest: u64,
}

/// One event of a compressed transaction.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// The event; its `end_pos` means nothing.
    pub event: &'a Event,
    /// It is the last one, and nothing follows it in the payload.
    pub last: bool,
}

impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The header of a payload.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    zstd: bool,
    /// Bytes of the events in it.
    size: u64,
    packed: &'a [u8],
}

impl<'a> Header<'a> {
    fn of(body: &'a [u8], place: &str) -> Result<Self, Fault> {
        Self::parse(body).map_err(|m| Fault::stop(anyhow::Error::new(m).context(format!("reading the {place}"))))
    }

    fn parse(body: &'a [u8]) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        let (mut size, mut compression, mut unpacked) = (None, None, None);
        loop {
            let field = reader.lenenc()?;
            if field == END {
                break;
            }
            let mut value = Reader::new(reader.counted()?);
            match field {
                SIZE => size = Some(value.size()?),
                COMPRESSION => compression = Some(value.lenenc()?),
                UNCOMPRESSED_SIZE => unpacked = Some(value.lenenc()?),
                _ => {}
            }
        }
        let packed = reader.take(size.ok_or(Malformed("its header tells no size"))?)?;
        if !reader.is_empty() {
            return Err(Malformed("bytes follow its payload"));
        }
        let zstd = match compression {
            Some(ZSTD) => true,
            Some(NONE) => false,
            Some(_) => return Err(Malformed("its compression is neither zstd nor none, the two that are known")),
            None => return Err(Malformed("its header tells no compression")),
        };
        let whole = u64::try_from(packed.len()).map_err(|_| Malformed("its size is out of range"))?;
        // A payload that is not compressed need not tell its size twice.
        let size = unpacked.or((!zstd).then_some(whole));
        let size = size.ok_or(Malformed("its header tells no uncompressed size"))?;
        if !zstd && size != whole {
            return Err(Malformed("it is not compressed, but its two sizes differ"));
        }
        if size == 0 {
            return Err(Malformed("it holds no event"));
        }
        Ok(Self { zstd, size, packed })
    }
}

impl Payload<'static> {
    /// The same as `open`, of a body that nobody else needs.
    pub(super) fn of(body: Vec<u8>, place: String, largest: usize) -> Result<Self, Fault> {
        let header = Header::of(&body, &place)?;
        let (zstd, size) = (header.zstd, header.size);
        // The payload is the last of the body.
        let start = length(body.len()).saturating_sub(length(header.packed.len()));
        let mut packed = Cursor::new(body);
        packed.set_position(start);
        Ok(Self::unpack(packed, zstd, size, place)?.bounded(largest))
    }
}

impl<'a> Payload<'a> {
    /// Begins to unpack the body of a TRANSACTION_PAYLOAD event; `place` names it in errors. Of an event in it no more than `largest`
    /// bytes of the body are kept (`Event::missing` counts the others).
    ///
    /// # Errors
    /// `Stop` for a header that is malformed, or a compression that is not known.
    pub(super) fn open(body: &'a [u8], place: String, largest: usize) -> Result<Self, Fault> {
        let header = Header::of(body, &place)?;
        Ok(Self::unpack(header.packed, header.zstd, header.size, place)?.bounded(largest))
    }

    fn bounded(mut self, largest: usize) -> Self {
        self.largest = length(largest);
        self
    }

    fn unpack(packed: impl BufRead + 'a, zstd: bool, size: u64, place: String) -> Result<Self, Fault> {
        let stream: Box<dyn BufRead + 'a> = if zstd {
            let decoder = zstd::Decoder::with_buffer(packed).and_then(|mut decoder| {
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Ok(decoder)
            });
            let decoder = decoder.with_context(|| format!("unpacking the {place}")).map_err(Fault::Stop)?;
            Box::new(BufReader::new(decoder))
        } else {
            Box::new(packed)
        };
        Ok(Self {
            stream,
            left: size,
            event: Event::default(),
            place,
            largest: u64::MAX,
        })
    }

    /// The next event; `None` after the last one. The last one comes only once the payload is known to be whole.
    ///
    /// # Errors
    /// `Stop` for a payload that can't be unpacked, or does not hold exactly the events that it says.
    #[expect(clippy::should_implement_trait, reason = "an event borrows the room that the next one takes")]
    pub fn next(&mut self) -> Result<Option<Packed<'_>>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut header = [0; HEADER_LEN];
        self.left = self
            .left
            .checked_sub(length(HEADER_LEN))
            .ok_or_else(|| self.broken("its events are longer than it says"))?;
        self.stream.read_exact(&mut header).map_err(|error| self.unread(error))?;
        let mut event = Event::from_header(&header);
        let body = u64::from(event.size)
            .checked_sub(length(HEADER_LEN))
            .ok_or_else(|| self.broken("an event in it has an impossible length"))?;
        self.left = self
            .left
            .checked_sub(body)
            .ok_or_else(|| self.broken("its events are longer than it says"))?;
        event.body = std::mem::take(&mut self.event.body);
        event.body.clear();
        if event.body.capacity() > ROOM {
            event.body = Vec::new();
        }
        event.body.reserve(usize::try_from(body).unwrap_or(ROOM).min(ROOM));
        let read = self.body(body, &mut event.body).map_err(|error| self.unread(error))?;
        if read < body {
            return Err(self.broken("it ends within an event"));
        }
        event.missing = u32::try_from(body.saturating_sub(self.largest)).unwrap_or(u32::MAX);
        if !may_be_packed(event.kind()) {
            let kind = event.kind();
            return Err(self.broken(&format!(
                "it holds a {} event (type {}), which never is in one",
                kind.name(),
                event.code
            )));
        }
        let last = self.left == 0;
        if last && !self.stream.fill_buf().map_err(|error| unread(&self.place, error))?.is_empty() {
            return Err(self.broken("its events are longer than it says"));
        }
        self.event = event;
        Ok(Some(Packed { event: &self.event, last }))
    }

    /// Unpacks a body and keeps its beginning; how many bytes there were.
    fn body(&mut self, size: u64, body: &mut Vec<u8>) -> std::io::Result<u64> {
        let kept = (&mut self.stream).take(size.min(self.largest)).read_to_end(body)?;
        let passed_over = std::io::copy(
            &mut (&mut self.stream).take(size.saturating_sub(self.largest)),
            &mut std::io::sink(),
        )?;
        Ok(length(kept).saturating_add(passed_over))
    }

    fn unread(&self, error: std::io::Error) -> Fault {
        unread(&self.place, error)
    }

    fn broken(&self, problem: &str) -> Fault {
        Fault::stop(anyhow!("the {} holds a damaged transaction: {problem}. {HINT}", self.place))
    }
}

/// What an operator can do about it.
const HINT: &str = "The server's file is damaged or was changed on the way; read from another copy of it, or take a new snapshot and start after this transaction";

fn unread(place: &str, error: std::io::Error) -> Fault {
    let text = format!("the {place} holds a damaged transaction that can't be unpacked. {HINT}");
    Fault::stop(anyhow::Error::new(error).context(text))
}

/// Whether events of this type stand in a payload: those that make up a transaction after its GTID.
pub(super) fn may_be_packed(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Stop
            | EventKind::Rotate
            | EventKind::FormatDescription
            | EventKind::Incident
            | EventKind::Heartbeat
            | EventKind::Gtid
            | EventKind::AnonymousGtid
            | EventKind::GtidTagged
            | EventKind::PreviousGtids
            | EventKind::GroupReplication
            | EventKind::TransactionPayload
    )
}

/// A length in memory, as one in the log.
fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
