//! What the exposition promises.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Copies, Format, Metrics};

/// A value by name and labels, as the text has it.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Measures one of each.
fn measured() -> Metrics {
    let metrics = Metrics::new();
    let meter = metrics.meter("orders", 2);
    meter.read(100, false);
    meter.begin_stream();
    meter.rows("shop.items", "insert", 3);
    meter.records("mysql_items", 3);
    meter.transaction("committed");
    meter.fresh(0);
    meter.rejected("plugin", false);
    meter.rejected("sink", true);
    meter.plugin_calls("envelope", [Duration::from_millis(2)]);
    meter.plugin_traps("envelope", 1);
    meter.plugin_swaps("envelope", (1, 0, 0));
    meter.plugin_count("envelope", "seen", 2.5);
    meter.schemas(3, 1);
    meter.queue("decode").set(77);
    meter.memory_limit(1000);
    meter.state("running", &["running", "retrying"]);
    meter.retried();
    meter.slack(Some(f64::INFINITY));
    meter.copies(|| Copies {
        rows: 5,
        estimate: 10,
        tables_left: 1,
        rows_per_second: 2.5,
    });
    metrics
}

#[test]
fn what_was_measured_is_told_in_both_forms() {
    let metrics = measured();
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let text = metrics.text(format);
        for (series, expected) in [
            (r#"rowmill_source_bytes_total{connector="orders"}"#, 100.0),
            (r#"rowmill_rows_total{connector="orders",table="shop.items",op="insert"}"#, 3.0),
            (r#"rowmill_records_total{connector="orders",topic="mysql_items"}"#, 3.0),
            (r#"rowmill_transactions_total{connector="orders",result="committed"}"#, 1.0),
            (r#"rowmill_transactions_total{connector="orders",result="aborted"}"#, 0.0),
            (r#"rowmill_dead_letters_total{connector="orders",stage="plugin"}"#, 1.0),
            (r#"rowmill_skipped_rows_total{connector="orders",stage="sink"}"#, 1.0),
            (r#"rowmill_plugin_call_seconds_count{connector="orders",plugin="envelope"}"#, 1.0),
            (
                r#"rowmill_plugin_counts_total{connector="orders",plugin="envelope",name="seen"}"#,
                2.5,
            ),
            (r#"rowmill_queue_bytes{connector="orders",stage="decode"}"#, 77.0),
            (r#"rowmill_state{connector="orders",state="running"}"#, 1.0),
            (r#"rowmill_state{connector="orders",state="retrying"}"#, 0.0),
            (r#"rowmill_snapshot_rows_estimate{connector="orders"}"#, 10.0),
            (r#"rowmill_snapshot_rows_per_second{connector="orders"}"#, 2.5),
            (r#"rowmill_source_lag_seconds{connector="orders"}"#, 0.0),
            (r#"rowmill_binlog_slack_seconds{connector="orders"}"#, f64::INFINITY),
        ] {
            assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
        }
        assert!(value(&text, "rowmill_memory_bytes").unwrap() > 0.0, "{text}");
    }
}

#[test]
fn each_form_describes_a_counter_under_the_name_that_it_wants() {
    let metrics = measured();
    let new = metrics.text(Format::OpenMetrics);
    assert!(new.contains("# TYPE rowmill_rows counter\n") && new.ends_with("# EOF\n"), "{new}");
    let old = metrics.text(Format::Prometheus);
    assert!(
        old.contains("# HELP rowmill_rows_total ") && old.contains("# TYPE rowmill_rows_total counter\n"),
        "{old}"
    );
    assert!(!old.contains("# EOF") && !old.contains("# TYPE rowmill_rows counter"), "{old}");
    assert!(old.contains("# TYPE rowmill_freshness_seconds histogram\n"), "{old}");
}

#[test]
fn tables_beyond_the_bound_are_counted_together() {
    let metrics = Metrics::new();
    let meter = metrics.meter("many", 3);
    for table in 0..10_000 {
        meter.rows(&format!("shop.t{table}"), "insert", 1);
        meter.records(&format!("mysql_t{table}"), 1);
    }
    meter.rows("shop.t1", "insert", 1);
    let text = metrics.text(Format::Prometheus);
    let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((series("rowmill_rows_total{"), series("rowmill_records_total{")), (4, 4));
    let others = r#"rowmill_rows_total{connector="many",table="(others)",op="insert"}"#;
    assert_eq!(value(&text, others), Some(9_997.0));
    let known = r#"rowmill_rows_total{connector="many",table="shop.t1",op="insert"}"#;
    assert_eq!(value(&text, known), Some(2.0));
}

#[test]
fn names_with_quotes_and_backslashes_are_told_so_that_they_can_be_read() {
    let metrics = Metrics::new();
    metrics.meter("c", 3).rows("shop.a\"b\\c\nd", "insert", 1);
    let text = metrics.text(Format::Prometheus);
    assert!(text.contains(r#"table="shop.a\"b\\c\nd""#), "{text}");
}

#[test]
fn the_page_about_metrics_describes_each_of_them() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md")).unwrap();
    let named = |text: &str| -> BTreeSet<String> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `rowmill_"));
        rows.filter_map(|row| row.split('`').next())
            .map(|name| format!("rowmill_{name}"))
            .collect()
    };
    let text = measured().text(Format::Prometheus);
    let told: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(named(&page), told);
}
