//! Streams built here, cut into pieces of any size, and the same ones damaged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::{Assembly, Event, EventKind, FULL, Fault, Input, OK};
use crate::source::is_purged;

const ROWS: u8 = 30;
const BOUND: usize = 1000;

/// An event and, where `checksum`, its checksum, as it is on the wire.
fn bytes(code: u8, body: &[u8], checksum: bool) -> Vec<u8> {
    let event = Event {
        timestamp: 7,
        code,
        server_id: 1,
        size: u32::try_from(19 + body.len() + if checksum { 4 } else { 0 }).unwrap(),
        end_pos: 1234,
        body: body.to_vec(),
        ..Event::default()
    };
    let mut bytes = [&event.header()[..], body].concat();
    if checksum {
        bytes.extend(event.crc().to_le_bytes());
    }
    bytes
}

/// The format description of a server that knows checksums, with them switched on or off.
fn format(checksums: bool) -> Vec<u8> {
    let mut body = vec![4, 0];
    let mut version = b"9.7.0".to_vec();
    version.resize(50, 0);
    body.extend(version);
    body.extend([0, 0, 0, 0, 19, 1, 2, 3, u8::from(checksums)]);
    bytes(EventKind::FORMAT_DESCRIPTION, &body, true)
}

/// Packets that hold these payloads, from number 3 on.
#[derive(Debug, Clone)]
struct Packets {
    bytes: Vec<u8>,
    number: u8,
}

impl Packets {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            number: 3,
        }
    }

    fn payload(mut self, payload: &[u8]) -> Self {
        let mut rest = payload;
        loop {
            let (part, behind) = rest.split_at(rest.len().min(FULL));
            let length = u32::try_from(part.len()).unwrap().to_le_bytes();
            self.bytes.extend([length[0], length[1], length[2], self.number]);
            self.bytes.extend(part);
            self.number = self.number.wrapping_add(1);
            if part.len() < FULL {
                return self;
            }
            rest = behind;
        }
    }

    fn event(self, event: &[u8]) -> Self {
        self.payload(&[&[OK], event].concat())
    }
}

/// What comes of `bytes` that arrive in pieces of these sizes in turn.
fn read(bytes: &[u8], sizes: &[usize], bound: usize) -> (Vec<Event>, Option<Fault>) {
    let mut assembly = Assembly::new(3, bound);
    let mut input = Input::new();
    let mut events = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let piece = *sizes.next().unwrap();
        let filled = input.fill(|room| {
            let n = piece.min(room.len()).min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        });
        let filled = filled.unwrap();
        assert!(filled > 0, "no room although all was taken that could be");
        rest = &rest[filled..];
        loop {
            match assembly.next(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(fault) => return (events, Some(fault)),
            }
        }
    }
    (events, None)
}

/// The fault that a stream of these packets ends with.
#[track_caller]
fn fault(packets: &Packets) -> Fault {
    read(&packets.bytes, &[1 << 20], BOUND).1.unwrap()
}

#[test]
fn an_event_of_more_than_16_mb_arrives_whole() {
    // The second one ends exactly with a full packet, behind which an empty one comes.
    for size in [FULL + 100, FULL - 24, 2 * FULL - 24, 2 * FULL + 7] {
        let body: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let packets = Packets::new()
            .event(&format(true))
            .event(&bytes(ROWS, &body, true))
            .event(&bytes(16, &[0; 8], true));
        let (events, fault) = read(&packets.bytes, &[1 << 17], usize::MAX);
        assert!(fault.is_none(), "{fault:?}");
        assert!(events.len() == 3 && events[1].body == body && events[1].is_whole(), "{size}");
    }
}

#[test]
fn of_an_event_above_the_bound_the_beginning_is_kept_and_the_rest_counted() {
    for checksums in [true, false] {
        for size in [BOUND - 4, BOUND, BOUND + 1, BOUND + 3, BOUND + 5, 3 * BOUND] {
            let body: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let packets = Packets::new()
                .event(&format(checksums))
                .event(&bytes(ROWS, &body, checksums))
                .event(&bytes(16, &[0; 8], checksums));
            let (events, fault) = read(&packets.bytes, &[77], BOUND);
            assert!(fault.is_none(), "{fault:?}");
            let kept = size.min(BOUND);
            assert_eq!(events[1].body, body[..kept], "{size}");
            assert_eq!(usize::try_from(events[1].missing).unwrap(), size - kept, "{size}");
            assert_eq!(events[2].body, [0; 8]);
        }
    }
}

