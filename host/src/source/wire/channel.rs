//! The bytes of one connection, plain or by TLS. Each read waits a bounded time; nothing here knows what the bytes mean.

use std::io::{BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// Read from the socket at once below TLS: several of its records, which are 16 KiB at most.
const RECORDS: usize = 1 << 17;
/// How long the server may take no byte of what is sent to it, which is never much.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// The system takes no shorter wait for one: zero would be none at all.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// A TCP connection, with TLS above it or not.
pub(super) struct Channel {
    socket: TcpStream,
    /// How long the socket waits, so that it is told only what is new.
    wait: Option<Duration>,
    tls: Option<Tls>,
}

struct Tls {
    session: Box<ClientConnection>,
    /// The library takes 4 KiB at once, which would be as many calls of the system.
    records: BufReader<TcpStream>,
}

impl Channel {
    /// Connects to the first address of `host` that takes the connection.
    pub(super) fn connect(host: &str, port: u16, deadline: Instant) -> Result<Self> {
        let mut last = None;
        for address in (host, port).to_socket_addrs()? {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
                    return Ok(Self {
                        socket,
                        wait: None,
                        tls: None,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "the host name has no address")))
    }

    /// Puts TLS above the connection.
    ///
    /// # Errors
    /// Of kind `InvalidData` where the two sides don't agree, above all on a certificate.
    pub(super) fn secure(&mut self, config: Arc<ClientConfig>, name: ServerName<'static>, deadline: Instant) -> Result<()> {
        let session = ClientConnection::new(config, name).map_err(invalid)?;
        let records = BufReader::with_capacity(RECORDS, self.socket.try_clone()?);
        let mut tls = Tls {
            session: Box::new(session),
            records,
        };
        while tls.session.is_handshaking() {
            tls.flush()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            self.set_wait(left)?;
            tls.take_records()?;
        }
        tls.flush()?;
        self.tls = Some(tls);
        Ok(())
    }

    /// Whether nobody on the way can read along.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads what is there, or waits for some: 0 at the end.
    ///
    /// # Errors
    /// Of kind `WouldBlock` or `TimedOut` where nothing came within `wait`.
    pub(super) fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Result<usize> {
        self.set_wait(wait)?;
        match &mut self.tls {
            Some(tls) => tls.read(bytes, wait),
            None => self.socket.read(bytes),
        }
    }

    /// Sends all of `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.tls {
            Some(tls) => {
                tls.session.writer().write_all(bytes)?;
                tls.flush()
            }
            None => self.socket.write_all(bytes),
        }
    }

    fn set_wait(&mut self, wait: Duration) -> Result<()> {
        let wait = Some(wait.max(SHORTEST_WAIT));
        if self.wait != wait {
            // The TLS side has the same socket.
            self.socket.set_read_timeout(wait)?;
            self.wait = wait;
        }
        Ok(())
    }
}

impl Tls {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Result<usize> {
        let deadline = Instant::now() + wait.max(SHORTEST_WAIT);
        let mut filled = 0;
        loop {
            let room = bytes.get_mut(filled..).unwrap_or_default();
            let room_is_empty = room.is_empty();
            match self.session.reader().read(room) {
                Ok(0) if !room_is_empty => return Ok(filled),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
            let full = filled == bytes.len();
            if full || (filled > 0 && self.records.buffer().is_empty()) {
                return Ok(filled);
            }
            // A server that sends a record byte by byte must not keep us here.
            if filled == 0 && Instant::now() >= deadline {
                return Err(ErrorKind::WouldBlock.into());
            }
            if self.take_records()? == 0 {
                // The next read of the session tells whether the other side said goodbye.
                return if filled > 0 {
                    Ok(filled)
                } else {
                    self.session.reader().read(bytes)
                };
            }
            self.flush()?;
        }
    }

    /// Hands the session what has arrived; 0 at the end.
    fn take_records(&mut self) -> Result<usize> {
        let read = self.session.read_tls(&mut self.records)?;
        if let Err(error) = self.session.process_new_packets() {
            // The other side is told why, if it still listens.
            let _ = self.flush();
            return Err(invalid(error));
        }
        if read == 0 && self.session.is_handshaking() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }

    fn flush(&mut self) -> Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.records.get_ref())?;
        }
        Ok(())
    }
}

fn invalid(error: rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}

fn late() -> Error {
    Error::new(ErrorKind::TimedOut, "the server did not answer in time")
}
