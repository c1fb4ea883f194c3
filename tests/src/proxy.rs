//! A TCP proxy before a server, which a test tells what to do with what passes: nothing about MySQL or Kafka is known here.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::chance::Chance;
use crate::wait::until;

/// How long a thread waits before it looks again what it should do.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes that a direction holds while it delays them.
const HELD: usize = 4 << 20;
/// How many proxies there have been.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once, as by a firewall or a process that was killed: RST to both sides.
    Reset,
    /// As if the other side had closed: FIN to both sides.
    Close,
}

/// What is done with bytes and with new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// All pass.
    Pass,
    /// New connections are refused; those that are there go on.
    Refuse,
    /// Connections are accepted, and nothing passes: what a cable shows that was pulled.
    Freeze,
    /// Only what goes this way passes.
    Only(Direction),
    /// All pass, this much later.
    Delay(Duration),
    /// Each direction of each connection passes so many bytes a second.
    Throttle(u32),
}

/// A proxy on a port of its own. Dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Proxy {
    /// The port that clients are told.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    traffic: Mutex<Traffic>,
    target: Mutex<Option<SocketAddr>>,
    /// How often connections were cut, and how the last time: one that began before that ends.
    cut: Mutex<(u64, Cut)>,
    listens: AtomicBool,
    over: AtomicBool,
    connections: AtomicUsize,
    passed: [AtomicU64; 2],
}

impl Proxy {
    /// One that leads nowhere yet: connections wait until `lead_to`.
    pub fn new() -> Self {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            traffic: Mutex::new(Traffic::Pass),
            target: Mutex::new(None),
            cut: Mutex::new((0, Cut::Close)),
            listens: AtomicBool::new(true),
            over: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            passed: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || accept(&own, listener));
        Self { port, shared }
    }

    /// One before a port of this machine.
    pub fn to(port: u16) -> Self {
        let proxy = Self::new();
        proxy.lead_to(port);
        proxy
    }

    /// Where connections from now on go.
    pub fn lead_to(&self, port: u16) {
        *self.shared.target.lock().unwrap() = Some(SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// What is done with bytes and new connections from now on.
    pub fn set(&self, traffic: Traffic) {
        *self.shared.traffic.lock().unwrap() = traffic;
        until("the proxy to listen, or not to", || {
            (self.shared.listens.load(Ordering::SeqCst) == (traffic != Traffic::Refuse)).then_some(())
        });
    }

    /// Ends all connections that are there.
    pub fn cut(&self, how: Cut) {
        let mut cut = self.shared.cut.lock().unwrap();
        *cut = (cut.0 + 1, how);
    }

    /// How many connections have been made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Bytes that have passed this way.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.counter(direction).load(Ordering::SeqCst)
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let mut cut = self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner);
        *cut = (cut.0 + 1, Cut::Close);
    }
}

impl Shared {
    fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap()
    }

    fn cut(&self) -> (u64, Cut) {
        *self.cut.lock().unwrap()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn counter(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.passed[0],
            Direction::ToClient => &self.passed[1],
        }
    }
}

/// On a port below those that the system gives to connections: nobody takes it while new ones are refused.
fn listener() -> TcpListener {
    let mut chance = Chance::of(u64::from(std::process::id()) << 32 | u64::from(NEXT.fetch_add(1, Ordering::SeqCst)));
    let mut ports = std::iter::repeat_with(|| u16::try_from(chance.between(31_000, 32_700)).unwrap()).take(1000);
    ports
        .find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .expect("a free port")
}

