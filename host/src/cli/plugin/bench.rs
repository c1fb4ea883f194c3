//! `rowmill plugin bench`: a plugin's speed, side by side with the built-in encoder's.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::output;
use super::super::wiring::{self, Sample, Tryout};
use super::settings;

/// Rows of the batch: about what the pipeline cuts under load.
const ROWS: usize = 4096;

/// The least number of rounds, however long they take.
const MIN_ROUNDS: usize = 3;

/// Measures, and prints rates and their ratio.
pub(super) fn bench(file: &Path, input: Option<&Path>, config: &str, seconds: u64) -> Result<(), Failure> {
    let settings = settings(file, config)?;
    let samples = match input {
        Some(_) => wiring::samples(input)?,
        None => vec![wiring::orders(ROWS)?],
    };
    let rows: usize = samples.iter().map(Sample::rows).sum();
    let mut plugin = wiring::try_plugin(&settings)?;
    let mut builtin = wiring::try_plugin(&wiring::plugin_settings("builtin", "envelope", "{}")?)?;
    let kind = if plugin.is_encoder() { "encoder" } else { "transform" };
    // The first round of each opens schemas and fills caches.
    round(&mut plugin, &samples)?;
    round(&mut builtin, &samples)?;
    let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end || ratios.len() < MIN_ROUNDS {
        let (ours, theirs) = if ratios.len() % 2 == 0 {
            let ours = round(&mut plugin, &samples)?;
            (ours, round(&mut builtin, &samples)?)
        } else {
            let theirs = round(&mut builtin, &samples)?;
            (round(&mut plugin, &samples)?, theirs)
        };
        own.push(ours);
        others.push(theirs);
        ratios.push(theirs / ours);
    }
    let rounds = ratios.len();
    let (own, others, ratio) = (median(own), median(others), median(ratios));
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a number of rows, for a rate that is shown rounded"
    )]
    let rows_number = rows as f64;
    output::print(&format!(
        "plugin    {} ({kind})\nbatch     {rows} rows\nrate      {:.0} rows/s, {:.3} us a row\nenvelope  {:.0} rows/s\nratio     {ratio:.2} of the built-in encoder's speed, median of {rounds} rounds side by side\n",
        settings.0.name,
        rows_number / own,
        own * 1e6 / rows_number,
        rows_number / others,
    ))
}

/// Seconds that all samples take.
fn round(plugin: &mut Tryout, samples: &[Sample]) -> Result<f64, Failure> {
    let started = Instant::now();
    for sample in samples {
        drop(plugin.run(sample)?);
    }
    Ok(started.elapsed().as_secs_f64().max(1e-9))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
