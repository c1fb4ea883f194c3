//! What `check` finds, what a bad configuration says, and what is never said: each with its exit status.

use pipeline_tests::{Connector, Database, Ended, Kafka, Server, run_command, unique};

/// Nobody listens here: port 1 is kept for a service that no machine runs any more.
const NOBODY: &str = "127.0.0.1:1";

/// A connector of one table that exists, on a healthy server and broker.
fn healthy(stem: &str) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &Kafka::shared(), "t");
    (database, connector)
}

/// One `FAIL` line holds all of `line`; what mends it, on that line or another, holds all of `mend`. Exit status 1.
#[track_caller]
fn assert_finding(ended: &Ended, line: &[&str], mend: &[&str]) {
    ended.assert_code(1);
    let has = |text: &str, words: &[&str]| words.iter().all(|word| text.to_lowercase().contains(&word.to_lowercase()));
    assert!(
        ended.stdout.iter().any(|l| l.starts_with("FAIL") && has(l, line)),
        "no FAIL line with {line:?}:\n{}",
        ended.output()
    );
    assert!(has(&ended.output(), mend), "nothing says {mend:?}:\n{}", ended.output());
}

#[test]
fn check_passes_where_nothing_is_wrong() {
    let (_database, connector) = healthy("check_ok");
    let ended = connector.check();
    ended.assert_code(0);
    assert!(ended.stdout.iter().any(|l| l.starts_with("ok")), "{}", ended.output());
    assert!(!ended.stdout.iter().any(|l| l.starts_with("FAIL")), "{}", ended.output());
    assert_eq!(Kafka::shared().partitions(&connector.topic("t")), None, "a check makes no topics");
}

#[test]
fn check_names_the_grant_that_an_account_lacks() {
    for (lacking, others) in [
        ("REPLICATION SLAVE", "SELECT, REPLICATION CLIENT"),
        ("REPLICATION CLIENT", "SELECT, REPLICATION SLAVE"),
        ("SELECT", "REPLICATION SLAVE, REPLICATION CLIENT"),
    ] {
        let (mut database, mut connector) = healthy("check_grant");
        let user = unique("poor");
        database.exec(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{}'", database.password.clone()));
        database.exec(&format!("GRANT {others} ON *.* TO '{user}'@'%'"));
        connector.user = user.clone();
        let grant = format!("GRANT {lacking}");
        assert_finding(&connector.check(), &[lacking], &[&grant, &user]);
    }
}

#[test]
fn check_tells_a_server_that_logs_statements_to_log_rows() {
    let mut database = Server::start(&["--binlog-format=STATEMENT"]).database("check_statement");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &Kafka::shared(), "t");
    assert_finding(&connector.check(), &["binlog_format"], &["SET GLOBAL binlog_format", "ROW"]);
}

#[test]
fn check_tells_of_a_wrong_password_without_showing_it() {
    let (_database, mut connector) = healthy("check_password");
    connector.password = unique("wrong");
    let ended = connector.check();
    assert_finding(&ended, &[&connector.user], &["source.password"]);
    assert!(
        !ended.output().contains(&connector.password),
        "the password is shown:\n{}",
        ended.output()
    );
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(
        ended.reason().contains(&connector.user),
        "the last line is the reason:\n{}",
        ended.output()
    );
    assert!(
        !ended.output().contains(&connector.password),
        "the password is shown:\n{}",
        ended.output()
    );
}

#[test]
fn check_names_a_table_that_is_missing() {
    let (_database, mut connector) = healthy("check_missing");
    connector.tables = "t,no_such_table".to_owned();
    assert_finding(&connector.check(), &["no_such_table"], &["source.tables"]);
}

#[test]
fn check_names_a_server_that_is_not_there() {
    let (_database, connector) = healthy("check_server");
    let right = connector.toml();
    let line = right.lines().find(|l| l.starts_with("port = ")).unwrap();
    let path = connector.file("elsewhere.toml");
    std::fs::write(&path, right.replace(line, "port = 1")).unwrap();
    let mut command = pipeline_tests::command(&["check", "-c"]);
    command.arg(&path).env("ROWMILL_TEST_PASSWORD", &connector.password);
    let ended = pipeline_tests::Rowmill::spawn(command).wait();
    assert_finding(&ended, &[NOBODY], &["source.host"]);
}

