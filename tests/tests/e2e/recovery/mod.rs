//! What happens when something dies or stands still, and whether the connector comes back by itself: faults of the network, of the
//! server, of its log, of brokers and of disks, each made for real.

mod away;
mod brokers;
mod chaos;
mod failover;
mod load;
mod log;
mod network;
mod rights;
mod server;
mod topics;

use std::time::Duration;

use pipeline_tests::Rowmill;

/// How long a fault lasts: `short` where all tests run, or what ROWMILL_TEST_FAULT_S says.
fn lasting(short: Duration) -> Duration {
    let long = std::env::var("ROWMILL_TEST_FAULT_S").ok();
    long.map_or(short, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

/// Waits for the line that says that the connector tries again, and why.
fn tries_again(rowmill: &Rowmill, reason: &str) -> String {
    rowmill.wait_for_log(&format!("a line that it starts again: {reason}"), |line| {
        line.contains("starting again") && line.contains(reason)
    })
}
