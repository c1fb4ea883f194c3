//! Logs go to stderr: data may be piped out of stdout.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use super::arguments::{Arguments, LogFormat};
use super::failure::Failure;

/// The variable that counts where no level is given, in the form `info,rowmill::sink=debug`.
const VARIABLE: &str = "RUST_LOG";

/// Starts logging as the arguments say.
///
/// # Errors
/// Usage, where the variable can't be read.
pub(super) fn start(arguments: &Arguments) -> Result<(), Failure> {
    let targets = match (arguments.log_level, std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())) {
        (None, Some(text)) => Targets::from_str(&text).map_err(|_| {
            Failure::usage(format!(
                "{VARIABLE}: expected a level, or target=level separated by commas, found {text:?}"
            ))
        })?,
        (level, _) => at(level.unwrap_or(LevelFilter::INFO)),
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match arguments.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    // The filter stands before the layer, not on it: a library that only asks whether a line would be written leaves a filter
    // of one layer in a state that swallows the next line. A second start within one process keeps the first.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
    Ok(())
}

/// This program at `level`; libraries say no more than warnings, since their finer lines may hold values of rows.
fn at(level: LevelFilter) -> Targets {
    Targets::new()
        .with_target("rowmill", level)
        .with_default(level.min(LevelFilter::WARN))
}