/// Takes connections, or has the system refuse them.
fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    while !shared.is_over() {
        if shared.traffic() == Traffic::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).ok();
        }
        shared.listens.store(listener.is_some(), Ordering::SeqCst);
        if let Some(listener) = &listener {
            listener.set_nonblocking(true).unwrap();
            if let Ok((client, _)) = listener.accept() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(shared);
                std::thread::spawn(move || connect(&shared, client));
                continue;
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// One connection, from its beginning on.
fn connect(shared: &Arc<Shared>, client: TcpStream) {
    let began = shared.cut().0;
    let target = loop {
        if shared.cut().0 != began {
            return;
        }
        // What stands still says nothing to the server either.
        if let (Some(target), true) = (*shared.target.lock().unwrap(), shared.traffic() != Traffic::Freeze) {
            break target;
        }
        std::thread::sleep(LOOK);
    };
    client.set_nonblocking(false).unwrap();
    let Ok(server) = TcpStream::connect(target) else {
        let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
        return;
    };
    let broken = Arc::new(AtomicBool::new(false));
    let ends = [Arc::new(client), Arc::new(server)];
    for end in &ends {
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(LOOK)).unwrap();
        end.set_write_timeout(Some(LOOK)).unwrap();
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        let [client, server] = ends.clone();
        let (from, to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        let pump = Pump {
            shared: Arc::clone(shared),
            direction,
            from,
            to,
            began,
            broken: Arc::clone(&broken),
        };
        std::thread::spawn(move || pump.run());
    }
}

/// One direction of a connection.
struct Pump {
    shared: Arc<Shared>,
    direction: Direction,
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
    began: u64,
    /// The other direction has met a side that is gone.
    broken: Arc<AtomicBool>,
}

impl Pump {
    fn run(&self) {
        if self.pass().is_err() {
            self.broken.store(true, Ordering::SeqCst);
        }
        // Of a connection that was cut, or of which one side is gone, neither side is left waiting.
        let (cuts, how) = self.shared.cut();
        if cuts != self.began && how == Cut::Close {
            let _ = self.from.shutdown(Shutdown::Both);
            let _ = self.to.shutdown(Shutdown::Both);
        } else if cuts != self.began || self.broken.load(Ordering::SeqCst) {
            for end in [&self.from, &self.to] {
                let _ = SockRef::from(&**end).set_linger(Some(Duration::ZERO));
            }
        }
    }

    /// Whether it is to end.
    fn is_cut(&self) -> bool {
        self.shared.cut().0 != self.began || self.broken.load(Ordering::SeqCst)
    }

    /// Until the end of what comes, or of the connection.
    fn pass(&self) -> std::io::Result<()> {
        let mut held: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut ended = false;
        let mut buffer = vec![0; 64 << 10];
        while !self.is_cut() {
            let traffic = self.shared.traffic();
            let stands = match traffic {
                Traffic::Freeze => true,
                Traffic::Only(way) => way != self.direction,
                _ => false,
            };
            if stands {
                std::thread::sleep(LOOK);
                continue;
            }
            let bytes: usize = held.iter().map(|(_, chunk)| chunk.len()).sum();
            if !ended && bytes < HELD {
                match (&*self.from).read(&mut buffer) {
                    Ok(0) => ended = true,
                    Ok(read) => {
                        let delay = if let Traffic::Delay(delay) = traffic {
                            delay
                        } else {
                            Duration::ZERO
                        };
                        held.push_back((Instant::now() + delay, buffer[..read].to_vec()));
                    }
                    Err(error) if waits(&error) => {}
                    Err(error) => return Err(error),
                }
            } else {
                std::thread::sleep(LOOK);
            }
            if held.front().is_some_and(|(due, _)| *due <= Instant::now()) {
                let chunk = held.pop_front().unwrap().1;
                self.write(&chunk, traffic)?;
            }
            if ended && held.is_empty() {
                let _ = self.to.shutdown(Shutdown::Write);
                return Ok(());
            }
        }
        Ok(())
    }

    fn write(&self, mut bytes: &[u8], traffic: Traffic) -> std::io::Result<()> {
        while !bytes.is_empty() && !self.is_cut() {
            let most = match traffic {
                // As many as fit into a twentieth of a second.
                Traffic::Throttle(rate) => usize::try_from(rate / 20).unwrap().clamp(1, bytes.len()),
                _ => bytes.len(),
            };
            match (&*self.to).write(&bytes[..most]) {
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.shared
                        .counter(self.direction)
                        .fetch_add(u64::try_from(written).unwrap(), Ordering::SeqCst);
                    if matches!(traffic, Traffic::Throttle(_)) {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
                Err(error) if waits(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut bytes) {
                        let _ = stream.write_all(&bytes[..read]);
                    }
                });
            }
        });
        port
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn echoes(stream: &mut TcpStream, text: &[u8]) {
        stream.write_all(text).unwrap();
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, text);
    }

    #[test]
    fn what_passes_is_unchanged_and_a_cut_is_seen_as_it_was_asked_for() {
        let proxy = Proxy::to(echo());
        let mut stream = client(&proxy);
        echoes(&mut stream, &vec![7; 100_000]);
        proxy.cut(Cut::Reset);
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let mut stream = client(&proxy);
        echoes(&mut stream, b"again");
        proxy.cut(Cut::Close);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert_eq!(proxy.connections(), 2);
        assert_eq!(proxy.passed(Direction::ToServer), 100_005);
    }

    #[test]
    fn refused_and_frozen_connections_come_back_when_all_passes_again() {
        let proxy = Proxy::to(echo());
        let mut before = client(&proxy);
        echoes(&mut before, b"before");
        proxy.set(Traffic::Refuse);
        let refused = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        echoes(&mut before, b"those that are there go on");
        for still in [Traffic::Freeze, Traffic::Only(Direction::ToServer)] {
            proxy.set(still);
            let mut stream = client(&proxy);
            stream.write_all(b"x").unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            assert!(waits(&stream.read(&mut [0]).unwrap_err()), "{still:?}");
            proxy.set(Traffic::Pass);
            stream.set_read_timeout(None).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        }
    }

    #[test]
    fn delay_and_throttle_take_their_time() {
        let proxy = Proxy::to(echo());
        let mut stream = client(&proxy);
        for (traffic, least) in [(Traffic::Delay(Duration::from_millis(60)), 120), (Traffic::Throttle(100_000), 200)] {
            proxy.set(traffic);
            let started = Instant::now();
            echoes(&mut stream, &[1; 20_000]);
            let took = started.elapsed();
            assert!(took >= Duration::from_millis(least), "{traffic:?} took {took:?}");
        }
    }
}
