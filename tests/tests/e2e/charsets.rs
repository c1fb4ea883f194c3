//! Every code of every character set that the server has, held against what the server itself makes of it.

use std::fmt::Write as _;

use pipeline_tests::{Connector, Database, Kafka, Kind, Server};

/// Characters of a row where a set is written from Unicode: with five sets in a row well below a message's limit.
const CHARACTERS: usize = 8192;
/// Codes of a row where they are tried one by one.
const CODES: u32 = 4096;

on_each_server!(
    every_code_of_every_character_set_is_what_the_server_says,
    columns_of_every_collation_are_delivered,
);

fn every_code_of_every_character_set_is_what_the_server_says(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("charsets");
    let sets = character_sets(&mut database);
    let list: Vec<String> = sets
        .iter()
        .map(|(set, _)| format!("`{set}` MEDIUMTEXT CHARACTER SET {set}"))
        .collect();
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, {})", list.join(", ")));
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    write_unicode(&mut database, &sets);
    write_numbers(&mut database);
    for (set, bytes) in &sets {
        if !is_unicode(set) {
            write_codes(&mut database, set, *bytes);
        }
    }

    let names: Vec<String> = sets.iter().map(|(set, _)| format!("`{set}`")).collect();
    let expected = database.query(&format!("SELECT {} FROM t ORDER BY id", names.join(", ")));
    let messages = kafka.read(&[&connector.topic("t")], expected.len());
    rowmill.terminate().assert_code(0);
    let mut seen = vec![0; sets.len()];
    for (row, message) in expected.iter().zip(&messages) {
        let image = message.image("after");
        for (at, (expected, (name, raw))) in row.iter().zip(&image[1..]).enumerate() {
            let text: Option<String> = serde_json::from_str(raw).unwrap();
            seen[at] += text.as_ref().map_or(0, |text| text.chars().count());
            assert!(text == *expected, "{name}: {}", first_difference(text, expected.clone()));
        }
    }
    for ((set, bytes), seen) in sets.iter().zip(seen) {
        let least = match set.as_str() {
            "utf8mb4" | "utf16" | "utf16le" | "utf32" => 0x11_0000 - 0x800,
            "utf8mb3" | "utf8" | "ucs2" => 0x1_0000 - 0x800,
            "gb18030" => 0x11_0000 - 0x800 + 23_940,
            _ if *bytes > 1 => 6000,
            "ascii" | "swe7" => 127,
            _ => 200,
        };
        assert!(seen >= least, "only {seen} characters of {set}");
    }
}

fn columns_of_every_collation_are_delivered(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("collations");
    // MariaDB's newest collations belong to several character sets, and have a number with each.
    let sql = if kind == Kind::Mariadb {
        "SELECT full_collation_name FROM information_schema.collation_character_set_applicability \
         WHERE full_collation_name <> 'binary' ORDER BY id"
    } else {
        "SELECT collation_name FROM information_schema.collations WHERE collation_name <> 'binary' ORDER BY id"
    };
    let collations: Vec<String> = database.query(sql).iter().map(|row| row[0].clone().unwrap()).collect();
    assert!(collations.len() > 200, "{collations:?}");
    // Several tables, as a row has room for so many columns only.
    let tables: Vec<(String, &[String])> = (0..).map(|n| format!("t{n}")).zip(collations.chunks(400)).collect();
    for (table, collations) in &tables {
        let columns: Vec<String> = collations.iter().map(|c| format!("`{c}` VARCHAR(3) COLLATE {c}")).collect();
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, {})", columns.join(", ")));
    }
    let names: Vec<&str> = tables.iter().map(|(table, _)| table.as_str()).collect();
    let connector = Connector::new(&mut database, &kafka, &names.join(","));
    let rowmill = connector.start();
    for (table, collations) in tables {
        let texts = vec!["'abc'"; collations.len()];
        database.exec(&format!("INSERT INTO {table} VALUES (1, {})", texts.join(", ")));
        let messages = kafka.read(&[&connector.topic(&table)], 1);
        let expected: Vec<_> = collations.iter().map(|c| (c.clone(), "\"abc\"".to_owned())).collect();
        assert_eq!(messages[0].image("after")[1..], expected);
    }
    rowmill.terminate().assert_code(0);
}

