//! Criterion's measurement with rates beside it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::orders::ROWS;

/// Rows a second. Where the machine does something else meanwhile, it takes its share of the caches and so of the mean; the
/// fastest of thousands of batches ran undisturbed, and half of them were as fast as the median.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    /// Over all batches, of the thread's processor time.
    pub(crate) mean: f64,
    /// Of the batch in the middle, by the wall.
    pub(crate) median: f64,
    /// Of the fastest batch, by the wall.
    pub(crate) best: f64,
}

impl Rate {
    /// The rates, and what they are of those of `base`, which goes by this name.
    pub(crate) fn against(self, base: Self, name: &str) -> String {
        format!(
            "{:.0} rows/s of processor time, {:.2} of {name}; median batch {:.0} rows/s, {:.2} of it; fastest batch {:.0} rows/s, {:.2} of it",
            self.mean,
            self.mean / base.mean,
            self.median,
            self.median / base.median,
            self.best,
            self.best / base.best
        )
    }
}

/// Criterion's measurement, and the rates over all that it ran.
pub(crate) fn measure(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut run: impl FnMut(),
) -> Rate {
    let (time, batches) = (Cell::new(Duration::ZERO), RefCell::new(Vec::new()));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let (start, busy) = (Instant::now(), processor_time());
            for _ in 0..count {
                let begun = Instant::now();
                run();
                batches.borrow_mut().push(begun.elapsed());
            }
            let took = start.elapsed();
            time.set(time.get() + processor_time().zip(busy).map_or(took, |(end, start)| end.saturating_sub(start)));
            took
        });
    });
    let mut batches = batches.into_inner();
    batches.sort_unstable();
    let of = |batch: Option<&Duration>| batch.map_or(f64::NAN, |took| f64::from(ROWS) / took.as_secs_f64());
    #[expect(clippy::as_conversions, reason = "a rate needs no exact integers")]
    let rows = batches.len() as f64 * f64::from(ROWS);
    Rate {
        mean: rows / time.get().as_secs_f64(),
        median: of(batches.get(batches.len() / 2)),
        best: of(batches.first()),
    }
}

/// What this thread has run so far, where the system tells.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
