//! rowmill from outside: the real binary between a real MySQL and a real Kafka. Each test's name is a promise to users.
//!
//! The tests share one MySQL and one broker, and run side by side: each has its own database, account, connector and topics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

/// Makes a test of each of these functions on each kind of server: `mysql::…`, `mariadb::…`, `mysql56::…`. They take the server that is
/// shared. What stands behind `newer:` needs what MySQL 5.6 does not have.
macro_rules! on_each_server {
    ($($test:ident),* $(,)?) => {
        on_each_server!($($test),*; newer:);
    };
    ($($test:ident),*; newer: $($newer:ident),* $(,)?) => {
        on_each_server!(@mysql Mysql $($test)* $($newer)*);
        on_each_server!(@mariadb Mariadb $($test)* $($newer)*);
        on_each_server!(@mysql56 Mysql56 $($test)*);
    };
    (@$module:ident $kind:ident $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test(pipeline_tests::Server::shared_of(pipeline_tests::Kind::$kind));
            })*
        }
    };
}

mod alters;
mod arrivals;
mod canal;
mod charsets;
mod checks;
mod checksums;
mod clocks;
mod collisions;
mod commands;
mod crashes;
mod dead_letters;
mod debezium;
mod disks;
mod document;
mod documents;
mod encoders;
mod ends;
mod events;
mod former;
mod kept;
mod keys;
mod large;
mod languages;
mod layouts;
mod log;
mod mariadb;
mod maxwell;
mod metrics;
mod moments;
mod mysql56;
mod options;
mod oracle;
mod ownership;
mod packed;
mod partial_json;
mod peers;
mod plugins;
mod pressure;
mod random;
mod recovery;
mod refusals;
mod schemas;
mod shapes;
mod snapshot;
mod statements;
mod streams;
mod swap;
mod tables;
mod texts;
mod transforms;
mod values;
mod wide;
mod widths;
mod written;
mod xa;
mod zones;
mod zoo;
