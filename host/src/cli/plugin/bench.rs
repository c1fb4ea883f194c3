//! `rowmill plugin bench`: a plugin's speed, side by side with the built-in encoder's.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::output;
use super::super::wiring::{self, Sample, Tryout};
use super::{Options, settings};

/// Rows of the batch: about what the pipeline cuts under load.
const ROWS: usize = 4096;

/// The least number of rounds, however long they take.
const MIN_ROUNDS: usize = 3;

/// Measures, and prints rates and their ratio.
pub(super) fn bench(file: &Path, (input, options): (Option<&Path>, &Options), (seconds, instances): (u64, u32)) -> Result<(), Failure> {
    let mut settings = settings(file, options)?;
    let samples = match input {
        Some(_) => wiring::samples(input)?,
        None => vec![wiring::orders(ROWS)?],
    };
    let rows: usize = samples.iter().map(Sample::rows).sum();
    let name = settings.0.name.clone();
    let mut all = vec![
        wiring::try_plugin(&settings)?,
        wiring::try_plugin(&wiring::plugin_settings("builtin", "envelope", &[])?)?,
    ];
    settings.0.instances = instances;
    if instances > 1 {
        all.push(wiring::try_plugin(&settings)?);
    }
    let kind = all
        .first()
        .map_or("", |plugin| if plugin.is_encoder() { "encoder" } else { "transform" });
    let (seconds, rounds) = measure(&mut all, &samples, Duration::from_secs(seconds))?;
    let [own, others, shared @ ..] = seconds.as_slice() else {
        return Ok(());
    };
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a number of rows, for a rate that is shown rounded"
    )]
    let number = rows as f64;
    let ratio = |one: &[f64], other: &[f64]| median(one.iter().zip(other).map(|(one, other)| other / one).collect());
    let rate = |seconds: &[f64]| number / median(seconds.to_vec());
    let mut text = format!(
        "plugin    {name} ({kind})\nbatch     {rows} rows\nrate      {:.0} rows/s, {:.3} us a row\nenvelope  {:.0} rows/s\nratio     {:.2} of the built-in encoder's speed, median of {rounds} rounds side by side\n",
        rate(own),
        1e6 / rate(own),
        rate(others),
        ratio(own, others),
    );
    for shared in shared {
        text += &format!(
            "shared    {:.0} rows/s by {instances} instances, {:.2} times as many as by one\n",
            rate(shared),
            ratio(shared, own)
        );
    }
    output::print(&text)
}

/// Seconds that each plugin took in each round, in turns, and how many rounds there were.
fn measure(plugins: &mut [Tryout], samples: &[Sample], time: Duration) -> Result<(Vec<Vec<f64>>, usize), Failure> {
    // The first round of each opens schemas and fills caches.
    for plugin in &mut *plugins {
        round(plugin, samples)?;
    }
    let mut seconds = vec![Vec::new(); plugins.len()];
    let end = Instant::now() + time;
    let mut rounds = 0;
    while Instant::now() < end || rounds < MIN_ROUNDS {
        let mut turns: Vec<_> = plugins.iter_mut().zip(&mut seconds).collect();
        // Nobody is always the first.
        let first = rounds % turns.len();
        turns.rotate_left(first);
        for (plugin, seconds) in turns {
            seconds.push(round(plugin, samples)?);
        }
        rounds += 1;
    }
    Ok((seconds, rounds))
}

/// Seconds that all samples take.
fn round(plugin: &mut Tryout, samples: &[Sample]) -> Result<f64, Failure> {
    let started = Instant::now();
    for sample in samples {
        plugin.share(sample)?;
    }
    Ok(started.elapsed().as_secs_f64().max(1e-9))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
