//! Compiled components on disk: written atomically, verified before they are trusted, recompiled when in doubt.
//!
//! An entry is the SHA-256 of what follows, then wasmtime's serialized component. Its name holds the SHA-256 of the
//! plugin and of the engine's settings, so that neither a new plugin nor a new rowmill ever meets an old entry.
#![expect(
    unsafe_code,
    reason = "wasmtime trusts serialized components; this file is where that trust is earned"
)]

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Ending of plugins' own files.
const KEPT: &str = "wasm";

/// So many of them are kept.
const MOST_KEPT: usize = 32;

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// A folder of compiled components that only this user can write. Without one, everything is compiled anew.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    dir: Option<PathBuf>,
}

impl Cache {
    /// Uses `dir`, made with mode 0700 where it is missing. A folder that others may write to is not used, with a warning.
    pub(super) fn open(dir: &Path) -> Self {
        match prepare(dir) {
            Ok(()) => Self { dir: Some(dir.to_owned()) },
            Err(error) => {
                tracing::warn!(dir = %dir.display(), error = %format_args!("{error:#}"), "no plugin cache: plugins are compiled at every start");
                Self { dir: None }
            }
        }
    }

    /// The component of `wasm`, from the cache or compiled and then cached.
    ///
    /// # Errors
    /// Where `wasm` does not compile. Trouble with the cache is logged, never returned.
    pub(super) fn component(&self, engine: &Engine, wasm: &[u8]) -> anyhow::Result<Component> {
        let Some(path) = self.dir.as_ref().map(|dir| dir.join(entry_name(engine, wasm))) else {
            return compile(engine, wasm);
        };
        match recall(engine, &path) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %format_args!("{error:#}"), "bad entry in the plugin cache: compiling again");
            }
        }
        let component = compile(engine, wasm)?;
        if let Err(error) = keep(&component, &path) {
            tracing::warn!(path = %path.display(), error = %format_args!("{error:#}"), "can't keep a compiled plugin");
        }
        Ok(component)
    }
}

impl Cache {
    /// Keeps a plugin's file itself, by its SHA-256, so that it can come back after another one took its place. Trouble is logged.
    pub(super) fn keep_file(&self, digest: &str, wasm: &[u8]) {
        let Some(dir) = &self.dir else { return };
        let path = dir.join(format!("{digest}.{KEPT}"));
        if path.exists() {
            return;
        }
        if let Err(error) = write(&path, &[wasm]).and_then(|()| prune(dir).context("look for older ones")) {
            tracing::warn!(path = %path.display(), error = %format_args!("{error:#}"), "can't keep a plugin's file");
        }
    }

    /// A file that was kept.
    ///
    /// # Errors
    /// Where it is not there, or not what it was.
    pub(super) fn kept_file(&self, digest: &str) -> anyhow::Result<Vec<u8>> {
        let dir = self.dir.as_ref().context("there is no plugin cache")?;
        let path = dir.join(format!("{digest}.{KEPT}"));
        let wasm = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        if hex(&Sha256::digest(&wasm)) != digest {
            bail!("{} is not what it was", path.display());
        }
        Ok(wasm)
    }
}

/// Removes the oldest of the files that are kept, beyond as many as are.
fn prune(dir: &Path) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == KEPT) {
            kept.push((path.metadata()?.modified()?, path));
        }
    }
    kept.sort();
    let many = kept.len().saturating_sub(MOST_KEPT);
    kept.into_iter().take(many).try_for_each(|(_, path)| std::fs::remove_file(path))
}

fn compile(engine: &Engine, wasm: &[u8]) -> anyhow::Result<Component> {
    Component::from_binary(engine, wasm).map_err(|error| {
        let error = anyhow::Error::from(error);
        // There is no kind for it.
        let is_room = format!("{error:#}").contains("pooling allocator");
        let help = "it begins with more memory, tables or instances than it may have; `memory` of its [[plugin]] (`--memory` of the command) says how much";
        let error = if is_room { error.context(help) } else { error };
        error.context("compile it")
    })
}

fn prepare(dir: &Path) -> anyhow::Result<()> {
    if !dir.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .context("make the folder")?;
    }
    let metadata = dir.metadata().context("look at the folder")?;
    if !metadata.is_dir() {
        bail!("it is not a folder");
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        bail!("its mode is {mode:03o}, so that others may write to it: chmod go-w it, or set cache_dir to another folder");
    }
    // Root may enter anybody's folder, but must not trust what lies there. /proc tells who we are without a system call.
    if let Ok(own) = std::fs::metadata("/proc/self")
        && own.uid() != metadata.uid()
    {
        bail!("it belongs to user {} and not to user {}", metadata.uid(), own.uid());
    }
    Ok(())
}

fn entry_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut settings = HashOf(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{}-{}.component", hex(&Sha256::digest(wasm)), hex(&settings.0.finalize()))
}

/// The entry at `path`, or `None` where there is none.
fn recall(engine: &Engine, path: &Path) -> anyhow::Result<Option<Component>> {
    let entry = match std::fs::read(path) {
        Ok(entry) => entry,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("read it"),
    };
    let Some((digest, compiled)) = entry.split_at_checked(DIGEST) else {
        bail!("it is cut short");
    };
    if Sha256::digest(compiled).as_slice() != digest {
        bail!("its digest does not match");
    }
    // SAFETY: these bytes are what `keep` wrote: the digest holds, and the folder is writable by this user alone.
    let component = unsafe { Component::deserialize(engine, compiled) }.map_err(anyhow::Error::from)?;
    Ok(Some(component))
}

/// Writes the entry beside its place and renames it, so that no reader ever sees half of it.
fn keep(component: &Component, path: &Path) -> anyhow::Result<()> {
    let compiled = component.serialize().map_err(anyhow::Error::from).context("serialize it")?;
    write(path, &[&Sha256::digest(&compiled), &compiled])
}

/// Writes a file of these parts.
fn write(path: &Path, parts: &[&[u8]]) -> anyhow::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::File::create(&beside)
        .and_then(|mut file| {
            for part in parts {
                file.write_all(part)?;
            }
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.context("write it")
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lets anything that is `Hash` be digested: std's own hasher has 64 bits, too few for a name that stands for code.
struct HashOf(Sha256);

impl Hasher for HashOf {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
