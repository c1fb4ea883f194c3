//! Files built here, whole and damaged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use super::FileSource;
use crate::position::Position;
use crate::source::{Event, Read, Source};

/// A file: magic, format description of 9.7.4, and two events. Returns the offsets of the events too.
fn file(checksums: bool) -> (Vec<u8>, Vec<u64>) {
    let mut bytes = b"\xfebin".to_vec();
    let mut offsets = Vec::new();
    let mut format = 4_u16.to_le_bytes().to_vec();
    format.extend_from_slice(b"9.7.4-test");
    format.resize(2 + 50 + 4, 0);
    format.push(19);
    format.extend_from_slice(&[8; 41]);
    format.push(u8::from(checksums));
    for (code, body) in [(15, format), (28, b"one".to_vec()), (28, b"two".to_vec())] {
        offsets.push(u64::try_from(bytes.len()).unwrap());
        // A format description always has its checksum.
        let extra = if checksums || code == 15 { 4 } else { 0 };
        let size = u32::try_from(19 + body.len() + extra).unwrap();
        let end_pos = u32::try_from(bytes.len()).unwrap() + size;
        let event = Event {
            code,
            size,
            end_pos,
            body,
            ..Event::default()
        };
        bytes.extend_from_slice(&event.header());
        bytes.extend_from_slice(&event.body);
        bytes.extend_from_slice(&event.crc().to_le_bytes()[..extra]);
    }
    (bytes, offsets)
}

fn source(bytes: Vec<u8>) -> FileSource {
    FileSource::from_bytes(Box::leak(bytes.into_boxed_slice()))
}

/// Bodies of the comments that come, and how it ends.
fn read(source: &mut FileSource) -> (Vec<Vec<u8>>, Result<Read, String>) {
    let mut events = Vec::new();
    let end = loop {
        match source.read(&mut events, Duration::ZERO) {
            Ok(Read::Events) => {}
            Ok(other) => break Ok(other),
            Err(fault) => break Err(fault.to_string()),
        }
    };
    (events.into_iter().filter(|e| e.code == 28).map(|e| e.body).collect(), end)
}

#[test]
fn a_file_is_read_to_its_clean_end_with_and_without_checksums() {
    for checksums in [true, false] {
        let mut source = source(file(checksums).0);
        source.open(&Position::default()).unwrap();
        assert_eq!(read(&mut source), (vec![b"one".to_vec(), b"two".to_vec()], Ok(Read::End)));
        assert_eq!(source.server().unwrap().version, "9.7.4-test");
    }
}

#[test]
fn a_start_in_the_middle_still_brings_the_files_name_and_format() {
    let (bytes, offsets) = file(true);
    let mut source = source(bytes);
    source
        .open(&Position {
            gtid: None,
            file: "binlog.000001".to_owned(),
            pos: offsets[2],
        })
        .unwrap();
    let mut events = Vec::new();
    source.read(&mut events, Duration::ZERO).unwrap();
    let codes: Vec<_> = events.iter().map(|e| (e.code, e.is_made_up())).collect();
    assert_eq!(codes, [(4, true), (15, true), (28, false), (3, true)]);
    assert_eq!(events[2].body, b"two");
}

#[test]
fn files_are_read_in_order_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = ["a.1", "a.2"].iter().map(|name| folder.path().join(name)).collect();
    for path in &paths {
        std::fs::write(path, file(true).0).unwrap();
    }
    let mut source = FileSource::new(paths);
    source
        .open(&Position {
            gtid: None,
            file: "a.1".to_owned(),
            pos: 4,
        })
        .unwrap();
    assert_eq!(read(&mut source).0.len(), 4);
    source
        .open(&Position {
            gtid: None,
            file: "a.2".to_owned(),
            pos: 4,
        })
        .unwrap();
    assert_eq!(read(&mut source).0.len(), 2);
    let missing = source
        .open(&Position {
            gtid: None,
            file: "a.3".to_owned(),
            pos: 4,
        })
        .unwrap_err()
        .to_string();
    assert!(missing.contains("a.3:4"), "{missing}");
}

#[test]
fn a_flipped_bit_anywhere_in_an_event_stops_at_its_offset() {
    let (bytes, offsets) = file(true);
    // Whether the file is still being written is not part of the checksum, and changes nothing.
    let in_use = (21, 0);
    let everywhere = (4..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    for (at, bit) in everywhere.filter(|place| *place != in_use) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        let mut source = source(damaged);
        let _ = source.open(&Position::default());
        let (_, end) = read(&mut source);
        let text = end.unwrap_err();
        let offset = offsets.iter().rfind(|o| **o <= u64::try_from(at).unwrap()).unwrap();
        assert!(
            text.contains("binlog.000001") && text.contains(&format!("offset {offset}:")),
            "{at}: {text}"
        );
    }
}

#[test]
fn an_event_that_is_missing_moved_or_there_twice_stops_where_it_is_noticed() {
    for checksums in [true, false] {
        let (bytes, offsets) = file(checksums);
        let [first, second] = [1, 2].map(|event| usize::try_from(offsets[event]).unwrap());
        let (head, one, two) = (&bytes[..first], &bytes[first..second], &bytes[second..]);
        for (events, comments) in [(vec![head, two], 0), (vec![head, two, one], 0), (vec![head, one, one, two], 1)] {
            let mut source = source(events.concat());
            source.open(&Position::default()).unwrap();
            let (came, end) = read(&mut source);
            assert_eq!(came.len(), comments);
            assert!(end.unwrap_err().contains("written for another place"));
        }
    }
}

#[test]
fn a_version_that_damage_made_older_does_not_switch_checksums_off() {
    let (mut bytes, _) = file(true);
    bytes[25..30].copy_from_slice(b"5.5.4");
    let text = source(bytes).server().unwrap_err().to_string();
    assert!(text.contains("wrong checksum"), "{text}");
}

#[test]
fn a_file_that_is_cut_within_an_event_stops_and_what_came_before_is_delivered() {
    let (bytes, offsets) = file(true);
    let last = usize::try_from(offsets[2]).unwrap();
    for end in last + 1..bytes.len() {
        let mut source = source(bytes[..end].to_vec());
        source.open(&Position::default()).unwrap();
        let (comments, fault) = read(&mut source);
        assert_eq!(comments, [b"one".to_vec()]);
        assert!(fault.unwrap_err().contains("ends within its last event"));
    }
    let mut clean = source(bytes[..last].to_vec());
    clean.open(&Position::default()).unwrap();
    assert_eq!(read(&mut clean).1, Ok(Read::End));
}

#[test]
fn what_is_no_binlog_is_refused() {
    for (bytes, expected) in [
        (&b"\xfdbin"[..], "encrypted"),
        (b"PNG\n", "does not begin like a binlog"),
        (b"\xfe", "ends within"),
    ] {
        let text = source(bytes.to_vec()).server().unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}
