//! The options of the encoder `envelope`, each against what real rows become without it.

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server, array_items, object_members};

on_each_server!(
    each_option_changes_what_it_says_and_nothing_else,
    headers_name_the_change_of_every_record,
    the_servers_version_is_named_on_request,
);

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, flag TINYINT(1), tiny TINYINT, flag_u TINYINT(1) UNSIGNED, money DECIMAL(10,2), \
                     wide DECIMAL(65,30), clock DATETIME, clock_3 DATETIME(3), clock_6 DATETIME(6), day DATE, stamp TIMESTAMP(3) NULL)";

/// Ordinary values, dates that no calendar has, and NULL everywhere.
const ROWS: [&str; 3] = [
    "(0, 2, 1, 1, 0.5, -1.5, '2024-02-29 23:59:59', '2024-02-29 23:59:59.12', '2024-02-29 23:59:59.123456', '2024-02-29', '2024-02-29 23:59:59.123')",
    "(1, 0, 0, 0, -0.01, 0, '0000-00-00 00:00:00', '2024-00-10 01:02:03.5', '2024-02-31 01:02:03.000001', '0000-00-00', '0000-00-00')",
    "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
];

/// Names of the columns after `id`, their types, and the values of the first two rows by UTC, where 2024-02-29 is 1709164800000.
const COLUMNS: [(&str, &str, [&str; 2]); 10] = [
    ("flag", "LONG", ["2", "0"]),
    ("tiny", "LONG", ["1", "0"]),
    ("flag_u", "LONG", ["1", "0"]),
    ("money", "DOUBLE", ["0.50", "-0.01"]),
    (
        "wide",
        "DOUBLE",
        ["-1.500000000000000000000000000000", "0.000000000000000000000000000000"],
    ),
    ("clock", "DATE", ["1709251199000", "null"]),
    ("clock_3", "DATE", ["1709251199120", "null"]),
    ("clock_6", "DATE", ["1709251199123", "null"]),
    ("day", "DATE", ["1709164800000", "null"]),
    ("stamp", "DATE", ["1709251199123", "null"]),
];

