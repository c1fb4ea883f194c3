//! What the batcher promises, tested from the outside: whole events in, batches out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray as _, StructArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};

use super::{Batch, Batcher, Shape};
use crate::config::{BatchLimits, OnError, Topics};
use crate::fault::Fault;
use crate::source::{Charset, Column, ColumnType, Flavor, Image, RowOp, Rows, Server, Table, Transaction};

const ROW_LIMIT: usize = 1000;

pub(super) fn batcher(max_rows: usize, max_bytes: usize) -> Batcher {
    let limits = BatchLimits {
        max_rows,
        max_bytes,
        max_delay: Duration::from_millis(20),
    };
    let server = Server {
        flavor: Flavor::Mysql,
        version: "9.7.0".to_owned(),
        time_zone: "+08:00".to_owned(),
    };
    let topics = Topics {
        prefix: "mysql".to_owned(),
        pattern: "{prefix}_{table}".to_owned(),
        partitions_with_key: 6,
        partitions_without_key: 1,
        replication: -1,
    };
    Batcher::new(limits, ROW_LIMIT, server, topics)
}

pub(super) fn table(version: u32, name: &str, kinds: Vec<ColumnType>) -> Arc<Table> {
    let column = |(number, kind)| Column {
        name: format!("c{number}"),
        type_text: "as written".to_owned(),
        width_unknown: None,
        kind,
        nullable: true,
    };
    Arc::new(Table {
        hidden: 0,
        version,
        database: "shop".to_owned(),
        name: name.to_owned(),
        columns: kinds.into_iter().enumerate().map(column).collect(),
        key: vec![0],
    })
}

/// `id int`, `name varchar`, `born date`.
pub(super) fn people(version: u32) -> Arc<Table> {
    let id = ColumnType::Int { bytes: 4, unsigned: false };
    let name = ColumnType::Text {
        charset: Charset::Utf8mb4,
        length_bytes: 1,
    };
    table(version, "people", vec![id, name, ColumnType::Date])
}

fn whole() -> Image {
    Image {
        present: vec![0b111],
        whole: true,
    }
}

fn partial(bits: u8) -> Image {
    Image {
        present: vec![bits],
        whole: false,
    }
}

/// A row image with all three columns; the date is 2024-01-01, or 2024-00-01 where it is to be odd.
pub(super) fn image(id: i32, name: &str, odd: bool) -> Vec<u8> {
    let date: u32 = if odd { (2024 << 9) | 1 } else { (2024 << 9) | (1 << 5) | 1 };
    let mut bytes = vec![0];
    bytes.extend(id.to_le_bytes());
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend(name.as_bytes());
    bytes.extend(&date.to_le_bytes()[..3]);
    bytes
}

pub(super) fn event<'a>(table: &'a Arc<Table>, op: RowOp, data: &'a [u8]) -> Rows<'a> {
    Rows {
        table,
        op,
        first: whole(),
        second: whole(),
        data,
        is_partial: false,
        timestamp: 1_700_000_000,
    }
}

pub(super) fn transaction(pos: u64) -> Transaction {
    Transaction {
        gtid: format!("uuid:{pos}"),
        file: "binlog.000001".to_owned(),
        pos,
        commit_time_ms: None,
        checkpoint_time_ms: 1_600_000_000_000,
    }
}

fn side<'a>(batch: &'a Batch, name: &str) -> &'a StructArray {
    batch.rows.column_by_name(name).unwrap().as_struct()
}

fn ids(batch: &Batch, name: &str) -> Vec<Option<i32>> {
    side(batch, name).column(0).as_primitive::<Int32Type>().iter().collect()
}

fn flags(batch: &Batch) -> Vec<u8> {
    batch
        .rows
        .column_by_name("flags")
        .unwrap()
        .as_primitive::<UInt8Type>()
        .values()
        .to_vec()
}

fn seqs(batch: &Batch) -> Vec<u64> {
    batch
        .rows
        .column_by_name("seq")
        .unwrap()
        .as_primitive::<UInt64Type>()
        .values()
        .to_vec()
}

