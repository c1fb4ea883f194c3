//! Rows as JSON, for people and for snapshots.

use serde_json::{Map, Value, json};

use crate::{Batch, Column, Error, Kind, Op, Row, RowImage, Values};

/// The rows of a batch, one object each: `op`, `before`, `after`, and `route` where a transform has said something of it. A column that is
/// absent is left out; whole numbers, FLOAT, DOUBLE and BIT(1) are themselves, bytes that are no text `0x…`, all else the text that MySQL prints.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, Value, show};
/// let shape = Shape::new("shop", "orders").column("id", "int", &[]).column("price", "decimal(9,2)", &[]).key(&[0]);
/// let rows = Rows::new(&shape).update(vec![7.into(), Value::Absent], vec![Value::Absent, Value::Decimal("9.90".to_owned())]);
/// let shown = show(&Opened::new(&rows)?.batch()?)?;
/// assert_eq!(shown, [serde_json::json!({"op": "update", "before": {"id": 7}, "after": {"price": "9.90"}})]);
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
///
/// # Errors
/// As the getters of `RowImage`.
pub fn show(batch: &Batch<'_>) -> Result<Vec<Value>, Error> {
    let routes = batch.routes()?;
    let rows = batch.iter().map(|row| {
        let mut object = object(row)?;
        if let Some(routes) = &routes {
            let route = routes.row(row.number());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers: Vec<Value> = route.headers.iter().map(|(name, value)| json!([name, text(value)])).collect();
            let said =
                json!({"topic": route.topic, "partition": route.partition, "key": route.key.as_deref().map(text), "headers": headers});
            object.insert("route".to_owned(), said);
        }
        Ok(Value::Object(object))
    });
    rows.collect()
}

/// Values as JSON lines.
///
/// ```
/// assert_eq!(rowmill_sdk::harness::lines(&[serde_json::json!({"id": 1})]), "{\"id\":1}\n");
/// ```
pub fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn object(row: Row<'_>) -> Result<Map<String, Value>, Error> {
    let op = match row.op()? {
        Op::Insert => "insert",
        Op::Update => "update",
        Op::Delete => "delete",
    };
    let mut object = Map::new();
    object.insert("op".to_owned(), op.into());
    for (name, image) in [("before", row.before()), ("after", row.after())] {
        if let Some(image) = image {
            object.insert(name.to_owned(), Value::Object(columns(image)?));
        }
    }
    Ok(object)
}

fn columns(image: RowImage<'_>) -> Result<Map<String, Value>, Error> {
    let mut object = Map::new();
    for (i, field) in image.row().schema().columns.iter().enumerate() {
        if image.is_absent(i)? {
            continue;
        }
        let value = match field.kind {
            Kind::Int | Kind::Year => match image.int(i) {
                Ok(number) => number.map_or(Value::Null, Value::from),
                // BIGINT UNSIGNED.
                Err(_) => image.uint(i)?.map_or(Value::Null, Value::from),
            },
            Kind::Bit if image.is_bool(i) => image.bool(i)?.map_or(Value::Null, Value::from),
            Kind::Bit => image.uint(i)?.map_or(Value::Null, Value::from),
            Kind::Float | Kind::Double => image.print(i)?.map_or(Value::Null, |text| number(&text)),
            _ => image.print(i)?.map_or(Value::Null, |text| Value::from(text.into_owned())),
        };
        object.insert(field.name.clone(), value);
    }
    Ok(object)
}

/// A FLOAT keeps its own shortest text, which is not that of the DOUBLE of the same value.
fn number(text: &str) -> Value {
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

impl RowImage<'_> {
    fn is_bool(&self, column: usize) -> bool {
        matches!(
            self.columns().get(column),
            Some(Column {
                values: Values::Bool(_),
                ..
            })
        )
    }
}
