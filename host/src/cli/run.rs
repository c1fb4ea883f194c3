//! `rowmill run`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rowmill::config::Ddl;

use super::failure::Failure;
use super::{signals, wiring};

/// Runs one connector until it is asked to stop or fails. `resume_past_ddl` names a statement that `source.ddl = "fail"` lets pass;
/// `listen` is where its condition is told over HTTP.
pub(super) fn run(file: &Path, resume_past_ddl: Option<&str>, listen: Option<SocketAddr>) -> Result<(), Failure> {
    if let Some(address) = listen {
        wiring::check_address(address).map_err(|reason| Failure::usage(format!("--listen: {reason}")))?;
    }
    // First of all: before this a signal would end the process by itself, with another status.
    let stop = wiring::Stop::new();
    let (request, limit) = (stop.clone(), Arc::new(OnceLock::new()));
    let known = Arc::clone(&limit);
    signals::watch(move || known.get().copied(), move || request.request())?;
    let mut config = rowmill::config::load(file)?;
    let _ = limit.set(config.shutdown_timeout);
    wiring::check_properties(&config).map_err(|fault| Failure::unfit(file, &fault))?;
    if resume_past_ddl.is_some() && config.source.ddl != Ddl::Fail {
        return Err(Failure::usage(
            "--resume-past-ddl: source.ddl is not \"fail\", so that no statement stops the connector",
        ));
    }
    config.source.resume_past_ddl = resume_past_ddl.map(str::to_owned);
    #[cfg(debug_assertions)]
    if let Ok(step) = std::env::var("ROWMILL_DIE_AT") {
        wiring::die_at(&step).map_err(Failure::usage)?;
    }
    Ok(wiring::run(&config, &stop, listen)?)
}
