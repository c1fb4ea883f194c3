//! Turns a plugin's bytes into something that can be instantiated: checked, compiled, linked. Slow, so done off the data path.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker, WasmList};
use wasmtime::{Engine, StoreContextMut};

use super::cache::{Cache, hex};
use super::contents::{self, Kind};
use super::error::Untaken;
use super::message::Given;
use super::output::Handed;
use super::state::State;
use super::wire::Level;

/// Where plugins are made ready for one engine.
pub(super) struct Workshop {
    engine: Engine,
    cache: Cache,
    transforms: Linker<State>,
    encoders: Linker<State>,
    /// Whether guests are cut off at their deadline.
    pub interrupts: bool,
}

/// A plugin that can be instantiated.
pub(super) struct Loaded {
    /// What it does.
    pub kind: Kind,
    /// SHA-256 of its file, in hexadecimal.
    pub digest: String,
    /// The component, linked.
    pub linked: InstancePre<State>,
    /// Its functions.
    pub exports: Exports,
    /// Whether guests are cut off at their deadline.
    pub interrupts: bool,
}

/// Where a component's functions are; looked up once.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub describe: ComponentExportIndex,
    pub configure: ComponentExportIndex,
    pub open_schema: ComponentExportIndex,
    pub close_schema: ComponentExportIndex,
    pub flush: ComponentExportIndex,
    /// `transform.process` or `encode.encode`.
    pub work: ComponentExportIndex,
    /// `encode.control`; a transform has none.
    pub control: Option<ComponentExportIndex>,
    /// `state.save` and `state.restore`; most plugins have none.
    pub state: Option<(ComponentExportIndex, ComponentExportIndex)>,
}

/// What `lifecycle.describe` says; members that this host does not know are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Description {
    /// The plugin's own name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// `transform` or `encoder`.
    pub kind: String,
    /// Control events it wants.
    #[serde(default)]
    pub controls: Vec<String>,
    /// Whether several instances may process batches at once.
    #[serde(default)]
    pub parallel: bool,
    /// Whether it goes by the display widths of TINYINT columns.
    #[serde(default)]
    pub widths: Widths,
    /// The form of what it saves.
    #[serde(default)]
    pub state_version: u32,
}

/// When a plugin goes by display widths.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Widths {
    /// Always, or never.
    Fixed(bool),
    /// Where its configuration has each of these members with this value.
    With(serde_json::Map<String, serde_json::Value>),
}

impl Default for Widths {
    fn default() -> Self {
        Self::Fixed(false)
    }
}

impl Widths {
    /// Whether it does with this configuration.
    pub(super) fn matter(&self, config: &serde_json::Value) -> bool {
        match self {
            Self::Fixed(always) => *always,
            Self::With(members) => members.iter().all(|(name, value)| config.get(name) == Some(value)),
        }
    }
}

impl Workshop {
    /// For one engine, whose guests are interrupted or not.
    ///
    /// # Errors
    /// Where the host's own functions can't be linked: a defect.
    pub(super) fn new(engine: Engine, cache: Cache, interrupts: bool) -> anyhow::Result<Self> {
        let mut transforms = Linker::new(&engine);
        link_host(&mut transforms)?;
        link_patch(&mut transforms)?;
        let mut encoders = Linker::new(&engine);
        link_host(&mut encoders)?;
        link_output(&mut encoders)?;
        Ok(Self {
            engine,
            cache,
            transforms,
            encoders,
            interrupts,
        })
    }

    /// A plugin whose file was loaded before, by its SHA-256.
    ///
    /// # Errors
    /// Where it was not kept; else as `load`.
    pub(super) fn recall(&self, digest: &str) -> anyhow::Result<Arc<Loaded>> {
        self.load(&self.cache.kept_file(digest)?)
    }

