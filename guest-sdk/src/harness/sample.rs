//! A batch with something of everything.

use super::{Rows, Shape, Value};

impl Rows {
    /// Changes of a table `rowmill.sample` that has a column of every kind: all ops, NULLs, the ends of ranges, an update that changes the key, a
    /// zero date, and a row image that lacks columns. What a plugin does with these it does with anything.
    ///
    /// ```
    /// let rows = rowmill_sdk::harness::Rows::sample();
    /// assert_eq!(rows.len(), 7);
    /// assert!(rows.messages().is_ok());
    /// ```
    pub fn sample() -> Self {
        let shape = shape();
        let full = full();
        let changed = with(&full, &[(1, "changed".into()), (8, Value::Decimal("0.01".to_owned()))]);
        let moved = with(&full, &[(0, 2.into())]);
        let nulls: Vec<Value> = (0..full.len()).map(|i| if i == 0 { 3.into() } else { Value::Null }).collect();
        let odd = with(&full, &[(0, 4.into()), (10, Value::OddDate("0000-00-00".to_owned()))]);
        let only_key: Vec<Value> = (0..full.len()).map(|i| if i == 0 { 4.into() } else { Value::Absent }).collect();
        let only_name = with(&only_key, &[(0, Value::Absent), (1, "only this".into())]);
        Self::new(&shape)
            .transaction("3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "binlog.000002:4", 11)
            .insert(full.clone())
            .update(full.clone(), changed)
            .key_update(full, moved.clone())
            .transaction("3e11fa47-71ca-11e1-9e33-c80aa9429562:24", "binlog.000002:900", 12)
            .insert(nulls)
            .insert(odd)
            .update(only_key, only_name)
            .delete(moved)
    }
}

fn with(row: &[Value], changes: &[(usize, Value)]) -> Vec<Value> {
    let value = |(i, value): (usize, &Value)| {
        let change = changes.iter().find(|(at, _)| *at == i);
        change.map_or_else(|| value.clone(), |(_, changed)| changed.clone())
    };
    row.iter().enumerate().map(value).collect()
}

fn shape() -> Shape {
    Shape::new("rowmill", "sample")
        .column("id", "bigint", &[])
        .column("name", "varchar(100)", &[])
        .column("tiny", "tinyint", &[])
        .column("small", "smallint unsigned", &[])
        .column("medium", "mediumint", &[])
        .column("big", "bigint unsigned", &[])
        .column("ratio", "double", &[])
        .column("single", "float", &[])
        .column("price", "decimal(12,2)", &[])
        .column("wide", "decimal(65,30)", &[])
        .column("day", "date", &[])
        .column("local", "datetime(6)", &[])
        .column("instant", "timestamp(3)", &[])
        .column("span", "time(6)", &[])
        .column("born", "year", &[])
        .column("flag", "bit(1)", &[])
        .column("bits", "bit(12)", &[])
        .column("size", "enum", &["S", "M", "L"])
        .column("tags", "set", &["new", "sale", "last"])
        .column("document", "json", &[])
        .column("raw", "varbinary(16)", &[])
        .column("body", "text", &[])
        .key(&[0])
}

fn full() -> Vec<Value> {
    vec![
        1.into(),
        "n\u{e4}me \"quoted\" \u{1f600}".into(),
        Value::Int(-128),
        Value::Int(65_535),
        Value::Int(-8_388_608),
        Value::Int(u64::MAX.into()),
        Value::Double(0.1),
        Value::Float(-1.5),
        Value::Decimal("9999999999.99".to_owned()),
        Value::Decimal("-12345678901234567890123456789012345.012345678901234567890123456789".to_owned()),
        Value::Int(18_689),
        Value::Int(1_614_748_870_250_001),
        Value::Int(1_614_748_870_123_000),
        Value::Int(-3_020_399_000_000),
        Value::Int(2021),
        Value::Bool(true),
        Value::Int(0xabc),
        Value::Int(2),
        Value::Int(0b101),
        "{\"a\": [1, null, \"x\"]}".into(),
        Value::Bytes(vec![0, 0xff, 0x10, 0x80]),
        "two\nlines".into(),
    ]
}
