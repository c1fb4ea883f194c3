//! The log once more, beside the stream that is being read.

use std::path::PathBuf;

use anyhow::anyhow;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::fault::Fault;
use crate::position::Position;
use crate::source::connection::Connection;
use crate::source::start::files;
use crate::source::{FileSource, MysqlSource, Source};

/// Ids of replicas that people give are small: the upper half is nearly always free.
const FIRST_ID: u32 = 1 << 31;

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
