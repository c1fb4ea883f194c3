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

mod arrivals;
mod charsets;
mod checks;
mod collisions;
mod commands;
mod crashes;
mod document;
mod events;
mod mariadb;
mod oracle;
mod packed;
mod partial_json;
mod refusals;
mod streams;
mod swap;
mod texts;
mod values;
