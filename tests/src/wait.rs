//! Waiting for a condition that nobody announces, with a deadline.

use std::time::{Duration, Instant};

/// How long any one wait may take. Far more than a slow machine needs; reaching it means that something never came.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Asks `probe` until it has an answer.
///
/// # Panics
/// When the deadline passes, naming `what` was awaited.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {} s in vain for {what}", DEADLINE.as_secs());
        // Between two questions, not in place of one.
        std::thread::sleep(Duration::from_millis(20));
    }
}
