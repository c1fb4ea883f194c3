//! The room as the pipeline sees it, with guests that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod abreast;
mod crowd;
mod golden;
mod guests;
mod hand_over;
mod limits;
mod reload;
mod kept;
mod swap;
mod transforms;
mod tried;
mod zoo;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray, UInt8Array, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;

use super::Chain;
use crate::batch::{Batch, Records, Shape, Transactions};
use crate::config::{Limits, OnError, Plugin, PluginOrigin};
use crate::fault::Fault;
use crate::source::{Column, ColumnType, Table};

const LIMITS: Limits = Limits {
    memory: 256 << 20,
    row: 64 << 20,
    prepared: 0,
    metric_names: 0,
    plugin_output: 0,
    routed_topics: 3,
    tables: 0,
};

/// A folder with a plugin cache and plugin files, gone with the test.
struct Lab {
    folder: tempfile::TempDir,
    cache: PathBuf,
}

impl Lab {
    /// With the cache that all tests share, since compiling in a debug build takes seconds.
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            cache: guests::shared_cache(),
        }
    }

    /// With a cache of its own, empty and not yet made.
    fn with_own_cache() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        Self { folder, cache }
    }

    /// Puts a plugin in place as a deployment does: written beside, then renamed.
    fn put(&self, name: &str, wasm: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        let beside = self.folder.path().join(format!(".{name}.part"));
        std::fs::write(&beside, wasm).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        path
    }

    fn chain(&self, plugins: &[Plugin]) -> Result<Chain, Fault> {
        Chain::assemble(plugins, &self.cache, &LIMITS)
    }

    /// A chain of the probe alone, told to do `task`.
    fn probe(&self, task: &str) -> Chain {
        let path = self.put("probe.wasm", &guests::probe('A'));
        self.chain(&[plugin(&path, task)]).unwrap()
    }
}

fn plugin(path: &Path, task: &str) -> Plugin {
    Plugin {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        origin: PluginOrigin::File(path.to_owned()),
        config: serde_json::json!({ "do": task }),
        memory: 16 << 20,
        instances: 1,
        call_timeout: Duration::from_secs(5),
        log_lines: 100,
        state: 1 << 10,
        on_error: OnError::Stop,
        tables: None,
    }
}

/// Rows whose transaction ids are `xids`, one a row, in a table `d.t` of that version.
fn batch(version: u32, xids: &[u64]) -> Batch {
    let count = xids.len();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(count).unwrap()));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("näme"); count]));
    let of_kind = |kind: &str| std::collections::HashMap::from([("rowmill.kind".to_owned(), kind.to_owned())]);
    let columns = vec![
        Field::new("id", DataType::Int64, false).with_metadata(of_kind("int")),
        Field::new("name", DataType::Utf8, true).with_metadata(of_kind("string")),
    ];
    let after = StructArray::new(columns.clone().into(), vec![ids, names], None);
    let schema = Schema::new(vec![
        Field::new("seq", DataType::UInt64, false),
        Field::new("op", DataType::UInt8, false),
        Field::new("flags", DataType::UInt8, false),
        Field::new("ts", DataType::Int64, false),
        Field::new("checkpoint_ts", DataType::Int64, false),
        Field::new("txn", DataType::UInt32, false),
        Field::new("after", DataType::Struct(columns.into()), true),
    ])
    .with_metadata([("rowmill.table".to_owned(), "t".to_owned())]);
    let rows = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(UInt64Array::from(xids.to_vec())),
            Arc::new(UInt8Array::from(vec![1; count])),
            Arc::new(UInt8Array::from(vec![0; count])),
            Arc::new(Int64Array::from_iter_values(
                xids.iter().map(|xid| 1000 + i64::try_from(*xid).unwrap()),
            )),
            Arc::new(Int64Array::from(vec![7; count])),
            Arc::new(UInt32Array::from_iter_values(0..u32::try_from(count).unwrap())),
            Arc::new(after),
        ],
    )
    .unwrap();
    Batch {
        table: table(version),
        shape: Shape::default(),
        bytes: rows.get_array_memory_size(),
        rows,
        transactions: Transactions {
            xids: xids.to_vec(),
            ..Transactions::default()
        },
    }
}

fn table(version: u32) -> Arc<Table> {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        type_text: String::new(),
        width_unknown: None,
        kind,
        nullable: false,
    };
    Arc::new(Table {
        hidden: 0,
        version,
        database: "d".to_owned(),
        name: "t".to_owned(),
        columns: vec![
            column("id", ColumnType::Int { bytes: 8, unsigned: false }),
            column("name", ColumnType::Float),
        ],
        key: Vec::new(),
    })
}

fn topic() -> Arc<str> {
    "probe_t".into()
}

/// What one batch becomes, as texts of the records' values.
fn run(chain: &mut Chain, batch: &Batch) -> Result<Vec<String>, Fault> {
    let mut values = Vec::new();
    chain.run(batch, &topic(), &mut |records| {
        values.extend(texts(&records));
        Ok(())
    })?;
    Ok(values)
}

