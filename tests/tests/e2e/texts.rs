//! Texts of every family of character sets, names with any character, generated and invisible columns, through `oracle`.

use pipeline_tests::{Connector, Kafka, Kind as ServerKind, Server, unique};

use crate::oracle::Kind::{LargeText, Long, Text};
use crate::oracle::{column, compare};

on_each_server!(
    text_is_what_the_server_says_in_every_character_set,
    text_of_other_character_sets_is_what_the_server_says_under_every_row_image,
    identifiers_may_have_any_character,
    a_database_and_a_table_may_have_names_that_need_quotes;
    newer: generated_and_invisible_columns_are_delivered_like_others
);

fn text_is_what_the_server_says_in_every_character_set(server: Server) {
    compare(
        server,
        "v_text",
        &[
            column(
                "fixed",
                "CHAR(10)",
                Text,
                &["'abc'", "''", "'trailing  '", "'😀😀😀😀😀😀😀😀😀😀'", "NULL"],
            ),
            column("fixed_255", "CHAR(255)", Text, &["REPEAT('😀', 255)", "'x'", "NULL"]),
            column(
                "fixed_latin",
                "CHAR(20) CHARACTER SET latin1",
                Text,
                &["'Zürich €œŸ'", "'ÿ'", "NULL"],
            ),
            column("fixed_ascii", "CHAR(3) CHARACTER SET ascii", Text, &["'abc'", "''", "NULL"]),
            column(
                "short",
                "VARCHAR(20)",
                Text,
                &["'plain'", "'😀 emoji'", "''", "'trailing   '", "NULL"],
            ),
            column(
                "quotes",
                "VARCHAR(200) NOT NULL",
                Text,
                &[
                    "'\"quoted\" \\\\ back/slash'",
                    "'\\n\\r\\t\\b\\0'",
                    "CHAR(1, 31, 127, 11, 12 USING utf8mb4)",
                    "'{\"a\":[1]}'",
                ],
            ),
            column(
                "separators",
                "VARCHAR(50)",
                Text,
                &["_utf8mb4 x'E280A8E280A9EFBBBF'", "'é'", "_utf8mb4 x'65CC81'"],
            ),
            column(
                "long_length",
                "VARCHAR(300)",
                Text,
                &["REPEAT('ä', 300)", "REPEAT('z', 255)", "REPEAT('z', 256)", "''", "NULL"],
            ),
            column(
                "latin",
                "VARCHAR(100) CHARACTER SET latin1",
                Text,
                &["CONVERT(x'8081828D8F90919D9FA0FF' USING latin1)", "'naïve café'", "'€'", "NULL"],
            ),
            column(
                "three_bytes",
                "VARCHAR(100) CHARACTER SET utf8mb3",
                Text,
                &["'漢字 かな'", "'￿'", "''", "NULL"],
            ),
            column("plain", "VARCHAR(100) CHARACTER SET ascii", Text, &["'~!@#'", "''", "NULL"]),
            column("sorted", "VARCHAR(30) COLLATE utf8mb4_bin", Text, &["'Binär'", "'b'", "NULL"]),
            column("tiny_text", "TINYTEXT", LargeText, &["REPEAT('é', 127)", "''", "NULL"]),
            column(
                "normal_text",
                "TEXT CHARACTER SET latin1",
                LargeText,
                &["REPEAT('é', 40000)", "'a'", "NULL"],
            ),
            column("medium_text", "MEDIUMTEXT", LargeText, &["REPEAT('😀', 20000)", "''", "NULL"]),
            column(
                "long_text",
                "LONGTEXT CHARACTER SET utf8mb3",
                LargeText,
                &["REPEAT('漢', 60000)", "'b'", "NULL"],
            ),
        ],
    );
}

