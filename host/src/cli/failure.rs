//! Why a command did not succeed, and the exit status that says so.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use rowmill::config;
use rowmill::fault::Fault;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was tried and did not work.
    Failed(String),
    /// Arguments or configuration can't be used.
    Usage(String),
    /// Whoever read the output has gone (`| head`): nothing to complain about.
    Closed,
}

impl Failure {
    pub(super) fn usage(reason: impl Into<String>) -> Self {
        Self::Usage(reason.into())
    }

    /// A configuration that something does not take: in one line, whatever that put into its text.
    pub(super) fn unfit(file: &std::path::Path, fault: &Fault) -> Self {
        Self::Usage(format!("{}: {}", file.display(), one_line(&fault.to_string())))
    }

    /// Prints the reason as the last line on stderr, and yields the status.
    pub(super) fn report(self) -> ExitCode {
        let (reason, status) = match self {
            Self::Failed(reason) => (reason, 1),
            Self::Usage(reason) => (reason, 2),
            Self::Closed => return ExitCode::SUCCESS,
        };
        // Lines before the last are details; a reason of several lines keeps its own summary at the end. Where stderr is
        // closed the status has to do.
        let mut lines: Vec<&str> = reason.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.pop().unwrap_or("failed");
        let mut stderr = std::io::stderr().lock();
        for line in lines {
            let _ = writeln!(stderr, "{line}");
        }
        let _ = writeln!(stderr, "error: {last}");
        ExitCode::from(status)
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Failed(format!("writing to stdout: {error}"))
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (Fault::Retry(error) | Fault::Reject(error) | Fault::Stop(error)) = &fault;
        let closed = error.chain().any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
        });
        // A broken pipe is also what a lost connection reports; only an output that was closed ends quietly, and rooms
        // report that as `Stop`, a lost connection as `Retry`.
        if closed && matches!(fault, Fault::Stop(_)) {
            return Self::Closed;
        }
        // One line, whatever a server or broker put into its text.
        Self::Failed(one_line(&format!("{error:#}")))
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::Failure;
    use rowmill::fault::Fault;

    #[test]
    fn a_closed_output_is_no_failure_but_a_lost_connection_is() {
        let broken = || anyhow::Error::new(Error::from(ErrorKind::BrokenPipe)).context("writing");
        assert!(matches!(Failure::from(Fault::Stop(broken())), Failure::Closed));
        assert!(matches!(Failure::from(Fault::Retry(broken())), Failure::Failed(_)));
        assert!(matches!(Failure::from(Error::from(ErrorKind::BrokenPipe)), Failure::Closed));
    }

    #[test]
    fn a_reason_is_one_line_with_its_causes() {
        let fault = Fault::Stop(anyhow::anyhow!("first\n second").context("reading the binlog"));
        assert!(matches!(Failure::from(fault), Failure::Failed(reason) if reason == "reading the binlog: first second"));
        let fault = Fault::Stop(anyhow::anyhow!("first\n second").context("configure it"));
        let unfit = Failure::unfit(std::path::Path::new("a.toml"), &fault);
        assert!(matches!(unfit, Failure::Usage(reason) if reason == "a.toml: configure it: first second"));
    }
}