#[test]
fn what_open_batches_of_all_tables_hold_is_told_with_the_room_that_they_made() {
    let mut batcher = batcher(1000, 1 << 20);
    let mut sequence = 1;
    let kinds = people(0).columns.iter().map(|column| column.kind.clone()).collect::<Vec<_>>();
    let tables: Vec<_> = (1..=100).map(|n| table(n, &format!("people{n}"), kinds.clone())).collect();
    let data: Vec<u8> = (0..50).flat_map(|id| image(id, "some name", false)).collect();
    for table in &tables {
        batcher
            .add(&event(table, RowOp::Insert, &data), &transaction(4), &mut sequence)
            .unwrap();
    }
    assert_eq!((batcher.held(), batcher.bytes()), (100 * data.len(), 100 * data.len()));
    batcher.close_all().unwrap();
    assert_eq!((batcher.held(), batcher.bytes()), (0, 0));
    // Now each table makes room for as much as it had before, for a single row.
    let one = image(7, "x", false);
    for table in &tables {
        batcher
            .add(&event(table, RowOp::Insert, &one), &transaction(5), &mut sequence)
            .unwrap();
    }
    assert_eq!((batcher.held(), batcher.bytes()), (100 * data.len(), 100 * one.len()));
}

#[test]
fn inserts_updates_and_deletes_of_a_batch_keep_both_images_and_one_number_each() {
    let people = people(1);
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 50;
    let t = transaction(4);
    batcher
        .add(&event(&people, RowOp::Insert, &image(1, "a", false)), &t, &mut sequence)
        .unwrap();
    let update = [image(1, "a", false), image(2, "b", false)].concat();
    batcher.add(&event(&people, RowOp::Update, &update), &t, &mut sequence).unwrap();
    let same_key = [image(2, "b", false), image(2, "c", false)].concat();
    batcher.add(&event(&people, RowOp::Update, &same_key), &t, &mut sequence).unwrap();
    batcher
        .add(&event(&people, RowOp::Delete, &image(2, "c", false)), &t, &mut sequence)
        .unwrap();
    batcher.end_transaction(77);
    let batches = batcher.close_all().unwrap();
    assert!(batcher.is_empty());
    assert_eq!(batches.len(), 1);
    let batch = &batches[0];
    assert_eq!(seqs(batch), [50, 51, 52, 53]);
    assert_eq!(sequence, 54);
    assert_eq!(batch.rows.column(1).as_primitive::<UInt8Type>().values(), &[1, 2, 2, 3]);
    assert_eq!(flags(batch), [1, 4, 0, 2]);
    assert_eq!(ids(batch, "before"), [None, Some(1), Some(2), Some(2)]);
    assert_eq!(ids(batch, "after"), [Some(1), Some(2), Some(2), None]);
    assert!(side(batch, "before").is_null(0) && side(batch, "after").is_null(3));
    assert!(
        batch
            .rows
            .column(3)
            .as_primitive::<Int64Type>()
            .iter()
            .all(|ts| ts == Some(1_700_000_000_000))
    );
    assert!(
        batch
            .rows
            .column(4)
            .as_primitive::<Int64Type>()
            .iter()
            .all(|ts| ts == Some(1_600_000_000_000))
    );
    assert_eq!(batch.transactions.xids, [77]);
    assert_eq!(batch.transactions.places, "binlog.000001:4");
    assert_eq!(batch.transactions.gtids, "uuid:4");
}