fn text_of_other_character_sets_is_what_the_server_says_under_every_row_image(server: Server) {
    compare(
        server,
        "v_charset",
        &[
            column(
                "fixed_gbk",
                "CHAR(200) CHARACTER SET gbk",
                Text,
                &["REPEAT('中', 200)", "'a  '", "''", "NULL"],
            ),
            column(
                "big5",
                "VARCHAR(20) CHARACTER SET big5 NOT NULL",
                Text,
                &["'中文 big5'", "'許功蓋'", "''"],
            ),
            column(
                "gb18030",
                "VARCHAR(100) CHARACTER SET gb18030",
                Text,
                &["'𠀀😀中€ä'", "'x'", "NULL"],
            )
            .only(ServerKind::Mysql),
            column(
                "gb2312",
                "TEXT CHARACTER SET gb2312",
                LargeText,
                &["REPEAT('汉字', 20000)", "'x'", "NULL"],
            ),
            column("sjis", "VARCHAR(20) CHARACTER SET sjis", Text, &["'表ソ能ｶﾅ\\\\'", "'x'", "NULL"]),
            column("cp932", "VARCHAR(20) CHARACTER SET cp932", Text, &["'①髙～'", "'x'", "NULL"]),
            column("ujis", "VARCHAR(20) CHARACTER SET ujis", Text, &["'日本語ｶﾅ丂'", "'x'", "NULL"]),
            column("eucjpms", "VARCHAR(20) CHARACTER SET eucjpms", Text, &["'①～'", "'x'", "NULL"]),
            column("euckr", "TINYTEXT CHARACTER SET euckr", LargeText, &["'한글 똠'", "'x'", "NULL"]),
            column("fixed_ucs2", "CHAR(10) CHARACTER SET ucs2", Text, &["'漢 字  '", "''", "NULL"]),
            column(
                "fixed_utf16",
                "CHAR(255) CHARACTER SET utf16",
                Text,
                &["REPEAT('😀', 255)", "'a'", "NULL"],
            ),
            column("utf16le", "VARCHAR(300) CHARACTER SET utf16le", Text, &["'a😀'", "''", "NULL"]),
            column("fixed_utf32", "CHAR(3) CHARACTER SET utf32", Text, &["'😀 a'", "''", "NULL"]),
            column("koi8r", "VARCHAR(20) CHARACTER SET koi8r", Text, &["'Москва'", "'x'", "NULL"]),
            column("cp1251", "MEDIUMTEXT CHARACTER SET cp1251", LargeText, &["'Київ'", "'x'", "NULL"]),
            column("cp1256", "VARCHAR(20) CHARACTER SET cp1256", Text, &["'سلام'", "'x'", "NULL"]),
            column("greek", "VARCHAR(20) CHARACTER SET greek", Text, &["'Ωμέγα'", "'x'", "NULL"]),
            column("hebrew", "VARCHAR(20) CHARACTER SET hebrew", Text, &["'שלום'", "'x'", "NULL"]),
            column("tis620", "VARCHAR(20) CHARACTER SET tis620", Text, &["'ไทย'", "'x'", "NULL"]),
            column("latin2", "VARCHAR(20) CHARACTER SET latin2", Text, &["'Łódź'", "'x'", "NULL"]),
            column("swe7", "VARCHAR(20) CHARACTER SET swe7", Text, &["'åÄö'", "'x'", "NULL"]),
            column("enum_gbk", "ENUM('中','文') CHARACTER SET gbk", Text, &["'中'", "'文'", "NULL"]),
            column("enum_utf16", "ENUM('😀','b') CHARACTER SET utf16", Text, &["'😀'", "'b'", "NULL"]).not_on(ServerKind::Mysql56),
            column("enum_utf16_bmp", "ENUM('☃','b') CHARACTER SET utf16", Text, &["'☃'", "'b'", "NULL"]),
            column("enum_binary", "ENUM('x','y') CHARACTER SET binary", Text, &["'x'", "'y'", "NULL"]),
            column(
                "set_sjis",
                "SET('表','ソ','a') CHARACTER SET sjis",
                Text,
                &["'表,ソ'", "'a'", "''", "NULL"],
            ),
            column("set_ucs2", "SET('ä','漢') CHARACTER SET ucs2", Text, &["'ä,漢'", "'漢'", "NULL"]),
            column("enum_swe7", "ENUM('å','ö') CHARACTER SET swe7", Text, &["'å'", "'ö'", "NULL"]),
        ],
    );
}

