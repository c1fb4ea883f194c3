//! Batches that several instances of a plugin share.

use rowmill_sdk::harness::{Rows, Shape, Value};

use super::{Lab, guests, plugin, stopped, topic};
use crate::batch::Records;
use crate::config::{OnError, Plugin, PluginOrigin};
use crate::plugin::sample::Sample;
use crate::plugin::{Chain, Rejected};

const ROWS: u32 = 4000;

/// Rows 1 to `ROWS` with the text `fine`, but for some.
fn batch(others: &[(u32, &str)]) -> Sample {
    let shape = Shape::new("d", "t")
        .column("id", "int", &[])
        .column("text", "varchar(20)", &[])
        .key(&[0]);
    let mut rows = Rows::new(&shape);
    for id in 1..=ROWS {
        let text = others.iter().find(|(other, _)| *other == id).map_or("fine", |(_, text)| text);
        rows = rows.insert(vec![Value::from(i64::from(id)), Value::from(text)]);
    }
    Sample::made(&rows).unwrap()
}

/// The judge and an encoder, each of so many instances.
fn chain(lab: &Lab, instances: u32, on_error: OnError) -> Chain {
    let judge = lab.put("judge.wasm", &guests::judge());
    let judge = Plugin {
        instances,
        on_error,
        config: serde_json::json!({}),
        ..plugin(&judge, "")
    };
    let encoder = Plugin {
        name: "flat-json".to_owned(),
        origin: PluginOrigin::Builtin("flat-json".to_owned()),
        ..judge.clone()
    };
    lab.chain(&[judge, encoder]).unwrap()
}

fn run(chain: &mut Chain, sample: &Sample) -> Result<(Vec<String>, Vec<Rejected>), crate::fault::Fault> {
    let mut values = Vec::new();
    let rejected = chain.run(&sample.batch, &topic(), &mut |records: Records| {
        let value = |i| records.entry(i).unwrap().1.unwrap().to_vec();
        values.extend((0..records.len()).map(|i| String::from_utf8(value(i)).unwrap()));
        Ok(())
    })?;
    Ok((values, rejected))
}

#[test]
fn instances_that_share_a_batch_make_of_it_what_one_makes() {
    let lab = Lab::new();
    let sample = batch(&[]);
    let (alone, _) = run(&mut chain(&lab, 1, OnError::Stop), &sample).unwrap();
    assert_eq!(alone.len(), 4000);
    let mut shared = chain(&lab, 4, OnError::Stop);
    for _ in 0..3 {
        assert_eq!(run(&mut shared, &sample).unwrap().0, alone);
    }
    assert_eq!(shared.instances(), [4, 4]);
}

#[test]
fn a_small_batch_has_one_instance() {
    let lab = Lab::new();
    let mut chain = chain(&lab, 4, OnError::Stop);
    assert_eq!(run(&mut chain, &batch(&[]).first(1000)).unwrap().0.len(), 1000);
    assert_eq!(chain.instances(), [1, 1]);
}

#[test]
fn rows_at_fault_are_found_in_whatever_share_they_are() {
    let lab = Lab::new();
    let mut chain = chain(&lab, 4, OnError::DeadLetter);
    let (values, rejected) = run(&mut chain, &batch(&[(700, "refuse"), (1500, "trap"), (3999, "batch")])).unwrap();
    let mut found: Vec<(u64, &str)> = rejected.iter().map(|rejected| (rejected.seq, rejected.code.as_str())).collect();
    found.sort_unstable();
    let first = found[0].0 - 699;
    assert_eq!(
        found,
        [(first + 699, "not-wanted"), (first + 1499, "trapped"), (first + 3998, "some-row")]
    );
    let id = |value: &String| {
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        value["id"].as_i64().unwrap()
    };
    let ids: Vec<i64> = values.iter().map(id).collect();
    let expected: Vec<i64> = (1..=4000).filter(|id| ![700, 1500, 3999].contains(id)).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_row_that_stops_the_connector_is_named() {
    let lab = Lab::new();
    let text = stopped(run(&mut chain(&lab, 4, OnError::Stop), &batch(&[(2600, "refuse")])));
    assert!(text.contains("plugin judge refused row") && text.contains("not-wanted"), "{text}");
}

#[test]
fn whoever_does_not_say_that_it_may_works_alone() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let sieve = Plugin {
        instances: 4,
        ..plugin(&sieve, "same")
    };
    let encoder = Plugin {
        name: "flat-json".to_owned(),
        origin: PluginOrigin::Builtin("flat-json".to_owned()),
        config: serde_json::json!({}),
        ..sieve.clone()
    };
    let mut chain = lab.chain(&[sieve, encoder]).unwrap();
    assert_eq!(run(&mut chain, &batch(&[])).unwrap().0.len(), 4000);
    assert_eq!(chain.instances(), [1, 4]);
}
