//! The zoo of hostile guests, one test for each by its name: whatever a guest does at one row, the host survives it, says which plugin did what,
//! applies `on_error` to that row, which it finds by halving, loses no other, and throws the instance away.

use std::time::{Duration, Instant};

use super::{Lab, batch, guests, plugin, stopped, texts, topic};
use crate::config::{OnError, Plugin};
use crate::plugin::{Chain, Rejected};

/// The row at which the guest shows what it is.
const BAD: u64 = 13;

fn settings(lab: &Lab, beast: &str) -> Plugin {
    let path = lab.put("zoo.wasm", &guests::zoo());
    let mut settings = plugin(&path, "nothing");
    settings.config = serde_json::json!({ "beast": beast });
    let is_slow = ["spin", "slow-start"].contains(&beast);
    settings.call_timeout = if is_slow {
        Duration::from_millis(200)
    } else {
        Duration::from_secs(20)
    };
    settings
}

fn run(chain: &mut Chain, rows: &[u64]) -> (Vec<String>, Vec<Rejected>) {
    let mut values = Vec::new();
    let rejected = chain
        .run(&batch(1, rows), &topic(), &mut |records| {
            values.extend(texts(&records));
            Ok(())
        })
        .unwrap();
    (values, rejected)
}

fn named(rows: &[u64]) -> Vec<String> {
    rows.iter().map(u64::to_string).collect()
}

/// What every hostile guest has to come to: `code` and `words` are what is told of it, and `breaks` whether that counts as breaking: refusing
/// does not, and too much output of one batch is asked for in parts.
#[track_caller]
fn hostile(beast: &str, code: &str, words: &str, breaks: bool) {
    let lab = Lab::new();
    let mut settings = settings(&lab, beast);
    // Stopping: nothing from the row on is delivered, and the reason names plugin, batch and deed.
    let mut delivered = Vec::new();
    let outcome = lab
        .chain(std::slice::from_ref(&settings))
        .unwrap()
        .run(&batch(1, &[11, 12, BAD, 14]), &topic(), &mut |records| {
            delivered.extend(texts(&records));
            Ok(())
        });
    let text = stopped(outcome);
    assert!(
        text.contains("plugin zoo ") && text.contains("4 rows of d.t") && text.contains(words),
        "{beast}: {text}"
    );
    // What was too much at once came in parts, of which those before the row went on.
    assert!(delivered.is_empty() || delivered == named(&[11, 12]), "{beast}: {delivered:?}");
    // Leaving out, or keeping as a letter: the one row, and no other.
    for on_error in [OnError::Skip, OnError::DeadLetter] {
        settings.on_error = on_error;
        let mut chain = lab.chain(std::slice::from_ref(&settings)).unwrap();
        let (values, rejected) = run(&mut chain, &[8, 9, 10, 11, 12, BAD, 14, 15, 16]);
        assert_eq!(values, named(&[8, 9, 10, 11, 12, 14, 15, 16]), "{beast}");
        let [row] = rejected.as_slice() else {
            panic!("{beast}: {rejected:?}")
        };
        assert_eq!(
            (row.seq, row.plugin.as_str(), row.code.as_str(), row.on_error),
            (BAD, "zoo", code, on_error),
            "{beast}: {}",
            row.text
        );
        assert!(row.text.contains(words), "{beast}: {}", row.text);
        let broke: u64 = chain.measured().map(|measured| measured.measures.traps).sum();
        assert_eq!(broke > 0, breaks, "{beast}: {broke} instances were thrown away");
        // What comes next comes whole: nothing is left of what happened.
        assert_eq!(run(&mut chain, &[17, 18]), (named(&[17, 18]), Vec::new()), "{beast}");
    }
}

macro_rules! zoo {
    ($($name:ident: $beast:literal, $code:literal, $words:literal, $breaks:literal;)+) => {
        $(#[test]
        fn $name() {
            hostile($beast, $code, $words, $breaks);
        })+
    };
}

zoo! {
    a_guest_that_spins: "spin", "timed_out", "longer than call_timeout_ms = 200", true;
    a_guest_that_allocates: "allocate", "out_of_memory", "memory = 16777216 is allowed", true;
    a_guest_that_recurses: "recurse", "trapped", "call stack exhausted", true;
    a_guest_that_recurses_with_room_at_each_depth: "recurse-with-room", "trapped", "out of bounds memory access", true;
    a_guest_that_traps: "trap", "trapped", "unreachable", true;
    a_guest_that_traps_after_it_handed_over: "trap-late", "trapped", "unreachable", true;
    a_guest_that_exits: "exit", "trapped", "exit", true;
    a_guest_with_huge_offsets: "huge-offsets", "malformed", "bounds that reach beyond their 2 bytes", true;
    a_guest_with_lying_offsets: "lying-offsets", "malformed", "bounds that do not ascend", true;
    a_guest_that_hands_over_memory_it_does_not_have: "outside", "trapped", "out of bounds", true;
    a_guest_with_more_rows_than_bounds: "many-rows", "malformed", "3 bounds where 100 entries need 201", true;
    a_guest_with_fewer_flags_than_rows: "few-flags", "malformed", "1 flags for 2", true;
    a_guest_that_names_a_row_that_is_not_there: "other-row", "malformed", "row ", true;
    a_guest_that_names_an_unknown_topic: "unknown-topic", "malformed", "topic \"secrets\"", true;
    a_guest_whose_topic_is_no_utf8: "garbled-topic", "trapped", "utf-8", true;
    a_guest_whose_log_line_is_no_utf8: "garbled-log", "trapped", "utf-8", true;
    a_guest_whose_error_is_no_utf8: "garbled-error", "trapped", "utf-8", true;
    a_guest_that_refuses_a_row_that_is_not_there: "other-rows-error", "no-such-row", "refusing a row that there is not", false;
    a_guest_that_is_an_output_bomb: "output-bomb", "too_much", "bytes of records for one batch", false;
}

#[test]
fn a_guest_that_floods_the_log_loses_its_lines_and_no_row() {
    let lab = Lab::new();
    let mut chain = lab.chain(&[settings(&lab, "log-flood")]).unwrap();
    assert_eq!(run(&mut chain, &[12, BAD, 14]), (named(&[12, BAD, 14]), Vec::new()));
}

#[test]
fn a_guest_that_starts_slowly_is_cut_off_and_does_not_take_over() {
    let lab = Lab::new();
    let started = Instant::now();
    let text = stopped(lab.chain(&[settings(&lab, "slow-start")]));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(
        text.contains("can't load plugin zoo from") && text.contains("configure it") && text.contains("call_timeout_ms = 200"),
        "{text}"
    );
}

#[test]
fn a_guest_that_imports_sockets_is_refused_before_anything_of_it_runs() {
    let lab = Lab::new();
    let path = lab.put("dialer.wasm", &guests::dialer());
    let text = stopped(lab.chain(&[plugin(&path, "nothing")]));
    assert!(
        text.contains("can't load plugin dialer from") && text.contains("it imports wasi:sockets/") && text.contains("not given"),
        "{text}"
    );
}

#[test]
fn a_guest_that_answers_differently_each_time_still_delivers_each_row_once() {
    let lab = Lab::new();
    let mut chain = lab.chain(&[settings(&lab, "whim")]).unwrap();
    let first = run(&mut chain, &[1, 2]).0;
    let again = run(&mut chain, &[1, 2]).0;
    assert_eq!(
        (first, again),
        (
            vec!["1 at call 0".into(), "2 at call 0".into()],
            vec!["1 at call 1".into(), "2 at call 1".into()]
        )
    );
}
