//! What comes faster than it can go waits where it is: memory stays within its bound, and the server does not drop a connection that
//! it can't write to.

use std::time::{Duration, Instant};

use pipeline_tests::{Cluster, Connector, Kafka, Proxy, Server, Traffic, until};

/// What `limits.memory` is; the least that the encoder's own 64 MiB leave room for.
const LIMIT_MIB: u64 = 96;
/// What the debug build takes beside it: itself, its libraries, the compiled plugin, stacks, buffers of both connections.
const BASE_MIB: u64 = 120;

/// The largest resident memory that the limit allows.
#[track_caller]
fn assert_bounded(peak: u64) {
    assert!(
        peak < LIMIT_MIB + BASE_MIB,
        "{peak} MiB were resident, with limits.memory = {LIMIT_MIB} MiB"
    );
}

#[test]
fn a_broker_that_stands_still_and_then_is_slow_holds_up_the_server_without_a_drop_or_more_memory() {
    // Without rowmill's own setting this server drops a replica that takes nothing for two seconds.
    let mut database = Server::start(&["--net-write-timeout=2"]).database("pressure");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let proxy = Proxy::new();
    let cluster = Cluster::start(1, &[proxy.port], &[]);
    proxy.lead_to(cluster.port(1));
    let kafka = Kafka {
        brokers: format!("127.0.0.1:{}", cluster.port(1)),
    };
    let through = Kafka {
        brokers: format!("127.0.0.1:{}", proxy.port),
    };
    let mut connector = Connector::new(&mut database, &through, "t");
    connector.sections = format!("[limits]\nmemory = \"{LIMIT_MIB}MiB\"");
    connector.sink.push_str("\ncompression = \"none\"");
    let topic = connector.topic("t");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    database.exec("INSERT INTO t VALUES (0, 'first')");
    until("the first row", || {
        (http.metrics().sum("rowmill_records_total", &[]) == Some(1.0)).then_some(())
    });
    let dumps = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'";
    let dump = database.value(dumps);
    proxy.set(Traffic::Freeze);
    // More than all queues, and the buffers of the connection, hold.
    database.exec("SET SESSION cte_max_recursion_depth = 10000");
    let (rounds, rows) = (7, 1000);
    for round in 0..rounds {
        database.exec(&format!(
            "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT {round} * {rows} + i, REPEAT('rowmill ', 1250) FROM n"
        ));
    }
    let read = || http.metrics().value("rowmill_source_bytes_total", &[]);
    // Nothing is read any more for longer than the server would wait by itself.
    let (mut bytes, mut since) = (read(), Instant::now());
    until("a standstill", || {
        let now = read();
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(4)).then_some(())
    });
    assert!(bytes < 60e6, "not all of the 70 MB were read: {bytes}");
    assert_eq!(
        database.value(dumps),
        dump,
        "the same connection; rowmill wrote:\n{}",
        rowmill.log()
    );
    let metrics = http.metrics();
    assert!(metrics.value("rowmill_source_lag_seconds", &[]) >= 4.0);
    assert!(
        metrics.value("rowmill_queue_bytes", &["stage=\"broker\""]) > 1e6,
        "{}",
        metrics.text()
    );
    proxy.set(Traffic::Throttle(20 << 20));
    let all = i64::from(rounds * rows + 1);
    until("all rows", || {
        let committed = http.metrics().sum("rowmill_rows_total", &[]);
        (committed >= Some(f64::from(rounds * rows + 1))).then_some(())
    });
    let peak = rowmill.peak_memory_mib();
    // The test's own reader goes the same way.
    proxy.set(Traffic::Pass);
    rowmill.terminate().assert_code(0);
    let mut ids: Vec<i64> = kafka.read_to_end(&topic).iter().map(|message| message.integer("id")).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..all).collect::<Vec<_>>(), "each row once");
    assert_bounded(peak);
}

#[test]
fn a_transaction_over_hundreds_of_tables_each_below_the_bound_of_a_batch_keeps_within_the_limit() {
    let tables = 200;
    let mut database = Server::start(&[]).database("beside");
    for table in 0..tables {
        database.exec(&format!("CREATE TABLE t{table} (id INT PRIMARY KEY, v MEDIUMTEXT)"));
    }
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "");
    let path = connector.file("rows.jsonl");
    connector.source = "auto_add = \".*\"".to_owned();
    connector.sink = format!("kind = \"file\"\npath = \"{}\"", path.display());
    connector.sections = format!("[limits]\nmemory = \"{LIMIT_MIB}MiB\"");
    database.exec("BEGIN");
    for table in 0..tables {
        // 700 kB, of the 1 MiB at which a batch is full.
        database.exec(&format!(
            "INSERT INTO t{table} VALUES (1, REPEAT('a', 350000)), (2, REPEAT('b', 350000))"
        ));
    }
    database.exec("COMMIT");
    let rowmill = connector.start();
    let lines = || {
        let mut file = std::io::BufReader::new(std::fs::File::open(&path).ok()?);
        let (mut count, mut line) = (0, Vec::new());
        while std::io::BufRead::read_until(&mut file, b'\n', &mut line).is_ok_and(|read| read > 0) {
            count += 1;
            line.clear();
        }
        (count >= 2 * tables).then_some(count)
    };
    assert_eq!(until("all rows", lines), 2 * tables);
    let peak = rowmill.peak_memory_mib();
    rowmill.terminate().assert_code(0);
    assert_bounded(peak);
}