#[test]
fn a_changed_byte_is_found_out_also_where_it_is_not_kept() {
    for size in [100, 5 * BOUND] {
        let whole = bytes(ROWS, &vec![9; size], true);
        for at in [5, 19, 19 + size / 2, 19 + size - 1, 19 + size] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let fault = fault(&Packets::new().event(&format(true)).event(&changed));
            assert!(
                matches!(fault, Fault::Stop(_)) && fault.to_string().contains("checksum"),
                "{size} {at}: {fault}"
            );
        }
    }
}

#[test]
fn the_rotation_before_all_loses_its_checksum() {
    let (events, fault) = read(
        &Packets::new().event(&bytes(4, b"\x04\0\0\0\0\0\0\0log.1", true)).bytes,
        &[9],
        BOUND,
    );
    assert!(fault.is_none() && events[0].body.ends_with(b"log.1"));
}

#[test]
fn what_is_no_event_is_told_apart() {
    let event = bytes(ROWS, b"abc", false);
    let retries = [
        (Packets::new().payload(b"\xfe\0\0\x02\0"), "ended the stream"),
        (Packets::new().payload(b""), "no sense"),
        (Packets::new().payload(b"\x07abc"), "no sense"),
        (
            Packets {
                number: 5,
                ..Packets::new()
            }
            .event(&event),
            "out of order",
        ),
        (Packets::new().payload(b"\xff\x1d\x04#08S01Server shutdown in progress"), "shutdown"),
    ];
    for (packets, words) in retries {
        let fault = fault(&packets);
        assert!(matches!(fault, Fault::Retry(_)) && fault.to_string().contains(words), "{fault}");
    }
    let lost = fault(&Packets::new().payload(b"\xff\xd4\x04#HY000Could not find first log file name in binary log index file"));
    assert!(
        matches!(lost, Fault::Stop(_)) && lost.to_string().contains("no longer has the binlog"),
        "{lost}"
    );
    assert!(is_purged(&lost.context("reading the binlog")));
    let other = fault(&Packets::new().payload(b"\xff\xd4\x04#HY000Client requested master to start replication from impossible position"));
    assert!(matches!(other, Fault::Stop(_)) && !is_purged(&other), "{other}");
}

#[test]
fn an_event_that_is_cut_short_or_says_another_length_stops_the_stream() {
    let whole = bytes(ROWS, b"some rows", false);
    for cut in 0..whole.len() {
        let fault = fault(&Packets::new().event(&whole[..cut]));
        assert!(matches!(fault, Fault::Stop(_)), "{cut}: {fault}");
    }
    for size in [0_u32, 18, 19, 27, 29, u32::MAX] {
        let mut other = whole.clone();
        other[9..13].copy_from_slice(&size.to_le_bytes());
        let fault = fault(&Packets::new().event(&other));
        assert!(matches!(fault, Fault::Stop(_)), "{size}: {fault}");
    }
}

proptest! {
    #[test]
    fn the_same_events_come_in_whatever_pieces_they_arrive(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 1..10),
        sizes in proptest::collection::vec(1..400_usize, 1..10),
        checksums in any::<bool>(),
    ) {
        let packets = bodies.iter().fold(Packets::new().event(&format(checksums)), |packets, body| packets.event(&bytes(ROWS, body, checksums)));
        let (events, fault) = read(&packets.bytes, &sizes, usize::MAX);
        prop_assert!(fault.is_none(), "{:?}", fault);
        prop_assert_eq!(events.iter().skip(1).map(|event| &event.body).collect::<Vec<_>>(), bodies.iter().collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), number in any::<bool>(), size in 1..50_usize) {
        let mut bytes = bytes;
        if number && bytes.len() > 5 {
            // So that it gets past the packet's head.
            bytes[2] = 0;
            bytes[3] = 3;
            bytes[4] = OK;
        }
        let _ = read(&bytes, &[size], BOUND);
    }
}
