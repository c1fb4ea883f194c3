//! What the fuzz targets check, on the demo's binlog: as it is, and with some bytes changed.

use std::time::Duration;

use proptest::prelude::*;

use super::{check_events, check_row_image, check_table};
use crate::position::Position;
use crate::source::{Event, FileSource, Read, Source, bytes_of, check_compressed, check_gtids};

static BINLOG: &[u8] = include_bytes!("../../../demo/demo.binlog");

/// The events that are in the file: its head, and some with every kind of row event.
fn captured() -> Vec<Event> {
    let mut source = FileSource::from_bytes(BINLOG);
    source.open(&Position::default()).unwrap();
    let mut events = Vec::new();
    while source.read(&mut events, Duration::ZERO).unwrap() != Read::End {}
    events.retain(|event| !event.is_made_up());
    events
}

/// Bodies of the first events of a type.
fn bodies(events: &[Event], code: u8, most: usize) -> Vec<Vec<u8>> {
    let found = events.iter().filter(|event| event.code == code);
    found.take(most).map(|event| event.body.clone()).collect()
}

/// Inputs of the target `row_image`: a table map, the number of the kind, and rows.
fn row_images(events: &[Event]) -> Vec<Vec<u8>> {
    let pairs = events
        .windows(2)
        .filter(|pair| pair[0].code == 19 && (30..33).contains(&pair[1].code));
    let image = |pair: &[Event]| {
        let length = u16::try_from(pair[0].body.len()).unwrap().to_le_bytes();
        [&length[..], &pair[0].body, &[pair[1].code - 30], &pair[1].body].concat()
    };
    pairs.map(image).collect()
}

#[test]
fn what_is_fuzzed_holds_for_a_captured_binlog() {
    let events = captured();
    check_events(&bytes_of(&events));
    let rows = super::run(&bytes_of(&events)).rows;
    assert!(
        rows.iter().map(|batch| batch.num_rows()).sum::<usize>() > 100,
        "rows are there to be checked"
    );
    bodies(&events, 19, usize::MAX).iter().for_each(|body| check_table(body));
    row_images(&events).iter().for_each(|image| check_row_image(image));
    let with = |what: u8, body: Vec<u8>| [&[what][..], &body].concat();
    bodies(&events, 33, 20).into_iter().for_each(|body| check_gtids(&with(3, body)));
    bodies(&events, 35, 1).into_iter().for_each(|body| check_gtids(&with(1, body)));
    for how in [1, 3, 5] {
        check_compressed(&with(how, bytes_of(&events[3..40])));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_fuzzed_holds_for_a_damaged_one(
        which in any::<prop::sample::Index>(),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let events = captured();
        let from = which.index(events.len() - 8);
        let mut log = bytes_of(&[&events[..2], &events[from..from + 8]].concat());
        let images = row_images(&events);
        let mut image = images[which.index(images.len())].clone();
        for (at, value) in hits {
            let (in_log, in_image) = (at.index(log.len()), at.index(image.len()));
            log[in_log] = value;
            image[in_image] = value;
        }
        check_events(&log);
        check_row_image(&image);
    }
}
