//! The envelope, byte by byte: the documented message, every kind, every option.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod values;

use rowmill_envelope::Envelope;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<Envelope>::new(config).unwrap().encode(rows).unwrap()
}

/// A record's value with the clock's time taken out.
fn timeless(record: &Delivered) -> String {
    let text = record.value_text();
    let (before, rest) = text.split_once("\"systemTime\":").unwrap();
    let (time, after) = rest.split_once(',').unwrap();
    assert!(time.parse::<i64>().unwrap() > 1_600_000_000_000, "a time in milliseconds: {time}");
    format!("{before}\"systemTime\":0,{after}")
}

/// Between `"payload":` and `"sequenceId"`.
fn images(record: &Delivered) -> String {
    let text = record.value_text();
    let (_, rest) = text.split_once("\"payload\":{").unwrap();
    rest.split_once(",\"sequenceId\"").unwrap().0.to_owned()
}

fn op(record: &Delivered) -> String {
    let value: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
    value["payload"]["op"].as_str().unwrap().to_owned()
}

fn mysql_tbl() -> Shape {
    Shape::new("mysql_to_kafka", "mysql_tbl")
        .with("time_zone", "+08:00")
        .column("mysql_id", "int", &[])
        .column("mysql_title", "varchar(100)", &[])
        .column("mysql_author", "varchar(40)", &[])
        .column("submission_date", "date", &[])
        .key(&[0])
}

fn pair() -> Shape {
    Shape::new("shop", "t")
        .column("id", "bigint", &[])
        .column("name", "varchar(20)", &[])
        .key(&[0])
}

fn row(id: i64, name: &str) -> Vec<Value> {
    vec![id.into(), name.into()]
}

#[test]
fn the_documents_row_gives_the_documents_message() {
    let rows = Rows::new(&mysql_tbl()).insert(vec![1.into(), "mysql2kafka".into(), "tester".into(), Value::Int(18_689)]);
    let records = encode("{}", &rows);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key_text(), r#"{"mysql_id":1}"#);
    assert_eq!(
        timeless(&records[0]),
        concat!(
            r#"{"schema":{"dataColumn":[{"name":"mysql_id","type":"LONG"},{"name":"mysql_title","type":"STRING"},"#,
            r#"{"name":"mysql_author","type":"STRING"},{"name":"submission_date","type":"DATE"}],"primaryKey":["mysql_id"],"#,
            r#""source":{"dbType":"MySQL","dbName":"mysql_to_kafka","tableName":"mysql_tbl"}},"payload":{"before":null,"#,
            r#""after":{"dataColumn":{"mysql_id":1,"mysql_title":"mysql2kafka","mysql_author":"tester","#,
            r#""submission_date":1614700800000}},"sequenceId":"1614748790461000000","timestamp":{"eventTime":1614748870000,"#,
            r#""systemTime":0,"checkpointTime":1614748870000},"op":"INSERT","ddl":null},"version":"0.0.1"}"#
        )
    );
    assert_eq!(
        (records[0].partition, records[0].timestamp, records[0].topic.as_str()),
        (-1, None, "")
    );
}