#[test]
fn check_names_a_broker_that_is_not_there() {
    let (_database, mut connector) = healthy("check_broker");
    connector.sink = format!("brokers = \"{NOBODY}\"");
    assert_finding(&connector.check(), &[NOBODY], &["sink.brokers"]);
}

#[test]
fn check_accepts_columns_in_every_character_set() {
    let (mut database, connector) = healthy("check_charsets");
    for set in database.query("SELECT character_set_name FROM information_schema.character_sets") {
        let set = set[0].clone().unwrap();
        database.exec(&format!("ALTER TABLE t ADD COLUMN `in_{set}` VARCHAR(10) CHARACTER SET {set}"));
    }
    connector.check().assert_code(0);
}

#[test]
fn a_bad_configuration_ends_with_status_2_and_names_the_setting() {
    let (_database, connector) = healthy("config");
    let right = connector.toml();
    let cases = [
        ("name = \"", "name = \"-Bad_", "name"),
        ("tables = ", "tabels = ", "tabels"),
        ("start = {", "start = \"whenever\" #", "start"),
        (
            "topic_prefix = \"",
            "partitions_with_key = 0\ntopic_prefix = \"",
            "partitions_with_key",
        ),
        ("builtin = \"envelope\"", "builtin = \"no-such-plugin\"", "no-such-plugin"),
        (
            "${env:ROWMILL_TEST_PASSWORD}",
            "${env:ROWMILL_NO_SUCH_VARIABLE}",
            "ROWMILL_NO_SUCH_VARIABLE",
        ),
        ("[source]", "[source", "connector.toml"),
    ];
    for (from, to, named) in cases {
        let path = connector.file("connector.toml");
        std::fs::write(&path, right.replacen(from, to, 1)).unwrap();
        for arguments in [&["run", "-c"][..], &["check", "-c"], &["config", "check"]] {
            let mut command = pipeline_tests::command(arguments);
            command.arg(&path).env("ROWMILL_TEST_PASSWORD", &connector.password);
            let ended = pipeline_tests::Rowmill::spawn(command).wait();
            ended.assert_code(2);
            assert!(
                ended.output().contains(named),
                "{arguments:?} with {to:?} does not name {named}:\n{}",
                ended.output()
            );
        }
    }
}

#[test]
fn bad_usage_ends_with_status_2() {
    for arguments in [
        &["no-such-command"][..],
        &["run"],
        &["run", "--no-such-flag"],
        &["run", "-c", "/no/such/file.toml"],
        &["demo", "--rows", "many"],
    ] {
        let ended = run_command(arguments);
        ended.assert_code(2);
        assert!(!ended.stderr.is_empty(), "{arguments:?} says nothing");
    }
}

#[test]
fn secrets_are_in_no_log_however_much_is_logged() {
    let (mut database, mut connector) = healthy("secrets");
    let hidden = unique("hidden");
    connector.sink.push_str(&format!(
        "\nproperties = {{ \"sasl.password\" = \"{hidden}\", \"ssl.key.password\" = \"{hidden}\" }}"
    ));
    database.exec("INSERT INTO t VALUES (1)");
    let mut outputs = vec![connector.spawn(&["check", "--log-level", "trace"]).wait().output()];
    for format in ["text", "json"] {
        let rowmill = connector.spawn(&["run", "--log-level", "trace", "--log-format", format]);
        Kafka::shared().read(&[&connector.topic("t")], 1);
        let ended = rowmill.terminate();
        ended.assert_code(0);
        assert!(!ended.stderr.is_empty(), "nothing is logged at level trace");
        outputs.push(ended.output());
    }
    outputs.push(connector.spawn(&["position", "show"]).wait().output());
    for output in outputs {
        assert!(
            !output.contains(&hidden) && !output.contains(&connector.password),
            "a secret is shown:\n{output}"
        );
    }
}
