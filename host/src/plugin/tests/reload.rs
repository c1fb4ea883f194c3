//! How new versions come, prove themselves, or are taken back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{LIMITS, Lab, batch, guests, plugin, run};
use crate::config::OnError;
use crate::plugin::{Chain, SetbackKind};

/// Runs batches of ten rows until `until` says that it saw enough; values of each batch.
fn load(chain: &mut Chain, mut until: impl FnMut(&Chain, &[String]) -> bool) -> Vec<Vec<String>> {
    let mut waited = Duration::ZERO;
    let mut all = Vec::new();
    for number in 0_u64.. {
        let begun = Instant::now();
        let xids: Vec<u64> = (10 * number..10 * number + 10).collect();
        all.push(run(chain, &batch(1, &xids)).unwrap());
        // A process that was stopped for minutes has not waited for them.
        waited += begun.elapsed().min(Duration::from_millis(100));
        assert!(
            waited < Duration::from_secs(60),
            "waited a minute; {:?}, the last: {:?}",
            chain.swaps(),
            all.last()
        );
        if until(chain, &all[all.len() - 1]) {
            break;
        }
    }
    all
}

fn mark(values: &[String]) -> &str {
    let mark = values[0].split(':').next().unwrap();
    assert!(
        values.iter().all(|value| value.starts_with(mark)),
        "two versions in one batch: {values:?}"
    );
    mark
}

fn rolled_back(chain: &mut Chain) -> u64 {
    chain.measured().map(|measured| measured.measures.rolled_back).sum()
}

#[test]
fn a_version_that_breaks_again_and_again_is_taken_back_and_not_taken_again() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&path, "trap-third-if-b")]).unwrap();
    lab.put("probe.wasm", &guests::probe('B'));
    let all = load(&mut chain, {
        let mut seen_b = false;
        move |_, values| {
            seen_b |= mark(values) == "BBBB";
            seen_b && mark(values) == "AAAA"
        }
    });
    let total: usize = all.iter().map(Vec::len).sum();
    assert_eq!(total, 10 * all.len(), "each row has one record");
    assert_eq!(rolled_back(&mut chain), 1);
    // Another version is another matter.
    lab.put("probe.wasm", &guests::probe('C'));
    load(&mut chain, |_, values| mark(values) == "CCCC");
    let refused = chain.swaps().1;
    lab.put("probe.wasm", &guests::probe('B'));
    load(&mut chain, |chain, values| {
        assert_eq!(mark(values), "CCCC");
        chain.swaps().1 > refused
    });
}

#[test]
fn a_version_that_breaks_over_what_may_come_is_not_taken_unless_the_one_at_work_does_too() {
    // Nothing of the kind has come yet: it is in the batch that has something of everything.
    for (task, taken) in [("trap-at-odd-dates-if-b", false), ("trap-at-odd-dates", true)] {
        let lab = Lab::new();
        let path = lab.put("probe.wasm", &guests::probe('A'));
        let mut chain = lab.chain(&[plugin(&path, task)]).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
        lab.put("probe.wasm", &guests::probe('B'));
        load(&mut chain, |chain, values| {
            assert!(taken || mark(values) == "AAAA", "{task}");
            let (swapped, refused) = chain.swaps();
            assert!(!taken || refused == 0, "{task}");
            swapped + refused > 0
        });
        assert_eq!(chain.swaps(), (u64::from(taken), u64::from(!taken)), "{task}");
    }
}

#[test]
fn a_version_that_takes_far_fewer_rows_is_taken_back_before_a_batch_suffers() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut settings = plugin(&path, "refuse-third-if-b");
    settings.on_error = OnError::Skip;
    let mut chain = lab.chain(&[settings]).unwrap();
    lab.put("probe.wasm", &guests::probe('B'));
    let mut seen_b = false;
    let all = load(&mut chain, |_, values| {
        seen_b |= values.first().is_some_and(|value| value.starts_with("BBBB"));
        seen_b && values.first().is_some_and(|value| value.starts_with("AAAA"))
    });
    assert_eq!(rolled_back(&mut chain), 1);
    let lost = 10 * all.len() - all.iter().map(Vec::len).sum::<usize>();
    assert!(lost <= 10, "{lost} rows were not taken before it was noticed");
}

#[test]
fn a_version_that_stops_at_a_batch_is_taken_back_instead_of_the_connector_stopping() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&path, "refuse-third-if-b")]).unwrap();
    lab.put("probe.wasm", &guests::probe('B'));
    let mut seen_b = false;
    let all = load(&mut chain, |_, values| {
        seen_b |= mark(values) == "BBBB";
        seen_b && mark(values) == "AAAA"
    });
    assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 10 * all.len());
    assert_eq!(rolled_back(&mut chain), 1);
}

