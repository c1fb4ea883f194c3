//! What runners of both kinds have: the plugin once it is configured, and its open tables.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use crate::settings::settings;
use crate::{Batch, Error, Schema, Transactions};

/// A plugin `P` and what it has prepared for each version of a table, `T`.
pub(crate) struct Running<P, T> {
    plugin: Option<P>,
    tables: HashMap<u32, (Schema, T)>,
}

impl<P, T> Default for Running<P, T> {
    fn default() -> Self {
        Self {
            plugin: None,
            tables: HashMap::new(),
        }
    }
}

impl<P, T> Running<P, T> {
    /// Makes the plugin from its configuration, a JSON object. Tables of an earlier one are forgotten.
    pub(crate) fn configure<S: DeserializeOwned>(&mut self, config: &str, new: impl FnOnce(S) -> Result<P, Error>) -> Result<(), Error> {
        self.plugin = Some(new(settings(config)?)?);
        self.tables.clear();
        Ok(())
    }

    pub(crate) fn plugin(&mut self) -> Result<&mut P, Error> {
        self.plugin.as_mut().ok_or_else(unconfigured)
    }

    /// Opens a schema from its encapsulated message.
    pub(crate) fn open(&mut self, id: u32, message: &[u8], open: impl FnOnce(&mut P, &Schema) -> Result<T, Error>) -> Result<(), Error> {
        let plugin = self.plugin()?;
        let schema = Schema::read(message)?;
        let table = open(plugin, &schema)?;
        self.tables.insert(id, (schema, table));
        Ok(())
    }

    pub(crate) fn close(&mut self, id: u32) {
        self.tables.remove(&id);
    }

    /// Calls the plugin with a batch of an open schema; `doing` is what an error says was tried.
    pub(crate) fn with_batch<R>(
        &mut self,
        doing: &str,
        (id, message, transactions): (u32, &[u8], &Transactions),
        call: impl FnOnce(&mut P, &mut T, &Batch<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let plugin = self.plugin.as_mut().ok_or_else(unconfigured)?;
        let Some((schema, table)) = self.tables.get_mut(&id) else {
            return Err(Error::new("unknown-schema", format!("{doing} a batch: schema {id} is not open")));
        };
        let batch = Batch::read(schema, message, transactions)?;
        call(plugin, table, &batch)
    }
}

#[cold]
fn unconfigured() -> Error {
    Error::new("not-configured", "calling a plugin: `configure` has not succeeded before")
}
