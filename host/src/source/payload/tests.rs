//! Payloads built here, and the same ones damaged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::{Event, Fault, Payload};

const QUERY: u8 = 2;
const XID: u8 = 16;

fn event(code: u8, body: &[u8]) -> Event {
    Event {
        timestamp: 7,
        code,
        server_id: 1,
        size: u32::try_from(body.len() + 19).unwrap(),
        body: body.to_vec(),
        ..Event::default()
    }
}

fn bytes(events: &[Event]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|event| [&event.header()[..], &event.body].concat())
        .collect()
}

/// A number of a header's field: its type, its length, itself in eight bytes.
fn field(kind: u8, value: u64) -> Vec<u8> {
    [&[kind, 9, 0xfe][..], &value.to_le_bytes()].concat()
}

fn body(compression: u64, size: u64, packed: &[u8]) -> Vec<u8> {
    let packed_size = u64::try_from(packed.len()).unwrap();
    // A field that nobody knows stands before the end.
    [
        field(2, compression),
        field(3, size),
        field(1, packed_size),
        vec![9, 1, 0, 0],
        packed.to_vec(),
    ]
    .concat()
}

fn zstd(events: &[Event], size_off: i64) -> Vec<u8> {
    let plain = bytes(events);
    let size = u64::try_from(plain.len()).unwrap().saturating_add_signed(size_off);
    body(0, size, &zstd::encode_all(&plain[..], 3).unwrap())
}

fn read(body: &[u8]) -> Result<Vec<(u8, usize, bool)>, Fault> {
    let mut payload = Payload::open(body, "payload at 4".to_owned(), usize::MAX)?;
    let mut found = Vec::new();
    while let Some(packed) = payload.next()? {
        found.push((packed.event.code, packed.event.body.len(), packed.last));
    }
    Ok(found)
}

fn transaction() -> Vec<Event> {
    vec![
        event(QUERY, b"BEGIN"),
        event(30, &[b'x'; 300_000]),
        event(30, b"y"),
        event(XID, &[0; 8]),
    ]
}

const WHOLE: [(u8, usize, bool); 4] = [(QUERY, 5, false), (30, 300_000, false), (30, 1, false), (XID, 8, true)];

#[test]
fn the_events_of_a_compressed_transaction_come_one_by_one() {
    assert_eq!(read(&zstd(&transaction(), 0)).unwrap(), WHOLE);
}

#[test]
fn of_an_event_above_the_bound_the_beginning_is_kept_and_what_follows_is_read() {
    let body = zstd(&transaction(), 0);
    let mut payload = Payload::open(&body, "payload at 4".to_owned(), 1000).unwrap();
    let mut found = Vec::new();
    while let Some(packed) = payload.next().unwrap() {
        found.push((packed.event.body.len(), packed.event.missing, packed.last));
    }
    assert_eq!(found, [(5, 0, false), (1000, 299_000, false), (1, 0, false), (8, 0, true)]);
}

#[test]
fn a_payload_that_is_not_compressed_is_read_too() {
    let plain = bytes(&transaction());
    assert_eq!(read(&body(255, u64::try_from(plain.len()).unwrap(), &plain)).unwrap(), WHOLE);
}

#[test]
fn lengths_that_do_not_add_up_stop_before_the_last_event() {
    for off in [-1, 1, -8, 19, 1 << 40] {
        let body = zstd(&transaction(), off);
        let mut payload = Payload::open(&body, "payload at 4".to_owned(), usize::MAX).unwrap();
        let mut last = false;
        let fault = loop {
            match payload.next() {
                Ok(Some(packed)) => last |= packed.last,
                Ok(None) => unreachable!("{off}"),
                Err(fault) => break fault,
            }
        };
        assert!(!last && matches!(fault, Fault::Stop(_)), "{off}");
        assert!(fault.to_string().contains("damaged transaction"), "{fault}");
    }
}

#[test]
fn an_announced_size_does_not_become_memory() {
    // One event that claims 4 GiB, of which a few bytes are there.
    let mut huge = event(30, b"x");
    huge.size = u32::MAX;
    assert!(read(&body(0, 1 << 33, &zstd::encode_all(&bytes(&[huge])[..], 3).unwrap())).is_err());
}

#[test]
fn events_that_never_are_in_a_payload_stop_it() {
    for code in [3, 4, 15, 26, 27, 33, 34, 35, 40, 42] {
        let text = read(&zstd(&[event(code, b""), event(XID, &[0; 8])], 0)).unwrap_err().to_string();
        assert!(text.contains(&format!("type {code}")), "{text}");
    }
}

#[test]
fn unknown_compression_and_an_empty_payload_are_told() {
    assert!(read(&body(7, 5, b"abcde")).unwrap_err().to_string().contains("payload at 4"));
    assert!(read(&body(0, 0, b"")).is_err());
    assert!(read(&[0]).is_err());
}

proptest! {
    #[test]
    fn a_damaged_payload_never_panics(at in any::<prop::sample::Index>(), value in 1..=255_u8) {
        let events = vec![event(QUERY, b"BEGIN"), event(30, b"some row, some row, some row"), event(XID, &[1; 8])];
        let mut body = zstd(&events, 0);
        let at = at.index(body.len());
        body[at] ^= value;
        // It may unpack to other bytes: the checksum of the event around it tells.
        let _ = read(&body);
    }

    #[test]
    fn arbitrary_payloads_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200), plain in any::<bool>()) {
        let _ = read(&body);
        let size = u64::try_from(body.len()).unwrap();
        let _ = read(&super::tests::body(if plain { 255 } else { 0 }, size, &body));
    }
}
