//! What would share a thing that can't be shared, or asks for what the broker has not: refused before anything is made.

use pipeline_tests::{Connector, Database, Kafka, Server, unique};

/// A connector of tables that exist.
fn connector(stem: &str, tables: &[&str]) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    for table in tables {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY)"));
    }
    let connector = Connector::new(&mut database, &Kafka::shared(), &tables.join(","));
    (database, connector)
}

#[test]
fn a_replica_id_that_another_connector_reads_with_is_reported() {
    let (mut database, mut first) = connector("same_id", &["t"]);
    first.source = format!("server_id = {}", 1_000_000 + std::process::id());
    let running = first.start();
    // A row that came tells that the server has it on its list: it says that it reads before it is there, and opens the log anew meanwhile.
    database.exec("INSERT INTO t VALUES (1)");
    Kafka::shared().read(&[&first.topic("t")], 1);
    let mut second = Connector::new(&mut database, &Kafka::shared(), "t");
    second.source.clone_from(&first.source);
    let ended = second.check();
    ended.assert_code(1);
    let found = ended
        .stdout
        .iter()
        .any(|l| l.starts_with("FAIL") && l.contains("server_id") && l.contains("is taken"));
    assert!(found, "no line tells of the collision:\n{}", ended.output());
    let ended = second.start().wait();
    ended.assert_code(1);
    assert!(ended.reason().contains("is taken"), "{}", ended.output());
    running.terminate().assert_code(0);
}

#[test]
fn where_one_topic_cannot_be_made_none_is() {
    let kafka = Kafka::shared();
    let (_database, connector) = connector("one_of_two", &["fine", "taken"]);
    // Kafka takes `p_taken` and `p.taken` for one.
    kafka.create_topic(&format!("{}.taken", connector.prefix), 1);
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(ended.reason().contains(&connector.topic("taken")), "{}", ended.output());
    assert_eq!(kafka.partitions(&connector.topic("fine")), None, "a topic was made all the same");
}

#[test]
fn a_topic_that_exists_is_taken_as_it_is() {
    let kafka = Kafka::shared();
    let (mut database, connector) = connector("existing", &["t"]);
    kafka.create_topic(&connector.topic("t"), 3);
    let rowmill = connector.start();
    for id in 0..20 {
        database.exec(&format!("INSERT INTO t VALUES ({id})"));
    }
    let read = kafka.read(&[&connector.topic("t")], 20);
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.partitions(&connector.topic("t")), Some(3));
    let used: std::collections::BTreeSet<i32> = read.iter().map(|message| message.partition).collect();
    assert_eq!(used, (0..3).collect(), "twenty keys spread over all partitions that there are");
}

#[test]
fn tables_whose_topics_kafka_takes_for_one_are_refused_naming_both() {
    let (_database, mut connector) = connector("alike", &["a_b", "`a.b`"]);
    let ended = connector.start().wait();
    ended.assert_code(2);
    let names = |text: &str| text.contains(".a_b") && text.contains(".a.b");
    assert!(names(ended.reason()), "{}", ended.output());
    // Found by the server's list, they are refused all the same.
    connector.tables = "a_b".to_owned();
    connector.source = "auto_add = \".*\"".to_owned();
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(names(ended.reason()), "{}", ended.output());
}

#[test]
fn a_plugin_that_does_not_load_is_found_before_the_first_row() {
    let (_database, mut connector) = connector("plugins", &["t"]);
    std::fs::write(connector.file("broken.wasm"), "not a component").unwrap();
    for (plugin, named) in [
        ("path = \"broken.wasm\"", "broken.wasm"),
        ("builtin = \"envelope\"\nconfig = { update_mode = \"neither\" }", "neither"),
        ("builtin = \"envelope\"\nconfig = { time_zone = \"Mars/Olympus\" }", "Mars/Olympus"),
    ] {
        plugin.clone_into(&mut connector.plugin);
        let ended = connector.check();
        ended.assert_code(1);
        let found = ended.stdout.iter().any(|l| l.starts_with("FAIL  plugins") && l.contains(named));
        assert!(found, "nothing names {named}:\n{}", ended.output());
    }
}

#[test]
fn a_property_that_is_misspelt_is_named_without_its_value() {
    let secret = unique("hunter");
    let (_database, mut connector) = connector("misspelt", &["t"]);
    connector.sink += &format!("\nproperties = {{ \"sasl.pasword\" = \"{secret}\" }}");
    for (ended, code) in [(connector.start().wait(), 2), (connector.check(), 1)] {
        ended.assert_code(code);
        assert!(ended.output().contains("sasl.pasword"), "{}", ended.output());
        assert!(!ended.output().contains(&secret), "the value is shown:\n{}", ended.output());
    }
}
