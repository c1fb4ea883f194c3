//! Requests for copies of tables and about plugins, which anybody may hand in for a connector that runs or will run: kept as notes where its
//! position is, taken up by its owner, and taken away with the first checkpoint after that.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use tracing::warn;

use crate::config::{Config, SourceKind};
use crate::fault::Fault;
use crate::sink::{self, Notes};

/// Version of the stored form. A program that finds a higher one leaves the request to a newer one.
const VERSION: u32 = 2;
/// Programs before requests about plugins understand this one.
const ONLY_COPIES: u32 = 1;

/// What is to be done about a plugin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginOrder {
    /// Its file is looked at again, and tried even if it was refused or taken back before; all of them where none is named.
    Reload(Option<String>),
    /// The version that was replaced last comes back; that of all that have one where none is named.
    RollBack(Option<String>),
}

/// A request as its connector's owner gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// By which it is known, and taken away (`sink::Commit::heeded`).
    pub id: String,
    /// Databases and names of the tables that are to be copied.
    pub tables: Vec<(String, String)>,
    /// What is to be done about plugins.
    pub plugin: Option<PluginOrder>,
}

/// The stored form.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    version: u32,
    /// Databases and names.
    #[serde(default)]
    snapshot: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginOrder>,
}

impl Stored {
    fn leave(&self, config: &Config, what: &str) -> Result<String, Fault> {
        let text = serde_json::to_vec(self).map_err(|error| Fault::stop(anyhow::Error::new(error).context("encoding a request")))?;
        sink::leave_note(config, &text).map_err(|fault| fault.context(format!("asking the connector {} {what}", config.name)))
    }
}

/// Asks the owner of a connector, now or when there is one, to do something about its plugins; the request's id.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses, where there is no such plugin, or where the connector reads files: it ends by itself.
pub fn request_plugin(config: &Config, order: PluginOrder) -> Result<String, Fault> {
    let (PluginOrder::Reload(name) | PluginOrder::RollBack(name)) = &order;
    if let Some(name) = name
        && config.plugins.iter().all(|plugin| plugin.name != *name)
    {
        let names: Vec<&str> = config.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        return Err(Fault::stop(anyhow!(
            "the connector has no plugin {name:?}; it has {}",
            names.join(", ")
        )));
    }
    if config.source.kind != SourceKind::Mysql {
        return Err(Fault::stop(anyhow!(
            "source.kind is \"file\": such a connector takes no requests, since it ends by itself"
        )));
    }
    let stored = Stored {
        version: VERSION,
        snapshot: Vec::new(),
        plugin: Some(order),
    };
    stored.leave(config, "about its plugins")
}

/// Asks the owner of a connector, now or when there is one, to copy these tables; the request's id. Which tables a name on a command line
/// means, and that the connector has them, `Source::chosen` tells.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses, where the tables are too many for it, or where there are only files.
pub fn request_snapshot(config: &Config, tables: &[(String, String)]) -> Result<String, Fault> {
    if config.source.kind != SourceKind::Mysql {
        return Err(Fault::stop(anyhow!(
            "source.kind is \"file\": there are no tables to copy, only what the files tell of them"
        )));
    }
    let stored = Stored {
        version: ONLY_COPIES,
        snapshot: tables.to_vec(),
        plugin: None,
    };
    stored.leave(config, "for copies")
}

/// What was requested of a connector.
pub struct Requests {
    notes: Notes,
    /// Those that were told to be of no use.
    told: BTreeSet<String>,
}

impl Requests {
    /// Of a connector whose checkpoint has been loaded: what it took up before is not there.
    ///
    /// # Errors
    /// As `Notes::open`.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        Ok(Self {
            notes: Notes::open(config)?,
            told: BTreeSet::new(),
        })
    }

    /// Waits up to `wait` for news. When all that is there was read: the requests that were not given before, the oldest first.
    ///
    /// # Errors
    /// As `Notes::read`.
    pub fn read(&mut self, wait: Duration) -> Result<Option<Vec<Request>>, Fault> {
        let Some(notes) = self.notes.read(wait)? else { return Ok(None) };
        let mut requests = Vec::new();
        for note in notes {
            match serde_json::from_slice::<Stored>(&note.text) {
                Ok(stored) if stored.version <= VERSION => requests.push(Request {
                    id: note.id,
                    tables: stored.snapshot,
                    plugin: stored.plugin,
                }),
                other if self.told.insert(note.id.clone()) => warn!(
                    request = note.id,
                    reason = other.err().map(|error| error.to_string()),
                    "a request that this version does not understand is left where it is"
                ),
                _ => {}
            }
        }
        Ok(Some(requests))
    }
}
