//! Rows and tables that can't be copied.

use pipeline_tests::{Kafka, Server, Traffic};

use super::{copying, fill, slowed, wait_for_rows};

on_each_server!(a_table_that_may_not_be_read_any_more_is_named_with_what_mends_it);

fn a_table_that_may_not_be_read_any_more_is_named_with_what_mends_it(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("revoked");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 20_000);
    let (user, name) = (database.user.clone(), database.name.clone());
    database.exec(&format!("REVOKE SELECT ON *.* FROM '{user}'@'%'"));
    database.exec(&format!("GRANT SELECT ON `{name}`.t TO '{user}'@'%'"));
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.source = "snapshot_chunk_rows = 5".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1\ncommit_interval_ms = 1");
    // Slow, so that on no machine the copy is done before the right is gone.
    let proxy = slowed(&mut connector);
    let rowmill = connector.start();
    wait_for_rows(&kafka, &connector);
    database.exec(&format!("REVOKE SELECT ON `{name}`.t FROM '{user}'@'%'"));
    let ended = rowmill.wait();
    let reason = ended.assert_code(1).reason();
    for part in [
        &format!("copying table {name}.t"),
        &format!("GRANT SELECT ON `{name}`.`t`"),
        "running SELECT `id`",
        "1142",
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    // Once it may be read again the copy goes on.
    proxy.set(Traffic::Pass);
    database.exec(&format!("GRANT SELECT ON `{name}`.t TO '{user}'@'%'"));
    let rowmill = connector.start();
    rowmill.wait_for_log("the rest", |line| line.contains("going on with the copy"));
    rowmill.wait_for_log("the end of the copy", |line| line.contains("a table is copied"));
    rowmill.terminate().assert_code(0);
    let mut found = super::ids(&kafka.read_to_end(&connector.topic("t")));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 20_000);
}
