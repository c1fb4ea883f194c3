//! What is not known, and what is damaged.

use proptest::prelude::*;

use super::*;

#[test]
fn an_unknown_event_stops_unless_it_is_flagged_ignorable() {
    for code in [0, 1, 7, 20, 99, 200, 255] {
        let mut log = Log::start().add(code, vec![1, 2, 3]);
        let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
        assert!(text.contains(&format!("type {code}")) && text.contains("log.1:"), "{text}");
        log.events.last_mut().unwrap().flags = 0x80;
        assert!(words(&mut interpreter(Position::default()), &log.events).unwrap().is_empty());
    }
}

proptest! {
    #[test]
    fn damaged_events_never_panic(hits in proptest::collection::vec((0..400_usize, any::<u8>()), 0..6), cut in 0..40_usize, victim in 0..14_usize) {
        let log = Log::start().transaction(1, "t").query("CREATE TABLE x (a int)").transaction(2, "t");
        let mut events = log.events;
        for (at, value) in hits {
            let count = events.len();
            let body = &mut events[at % count].body;
            if let Some(byte) = body.get_mut(at / count) {
                *byte = value;
            }
        }
        if let Some(event) = events.get_mut(victim) {
            let length = event.body.len().saturating_sub(cut);
            event.body.truncate(length);
        }
        let mut interpreter = interpreter(Position::default());
        for event in &events {
            let _ = interpreter.read(event);
        }
    }

    #[test]
    fn arbitrary_events_never_panic(codes in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12)) {
        let mut interpreter = interpreter(Position::default());
        let log = codes.into_iter().fold(Log::start(), |log, (code, body)| log.add(code, body));
        for event in &log.events {
            let _ = interpreter.read(event);
        }
    }
}
