//! How the dump connection logs in, and what it says where it may not. It has a client of its own, so each way is tried on it
//! directly; then on the connection for statements, which must come to the same answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rowmill::config::{Config, Secret, TlsMode};
use rowmill::fault::Fault;
use rowmill::position::Position;
use rowmill::source::{self, EventKind, MysqlSource, Source};

use super::config;
use super::server::{Server, install, make_certificates, root};

const PASSWORD: &str = "Zoë's secret";

/// A configuration for an account with this password, made here.
fn account(server: &mut Server, name: &str, password: &str, more: &str) -> Config {
    // Other runs on the same server have accounts of their own.
    let name = &format!("{name}_{}", std::process::id());
    server.run(&format!(
        "CREATE USER '{name}'@'%' IDENTIFIED BY '{}' {more}",
        password.replace('\'', "''")
    ));
    server.run(&format!(
        "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{name}'@'%'"
    ));
    let mut config = config(&server.host, server.port, "none", "");
    config.source.user = name.to_owned();
    config.source.password = Secret::new(password);
    config
}

/// Reads the log from its beginning until its format description came.
fn dump(config: &Config) -> Result<(), Fault> {
    let from = Position {
        gtid: None,
        file: "binlog.000001".to_owned(),
        pos: 4,
    };
    let mut source = MysqlSource::new(config);
    source.open(&from)?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut events = Vec::new();
    while !events
        .iter()
        .any(|event: &source::Event| event.kind() == EventKind::FormatDescription)
    {
        assert!(Instant::now() < deadline, "only {events:?} came");
        source.read(&mut events, Duration::from_millis(200))?;
    }
    Ok(())
}

/// Both connections are let in; the dump's first, so that the server knows nothing of the password yet.
#[track_caller]
fn assert_lets_in(config: &Config) {
    dump(config).unwrap_or_else(|fault| panic!("the dump: {fault}"));
    source::server(config).unwrap_or_else(|fault| panic!("statements: {fault}"));
}

/// Both are refused for good, in these words.
#[track_caller]
fn assert_refuses(config: &Config, words: &[&str]) {
    for result in [dump(config), source::server(config).map(drop)] {
        let Err(fault) = result else { panic!("it let us in") };
        let text = fault.to_string();
        assert!(matches!(fault, Fault::Stop(_)), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text} lacks one of {words:?}");
        assert!(!text.contains(config.source.password.reveal()), "{text} shows the password");
    }
}

#[test]
fn caching_sha2_password_lets_in_with_and_without_tls_whether_the_server_knows_the_password_or_not() {
    let Some(mut server) = Server::shared() else { return };
    let mut config = account(&mut server, "login_sha2", PASSWORD, "");
    for tls in [TlsMode::Disabled, TlsMode::Required] {
        config.source.tls = tls;
        // Empties what the server remembers of passwords: the whole one has to be shown, sealed where there is no TLS.
        server.run("FLUSH PRIVILEGES");
        dump(&config).unwrap();
        // And this time a proof is enough.
        dump(&config).unwrap();
        server.run("FLUSH PRIVILEGES");
        source::server(&config).unwrap();
    }
    let mut empty = account(&mut server, "login_empty", "", "");
    empty.source.tls = TlsMode::Disabled;
    assert_lets_in(&empty);
}

#[test]
fn a_refused_account_is_named_with_what_mends_it() {
    let Some(mut server) = Server::shared() else { return };
    let mut wrong = account(&mut server, "login_wrong", PASSWORD, "");
    wrong.source.password = Secret::new("another one");
    for tls in [TlsMode::Disabled, TlsMode::Required] {
        wrong.source.tls = tls;
        assert_refuses(&wrong, &["as login_wrong", "source.password"]);
    }
    let expired = account(&mut server, "login_expired", PASSWORD, "PASSWORD EXPIRE");
    assert_refuses(&expired, &["as login_expired", "has expired", "ALTER USER"]);
    let locked = account(&mut server, "login_locked", PASSWORD, "ACCOUNT LOCK");
    assert_refuses(&locked, &["as login_locked", "ACCOUNT UNLOCK"]);
    let mut old = account(&mut server, "login_old", PASSWORD, "");
    let alter = format!("ALTER USER {} IDENTIFIED WITH sha256_password BY 'x'", old.source.user);
    server.run(&alter);
    old.source.password = Secret::new("x-ray");
    assert_refuses(&old, &["sha256_password", "use caching_sha2_password"]);
}

