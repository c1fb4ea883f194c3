//! The promises of the room, from text to configuration or findings.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod refused;

use std::path::Path;
use std::time::Duration;

use refused::findings;

use super::{Config, Error, PluginOrigin, Snapshot, SourceKind, Start, Surroundings, TlsMode, example, json_schema, parse, parse_map};

const SMALL: &str = "name = \"c\"\n[source]\nuser = \"u\"\npassword = \"p\"\ndatabase = \"shop\"\ntables = \"orders\"\n";

fn read(text: &str) -> Result<Config, Error> {
    read_in(Path::new("/nowhere"), text)
}

fn read_in(folder: &Path, text: &str) -> Result<Config, Error> {
    let variable = |name: &str| match name {
        "SECRET" => Some("hunter2".to_owned()),
        "PORT" => Some("3307".to_owned()),
        "HOME" => Some("/home/someone".to_owned()),
        _ => None,
    };
    parse(
        text,
        &Surroundings {
            folder,
            variable: &variable,
        },
    )
}

#[test]
fn a_small_configuration_gets_the_documented_defaults() {
    let config = read(SMALL).unwrap();
    assert_eq!(
        (config.source.host.as_str(), config.source.port, config.source.tls),
        ("127.0.0.1", 3306, TlsMode::Preferred)
    );
    assert_eq!(
        (config.source.start.clone(), config.source.kind.clone()),
        (Start::Latest, SourceKind::Mysql)
    );
    assert_eq!(
        (config.batch.max_rows, config.batch.max_bytes, config.batch.max_delay),
        (8192, 1 << 20, Duration::from_millis(20))
    );
    assert_eq!((config.limits.memory, config.limits.row), (192 << 20, 64 << 20));
    assert_eq!(config.plugins.len(), 1);
    assert_eq!(config.plugins.first().unwrap().origin, PluginOrigin::Builtin("envelope".to_owned()));
    assert_eq!(config.sink.topics.name("shop", "orders"), "mysql_orders");
    assert_eq!(
        (
            config.sink.topics.partitions_with_key,
            config.sink.topics.partitions_without_key,
            config.sink.topics.replication
        ),
        (6, 1, -1)
    );
    assert_eq!(config.sink.dead_letter_topic, "mysql_dead_letters");
    assert_eq!(config.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(config.cache_dir, Path::new("/home/someone/.cache/rowmill"));
    assert!(config.source.tables.selects("shop", "orders") && !config.source.tables.selects("shop", "items"));
}

#[test]
fn existing_rows_are_copied_unless_they_are_not_wanted() {
    let snapshot = |line: &str| read(&format!("{SMALL}{line}\n")).unwrap().source.snapshot;
    assert_eq!(snapshot(""), Snapshot::Initial);
    assert_eq!(snapshot("snapshot = \"initial\""), Snapshot::Initial);
    assert_eq!(snapshot("snapshot = \"never\""), Snapshot::Never);
    assert_eq!(snapshot("snapshot = \"only\""), Snapshot::Only);
}

#[test]
fn the_example_passes_its_own_check_and_shows_every_key() {
    let text = example();
    let config = read(&text).unwrap();
    assert_eq!(config.name, "mysql-orders");
    for key in super::keys::KEYS {
        assert!(
            text.lines()
                .any(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name()))),
            "{}",
            key.path
        );
    }
}

