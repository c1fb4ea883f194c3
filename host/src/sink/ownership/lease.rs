//! What processes of one machine know of each other: a lock file beside the compiled plugins. The system drops the lock when
//! the process ends, however it ends. Other machines are not seen.

use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::config::{Config, SinkKind};

/// The one process of this machine that runs a connector, or moves its position.
pub(super) struct Lease {
    file: Option<File>,
    path: PathBuf,
}

impl Lease {
    /// Takes the connector; none where another process of this machine has it. Where files can't be locked nothing is known of
    /// others.
    pub(super) fn take(config: &Config) -> Option<Self> {
        let path = path(config);
        let opened = path
            .parent()
            .map_or(Ok(()), |folder| {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
            })
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
        let locked = opened.and_then(|file| match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        });
        match locked {
            Ok(Some(file)) => Some(Self { file: Some(file), path }),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot tell whether the connector runs already on this machine");
                Some(Self { file: None, path })
            }
        }
    }

    /// Names this machine's place for the connector in a group: who holds the lease is the same member again after a crash,
    /// and need not wait until the group has missed the one that died. None where nothing is locked.
    pub(super) fn instance(&self) -> Option<String> {
        self.file.as_ref()?;
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let place = format!("{machine}\n{host}\n{}", self.path.display());
        Some(format!("rowmill-{}", digest(&place)))
    }
}

/// Connectors of one name may run against several Kafkas: where positions are kept is part of the lock's name.
fn path(config: &Config) -> PathBuf {
    let place = match &config.sink.kind {
        SinkKind::Kafka => config.sink.brokers.clone(),
        SinkKind::Stdout => std::env::current_dir().unwrap_or_default().display().to_string(),
        SinkKind::File(file) => std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string(),
    };
    let name = format!("{}-{}.lock", config.name, digest(&place));
    config.cache_dir.join("running").join(name)
}

fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::Lease;
    use crate::config::{Surroundings, parse};

    #[test]
    fn a_connector_is_taken_once_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let read = |brokers: &str| {
            let text = format!(
                "name = \"c\"\ncache_dir = \"cache\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"\n[sink]\nbrokers = \"{brokers}\"\n"
            );
            let folder: &Path = folder.path();
            parse(
                &text,
                &Surroundings {
                    folder,
                    variable: &|_| None,
                },
            )
            .unwrap()
        };
        let held = Lease::take(&read("a:1")).unwrap();
        assert!(Lease::take(&read("a:1")).is_none());
        assert!(Lease::take(&read("b:1")).is_some_and(|other| other.instance() != held.instance()));
        let instance = held.instance();
        drop(held);
        assert!(Lease::take(&read("a:1")).is_some_and(|again| again.instance() == instance));
        // The lock is often what makes the folder, which the plugin cache trusts only where nobody else may write.
        let mode = std::fs::metadata(folder.path().join("cache")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
