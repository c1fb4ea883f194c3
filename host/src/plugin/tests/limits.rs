//! What a guest may not do, and what the operator is told when it does.

use std::time::{Duration, Instant};

use super::{Lab, batch, guests, plugin, run, stopped, texts, topic};

#[test]
fn a_guest_that_spins_is_cut_off_at_its_time_limit() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut settings = plugin(&path, "spin");
    settings.call_timeout = Duration::from_millis(50);
    let mut chain = lab.chain(&[settings]).unwrap();
    let started = Instant::now();
    let text = stopped(run(&mut chain, &batch(1, &[1])));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(
        text.contains("plugin probe failed twice at 1 rows of d.t") && text.contains("call_timeout_ms = 50"),
        "{text}"
    );
}

#[test]
fn a_guest_that_allocates_past_its_memory_is_stopped_and_the_limit_named() {
    let text = stopped(run(&mut Lab::new().probe("allocate"), &batch(1, &[1])));
    assert!(text.contains("memory = 16777216 is allowed"), "{text}");
}

#[test]
fn a_guest_that_traps_is_tried_twice_and_the_trap_is_told() {
    let text = stopped(run(&mut Lab::new().probe("trap"), &batch(1, &[1])));
    assert!(text.contains("failed twice") && text.contains("unreachable"), "{text}");
}

#[test]
fn a_trap_after_records_were_handed_over_delivers_each_record_once() {
    let mut chain = Lab::new().probe("trap-second-call");
    assert_eq!(run(&mut chain, &batch(1, &[1, 2])).unwrap(), ["AAAA:1", "AAAA:2"]);
    assert_eq!(run(&mut chain, &batch(1, &[3, 4])).unwrap(), ["AAAA:3", "AAAA:4"]);
    assert_eq!(run(&mut chain, &batch(1, &[5])).unwrap_or_default(), ["AAAA:5"]);
}

#[test]
fn every_lie_about_records_is_found_and_named() {
    for (lie, words) in [
        ("row-out-of-range", "row 2 of a batch with 2 rows"),
        ("rows-descend", "rows that do not ascend"),
        ("bounds-descend", "bounds that do not ascend"),
        ("bounds-beyond", "bounds that reach beyond their 2 bytes"),
        ("bounds-missing", "2 bounds where 1 entries need 3"),
        ("topic-unknown", "topic \"secrets\", which is not one of this connector"),
        ("topic-index", "topic index 7 into 1 topic names"),
        ("partition", "partition -2"),
        ("header-name", "a header name that is empty or not UTF-8"),
        ("header-count", "4294967295 headers with 1 header-bounds"),
        ("too-much", "bytes of records for one batch"),
    ] {
        let text = stopped(run(&mut Lab::new().probe(lie), &batch(1, &[1, 2])));
        assert!(text.contains("breaks the contract") && text.contains(words), "{lie}: {text}");
    }
}

#[test]
fn time_stands_still_during_a_call() {
    assert_eq!(run(&mut Lab::new().probe("clock"), &batch(1, &[1])).unwrap(), ["0 0"]);
}

#[test]
fn a_guest_sees_no_environment_no_arguments_and_no_files() {
    assert_eq!(run(&mut Lab::new().probe("snoop"), &batch(1, &[1])).unwrap(), ["0 false"]);
}

#[test]
fn a_guest_that_logs_without_end_still_does_its_work() {
    let mut chain = Lab::new().probe("chatter");
    assert_eq!(run(&mut chain, &batch(1, &[1])).unwrap(), ["AAAA:1"]);
    assert_eq!(chain.counters().collect::<Vec<_>>(), [("lines", 10_000.0)]);
}

#[test]
fn a_configuration_that_the_plugin_refuses_stops_the_start() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let text = stopped(lab.chain(&[plugin(&path, "refuse-config")]));
    assert!(
        text.contains("can't load plugin probe from") && text.contains("bad-config"),
        "{text}"
    );
}

#[test]
fn what_is_no_plugin_is_called_by_its_name() {
    let lab = Lab::new();
    let header = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let forbidden = component_importing("wasi:sockets/tcp@0.2.0");
    let other_version = component_importing("rowmill:plugin/host@2.0.0");
    for (bytes, words) in [
        (b"\x12\x34 random bytes".as_slice(), "it is not WebAssembly"),
        (b"", "it is empty"),
        (b"\x7fELF....", "native or precompiled code"),
        (b"(component)", "WebAssembly text"),
        (b"\0asm\x01\0\0\0", "a core WebAssembly module, not a component"),
        (&header, "exports neither transform nor encode"),
        (&forbidden, "it imports wasi:sockets/tcp@0.2.0"),
        (&other_version, "version 2.0.0 of the contract"),
        (&[header.as_slice(), b"\x01\xff garbage"].concat(), "compile it"),
    ] {
        let path = lab.put("odd.wasm", bytes);
        let text = stopped(lab.chain(&[plugin(&path, "echo")]));
        assert!(
            text.contains("can't load plugin odd from") && text.contains(words),
            "{words}: {text}"
        );
    }
    let text = stopped(lab.chain(&[plugin(&lab.folder.path().join("missing.wasm"), "echo")]));
    assert!(text.contains("read ") && text.contains("missing.wasm"), "{text}");
}

#[test]
fn a_plugin_that_begins_with_more_memory_than_it_may_have_is_told_which_key_says_so() {
    let lab = Lab::new();
    let path = lab.put("probe.wasm", &guests::probe('A'));
    let mut settings = plugin(&path, "echo");
    settings.memory = 1 << 20;
    let text = stopped(lab.chain(&[settings]));
    assert!(
        text.contains("more memory") && text.contains("`memory` of its [[plugin]]"),
        "{text}"
    );
}

/// A component that does nothing but import an empty instance of this name.
fn component_importing(name: &str) -> Vec<u8> {
    let mut component = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    // Type section with one instance type without declarations; import section with one instance of that type.
    component.extend([7, 3, 1, 0x42, 0]);
    let length = u8::try_from(name.len()).unwrap();
    component.extend([10, length + 5, 1, 0, length]);
    component.extend(name.as_bytes());
    component.extend([5, 0]);
    component
}

#[test]
fn a_damaged_cache_entry_is_compiled_again_and_mended() {
    let lab = Lab::with_own_cache();
    let folder = lab.cache.join("plugins");
    drop(lab.probe("echo"));
    let entries = || {
        let all = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut compiled = all.filter(|path| path.extension().is_some_and(|extension| extension == "component"));
        (compiled.next().unwrap(), compiled.count() + 1)
    };
    let entry = || entries().0;
    let whole = std::fs::read(entry()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..7], b""] {
        std::fs::write(entry(), damaged).unwrap();
        assert_eq!(run(&mut lab.probe("echo"), &batch(1, &[1])).unwrap(), ["AAAA:1"]);
        assert_eq!(std::fs::read(entry()).unwrap().len(), whole.len());
    }
    assert_eq!(entries().1, 1);
}

#[test]
fn a_cache_folder_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::with_own_cache();
    let folder = lab.cache.join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(run(&mut lab.probe("echo"), &batch(1, &[1])).unwrap(), ["AAAA:1"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn what_a_flush_hands_over_is_delivered() {
    let mut chain = Lab::new().probe("emit-on-flush");
    run(&mut chain, &batch(1, &[1])).unwrap();
    let mut values = Vec::new();
    for reason in [super::super::FlushReason::Commit, super::super::FlushReason::Swap] {
        chain
            .flush(reason, &mut |records| {
                assert_eq!(records.topic_names, [topic()]);
                values.extend(texts(&records));
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(values, ["flushed"]);
}
