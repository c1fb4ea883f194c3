//! `rowmill tail`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rowmill::config::Secret;

use super::arguments::Tail;
use super::failure::Failure;
use super::{signals, wiring};

/// Prints messages until there are enough, the reader has gone, or a signal comes.
pub(super) fn tail(request: &Tail) -> Result<(), Failure> {
    let mut brokers = request.brokers.clone().unwrap_or_default();
    let mut properties: Vec<(String, Secret)> = Vec::new();
    if let Some(file) = &request.config {
        let config = rowmill::config::load(file)?;
        properties.extend(config.sink.properties);
        if brokers.is_empty() {
            brokers = config.sink.brokers;
        }
    }
    properties.extend(request.properties.iter().map(|(name, value)| (name.clone(), Secret::new(value))));
    let stop = Arc::new(AtomicBool::new(false));
    let request_stop = Arc::clone(&stop);
    signals::watch(|| None, move || request_stop.store(true, Ordering::Release))?;
    wiring::tail(request, brokers, properties, &stop, &mut std::io::stdout().lock())?;
    Ok(())
}
