//! What end-to-end tests need: a real MySQL, a real Kafka, and the real `rowmill` binary, each behind a handle whose
//! every wait has a deadline. Nothing here uses rowmill's own code: what it does is judged from outside.
//!
//! `tests/run` starts the servers and sets `ROWMILL_TEST_MYSQL`, `ROWMILL_TEST_MARIADB`, `ROWMILL_TEST_MYSQL56`, `ROWMILL_TEST_KAFKA`
//! (host:port), `ROWMILL_TEST_BIN`, and `ROWMILL_TEST_RUN`: a folder in which tests may start servers that it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

mod chance;
mod cluster;
mod connector;
mod http;
mod json;
mod kafka;
mod mysql;
mod process;
mod proxy;
mod wait;

pub use chance::{Chance, seed};
pub use cluster::Cluster;
pub use connector::Connector;
pub use http::{Http, Metrics};
pub use json::{array_items, object_members};
pub use kafka::{Follower, Kafka, Message, OpenTransaction};
pub use mysql::{Database, Kind, Server, Session};
pub use process::{Ended, Rowmill, binary, command, run_command};
pub use proxy::{Cut, Direction, Proxy, Traffic};
pub use wait::{DEADLINE, Raises, until};

/// The value of an environment variable that `tests/run` sets.
///
/// # Panics
/// Where it is not set, with what sets it.
pub fn environment(name: &str) -> String {
    wait::end_in_time();
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need servers, so start them with `tests/run`"))
}

/// A name that no other test of this or an earlier run has: `stem` and eight hexadecimal digits.
pub fn unique(stem: &str) -> String {
    // Counted on from one number of this process, so that two threads never get the same; the first one is of the clock and the
    // process's id, so that another run on the same servers begins elsewhere.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        let first = (nanos / 1000 + u128::from(std::process::id()) * 7919) & 0xffff_ffff;
        AtomicU32::new(u32::try_from(first).unwrap())
    });
    format!("{stem}_{:08x}", NEXT.fetch_add(1, Ordering::Relaxed))
}
