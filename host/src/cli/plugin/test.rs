//! `rowmill plugin test`: a batch through a plugin.

use std::path::Path;
use std::time::Instant;

use super::super::failure::Failure;
use super::super::{output, wiring};
use super::{Options, settings};

/// Prints what the plugin makes of a batch, and a summary on stderr.
pub(super) fn test(file: &Path, input: Option<&Path>, options: &Options, rows: Option<usize>) -> Result<(), Failure> {
    let settings = settings(file, options)?;
    let samples = wiring::samples(input)?;
    let mut plugin = wiring::try_plugin(&settings)?;
    let mut left = rows.unwrap_or(usize::MAX);
    for sample in samples {
        if left == 0 {
            break;
        }
        let sample = sample.first(left);
        left -= sample.rows();
        let started = Instant::now();
        let tried = plugin.run(&sample)?;
        let took = started.elapsed();
        let (lines, what) = wiring::tried_lines(&tried)?;
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        output::print(&text)?;
        output::note(&format!(
            "{} rows in, {} {what} out, {:.1} ms",
            sample.rows(),
            lines.len(),
            took.as_secs_f64() * 1e3
        ));
    }
    Ok(())
}
