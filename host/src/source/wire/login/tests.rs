//! Logins against servers that say what no real one here does.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use mysql_common::scramble::{scramble_native, scramble_sha256};

use super::{CapabilityFlags, Fault, Link, Source, TlsMode, log_in};
use crate::config::{self, Surroundings};

const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";
const OTHER: &[u8; 20] = b"ABCDEFGHIJKLMNOPQRST";

fn source(port: u16, tls: TlsMode) -> Source {
    let text = format!(
        "name = \"c\"
        [source]
        host = \"127.0.0.1\"
        port = {port}
        user = \"somebody\"
        password = \"secret\"
        database = \"d\"
        tables = \"t\"
        [sink]
        kind = \"stdout\""
    );
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &|_| None,
    };
    let mut source = config::parse(&text, &surroundings).unwrap().source;
    source.tls = tls;
    source
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[length, 0, 0, number], payload].concat()
}

fn greeting(plugin: &str, tls: bool) -> Vec<u8> {
    let mut flags = CapabilityFlags::CLIENT_SECURE_CONNECTION | CapabilityFlags::CLIENT_PLUGIN_AUTH | CapabilityFlags::CLIENT_PROTOCOL_41;
    if tls {
        flags |= CapabilityFlags::CLIENT_SSL;
    }
    let flags = flags.bits().to_le_bytes();
    let payload = [
        b"\x0a8.0.0\0\x01\0\0\0",
        &NONCE[..8],
        b"\0",
        &flags[..2],
        &[45, 2, 0],
        &flags[2..],
        &[21],
        &[0; 10],
        &NONCE[8..],
        b"\0",
        plugin.as_bytes(),
        b"\0",
    ]
    .concat();
    packet(0, &payload)
}

fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[0])];
    stream.read_exact(&mut payload).unwrap();
    payload
}

/// How a login ends at a server that says `says` in turn, each after a packet of ours; and these packets.
fn login(tls: TlsMode, says: Vec<Vec<u8>>) -> (Result<(), Fault>, Vec<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        for (i, packet) in says.iter().enumerate() {
            if i > 0 {
                received.push(receive(&mut stream));
            }
            stream.write_all(packet).unwrap();
        }
        received
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut link = Link::to(address);
    let result = log_in(&mut link, &source(address.port(), tls), deadline);
    drop(link);
    (result, server.join().unwrap())
}

#[test]
fn an_account_with_another_plugin_than_the_servers_is_let_in_with_a_proof_by_that_one() {
    let native = scramble_native(OTHER, b"secret").unwrap();
    let sha2 = scramble_sha256(OTHER, b"secret").unwrap();
    let ways: [(&str, &str, &[u8]); 4] = [
        ("caching_sha2_password", "mysql_native_password", &native),
        ("mysql_native_password", "caching_sha2_password", &sha2),
        // One of the server's that nobody here knows is no reason to give up.
        ("authentication_kerberos", "caching_sha2_password", &sha2),
        ("caching_sha2_password", "caching_sha2_password", &sha2),
    ];
    for (first, second, proof) in ways {
        let switch = [b"\xfe", second.as_bytes(), b"\0", OTHER, b"\0"].concat();
        let says = vec![greeting(first, false), packet(2, &switch), packet(4, b"\0\0\0\x02\0\0\0")];
        let (result, received) = login(TlsMode::Preferred, says);
        result.unwrap();
        assert_eq!(received[1], proof, "{first} {second}");
        assert!(received[0].windows(8).any(|part| part == b"somebody"), "the account is named");
    }
}

#[test]
fn the_proof_of_the_first_answer_is_by_the_greeting() {
    let (result, received) = login(
        TlsMode::Disabled,
        vec![greeting("mysql_native_password", true), packet(2, b"\0\0\0\x02\0\0\0")],
    );
    result.unwrap();
    let proof = scramble_native(NONCE, b"secret").unwrap();
    assert!(received[0].windows(20).any(|part| part == proof));
}

#[test]
fn a_password_is_never_sent_readable_without_tls() {
    let more = |payload: &[u8]| packet(4, &[b"\x01", payload].concat());
    let key: [&[u8]; 3] = [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"];
    for key in key {
        let says = vec![greeting("caching_sha2_password", false), packet(2, b"\x01\x04"), more(key)];
        let (result, received) = login(TlsMode::Preferred, says);
        let fault = result.unwrap_err();
        assert!(
            matches!(fault, Fault::Stop(_)) && fault.to_string().contains("public key"),
            "{fault}"
        );
        assert_eq!(received[1], [2], "the server is asked for its key");
        assert!(!received.iter().any(|packet| packet.windows(6).any(|part| part == b"secret")));
    }
    let clear = b"\xfemysql_clear_password\0";
    let (result, _) = login(TlsMode::Preferred, vec![greeting("caching_sha2_password", false), packet(2, clear)]);
    let fault = result.unwrap_err();
    assert!(
        matches!(fault, Fault::Stop(_)) && fault.to_string().contains("mysql_clear_password"),
        "{fault}"
    );
}

#[test]
fn bytes_between_the_greeting_and_tls_are_refused() {
    let injected = [greeting("caching_sha2_password", true), packet(2, b"\0\0\0\x02\0\0\0")].concat();
    let (result, _) = login(TlsMode::Required, vec![injected]);
    assert!(result.unwrap_err().to_string().contains("no sense"));
}

#[test]
fn a_server_that_sends_nonsense_is_left() {
    for says in [&b"\xff\x10\x04Too many connections"[..], b"", b"\x0a", b"SSH-2.0-x", b"\x09mysql"] {
        let (result, _) = login(TlsMode::Preferred, vec![packet(0, says)]);
        assert!(matches!(result.unwrap_err(), Fault::Retry(_)), "{says:?}");
    }
    let switch = |number| packet(number, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0");
    let (result, _) = login(
        TlsMode::Preferred,
        vec![greeting("caching_sha2_password", false), switch(2), switch(4), switch(6)],
    );
    assert!(matches!(result.unwrap_err(), Fault::Retry(_)), "it asked for ever");
}
