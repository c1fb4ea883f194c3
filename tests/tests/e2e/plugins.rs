//! `rowmill plugin`: a new project builds, tests and runs at once; files that are no plugins are told from those that are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pipeline_tests::{Ended, binary, run_command};
use serde_json::Value;

/// Where projects are made and built: beside the program's own build, so that the next run finds what this one built.
fn folder() -> PathBuf {
    let folder = binary().parent().unwrap().parent().unwrap().join("guests-test/new");
    std::fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

/// Puts what is in `from` into `to`, and leaves files that are the same alone: cargo goes by their times.
fn synchronize(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(to).unwrap().flatten() {
        let name = entry.file_name();
        if !from.join(&name).exists() && name != "Cargo.lock" {
            let path = entry.path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap()
            } else {
                std::fs::remove_file(path).unwrap()
            }
        }
    }
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, there) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            synchronize(&path, &there);
        } else {
            let new = std::fs::read(&path).unwrap();
            if std::fs::read(&there).ok().as_ref() != Some(&new) {
                std::fs::write(&there, new).unwrap();
            }
        }
    }
}

/// A project of this kind as `rowmill plugin new` makes it.
fn project(kind: &str, sdk: Option<&Path>) -> PathBuf {
    let name = format!("fresh-{kind}");
    let made = tempfile::tempdir().unwrap();
    let fresh = made.path().join(&name);
    let mut arguments = vec!["plugin", "new", fresh.to_str().unwrap(), "--kind", kind];
    if let Some(sdk) = sdk {
        arguments.extend(["--sdk", sdk.to_str().unwrap()]);
    }
    let ended = run_command(&arguments);
    ended.assert_code(0);
    assert!(ended.output().contains("cargo test"), "{}", ended.output());
    let there = folder().join(&name);
    synchronize(&fresh, &there);
    // With the crates that this workspace has already, and so without a network.
    let lock = there.join("Cargo.lock");
    if !lock.exists() {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"), lock).unwrap();
    }
    there
}

fn cargo(project: &Path, arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO"))
        .current_dir(project)
        .args(arguments)
        .args(["--offline", "--target-dir"])
        .arg(folder().join("target"))
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "cargo {arguments:?}: {output}");
    output
}

/// The components of new projects: a transform's and an encoder's.
fn built() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let transform = project("transform", None);
        let encoder = project("encoder", Some(&transform.join("rowmill-sdk")));
        for project in [&transform, &encoder] {
            let tested = cargo(project, &["test"]);
            assert!(tested.contains("4 passed") && !tested.contains("warning"), "{tested}");
            cargo(project, &["build", "--release", "--target", "wasm32-wasip2"]);
        }
        let component = |name: &str| folder().join("target/wasm32-wasip2/release").join(name);
        (component("fresh_transform.wasm"), component("fresh_encoder.wasm"))
    })
}

fn plugin(command: &str, file: &Path, more: &[&str]) -> Ended {
    run_command(&[&["plugin", command, file.to_str().unwrap()], more].concat())
}

fn json(ended: &Ended) -> Vec<Value> {
    ended.assert_code(0);
    let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ended.stdout.iter().map(parse).collect()
}

