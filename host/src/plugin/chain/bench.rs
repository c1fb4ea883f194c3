//! Where a connector's plugins are made ready: one workshop for each engine, and the room that they share.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::CACHE_FOLDER;
use crate::config::{self, PluginOrigin};
use crate::plugin::cache::Cache;
use crate::plugin::engine::{self, Pool};
use crate::plugin::workshop::Workshop;

/// Makes the workshops that a connector's plugins need, one for each engine.
pub(super) struct Bench {
    /// What there is room for.
    pub pool: Pool,
    cache: Cache,
    files: Option<Arc<Workshop>>,
    builtins: Option<Arc<Workshop>>,
}

impl Bench {
    /// For these plugins.
    pub(super) fn new(plugins: &[config::Plugin], cache_dir: &Path) -> Self {
        Self {
            pool: Pool::of(plugins),
            cache: Cache::open(&cache_dir.join(CACHE_FOLDER)),
            files: None,
            builtins: None,
        }
    }

    /// Files run on an engine that can interrupt them; what ships with the host runs on a faster one.
    pub(super) fn workshop(&mut self, origin: &PluginOrigin) -> anyhow::Result<Arc<Workshop>> {
        let (slot, interrupts) = match origin {
            PluginOrigin::File(_) => (&mut self.files, true),
            PluginOrigin::Builtin(_) => (&mut self.builtins, false),
        };
        if let Some(workshop) = slot {
            return Ok(Arc::clone(workshop));
        }
        let engine = if interrupts {
            engine::interruptible(self.pool)
        } else {
            engine::uninterrupted(self.pool)
        };
        let engine = engine.context("set up the WebAssembly engine (does `ulimit -v` leave room for its address space?)")?;
        let workshop = Arc::new(Workshop::new(engine, self.cache.clone(), interrupts)?);
        Ok(Arc::clone(slot.insert(workshop)))
    }
}
