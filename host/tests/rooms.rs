//! A room uses only the rooms that stand before it in `docs/ARCHITECTURE.md`, and what a room does not list in its `mod.rs`
//! is nobody's business.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room of the library, in flow order, and what it may use.
const ROOMS: [(&str, &[&str]); 13] = [
    ("allocator", &[]),
    ("failpoint", &[]),
    ("config", &["position"]),
    ("position", &[]),
    ("fault", &[]),
    ("source", &["config", "position", "fault"]),
    ("batch", &["config", "source", "position", "fault"]),
    ("plugin", &["config", "source", "batch", "fault"]),
    ("sink", &["failpoint", "config", "batch", "fault"]),
    ("checkpoint", &["config", "position", "fault", "sink"]),
    ("metrics", &[]),
    (
        "pipeline",
        &[
            "failpoint",
            "config",
            "position",
            "fault",
            "source",
            "batch",
            "plugin",
            "sink",
            "checkpoint",
            "metrics",
        ],
    ),
    ("control", &["config", "fault", "metrics", "pipeline"]),
];

/// Libraries whose types stay in one room.
const KEPT: [(&str, &[&str]); 6] = [
    ("mysql_async", &["source"]),
    ("rustls", &["source"]),
    ("wasmtime", &["plugin"]),
    ("rdkafka", &["sink"]),
    ("prometheus_client", &["metrics"]),
    ("axum", &["control"]),
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file: comments, and the unit tests at its end, are left out.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Names that follow `crate::`, also within `crate::{a, b::c}`.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) || code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(group) => group.split("};").next().unwrap(),
            None => rest.split(|c| !is_word(c)).next().unwrap(),
        };
        let mut depth = 0;
        let mut word = String::new();
        for c in list.chars().chain([',']) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    used.insert(word.trim().split("::").next().unwrap().to_owned());
                    word.clear();
                }
                c if depth == 0 => word.push(c),
                _ => {}
            }
        }
    }
    used
}

#[test]
fn a_room_uses_only_the_rooms_it_may_use() {
    let known: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        for file in files(&sources().join(room)) {
            for used in used_rooms(&code(&file)) {
                if known.contains(used.as_str()) && used != room && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_room_shows_only_what_its_mod_file_lists() {
    let mut wrong = Vec::new();
    for (room, _) in ROOMS {
        for file in files(&sources().join(room)) {
            if code(&file).lines().any(|line| line.trim_start().starts_with("pub mod ")) {
                wrong.push(file.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "public modules in {wrong:#?}");
}

#[test]
fn every_room_is_known_here_and_listed_in_flow_order() {
    let lib = code(&sources().join("lib.rs"));
    let listed: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let known: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(listed, known);
}

#[test]
fn a_librarys_types_stay_in_their_room() {
    let mut wrong = Vec::new();
    for file in files(&sources()) {
        let inside = file.strip_prefix(sources()).unwrap().to_owned();
        let code = code(&file);
        for (library, rooms) in KEPT {
            let named = code
                .match_indices(&format!("{library}::"))
                .any(|(at, _)| !code[..at].ends_with(is_word));
            if named && !rooms.iter().any(|room| inside.starts_with(room)) {
                wrong.push(format!("{} names {library}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_fuzz_crate_has_every_library_that_its_rooms_use() {
    let manifest = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let listed = |text: &str| -> BTreeSet<String> {
        let (_, list) = text.split_once("\n[dependencies]\n").unwrap();
        let list = list.split("\n[").next().unwrap();
        let names = list.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
        names.filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
    };
    let there = listed(&manifest("../fuzz/Cargo.toml"));
    let mut missing = BTreeSet::new();
    for library in listed(&manifest("Cargo.toml")).difference(&there) {
        for room in ["config", "position", "fault", "source", "batch"] {
            let names = |file: &PathBuf| {
                let code = code(file);
                let path = format!("{library}::");
                code.match_indices(&path).any(|(at, _)| !code[..at].ends_with(is_word))
            };
            if files(&sources().join(room)).iter().any(names) {
                missing.insert(format!("{library}, for {room}"));
            }
        }
    }
    assert!(missing.is_empty(), "fuzz/Cargo.toml lacks {missing:?}");
}

#[test]
fn paths_are_found_alone_and_in_groups() {
    let found = used_rooms(
        "use crate::{fault::Fault, batch::{Batch, Records}};\nuse crate::sink;\nlet x = crate::position::Position;\n$crate::plugin::x",
    );
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["batch", "fault", "position", "sink"]
    );
}
