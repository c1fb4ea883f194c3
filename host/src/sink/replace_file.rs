//! Files that are replaced as a whole or not at all.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::fault::Fault;

/// Puts `bytes` into a file as a whole or not at all, also across a crash: written beside it, on disk, then renamed.
///
/// # Errors
/// `Stop` naming the file; `Retry` where its disk is full.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    replace(path, bytes).map_err(|error| unwritten(path, error))
}

/// What a write that failed asks for: a disk that is full may have room again.
pub(super) fn unwritten(path: &Path, error: io::Error) -> Fault {
    let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let error = anyhow::Error::new(error);
    if is_full {
        return Fault::Retry(error.context(format!("writing {path:?}: make room on its disk, and it goes on by itself")));
    }
    Fault::Stop(error.context(format!("writing {path:?}")))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The rename itself is durable once the folder is.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
