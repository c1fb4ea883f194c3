//! The envelope encoder in WebAssembly, with and without epoch checks, against the same source compiled natively.
//!
//! `cargo bench -p rowmill --bench encode`. The WebAssembly side is the whole of `Chain::run`: Arrow message, call, check,
//! copy. The native side copies what is handed over and holds it until the call has returned, just as the host does; `native` gets its message
//! ready made, `native-from-batch` writes it as the host does.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int8Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use criterion::{Criterion, Throughput};
use rowmill::batch::{Batch, Shape, Transactions};
use rowmill::config::{Limits, OnError, Plugin, PluginOrigin};
use rowmill::plugin::Chain;
use rowmill::source::Table;
use rowmill_envelope::Envelope;
use rowmill_sdk::{EncoderRunner, Output};

/// Rows of a batch: about 0.6 MB of Arrow, which is what the pipeline cuts under load.
const ROWS: u32 = 4096;

/// 2024-01-01T00:00Z in microseconds.
const START_US: i64 = 1_704_067_200_000_000;

fn main() {
    rowmill::allocator::keep_buffers();
    let mut criterion = Criterion::default().configure_from_args();
    let batch = batch();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("envelope.wasm");
    std::fs::write(&file, include_bytes!(concat!(env!("OUT_DIR"), "/envelope.wasm"))).expect("a copy of the built-in encoder");

    let mut group = criterion.benchmark_group("encode");
    group
        .throughput(Throughput::Elements(u64::from(ROWS)))
        .measurement_time(Duration::from_secs(5));
    let mut rates = Vec::new();
    for (name, origin) in [
        ("wasm", PluginOrigin::Builtin("envelope".to_owned())),
        ("wasm-with-epochs", PluginOrigin::File(file)),
    ] {
        let mut chain = chain(origin, &folder.path().join("cache"));
        let topic: Arc<str> = "mysql_orders".into();
        rates.push((
            name,
            measure(&mut group, name, || {
                chain
                    .run(&batch, &topic, &mut |records| {
                        black_box(records);
                        Ok(())
                    })
                    .expect("the envelope encodes the benchmark's batch");
            }),
        ));
    }
    // As it would be in the chain's place: from the same batch on.
    let mut native = Native::new(&batch);
    rates.push((
        "native-from-batch",
        measure(&mut group, "native-from-batch", || native.run_from(&batch)),
    ));
    let mut native = Native::new(&batch);
    rates.push(("native", measure(&mut group, "native", || native.run())));
    group.finish();

    let base = rates.last().map_or(Rate { mean: 1.0, best: 1.0 }, |(_, rate)| *rate);
    // One that a filter left out has no rate.
    for (name, rate) in rates.into_iter().filter(|(_, rate)| rate.mean.is_finite()) {
        println!(
            "{name}: {:.0} rows/s of processor time, {:.2} of native; fastest batch {:.0} rows/s, {:.2} of native",
            rate.mean,
            rate.mean / base.mean,
            rate.best,
            rate.best / base.best
        );
    }
}

/// Rows a second. Where the machine does something else meanwhile, it takes its share of the caches and so of the mean; the
/// fastest of thousands of batches ran undisturbed.
#[derive(Clone, Copy)]
struct Rate {
    /// Over all batches, of the thread's processor time.
    mean: f64,
    /// Of the fastest batch, by the wall.
    best: f64,
}

/// Criterion's measurement, and the rates over all that it ran.
fn measure(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, name: &str, mut run: impl FnMut()) -> Rate {
    let (calls, time, fastest) = (Cell::new(0_u64), Cell::new(Duration::ZERO), Cell::new(Duration::MAX));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let (start, busy) = (Instant::now(), processor_time());
            for _ in 0..count {
                let begun = Instant::now();
                run();
                fastest.set(fastest.get().min(begun.elapsed()));
            }
            let took = start.elapsed();
            calls.set(calls.get() + count);
            time.set(time.get() + processor_time().zip(busy).map_or(took, |(end, start)| end.saturating_sub(start)));
            took
        });
    });
    #[expect(clippy::as_conversions, reason = "a rate needs no exact integers")]
    let rows = calls.get() as f64 * f64::from(ROWS);
    Rate {
        mean: rows / time.get().as_secs_f64(),
        best: f64::from(ROWS) / fastest.get().as_secs_f64(),
    }
}