#[test]
fn columns_that_a_batch_does_not_need_are_left_out() {
    let people = people(1);
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    batcher
        .add(
            &event(&people, RowOp::Insert, &image(1, "a", false)),
            &transaction(4),
            &mut sequence,
        )
        .unwrap();
    let plain = batcher.close_all().unwrap().remove(0);
    assert_eq!(plain.shape, Shape::default());
    let names: Vec<_> = plain.rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["seq", "op", "flags", "ts", "checkpoint_ts", "txn", "after"]);

    let mut minimal = event(&people, RowOp::Update, &[]);
    minimal.first = partial(0b001);
    minimal.second = partial(0b010);
    let data = [vec![0, 7, 0, 0, 0], vec![0, 1, b'x']].concat();
    minimal.data = &data;
    batcher.add(&minimal, &transaction(5), &mut sequence).unwrap();
    batcher
        .add(&event(&people, RowOp::Insert, &image(9, "z", true)), &transaction(5), &mut sequence)
        .unwrap();
    let full = batcher.close_all().unwrap().remove(0);
    let names: Vec<_> = full.rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[6..], ["before", "after", "before_present", "after_present", "odd_dates"]);
    assert_eq!(ids(&full, "before"), [Some(7), None]);
    assert_eq!(ids(&full, "after"), [None, Some(9)]);
    let before = full.rows.column_by_name("before_present").unwrap().as_fixed_size_binary();
    let after = full.rows.column_by_name("after_present").unwrap().as_fixed_size_binary();
    assert_eq!((before.value(0), before.is_null(1)), (&[0b001_u8][..], true));
    assert_eq!((after.value(0), after.is_null(1)), (&[0b010_u8][..], true));
    assert_eq!(flags(&full), [1, 0], "a key column that the new image lacks was not changed");
}

#[test]
fn an_odd_date_is_null_with_its_text_in_odd_dates() {
    let people = people(1);
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    let data = [image(1, "a", false), image(1, "b", true), image(1, "a", true), image(1, "c", true)].concat();
    batcher
        .add(&event(&people, RowOp::Update, &data), &transaction(4), &mut sequence)
        .unwrap();
    let batch = batcher.close_all().unwrap().remove(0);
    assert!(side(&batch, "after").column(2).is_null(0) && side(&batch, "before").column(2).is_valid(0));
    let list = batch.rows.column_by_name("odd_dates").unwrap().as_list::<i32>();
    assert_eq!((list.value_length(0), list.value_length(1)), (1, 2));
    let entries = list.values().as_struct();
    assert_eq!(entries.column(0).as_primitive::<UInt8Type>().values(), &[1, 0, 1]);
    assert_eq!(entries.column(1).as_primitive::<UInt16Type>().values(), &[2, 2, 2]);
    assert_eq!(entries.column(2).as_string::<i32>().value(2), "2024-00-01");
}