#[test]
fn an_update_is_two_records_with_one_sequence_id() {
    let rows = Rows::new(&pair())
        .from_seq(1_614_748_790_499_999_999)
        .insert(row(1, "a"))
        .update(row(1, "a"), row(1, "b"));
    let records = encode("{}", &rows);
    assert_eq!(
        records.iter().map(op).collect::<Vec<_>>(),
        ["INSERT", "UPDATE_BEFOR", "UPDATE_AFTER"]
    );
    assert_eq!(images(&records[1]), r#""before":{"dataColumn":{"id":1,"name":"a"}},"after":null"#);
    assert_eq!(images(&records[2]), r#""before":null,"after":{"dataColumn":{"id":1,"name":"b"}}"#);
    for record in &records[1..] {
        assert!(record.value_text().contains(r#""sequenceId":"1614748790500000000""#));
        assert_eq!(record.row, 1);
    }
}

#[test]
fn a_delete_has_only_the_image_before() {
    let records = encode("{}", &Rows::new(&pair()).delete(row(7, "x")));
    assert_eq!(images(&records[0]), r#""before":{"dataColumn":{"id":7,"name":"x"}},"after":null"#);
    assert_eq!(
        (op(&records[0]).as_str(), records[0].key_text().as_str()),
        ("DELETE", r#"{"id":7}"#)
    );
}

#[test]
fn halves_of_a_split_update_go_by_their_own_keys_in_either_mode() {
    for config in ["{}", r#"{"update_mode":"single"}"#] {
        let records = encode(config, &Rows::new(&pair()).key_update(row(1, "a"), row(2, "a")));
        assert_eq!(
            records.iter().map(op).collect::<Vec<_>>(),
            ["UPDATE_BEFOR", "UPDATE_AFTER"],
            "{config}"
        );
        assert_eq!(
            records.iter().map(Delivered::key_text).collect::<Vec<_>>(),
            [r#"{"id":1}"#, r#"{"id":2}"#]
        );
    }
}

#[test]
fn single_mode_writes_both_images_into_one_record() {
    let records = encode(r#"{"update_mode":"single"}"#, &Rows::new(&pair()).update(row(1, "a"), row(1, "b")));
    assert_eq!(records.len(), 1);
    assert_eq!(
        images(&records[0]),
        r#""before":{"dataColumn":{"id":1,"name":"a"}},"after":{"dataColumn":{"id":1,"name":"b"}}"#
    );
    assert_eq!(
        (op(&records[0]).as_str(), records[0].key_text().as_str()),
        ("UPDATE_AFTER", r#"{"id":1}"#)
    );
}

#[test]
fn an_absent_column_is_left_out_and_null_is_written() {
    let before = vec![1.into(), Value::Absent];
    let rows = Rows::new(&pair())
        .update(before.clone(), vec![Value::Absent, Value::Null])
        .delete(before)
        .insert(vec![Value::Int(3), Value::Absent])
        .insert(row(4, "whole"));
    let records = encode("{}", &rows);
    assert_eq!(images(&records[0]), r#""before":{"dataColumn":{"id":1}},"after":null"#);
    assert_eq!(images(&records[1]), r#""before":null,"after":{"dataColumn":{"name":null}}"#);
    assert_eq!(images(&records[2]), r#""before":{"dataColumn":{"id":1}},"after":null"#);
    assert_eq!(images(&records[3]), r#""before":null,"after":{"dataColumn":{"id":3}}"#);
    assert_eq!(
        images(&records[4]),
        r#""before":null,"after":{"dataColumn":{"id":4,"name":"whole"}}"#
    );
    assert_eq!(
        records[1].key_text(),
        r#"{"id":1}"#,
        "the after image lacks the key, so it comes from before"
    );
}

#[test]
fn a_row_without_its_key_is_an_error_of_that_row() {
    let rows = Rows::new(&pair()).insert(row(1, "a")).insert(vec![Value::Absent, "b".into()]);
    let error = Bench::<Envelope>::new("{}").unwrap().encode(&rows).unwrap_err();
    assert_eq!((error.code.as_str(), error.row), ("key-missing", Some(1)));
}

#[test]
fn a_table_without_a_key_has_records_without_keys() {
    let shape = Shape::new("d", "t").column("a", "int", &[]);
    let records = encode("{}", &Rows::new(&shape).insert(vec![1.into()]));
    assert_eq!(records[0].key, None);
    assert!(records[0].value_text().contains(r#""primaryKey":[],"#));
}

#[test]
fn a_key_has_its_columns_in_key_order() {
    let shape = pair().key(&[1, 0]);
    let records = encode("{}", &Rows::new(&shape).insert(row(5, "k\"ey")));
    assert_eq!(records[0].key_text(), r#"{"name":"k\"ey","id":5}"#);
    assert!(records[0].value_text().contains(r#""primaryKey":["name","id"]"#));
}

#[test]
fn hostile_names_stay_names() {
    let evil = "a\"b\\c\n\u{1}}]é\u{1F600}";
    let shape = Shape::new(evil, evil)
        .column(evil, "int", &[])
        .column("e", "enum", &[evil, ""])
        .key(&[0]);
    let records = encode("{}", &Rows::new(&shape).insert(vec![1.into(), Value::Int(1)]));
    let value: serde_json::Value = serde_json::from_slice(records[0].value.as_ref().unwrap()).unwrap();
    assert_eq!(value["schema"]["source"]["dbName"], evil);
    assert_eq!(value["schema"]["source"]["tableName"], evil);
    assert_eq!(value["schema"]["dataColumn"][0]["name"], evil);
    assert_eq!(value["schema"]["primaryKey"][0], evil);
    assert_eq!(value["payload"]["after"]["dataColumn"][evil], 1);
    assert_eq!(value["payload"]["after"]["dataColumn"]["e"], evil);
}

#[test]
fn headers_carry_op_names_gtid_and_sequence_id() {
    let records = encode(r#"{"headers":true}"#, &Rows::new(&pair()).insert(row(1, "a")).delete(row(1, "a")));
    let text: Vec<_> = records[1]
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
        .collect();
    let gtid = "gtid=3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
    assert_eq!(
        text,
        ["op=DELETE", "database=shop", "table=t", gtid, "sequenceId=1614748790461000001"]
    );
    assert_eq!(records[0].headers.len(), 5);
    assert!(encode("{}", &Rows::new(&pair()).insert(row(1, "a")))[0].headers.is_empty());
}

#[test]
fn the_servers_version_shows_only_if_asked_for() {
    let rows = Rows::new(&pair().with("flavor", "mariadb")).insert(row(1, "a"));
    assert!(
        encode("{}", &rows)[0]
            .value_text()
            .contains(r#""source":{"dbType":"MariaDB","dbName":"shop","tableName":"t"}}"#)
    );
    let text = encode(r#"{"include_db_version":true}"#, &rows)[0].value_text();
    assert!(text.contains(r#""tableName":"t","dbVersion":"9.7.0"}}"#), "{text}");
}

#[test]
fn an_unknown_option_is_an_error_that_names_it_and_the_known_ones() {
    let Err(error) = Bench::<Envelope>::new(r#"{"updatemode":"single"}"#) else {
        panic_free("an unknown option was taken")
    };
    for name in [
        "updatemode",
        "update_mode",
        "tinyint1",
        "decimal",
        "datetime",
        "zero_date",
        "time_zone",
        "headers",
        "include_db_version",
    ] {
        assert!(error.message.contains(name), "{error}");
    }
    let Err(error) = Bench::<Envelope>::new(r#"{"update_mode":"both"}"#) else {
        panic_free("a wrong value was taken")
    };
    assert!(error.message.contains("both") && error.message.contains("single"), "{error}");
}

/// Fails the test.
fn panic_free(what: &str) -> ! {
    assert!(what.is_empty(), "{what}");
    std::process::abort()
}

#[test]
fn a_wrong_time_zone_is_refused_with_the_configuration() {
    let error = Bench::<Envelope>::new(r#"{"time_zone":"Mars/Olympus"}"#).err().unwrap();
    assert_eq!(error.code, "unknown-time-zone");
}

#[test]
fn a_source_zone_without_a_name_matters_only_to_tables_with_dates() {
    let rows = Rows::new(&pair().with("time_zone", "???")).insert(row(1, "a"));
    assert_eq!(encode("{}", &rows).len(), 1);
    let rows = Rows::new(&mysql_tbl().with("time_zone", "???"));
    assert!(
        Bench::<Envelope>::new("{}")
            .unwrap()
            .encode(&rows)
            .unwrap_err()
            .message
            .contains("???")
    );
}

#[test]
fn a_heartbeat_goes_to_every_topic_with_nulls() {
    let event = serde_json::json!({"event":"heartbeat","topics":["p_a","p_b"],"ts":1_614_748_870_000_i64,"checkpoint_ts":5,"new_member":1});
    let records = Bench::<Envelope>::new("{}").unwrap().control(&event).unwrap();
    assert_eq!(
        records.iter().map(|record| record.topic.as_str()).collect::<Vec<_>>(),
        ["p_a", "p_b"]
    );
    for record in &records {
        assert_eq!(
            record.value_text(),
            concat!(
                r#"{"schema":{"dataColumn":null,"primaryKey":null,"source":null},"payload":{"before":null,"after":null,"#,
                r#""sequenceId":null,"timestamp":{"eventTime":1614748870000,"checkpointTime":5},"op":"MHEARTBEAT","ddl":null},"#,
                r#""version":"0.0.1"}"#
            )
        );
        assert_eq!(
            (record.partition, record.timestamp, record.key.clone()),
            (0, Some(1_614_748_870_000), None)
        );
    }
}

#[test]
fn a_ddl_record_has_the_statement_and_the_columns_before_it() {
    let event = serde_json::json!({"event":"ddl","topics":["p_t"],"seq":42,"ts":9,"checkpoint_ts":8,"operation":"ALTER",
        "text":"ALTER TABLE t ADD c int -- \"x\"","database":"d","table":"t","flavor":"mysql","server_version":"9.7.0",
        "columns":[{"name":"id","kind":"int"},{"name":"b","kind":"bit","length":8},{"name":"n","kind":"string"}],"key":[0]});
    let records = Bench::<Envelope>::new("{}").unwrap().control(&event).unwrap();
    assert_eq!(
        timeless(&records[0]),
        concat!(
            r#"{"schema":{"dataColumn":[{"name":"id","type":"LONG"},{"name":"b","type":"LONG"},{"name":"n","type":"STRING"}],"primaryKey":["id"],"#,
            r#""source":{"dbType":"MySQL","dbName":"d","tableName":"t"}},"payload":{"before":null,"after":null,"sequenceId":"42","#,
            r#""timestamp":{"eventTime":9,"systemTime":0,"checkpointTime":8},"op":"ALTER","#,
            r#""ddl":{"text":"ALTER TABLE t ADD c int -- \"x\"","ddlMeta":null}},"version":"0.0.1"}"#
        )
    );
}

#[test]
fn transaction_markers_name_no_table() {
    let event = serde_json::json!({"event":"transaction_end","topics":["p_t"],"seq":7,"ts":9,"checkpoint_ts":8,"gtid":"g:1","xid":3,
        "flavor":"mysql","server_version":"9.7.0"});
    let records = Bench::<Envelope>::new(r#"{"headers":true}"#).unwrap().control(&event).unwrap();
    assert_eq!(op(&records[0]), "TRANSACTION_END");
    assert!(
        records[0]
            .value_text()
            .contains(r#""source":{"dbType":"MySQL","dbName":null,"tableName":null}}"#)
    );
    assert_eq!(
        records[0].headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["op", "gtid", "sequenceId"]
    );
}

#[test]
fn many_rows_come_out_in_order_across_hand_overs() {
    let mut rows = Rows::new(&pair()).from_seq(99_999_990);
    for id in 0..3000 {
        rows = rows.insert(row(id, "some text that fills the buffer somewhat"));
    }
    let large = "x\n".repeat(1_000_000);
    rows = rows.insert(row(3000, &large));
    let records = encode("{}", &rows);
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.key_text(), format!("{{\"id\":{i}}}"));
        assert!(record.value_text().contains(&format!("\"sequenceId\":\"{}\"", 99_999_990 + i)));
    }
    let last: serde_json::Value = serde_json::from_slice(records[3000].value.as_ref().unwrap()).unwrap();
    assert_eq!(last["payload"]["after"]["dataColumn"]["name"], large);
}
