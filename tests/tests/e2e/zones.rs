//! Time zones: what wall-clock times become, by the option and by the server's own zone.

use pipeline_tests::{Connector, Database, Kafka, Kind, Server};

on_each_server!(
    wall_clock_times_become_points_in_time_by_the_zone_that_is_set,
    timestamps_are_points_in_time_whatever_the_zone,
);

/// Zones, with wall-clock times and what they are in milliseconds, as Python's zoneinfo says (fold 0) by the zone database 2025b.
const ZONES: [(&str, &[(&str, i64)]); 9] = [
    (
        "Europe/Berlin",
        &[
            // Local mean time is 53 minutes and 28 seconds ahead of Greenwich.
            ("1000-01-01 00:00:00", -30_610_227_208_000),
            ("1893-03-31 12:00:00", -2_422_097_608_000),
            ("1916-05-01 00:00:00", -1_693_706_400_000),
            // Two hours of summer in 1945 and 1947, none in 1979.
            ("1945-05-24 02:30:00", -776_561_400_000),
            ("1945-07-01 12:00:00", -773_247_600_000),
            ("1945-09-24 02:30:00", -765_937_800_000),
            ("1946-01-01 00:00:00", -757_386_000_000),
            ("1947-05-11 03:30:00", -714_609_000_000),
            ("1979-07-01 00:00:00", 299_631_600_000),
            ("1980-07-01 00:00:00", 331_250_400_000),
            ("2024-01-15 12:00:00", 1_705_316_400_000),
            // Skipped: by the offset before.
            ("2024-03-31 01:59:59.999", 1_711_846_799_999),
            ("2024-03-31 02:00:00", 1_711_846_800_000),
            ("2024-03-31 02:30:00", 1_711_848_600_000),
            ("2024-03-31 03:00:00", 1_711_846_800_000),
            // Twice: the first.
            ("2024-10-27 01:59:59.999", 1_729_987_199_999),
            ("2024-10-27 02:30:00", 1_729_989_000_000),
            ("2024-10-27 03:00:00", 1_729_994_400_000),
            ("2100-07-01 00:00:00", 4_118_076_000_000),
            ("9999-12-31 23:59:59.999", 253_402_297_199_999),
        ],
    ),
    (
        "America/New_York",
        &[
            ("1883-11-18 12:00:00", -2_717_651_038_000),
            ("2007-03-11 02:30:00", 1_173_598_200_000),
            ("2007-11-04 01:30:00", 1_194_154_200_000),
            ("2024-07-01 00:00:00", 1_719_806_400_000),
        ],
    ),
    (
        // Its summers begin at midnight, so that a day has none.
        "America/Sao_Paulo",
        &[
            ("2018-11-03 23:59:59", 1_541_300_399_000),
            ("2018-11-04 00:00:00", 1_541_300_400_000),
            ("2018-11-04 00:30:00", 1_541_302_200_000),
            ("2018-11-04 01:00:00", 1_541_300_400_000),
            ("2019-02-16 23:30:00", 1_550_367_000_000),
            ("2019-02-17 00:00:00", 1_550_372_400_000),
            ("2019-12-01 00:00:00", 1_575_169_200_000),
        ],
    ),
    (
        "Asia/Shanghai",
        &[
            ("1900-12-31 23:00:00", -2_177_485_543_000),
            ("1940-06-01 00:30:00", -933_665_400_000),
            ("1986-05-04 02:30:00", 515_529_000_000),
            ("1986-07-01 00:00:00", 520_527_600_000),
            ("1986-09-14 01:30:00", 527_013_000_000),
            ("1991-09-15 01:30:00", 684_865_800_000),
            ("1992-07-01 00:00:00", 709_920_000_000),
            ("2021-03-03 00:00:00", 1_614_700_800_000),
        ],
    ),
    (
        // Half an hour of summer.
        "Australia/Lord_Howe",
        &[
            ("2024-10-06 02:15:00", 1_728_143_100_000),
            ("2024-04-07 01:45:00", 1_712_414_700_000),
            ("2024-04-07 02:15:00", 1_712_418_300_000),
        ],
    ),
    (
        // A whole day skipped.
        "Pacific/Apia",
        &[
            ("2011-12-29 23:59:59", 1_325_239_199_000),
            ("2011-12-30 12:00:00", 1_325_282_400_000),
            ("2011-12-31 00:00:00", 1_325_239_200_000),
        ],
    ),
    (
        // 44 minutes and 30 seconds behind until 1972.
        "Africa/Monrovia",
        &[("1971-12-31 00:00:00", 62_988_270_000), ("1972-01-07 00:30:00", 63_594_870_000)],
    ),
    (
        "+05:30",
        &[
            ("2024-03-31 02:30:00", 1_711_832_400_000),
            ("1945-05-24 02:30:00", -776_574_000_000),
        ],
    ),
    ("-09:30", &[("2024-03-31 02:30:00", 1_711_886_400_000)]),
];

