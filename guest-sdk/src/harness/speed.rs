//! How fast a plugin is, natively, on batches of the benchmark's table.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use super::{Rows, Shape, Value};
use crate::{Encoder, EncoderRunner, Error, Output, Transform, TransformRunner};

const ROWS: i64 = 2048;

/// Runs an encoder for two seconds and prints rows a second and bytes a row: what the plugins' examples do.
/// The program's first argument, if there is one, is a folder that the messages are written into.
///
/// ```no_run
/// # use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};
/// # struct Nothing;
/// # impl Encoder for Nothing {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description::default() }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn encode(&mut self, _: &mut (), _: &Batch<'_>, _: &mut Output) -> Result<(), Error> { Ok(()) }
/// # }
/// // examples/speed.rs, run by `cargo run --release --example speed`
/// fn main() -> Result<(), rowmill_sdk::Error> {
///     rowmill_sdk::harness::encode_speed::<Nothing>("{}")
/// }
/// ```
///
/// # Errors
/// As `EncoderRunner::configure`, `open_schema` and `encode`.
pub fn encode_speed<E: Encoder>(config: &str) -> Result<(), Error> {
    let rows = rows();
    let (schema, batch) = rows.messages()?;
    let transactions = rows.transactions();
    if let Some(folder) = std::env::args().nth(1) {
        for (name, bytes) in [("schema", &schema), ("batch", &batch)] {
            std::fs::write(format!("{folder}/{name}.arrow"), bytes).map_err(|cause| Error::new("io", cause.to_string()))?;
        }
    }
    let bytes = Rc::new(Cell::new(0));
    let total = Rc::clone(&bytes);
    let output = Output::new(Box::new(move |records| total.set(total.get() + records.data.len())));
    let mut runner = EncoderRunner::<E>::new(output);
    runner.configure(config)?;
    runner.open_schema(1, &schema)?;
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed().as_secs() < 2 {
        runner.encode(1, &batch, &transactions)?;
        calls += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let encoded = f64::from(calls) * f64::from(i32::try_from(ROWS).unwrap_or(0));
    println!(
        "{:.0} rows/s, {} bytes a row",
        encoded / seconds,
        bytes.get() / (usize::try_from(calls).unwrap_or(1) * rows.len()).max(1)
    );
    Ok(())
}

/// Runs a transform for two seconds and prints rows a second: what the plugins' examples do.
///
/// ```no_run
/// # use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};
/// # struct Nothing;
/// # impl Transform for Nothing {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description::default() }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn process(&mut self, _: &mut (), _: &Batch<'_>) -> Result<Outcome, Error> { Ok(Outcome::Unchanged) }
/// # }
/// // examples/speed.rs, run by `cargo run --release --example speed`
/// fn main() -> Result<(), rowmill_sdk::Error> {
///     rowmill_sdk::harness::transform_speed::<Nothing>("{}")
/// }
/// ```
///
/// # Errors
/// As `TransformRunner::configure`, `open_schema` and `process`.
pub fn transform_speed<T: Transform>(config: &str) -> Result<(), Error> {
    let rows = rows();
    let (schema, batch) = rows.messages()?;
    let transactions = rows.transactions();
    let mut runner = TransformRunner::<T>::default();
    runner.configure(config)?;
    runner.open_schema(1, &schema)?;
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed().as_secs() < 2 {
        std::hint::black_box(runner.process(1, &batch, &transactions)?);
        calls += 1;
    }
    let processed = f64::from(calls) * f64::from(i32::try_from(ROWS).unwrap_or(0));
    println!("{:.0} rows/s", processed / start.elapsed().as_secs_f64());
    Ok(())
}

/// Inserts into a table of eleven columns.
fn rows() -> Rows {
    let shape = Shape::new("bench", "orders")
        .with("time_zone", "Europe/Berlin")
        .column("id", "bigint", &[])
        .column("customer", "int unsigned", &[])
        .column("sku", "varchar(32)", &[])
        .column("title", "varchar(120)", &[])
        .column("status", "enum", &["new", "paid", "shipped", "returned"])
        .column("price", "decimal(12,2)", &[])
        .column("weight", "double", &[])
        .column("created", "datetime(3)", &[])
        .column("updated", "timestamp(6)", &[])
        .column("active", "tinyint", &[])
        .column("note", "varchar(255)", &[])
        .key(&[0]);
    let mut rows = Rows::new(&shape);
    for i in 0..ROWS {
        let number = i128::from(i);
        rows = rows.insert(vec![
            Value::Int(1_000_000 + number),
            Value::Int(number * 7919 % 100_000),
            Value::Text(format!("SKU-{:08}", i * 104_729 % 99_999_999)),
            Value::Text(format!(
                "Gerät „Größe {}“ – 高品质 {}",
                i % 90,
                "x".repeat(usize::try_from(i % 23).unwrap_or(0))
            )),
            Value::Int(1 + number % 4),
            Value::Decimal(format!("{}.{:02}", i * 37 % 10_000, i % 100)),
            if i % 5 == 0 {
                Value::Null
            } else {
                Value::Double(f64::from(u16::try_from(i).unwrap_or(0)) * 0.125 + 0.1)
            },
            Value::Int(1_700_000_000_000_000 + number * 1_234_567_000),
            Value::Int(1_700_000_000_000_000 + number * 1_234_567),
            Value::Int(number % 2),
            if i % 3 == 0 {
                Value::Null
            } else {
                Value::Text("delivered to the neighbour, \"thanks\" ".repeat(2))
            },
        ]);
    }
    rows
}