#[test]
fn a_certificate_is_checked_as_far_as_the_mode_says() {
    let Some(mut server) = Server::start("mysql", &[]) else { return };
    let mut config = account(&mut server, "tls", PASSWORD, "REQUIRE SSL");
    let data = server.data();
    config.source.tls = TlsMode::Disabled;
    assert_refuses(&config, &["source.password"]);
    for tls in [TlsMode::Preferred, TlsMode::Required] {
        config.source.tls = tls;
        assert_lets_in(&config);
    }
    // The server made its certificate itself, without a name that anybody could connect to.
    let checked = |tls, ca: &str| {
        let mut config = config.clone();
        config.source.tls = tls;
        config.source.tls_ca = Some(data.join(ca));
        config
    };
    assert_lets_in(&checked(TlsMode::VerifyCa, "ca.pem"));
    assert_refuses(&checked(TlsMode::VerifyIdentity, "ca.pem"), &["TLS", "not valid for name"]);
    make_certificates(&data);
    for tls in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        assert_refuses(&checked(tls, "our-ca.pem"), &["TLS", "UnknownIssuer"]);
    }
    server.run("SET GLOBAL ssl_ca = 'our-ca.pem', GLOBAL ssl_cert = 'our-cert.pem', GLOBAL ssl_key = 'our-key.pem'");
    server.run("ALTER INSTANCE RELOAD TLS");
    for tls in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        assert_lets_in(&checked(tls, "our-ca.pem"));
        assert_refuses(&checked(tls, "ca.pem"), &["TLS", "UnknownIssuer"]);
    }
    let mut other_name = checked(TlsMode::VerifyIdentity, "our-ca.pem");
    "localhost".clone_into(&mut other_name.source.host);
    assert_refuses(&other_name, &["TLS", "not valid for name \"localhost\""]);
    other_name.source.tls = TlsMode::VerifyCa;
    assert_lets_in(&other_name);
    let mut plain = account(&mut server, "plain", PASSWORD, "");
    plain.source.tls = TlsMode::Disabled;
    assert_lets_in(&plain);
    server.run("SET GLOBAL require_secure_transport = ON");
    assert_refuses(&plain, &["by TLS only", "source.tls"]);
    plain.source.tls = TlsMode::Preferred;
    assert_lets_in(&plain);
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks_for_it() {
    let Some(mut server) = Server::shared() else { return };
    let mut config = account(&mut server, "login_shown", PASSWORD, "REQUIRE X509");
    let data = server.data();
    config.source.tls = TlsMode::Required;
    assert_refuses(&config, &["source.password"]);
    config.source.tls_cert = Some(data.join("client-cert.pem"));
    config.source.tls_key = Some(data.join("client-key.pem"));
    assert_lets_in(&config);
    // One of an authority that the server does not know is refused by TLS itself.
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    config.source.tls_cert = Some(folder.path().join("our-cert.pem"));
    config.source.tls_key = Some(folder.path().join("our-key.pem"));
    assert_refuses(&config, &["tls_cert"]);
    config.source.tls_cert = Some(PathBuf::from("/no/such/file.pem"));
    let text = dump(&config).unwrap_err().to_string();
    assert!(text.contains("/no/such/file.pem") && text.contains("source.tls_cert"), "{text}");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_must_be() {
    let Some(mut server) = Server::start("mysql", &["--tls-version="]) else {
        return;
    };
    let mut config = account(&mut server, "plain", PASSWORD, "");
    for tls in [TlsMode::Required, TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        config.source.tls = tls;
        assert_refuses(&config, &["offers no TLS", "source.tls"]);
    }
    config.source.tls = TlsMode::Preferred;
    server.run("FLUSH PRIVILEGES");
    assert_lets_in(&config);
}

#[test]
fn mariadb_lets_in_with_and_without_tls_and_an_old_way_to_authenticate_is_named() {
    if std::env::var_os("ROWMILL_TEST_MYSQL").is_none() {
        return;
    }
    // The server reads its certificates before it has a data folder that anybody knows: they are put where it sees the same path.
    install("mariadb");
    let shared = tempfile::tempdir_in(root("mariadb-10.11").join("tmp")).unwrap();
    make_certificates(shared.path());
    let inside = format!("/tmp/{}", shared.path().file_name().unwrap().to_str().unwrap());
    let options = [("ca", "our-ca.pem"), ("cert", "our-cert.pem"), ("key", "our-key.pem")].map(|(o, f)| format!("--ssl-{o}={inside}/{f}"));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let Some(mut server) = Server::start("mariadb", &options) else {
        return;
    };
    let mut config = account(&mut server, "maria", PASSWORD, "");
    for tls in [TlsMode::Disabled, TlsMode::Preferred, TlsMode::Required] {
        config.source.tls = tls;
        assert_lets_in(&config);
    }
    config.source.tls_ca = Some(shared.path().join("our-ca.pem"));
    for tls in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        config.source.tls = tls;
        assert_lets_in(&config);
    }
    server.run("SET GLOBAL secure_auth = OFF");
    server.run("CREATE USER ancient@'%' IDENTIFIED VIA mysql_old_password USING '0123456789abcdef'");
    let mut other = config.clone();
    "ancient".clone_into(&mut other.source.user);
    assert_refuses(&other, &["mysql_old_password", "use caching_sha2_password"]);
    config.source.password = Secret::new("another one");
    assert_refuses(&config, &["as maria", "source.password"]);
}
