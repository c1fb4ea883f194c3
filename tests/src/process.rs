//! The real binary, as a process: its output line by line, its signals, its end.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::wait::{DEADLINE, until};

/// The binary under test: `ROWMILL_TEST_BIN`, else the debug build of this checkout.
pub fn binary() -> PathBuf {
    std::env::var_os("ROWMILL_TEST_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/rowmill"),
        PathBuf::from,
    )
}

/// The binary with arguments, no standard input, and no setting of the surroundings that could change its output.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("RUST_LOG");
    command
}

/// Runs the binary to its end.
pub fn run_command(arguments: &[&str]) -> Ended {
    Rowmill::spawn(command(arguments)).wait()
}

/// A running `rowmill`. Dropped, it is killed.
#[derive(Debug)]
pub struct Rowmill {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// How a `rowmill` ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Lines of standard output.
    pub stdout: Vec<String>,
    /// Lines of standard error.
    pub stderr: Vec<String>,
}

impl Ended {
    /// All that it wrote, for searching and for showing in failures.
    pub fn output(&self) -> String {
        format!("{}\n{}", self.stdout.join("\n"), self.stderr.join("\n"))
    }

    /// The last line on standard error: the reason of a failure.
    pub fn reason(&self) -> &str {
        self.stderr.last().map_or("", String::as_str)
    }

    /// # Panics
    /// Where the exit status is another.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "exit status; it wrote:\n{}", self.output());
        self
    }
}

impl Rowmill {
    /// Starts it.
    ///
    /// # Panics
    /// Where the binary is missing.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|e| panic!("starting {}: {e}", binary().display()));
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = Lines::collect(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it ever had resident, in MiB: the kernel's `VmHWM`.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn peak_memory_mib(&self) -> u64 {
        self.kernel_tells("VmHWM:") / 1024
    }

    /// The memory that it has resident now, in KiB: the kernel's `VmRSS`.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn memory_kib(&self) -> u64 {
        self.kernel_tells("VmRSS:")
    }

    fn kernel_tells(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for a line of the log that `wanted` accepts.
    ///
    /// # Panics
    /// When the deadline passes or the process ends without one.
    pub fn wait_for_log(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.stderr.wait(what, |lines| lines.iter().find(|l| wanted(l)).cloned())
    }

    /// Waits until standard output has this many lines.
    ///
    /// # Panics
    /// When the deadline passes or the process ends with fewer.
    pub fn wait_for_output(&self, count: usize) -> Vec<String> {
        self.stdout.wait(&format!("{count} lines of output"), |lines| {
            (lines.len() >= count).then(|| lines.to_vec())
        })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.stderr.all().join("\n")
    }

    /// SIGTERM, then its end.
    pub fn terminate(self) -> Ended {
        signal(self.id(), "TERM");
        self.wait()
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Its end.
    ///
    /// # Panics
    /// Where it does not end before the deadline.
    pub fn wait(mut self) -> Ended {
        let start = Instant::now();
        let status: ExitStatus = until("the end of rowmill", || {
            let status = self.child.try_wait().unwrap();
            if status.is_none() && start.elapsed() + std::time::Duration::from_secs(1) > DEADLINE {
                println!("rowmill does not end; it wrote:\n{}", self.stderr.all().join("\n"));
            }
            status
        });
        Ended {
            code: status.code(),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        }
    }
}

impl Drop for Rowmill {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // Also of one that ended by itself: its last line says why.
        if std::thread::panicking() {
            println!("rowmill wrote:\n{}", self.stderr.all().join("\n"));
        }
    }
}

/// Sends a process a signal.
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().unwrap();
    assert!(status.success(), "sending SIG{name} to {id}");
}

/// Lines that a thread collects from a pipe.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Debug, Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn collect(pipe: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let target = lines.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                target.lock().lines.push(text);
                target.0.1.notify_all();
                line.clear();
            }
            target.lock().ended = true;
            target.0.1.notify_all();
        });
        lines
    }

    /// Also after a wait that failed: what was written is to be shown then.
    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<T>(&self, what: &str, mut find: impl FnMut(&[String]) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        let mut collected = self.lock();
        loop {
            if let Some(found) = find(&collected.lines) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !collected.ended,
                "waited in vain for {what}; it wrote:\n{}",
                collected.lines.join("\n")
            );
            collected = self.0.1.wait_timeout(collected, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// All lines, once the pipe is closed.
    fn finish(&self) -> Vec<String> {
        let end = Instant::now() + DEADLINE;
        let mut collected = self.lock();
        while !collected.ended && Instant::now() < end {
            collected = self
                .0
                .1
                .wait_timeout(collected, end.saturating_duration_since(Instant::now()))
                .unwrap()
                .0;
        }
        collected.lines.clone()
    }
}
