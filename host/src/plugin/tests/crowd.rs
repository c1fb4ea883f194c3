//! More tables than plugins have room for.

use std::collections::BTreeSet;

use super::{Arc, Batch, Chain, Lab, Limits, Plugin, Table, batch, envelope, guests, plugin, texts, topic};
use crate::plugin::{FlushReason, Sample};

/// Room for one table, or for all of these.
const ROOMS: [usize; 2] = [1, 0];

/// What batches become, given as the pipeline gives them, and how many schemas were closed to make room.
fn milled(chain: &mut Chain, batches: &[Batch]) -> (Vec<String>, usize) {
    let mut values = Vec::new();
    let mut closed = 0;
    for batch in batches {
        if chain.is_crowded() {
            chain
                .flush(FlushReason::Barrier, &mut |records| {
                    values.extend(texts(&records));
                    Ok(())
                })
                .unwrap();
            chain.make_room();
        }
        let mut records = Vec::new();
        let rejected = chain.run(batch, &topic(), &mut |some| {
            records.push(some);
            Ok(())
        });
        assert!(rejected.unwrap().is_empty());
        for some in &records {
            values.extend((0..some.len()).map(|i| {
                let (key, value) = some.entry(i).unwrap();
                format!(
                    "{:?} {} {:?}",
                    key.map(String::from_utf8_lossy),
                    timeless(value),
                    some.timestamps.get(i)
                )
            }));
        }
        let (open, more) = chain.schemas();
        assert!(open > 0);
        closed += more;
    }
    (values, closed)
}

/// A value without the time at which it was made.
fn timeless(value: Option<&[u8]>) -> String {
    let Some(bytes) = value else { return "none".to_owned() };
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return String::from_utf8_lossy(bytes).into_owned();
    };
    if let Some(times) = value.pointer_mut("/payload/timestamp").and_then(serde_json::Value::as_object_mut) {
        times.remove("systemTime").unwrap();
    }
    value.to_string()
}

fn chain(lab: &Lab, plugins: &[Plugin], tables: usize) -> Chain {
    let limits = Limits { tables, ..super::LIMITS };
    Chain::assemble(plugins, &lab.cache, &limits).unwrap()
}

/// One table of its own for each of these batches, three times in turn.
fn in_turn(batches: impl Iterator<Item = Batch>) -> Vec<Batch> {
    let named = batches.zip(1000..).map(|(mut batch, version)| {
        batch.table = Arc::new(Table {
            version,
            name: format!("t{version}"),
            ..Table::clone(&batch.table)
        });
        batch
    });
    let once: Vec<Batch> = named.collect();
    [once.clone(), once.clone(), once].concat()
}

#[test]
fn a_table_that_was_forgotten_becomes_the_same_records_when_it_comes_again() {
    let lab = Lab::new();
    let envelope = envelope();
    let batches = in_turn((0..5).map(|_| Sample::of_orders(20).unwrap().batch));
    let [(forgotten, closed), (kept, none)] = ROOMS.map(|room| milled(&mut chain(&lab, std::slice::from_ref(&envelope), room), &batches));
    // Five of the twenty are updates, which are two records each.
    assert_eq!(forgotten.len(), 15 * 25);
    assert_eq!(forgotten, kept);
    assert!(closed >= 10 && none == 0, "{closed} and {none} were closed");
}

#[test]
fn a_schema_that_is_opened_again_has_the_id_that_it_had() {
    let lab = Lab::new();
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let batches = in_turn((0..5).map(|n| batch(1, &[n + 1])));
    let mut chain = chain(&lab, &[plugin(&probe, "echo")], 1);
    let (values, closed) = milled(&mut chain, &batches);
    assert_eq!(values.len(), 15);
    let told: BTreeSet<String> = chain.counters().map(|(name, times)| format!("{name} {times}")).collect();
    let ids = told.iter().filter(|name| name.starts_with("closed_")).count();
    assert!(closed >= 10 && ids <= 5, "{closed} were closed: {told:?}");
}

#[test]
fn what_a_transform_makes_of_forgotten_tables_is_the_same_again() {
    let lab = Lab::new();
    let sieve = lab.put("sieve.wasm", &guests::sieve());
    let probe = lab.put("probe.wasm", &guests::probe('A'));
    let batches = in_turn((0..5).map(|n| batch(1, &[n + 1])));
    let [(forgotten, closed), (kept, none)] = ROOMS.map(|room| {
        let plugins = [plugin(&sieve, "again"), plugin(&probe, "check-batch")];
        milled(&mut chain(&lab, &plugins, room), &batches)
    });
    assert_eq!(forgotten, kept);
    assert!(closed >= 20 && none == 0, "{closed} and {none} were closed");
}