    /// Checks, compiles (or takes from the cache) and links a plugin's bytes.
    ///
    /// # Errors
    /// Says what the bytes are or lack, and what mends it.
    pub(super) fn load(&self, wasm: &[u8]) -> anyhow::Result<Arc<Loaded>> {
        contents::is_component(wasm)?;
        let component = self.cache.component(&self.engine, wasm)?;
        let kind = contents::kind(&self.engine, &component)?;
        let linker = match kind {
            Kind::Transform => &self.transforms,
            Kind::Encoder => &self.encoders,
        };
        let linked = linker.instantiate_pre(&component).map_err(|error| {
            anyhow::Error::from(error).context("link it to the host: its imports do not fit version 1.0 of the contract")
        })?;
        let find = |interface: &str, function: &str| {
            let at = component.get_export_index(None, format!("rowmill:plugin/{interface}@1.0.0"));
            at.and_then(|at| component.get_export_index(Some(&at), function))
                .with_context(|| format!("find its function {interface}.{function}"))
        };
        let exports = Exports {
            describe: find("lifecycle", "describe")?,
            configure: find("lifecycle", "configure")?,
            open_schema: find("lifecycle", "open-schema")?,
            close_schema: find("lifecycle", "close-schema")?,
            flush: find("lifecycle", "flush")?,
            work: match kind {
                Kind::Transform => find("transform", "process")?,
                Kind::Encoder => find("encode", "encode")?,
            },
            control: match kind {
                Kind::Transform => None,
                Kind::Encoder => Some(find("encode", "control")?),
            },
            state: find("state", "save").ok().zip(find("state", "restore").ok()),
        };
        let digest = hex(&Sha256::digest(wasm));
        if self.interrupts {
            self.cache.keep_file(&digest, wasm);
        }
        Ok(Arc::new(Loaded {
            kind,
            digest,
            linked,
            exports,
            interrupts: self.interrupts,
        }))
    }
}

impl Loaded {
    /// The first 12 digits of its digest, for logs.
    pub(super) fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }

    /// Reads what `describe` returned and holds it against what the component is.
    ///
    /// # Errors
    /// Where it is not the promised JSON, or claims another kind.
    pub(super) fn description(&self, text: &str) -> anyhow::Result<Description> {
        let description: Description =
            serde_json::from_str(text).context("read what describe returned: a JSON object with name, version and kind is expected")?;
        if description.kind != self.kind.name() {
            bail!(
                "it describes itself as {:?}, but is built as {:?}",
                description.kind,
                self.kind.name()
            );
        }
        Ok(description)
    }
}

/// WASI with whatever the state grants, which is nothing, and `host`.
fn link_host(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    let mut host = linker.instance("rowmill:plugin/host@1.0.0")?;
    host.func_wrap("log", |mut store: StoreContextMut<'_, State>, (level, message): (Level, String)| {
        store.data_mut().log(level, &message);
        Ok(())
    })?;
    host.func_wrap("metric", |mut store: StoreContextMut<'_, State>, (name, value): (String, f64)| {
        store.data_mut().count(name, value);
        Ok(())
    })?;
    Ok(())
}

/// `patch`, which only transforms are given.
fn link_patch(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut patch = linker.instance("rowmill:plugin/patch@1.0.0")?;
    patch.func_wrap("keep", |mut store: StoreContextMut<'_, State>, (rows,): (Given,)| {
        Ok(store.data_mut().desk.keep(rows.0).map_err(Untaken::from)?)
    })?;
    patch.func_wrap(
        "columns",
        |mut store: StoreContextMut<'_, State>, (origins, fresh): (Vec<i32>, Given)| {
            Ok(store.data_mut().desk.columns(origins, fresh.0).map_err(Untaken::from)?)
        },
    )?;
    Ok(())
}

/// The parameters of `output.emit`: lists stay in the guest's memory and are only pointed at.
type Emitted = (
    WasmList<u32>,
    WasmList<u16>,
    Vec<String>,
    WasmList<i32>,
    WasmList<i64>,
    WasmList<u8>,
    WasmList<u32>,
    WasmList<u32>,
    WasmList<u32>,
    WasmList<u8>,
    WasmList<u8>,
);

fn link_output(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance("rowmill:plugin/output@1.0.0")?
        .func_wrap("emit", |mut store: StoreContextMut<'_, State>, emitted: Emitted| {
            let (rows, topics, topic_names, partitions, timestamps, flags, bounds, header_ends, header_bounds, header_data, data) = emitted;
            // The call is taken out of the store while the guest's memory, which the store lends, is read.
            let mut call = std::mem::replace(&mut store.data_mut().call, super::output::Call::closed());
            let taken = call.take(&Handed {
                rows: rows.as_le_slice(&store),
                topics: topics.as_le_slice(&store),
                topic_names: &topic_names,
                partitions: partitions.as_le_slice(&store),
                timestamps: timestamps.as_le_slice(&store),
                flags: flags.as_le_slice(&store),
                bounds: bounds.as_le_slice(&store),
                header_ends: header_ends.as_le_slice(&store),
                header_bounds: header_bounds.as_le_slice(&store),
                header_data: header_data.as_le_slice(&store),
                data: data.as_le_slice(&store),
            });
            store.data_mut().call = call;
            Ok(taken?)
        })
}
