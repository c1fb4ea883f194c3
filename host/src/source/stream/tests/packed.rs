//! Compressed transactions.

use super::*;

#[test]
fn a_compressed_transaction_is_begin_rows_commit_and_the_position_moves_past_all_of_it() {
    let log = Log::start().gtid(1).packed(Log::default().query("BEGIN").map("t").write().xid());
    let mut interpreter = interpreter(Position::default());
    let before = log.events.len() - 1;
    words(&mut interpreter, &log.events[..before]).unwrap();
    let start = interpreter.position().clone();
    let mut payload = interpreter.unpack(&log.events[before]).unwrap();
    assert!(matches!(interpreter.read(&log.events[before]).unwrap(), Change::Packed));
    let mut seen = Vec::new();
    while let Some(packed) = payload.next().unwrap() {
        assert_eq!(*interpreter.position(), start, "the position stays until the end");
        seen.extend(word(&interpreter.read_packed(packed).unwrap()));
    }
    drop(payload);
    assert_eq!(seen, ["begin", "insert", "commit"]);
    assert_eq!(
        (interpreter.position().file.as_str(), interpreter.position().pos),
        ("log.1", log.end)
    );
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1"));
    let log = log.transaction(2, "t");
    assert_eq!(
        words(&mut interpreter, &log.events[before + 1..]).unwrap(),
        ["begin", "insert", "commit"]
    );
}

#[test]
fn a_compressed_transaction_that_the_position_has_is_not_even_unpacked() {
    let from = Position {
        gtid: Some(format!("{UUID}:1").parse().unwrap()),
        ..Position::default()
    };
    let log = Log::start().gtid(1).add(40, b"no payload at all".to_vec()).transaction(2, "t");
    assert_eq!(words(&mut interpreter(from), &log.events).unwrap(), ["begin", "insert", "commit"]);
}

#[test]
fn a_compressed_transaction_without_its_end_or_with_one_too_early_stops_and_moves_nothing() {
    let begun = || Log::default().query("BEGIN").map("t");
    for inner in [begun().write(), begun(), begun().xid().write(), begun().xid().xid()] {
        let log = Log::start().gtid(1).packed(inner);
        let mut interpreter = interpreter(Position::default());
        let fault = words(&mut interpreter, &log.events).unwrap_err();
        assert!(matches!(fault, Fault::Stop(_)), "{fault}");
        assert!(fault.to_string().contains("compressed transaction"), "{fault}");
        let before: u64 = log.events[1..3].iter().map(|event| u64::from(event.size)).sum();
        assert_eq!(interpreter.position().pos, 4 + before);
    }
    let text = words(&mut interpreter(Position::default()), &Log::start().packed(begun().xid()).events).unwrap_err();
    assert!(text.to_string().contains("in the middle of a transaction"), "{text}");
}
