//! `rowmill run`.

use std::path::Path;

use super::failure::Failure;
use super::lease::Lease;
use super::{signals, wiring};

/// Runs one connector until it is asked to stop or fails.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let config = rowmill::config::load(file)?;
    wiring::check_properties(&config).map_err(|fault| Failure::usage(format!("{}: {fault}", file.display())))?;
    let stop = wiring::Stop::new();
    let request = stop.clone();
    signals::watch(Some(config.shutdown_timeout), move || request.request())?;
    let _lease = Lease::take(&config)?;
    Ok(wiring::run(&config, &stop)?)
}
