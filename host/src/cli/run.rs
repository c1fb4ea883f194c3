//! `rowmill run`.

use std::path::Path;

use rowmill::config::Ddl;

use super::failure::Failure;
use super::{signals, wiring};

/// Runs one connector until it is asked to stop or fails. `resume_past_ddl` names a statement that `source.ddl = "fail"` lets pass.
pub(super) fn run(file: &Path, resume_past_ddl: Option<&str>) -> Result<(), Failure> {
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
    Ok(wiring::run(&config, &stop)?)
}