#[test]
fn every_value_of_the_example_is_sound_when_its_comment_sign_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["binlog.000001", "ca.pem", "client.pem", "client-key.pem"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let is_setting = |line: &str| {
        super::keys::KEYS
            .iter()
            .any(|key| line.starts_with(&format!("# {} = ", key.name())))
    };
    let text: String = example()
        .lines()
        .filter(|line| !line.starts_with("# path = \"plugins"))
        .map(|line| {
            if is_setting(line) {
                format!("{}\n", line.trim_start_matches("# "))
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    read_in(folder.path(), &text).unwrap();
}

#[test]
fn defaults_of_the_table_are_within_its_bounds() {
    // Reading the small configuration uses each default; a bad one would be a finding.
    read(SMALL).unwrap();
    let schema = json_schema();
    assert_eq!(schema.pointer("/properties/batch/properties/max_rows/default"), Some(&8192.into()));
    assert_eq!(
        schema.pointer("/properties/source/properties/snapshot/anyOf/0/enum"),
        Some(&serde_json::json!(["initial", "never", "only"]))
    );
    assert_eq!(schema.pointer("/properties/plugin/items/additionalProperties"), Some(&false.into()));
}

/// Set to rewrite the committed files from the code.
const REWRITE: &str = "ROWMILL_BLESS";

#[test]
fn the_committed_page_and_example_say_what_the_code_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page_file = root.join("docs/configuration.md");
    let page = std::fs::read_to_string(&page_file).unwrap();
    let (begin, end) = ("<!-- keys: made from the code -->\n", "<!-- end of keys -->\n");
    let (head, rest) = page.split_once(begin).unwrap();
    let (table, tail) = rest.split_once(end).unwrap();
    let example_file = root.join("examples/connector.toml");
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&page_file, format!("{head}{begin}{}\n{end}{tail}", super::example::page())).unwrap();
        std::fs::write(&example_file, example()).unwrap();
        return;
    }
    assert_eq!(table, format!("{}\n", super::example::page()), "run the test once with {REWRITE}=1");
    assert_eq!(
        std::fs::read_to_string(&example_file).unwrap(),
        example(),
        "run the test once with {REWRITE}=1"
    );
}

#[test]
fn references_are_filled_in_and_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pw"), "s3cret\r\n").unwrap();
    let text = SMALL.replace("\"p\"", "\"a${file:pw}b${env:SECRET}$${c\"");
    let config = read_in(folder.path(), &format!("{text}port = \"${{env:PORT}}\"\n")).unwrap();
    assert_eq!((config.source.password.reveal(), config.source.port), ("as3cretbhunter2${c", 3307));
    assert!(findings("source", "password = \"${env:NONE}\"").contains("source.password: environment variable NONE is not set"));
    assert!(findings("source", "password = \"${file:none}\"").contains("source.password: cannot read the file /nowhere/none"));
    assert!(findings("source", "password = \"${other:x}\"").contains("expected `${env:NAME}` or `${file:PATH}`, found `${other:x}`"));
    assert!(findings("source", "password = \"${env:X\"").contains("has no closing `}`"));
}

#[test]
fn auto_add_matches_a_name_in_full_and_only_in_its_databases() {
    let config = read(&SMALL.replace("tables = \"orders\"", "auto_add = \"log_.*|x\"")).unwrap();
    let tables = &config.source.tables;
    assert!(tables.selects("shop", "log_1") && tables.selects("shop", "x"));
    assert!(
        !tables.selects("shop", "old_log_1")
            && !tables.selects("shop", "xy")
            && !tables.selects("shop", "x\n")
            && !tables.selects("other", "x")
    );
}

#[test]
fn tables_of_several_databases_and_names_with_dots_are_taken_apart() {
    let text = SMALL
        .replace("\"shop\"", "[\"shop\", \"crm\"]")
        .replace("\"orders\"", "[\"shop.orders\", \"crm.`a.b`\"]");
    let named = read(&text).unwrap().source.tables.named;
    assert_eq!(
        named,
        [("shop".to_owned(), "orders".to_owned()), ("crm".to_owned(), "a.b".to_owned())]
    );
    let alone = read(&SMALL.replace("database = \"shop\"\n", "").replace("\"orders\"", "\"shop.orders\"")).unwrap();
    assert!(alone.source.tables.selects("shop", "orders"));
    let both = SMALL.replace("\"shop\"", "\"a,b\"").replace("\"orders\"", "\"a.t,b.t\"");
    assert!(
        read(&both)
            .unwrap_err()
            .to_string()
            .contains("a.t and b.t would share the topic mysql_t; write topic = \"{prefix}_{database}_{table}\"")
    );
}

