//! Components that were built from earlier versions: each loads, and makes of a batch of its time what it made of it then.

use std::path::{Path, PathBuf};

use arrow::ipc::writer::StreamWriter;
use serde_json::{Value, json};

use super::super::{Chain, Sample};
use super::{Lab, plugin};
use crate::batch::{Batch, Records};
use crate::config::Plugin;

/// The chains of a version: files with their configurations, the encoder last.
type Case = &'static [(&'static str, &'static str)];

const CASES: [(&str, Case); 4] = [
    ("c-json", &[("c-json.wasm", r#"{"others":"leave-out"}"#)]),
    (
        "scrub",
        &[
            ("scrub.wasm", r#"{"topic":"routed"}"#),
            ("c-json.wasm", r#"{"others":"leave-out"}"#),
        ],
    ),
    (PATCHING, &[("scrub.wasm", "{}"), ("c-json.wasm", r#"{"others":"leave-out"}"#)]),
    ("tally", &[("tally.wasm", "{}")]),
];

/// A batch of whole images without odd dates, of which a transform need not write what it leaves alone.
const PATCHING: &str = "patch";

fn versions() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/golden");
    let entries = std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    versions
}

/// A file of a version; one that is missing is written where a new version is blessed, and no other ever.
fn kept(path: &Path, made: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    if !path.exists() && std::env::var_os("ROWMILL_BLESS").is_some() {
        std::fs::write(path, made()).unwrap();
    }
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}; ROWMILL_BLESS=1 writes what is missing", path.display()))
}

fn input(version: &Path) -> Sample {
    let bytes = kept(&version.join("input.arrow"), || {
        let rows = Sample::of_everything().unwrap().batch.rows;
        let mut writer = StreamWriter::try_new(Vec::new(), rows.schema_ref()).unwrap();
        writer.write(&rows).unwrap();
        writer.into_inner().unwrap()
    });
    Sample::read(&bytes).unwrap().remove(0)
}

fn chain(lab: &Lab, version: &Path, case: Case) -> Chain {
    let settings: Vec<Plugin> = case
        .iter()
        .map(|(file, config)| Plugin {
            config: serde_json::from_str(config).unwrap(),
            ..plugin(&version.join(file), "nothing")
        })
        .collect();
    lab.chain(&settings).unwrap()
}

fn lines(records: &Records, told: &mut Vec<Value>) {
    for i in 0..records.len() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (key, value) = records.entry(i).unwrap();
        let headers: Vec<Value> = records.headers(i).map(|(name, value)| json!([text(name), text(value)])).collect();
        told.push(json!({
            "topic": &*records.topic_names[usize::from(records.topics[i])],
            "partition": records.partitions[i],
            "timestamp": records.timestamps[i],
            "key": key.map(text),
            "value": value.map(text),
            "headers": headers,
        }));
    }
}

/// Without the columns that say of rows in which column something is.
fn of_whole_images(sample: Sample) -> Sample {
    let rows = &sample.batch.rows;
    let fields = rows.schema_ref().fields().iter().enumerate();
    let kept = fields.filter(|(_, field)| !field.name().ends_with("_present") && field.name() != "odd_dates");
    let kept: Vec<usize> = kept.map(|(at, _)| at).collect();
    let rows = rows.project(&kept).unwrap();
    Sample {
        batch: Batch { rows, ..sample.batch },
        ..sample
    }
}

/// A batch, a heartbeat, what is kept then, and the batch once more after a restart.
fn told(lab: &Lab, version: &Path, (name, case): (&str, Case)) -> String {
    let sample = input(version);
    let sample = if name == PATCHING { of_whole_images(sample) } else { sample };
    let mut told = Vec::new();
    let mut first = chain(lab, version, case);
    let run = |chain: &mut Chain, told: &mut Vec<Value>| {
        let rejected = chain.run(&sample.batch, &sample.topic, &mut |records| {
            lines(&records, told);
            Ok(())
        });
        assert!(rejected.unwrap().is_empty());
    };
    run(&mut first, &mut told);
    let heartbeat =
        json!({"event": "heartbeat", "topics": ["mysql_sample"], "ts": 1_614_748_870_000_i64, "checkpoint_ts": 1_614_748_870_000_i64});
    let topics = [std::sync::Arc::clone(&sample.topic)];
    let heard = first.control(&heartbeat, &topics, &mut |records| {
        lines(&records, &mut told);
        Ok(())
    });
    heard.unwrap();
    let standing = first.standing();
    for saved in standing.iter().filter_map(|standing| standing.saved.as_ref()) {
        told.push(json!({"state_version": saved.version, "state": String::from_utf8_lossy(&saved.bytes)}));
    }
    let mut second = chain(lab, version, case);
    second.resume(&standing).unwrap();
    run(&mut second, &mut told);
    told.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn golden_components_load_and_make_what_they_always_made() {
    let lab = Lab::new();
    for version in versions() {
        for (name, case) in CASES {
            let made = told(&lab, &version, (name, case));
            let expected = kept(&version.join(format!("{name}.jsonl")), || made.clone().into_bytes());
            assert_eq!(made, String::from_utf8(expected).unwrap(), "{name} of {}", version.display());
        }
    }
}

#[test]
fn a_component_for_a_later_minor_version_loads_as_long_as_it_asks_for_nothing_new() {
    let lab = Lab::new();
    for version in versions() {
        let mut wasm = std::fs::read(version.join("c-json.wasm")).unwrap();
        let (from, to) = (b"@1.0.0", b"@1.9.3");
        while let Some(at) = wasm.windows(from.len()).position(|window| window == from) {
            wasm[at..at + to.len()].copy_from_slice(to);
        }
        let later = lab.put("later.wasm", &wasm);
        let sample = input(&version);
        let mut count = 0;
        let mut settings = plugin(&later, "nothing");
        settings.config = json!({"others": "leave-out"});
        let mut chain = lab.chain(&[settings]).unwrap();
        let run = chain.run(&sample.batch, &sample.topic, &mut |records| {
            count += records.len();
            Ok(())
        });
        assert!(run.unwrap().is_empty() && count == 8);
    }
}