#[test]
fn a_new_transform_builds_tests_loads_and_does_what_it_is_told() {
    let (file, _) = built();
    let hide = ["--config", r#"{"hide": ["name", "price"], "drop_deletes": true}"#];
    let checked = plugin("check", file, &hide);
    checked.assert_code(0);
    for found in [
        "transform",
        "fresh-transform",
        "0.1.0",
        "rowmill:plugin/lifecycle@1.0.0",
        "Columns whose values are hidden",
        "ok ",
    ] {
        assert!(checked.output().contains(found), "no {found} in\n{}", checked.output());
    }
    let rows = json(&plugin("test", file, &hide));
    assert_eq!(rows.len(), 6, "all but the delete");
    assert!(rows[0]["after"]["name"].as_str().unwrap().chars().all(|letter| letter == '*'));
    assert_eq!(rows[0]["after"]["price"], Value::Null);
    assert_eq!(json(&plugin("test", file, &["--rows", "2"])).len(), 2);
    let measured = plugin("bench", file, &["--seconds", "1"]);
    measured.assert_code(0);
    assert!(
        measured.output().contains("rows/s") && measured.output().contains("ratio "),
        "{}",
        measured.output()
    );
}

#[test]
fn a_new_encoder_builds_tests_loads_and_makes_records() {
    let (_, file) = built();
    let checked = plugin("check", file, &["--json"]);
    let report: Value = serde_json::from_str(&checked.stdout.join("\n")).unwrap();
    assert_eq!((&report["loads"], &report["describe"]["kind"]), (&true.into(), &"encoder".into()));
    assert!(report["imports"].as_array().unwrap().iter().all(|import| import["given"] == true));
    assert_eq!(report["bytes"], std::fs::metadata(file).unwrap().len());
    let records = json(&plugin("test", file, &["--config", r#"{"tombstones": true}"#]));
    assert_eq!(records.len(), 8, "one a row, and a tombstone");
    assert_eq!(
        (&records[0]["topic"], &records[0]["key"]),
        (&"mysql_sample".into(), &r#"{"id":"1"}"#.into())
    );
    assert_eq!(records[7]["value"], Value::Null);
    plugin("bench", file, &["--seconds", "1"]).assert_code(0);
}

#[test]
fn a_configuration_that_a_plugin_refuses_is_told_by_check_test_and_bench() {
    let (file, _) = built();
    for command in ["check", "test", "bench"] {
        let refused = plugin(command, file, &["--config", r#"{"hyde": []}"#]);
        refused.assert_code(1);
        assert!(
            refused.reason().contains("hyde") && refused.reason().contains("hide"),
            "{command}: {}",
            refused.reason()
        );
        for usage in ["[]", "{", "yes"] {
            let refused = plugin(command, file, &["--config", usage]);
            refused.assert_code(2);
            assert!(refused.reason().contains("--config"), "{command}: {}", refused.reason());
        }
    }
}

/// The file with each of some bytes replaced.
fn with(file: &Path, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(file).unwrap();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, part)| *part == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn what_is_no_plugin_is_refused_with_what_it_is_and_what_mends_it() {
    let (file, _) = built();
    let random: Vec<u8> = (0..4096_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let component = std::fs::read(file).unwrap();
    let behind_head = [&component[..8], &random].concat();
    let cases: [(&str, Vec<u8>, &[&str]); 10] = [
        ("empty", Vec::new(), &["it is empty"]),
        ("random", random, &["not WebAssembly", "cargo build"]),
        ("text", b"{\"name\": \"mask\"}".to_vec(), &["not WebAssembly", "cargo build"]),
        ("wat", b"(module)".to_vec(), &["WebAssembly text", "wasm-tools parse"]),
        ("core", b"\0asm\x01\0\0\0".to_vec(), &["core WebAssembly module", "wasm32-wasip2"]),
        ("elf", b"\x7fELF\x02\x01".to_vec(), &["native"]),
        ("cut", component[..component.len() / 2].to_vec(), &["compile it"]),
        ("damaged", behind_head, &["compile it"]),
        (
            "later",
            with(file, b"lifecycle@1.0.0", b"lifecycle@2.0.0"),
            &["version 2.0.0", "speaks 1.x"],
        ),
        (
            "greedy",
            with(file, b"wasi:cli/environment@", b"wasi:cli/everything0@"),
            &["wasi:cli/everything0", "not given"],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in cases {
        let path = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, bytes).unwrap();
        for command in ["check", "test", "bench"] {
            let ended = plugin(command, &path, &[]);
            ended.assert_code(1);
            assert!(!ended.output().contains("panicked"), "{name}: {}", ended.output());
            for part in expected {
                assert!(ended.reason().contains(part), "{command} {name}: no {part:?} in {}", ended.reason());
            }
        }
    }
    let missing = plugin("check", &folder.path().join("missing.wasm"), &[]);
    missing.assert_code(1);
    assert!(missing.reason().contains("missing.wasm"), "{}", missing.reason());
    plugin("check", folder.path(), &[]).assert_code(1);
}

#[test]
fn an_input_that_is_no_batch_is_refused() {
    let (_, file) = built();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("text", b"id,name\n1,a\n".to_vec()),
        ("mark", b"ARROW1\0\0".to_vec()),
        ("cut", [&[0xff; 4][..], &[0, 1, 0, 0], &[7; 100]].concat()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let ended = plugin("test", file, &["--input", path.to_str().unwrap()]);
        ended.assert_code(1);
        assert!(
            ended.reason().contains("Arrow") && ended.reason().contains(name),
            "{name}: {}",
            ended.reason()
        );
    }
}

#[test]
fn a_project_is_not_made_over_another_or_under_a_wrong_name() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    std::fs::create_dir(&there).unwrap();
    for (name, reason) in [
        (there.to_str().unwrap(), "already"),
        ("Wrong_Name", "lower-case"),
        ("rowmill-sdk", "is built with"),
        ("match", "a word of Rust"),
    ] {
        let ended = run_command(&["plugin", "new", name]);
        ended.assert_code(2);
        assert!(ended.reason().contains(reason), "{}", ended.reason());
    }
    let wrong = folder.path().join("fine");
    let ended = run_command(&["plugin", "new", wrong.to_str().unwrap(), "--sdk", "/no/such/folder"]);
    ended.assert_code(2);
    assert!(!wrong.exists(), "nothing is left of it");
}
