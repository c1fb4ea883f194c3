//! Batches that go through a transform first.

use super::{Lab, batch, guests, plugin, run, stopped};

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
fn a_batch_that_is_no_batch_is_refused() {
    for task in ["cut", "garbage", "swapped"] {
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