fn texts(records: &Records) -> Vec<String> {
    (0..records.len())
        .map(|i| String::from_utf8(records.entry(i).unwrap().1.unwrap().to_vec()).unwrap())
        .collect()
}

/// The whole text of an error that stops the connector.
fn stopped<T>(outcome: Result<T, Fault>) -> String {
    match outcome {
        Err(Fault::Stop(error)) => format!("{error:#}"),
        Err(other) => panic!("not a stop: {other}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn each_record_names_its_rows_time_and_the_tables_topic() {
    let mut chain = Lab::new().probe("check-batch");
    let mut all = Vec::new();
    chain
        .run(&batch(1, &[5, 6]), &topic(), &mut |records| {
            all.push(records);
            Ok(())
        })
        .unwrap();
    let [records] = all.as_slice() else {
        panic!("{} hand-overs", all.len());
    };
    assert_eq!(texts(records), ["AAAA:5", "AAAA:6"]);
    assert_eq!(records.timestamps, [1005, 1006]);
    assert_eq!(records.partitions, [-1, -1]);
    assert_eq!(records.topics, [0, 0]);
    assert_eq!(records.topic_names, [topic()]);
    assert_eq!(records.entry(0).unwrap().0, None);
}

#[test]
fn a_control_event_reaches_an_encoder_that_asked_for_it_and_no_other() {
    let mut chain = Lab::new().probe("echo");
    let mut values = Vec::new();
    for event in ["heartbeat", "ddl"] {
        let event = serde_json::json!({ "event": event, "ts": 99 });
        chain
            .control(&event, &[topic()], &mut |records| {
                assert_eq!(records.timestamps, [99]);
                values.extend(texts(&records));
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(values, [r#"{"event":"heartbeat","ts":99}"#]);
}

#[test]
fn a_row_that_the_plugin_refuses_is_named_and_nothing_of_its_batch_is_delivered() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut settings = plugin(&path, "refuse-row");
    let text = stopped(run(&mut lab.chain(std::slice::from_ref(&settings)).unwrap(), &batch(1, &[1, 2])));
    assert!(
        text.contains("plugin probe refused row 1 of 2 rows of d.t") && text.contains("value-out-of-range"),
        "{text}"
    );

    // This one refuses every call, so that in the end no row is left; it takes a batch of one row for one of two.
    settings.on_error = OnError::DeadLetter;
    let mut delivered = 0;
    let outcome = lab
        .chain(std::slice::from_ref(&settings))
        .unwrap()
        .run(&batch(1, &[1, 2]), &topic(), &mut |_| {
            delivered += 1;
            Ok(())
        });
    let mut rejected = outcome.unwrap();
    rejected.sort_by_key(|rejected| rejected.seq);
    let found: Vec<_> = rejected.iter().map(|r| (r.seq, r.code.as_str(), r.on_error)).collect();
    assert_eq!(
        found,
        [
            (1, "malformed", OnError::DeadLetter),
            (2, "value-out-of-range", OnError::DeadLetter)
        ]
    );
    assert!(rejected.iter().all(|r| r.plugin == "probe" && r.sha256.len() == 64));
    assert_eq!(delivered, 0);
}

#[test]
fn a_new_version_of_a_table_closes_the_schemas_of_the_old_one() {
    let mut chain = Lab::new().probe("echo");
    run(&mut chain, &batch(1, &[1])).unwrap();
    run(&mut chain, &batch(2, &[2])).unwrap();
    assert_eq!(chain.counters().collect::<Vec<_>>(), [("closed_1", 1.0)]);
}

/// The built-in envelope with its own settings.
fn envelope() -> Plugin {
    Plugin {
        name: "envelope".to_owned(),
        origin: PluginOrigin::Builtin("envelope".to_owned()),
        config: serde_json::json!({}),
        memory: 64 << 20,
        ..plugin(Path::new("envelope"), "")
    }
}

#[test]
fn the_built_in_envelope_loads_and_encodes_without_a_file() {
    let lab = Lab::new();
    let settings = envelope();
    let mut chain = lab.chain(std::slice::from_ref(&settings)).unwrap();
    let event = serde_json::json!({ "event": "heartbeat", "topics": ["probe_t"], "ts": 5, "checkpoint_ts": 6 });
    let mut values = Vec::new();
    chain
        .control(&event, &[topic()], &mut |records| {
            values.extend(texts(&records));
            Ok(())
        })
        .unwrap();
    assert!(values.len() == 1 && values[0].contains("\"op\":\"MHEARTBEAT\""), "{values:?}");

    let unknown = Plugin {
        origin: PluginOrigin::Builtin("parcel".to_owned()),
        ..settings
    };
    let text = stopped(lab.chain(&[unknown]));
    assert!(text.contains("no built-in plugin \"parcel\""), "{text}");
}
