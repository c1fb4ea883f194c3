//! Transforms before the envelope, all in WebAssembly, against the envelope alone.
//!
//! `cargo bench -p rowmill --bench chain`. Each is the whole of `Chain::run`: Arrow messages, calls, checks, copies.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod orders;
mod rate;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use rowmill::config::{Limits, OnError, Plugin, PluginOrigin};
use rowmill::plugin::Chain;
use serde_json::{Value, json};

use orders::{ROWS, batch};
use rate::measure;

fn main() {
    rowmill::allocator::keep_buffers();
    let mut criterion = Criterion::default().configure_from_args();
    let batch = batch();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("chain");
    group
        .throughput(Throughput::Elements(u64::from(ROWS)))
        .measurement_time(Duration::from_secs(5));
    let topic: Arc<str> = "mysql_orders".into();
    let mut rates = Vec::new();
    for (name, transforms) in chains() {
        let mut chain = chain(&transforms, folder.path());
        let mut run = || {
            chain
                .run(&batch, &topic, &mut |records| {
                    black_box(records);
                    Ok(())
                })
                .expect("the plugins take the benchmark's batch");
        };
        rates.push((name, measure(&mut group, name, &mut run)));
    }
    group.finish();
    let Some((_, alone)) = rates.first().copied() else { return };
    // One that a filter of the command line left out has no rate.
    for (name, rate) in rates.into_iter().filter(|(_, rate)| rate.mean.is_finite()) {
        println!("{name}: {}", rate.against(alone, "the envelope alone"));
    }
}

/// What stands before the envelope.
fn chains() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    // Three quarters of the rows pass, or all.
    let some = ("filter", json!({"where": "status IN ('new', 'paid', 'sent') AND price >= 0.00"}));
    let all = ("filter", json!({"where": "status <> 'lost' AND price >= 0.00"}));
    let rules = |rule: Value| ("mask", json!({"salt": "pepper", "rules": [rule]}));
    let hash = || rules(json!({"columns": ["sku"], "method": "hash"}));
    let plain_hash = rules(json!({"columns": ["sku"], "method": "hash", "algorithm": "sha256"}));
    let partial = rules(json!({"columns": ["title"], "method": "partial", "first": 4}));
    let redact = rules(json!({"columns": ["note"], "method": "redact", "value": "-"}));
    let project = ("project", json!({"drop": ["weight"], "rename": {"sku": "article"}}));
    let cast = ("project", json!({"cast": {"customer": "bigint"}}));
    let topic = ("route", json!({"topic": "orders_{column:status}"}));
    let key = ("route", json!({"key_columns": ["customer"]}));
    vec![
        ("envelope", vec![]),
        ("mask-hash+filter-all+envelope", vec![hash(), all.clone()]),
        ("mask-hash+filter+envelope", vec![hash(), some.clone()]),
        ("filter-all+envelope", vec![all]),
        ("filter+envelope", vec![some.clone()]),
        ("mask-sha256+filter+envelope", vec![plain_hash, some.clone()]),
        ("mask-partial+filter+envelope", vec![partial.clone(), some.clone()]),
        ("mask-redact+filter+envelope", vec![redact.clone(), some]),
        ("mask-hash+envelope", vec![hash()]),
        ("mask-partial+envelope", vec![partial]),
        ("mask-redact+envelope", vec![redact]),
        ("project+envelope", vec![project]),
        ("project-cast+envelope", vec![cast]),
        ("route-topic+envelope", vec![topic]),
        ("route-key+envelope", vec![key]),
    ]
}

fn chain(transforms: &[(&str, Value)], cache: &Path) -> Chain {
    let plugin = |(name, config): (&str, Value)| Plugin {
        name: name.to_owned(),
        origin: PluginOrigin::Builtin(name.to_owned()),
        config,
        memory: 64 << 20,
        instances: 1,
        call_timeout: Duration::from_secs(10),
        log_lines: 100,
        state: 1 << 10,
        on_error: OnError::Stop,
        tables: None,
    };
    let limits = Limits {
        memory: 512 << 20,
        routed_topics: 1000,
        ..Limits::default()
    };
    let mut plugins: Vec<Plugin> = transforms.iter().cloned().map(plugin).collect();
    plugins.push(plugin(("envelope", json!({}))));
    Chain::assemble(&plugins, cache, &limits).expect("the plugins load")
}
