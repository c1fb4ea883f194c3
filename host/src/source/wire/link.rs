//! Packets of MySQL's protocol over a channel: three bytes of length, a number that counts on, the payload.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::answer::{ERROR, error};
use super::channel::Channel;
use super::input::Input;
use crate::fault::Fault;
use crate::source::connection::classify;

/// A payload of this many bytes goes on in another packet.
pub(in crate::source) const FULL: usize = 0xff_ffff;
/// Bytes before a payload.
pub(in crate::source) const HEAD: usize = 4;
/// Answers to our own commands are far shorter.
const LONGEST_ANSWER: usize = 1 << 20;

/// A channel, what has arrived through it, and the number of the next packet.
pub(in crate::source) struct Link {
    pub(super) channel: Channel,
    pub(in crate::source) input: Input,
    /// Both sides count together; each command begins at 0.
    pub(in crate::source) number: u8,
}

impl Link {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            input: Input::new(),
            number: 0,
        }
    }

    /// To a server that nobody has greeted yet.
    #[cfg(test)]
    pub(in crate::source) fn to(address: std::net::SocketAddr) -> Self {
        let deadline = Instant::now() + Duration::from_secs(20);
        let channel = Channel::connect(&address.ip().to_string(), address.port(), deadline);
        Self::new(channel.unwrap_or_else(|error| unreachable!("connecting to {address}: {error}")))
    }

    /// Takes in what has arrived, or waits for some: whether something came.
    ///
    /// # Errors
    /// `Retry` where the connection is lost.
    pub(in crate::source) fn fill(&mut self, wait: Duration) -> Result<bool, Fault> {
        let Self { channel, input, .. } = self;
        match input.fill(|room| channel.read(room, wait)) {
            Ok(0) => Err(closed()),
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(false),
                // Below TLS, without its goodbye: a server that died.
                ErrorKind::UnexpectedEof => Err(closed()),
                _ => Err(Fault::retry(error)),
            },
        }
    }

    /// The next packet, which is none of events. An error that the server sends is one here.
    pub(super) fn packet(&mut self, deadline: Instant) -> Result<Vec<u8>, Fault> {
        self.packet_or(deadline, classify)
    }

    /// The same, where `classify` says what an error of the server asks for.
    pub(super) fn packet_or(&mut self, deadline: Instant, classify: impl Fn(mysql_async::Error) -> Fault) -> Result<Vec<u8>, Fault> {
        let packet = self.raw_packet(deadline)?;
        if packet.first() == Some(&ERROR) {
            let error = error(&packet).map_err(|_| senseless())?;
            return Err(classify(error.into()));
        }
        Ok(packet)
    }

    fn raw_packet(&mut self, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let head = self.some(HEAD, deadline)?;
        let length = length(&head);
        if head.get(3) != Some(&self.number) {
            return Err(Fault::retry(anyhow!("packets from the server are out of order")));
        }
        if length > LONGEST_ANSWER {
            return Err(senseless());
        }
        self.number = self.number.wrapping_add(1);
        self.some(length, deadline)
    }

    /// The next `n` bytes.
    fn some(&mut self, n: usize, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        loop {
            let arrived = self.input.bytes();
            let part = arrived.get(..n - bytes.len()).unwrap_or(arrived);
            bytes.extend_from_slice(part);
            let taken = part.len();
            self.input.consume(taken);
            if bytes.len() == n {
                return Ok(bytes);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::retry(anyhow!("the server did not answer in time")));
            }
            self.fill(left)?;
        }
    }

    /// Sends the first packet of a command.
    pub(super) fn command(&mut self, payload: &[u8]) -> Result<(), Fault> {
        self.number = 0;
        self.send(payload)
    }

    /// Sends a packet, in pieces where it is long.
    pub(super) fn send(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let mut rest = payload;
        loop {
            let (part, behind) = rest.split_at_checked(FULL).unwrap_or((rest, &[]));
            let [low, middle, high, ..] = part.len().to_le_bytes();
            let mut packet = vec![low, middle, high, self.number];
            packet.extend_from_slice(part);
            self.channel.write(&packet).map_err(Fault::retry)?;
            self.number = self.number.wrapping_add(1);
            if part.len() < FULL {
                return Ok(());
            }
            rest = behind;
        }
    }
}

/// The payload's length in a packet's head.
pub(in crate::source) fn length(head: &[u8]) -> usize {
    let bytes = head.iter().take(3).rev();
    bytes.fold(0, |length, byte| length << 8 | usize::from(*byte))
}

/// Something that no server sends at this place.
pub(super) fn senseless() -> Fault {
    Fault::retry(anyhow!("what the server sent makes no sense here: is it MySQL?"))
}

fn closed() -> Fault {
    Fault::retry(anyhow!("the server closed the connection"))
}