/// What this thread has run so far, where the system tells.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn chain(origin: PluginOrigin, cache: &Path) -> Chain {
    let plugin = Plugin {
        name: "envelope".to_owned(),
        origin,
        config: serde_json::json!({}),
        memory: 64 << 20,
        instances: 1,
        call_timeout: Duration::from_secs(10),
        log_lines: 100,
        state: 1 << 10,
        on_error: OnError::Stop,
        tables: None,
    };
    let limits = Limits {
        memory: 256 << 20,
        ..Limits::default()
    };
    Chain::assemble(&[plugin], cache, &limits).expect("the envelope loads")
}

/// Data, bounds and rows of one hand-over.
type Copied = (Vec<u8>, Vec<u32>, Vec<u32>);

/// The same source, the same bytes in, no sandbox.
struct Native {
    runner: EncoderRunner<Envelope>,
    /// What was handed over during a call: like the host, it lets go of it when the call has returned.
    held: Rc<RefCell<Vec<Copied>>>,
    message: Vec<u8>,
    writer: StreamWriter<Vec<u8>>,
    transactions: rowmill_sdk::Transactions,
}

impl Native {
    fn new(batch: &Batch) -> Self {
        let mut writer = StreamWriter::try_new(Vec::new(), batch.rows.schema_ref()).expect("a schema message");
        let schema = std::mem::take(writer.get_mut());
        writer.write(&batch.rows).expect("a batch message");
        let message = std::mem::take(writer.get_mut());
        let held: Rc<RefCell<Vec<Copied>>> = Rc::default();
        let copies = Rc::clone(&held);
        let copied = move |records: &rowmill_sdk::HandOver| {
            let copy = (records.data.to_vec(), records.bounds.clone(), records.rows.clone());
            copies.borrow_mut().push(copy);
        };
        let mut runner = EncoderRunner::new(Output::new(Box::new(copied)));
        runner.configure("{}").expect("defaults");
        runner.open_schema(1, &schema).expect("the benchmark's schema");
        let transactions = rowmill_sdk::Transactions {
            gtids: batch.transactions.gtids.clone(),
            gtid_ends: batch.transactions.gtid_ends.clone(),
            places: batch.transactions.places.clone(),
            place_ends: batch.transactions.place_ends.clone(),
            xids: batch.transactions.xids.clone(),
        };
        Self {
            runner,
            held,
            message,
            writer,
            transactions,
        }
    }

    /// The message written anew, as the host does for a guest.
    fn run_from(&mut self, batch: &Batch) {
        self.message.clear();
        std::mem::swap(self.writer.get_mut(), &mut self.message);
        let written = self.writer.write(&batch.rows);
        std::mem::swap(self.writer.get_mut(), &mut self.message);
        written.expect("a batch message");
        self.run();
    }

    fn run(&mut self) {
        self.runner
            .encode(1, &self.message, &self.transactions)
            .expect("the envelope encodes the benchmark's batch");
        black_box(&self.held).borrow_mut().clear();
    }
}

/// Inserts into the 11-column benchmark table, in transactions of 1000 rows.
fn batch() -> Batch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns().into_iter().unzip();
    let after = StructArray::new(fields.clone().into(), columns, None);
    let number = || (0..ROWS).map(u64::from);
    let schema = Schema::new(vec![
        Field::new("seq", DataType::UInt64, false),
        Field::new("op", DataType::UInt8, false),
        Field::new("flags", DataType::UInt8, false),
        Field::new("ts", DataType::Int64, false),
        Field::new("checkpoint_ts", DataType::Int64, false),
        Field::new("txn", DataType::UInt32, false),
        Field::new("after", DataType::Struct(fields.into()), true),
    ])
    .with_metadata(
        [
            ("rowmill.flavor", "mysql"),
            ("rowmill.server_version", "9.7.0"),
            ("rowmill.database", "bench"),
            ("rowmill.table", "orders"),
            ("rowmill.key", "[0]"),
            ("rowmill.time_zone", "UTC"),
            ("rowmill.topic", "mysql_orders"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let rows = usize::try_from(ROWS).expect("rows of a batch fit");
    let rows = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(UInt64Array::from_iter_values(number().map(|i| 1_704_067_200_000_000_000 + i))),
            Arc::new(UInt8Array::from(vec![1; rows])),
            Arc::new(UInt8Array::from(vec![0; rows])),
            Arc::new(Int64Array::from(vec![START_US / 1000; rows])),
            Arc::new(Int64Array::from(vec![START_US / 1000; rows])),
            Arc::new(UInt32Array::from_iter_values((0..ROWS).map(|i| i / 1000))),
            Arc::new(after),
        ],
    )
    .expect("columns of one length");
    Batch {
        table: Arc::new(Table {
            hidden: 0,
            version: 1,
            database: "bench".to_owned(),
            name: "orders".to_owned(),
            columns: Vec::new(),
            key: vec![0],
        }),
        shape: Shape::default(),
        bytes: rows.get_array_memory_size(),
        rows,
        transactions: transactions(),
    }
}