/// Names of all but `binary`, and their most bytes of a character.
fn character_sets(database: &mut Database) -> Vec<(String, u32)> {
    let sql = "SELECT character_set_name, maxlen FROM information_schema.character_sets WHERE character_set_name <> 'binary' ORDER BY 1";
    let field = |text: &Option<String>| text.clone().unwrap();
    let rows = database.query(sql);
    rows.iter().map(|row| (field(&row[0]), field(&row[1]).parse().unwrap())).collect()
}

fn is_unicode(set: &str) -> bool {
    set.starts_with("utf") || set == "ucs2"
}

/// All characters of Unicode in the sets that have them all, and those of the basic plane in those that end there.
fn write_unicode(database: &mut Database, existing: &[(String, u32)]) {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let (basic, other) = all.split_at(all.partition_point(|c| *c <= '\u{ffff}'));
    for (characters, sets) in [
        (
            basic,
            &["utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf16le", "utf32", "gb18030"][..],
        ),
        (other, &["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"]),
    ] {
        let sets: Vec<&str> = sets
            .iter()
            .copied()
            .filter(|set| existing.iter().any(|(name, _)| name == set))
            .collect();
        for chunk in characters.chunks(CHARACTERS) {
            let text: String = chunk.iter().collect();
            let hex = text.bytes().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            database.exec(&format!("SET @text = _utf8mb4 x'{hex}'"));
            let values: Vec<String> = sets.iter().map(|set| format!("CONVERT(@text USING {set})")).collect();
            database.exec(&format!("INSERT INTO t ({}) VALUES ({})", sets.join(", "), values.join(", ")));
        }
    }
}

/// A table `numbers`, from 0 to 65,535.
pub(crate) fn write_numbers(database: &mut Database) {
    database.exec("CREATE TABLE numbers (n INT PRIMARY KEY)");
    database.exec("INSERT INTO numbers VALUES (0)");
    for bit in 0..16 {
        database.exec(&format!("INSERT INTO numbers SELECT n + {} FROM numbers", 1 << bit));
    }
}

/// All codes of up to three bytes that the server takes for one character, and can convert: else it writes a question mark.
fn write_codes(database: &mut Database, set: &str, bytes: u32) {
    let mut codes = vec![("", 2, 0..0x100)];
    if bytes > 1 {
        codes.push(("", 4, 0x8000..0x1_0000));
    }
    if bytes == 3 {
        codes.push(("8F", 4, 0x8000..0x1_0000));
    }
    database.exec("SET SESSION group_concat_max_len = 1000000, SESSION sql_mode = ''");
    for (prefix, digits, range) in codes {
        database.exec(&format!(
            "INSERT INTO t (`{set}`)
             SELECT CONVERT(UNHEX(GROUP_CONCAT(code ORDER BY n SEPARATOR '')) USING {set}) FROM (
               SELECT n, code, CONVERT(UNHEX(code) USING {set}) AS text FROM (
                 SELECT n, CONCAT('{prefix}', LPAD(HEX(n), {digits}, '0')) AS code FROM numbers WHERE n BETWEEN {} AND {}
               ) AS codes
             ) AS texts
             WHERE CHAR_LENGTH(text) = 1 AND (code = '3F' OR HEX(CONVERT(text USING utf32)) NOT IN ('', '0000003F'))
             GROUP BY n DIV {CODES}",
            range.start,
            range.end - 1,
        ));
    }
}

fn first_difference(found: Option<String>, expected: Option<String>) -> String {
    let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
    let pairs = found.chars().zip(expected.chars()).enumerate();
    match pairs.into_iter().find(|(_, (found, expected))| found != expected) {
        Some((at, (found, expected))) => format!("character {at} is {found:?}, MySQL says {expected:?}"),
        None => format!("{} characters, MySQL says {}", found.chars().count(), expected.chars().count()),
    }
}
