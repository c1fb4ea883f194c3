//! Dates and times with their edge values, through `oracle`.

use pipeline_tests::Server;

use crate::oracle::Kind::{Instant, Text, WallClock};
use crate::oracle::{column, compare};

on_each_server!(dates_and_times_are_what_the_server_says_to_the_millisecond);

fn dates_and_times_are_what_the_server_says_to_the_millisecond(server: Server) {
    const CLOCK: &[&str] = &[
        "'2024-02-29 23:59:59.999999'",
        "'1000-01-01 00:00:00'",
        "'0001-01-01 00:00:00.000001'",
        "'9999-12-31 23:59:59.999999'",
        "'1969-12-31 23:59:59.123456'",
        "'1970-01-01 08:00:00.0005'",
        "'0000-00-00 00:00:00'",
        "'2024-00-10 01:02:03'",
        "'2024-02-31 00:00:00'",
        "NULL",
    ];
    const STAMP: &[&str] = &[
        "'1970-01-01 00:00:01'",
        "'1970-01-01 00:00:01.000001'",
        "'2038-01-19 03:14:07'",
        "'2038-01-19 03:14:07.999999'",
        "'0000-00-00 00:00:00'",
        "'2024-06-15 12:34:56.789123'",
        "NULL",
    ];
    const SPAN: &[&str] = &[
        "'838:59:59'",
        "'-838:59:59'",
        "'00:00:00'",
        "'-00:00:00.5'",
        "'-00:00:01'",
        "'-12:34:56.999999'",
        "'23:59:59.000001'",
        "'100:00:00.100000'",
        "NULL",
    ];
    compare(
        server,
        "v_time",
        &[
            column(
                "day",
                "DATE",
                WallClock,
                &[
                    "'2021-03-03'",
                    "'1000-01-01'",
                    "'0001-01-01'",
                    "'9999-12-31'",
                    "'1969-12-31'",
                    "'0000-00-00'",
                    "'2024-00-10'",
                    "'2024-02-31'",
                    "NULL",
                ],
            ),
            column("clock", "DATETIME", WallClock, CLOCK),
            column("clock_1", "DATETIME(1)", WallClock, CLOCK),
            column("clock_2", "DATETIME(2)", WallClock, CLOCK),
            column("clock_3", "DATETIME(3)", WallClock, CLOCK),
            column("clock_4", "DATETIME(4)", WallClock, CLOCK),
            column("clock_5", "DATETIME(5)", WallClock, CLOCK),
            column("clock_6", "DATETIME(6)", WallClock, CLOCK),
            column("stamp", "TIMESTAMP NULL", Instant, STAMP),
            column("stamp_1", "TIMESTAMP(1) NULL", Instant, STAMP),
            column("stamp_2", "TIMESTAMP(2) NULL", Instant, STAMP),
            column("stamp_3", "TIMESTAMP(3) NULL", Instant, STAMP),
            column("stamp_4", "TIMESTAMP(4) NULL", Instant, STAMP),
            column("stamp_5", "TIMESTAMP(5) NULL", Instant, STAMP),
            column("stamp_6", "TIMESTAMP(6) NULL", Instant, STAMP),
            column("span", "TIME", Text, SPAN),
            column("span_1", "TIME(1)", Text, SPAN),
            column("span_2", "TIME(2)", Text, SPAN),
            column("span_3", "TIME(3)", Text, SPAN),
            column("span_4", "TIME(4)", Text, SPAN),
            column("span_5", "TIME(5)", Text, SPAN),
            column("span_6", "TIME(6)", Text, SPAN),
        ],
    );
}
