//! A server of a test's own, for settings that are global: TLS, logins.

use std::path::{Path, PathBuf};
use std::process::Command;

use mysql_async::prelude::Queryable;

/// A running server; one that was started here ends with the handle.
pub(super) struct Server {
    own: Option<(PathBuf, tempfile::TempDir)>,
    pub(super) host: String,
    pub(super) port: u16,
    runtime: tokio::runtime::Runtime,
    conn: mysql_async::Conn,
}

/// A session of root, and what drives it.
pub(super) fn connect(host: &str, port: u16) -> (tokio::runtime::Runtime, mysql_async::Conn) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port)
        .user(Some("root"));
    let conn = runtime.block_on(mysql_async::Conn::new(options)).unwrap();
    (runtime, conn)
}

impl Server {
    /// The one that all tests share: its global settings are left alone. `None` where nobody runs tests with servers.
    pub(super) fn shared() -> Option<Self> {
        Some(Self::at(&std::env::var("ROWMILL_TEST_MYSQL").ok()?, None))
    }

    /// Starts one; `kind` is the name of a script in `tests/servers`.
    pub(super) fn start(kind: &str, options: &[&str]) -> Option<Self> {
        std::env::var("ROWMILL_TEST_MYSQL").ok()?;
        let folder = tempfile::tempdir().unwrap();
        let address = run(Command::new(script(kind)).arg("start").arg(folder.path()).args(options));
        Some(Self::at(address.trim(), Some((script(kind), folder))))
    }

    fn at(address: &str, own: Option<(PathBuf, tempfile::TempDir)>) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap();
        let port = port.parse().unwrap();
        let (runtime, conn) = connect(host, port);
        Self {
            own,
            host: host.to_owned(),
            port,
            runtime,
            conn,
        }
    }

    /// Runs a statement as root.
    pub(super) fn run(&mut self, sql: &str) {
        self.runtime
            .block_on(self.conn.query_drop(sql))
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// The data folder of a MySQL server.
    pub(super) fn data(&mut self) -> PathBuf {
        let folder: Option<String> = self.runtime.block_on(self.conn.query_first("SELECT @@datadir")).unwrap();
        root("mysql-9").join(folder.unwrap().trim_start_matches('/'))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((script, folder)) = &self.own {
            let _ = Command::new(script).arg("stop").arg(folder.path()).status();
        }
    }
}

fn script(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/servers").join(kind)
}

/// Makes sure that a kind of server is there.
pub(super) fn install(kind: &str) {
    run(Command::new(script(kind)).arg("install"));
}

/// What a kind of server sees as `/`.
pub(super) fn root(folder: &str) -> PathBuf {
    let cache = std::env::var_os("ROWMILL_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("XDG_CACHE_HOME")?).join("rowmill")));
    cache
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/rowmill"))
        .join(folder)
}

/// The output of a command that must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An authority and a certificate of it for 127.0.0.1, in `folder`: `our-ca.pem`, `our-cert.pem`, `our-key.pem`.
pub(super) fn make_certificates(folder: &Path) {
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| run(Command::new("openssl").args(arguments).current_dir(folder));
    let ca = [
        "req",
        "-x509",
        "-days",
        "9",
        "-subj",
        "/CN=our authority",
        "-keyout",
        "our-ca-key.pem",
        "-out",
        "our-ca.pem",
    ];
    openssl(&[&ca[..], &key].concat());
    openssl(
        &[
            &["req", "-subj", "/CN=server", "-keyout", "our-key.pem", "-out", "our-request.pem"],
            &key[..],
        ]
        .concat(),
    );
    openssl(&[
        "x509",
        "-req",
        "-days",
        "9",
        "-in",
        "our-request.pem",
        "-CA",
        "our-ca.pem",
        "-CAkey",
        "our-ca-key.pem",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "our-cert.pem",
    ]);
}
