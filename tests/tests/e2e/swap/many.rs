//! Very many swaps under load.
//!
//! `ROWMILL_TEST_SWAPS=1000 tests/run e2e many_swaps -- --nocapture` measures: how long batches waited for swaps, how soon after a file's arrival
//! the first record of it was there to read, and how memory grew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pipeline_tests::{Kafka, Raises};

use super::{envelope, prepare, replace, revised, version};

/// Swaps of a run among all the other tests.
const USUAL: usize = 15;
/// Rows of a transaction.
const ROWS: i64 = 10;
/// Swaps after which everything has been done once: what is resident after them is what later swaps must not add to.
const WARM: usize = 10;
/// What may be resident in addition at the end, in KiB: a sixth of one compiled plugin a swap would be more after a thousand.
const GROWTH_KIB: u64 = 24 << 10;

/// Values in order, as `p50 / p90 / p99 / most`.
fn quantiles(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let at = |share: usize| values[(values.len() * share / 100).min(values.len() - 1)];
    format!("{} / {} / {} / {}", at(50), at(90), at(99), values[values.len() - 1])
}

#[test]
fn many_swaps_under_load_lose_repeat_and_mix_nothing() {
    let swaps = std::env::var("ROWMILL_TEST_SWAPS").map_or(USUAL, |text| text.parse().unwrap());
    let versions = [("0.0.1", envelope()), ("0.0.2", revised(&envelope()))];
    let (mut database, connector, path) = prepare("many_swaps", &versions[0].1);
    database.exec("INSERT INTO t VALUES (-1)");
    let rowmill = connector.start();
    let follower = Kafka::shared().follow(&connector.topic("t"));
    assert_eq!(follower.next_message().integer("id"), -1);
    let (mut arrivals, mut memory) = (Vec::new(), 0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = Raises(&over);
        let (mut session, flag) = (database.session(), &over);
        let writer = scope.spawn(move || {
            let mut next = 0;
            while !flag.load(Ordering::Acquire) {
                let values: Vec<String> = (next..next + ROWS).map(|id| format!("({id})")).collect();
                session.exec(&format!("INSERT INTO t VALUES {}", values.join(",")));
                next += ROWS;
                std::thread::sleep(Duration::from_millis(2));
            }
            next
        });
        // Every row once and in order, of the version at work, until one is of the other.
        let mut next = 0;
        for swap in 1..=swaps {
            let (old, new) = (&versions[(swap + 1) % 2], &versions[swap % 2]);
            let arrived = Instant::now();
            replace(&path, &new.1);
            loop {
                let message = follower.next_message();
                assert_eq!(message.integer("id"), next, "each row once, in order");
                next += 1;
                if version(&message.value).contains(new.0) {
                    break;
                }
                assert!(version(&message.value).contains(old.0), "{}", message.value);
            }
            assert_eq!(next % ROWS, 1, "a transaction's batch is not mixed");
            arrivals.push(u64::try_from(arrived.elapsed().as_millis()).unwrap());
            if swap == WARM {
                memory = rowmill.memory_kib();
            }
        }
        drop(ends);
        for id in next..writer.join().unwrap() {
            let message = follower.next_message();
            assert_eq!(message.integer("id"), id, "the rest, once and in order");
            assert!(version(&message.value).contains(versions[swaps % 2].0), "{}", message.value);
        }
    });
    let grown = rowmill.memory_kib();
    let ended = rowmill.terminate();
    ended.assert_code(0);
    let pauses: Vec<u64> = ended
        .output()
        .lines()
        .filter(|line| line.contains("plugin swapped"))
        .map(|line| {
            let (_, pause) = line.split_once("pause_us=").unwrap();
            pause.split_whitespace().next().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(pauses.len(), swaps);
    println!("{swaps} swaps, p50 / p90 / p99 / most");
    println!("pause of the batches, us: {}", quantiles(pauses));
    println!("from the file to the first record of it, ms: {}", quantiles(arrivals));
    println!("resident after {WARM} swaps and at the end, KiB: {memory} and {grown}");
    assert!(grown < memory + GROWTH_KIB, "memory grew from {memory} to {grown} KiB");
}
