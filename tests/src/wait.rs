//! Waiting for a condition that nobody announces, with a deadline.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long any one wait may take. Far more than a slow machine needs; reaching it means that something never came.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// How long all tests of a process may take together. They take less than half of that where other work keeps the machine busy.
const ALL: Duration = Duration::from_secs(40 * 60);

/// Ends the process when its tests have taken too long, with the names of those that still run. Each wait has its own deadline; this is
/// for what has none, such as a thread that another one waits for.
pub(crate) fn end_in_time() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        std::thread::spawn(|| {
            std::thread::sleep(ALL);
            // A test's thread has its name, of which the system keeps 15 bytes.
            let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
            let names: Vec<String> = threads
                .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
                .filter(|name| name.contains("::"))
                .collect();
            eprintln!(
                "the tests have not ended within {} minutes; these still run:\n{}",
                ALL.as_secs() / 60,
                names.concat()
            );
            std::process::exit(101);
        });
    });
}

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

/// Raises a flag when it is dropped, also by a test that fails. Threads of a scope that go on until it is raised would otherwise have
/// the scope wait for them without end.
#[derive(Debug)]
pub struct Raises<'a>(pub &'a AtomicBool);

impl Drop for Raises<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
