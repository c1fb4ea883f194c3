//! Hostile guests in the real program, between a real MySQL and a real Kafka. `host/src/plugin/tests/zoo.rs` has all of them; here are those that
//! reach for what lies outside of a call: time, memory, the stack, the process, the network, a replay.

use std::sync::atomic::{AtomicBool, Ordering};

use pipeline_tests::{Connector, Database, Kafka, Message, Raises, Server};

use crate::dead_letters::guest;

/// A table of one column, and a connector whose encoder is the zoo's: it turns at row 13.
fn zoo(beast: &str) -> (Database, Connector) {
    let mut database = Server::shared().database("zoo");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    keep(&mut connector, beast);
    (database, connector)
}

fn keep(connector: &mut Connector, beast: &str) {
    connector.plugin = format!(
        "path = {:?}\nconfig = {{ beast = \"{beast}\" }}\non_error = \"dead_letter\"\nmemory = \"16MiB\"\ncall_timeout_ms = 500",
        guest("zoo")
    );
}

fn rows(ids: std::ops::RangeInclusive<i32>) -> String {
    let rows: Vec<String> = ids.map(|id| format!("({id})")).collect();
    format!("INSERT INTO t VALUES {}", rows.join(", "))
}

fn values(connector: &Connector) -> Vec<String> {
    let read = Kafka::shared().read_to_end(&connector.topic("t"));
    read.into_iter().map(|message| message.value).collect()
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let found = message.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

fn loses_only_its_row(beast: &str, code: &str) {
    let (mut database, connector) = zoo(beast);
    database.exec(&rows(1..=20));
    let mut rowmill = connector.start();
    let kafka = Kafka::shared();
    kafka.read_bytes(&connector.topic("t"), 19);
    database.exec(&rows(21..=30));
    kafka.read_bytes(&connector.topic("t"), 29);
    assert!(rowmill.is_running());
    rowmill.terminate().assert_code(0);
    let others = (1..=30).filter(|id| *id != 13).map(|id: i32| id.to_string());
    assert_eq!(values(&connector), others.collect::<Vec<_>>());
    let letters = kafka.read_to_end(&connector.topic("dead_letters"));
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter.json()["after"]["id"], 13);
    assert_eq!(
        (header(letter, "code"), header(letter, "plugin")),
        (Some(code), Some("zoo")),
        "{letter:?}"
    );
}

macro_rules! loses_only_its_row {
    ($($name:ident: $beast:literal, $code:literal;)+) => {
        $(#[test]
        fn $name() {
            loses_only_its_row($beast, $code);
        })+
    };
}

loses_only_its_row! {
    a_guest_that_spins_loses_only_the_row_at_fault: "spin", "timed_out";
    a_guest_that_allocates_loses_only_the_row_at_fault: "allocate", "out_of_memory";
    a_guest_that_recurses_loses_only_the_row_at_fault: "recurse", "trapped";
    a_guest_that_ends_the_process_loses_only_the_row_at_fault: "exit", "trapped";
    a_guest_that_is_an_output_bomb_loses_only_the_row_at_fault: "output-bomb", "too_much";
    a_guest_that_lies_about_its_memory_loses_only_the_row_at_fault: "outside", "trapped";
}

#[test]
fn a_guest_that_imports_sockets_never_runs() {
    let (mut database, mut connector) = zoo("none");
    let file = connector.file("transform.wasm");
    let put = |name: &str| {
        let new = file.with_extension("new");
        std::fs::copy(guest(name), &new).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    let encoder = connector.plugin.clone();
    connector.plugin = format!("path = {file:?}\n[[plugin]]\n{encoder}");
    put("dialer");
    let ended = connector.start().wait();
    ended.assert_code(1);
    for part in ["plugin transform", "it imports wasi:sockets/", "not given"] {
        assert!(ended.reason().contains(part), "{}", ended.reason());
    }
    // Nor beside one that is at work.
    put("judge");
    let rowmill = connector.start();
    database.exec(&rows(1..=2));
    Kafka::shared().read_bytes(&connector.topic("t"), 2);
    put("dialer");
    let line = rowmill.wait_for_log("that it is not taken", |line| line.contains("is not taken: the old one goes on"));
    assert!(line.contains("wasi:sockets/") && line.contains("transform"), "{line}");
    database.exec(&rows(3..=4));
    Kafka::shared().read_bytes(&connector.topic("t"), 4);
    rowmill.terminate().assert_code(0);
    assert_eq!(values(&connector), ["1", "2", "3", "4"]);
}

#[test]
fn a_guest_that_starts_slowly_does_not_start_and_does_not_take_over() {
    let (mut database, mut connector) = zoo("slow-start");
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(
        ended.reason().contains("plugin zoo") && ended.reason().contains("call_timeout_ms = 500"),
        "{}",
        ended.reason()
    );
    keep(&mut connector, "none");
    let rowmill = connector.start();
    database.exec(&rows(1..=2));
    Kafka::shared().read_bytes(&connector.topic("t"), 2);
    keep(&mut connector, "slow-start");
    std::fs::write(connector.file("connector.toml"), connector.toml()).unwrap();
    let line = rowmill.wait_for_log("that it is not taken", |line| line.contains("is not taken: the old one goes on"));
    assert!(line.contains("call_timeout_ms = 500"), "{line}");
    database.exec(&rows(3..=4));
    Kafka::shared().read_bytes(&connector.topic("t"), 4);
    rowmill.terminate().assert_code(0);
    assert_eq!(values(&connector), ["1", "2", "3", "4"]);
}

#[test]
fn a_guest_that_answers_a_replay_differently_is_told_of_and_each_row_still_comes_once() {
    let (mut database, mut connector) = zoo("none");
    let rowmill = connector.start();
    database.exec(&rows(1..=2));
    Kafka::shared().read_bytes(&connector.topic("t"), 2);
    keep(&mut connector, "whim");
    std::fs::write(connector.file("connector.toml"), connector.toml()).unwrap();
    let line = rowmill.wait_for_log("that it answers differently", |line| line.contains("answers differently"));
    assert!(line.to_lowercase().contains("warn") && line.contains("zoo"), "{line}");
    rowmill.terminate().assert_code(0);
    // It dies when the broker has a third commit's records but not the commit; they are made again, by an instance that begins anew.
    let is_dead = AtomicBool::new(false);
    let mut session = database.session();
    let last = std::thread::scope(|scope| {
        let is_dead = &is_dead;
        let dead = Raises(is_dead);
        let session = &mut session;
        let loader = scope.spawn(move || {
            let mut next = 3;
            while !is_dead.load(Ordering::Acquire) {
                session.exec(&rows(next..=next));
                next += 1;
            }
            next - 1
        });
        connector.dies_at("Flushed", 3);
        drop(dead);
        loader.join().unwrap()
    });
    let rowmill = connector.start();
    Kafka::shared().read_bytes(&connector.topic("t"), usize::try_from(last).unwrap());
    rowmill.terminate().assert_code(0);
    let values = values(&connector);
    let ids: Vec<i32> = values
        .iter()
        .map(|value| value.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids, (1..=last).collect::<Vec<_>>());
    let anew = values.iter().filter(|value| value.ends_with(" at call 0")).count();
    assert!(anew > 1, "two instances have begun: {values:?}");
}