#[test]
fn what_is_refused_and_what_is_taken_back_says_why_once() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    for (task, result, words) in [
        ("trap-if-b", SetbackKind::Refused, "failed twice"),
        ("refuse-third-if-b", SetbackKind::RolledBack, "refused-by-b"),
    ] {
        lab.put("probe.wasm", &guests::probe('A'));
        let mut chain = lab.chain(&[plugin(&path, task)]).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
        lab.put("probe.wasm", &guests::probe('B'));
        load(&mut chain, |chain, _| chain.standing()[0].setback.is_some());
        let setback = chain.standing()[0].setback.clone().unwrap();
        assert_eq!(
            (setback.result, setback.reason.matches(words).count()),
            (result, 1),
            "{}",
            setback.reason
        );
        assert_ne!(setback.sha256.as_deref(), chain.digests().next());
    }
}

#[test]
fn files_that_change_together_take_over_at_one_batch() {
    let lab = Lab::new();
    let folder = lab.folder.path();
    // The sieve's other version: a component may have sections that mean nothing.
    let mut other = guests::sieve();
    other.extend_from_slice(&[0, 5, 1, b'x', b'a', b'b', b'c']);
    for (name, sieve, probe) in [("one", guests::sieve(), 'A'), ("two", other, 'B')] {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("sieve.wasm"), sieve).unwrap();
        std::fs::write(folder.join(name).join("probe.wasm"), guests::probe(probe)).unwrap();
    }
    link(folder, "one", "current");
    let at = |name: &str| folder.join("current").join(name);
    let plugins = [plugin(&at("sieve.wasm"), "leave"), plugin(&at("probe.wasm"), "echo")];
    let mut chain = lab.chain(&plugins).unwrap();
    run(&mut chain, &batch(1, &[1])).unwrap();
    // One step for both of them, so that no machine is too slow for it.
    link(folder, "two", "current");
    load(&mut chain, |chain, values| {
        let swapped = chain.swaps().0;
        assert!(swapped == 0 || swapped == 2, "{swapped} of two have taken over");
        assert_eq!(mark(values) == "BBBB", swapped == 2);
        swapped == 2
    });
}

/// Has a link in this folder lead there, whether it is there already or not, in one step.
fn link(folder: &Path, to: &str, name: &str) {
    let beside = folder.join(format!("{name}.new"));
    std::os::unix::fs::symlink(to, &beside).unwrap();
    std::fs::rename(beside, folder.join(name)).unwrap();
}

#[test]
fn a_folder_that_takes_the_place_of_another_is_noticed() {
    let lab = Lab::new();
    let folder = lab.folder.path();
    for (name, wasm) in [("plugins", 'A'), ("next", 'B')] {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("probe.wasm"), guests::probe(wasm)).unwrap();
    }
    let path = folder.join("plugins/probe.wasm");
    let mut chain = lab.chain(&[plugin(&path, "echo")]).unwrap();
    run(&mut chain, &batch(1, &[1])).unwrap();
    std::fs::rename(folder.join("plugins"), folder.join("former")).unwrap();
    std::fs::rename(folder.join("next"), folder.join("plugins")).unwrap();
    load(&mut chain, |_, values| mark(values) == "BBBB");
    // And what changes in the new one.
    std::fs::write(&path, guests::probe('C')).unwrap();
    load(&mut chain, |_, values| mark(values) == "CCCC");
}

#[test]
fn other_files_that_are_written_all_the_time_delay_nothing() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&path, "echo")]).unwrap();
    // Every version is compiled once, so that only noticing takes time.
    for version in ['B', 'A'] {
        lab.put("probe.wasm", &guests::probe(version));
        load(&mut chain, |_, values| mark(values).contains(version));
    }
    let log = lab.folder.path().join("run.log");
    let mut quickest = Duration::MAX;
    for version in ['B', 'A', 'B', 'A', 'B'] {
        lab.put("probe.wasm", &guests::probe(version));
        let begun = Instant::now();
        load(&mut chain, |_, values| {
            std::fs::write(&log, "a line").unwrap();
            mark(values).contains(version)
        });
        quickest = quickest.min(begun.elapsed());
    }
    assert!(quickest < Duration::from_millis(1500), "{quickest:?}");
}

#[test]
fn a_file_that_is_written_in_place_or_behind_links_is_noticed() {
    let lab = Lab::new();
    let folder = lab.folder.path();
    // As Kubernetes mounts a ConfigMap: a link to a link to a folder, and the middle one is replaced.
    for (name, wasm) in [("one", 'A'), ("two", 'B')] {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("probe.wasm"), guests::probe(wasm)).unwrap();
    }
    link(folder, "one", "data");
    link(folder, "data/probe.wasm", "linked.wasm");
    let mut chain = lab.chain(&[plugin(&folder.join("linked.wasm"), "echo")]).unwrap();
    assert_eq!(run(&mut chain, &batch(1, &[1])).unwrap(), ["AAAA:1"]);
    link(folder, "two", "data");
    load(&mut chain, |_, values| mark(values) == "BBBB");
    // In place, in several steps.
    let wasm = guests::probe('C');
    let mut file = std::fs::File::create(folder.join("two/probe.wasm")).unwrap();
    for part in wasm.chunks(wasm.len() / 3 + 1) {
        std::io::Write::write_all(&mut file, part).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
    }
    load(&mut chain, |_, values| mark(values) == "CCCC");
}

