//! SIGTERM and SIGINT: the first asks to stop, the second leaves at once.

use std::sync::mpsc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Calls `stop` at the first signal. A second one, or the `limit` passing that is asked for then, ends the process with status 1: what was not committed
/// comes again at the next start. Signals are caught from the moment this returns.
///
/// # Errors
/// Where signals can't be watched.
pub(super) fn watch(
    limit: impl FnOnce() -> Option<Duration> + Send + 'static,
    stop: impl FnOnce() + Send + 'static,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("watching for signals: {error}"));
    let (ready, is_ready) = mpsc::channel();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || match listen() {
            Ok((runtime, terminate, interrupt)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(wait(terminate, interrupt, limit, stop));
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        })
        .map_err(failed)?;
    match is_ready.recv() {
        Ok(outcome) => outcome.map_err(failed),
        Err(_) => Err(Failure::Failed("watching for signals: the thread ended".to_owned())),
    }
}

fn listen() -> std::io::Result<(tokio::runtime::Runtime, Signal, Signal)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    drop(guard);
    Ok((runtime, signals.0, signals.1))
}

async fn wait(mut terminate: Signal, mut interrupt: Signal, limit: impl FnOnce() -> Option<Duration>, stop: impl FnOnce()) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping");
    stop();
    let time_out = async {
        match limit() {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let reason = tokio::select! {
        _ = terminate.recv() => "a second signal came: left at once",
        _ = interrupt.recv() => "a second signal came: left at once",
        () = time_out => "the open batch was not committed within shutdown_timeout_ms: what is missing comes again at the next start",
    };
    eprintln!("error: {reason}");
    std::process::exit(1);
}
