//! `rowmill demo`.

use std::time::Duration;

use super::failure::Failure;
use super::{signals, wiring};

/// Nothing of the demo is worth a longer wait.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Sends captured rows through the whole path.
pub(super) fn demo(rows: u64) -> Result<(), Failure> {
    let stop = wiring::Stop::new();
    let request = stop.clone();
    signals::watch(|| Some(STOP_LIMIT), move || request.request())?;
    Ok(wiring::demo(rows, &stop)?)
}
