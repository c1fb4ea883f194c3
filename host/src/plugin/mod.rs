//! Compiles, checks, limits, calls and hot-swaps WASM components. wasmtime's types stop here.

use crate::batch::{Batch, Records};
use crate::config;
use crate::fault::Fault;

/// A connector's plugins, loaded, in order: transforms, then one encoder.
pub struct Chain {}

impl Chain {
    /// Loads, checks and configures every plugin, and watches those that are files.
    ///
    /// # Errors
    /// `Stop` with the plugin's name and path where one can't be read, compiled, linked or configured.
    pub fn load(config: &config::Config, server: &crate::source::Server) -> Result<Self, Fault> {
        let _ = (config, server);
        Ok(Self {})
    }

    /// Runs one batch through the chain; every checked hand-over of the encoder goes to `records`, in order. Before it, takes
    /// over a new version of a plugin whose file changed and that passed its checks.
    ///
    /// # Errors
    /// By the plugin's `on_error`: `Stop`, or `Reject` with the row. What `records` refuses is passed on.
    pub fn run(
        &mut self,
        batch: &Batch,
        topic: &std::sync::Arc<str>,
        records: &mut dyn FnMut(Records) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let _ = (batch, topic, records);
        Ok(())
    }

    /// Encodes a control event (`docs/plugin-contract.md`) where the encoder asked for its kind.
    ///
    /// # Errors
    /// As `run`.
    pub fn control(
        &mut self,
        event: &serde_json::Value,
        topics: &[std::sync::Arc<str>],
        records: &mut dyn FnMut(Records) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let _ = (event, topics, records);
        Ok(())
    }
}
