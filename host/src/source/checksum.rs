//! CRC32 of events, as MySQL computes it, and which events of a log end with one.

use super::event::{Event, EventKind};
use super::reader::{Malformed, Parsed};

/// The file is still open for writing: set and cleared in place, so never part of the checksum.
const IN_USE: u16 = 1;

/// Bytes of a format description of servers that know no checksums, and its most: version and times, and 27 types of events.
const OLDEST_FORMAT: usize = 57 + 27;

/// Bytes of a checksum.
pub(super) const LEN: usize = 4;

impl Event {
    /// CRC32 over header and body.
    pub(super) fn crc(&self) -> u32 {
        let header = if self.code == EventKind::FORMAT_DESCRIPTION && self.flags & IN_USE != 0 {
            let flags = self.flags & !IN_USE;
            Self {
                body: Vec::new(),
                flags,
                ..*self
            }
            .header()
        } else {
            self.header()
        };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header);
        crc.update(&self.body);
        crc.finalize()
    }

    /// Cuts off the body's last four bytes where they are its checksum, and says whether they were.
    pub(super) fn cut_checksum(&mut self) -> bool {
        let Some((_, stored)) = self.body.split_last_chunk::<LEN>() else {
            return false;
        };
        let stored = *stored;
        self.body.truncate(self.body.len() - LEN);
        let right = self.crc() == u32::from_le_bytes(stored);
        if !right {
            self.body.extend_from_slice(&stored);
        }
        right
    }

    /// Of a format description whose body's checksum has been cut off: whether the file's events have checksums.
    /// `None` for an algorithm that isn't known.
    fn announces_checksums(&self) -> Option<bool> {
        match self.body.last() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        }
    }
}

/// Whether a log's events end with a checksum: the last format description tells.
#[derive(Debug)]
pub(super) struct Checksums {
    on: bool,
    /// Servers change a description that they send, and give it no new checksum where other events have none.
    sent: bool,
}

impl Checksums {
    /// Of a file.
    pub(super) fn of_file() -> Self {
        Self { on: false, sent: false }
    }

    /// Of what a server sends.
    pub(super) fn of_stream() -> Self {
        Self { on: false, sent: true }
    }

    /// Whether events end with one.
    pub(super) fn are_on(&self) -> bool {
        self.on
    }

    /// Verifies an event's checksum, where it has one, and cuts it off.
    pub(super) fn verify(&mut self, event: &mut Event) -> Parsed<()> {
        if event.code == EventKind::FORMAT_DESCRIPTION {
            return self.learn(event);
        }
        if self.on && !event.cut_checksum() {
            return Err(WRONG);
        }
        Ok(())
    }

    fn learn(&mut self, event: &mut Event) -> Parsed<()> {
        // Servers before 5.6.1 have neither algorithm nor checksum here. Without that pair the body's last bytes are
        // lengths of event headers, so a checksum that fits can't be an accident.
        if event.cut_checksum() {
            let known = event.announces_checksums();
            self.on = known.ok_or(Malformed("its checksum algorithm is not known"))?;
            return Ok(());
        }
        let checksums = knows_checksums(&event.body).ok_or(Malformed("its format description tells no version"))?;
        let off = event.body.iter().rev().nth(LEN) == Some(&0);
        self.on = false;
        if checksums && off && self.sent {
            event.body.truncate(event.body.len().saturating_sub(LEN));
            return Ok(());
        }
        // They list the lengths of fewer types of events, too: a version that damage has made older does not get by.
        if checksums || event.body.len() > OLDEST_FORMAT {
            return Err(Malformed("its format description has a wrong checksum"));
        }
        Ok(())
    }
}

/// Of an event whose checksum is another than that of its bytes.
pub(super) const WRONG: Malformed = Malformed("its event has a wrong checksum");

/// Whether the server that wrote a format description knows checksums: MySQL from 5.6.1, MariaDB from 5.3. `None` where the
/// version is none that ever wrote such a file.
fn knows_checksums(body: &[u8]) -> Option<bool> {
    let text = body.get(2..52)?;
    let mut numbers = text.split(|b| !b.is_ascii_digit()).map(|digits| {
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
        number.unwrap_or(0)
    });
    let mut next = || numbers.next().unwrap_or(0);
    let version = (next(), next(), next());
    let mariadb = String::from_utf8_lossy(text).contains("MariaDB");
    (version >= (5, 0, 0)).then_some(version >= (5, 6, 1) || (mariadb && version >= (5, 3, 0)))
}