fn transactions() -> Transactions {
    let mut transactions = Transactions::default();
    for number in 0..ROWS.div_ceil(1000) {
        transactions
            .gtids
            .push_str(&format!("3f0e5f0e-7f0c-11ee-a506-0242ac120002:{number}"));
        transactions.places.push_str(&format!("binlog.000002:{}", 157 + 155_000 * number));
        transactions.gtid_ends.push(u32::try_from(transactions.gtids.len()).expect("short"));
        transactions
            .place_ends
            .push(u32::try_from(transactions.places.len()).expect("short"));
        transactions.xids.push(u64::from(number) + 10);
    }
    transactions
}

/// Fields and values: id, customer, sku, title, status, price, weight, created, updated, active, note.
fn columns() -> Vec<(Field, ArrayRef)> {
    let rows = || 0..i64::from(ROWS);
    let text = |make: &dyn Fn(i64) -> Option<String>| -> ArrayRef { Arc::new(rows().map(make).collect::<StringArray>()) };
    let micros = |step: i64, zone: Option<&str>| -> ArrayRef {
        let array = TimestampMicrosecondArray::from_iter_values(rows().map(|i| START_US + i * 1_000_000 + step));
        Arc::new(array.with_timezone_opt(zone))
    };
    let decimals = Decimal128Array::from_iter_values(rows().map(|i| i128::from(i * 37 % 1_000_000)));
    let decimals = decimals.with_precision_and_scale(12, 2).expect("decimal(12,2)");
    let columns: Vec<(&str, &str, &str, ArrayRef)> = vec![
        ("id", "bigint", "int", Arc::new(Int64Array::from_iter_values(rows().map(|i| i + 1)))),
        (
            "customer",
            "int unsigned",
            "int",
            Arc::new((0..ROWS).map(|i| Some(i * 7919 % 100_003)).collect::<UInt32Array>()),
        ),
        ("sku", "varchar(32)", "string", text(&|i| Some(format!("SKU-{:08}", i % 50_000)))),
        (
            "title",
            "varchar(120)",
            "string",
            text(&|i| Some(format!("Item number {i} “deluxe” edition"))),
        ),
        (
            "status",
            "enum",
            "enum",
            Arc::new((0..ROWS).map(|i| u16::try_from(1 + i % 4).ok()).collect::<UInt16Array>()),
        ),
        ("price", "decimal(12,2)", "decimal", Arc::new(decimals)),
        (
            "weight",
            "double",
            "double",
            Arc::new(
                (0..ROWS)
                    .map(|i| (i % 10 != 0).then(|| f64::from(i) * 0.37))
                    .collect::<Float64Array>(),
            ),
        ),
        ("created", "datetime(3)", "datetime", micros(0, None)),
        ("updated", "timestamp(6)", "timestamp", micros(123_456, Some("+00:00"))),
        (
            "active",
            "tinyint",
            "int",
            Arc::new((0..ROWS).map(|i| i8::try_from(i % 2).ok()).collect::<Int8Array>()),
        ),
        (
            "note",
            "varchar(255)",
            "string",
            text(&|i| (i % 3 != 0).then(|| format!("note {:056x} with some text to fill", i128::from(i) * 0x9e37_79b9_7f4a_7c15))),
        ),
    ];
    columns
        .into_iter()
        .map(|(name, type_text, kind, values)| {
            let mut metadata = vec![("rowmill.type", type_text), ("rowmill.kind", kind)];
            match name {
                "created" => metadata.push(("rowmill.fsp", "3")),
                "updated" => metadata.push(("rowmill.fsp", "6")),
                "status" => metadata.push(("rowmill.labels", r#"["new","paid","sent","done"]"#)),
                _ if kind == "string" => metadata.push(("rowmill.charset", "utf8mb4")),
                _ => {}
            }
            let metadata: Vec<(String, String)> = metadata
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let field = Field::new(name, values.data_type().clone(), true);
            (
                field.with_metadata(metadata.into_iter().collect::<std::collections::HashMap<_, _>>()),
                values,
            )
        })
        .collect()
}
