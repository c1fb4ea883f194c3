//! What a file is, and whether it may be a plugin: said before anything of it runs.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Largest plugin file. A Rust plugin has 0.1-2 MB, a Python or JavaScript one 12-40 MB.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// The contract's package; what follows the slash is an interface.
const PACKAGE: &str = "rowmill:plugin/";

/// The contract's major version: all of 1.x is compatible.
const MAJOR: &str = "1.";

/// WASI 0.2 interfaces that language runtimes import as a matter of course. All of them are given nothing behind them.
/// Sockets and HTTP are not among them: a plugin that wants those is refused rather than disappointed.
const WASI: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
];

/// More of the same, for guests that seed hash tables.
const WASI_RANDOM: [&str; 2] = ["wasi:random/insecure", "wasi:random/insecure-seed"];

/// What a plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Arrow batch in, Arrow batch out.
    Transform,
    /// Arrow batch in, records out.
    Encoder,
}

impl Kind {
    /// As `describe` says it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Encoder => "encoder",
        }
    }
}

/// Reads a plugin file whole, once.
///
/// # Errors
/// Where it can't be read or is larger than [`MAX_BYTES`].
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX)).read_to_end(&mut bytes))
        .with_context(|| format!("read {}", path.display()))?;
    if bytes.len() > MAX_BYTES {
        bail!("{} is larger than the {MAX_BYTES} bytes that a plugin may have", path.display());
    }
    Ok(bytes)
}

/// Tells by its first bytes whether a file is a component, without compiling it.
///
/// # Errors
/// Says what the file is instead, and what makes a component of it.
pub(super) fn is_component(bytes: &[u8]) -> anyhow::Result<()> {
    const HINT: &str = "build the plugin with `cargo build --release --target wasm32-wasip2`";
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            bail!("it is a core WebAssembly module, not a component: {HINT}, or wrap it with `wasm-tools component new`")
        }
        [0, b'a', b's', b'm', ..] => bail!("it is WebAssembly of an unknown version: {HINT}"),
        [0x7f, b'E', b'L', b'F', ..] => bail!("it is native or precompiled code, which is never loaded: {HINT}"),
        [] => bail!("it is empty"),
        _ if bytes.trim_ascii_start().starts_with(b"(") => {
            bail!("it is WebAssembly text: turn it into a component with `wasm-tools parse`")
        }
        _ => bail!("it is not WebAssembly: {HINT}"),
    }
}

/// Checks every import and export of a compiled component by name and says which world it is made for.
///
/// # Errors
/// Names what it imports and may not have, or what it lacks.
pub(super) fn kind(engine: &Engine, component: &Component) -> anyhow::Result<Kind> {
    let shape = component.component_type();
    let (mut has_output, mut has_patch) = (false, false);
    for (name, _) in shape.imports(engine) {
        has_output |= interface(name, "output")?;
        has_patch |= interface(name, "patch")?;
        if !is_own(name)? && !is_granted_wasi(name) {
            bail!("it imports {name}, which plugins are not given: they see their batch, their configuration, a log and a frozen clock");
        }
    }
    let (mut lifecycle, mut transform, mut encode) = (false, false, false);
    for (name, _) in shape.exports(engine) {
        lifecycle |= interface(name, "lifecycle")?;
        transform |= interface(name, "transform")?;
        encode |= interface(name, "encode")?;
    }
    match (lifecycle, transform, encode) {
        (true, false, true) if !has_patch => Ok(Kind::Encoder),
        (true, false, true) => bail!("it is an encoder that imports {PACKAGE}patch, which only transforms are given"),
        (true, true, false) if !has_output => Ok(Kind::Transform),
        (true, true, false) => bail!("it is a transform that imports {PACKAGE}output, which only encoders are given"),
        (true, true, true) => bail!("it exports both transform and encode: a plugin is one of them"),
        (_, false, false) => {
            bail!(
                "it exports neither transform nor encode of {PACKAGE}: it is a component, but not a plugin (is `rowmill_sdk::export!` missing?)"
            )
        }
        (false, _, _) => bail!("it does not export {PACKAGE}lifecycle: build it with rowmill-sdk, whose export macro brings it"),
    }
}

/// Whether `name` is this interface of the contract.
///
/// # Errors
/// Where it is, in a version that this host does not speak.
fn interface(name: &str, wanted: &str) -> anyhow::Result<bool> {
    let Some((found, version)) = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
        return Ok(false);
    };
    if !version.starts_with(MAJOR) {
        bail!(
            "it is built for version {version} of the contract, and this rowmill speaks {MAJOR}x: build it with the matching rowmill-sdk"
        );
    }
    Ok(found == wanted)
}

/// Whether plugins are given what is imported by this name.
pub(super) fn is_given(name: &str) -> bool {
    is_own(name).unwrap_or(false) || is_granted_wasi(name)
}

/// Whether `name` is one of the interfaces that the host offers.
///
/// # Errors
/// As `interface`.
fn is_own(name: &str) -> anyhow::Result<bool> {
    for own in ["types", "host", "output", "patch"] {
        if interface(name, own)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_granted_wasi(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else {
        return false;
    };
    version.starts_with("0.2.") && (WASI.contains(&interface) || WASI_RANDOM.contains(&interface))
}
