//! Rows a second of the encoder, natively, on batches of the benchmark's table. `cargo run --release --example encode_speed`

use std::time::Instant;

use rowmill_envelope::Envelope;
use rowmill_sdk::harness::{Rows, Shape, Value};
use rowmill_sdk::{EncoderRunner, Error, Output};

const ROWS: i64 = 2048;

fn main() -> Result<(), Error> {
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
    let (schema, batch) = rows.messages()?;
    let transactions = rows.transactions();
    if let Some(folder) = std::env::args().nth(1) {
        for (name, bytes) in [("schema", &schema), ("batch", &batch)] {
            std::fs::write(format!("{folder}/{name}.arrow"), bytes).map_err(|cause| Error::new("io", cause.to_string()))?;
        }
    }
    let bytes = std::rc::Rc::new(std::cell::Cell::new(0));
    let total = std::rc::Rc::clone(&bytes);
    let output = Output::new(Box::new(move |records| total.set(total.get() + records.data.len())));
    let mut runner = EncoderRunner::<Envelope>::new(output);
    runner.configure("{}")?;
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
        bytes.get() / (usize::try_from(calls).unwrap_or(1) * 2048).max(1)
    );
    Ok(())
}