/// A connector's file with the probe beside it.
fn connector(task: &str, more: &str) -> String {
    format!(
        "name = \"reload\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"\n\
         [[plugin]]\npath = \"probe.wasm\"\nmemory = \"16MiB\"\nconfig = {{ do = \"{task}\" }}\n{more}"
    )
}

#[test]
fn a_changed_configuration_takes_over_as_a_changed_file_does() {
    let lab = Lab::new();
    lab.put("probe.wasm", &guests::probe('A'));
    let file: PathBuf = lab.folder.path().join("connector.toml");
    let write = |task: &str, more: &str| std::fs::write(&file, connector(task, more)).unwrap();
    write("echo", "");
    let config = crate::config::load(&file).unwrap();
    let mut chain = Chain::build(&config.plugins, &lab.cache, &LIMITS, config.file).unwrap();
    assert_eq!(run(&mut chain, &batch(1, &[1])).unwrap(), ["AAAA:1"]);
    write("clock", "");
    load(&mut chain, |_, values| values == ["0 0"]);
    // What is wrong, or can't change while it runs, changes nothing.
    for (task, more, refused) in [
        ("refuse-config", "", 1),
        ("echo", "memory_too = 1", 1),
        ("echo", "[[plugin]]\nbuiltin = \"envelope\"", 1),
    ] {
        write(task, more);
        std::thread::sleep(Duration::from_millis(400));
        load(&mut chain, |chain, values| {
            assert_eq!(values, ["0 0"]);
            chain.swaps().1 == refused
        });
    }
    write("echo", "");
    load(&mut chain, |_, values| values.len() == 10);
}

#[test]
fn a_file_and_a_configuration_that_need_each_other_are_taken_whichever_comes_first() {
    // Version B takes no task but one for B; version A takes none of those.
    for file_first in [true, false] {
        let lab = Lab::new();
        lab.put("probe.wasm", &guests::probe('A'));
        let file: PathBuf = lab.folder.path().join("connector.toml");
        let write = |task: &str| std::fs::write(&file, connector(task, "")).unwrap();
        write("only-a");
        let config = crate::config::load(&file).unwrap();
        let mut chain = Chain::build(&config.plugins, &lab.cache, &LIMITS, config.file).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
        let steps: [&dyn Fn(); 2] = [&|| drop(lab.put("probe.wasm", &guests::probe('B'))), &|| write("only-b")];
        let (first, second) = if file_first { (steps[0], steps[1]) } else { (steps[1], steps[0]) };
        first();
        load(&mut chain, |chain, values| {
            assert_eq!(mark(values), "AAAA");
            chain.swaps().1 == 1
        });
        second();
        load(&mut chain, |_, values| mark(values) == "BBBB");
        assert_eq!(chain.swaps(), (1, 1), "file first: {file_first}");
    }
}

#[test]
fn of_a_file_and_a_configuration_that_come_together_the_one_that_is_wrong_is_refused_alone() {
    for (wasm, task, taken) in [(guests::probe('B'), "refuse-config", "BBBB"), (b"garbage".to_vec(), "clock", "0 0")] {
        let lab = Lab::new();
        for name in ["one", "two"] {
            std::fs::create_dir(lab.folder.path().join(name)).unwrap();
        }
        let at = |name: &str| lab.folder.path().join(name);
        std::fs::write(at("one/probe.wasm"), guests::probe('A')).unwrap();
        std::fs::write(at("one/connector.toml"), connector("echo", "")).unwrap();
        std::fs::write(at("two/probe.wasm"), wasm).unwrap();
        std::fs::write(at("two/connector.toml"), connector(task, "")).unwrap();
        link(lab.folder.path(), "one", "current");
        let config = crate::config::load(&at("current/connector.toml")).unwrap();
        let mut chain = Chain::build(&config.plugins, &lab.cache, &LIMITS, config.file).unwrap();
        run(&mut chain, &batch(1, &[1])).unwrap();
        link(lab.folder.path(), "two", "current");
        load(&mut chain, |_, values| values[0].starts_with(taken));
        assert_eq!(chain.swaps(), (1, 1), "{task}");
    }
}

#[test]
fn a_thousand_swaps_leave_nothing_behind() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut chain = lab.chain(&[plugin(&path, "echo")]).unwrap();
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
    };
    let mut swap = |times: u64| {
        for _ in 0..times {
            let before = chain.swaps().0;
            chain.offer_again();
            let started = Instant::now();
            run(&mut chain, &batch(1, &[1, 2, 3])).unwrap();
            assert!(started.elapsed() < Duration::from_secs(5));
            assert_eq!(chain.swaps().0, before + 1);
        }
    };
    swap(100);
    let before = resident();
    swap(1000);
    let after = resident();
    assert!(after < before + (8 << 10), "{before} KiB before, {after} KiB after");
}
