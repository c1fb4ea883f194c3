//! `rowmill run`.

use std::net::SocketAddr;
use std::path::Path;

use rowmill::config::Ddl;

use super::failure::Failure;
use super::{signals, wiring};

/// Runs one connector until it is asked to stop or fails. `resume_past_ddl` names a statement that `source.ddl = "fail"` lets pass;
/// `listen` is where its condition is told over HTTP.
pub(super) fn run(file: &Path, resume_past_ddl: Option<&str>, listen: Option<SocketAddr>) -> Result<(), Failure> {
    if let Some(address) = listen {
        wiring::check_address(address).map_err(|reason| Failure::usage(format!("--listen: {reason}")))?;
    }
    let mut config = rowmill::config::load(file)?;
    wiring::check_properties(&config).map_err(|fault| Failure::usage(format!("{}: {fault}", file.display())))?;
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
    let stop = wiring::Stop::new();
    let request = stop.clone();
    signals::watch(Some(config.shutdown_timeout), move || request.request())?;
    Ok(wiring::run(&config, &stop, listen)?)
}
