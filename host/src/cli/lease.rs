//! A connector runs once on a machine: a lock file beside the compiled plugins tells. The system drops the lock when the
//! process ends, however it ends. Other machines are not seen.

use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use rowmill::config::{Config, SinkKind};

use super::failure::Failure;

/// Held while the connector runs or its position is moved.
pub(super) struct Lease {
    _file: Option<File>,
}

impl Lease {
    /// Takes the connector.
    ///
    /// # Errors
    /// Where another process of this machine has it.
    pub(super) fn take(config: &Config) -> Result<Self, Failure> {
        let path = path(config);
        let opened = path
            .parent()
            .map_or(Ok(()), |folder| {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
            })
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot tell whether the connector runs already");
                return Ok(Self { _file: None });
            }
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(Failure::Failed(format!(
                "the connector {} runs already on this machine ({}): stop it first",
                config.name,
                path.display()
            ))),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(path = %path.display(), %error, "cannot tell whether the connector runs already");
                Ok(Self { _file: None })
            }
        }
    }
}

/// Connectors of one name may run against several Kafkas: where positions are kept is part of the lock's name.
fn path(config: &Config) -> PathBuf {
    let place = match &config.sink.kind {
        SinkKind::Kafka => config.sink.brokers.clone(),
        SinkKind::Stdout => std::env::current_dir().unwrap_or_default().display().to_string(),
        SinkKind::File(file) => std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string(),
    };
    let digest: [u8; 32] = Sha256::digest(place.as_bytes()).into();
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    config.cache_dir.join("running").join(format!("{}-{short}.lock", config.name))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::Lease;
    use rowmill::config::{Surroundings, parse};

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
        assert!(Lease::take(&read("a:1")).is_err());
        assert!(Lease::take(&read("b:1")).is_ok());
        drop(held);
        assert!(Lease::take(&read("a:1")).is_ok());
        // The lock is often what makes the folder, which the plugin cache trusts only where nobody else may write.
        let mode = std::fs::metadata(folder.path().join("cache")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