#[test]
fn an_event_larger_than_a_batch_fills_several_in_order() {
    let people = people(1);
    let data: Vec<u8> = (0..10).flat_map(|id| image(id, "name", false)).collect();
    let one = data.len() / 10;
    for (max_rows, max_bytes) in [(4, 1 << 20), (100, 4 * one)] {
        let mut batcher = batcher(max_rows, max_bytes);
        let mut sequence = 0;
        batcher
            .add(&event(&people, RowOp::Insert, &data), &transaction(4), &mut sequence)
            .unwrap();
        assert_eq!(batcher.bytes(), 2 * one);
        let mut batches = Vec::new();
        while let Some(batch) = batcher.next_full() {
            batches.push(batch);
        }
        assert_eq!(batches.len(), 2);
        batcher.end_transaction(5);
        batches.extend(batcher.close_all().unwrap());
        assert_eq!(batches.iter().flat_map(seqs).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(batches.iter().flat_map(flags).collect::<Vec<_>>(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert!(batches.iter().all(|batch| batch.transactions.gtids == "uuid:4"));
        assert_eq!((batcher.bytes(), batcher.oldest()), (0, None));
    }
}

#[test]
fn interleaved_tables_do_not_cut_each_other_and_leave_in_order_of_their_first_row() {
    let (people, animals) = (
        people(1),
        table(2, "animals", people(1).columns.iter().map(|c| c.kind.clone()).collect()),
    );
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    for (number, table) in [&animals, &people, &animals, &people].into_iter().enumerate() {
        let data = image(i32::try_from(number).unwrap(), "x", false);
        batcher
            .add(&event(table, RowOp::Insert, &data), &transaction(4), &mut sequence)
            .unwrap();
    }
    batcher.end_transaction(1);
    assert!(batcher.next_full().is_none());
    let batches = batcher.close_all().unwrap();
    let names: Vec<_> = batches.iter().map(|batch| batch.table.name.as_str()).collect();
    assert_eq!(names, ["animals", "people"]);
    assert_eq!((seqs(&batches[0]), seqs(&batches[1])), (vec![0, 2], vec![1, 3]));
    assert_eq!((flags(&batches[0]), flags(&batches[1])), (vec![1, 0], vec![0, 2]));
}

/// Invariant 3: one table and one schema version.
#[test]
fn a_batch_has_one_table_and_one_schema_version() {
    let (old, new) = (people(1), people(2));
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    for table in [&old, &old, &new] {
        batcher
            .add(&event(table, RowOp::Insert, &image(1, "x", false)), &transaction(4), &mut sequence)
            .unwrap();
    }
    let first = batcher.next_full().unwrap();
    assert_eq!((first.table.version, seqs(&first)), (1, vec![0, 1]));
    let rest = batcher.close_all().unwrap();
    assert_eq!((rest.len(), rest[0].table.version, seqs(&rest[0])), (1, 2, vec![2]));
}

#[test]
fn a_barrier_closes_one_table_only() {
    let (people, animals) = (
        people(1),
        table(2, "animals", people(1).columns.iter().map(|c| c.kind.clone()).collect()),
    );
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    for table in [&people, &animals] {
        batcher
            .add(&event(table, RowOp::Insert, &image(1, "x", false)), &transaction(4), &mut sequence)
            .unwrap();
    }
    batcher.close_table("shop", "animals").unwrap();
    assert_eq!(batcher.next_full().unwrap().table.name, "animals");
    assert!(batcher.next_full().is_none() && !batcher.is_empty());
}

#[test]
fn rows_of_two_transactions_point_at_their_own() {
    let people = people(1);
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    for pos in [4, 9] {
        let data = [image(1, "x", false), image(2, "y", false)].concat();
        batcher
            .add(&event(&people, RowOp::Insert, &data), &transaction(pos), &mut sequence)
            .unwrap();
        batcher.end_transaction(pos + 100);
    }
    let batch = batcher.close_all().unwrap().remove(0);
    assert_eq!(batch.rows.column(5).as_primitive::<UInt32Type>().values(), &[0, 0, 1, 1]);
    assert_eq!(flags(&batch), [1, 2, 1, 2]);
    assert_eq!(batch.transactions.xids, [104, 109]);
    assert_eq!(batch.transactions.places, "binlog.000001:4binlog.000001:9");
    assert_eq!(batch.transactions.place_ends, [15, 30]);
}

#[test]
fn a_value_that_can_not_be_decoded_stops_by_name_and_keeps_the_rows_before_it() {
    let people = people(1);
    let mut batcher = batcher(100, 1 << 20);
    let mut sequence = 0;
    let mut broken = image(2, "xy", false);
    broken[6] = 0xff;
    let data = [image(1, "a", false), broken].concat();
    let fault = batcher
        .add(&event(&people, RowOp::Insert, &data), &transaction(4), &mut sequence)
        .unwrap_err();
    assert!(matches!(fault, Fault::Stop(_)));
    let text = fault.to_string();
    for part in ["shop.people", "`c1`", "row 2", "binlog.000001:4", "UTF-8"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let batch = batcher.close_all().unwrap().remove(0);
    assert_eq!((ids(&batch, "after"), sequence), (vec![Some(1)], 1));
}

#[test]
fn rows_at_fault_are_told_apart_and_the_others_of_their_event_keep_order_and_numbers() {
    let people = people(1);
    let mut batcher = batcher(1000, 1 << 20).with_on_error(OnError::DeadLetter);
    let mut sequence = 100;
    let bad_text = |id: i32| {
        let mut bytes = image(id, "xx", false);
        bytes[6] = 0xff;
        bytes
    };
    let long = |id: i32| {
        let mut bytes = vec![0];
        bytes.extend(id.to_le_bytes());
        bytes.push(255);
        bytes.extend([b'x'; 255]);
        bytes.extend([0, 0, 0]);
        bytes
    };
    let rows = [bad_text(1), image(2, "fits", false), bad_text(3), image(4, "fits", false)].concat();
    let add = |batcher: &mut Batcher, rows: &[u8], sequence: &mut u64| {
        batcher
            .add(&event(&people, RowOp::Insert, rows), &transaction(4), sequence)
            .unwrap();
        batcher.take_rejected()
    };
    let rejected = add(&mut batcher, &rows, &mut sequence);
    let found: Vec<_> = rejected.iter().map(|r| (r.seq, r.row, r.code, r.flawed.clone())).collect();
    assert_eq!(found, [(100, 0, "invalid_text", vec![1]), (102, 2, "invalid_text", vec![1])]);
    assert_eq!(rejected[0].images.as_deref(), Some(&*bad_text(1)));
    assert!(
        rejected[1].text.contains("`c1`") && rejected[1].text.contains("row 3"),
        "{}",
        rejected[1].text
    );
    let readable = rejected[1].readable.as_ref().unwrap();
    assert_eq!(ids(readable, "after"), [Some(3)]);
    assert_eq!(side(readable, "after").column(1).as_binary::<i32>().value(0), [0xff, b'x']);

    // Five of them are larger than the limit of one row together, and none is by itself.
    let rows: Vec<u8> = (5..10).flat_map(long).collect();
    assert!(rows.len() > ROW_LIMIT && add(&mut batcher, &rows, &mut sequence).is_empty());
    batcher.end_transaction(7);
    let batches = batcher.close_all().unwrap();
    assert_eq!(ids(&batches[0], "after"), [2, 4, 5, 6, 7, 8, 9].map(Some));
    assert_eq!(seqs(&batches[0]), [101, 103, 104, 105, 106, 107, 108]);
    assert_eq!(batches[0].transactions.first_sequences, [100]);
}

#[test]
fn an_event_that_is_cut_short_stops_whatever_becomes_of_rows_at_fault() {
    let people = people(1);
    let mut batcher = batcher(1000, 1 << 20).with_on_error(OnError::Skip);
    let mut rows = image(1, "whole", false);
    rows.extend(&image(2, "cut", false)[..7]);
    let fault = batcher
        .add(&event(&people, RowOp::Insert, &rows), &transaction(4), &mut 1)
        .unwrap_err();
    assert!(matches!(fault, Fault::Stop(_)));
    assert!(batcher.take_rejected().is_empty());
}

#[test]
fn a_row_above_the_limit_is_left_out_of_its_event_without_its_bytes() {
    let wide = table(7, "wide", vec![ColumnType::Binary { length_bytes: 2 }]);
    let mut batcher = batcher(1000, 1 << 20).with_on_error(OnError::DeadLetter);
    let mut data = vec![0, 3, 0, 1, 2, 3, 0, 0xe8, 0x03];
    data.extend([7; 1000]);
    data.extend([0, 1, 0, 9]);
    batcher.add(&event(&wide, RowOp::Insert, &data), &transaction(4), &mut 50).unwrap();
    let rejected = batcher.take_rejected();
    assert_eq!((rejected.len(), rejected[0].seq, rejected[0].code), (1, 51, "row_too_large"));
    assert!(rejected[0].images.is_none() && rejected[0].bytes == 1003);
    assert_eq!(seqs(&batcher.close_all().unwrap()[0]), [50, 52]);
}

#[test]
fn a_row_above_the_limit_is_rejected_with_its_size_before_any_is_added() {
    let people = people(1);
    let mut batcher = batcher(1000, 1 << 20);
    let mut sequence = 3;
    let rows: Vec<u8> = (0..100).flat_map(|id| image(id, "fits", false)).collect();
    assert!(rows.len() > ROW_LIMIT);
    batcher
        .add(&event(&people, RowOp::Insert, &rows), &transaction(4), &mut sequence)
        .unwrap();
    assert_eq!(sequence, 103);

    let wide = table(7, "wide", vec![ColumnType::Binary { length_bytes: 2 }]);
    let mut data = vec![0, 3, 0, 1, 2, 3, 0, 0xe8, 0x03];
    data.extend([7; 1000]);
    let fault = batcher
        .add(&event(&wide, RowOp::Insert, &data), &transaction(4), &mut sequence)
        .unwrap_err();
    assert!(matches!(fault, Fault::Reject(_)));
    let text = fault.to_string();
    assert!(
        text.contains("shop.wide") && text.contains("1003 bytes") && text.contains("limits.row"),
        "{text}"
    );
    assert_eq!(sequence, 103);
}

#[test]
fn a_type_that_is_not_decoded_yet_stops_with_table_column_and_type() {
    let odd = table(1, "odd", vec![ColumnType::Unsupported("varchar in gbk".to_owned())]);
    let fault = batcher(1, 1)
        .add(&event(&odd, RowOp::Insert, &[0]), &transaction(4), &mut 0)
        .unwrap_err();
    let text = fault.to_string();
    assert!(
        text.contains("shop.odd") && text.contains("`c0`") && text.contains("varchar in gbk"),
        "{text}"
    );
}

#[test]
fn the_schema_says_what_the_contract_lists() {
    let labels = vec!["a".to_owned(), "\"".to_owned()];
    let kinds = vec![
        ColumnType::Decimal { precision: 12, scale: 2 },
        ColumnType::Enum { labels, bytes: 1 },
        ColumnType::Timestamp { fsp: 3 },
        ColumnType::FixedBinary {
            length: 4,
            length_bytes: 1,
        },
        ColumnType::Text {
            charset: Charset::Latin1,
            length_bytes: 1,
        },
    ];
    let mut table = table(1, "t", kinds);
    let first = Arc::get_mut(&mut table).unwrap().columns.first_mut();
    first.unwrap().width_unknown = Some("nobody knows".to_owned());
    let mut batcher = batcher(10, 1 << 20);
    batcher
        .add(&event(&table, RowOp::Insert, &[0b11111]), &transaction(4), &mut 0)
        .unwrap();
    let batch = batcher.close_all().unwrap().remove(0);
    let schema = batch.rows.schema();
    for (key, value) in [
        ("rowmill.flavor", "mysql"),
        ("rowmill.server_version", "9.7.0"),
        ("rowmill.database", "shop"),
        ("rowmill.table", "t"),
        ("rowmill.key", "[0]"),
        ("rowmill.time_zone", "+08:00"),
        ("rowmill.topic", "mysql_t"),
    ] {
        assert_eq!(schema.metadata()[key], value);
    }
    let DataType::Struct(fields) = schema.field_with_name("after").unwrap().data_type() else {
        unreachable!("`after` is a struct")
    };
    let note = |field: usize, key: &str| fields[field].metadata().get(key).map(String::as_str);
    assert_eq!(fields[0].data_type(), &DataType::Decimal128(12, 2));
    assert_eq!(
        (note(0, "rowmill.kind"), note(0, "rowmill.type")),
        (Some("decimal"), Some("as written"))
    );
    assert_eq!(
        (note(1, "rowmill.kind"), note(1, "rowmill.labels")),
        (Some("enum"), Some(r#"["a","\""]"#))
    );
    assert_eq!((note(2, "rowmill.kind"), note(2, "rowmill.fsp")), (Some("timestamp"), Some("3")));
    assert_eq!((note(3, "rowmill.kind"), note(3, "rowmill.length")), (Some("binary"), Some("4")));
    assert_eq!(
        (note(4, "rowmill.kind"), note(4, "rowmill.charset")),
        (Some("string"), Some("latin1"))
    );
    assert_eq!(
        [0, 1].map(|field| note(field, "rowmill.width_unknown")),
        [Some("nobody knows"), None]
    );
}