#[test]
fn every_form_of_start_is_read() {
    let start = |written: &str| read(&format!("{SMALL}start = {written}\n")).unwrap().source.start;
    assert_eq!(start("\"earliest\""), Start::Earliest);
    assert_eq!(
        start("{ file = \"binlog.000003\", pos = 157 }"),
        Start::File {
            file: "binlog.000003".to_owned(),
            pos: 157
        }
    );
    assert_eq!(
        start("{ file = \"binlog.000003\" }"),
        Start::File {
            file: "binlog.000003".to_owned(),
            pos: 4
        }
    );
    assert_eq!(start("{ time = \"2026-01-31T00:00:00Z\" }"), Start::Time(1_769_817_600_000));
    assert_eq!(start("{ time = 2026-01-31T08:00:00+08:00 }"), Start::Time(1_769_817_600_000));
    assert!(matches!(
        start("{ gtid = \"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\" }"),
        Start::Gtid(_)
    ));
}

#[test]
fn a_derived_server_id_is_stable_and_in_its_range() {
    let id = |name: &str| read(&SMALL.replace("\"c\"", &format!("\"{name}\""))).unwrap().source.server_id;
    assert_eq!(id("mysql-orders"), id("mysql-orders"));
    assert_ne!(id("mysql-orders"), id("mysql-items"));
    assert!(
        (0..50)
            .map(|n| id(&format!("c{n}")))
            .all(|id| (2_147_483_648..=4_294_967_294).contains(&id))
    );
    assert_eq!(read(&format!("{SMALL}server_id = 7\n")).unwrap().source.server_id, 7);
}

#[test]
fn binlog_files_are_found_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["binlog.999999", "binlog.1000000", "binlog.000001", "binlog.index", "other.000001"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let text = "name = \"c\"\n[source]\nkind = \"file\"\nfiles = [\"binlog.*\"]\nauto_add = \".*\"\ndatabase = \"shop\"\n";
    let SourceKind::File(files) = read_in(folder.path(), text).unwrap().source.kind else {
        panic!("not a file source")
    };
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["binlog.000001", "binlog.999999", "binlog.1000000"]);
    assert!(
        read_in(folder.path(), &text.replace("binlog.*", "log.*"))
            .unwrap_err()
            .to_string()
            .contains("source.files: there is no file")
    );
}

#[test]
fn plugins_keep_their_order_get_distinct_names_and_end_with_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mask.wasm"), "").unwrap();
    let mask = "[[plugin]]\npath = \"mask.wasm\"\nconfig = { columns = [\"email\"], n = 1.5 }\n";
    let envelope = "[[plugin]]\nbuiltin = \"envelope\"\nconfig = { update_mode = \"single\" }\n";
    let plugins = read_in(folder.path(), &format!("{SMALL}{mask}{mask}{envelope}")).unwrap().plugins;
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["mask", "mask-2", "envelope"]);
    let first = plugins.first().unwrap();
    assert_eq!(first.origin, PluginOrigin::File(folder.path().join("mask.wasm")));
    assert_eq!(first.config, serde_json::json!({ "columns": ["email"], "n": 1.5 }));
    assert!(
        read_in(folder.path(), &format!("{SMALL}{envelope}{mask}"))
            .unwrap_err()
            .to_string()
            .contains("must be the last plugin")
    );
}

#[test]
fn a_flat_map_means_the_same_as_a_file() {
    let map = [
        ("name", "c"),
        ("source.user", "u"),
        ("source.port", "3307"),
        ("source.database", "shop"),
        ("source.tables", "orders,items"),
        ("source.start.file", "binlog.000001"),
        ("source.start.pos", "4"),
        ("plugin.0.builtin", "envelope"),
        ("plugin.0.config.headers", "true"),
        ("plugin.0.config.time_zone", "+08:00"),
        ("sink.properties.security.protocol", "SASL_SSL"),
        ("sink.properties.linger.ms", "5"),
    ];
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &|_| None,
    };
    let config = parse_map(map, &surroundings).unwrap();
    assert_eq!((config.source.port, config.source.tables.named.len()), (3307, 2));
    assert_eq!(
        config.source.start,
        Start::File {
            file: "binlog.000001".to_owned(),
            pos: 4
        }
    );
    assert_eq!(
        config.plugins.first().unwrap().config,
        serde_json::json!({ "headers": true, "time_zone": "+08:00" })
    );
    let names: Vec<_> = config.sink.properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["linger.ms", "security.protocol"]);
    let error = parse_map([("name", "c"), ("name", "d"), ("source.portt", "1")], &surroundings)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("name: written twice") && error.contains("did you mean source.port?"),
        "{error}"
    );
}
