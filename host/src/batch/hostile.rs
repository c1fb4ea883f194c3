//! Bytes that no server would write: they may fail, never panic, and never take more than their share.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;

use super::promises::{batcher, table, transaction};
use crate::source::{Charset, ColumnType, Image, RowOp, Rows, Table};

/// One column of every way of decoding.
fn every_kind() -> Arc<Table> {
    let labels = |count: usize| (0..count).map(|number| number.to_string()).collect();
    let int = |bytes| ColumnType::Int { bytes, unsigned: false };
    let text = |charset| ColumnType::Text { charset, length_bytes: 1 };
    let mut kinds = vec![
        int(1),
        int(2),
        int(3),
        int(4),
        int(8),
        ColumnType::Year,
        ColumnType::Float,
        ColumnType::Double,
    ];
    kinds.extend([ColumnType::Bit { bits: 1 }, ColumnType::Bit { bits: 20 }, ColumnType::Date]);
    kinds.extend([(1, 0), (18, 9), (38, 30), (65, 30)].map(|(precision, scale)| ColumnType::Decimal { precision, scale }));
    kinds.extend([
        ColumnType::Datetime { fsp: 6 },
        ColumnType::Timestamp { fsp: 1 },
        ColumnType::Time { fsp: 4 },
    ]);
    kinds.extend(Charset::ALL.iter().copied().map(text));
    kinds.extend([
        ColumnType::FixedBinary {
            length: 9,
            length_bytes: 1,
        },
        ColumnType::Binary { length_bytes: 3 },
    ]);
    kinds.extend([
        ColumnType::Enum {
            labels: labels(3),
            bytes: 1,
        },
        ColumnType::Set {
            labels: labels(9),
            bytes: 2,
        },
        ColumnType::Json { length_bytes: 1 },
    ]);
    table(1, "everything", kinds)
}

proptest! {
    #[test]
    fn no_bytes_of_a_row_event_can_panic(
        data in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0x80), any::<u8>()], 0..600),
        first in proptest::collection::vec(any::<u8>(), 0..5),
        second in proptest::collection::vec(any::<u8>(), 0..5),
        op in prop_oneof![Just(RowOp::Insert), Just(RowOp::Update), Just(RowOp::Delete)],
        whole in any::<bool>(),
    ) {
        let table = every_kind();
        let mut batcher = batcher(3, 1 << 20);
        let mut sequence = 0;
        let rows = Rows {
            table: &table,
            op,
            first: Image { present: first, whole },
            second: Image { present: second, whole },
            data: &data,
            is_partial: false,
            timestamp: 0,
        };
        let _ = batcher.add(&rows, &transaction(4), &mut sequence);
        let held: usize = batcher.close_all().unwrap().iter().map(|batch| batch.rows.num_rows()).sum();
        prop_assert_eq!(u64::try_from(held).unwrap(), sequence);
    }

    /// Offsets of mostly small numbers make containers that point into each other.
    #[test]
    fn no_binary_json_can_panic_or_grow_without_end(
        kind in 0_u8..16,
        body in proptest::collection::vec(prop_oneof![0_u8..16, any::<u8>()], 0..200),
    ) {
        let mut document = vec![kind];
        document.extend(&body);
        let mut text = Vec::new();
        if super::json::append(&document, &mut text).is_ok() {
            prop_assert!(std::str::from_utf8(&text).is_ok());
        }
        // No value takes more than 400 characters, no byte of a string more than 6.
        prop_assert!(text.len() <= 400 * document.len() + 400);
    }
}

#[test]
fn a_json_container_that_is_smaller_than_its_own_head_is_an_error() {
    // An empty array and an empty object of one byte and of none.
    for document in [&[2, 0, 0, 1, 0, 0, 0, 4][..], &[1, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let flaw = super::json::append(document, &mut Vec::new()).unwrap_err();
        assert!(flaw.to_string().contains("room"), "{flaw}");
    }
}

#[test]
fn json_whose_offsets_run_in_circles_is_an_error() {
    // A small array of two small arrays, which are both the array itself.
    let document = [2, 2, 0, 10, 0, 2, 0, 0, 2, 0, 0];
    let mut text = Vec::new();
    let flaw = super::json::append(&document, &mut text).unwrap_err();
    assert!(flaw.to_string().contains("circles"), "{flaw}");
}
