//! Notes that anybody may leave for the process that runs a connector, kept where its position is: with Kafka as records of the same topic
//! under keys that no connector can have, else as files beside the position's. What they say is not the sink's business. They are
//! taken away by the commit that says that they were heeded.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::kafka::{self, KafkaNotes};
use super::{position_file, replace_file};
use crate::config::Config;
use crate::fault::Fault;

/// Between two looks at a folder.
const LOOK: Duration = Duration::from_secs(1);
/// Stands between a position's file and a note's id.
const MARK: &str = ".note-";

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// By which it is known.
    pub id: String,
    /// What it says.
    pub text: Vec<u8>,
}

/// Leaves a note; its id. It is there for good when this returns.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses or the file can't be written.
pub fn leave_note(config: &Config, text: &[u8]) -> Result<String, Fault> {
    let id = new_id();
    match position_file(config) {
        None => kafka::leave_note(config, &id, text)?,
        Some(position) => replace_file(&path(&position, &id), text)?,
    }
    Ok(id)
}

/// Rises with time; of two at the same millisecond each is another one.
fn new_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let random = RandomState::new().build_hasher().finish();
    format!("{:013}-{random:016x}", now.map_or(0, |now| now.as_millis()))
}

/// The notes of a connector, as its owner reads them.
pub struct Notes(Kind);

enum Kind {
    Kafka(KafkaNotes),
    Files {
        position: PathBuf,
        given: BTreeSet<String>,
        looked: Option<Instant>,
    },
}

impl Notes {
    /// Of a connector whose position has been loaded: what was taken away before that is not read again.
    ///
    /// # Errors
    /// `Retry` where the client can't be made, `Stop` where it refuses its settings.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        Ok(Self(match position_file(config) {
            None => Kind::Kafka(KafkaNotes::open(config)?),
            Some(position) => Kind::Files {
                position,
                given: BTreeSet::new(),
                looked: None,
            },
        }))
    }

    /// Waits up to `wait` for news. When all that is there was read: the notes that were not given before, the oldest first.
    ///
    /// # Errors
    /// What the reading met. It may be opened anew.
    pub fn read(&mut self, wait: Duration) -> Result<Option<Vec<Note>>, Fault> {
        match &mut self.0 {
            Kind::Kafka(notes) => notes.read(wait),
            Kind::Files { position, given, looked } => {
                if looked.is_some_and(|looked| looked.elapsed() < LOOK) {
                    std::thread::sleep(wait.min(LOOK));
                    return Ok(None);
                }
                *looked = Some(Instant::now());
                let found = found(position)?;
                let new = found.into_iter().filter(|note| given.insert(note.id.clone()));
                Ok(Some(new.collect()))
            }
        }
    }
}

fn path(position: &Path, id: &str) -> PathBuf {
    let mut name = position.as_os_str().to_owned();
    name.push(MARK);
    name.push(id);
    name.into()
}

fn found(position: &Path) -> Result<Vec<Note>, Fault> {
    let folder = position
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Fault::stop(anyhow::Error::new(error).context(format!("looking for notes beside {position:?}")));
    let mut start = position.file_name().unwrap_or_default().to_owned();
    start.push(MARK);
    let start = start.to_string_lossy();
    let mut notes = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        // One that is being written has another ending.
        let Some(id) = name.strip_prefix(&*start).filter(|id| !id.contains('.')) else {
            continue;
        };
        match std::fs::read(path(position, id)) {
            Ok(text) => notes.push(Note { id: id.to_owned(), text }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    notes.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(notes)
}

/// Takes away the note beside a position's file.
pub(super) fn take_away(position: &Path, id: &str) -> Result<(), Fault> {
    let path = path(position, id);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::stop(
            anyhow::Error::new(error).context(format!("taking away the note {path:?}")),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_note_beside_a_position_is_given_once_until_it_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let position = folder.path().join("out.position");
        std::fs::write(&position, b"{}").unwrap();
        let mut notes = Notes(Kind::Files {
            position: position.clone(),
            given: BTreeSet::new(),
            looked: None,
        });
        assert_eq!(notes.read(Duration::ZERO).unwrap(), Some(vec![]));
        let ids = ["1", "2"].map(|id| {
            replace_file(&path(&position, id), id.as_bytes()).unwrap();
            id.to_owned()
        });
        // What is just being written, and what is another file's.
        std::fs::write(folder.path().join("out.position.note-3.new"), b"3").unwrap();
        std::fs::write(folder.path().join("other.position.note-4"), b"4").unwrap();
        let mut read = || {
            loop {
                if let Some(found) = notes.read(Duration::from_millis(10)).unwrap() {
                    return found.into_iter().map(|note| note.id).collect::<Vec<_>>();
                }
            }
        };
        assert_eq!(read(), ids);
        assert_eq!(read(), Vec::<String>::new());
        take_away(&position, "1").unwrap();
        take_away(&position, "1").unwrap();
        let left = found(&position).unwrap();
        assert_eq!(left.iter().map(|note| note.text.as_slice()).collect::<Vec<_>>(), [b"2"]);
    }

    #[test]
    fn ids_are_good_for_file_names_and_differ() {
        let (one, other) = (new_id(), new_id());
        assert_ne!(one, other);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{one}");
    }
}
