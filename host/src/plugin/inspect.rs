//! Looks a plugin's file over without a connector: what it is, what it asks for, what it says of itself, and whether it would load.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::cache::{Cache, hex};
use super::contents;
use super::engine::{self, Pool};
use super::instance::Instance;
use super::link::{bounds, settled};
use super::state::Moment;
use super::workshop::Workshop;
use crate::config;

/// What was found of a file.
#[derive(Debug)]
pub struct Report {
    /// Its size in bytes.
    pub bytes: usize,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// What it is, such as `a WebAssembly component`.
    pub what: String,
    /// How long it took to compile; none where it did not.
    pub compile: Option<Duration>,
    /// What it imports, and whether plugins are given that.
    pub imports: Vec<(String, bool)>,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it says of itself, as far as it got; null before.
    pub description: serde_json::Value,
    /// Whether it would load with its configuration; why not, and what mends it.
    pub verdict: anyhow::Result<()>,
}

/// Looks `wasm` over, with the limits and the configuration of `settings`. What is wrong is in the report.
pub fn inspect(settings: &config::Plugin, wasm: &[u8]) -> Report {
    let what = contents::is_component(wasm);
    let mut report = Report {
        bytes: wasm.len(),
        sha256: hex(&Sha256::digest(wasm)),
        what: match &what {
            Ok(()) => "a WebAssembly component".to_owned(),
            Err(error) => name_of(&error.to_string()),
        },
        compile: None,
        imports: Vec::new(),
        exports: Vec::new(),
        description: serde_json::Value::Null,
        verdict: Ok(()),
    };
    report.verdict = what.and_then(|()| examine(settings, wasm, &mut report));
    report
}

/// Reads a plugin's file, as a connector does.
///
/// # Errors
/// Where it can't be read, or is larger than a plugin may be.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    contents::read(path)
}

/// `it is native code, which …: build …` is `native code`.
fn name_of(error: &str) -> String {
    let name = error.strip_prefix("it is ").unwrap_or(error);
    let name = name.split([':', ',']).next().unwrap_or(name);
    name.to_owned()
}

fn examine(settings: &config::Plugin, wasm: &[u8], report: &mut Report) -> anyhow::Result<()> {
    let pool = Pool::of(std::slice::from_ref(settings));
    let engine =
        engine::interruptible(pool).context("set up the WebAssembly engine (does `ulimit -v` leave room for its address space?)")?;
    // A cache of its own, so that compiling is compiling; loading then finds what was compiled.
    let scratch = Scratch::new();
    let cache = Cache::open(&scratch.0);
    let started = Instant::now();
    let component = cache.component(&engine, wasm)?;
    report.compile = Some(started.elapsed());
    let shape = component.component_type();
    report.imports = shape
        .imports(&engine)
        .map(|(name, _)| (name.to_owned(), contents::is_given(name)))
        .collect();
    report.exports = shape.exports(&engine).map(|(name, _)| name.to_owned()).collect();
    contents::kind(&engine, &component)?;
    let loaded = Workshop::new(engine, cache, true)?.load(wasm)?;
    let mut instance = Instance::start(&loaded, &bounds(settings), Moment::default()).context("start an instance")?;
    let text = instance.describe().context("call describe")?;
    report.description = serde_json::from_str(&text).unwrap_or(serde_json::Value::Null);
    loaded.description(&text)?;
    settled(instance.configure(&settings.config.to_string())).context("configure it")
}

/// A folder that is gone when this is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self(std::env::temp_dir().join(format!("rowmill-check-{}-{}", std::process::id(), since.as_nanos())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is the temporary folder's to lose.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
