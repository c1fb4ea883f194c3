//! Builds the guests of `tests/guests` once a test run, into a folder beside the host's own build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the mark in a probe looks like before it is patched.
const MARK: &[u8] = b"PROBE-MARK-AAAA!";

/// The encoder that does as it is told, with `AAAA`, `BBBB`, … as its mark.
pub(super) fn probe(mark: char) -> Vec<u8> {
    marked("probe.wasm", mark)
}

/// The encoder that counts its rows, likewise.
pub(super) fn keeper(mark: char) -> Vec<u8> {
    marked("keeper.wasm", mark)
}

fn marked(file: &str, mark: char) -> Vec<u8> {
    let mut wasm = std::fs::read(built().join(file)).unwrap();
    let at = wasm.windows(MARK.len()).position(|window| window == MARK).unwrap();
    for byte in &mut wasm[at + 11..at + 15] {
        *byte = u8::try_from(mark).unwrap();
    }
    wasm
}

/// The transform that does as it is told.
pub(super) fn sieve() -> Vec<u8> {
    std::fs::read(built().join("sieve.wasm")).unwrap()
}

/// The transform that judges each row by its text.
pub(super) fn judge() -> Vec<u8> {
    std::fs::read(built().join("judge.wasm")).unwrap()
}

/// The encoder that turns at row 13.
pub(super) fn zoo() -> Vec<u8> {
    std::fs::read(built().join("zoo.wasm")).unwrap()
}

/// The transform that imports sockets.
pub(super) fn dialer() -> Vec<u8> {
    std::fs::read(built().join("dialer.wasm")).unwrap()
}

/// A plugin cache that stays from one test run to the next.
pub(super) fn shared_cache() -> PathBuf {
    target().join("cache")
}

/// A folder beside the host's own build: the test binary is <target>/<profile>/deps/<name>.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("guests-test")
}

fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target();
        let made = Command::new(env!("CARGO"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests"))
            .args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"])
            .arg(&target)
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        target.join("wasm32-wasip2/release")
    })
}
