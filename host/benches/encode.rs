//! The envelope encoder in WebAssembly, with and without epoch checks, against the same source compiled natively.
//!
//! `cargo bench -p rowmill --bench encode`. The WebAssembly side is the whole of `Chain::run`: Arrow message, call, check,
//! copy. The native side copies what is handed over and holds it until the call has returned, just as the host does; `native` gets its message
//! ready made, `native-from-batch` writes it as the host does. With `--features native-envelope` there is `native-in-chain`, too: `Chain::run` as
//! for the component, with the encoder's source as the machine's own code in its place.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod orders;
mod rate;

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arrow::ipc::writer::StreamWriter;
use criterion::{Criterion, Throughput};
use rowmill::batch::Batch;
use rowmill::config::{Limits, OnError, Plugin, PluginOrigin};
use rowmill::plugin::Chain;
use rowmill_envelope::Envelope;
use rowmill_sdk::{EncoderRunner, Output};

use orders::{ROWS, batch};
use rate::measure;

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
    let builtin = || PluginOrigin::Builtin("envelope".to_owned());
    for (name, plugin, origin) in [
        ("wasm", "envelope", builtin()),
        ("wasm-with-epochs", "envelope", PluginOrigin::File(file)),
        #[cfg(feature = "native-envelope")]
        ("native-in-chain", "native-envelope", builtin()),
    ] {
        let mut chain = chain(plugin, origin, &folder.path().join("cache"));
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

    let Some((_, native)) = rates.last().copied() else { return };
    // One that a filter left out has no rate.
    for (name, rate) in rates.into_iter().filter(|(_, rate)| rate.mean.is_finite()) {
        println!("{name}: {}", rate.against(native, "native"));
    }
}

fn chain(name: &str, origin: PluginOrigin, cache: &Path) -> Chain {
    let plugin = Plugin {
        name: name.to_owned(),
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
