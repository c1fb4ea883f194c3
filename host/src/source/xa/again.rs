//! The log once more, beside the stream that is being read.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::fault::Fault;
use crate::position::Position;
use crate::source::connection::Connection;
use crate::source::event::EventKind;
use crate::source::start::files;
use crate::source::{FileSource, MysqlSource, Read, Source};

/// Ids of replicas that people give are small: the upper half is nearly always free.
const FIRST_ID: u32 = 1 << 31;
/// Within this time a server says that it has no log at a place.
const REFUSED: Duration = Duration::from_secs(20);
/// After what describes the file it says so at once; at the log's end there is nothing more to come.
const SETTLED: Duration = Duration::from_millis(200);

/// Where a log can be read a second time.
#[derive(Debug, Clone, Default)]
pub struct Again(Origin);

#[derive(Debug, Clone, Default)]
enum Origin {
    #[default]
    Nowhere,
    Server(Box<Config>),
    Files(Vec<PathBuf>),
}

impl Again {
    /// Over a connection of its own, which the server takes for another replica: it must not end the stream that runs.
    pub fn of_server(config: &Config) -> Self {
        let name = format!("{} again", config.name);
        let digest: [u8; 32] = Sha256::digest(&name).into();
        let [a, b, c, d, ..] = digest;
        let mut config = config.clone();
        config.name = name;
        config.source.server_id = FIRST_ID | u32::from_le_bytes([a, b, c, d]);
        Self(Origin::Server(Box::new(config)))
    }

    /// From the same files.
    pub fn of_files(files: &[PathBuf]) -> Self {
        Self(Origin::Files(files.to_vec()))
    }

    /// The log from an offset of a file on.
    ///
    /// # Errors
    /// As `Source::open`; `Stop` where there is no second reading.
    pub(super) fn open(&self, file: &str, pos: u64) -> Result<Box<dyn Source>, Fault> {
        let mut source: Box<dyn Source> = match &self.0 {
            Origin::Nowhere => return Err(nowhere()),
            Origin::Server(config) => Box::new(MysqlSource::new(config)),
            Origin::Files(files) => Box::new(FileSource::new(files.clone())),
        };
        source.open(&Position {
            gtid: None,
            file: file.to_owned(),
            pos,
        })?;
        Ok(source)
    }

    /// That the server sends its log from a place that a person named, which only asking for it tells.
    ///
    /// # Errors
    /// As `Source::open` and `Source::read`.
    pub fn demand(&self, from: &Position) -> Result<(), Fault> {
        let Origin::Server(config) = &self.0 else { return Ok(()) };
        let mut source = MysqlSource::new(config);
        source.open(from)?;
        let deadline = Instant::now() + REFUSED;
        let mut events = Vec::new();
        while Instant::now() < deadline {
            events.clear();
            if source.read(&mut events, SETTLED)? == Read::Idle {
                break;
            }
            // What describes the file comes before the place is looked at.
            let describes = |kind| {
                matches!(
                    kind,
                    EventKind::Rotate | EventKind::FormatDescription | EventKind::PreviousGtids | EventKind::GtidList
                )
            };
            if events.iter().any(|event| !describes(event.kind())) {
                break;
            }
        }
        Ok(())
    }

    /// The log's files, oldest first.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses.
    pub(super) fn files(&self) -> Result<Vec<String>, Fault> {
        match &self.0 {
            Origin::Nowhere => Err(nowhere()),
            Origin::Server(config) => files(&mut Connection::open(config)?),
            Origin::Files(paths) => {
                let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
                Ok(paths.iter().filter_map(name).collect())
            }
        }
    }
}

fn nowhere() -> Fault {
    Fault::stop(anyhow!("this log can't be read a second time"))
}