fn identifiers_may_have_any_character(server: Server) {
    compare(
        server,
        "v_names",
        &[
            column("a.b", "INT", Long, &["1", "2"]),
            column("it's \"quoted\" `here`", "INT", Long, &["1", "2"]),
            column("back\\slash", "VARCHAR(10)", Text, &["'a'", "'b'"]),
            column("{\"json\":[1]}", "INT", Long, &["1", "2"]),
            column("日本語 ☃", "ENUM('a.b','\"c\"')", Text, &["1", "2"]),
            column("tab\tand\nline", "INT", Long, &["1", "2"]),
            column("%s$1#;--", "INT", Long, &["1", "2"]),
            column("SELECT", "INT", Long, &["1", "2"]),
            column("12", "INT", Long, &["1", "2"]),
            column(" leading", "INT", Long, &["1", "2"]),
            // As long as names may be.
            column(
                "☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃☃",
                "ENUM('☃☃☃','`','''','é')",
                Text,
                &["1", "2", "3", "4"],
            ),
            column("high", "ENUM('😀😀😀','`','''','é')", Text, &["1", "2", "3", "4"]).not_on(ServerKind::Mysql56),
        ],
    );
}

fn generated_and_invisible_columns_are_delivered_like_others(server: Server) {
    compare(
        server,
        "v_made",
        &[
            column("given", "INT", Long, &["1", "-2", "NULL", "40000"]),
            column("words", "VARCHAR(20)", Text, &["'é'", "'漢'", "NULL"]),
            column("stored", "BIGINT GENERATED ALWAYS AS (given * 3) STORED", Long, &["DEFAULT"]),
            column("virtual", "VARCHAR(40) AS (CONCAT(words, '-', given)) VIRTUAL", Text, &["DEFAULT"]),
            column(
                "virtual_gbk",
                "VARCHAR(40) CHARACTER SET gbk AS (words) VIRTUAL INVISIBLE",
                Text,
                &["DEFAULT"],
            ),
            column("hidden", "INT INVISIBLE", Long, &["7", "8", "NULL"]),
            column("stored_json", "JSON AS (JSON_OBJECT('g', given)) STORED", LargeText, &["DEFAULT"]),
            column("hidden_text", "TEXT INVISIBLE", LargeText, &["'a'", "'b'", "NULL"]),
            column("by_expression", "INT DEFAULT (1 + 2)", Long, &["DEFAULT", "4"]),
        ],
    );
}

#[test]
fn a_generated_invisible_primary_key_is_the_key() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("gipk");
    database.exec("SET SESSION sql_generate_invisible_primary_key = 1");
    database.exec("CREATE TABLE t (v INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (7), (8)");
    database.exec("UPDATE t SET v = 9 WHERE v = 8");
    let topic = connector.topic("t");
    let messages = kafka.read(&[&topic], 4);
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.partitions(&topic), Some(6));
    let mut found: Vec<(String, String)> = messages.iter().map(|m| (m.key.clone().unwrap(), m.op())).collect();
    found.sort();
    let expected = [(1, "INSERT"), (2, "INSERT"), (2, "UPDATE_AFTER"), (2, "UPDATE_BEFOR")];
    assert_eq!(found, expected.map(|(id, op)| (format!("{{\"my_row_id\":{id}}}"), op.to_owned())));
    for message in messages {
        let image = [message.image("before"), message.image("after")].concat();
        let names: Vec<&str> = image.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["my_row_id", "v"]);
    }
}

fn a_database_and_a_table_may_have_names_that_need_quotes(server: Server) {
    let kafka = Kafka::shared();
    let product = if server.kind == ServerKind::Mariadb { "MariaDB" } else { "MySQL" };
    let name = format!("odd db.ü'%\u{2603}{}", unique(""));
    let mut database = server.database_named(&name);
    database.exec("CREATE TABLE `order-items.v2` (`select` INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "`order-items.v2`");
    connector.sink.push_str("\npartitions_with_key = 1");
    connector.check().assert_code(0);
    let rowmill = connector.start();
    database.exec("INSERT INTO `order-items.v2` VALUES (1)");
    let messages = kafka.read(&[&connector.topic("order-items.v2")], 1);
    rowmill.terminate().assert_code(0);
    let source = messages[0].json()["schema"]["source"].clone();
    assert_eq!(
        source,
        serde_json::json!({ "dbType": product, "dbName": name, "tableName": "order-items.v2" })
    );
    database.exec(&format!("DROP DATABASE `{name}`"));
}
