//! Brokers of a test's own, to be killed, stopped and started again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::{Kafka, environment, until};

/// Brokers that this handle started; they end with it, unless `tests/run` ends them.
#[derive(Debug)]
pub struct Cluster {
    /// What clients see.
    pub kafka: Kafka,
    folder: PathBuf,
    /// None where the folder is one of `tests/run`.
    own: Option<tempfile::TempDir>,
}

impl Cluster {
    /// Starts so many brokers with these lines of configuration (`{}` in a value is the broker's number). `advertise` are the ports that clients are
    /// told, one for each broker, in place of the brokers' own.
    ///
    /// # Panics
    /// Where they don't come up.
    pub fn start(brokers: usize, advertise: &[u16], settings: &[&str]) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut cluster = Self::start_in(own.path().to_owned(), brokers, advertise, settings);
        cluster.own = Some(own);
        cluster
    }

    /// Three brokers that tests take turns with, each of which leaves them as they were: all up. Replication is 3, with 2 in sync.
    pub fn of_three() -> MutexGuard<'static, Self> {
        static SHARED: LazyLock<Mutex<Cluster>> = LazyLock::new(|| {
            let folder = Path::new(&environment("ROWMILL_TEST_RUN")).join("three");
            Mutex::new(Cluster::start_in(folder, 3, &[], &[]))
        });
        // A test that fails may leave some down: whoever comes next brings them up.
        let cluster = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        (1..=3).filter(|n| !cluster.is_up(*n)).for_each(|n| cluster.start_again(n));
        (1..=3).for_each(|n| cluster.signal(n, "CONT"));
        cluster
    }

    fn start_in(folder: PathBuf, brokers: usize, advertise: &[u16], settings: &[&str]) -> Self {
        let mut command = Command::new(script());
        command.arg("start").arg(&folder).args(["--brokers", &brokers.to_string()]);
        if !advertise.is_empty() {
            let ports: Vec<String> = advertise.iter().map(ToString::to_string).collect();
            command.args(["--advertise", &ports.join(",")]);
        }
        let output = command.args(settings).output().unwrap();
        let brokers = text(&output, "starting brokers").trim().to_owned();
        Self {
            kafka: Kafka { brokers },
            folder,
            own: None,
        }
    }

    /// The brokers by the listeners by which they talk to each other, and which let everybody do everything.
    pub fn inside(&self) -> Kafka {
        let brokers = std::fs::read_to_string(self.folder.join("kafka.internal")).unwrap();
        Kafka {
            brokers: brokers.trim().to_owned(),
        }
    }

    /// The ports of broker `n` itself, whatever clients are told.
    pub fn port(&self, n: usize) -> u16 {
        let settings = std::fs::read_to_string(self.folder.join(format!("kafka-{n}.properties"))).unwrap();
        let listeners = settings
            .lines()
            .find_map(|line| line.strip_prefix("listeners=PLAINTEXT://127.0.0.1:"));
        listeners.unwrap().split(',').next().unwrap().parse().unwrap()
    }

    /// Ends broker `n` (from 1) by SIGKILL.
    pub fn kill(&self, n: usize) {
        self.run("killing a broker", &["down"], &[&n.to_string(), "KILL"]);
    }

    /// Sends broker `n` a signal, such as `STOP`.
    pub fn signal(&self, n: usize, name: &str) {
        let state = std::fs::read_to_string(self.folder.join(format!("kafka-{n}.state"))).unwrap();
        let id = state.lines().find_map(|line| line.strip_prefix("pid=")).unwrap();
        crate::process::signal(id.parse().unwrap(), name);
    }

    /// Ends broker `n` by SIGTERM: it hands over what it leads.
    pub fn stop(&self, n: usize) {
        self.run("stopping a broker", &["down"], &[&n.to_string(), "TERM"]);
    }

    /// Starts broker `n` again, and waits until it serves.
    pub fn start_again(&self, n: usize) {
        self.run("starting a broker again", &["up"], &[&n.to_string()]);
    }

    /// Waits until broker `n` has ended by itself.
    pub fn wait_for_end(&self, n: usize) {
        until("the broker to end", || (!self.is_up(n)).then_some(()));
    }

    /// Runs a tool of Kafka (the class's name), which may do everything; what it printed.
    pub fn admin(&self, class: &str, arguments: &[&str]) -> String {
        self.run(class, &["admin"], &[&[class], arguments].concat())
    }

    /// Whether broker `n` runs.
    fn is_up(&self, n: usize) -> bool {
        let state = std::fs::read_to_string(self.folder.join(format!("kafka-{n}.state"))).unwrap_or_default();
        let value = |name: &str| {
            state
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", value("pid="))).unwrap_or_default();
        // Behind the name in parentheses the state is the first field, the time of its beginning the twentieth.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        fields.first().is_some_and(|state| *state != "Z") && fields.get(19).is_some_and(|began| *began == value("began="))
    }

    /// Prints the last lines of each broker's log, and how full its disk is: the folders go with this handle.
    fn tell(&self) {
        let tail = "cd \"$1\"; tail -n 40 kafka-*.log; sed -n 's/^log.dirs=//p' kafka-*.properties | xargs df -h";
        let output = Command::new("sh").args(["-c", tail, "sh"]).arg(&self.folder).output();
        let told = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        println!("the brokers wrote at last:\n{}", told.unwrap_or_default());
    }

    fn run(&self, what: &str, command: &[&str], arguments: &[&str]) -> String {
        let output = Command::new(script()).args(command).arg(&self.folder).args(arguments).output();
        text(&output.unwrap(), what)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        if self.own.is_some() {
            let _ = Command::new(script()).arg("stop").arg(&self.folder).status();
        }
    }
}

fn text(output: &Output, what: &str) -> String {
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{what}: {}{}",
        printed(&output.stdout),
        printed(&output.stderr)
    );
    printed(&output.stdout)
}

fn script() -> PathBuf {
    Path::new(&environment("CARGO_MANIFEST_DIR")).join("servers").join("kafka")
}