fn wall_clock_times_become_points_in_time_by_the_zone_that_is_set(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("zones");
    let names: Vec<String> = (0..ZONES.len()).map(|number| format!("t{number}")).collect();
    let mut connectors = Vec::new();
    for (name, (zone, times)) in names.iter().zip(ZONES) {
        database.exec(&format!("CREATE TABLE {name} (id INT PRIMARY KEY, t DATETIME(3), d DATE)"));
        let mut connector = Connector::new(&mut database, &kafka, name);
        connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ time_zone = \"{zone}\" }}");
        connector.sink.push_str("\npartitions_with_key = 1");
        connectors.push(connector);
        for (id, (time, _)) in times.iter().enumerate() {
            database.exec(&format!("INSERT INTO {name} VALUES ({id}, '{time}', LEFT('{time}', 10))"));
        }
    }
    let running: Vec<_> = connectors.iter().map(Connector::start).collect();
    for ((name, (zone, times)), connector) in names.iter().zip(ZONES).zip(&connectors) {
        let messages = kafka.read(&[&connector.topic(name)], times.len());
        for (message, (time, expected)) in messages.iter().zip(times) {
            assert_eq!(message.integer("t"), *expected, "{time} in {zone}");
            if let Some(day) = time.strip_suffix(" 00:00:00") {
                assert_eq!(message.integer("d"), *expected, "{day} in {zone}");
            }
        }
    }
    for process in running {
        process.terminate().assert_code(0);
    }
}

fn timestamps_are_points_in_time_whatever_the_zone(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("stamps");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, s TIMESTAMP(6) NULL)");
    let mut connectors = ["+00:00", "Europe/Berlin", "-12:00"].map(|zone| {
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ time_zone = \"{zone}\" }}");
        connector
    });
    // Both ends, and the hour that comes twice.
    let seconds = [
        "1.000000",
        "2147483647.999999",
        "1729988999.123456",
        "1729992599.999999",
        "1711846800.000000",
    ];
    for (id, second) in seconds.iter().enumerate() {
        let zone = ["+00:00", "+13:00", "-11:30"][id % 3];
        database.exec(&format!("SET SESSION time_zone = '{zone}'"));
        database.exec(&format!("INSERT INTO t VALUES ({id}, FROM_UNIXTIME({second}))"));
    }
    for connector in &mut connectors {
        connector.sink.push_str("\npartitions_with_key = 1");
        let rowmill = connector.start();
        let messages = kafka.read(&[&connector.topic("t")], seconds.len());
        rowmill.terminate().assert_code(0);
        for (message, second) in messages.iter().zip(seconds) {
            let (whole, fraction) = second.split_once('.').unwrap();
            assert_eq!(
                message.column("s"),
                Some(format!("{whole}{}", &fraction[..3]).trim_start_matches('0').to_owned())
            );
        }
    }
}

/// What a table's DATETIME `t` and DATE `d` arrive as, without the option.
fn without_option(database: &mut Database, table: &str, times: &[&str]) -> Vec<(i64, i64)> {
    let kafka = Kafka::shared();
    database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, t DATETIME, d DATE)"));
    let mut connector = Connector::new(database, &kafka, table);
    connector.plugin = "builtin = \"envelope\"".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    for (id, time) in times.iter().enumerate() {
        database.exec(&format!("INSERT INTO {table} VALUES ({id}, '{time}', '{time}')"));
    }
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic(table)], times.len());
    rowmill.terminate().assert_code(0);
    messages.iter().map(|m| (m.integer("t"), m.integer("d"))).collect()
}

/// The line of `rowmill check` about the connection.
fn checked_connection(database: &mut Database) -> String {
    let connector = Connector::new(database, &Kafka::shared(), "t");
    let output = connector.check().output();
    output
        .lines()
        .find(|line| line.contains(" connection: "))
        .unwrap_or(&output)
        .to_owned()
}

