//! Routing columns, made natively.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, ListArray, RecordBatch, StringArray, StructArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};

use super::{Routed, Routes, check_schema};
use crate::batch::Records;

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn headers(of_rows: &[&[(&str, &str)]]) -> ArrayRef {
    let all = || of_rows.iter().flat_map(|row| row.iter());
    let fields = Fields::from(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("value", DataType::Binary, true),
    ]);
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(all().map(|(name, _)| *name)));
    let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(all().map(|(_, value)| value.as_bytes())));
    let items = StructArray::new(fields.clone(), vec![names, values], None);
    let item = Arc::new(Field::new("item", DataType::Struct(fields), false));
    let lengths = OffsetBuffer::from_lengths(of_rows.iter().map(|row| row.len()));
    Arc::new(ListArray::new(item, lengths, Arc::new(items), None))
}

/// Records of rows 0, 1, 1 with the keys `k0`, none, `k2`, and the values `v0`, `v1`, a tombstone; the first has a header.
fn records() -> Records {
    Records {
        topic_names: vec!["own".into()],
        topics: vec![0; 3],
        partitions: vec![-1, -1, 4],
        timestamps: vec![1, 2, 3],
        flags: vec![0, 1, 2],
        bounds: vec![0, 2, 4, 4, 6, 8, 8],
        header_ends: vec![1, 1, 1],
        header_bounds: vec![0, 1, 3],
        header_data: b"hHH".to_vec(),
        data: b"k0v0v1k2".to_vec(),
        rows: vec![0, 1, 1],
        sequences: None,
    }
}

fn topics(records: &Records) -> Vec<&str> {
    let name = |topic: &u16| &**records.topic_names.get(usize::from(*topic)).unwrap();
    records.topics.iter().map(name).collect()
}

fn applied(batch: &RecordBatch) -> Records {
    check_schema(&batch.schema()).unwrap();
    let mut routed = Routed::new(10);
    let routes = Routes::of(batch).unwrap();
    routes.check(&mut routed).unwrap();
    routes.apply(records(), &routed)
}

fn refused(batch: &RecordBatch) -> String {
    let checked = check_schema(&batch.schema()).and_then(|()| Routes::of(batch).unwrap().check(&mut Routed::new(2)));
    checked.unwrap_err().to_string()
}

#[test]
fn a_batch_without_such_columns_routes_nothing() {
    assert!(Routes::of(&rows(vec![("seq", Arc::new(UInt64Array::from(vec![1])))])).is_none());
}

#[test]
fn records_go_where_their_row_says_and_where_it_says_nothing_as_the_encoder_does() {
    let batch = rows(vec![
        ("route_topic", Arc::new(StringArray::from(vec![None, Some("eu.orders")]))),
        ("route_partition", Arc::new(Int32Array::from(vec![Some(7), None]))),
    ]);
    let records = applied(&batch);
    assert_eq!(topics(&records), ["own", "eu.orders", "eu.orders"]);
    assert_eq!(records.partitions, [7, -1, 4]);
    assert_eq!(records.entry(2), Some((Some(&b"k2"[..]), None)), "keys and values stay");
}

#[test]
fn a_row_gives_its_records_another_key() {
    let keys: ArrayRef = Arc::new(BinaryArray::from(vec![None, Some(&b"new"[..])]));
    let records = applied(&rows(vec![("route_key", keys)]));
    let entries: Vec<_> = (0..3).map(|i| records.entry(i).unwrap()).collect();
    assert_eq!(
        entries,
        [
            (Some(&b"k0"[..]), Some(&b"v0"[..])),
            (Some(&b"new"[..]), Some(&b"v1"[..])),
            (Some(&b"new"[..]), None)
        ]
    );
}

#[test]
fn headers_of_a_row_come_behind_those_of_the_encoder() {
    let records = applied(&rows(vec![("route_headers", headers(&[&[("a", "1"), ("b", "")], &[]]))]));
    let of = |i| -> Vec<(&[u8], &[u8])> { records.headers(i).collect() };
    assert_eq!(of(0), [(&b"h"[..], &b"HH"[..]), (&b"a"[..], &b"1"[..]), (&b"b"[..], &b""[..])]);
    assert!(of(1).is_empty() && of(2).is_empty());
}

#[test]
fn what_kafka_would_not_take_is_refused_by_name() {
    let topic = |name: &str| refused(&rows(vec![("route_topic", Arc::new(StringArray::from(vec![name])))]));
    for name in ["", ".", "..", "white space", "ümlaut", &"x".repeat(250)] {
        assert!(topic(name).contains("a topic's name has"), "{name}");
    }
    // What rowmill keeps in its own topics no row may overwrite.
    for name in ["rowmill_positions", "rowmill.positions", "rowmill_connectors"] {
        assert!(topic(name).contains("keeps its own records"), "{name}");
    }
    let alike: ArrayRef = Arc::new(StringArray::from(vec!["eu.a", "eu_a"]));
    assert!(refused(&rows(vec![("route_topic", alike)])).contains("differs only in '.' and '_'"));
    let mut beside = Routed::new(2);
    beside.beside(&Arc::new([Arc::from("mysql_t")].into()));
    for (name, is_taken) in [("mysql_t", true), ("mysql.t", false)] {
        let batch = rows(vec![("route_topic", Arc::new(StringArray::from(vec![name])))]);
        assert_eq!(Routes::of(&batch).unwrap().check(&mut beside).is_ok(), is_taken, "{name}");
    }
    let many: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "c"]));
    assert!(refused(&rows(vec![("route_topic", many)])).contains("\"c\": limits.routed_topics = 2 are taken"));
    let below: ArrayRef = Arc::new(Int32Array::from(vec![-1]));
    assert!(refused(&rows(vec![("route_partition", below)])).contains("route_partition -1"));
    assert!(refused(&rows(vec![("route_headers", headers(&[&[("", "x")]]))])).contains("no name"));
}

#[test]
fn columns_of_another_type_or_name_are_refused() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    assert!(refused(&rows(vec![("route_topic", Arc::clone(&numbers))])).contains("route_topic is not Utf8"));
    assert!(refused(&rows(vec![("route_headers", Arc::clone(&numbers))])).contains("List<Struct<name Utf8, value Binary>>"));
    assert!(refused(&rows(vec![("route_shard", numbers)])).contains("\"route_shard\""));
}
