//! Plugin files that are replaced while batches flow.

use std::time::{Duration, Instant};

use super::{Lab, batch, guests, plugin, run};
use crate::plugin::Chain;

/// Runs batches of three rows until `until` says that it saw enough; returns all values, in order.
fn load(chain: &mut Chain, mut until: impl FnMut(&Chain, &[String]) -> bool) -> Vec<Vec<String>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut all = Vec::new();
    for number in 0_u64.. {
        let values = run(chain, &batch(1, &[3 * number, 3 * number + 1, 3 * number + 2])).unwrap();
        let enough = until(chain, &values);
        all.push(values);
        assert!(Instant::now() < deadline, "no swap within a minute");
        if enough {
            break;
        }
    }
    all
}

#[test]
fn a_swap_under_load_keeps_every_record_once_and_never_mixes_versions_in_a_batch() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&path, "echo")]).unwrap();
    let mut count = 0;
    let mut after = 0;
    let all = load(&mut chain, |_, values| {
        count += 1;
        if count == 20 {
            lab.put("probe.wasm", &guests::probe('B'));
        }
        after += usize::from(values[0].starts_with("BBBB"));
        after == 20
    });
    let mut xids = Vec::new();
    for values in &all {
        let marks: Vec<&str> = values.iter().map(|value| value.split_once(':').unwrap().0).collect();
        assert!(marks.iter().all(|mark| *mark == marks[0]), "{values:?}");
        xids.extend(values.iter().map(|value| value.split_once(':').unwrap().1.parse::<u64>().unwrap()));
    }
    assert_eq!(xids, (0..u64::try_from(xids.len()).unwrap()).collect::<Vec<_>>());
    assert!(all.iter().is_sorted_by_key(|values| values[0].starts_with("BBBB")));
}

#[test]
fn a_broken_replacement_leaves_the_old_version_at_work() {
    for (task, refused) in [
        ("echo", b"not WebAssembly at all".to_vec()),
        ("refuse-config-b", guests::probe('B')),
        ("trap-if-b", guests::probe('B')),
    ] {
        let lab = Lab::new();
        let path = lab.put("probe.wasm", &guests::probe('A'));
        let mut settings = plugin(&path, if task == "refuse-config-b" { "echo" } else { task });
        settings.config["note"] = task.into();
        let mut chain = lab.chain(&[settings]).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
        lab.put("probe.wasm", &refused);
        // The refusal is an event; what follows it must still be the old version.
        load(&mut chain, |chain, values| {
            assert!(values[0].starts_with("AAAA"), "{task}: {values:?}");
            chain.swaps().1 == 1
        });
        assert_eq!(run(&mut chain, &batch(1, &[9])).unwrap(), ["AAAA:9"]);
        // And the next good version is taken all the same.
        lab.put("probe.wasm", &guests::probe('C'));
        load(&mut chain, |_, values| values[0].starts_with("CCCC"));
    }
}
