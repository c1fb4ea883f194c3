//! Checkpoints in a file, replaced as a whole.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::{Checkpoint, Checkpoints};
use crate::fault::Fault;
use crate::sink::replace_file;

/// The checkpoint of one connector in a file.
pub struct FileCheckpoints {
    path: PathBuf,
}

impl FileCheckpoints {
    /// The file need not exist yet; its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Checkpoints for FileCheckpoints {
    fn load(&mut self) -> Result<Option<Checkpoint>, Fault> {
        let tried = || format!("reading the position from {:?}", self.path);
        match std::fs::read(&self.path) {
            Ok(stored) => Checkpoint::decode(&stored).map(Some).map_err(|fault| fault.context(tried())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::stop(anyhow::Error::new(error).context(tried()))),
        }
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault> {
        replace_file(&self.path, &checkpoint.encode()?)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::position::Position;

    #[test]
    fn a_file_holds_the_checkpoint_saved_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileCheckpoints::new(folder.path().join("c.position"));
        assert_eq!(store.load().unwrap(), None);
        for pos in [4, 1 << 40] {
            let checkpoint = Checkpoint {
                position: Position {
                    pos,
                    ..Position::default()
                },
                next_sequence: pos + 1,
                saved_at_ms: -1,
                skip_before_ms: None,
                prepared: Vec::new(),
                inside: None,
                log: None,
                copying: Vec::new(),
                plugins: Vec::new(),
            };
            store.save(&checkpoint).unwrap();
            assert_eq!(store.load().unwrap(), Some(checkpoint));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_file_stops_naming_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.position");
        std::fs::write(&path, b"{").unwrap();
        let fault = FileCheckpoints::new(&path).load().unwrap_err();
        assert!(
            matches!(&fault, Fault::Stop(_)) && fault.to_string().contains("c.position"),
            "{fault}"
        );
    }
}