fn the_servers_own_zone_is_taken(kind: Kind) {
    const TIMES: [&str; 5] = [
        "2024-01-15 12:00:00",
        "2024-07-15 12:00:00",
        "2024-03-31 02:30:00",
        "2024-10-27 02:30:00",
        "1945-07-01 12:00:00",
    ];
    // Its word is CET or CEST, by the season in which it was started.
    let mut database = Server::start_in_zone(kind, "Europe/Berlin", &[]).database("own_zone");
    let word = database.value("SELECT @@system_time_zone");
    assert!(word.starts_with("CE"), "{word}");
    let found = without_option(&mut database, "by_system", &TIMES);
    let expected = [
        (1_705_316_400_000, 1_705_273_200_000),
        (1_721_037_600_000, 1_720_994_400_000),
        (1_711_848_600_000, 1_711_839_600_000),
        (1_729_989_000_000, 1_729_980_000_000),
        (-773_247_600_000, -773_290_800_000),
    ];
    assert_eq!(found, expected);
    let line = checked_connection(&mut database);
    assert!(line.ends_with("time zone Europe/Berlin"), "{line}");

    database.exec("SET GLOBAL time_zone = '-02:30'");
    assert_eq!(
        without_option(&mut database, "by_offset", &TIMES[..1]),
        [(1_705_329_000_000, 1_705_285_800_000)]
    );
    // A name, of which the server itself knows only that it is there.
    database.exec("INSERT INTO mysql.time_zone (time_zone_id, use_leap_seconds) VALUES (1, 'N')");
    database.exec("INSERT INTO mysql.time_zone_name (name, time_zone_id) VALUES ('America/Sao_Paulo', 1)");
    database.exec(
        "INSERT INTO mysql.time_zone_transition_type (time_zone_id, transition_type_id, `offset`, is_dst, abbreviation) VALUES (1, 0, -10800, 0, '-03')",
    );
    database.exec("SET GLOBAL time_zone = 'America/Sao_Paulo'");
    assert_eq!(
        without_option(&mut database, "by_name", &["2018-11-04 00:00:00", "2018-12-01 00:00:00"]),
        [(1_541_300_400_000, 1_541_300_400_000), (1_543_629_600_000, 1_543_629_600_000)]
    );
}

#[test]
fn without_the_option_the_zone_of_a_mysql_server_is_taken() {
    the_servers_own_zone_is_taken(Kind::Mysql);
}

#[test]
fn without_the_option_the_zone_of_a_mysql_5_6_server_is_taken() {
    the_servers_own_zone_is_taken(Kind::Mysql56);
}

#[test]
fn without_the_option_the_zone_of_a_mariadb_server_is_taken() {
    the_servers_own_zone_is_taken(Kind::Mariadb);
}

#[test]
fn a_server_in_no_known_zone_is_warned_of_and_stops_tables_with_dates_unless_the_option_is_set() {
    let kafka = Kafka::shared();
    // Summers from February to November, and a word that is a zone of its own elsewhere.
    let mut database = Server::start_in_zone(Kind::Mariadb, "EST5EDT,M2.1.0,M11.2.0", &[]).database("no_zone");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, d DATETIME)");
    database.exec("CREATE TABLE u (id INT PRIMARY KEY, s TIMESTAMP)");
    let mut dates = Connector::new(&mut database, &kafka, "t");
    dates.plugin = "builtin = \"envelope\"".to_owned();
    let mut none = Connector::new(&mut database, &kafka, "u");
    none.plugin = "builtin = \"envelope\"".to_owned();
    database.exec("INSERT INTO t VALUES (1, '2024-07-15 12:00:00')");
    database.exec("INSERT INTO u VALUES (1, FROM_UNIXTIME(1721044800))");

    let checked = dates.check();
    checked.assert_code(0);
    let line = checked
        .stdout
        .iter()
        .find(|line| line.contains("time_zone:"))
        .unwrap_or_else(|| panic!("{}", checked.output()));
    assert!(line.starts_with("warn") && line.contains("SYSTEM (E"), "{line}");

    let ended = dates.start().wait();
    ended.assert_code(1);
    for word in ["SYSTEM (E", ".t has", "set `time_zone`"] {
        assert!(ended.reason().contains(word), "the last line lacks {word}:\n{}", ended.output());
    }
    dates.plugin = "builtin = \"envelope\"\nconfig = { time_zone = \"America/New_York\" }".to_owned();
    for (connector, table, column) in [(&dates, "t", "d"), (&none, "u", "s")] {
        let rowmill = connector.start();
        let messages = kafka.read(&[&connector.topic(table)], 1);
        rowmill.terminate().assert_code(0);
        let expected = if table == "t" { 1_721_059_200_000 } else { 1_721_044_800_000 };
        assert_eq!(messages[0].integer(column), expected);
    }
}