/// A configuration, and the columns that it makes something else of.
type Option = (&'static str, &'static [(&'static str, &'static str, [&'static str; 2])]);

const OPTIONS: [Option; 8] = [
    (r#"time_zone = "+00:00""#, &[]),
    (
        r#"time_zone = "Asia/Kolkata""#,
        &[
            ("clock", "DATE", ["1709231399000", "null"]),
            ("clock_3", "DATE", ["1709231399120", "null"]),
            ("clock_6", "DATE", ["1709231399123", "null"]),
            ("day", "DATE", ["1709145000000", "null"]),
        ],
    ),
    (
        r#"time_zone = "UTC", tinyint1 = "boolean""#,
        // MySQL shows the width of an unsigned one no more.
        &[("flag", "BOOLEAN", ["true", "false"]), ("flag_u", "BOOLEAN", ["true", "false"])],
    ),
    (
        r#"time_zone = "UTC", decimal = "string""#,
        &[
            ("money", "STRING", [r#""0.50""#, r#""-0.01""#]),
            (
                "wide",
                "STRING",
                [r#""-1.500000000000000000000000000000""#, r#""0.000000000000000000000000000000""#],
            ),
        ],
    ),
    (
        r#"time_zone = "-03:30", datetime = "string""#,
        &[
            ("clock", "STRING", [r#""2024-02-29 23:59:59""#, "null"]),
            ("clock_3", "STRING", [r#""2024-02-29 23:59:59.120""#, "null"]),
            ("clock_6", "STRING", [r#""2024-02-29 23:59:59.123456""#, "null"]),
            ("day", "DATE", ["1709177400000", "null"]),
        ],
    ),
    (
        r#"time_zone = "UTC", zero_date = "epoch""#,
        &[
            ("clock", "DATE", ["1709251199000", "0"]),
            ("clock_3", "DATE", ["1709251199120", "0"]),
            ("clock_6", "DATE", ["1709251199123", "0"]),
            ("day", "DATE", ["1709164800000", "0"]),
            ("stamp", "DATE", ["1709251199123", "0"]),
        ],
    ),
    (
        r#"time_zone = "UTC", zero_date = "epoch", datetime = "string""#,
        &[
            ("clock", "STRING", [r#""2024-02-29 23:59:59""#, r#""1970-01-01 00:00:00""#]),
            (
                "clock_3",
                "STRING",
                [r#""2024-02-29 23:59:59.120""#, r#""1970-01-01 00:00:00.000""#],
            ),
            (
                "clock_6",
                "STRING",
                [r#""2024-02-29 23:59:59.123456""#, r#""1970-01-01 00:00:00.000000""#],
            ),
            ("day", "DATE", ["1709164800000", "0"]),
            ("stamp", "DATE", ["1709251199123", "0"]),
        ],
    ),
    (
        r#"time_zone = "UTC", zero_date = "string""#,
        &[
            ("clock", "DATE", ["1709251199000", r#""0000-00-00 00:00:00""#]),
            ("clock_3", "DATE", ["1709251199120", r#""2024-00-10 01:02:03.500""#]),
            ("clock_6", "DATE", ["1709251199123", r#""2024-02-31 01:02:03.000001""#]),
            ("day", "DATE", ["1709164800000", r#""0000-00-00""#]),
            ("stamp", "DATE", ["1709251199123", r#""0000-00-00 00:00:00.000""#]),
        ],
    ),
];

fn each_option_changes_what_it_says_and_nothing_else(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("options");
    database.exec(TABLE);
    let connectors = OPTIONS.map(|(config, _)| {
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ {config} }}");
        connector.sink.push_str("\npartitions_with_key = 1");
        connector
    });
    database.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', SESSION time_zone = '+00:00'");
    for row in ROWS {
        database.exec(&format!("INSERT INTO t VALUES {row}"));
    }
    let running: Vec<_> = connectors.iter().map(Connector::start).collect();
    for ((config, changed), connector) in OPTIONS.iter().zip(&connectors) {
        let expected = COLUMNS.map(|column| {
            let change = changed.iter().find(|(name, ..)| *name == column.0);
            let shown = column.0 != "flag_u" || kind != Kind::Mysql;
            change.filter(|_| shown).copied().unwrap_or(column)
        });
        let messages = kafka.read(&[&connector.topic("t")], ROWS.len());
        for (row, message) in messages.iter().enumerate() {
            let image = message.image("after");
            let found: Vec<(&str, &str)> = image.iter().skip(1).map(|(name, raw)| (name.as_str(), raw.as_str())).collect();
            let values = expected.map(|(name, _, values)| (name, values.get(row).copied().unwrap_or("null")));
            assert_eq!(found, values, "row {row} with {config}");
            assert_eq!(types_of(message)[1..], expected.map(|(_, kind, _)| kind), "with {config}");
        }
    }
    for process in running {
        process.terminate().assert_code(0);
    }
}

/// Types of all columns, as the schema lists them.
fn types_of(message: &Message) -> Vec<String> {
    let schema = object_members(&message.value)[0].1;
    let columns = object_members(schema)[0].1;
    array_items(columns)
        .into_iter()
        .map(|column| serde_json::from_str(object_members(column)[1].1).unwrap())
        .collect()
}

fn headers_name_the_change_of_every_record(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("headers");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.plugin = "builtin = \"envelope\"\nconfig = { headers = true }".to_owned();
    connector.source = "transaction_markers = true\nddl = \"forward\"".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    // A number of our own for each transaction.
    let mut gtids = Vec::new();
    for (number, sql) in [
        "INSERT INTO t VALUES (1, 1)",
        "UPDATE t SET v = 2",
        "DELETE FROM t",
        "ALTER TABLE t ADD COLUMN w INT",
    ]
    .into_iter()
    .enumerate()
    {
        let number = number + 1;
        let gtid = if kind == Kind::Mariadb {
            let domain = u32::from(database.server.port);
            let free = next_number(&mut database);
            database.exec(&format!("SET SESSION gtid_domain_id = {domain}, SESSION gtid_seq_no = {free}"));
            database.exec(sql);
            database.value("SELECT @@last_gtid")
        } else {
            let uuid = database.value("SELECT UUID()");
            database.exec(&format!("SET SESSION gtid_next = '{uuid}:{number}'"));
            database.exec(sql);
            format!("{uuid}:{number}")
        };
        gtids.push(gtid);
    }
    if kind != Kind::Mariadb {
        database.exec("SET SESSION gtid_next = 'AUTOMATIC'");
    }
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic("t")], 3 + 4 + 3 + 1);
    rowmill.terminate().assert_code(0);
    let expected: Vec<(&str, &str, bool)> = [
        ("TRANSACTION_BEGIN", 0, false),
        ("INSERT", 0, true),
        ("TRANSACTION_END", 0, false),
        ("TRANSACTION_BEGIN", 1, false),
        ("UPDATE_BEFOR", 1, true),
        ("UPDATE_AFTER", 1, true),
        ("TRANSACTION_END", 1, false),
        ("TRANSACTION_BEGIN", 2, false),
        ("DELETE", 2, true),
        ("TRANSACTION_END", 2, false),
        ("ALTER", 3, true),
    ]
    .map(|(op, transaction, of_table): (&str, usize, bool)| (op, gtids[transaction].as_str(), of_table))
    .to_vec();
    for (message, (op, gtid, of_table)) in messages.iter().zip(expected) {
        let sequence = message.sequence().to_string();
        let mut headers = vec![("op", op)];
        if of_table {
            headers.extend([("database", database.name.as_str()), ("table", "t")]);
        }
        headers.extend([("gtid", gtid), ("sequenceId", sequence.as_str())]);
        let found: Vec<(&str, &str)> = message
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, headers);
        assert_eq!(message.op(), op);
    }
}

/// A number of MariaDB's GTIDs that is free in every domain.
fn next_number(database: &mut Database) -> u64 {
    let position = database.gtids();
    let numbers = position.split(',').filter_map(|gtid| gtid.rsplit('-').next()?.parse::<u64>().ok());
    numbers.max().unwrap_or(0) + 1000
}

fn the_servers_version_is_named_on_request(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("version");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.plugin = "builtin = \"envelope\"\nconfig = { include_db_version = true }".to_owned();
    connector.source = "ddl = \"forward\"".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    database.exec("INSERT INTO t VALUES (1)");
    database.exec("TRUNCATE t");
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic("t")], 2);
    rowmill.terminate().assert_code(0);
    let product = if database.server.kind == Kind::Mariadb {
        "MariaDB"
    } else {
        "MySQL"
    };
    let version = database.value("SELECT @@version");
    let source = format!(
        r#""source":{{"dbType":"{product}","dbName":"{}","tableName":"t","dbVersion":"{version}"}}}},"#,
        database.name
    );
    for message in &messages {
        assert!(message.value.contains(&source), "{} lacks {source}", message.value);
    }
}
