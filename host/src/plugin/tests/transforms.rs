//! Batches that go through a transform first.

use rowmill_sdk::harness::{Rows, Shape};

use super::{Lab, batch, guests, plugin, run, stopped};
use crate::config::{Plugin, PluginOrigin};
use crate::plugin::FlushReason;
use crate::plugin::sample::Sample;

fn after(task: &str) -> Result<Vec<String>, crate::fault::Fault> {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&sieve, task), plugin(&probe, "check-batch")])?;
    run(&mut chain, &batch(1, &[1, 2, 3]))?;
    run(&mut chain, &batch(1, &[4, 5, 6]))
}

#[test]
fn a_batch_left_alone_changed_or_reshaped_reaches_the_encoder() {
    for task in ["leave", "same", "again"] {
        assert_eq!(after(task).unwrap(), ["AAAA:4", "AAAA:5", "AAAA:6"], "{task}");
    }
}

#[test]
fn a_dropped_batch_never_reaches_the_encoder() {
    assert!(after("drop").unwrap().is_empty());
}

#[test]
fn rows_that_a_patch_keeps_reach_the_encoder() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let shape = Shape::new("d", "t").column("id", "int", &[]);
    let rows = (4..=6).fold(Rows::new(&shape), |rows, id: i64| rows.insert(vec![id.into()]));
    let sample = Sample::made(&rows).unwrap();
    let encoder = Plugin {
        name: "flat-json".to_owned(),
        origin: PluginOrigin::Builtin("flat-json".to_owned()),
        config: serde_json::json!({}),
        ..plugin(&sieve, "")
    };
    for (task, ids) in [
        ("keep-two", &[4, 6][..]),
        ("keep-two-again", &[4, 6]),
        ("keep-all", &[4, 5, 6]),
        ("schema-alone", &[4, 5, 6]),
        ("keep-none", &[]),
    ] {
        let mut chain = lab.chain(&[plugin(&sieve, task), encoder.clone()]).unwrap();
        let values = run(&mut chain, &sample.batch).unwrap();
        let told: Vec<i64> = values
            .iter()
            .map(|value| serde_json::from_str::<serde_json::Value>(value).unwrap()["id"].as_i64().unwrap())
            .collect();
        assert_eq!(told, ids, "{task}");
    }
}

#[test]
fn columns_that_only_have_another_name_stay() {
    let lab = Lab::new();
    let rows = Rows::new(&Shape::new("d", "t").column("id", "int", &[])).insert(vec![7.into()]);
    let builtin = |name: &str, config: serde_json::Value| Plugin {
        name: name.to_owned(),
        origin: PluginOrigin::Builtin(name.to_owned()),
        config,
        ..plugin(std::path::Path::new(name), "")
    };
    let renaming = builtin("project", serde_json::json!({"rename": {"id": "number"}}));
    let mut chain = lab.chain(&[renaming, builtin("flat-json", serde_json::json!({}))]).unwrap();
    let values = run(&mut chain, &Sample::made(&rows).unwrap().batch).unwrap();
    assert!(values.len() == 1 && values[0].contains("\"number\":7"), "{values:?}");
}

#[test]
fn a_patch_outside_of_a_call_of_process_breaks_the_contract() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&sieve, "keep-at-flush"), plugin(&probe, "echo")]).unwrap();
    assert_eq!(run(&mut chain, &batch(1, &[1, 2, 3])).unwrap().len(), 3);
    let text = stopped(chain.flush(FlushReason::Commit, &mut |_| Ok(())));
    assert!(text.contains("a patch outside of a call of process"), "{text}");
}

#[test]
fn a_batch_that_is_no_batch_is_refused() {
    for task in [
        "cut",
        "garbage",
        "swapped",
        "keep-too-many",
        "keep-too-much",
        "keep-and-batch",
        "columns-lost",
        "columns-garbage",
    ] {
        let text = stopped(after(task));
        assert!(
            text.contains("plugin sieve failed twice") && text.contains("breaks the contract"),
            "{task}: {text}"
        );
    }
}

#[test]
fn display_widths_matter_where_a_plugin_says_so_of_its_configuration() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let matter = |tasks: [&str; 2]| {
        let chain = lab.chain(&[plugin(&sieve, tasks[0]), plugin(&probe, tasks[1])]);
        chain.unwrap().needs_widths()
    };
    assert!(matter(["leave", "widths"]));
    assert!(!matter(["leave", "echo"]));
    assert!(!matter(["widths", "echo"]), "the sieve says nothing of them");
}

#[test]
fn a_chain_ends_with_its_one_encoder() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let (sieve, probe) = (plugin(&sieve, "leave"), plugin(&probe, "echo"));
    let text = stopped(lab.chain(&[probe.clone(), sieve]));
    assert!(text.contains("the last [[plugin]] is a transform"), "{text}");
    let text = stopped(lab.chain(&[probe.clone(), probe]));
    assert!(text.contains("an encoder stands before the last"), "{text}");
}

#[test]
fn a_transform_gets_the_tables_that_it_is_for() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    for (tables, left) in [("t", 0), (r"d\.t", 0), ("other|t2", 3), ("d", 3)] {
        let mut dropping = plugin(&sieve, "drop");
        dropping.tables = Some(regex::Regex::new(&format!(r"\A(?:{tables})\z")).unwrap());
        let mut chain = lab.chain(&[dropping, plugin(&probe, "check-batch")]).unwrap();
        assert_eq!(run(&mut chain, &batch(1, &[1, 2, 3])).unwrap().len(), left, "{tables}");
    }
}
