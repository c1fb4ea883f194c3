//! Rows with differences, as whole rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;

use super::{Decoder, Flaw, expand};
use crate::source::{Image, RowOp, Rows, Table};

/// `id` of one byte, then two JSON columns with lengths of four bytes.
const DECODERS: [Decoder; 3] = [Decoder::Plain1, Decoder::Json(4), Decoder::Json(4)];

fn rows<'a>(table: &'a Arc<Table>, first: u8, second: u8, data: &'a [u8]) -> Rows<'a> {
    let image = |bits| Image {
        present: vec![bits],
        whole: bits == 7,
    };
    Rows {
        table,
        op: RowOp::Update,
        first: image(first),
        second: image(second),
        data,
        is_partial: true,
        timestamp: 0,
    }
}

fn table() -> Arc<Table> {
    Arc::new(Table {
        hidden: 0,
        version: 1,
        database: "d".to_owned(),
        name: "t".to_owned(),
        columns: Vec::new(),
        key: Vec::new(),
    })
}

/// The array `[1]`, and the difference that makes `[2]` of it.
const ONE: [u8; 8] = [2, 1, 0, 7, 0, 5, 1, 0];
const TO_TWO: [u8; 10] = [0, 4, b'$', b'[', b'0', b']', 3, 5, 2, 0];
/// `[2]` as it is put together again.
const TWO: [u8; 14] = [3, 1, 0, 0, 0, 13, 0, 0, 0, 5, 2, 0, 0, 0];

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat()
}

#[test]
fn each_json_column_has_its_own_bit_also_where_the_image_lacks_it() {
    let table = table();
    // The second JSON column is a difference, the first is whole.
    let before = [&[0, 9][..], &counted(&ONE), &counted(&ONE)].concat();
    let data = [&before[..], &[1, 0b10, 0, 9], &counted(&ONE), &counted(&TO_TWO)].concat();
    let expected = [&before[..], &[0, 9], &counted(&ONE), &counted(&TWO)].concat();
    assert_eq!(expand(&DECODERS, &rows(&table, 7, 7, &data)).unwrap(), expected);
    // The after image lacks the first one, whose bit is there all the same.
    let data = [&before[..], &[1, 0b10, 0], &counted(&TO_TWO)].concat();
    let expected = [&before[..], &[0], &counted(&TWO)].concat();
    assert_eq!(expand(&DECODERS, &rows(&table, 7, 0b100, &data)).unwrap(), expected);
}

#[test]
fn rows_without_differences_are_only_freed_of_their_options() {
    let table = table();
    let before = [0b110, 9];
    let data = [&before[..], &[0, 0b100, 9], &counted(&ONE), &before, &[1, 0, 0b110, 8]].concat();
    let expected = [&before[..], &[0b100, 9], &counted(&ONE), &before, &[0b110, 8]].concat();
    assert_eq!(expand(&DECODERS, &rows(&table, 7, 7, &data)).unwrap(), expected);
}

#[test]
fn a_difference_without_the_document_before_is_told_with_column_and_row() {
    let table = table();
    // A whole row first, then one whose before image is NULL there; and an image that lacks the column.
    let whole = [0b110, 9, 0, 0b110, 9];
    let data = [&whole[..], &[0b010, 9], &counted(&ONE), &[1, 0b01, 0b100, 9], &counted(&TO_TWO)].concat();
    let (row, place) = expand(&DECODERS, &rows(&table, 7, 7, &data)).unwrap_err();
    assert_eq!((row, place.column, place.flaw), (1, Some(1), Flaw::NoDocument));
    let data = [&[0, 9, 1, 0b01, 0][..], &counted(&TO_TWO)].concat();
    let (row, place) = expand(&DECODERS, &rows(&table, 0b001, 0b010, &data)).unwrap_err();
    assert_eq!((row, place.column, place.flaw), (0, Some(1), Flaw::NoDocument));
}

proptest! {
    #[test]
    fn arbitrary_rows_never_panic(first in 0..8_u8, second in 0..8_u8, data in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = expand(&DECODERS, &rows(&table(), first, second, &data));
    }
}
