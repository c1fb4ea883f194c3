//! Criterion's measurement with two rates beside it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::orders::ROWS;

/// Rows a second. Where the machine does something else meanwhile, it takes its share of the caches and so of the mean; the
/// fastest of thousands of batches ran undisturbed.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    /// Over all batches, of the thread's processor time.
    pub(crate) mean: f64,
    /// Of the fastest batch, by the wall.
    pub(crate) best: f64,
}

/// Criterion's measurement, and the rates over all that it ran.
pub(crate) fn measure(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut run: impl FnMut(),
) -> Rate {
    let (calls, time, fastest) = (Cell::new(0_u64), Cell::new(Duration::ZERO), Cell::new(Duration::MAX));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let (start, busy) = (Instant::now(), processor_time());
            for _ in 0..count {
                let begun = Instant::now();
                run();
                fastest.set(fastest.get().min(begun.elapsed()));
            }
            let took = start.elapsed();
            calls.set(calls.get() + count);
            time.set(time.get() + processor_time().zip(busy).map_or(took, |(end, start)| end.saturating_sub(start)));
            took
        });
    });
    #[expect(clippy::as_conversions, reason = "a rate needs no exact integers")]
    let rows = calls.get() as f64 * f64::from(ROWS);
    Rate {
        mean: rows / time.get().as_secs_f64(),
        best: f64::from(ROWS) / fastest.get().as_secs_f64(),
    }
}

/// What this thread has run so far, where the system tells.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
