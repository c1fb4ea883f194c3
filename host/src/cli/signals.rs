//! SIGTERM and SIGINT: the first asks to stop, the second leaves at once. SIGHUP, which comes when a terminal goes, asks to stop, too.

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
            Ok((runtime, signals)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(wait(signals, limit, stop));
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

/// What is watched for.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None where whoever started this process had it ignored (`nohup`).
    hang_up: Option<Signal>,
}

fn listen() -> std::io::Result<(tokio::runtime::Runtime, Signals)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let hang_up = SignalKind::hangup();
    let signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hang_up: if ignores(&status, hang_up) { None } else { Some(signal(hang_up)?) },
    };
    drop(guard);
    Ok((runtime, signals))
}

/// Whether the kernel's description of a process says that it ignores a signal.
fn ignores(status: &str, kind: SignalKind) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (ignored >> (kind.as_raw_value() - 1)) & 1 == 1
}

async fn wait(mut signals: Signals, limit: impl FnOnce() -> Option<Duration>, stop: impl FnOnce()) {
    let hung_up = async {
        match &mut signals.hang_up {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    let name = tokio::select! {
        _ = signals.terminate.recv() => "SIGTERM",
        _ = signals.interrupt.recv() => "SIGINT",
        _ = hung_up => "SIGHUP",
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
        // A terminal that goes may send more than one SIGHUP, so that these don't count.
        _ = signals.terminate.recv() => "a second signal came: left at once",
        _ = signals.interrupt.recv() => "a second signal came: left at once",
        () = time_out => "the open batch was not committed within shutdown_timeout_ms: what is missing comes again at the next start",
    };
    eprintln!("error: {reason}");
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::{SignalKind, ignores};

    #[test]
    fn a_signal_that_the_process_was_started_to_ignore_is_known() {
        let status = |mask: &str| format!("Name:\trowmill\nSigIgn:\t{mask}\nSigCgt:\t0000000000000000\n");
        assert!(ignores(&status("0000000000001001"), SignalKind::hangup()));
        assert!(!ignores(&status("0000000000001000"), SignalKind::hangup()));
        assert!(!ignores("", SignalKind::hangup()));
    }
}
