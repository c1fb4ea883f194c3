//! Starts that a server refuses, and ends that somebody asks for, whatever the connector waits for.

use std::process::{Command, Stdio};

use pipeline_tests::{Connector, Kafka, Kind, Proxy, Rowmill, Server, binary, until};

on_each_server!(a_start_that_the_server_refuses_is_named_and_a_mended_one_counts);

fn a_start_that_the_server_refuses_is_named_and_a_mended_one_counts(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("refused_start");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let good = connector.start.clone();
    let mut wrong = vec!["{ file = \"binlog.999999\", pos = 4 }"];
    if kind == Kind::Mariadb {
        wrong.push("{ gtid = \"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\" }");
    } else {
        wrong.push("{ gtid = \"0-1-5\" }");
        wrong.push("{ gtid = \"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\" }");
    }
    for start in wrong {
        wrong_start(&mut connector, start);
    }
    if kind != Kind::Mariadb {
        // Within the first event of the file, whose length is then read from somewhere.
        let file = database.log_end().0;
        wrong_start(&mut connector, &format!("{{ file = \"{file}\", pos = 5 }}"));
    }
    database.exec("INSERT INTO t VALUES (1)");
    connector.start = good;
    let rowmill = connector.start();
    assert_eq!(kafka.read(&[&connector.topic("t")], 1)[0].integer("id"), 1);
    rowmill.terminate().assert_code(0);
}

fn wrong_start(connector: &mut Connector, start: &str) {
    connector.start = start.to_owned();
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(ended.reason().contains("source.start"), "{start}: {}", ended.reason());
}

#[test]
fn a_server_that_says_nothing_does_not_hold_up_the_end() {
    let mut database = Server::shared().database("silent");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    // Connections wait there for ever.
    let nowhere = Proxy::new();
    connector.address = ("127.0.0.1".to_owned(), nowhere.port);
    let rowmill = connector.start();
    until("a connection to the server", || (nowhere.connections() > 0).then_some(()));
    rowmill.wait_for_log("that it waits for the server", |line| {
        line.contains("this process runs the connector")
    });
    rowmill.terminate().assert_code(0);
}

#[test]
fn a_terminal_that_goes_ends_it_as_asked_unless_that_is_ignored() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("hang_up");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1)");
    kafka.read(&[&connector.topic("t")], 1);
    rowmill.signal("HUP");
    let ended = rowmill.wait();
    ended.assert_code(0);
    assert!(ended.output().contains("everything is delivered"), "{}", ended.output());
    // As `nohup` starts it.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" run -c \"$1\""])
        .arg(binary())
        .arg(connector.file("connector.toml"))
        .env("ROWMILL_TEST_PASSWORD", &connector.password)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let rowmill = Rowmill::spawn(command);
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    rowmill.signal("HUP");
    database.exec("INSERT INTO t VALUES (2)");
    assert_eq!(kafka.read(&[&connector.topic("t")], 2).len(), 2);
    rowmill.terminate().assert_code(0);
}
