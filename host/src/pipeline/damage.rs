//! Binlogs that are damaged at random places, through the file source and the decode stage: an error or the right rows, never
//! wrong rows, never a panic, and memory in bounds.
//!
//! ROWMILL_TEST_BINLOGS names a folder that `tests/servers/capture-binlogs` has filled; the demo's binlog is always there.
//! ROWMILL_TEST_DAMAGES is how many damages there are, ROWMILL_TEST_SEED repeats a run.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod blow;
mod capture;
mod outcome;

use std::path::Path;
use std::process::Command;

use self::blow::{Blow, Chance};
use self::capture::{Capture, captures};
use self::outcome::{Outcome, Verdict};

/// Damages of a run, unless ROWMILL_TEST_DAMAGES says otherwise.
const DAMAGES: u64 = 10_000;
/// Memory that a run may take beyond what is taken before the first damage, whatever lengths a damaged file claims: resident, and
/// as addresses, of which each thread's allocator reserves 64 MiB.
const MOST_RESIDENT_KIB: u64 = 64 << 10;
const MOST_ADDRESSES_KIB: u64 = 512 << 10;
/// Threads that share the work.
const THREADS: u64 = 2;

#[test]
fn a_binlog_damaged_at_any_place_gives_an_error_or_the_right_rows_in_bounded_memory() {
    // In a process of its own, so that other tests' memory is not counted.
    let child = Command::new(std::env::current_exe().unwrap())
        .env("RUST_LIB_BACKTRACE", "0")
        .args(["--exact", "pipeline::damage::damages", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    print!("{text}{}", String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && text.contains("1 passed"), "{}", child.status);
}

#[test]
#[ignore = "the test above starts it as a process of its own"]
fn damages() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect(name));
    let seed = number("ROWMILL_TEST_SEED").unwrap_or_else(|| Chance::of_clock().below(1 << 32));
    let damages = number("ROWMILL_TEST_DAMAGES").unwrap_or(DAMAGES);
    println!("ROWMILL_TEST_SEED={seed} repeats this run");
    let captures = captures();
    let before = memory();
    let counts: Vec<Counts> = std::thread::scope(|scope| {
        let work = |thread| {
            let captures = &captures;
            move || {
                let folder = tempfile::tempdir().unwrap();
                let mut counts = Counts::default();
                for number in (thread..damages).step_by(usize::try_from(THREADS).unwrap()) {
                    damage(captures, Chance::new(seed, number), folder.path(), &mut counts, number);
                }
                counts
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let after = memory();
    let sum = |count: fn(&Counts) -> u64| counts.iter().map(count).sum::<u64>();
    println!(
        "{damages} damages of {} binlogs: {} errors, {} the same rows, {} cut between two transactions, {} without checksums; \
         {} KiB more resident, {} KiB more addresses",
        captures.len(),
        sum(|c| c.errors),
        sum(|c| c.same),
        sum(|c| c.cut),
        sum(|c| c.unchecked),
        after.0 - before.0,
        after.1 - before.1
    );
    assert!(after.0 - before.0 <= MOST_RESIDENT_KIB && after.1 - before.1 <= MOST_ADDRESSES_KIB);
}

/// What became of the damages.
#[derive(Debug, Default)]
struct Counts {
    errors: u64,
    same: u64,
    cut: u64,
    unchecked: u64,
}

fn damage(captures: &[Capture], mut chance: Chance, folder: &Path, counts: &mut Counts, number: u64) {
    let capture = &captures[chance.index(captures.len())];
    let other = &captures[chance.index(captures.len())];
    let small = chance.below(2) == 0;
    let blow = Blow::any(&mut chance);
    let damaged = blow.strike(capture, other, &mut chance);
    let path = folder.join(&capture.name);
    std::fs::write(&path, &damaged).unwrap();
    let outcome = std::panic::catch_unwind(|| Outcome::of(&path, small));
    let shown = || format!("damage {number}, {blow:?}, of {}", capture.name);
    let outcome = outcome.unwrap_or_else(|_| panic!("a panic by {}", shown()));
    match capture.judge(&damaged, &outcome, small) {
        Ok(Verdict::Error) => counts.errors += 1,
        Ok(Verdict::Same) => counts.same += 1,
        Ok(Verdict::Cut) => counts.cut += 1,
        Ok(Verdict::Unchecked) => counts.unchecked += 1,
        Err(wrong) => panic!("{}: {wrong}\nit ended with {:?}", shown(), outcome.fault),
    }
}

/// The most that this process has had resident, and as addresses, in KiB.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    (value("VmHWM:"), value("VmPeak:"))
}

#[test]
fn every_captured_binlog_is_read_whole_without_damage() {
    for capture in captures() {
        assert_eq!(capture.whole(false).fault, None, "{}", capture.name);
        assert!(capture.rows() > 0, "{}", capture.name);
    }
}
