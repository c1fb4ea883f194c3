//! The folders in which watched files lie, and what happens in them that can change what the files are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Links that lead from one to the next before they count as a ring, as the kernel has it.
const MOST_LINKS: usize = 40;

/// Folders that are watched.
pub(super) struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Folders {
    /// Has `changed` called, on another thread, whenever one of the files may have become another one.
    ///
    /// # Errors
    /// Where the system has no watch left.
    pub(super) fn new(changed: impl Fn() + Send + 'static) -> anyhow::Result<Self> {
        let names: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let known = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event| {
            if concerns(&event, &known.lock().unwrap_or_else(PoisonError::into_inner)) {
                changed();
            }
            if let Err(error) = event {
                tracing::warn!(error = %error, "trouble with the watch on plugin files");
            }
        });
        Ok(Self {
            watcher: watcher.context("set up the watch on plugin files")?,
            watched: BTreeSet::new(),
            names,
        })
    }

    /// Watches the folders of these files, and no others: deployments rename a new file into place, which a watch on the file misses. So they do
    /// with folders, and with links on the way to them.
    ///
    /// # Errors
    /// Where the folder of a file can't be watched.
    pub(super) fn watch(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let mut names = BTreeSet::new();
        for file in files {
            follow(file, &mut names);
        }
        let wanted: BTreeSet<PathBuf> = names.iter().filter_map(|name| name.parent()).map(Path::to_owned).collect();
        // Before the watches, so that nothing that they report is taken for a stranger's.
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = with_real_folders(names);
        for left in self.watched.difference(&wanted) {
            // One that is gone is watched no more anyhow.
            let _ = self.watcher.unwatch(left);
        }
        self.watched.clear();
        let own: BTreeSet<PathBuf> = files.iter().filter_map(|file| Some(absolute(file).parent()?.to_owned())).collect();
        let mut missed = Ok(());
        // All of them anew: by the same name there may be another folder now.
        for folder in wanted {
            let watched = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
            match watched.with_context(|| format!("watch the folder {}", folder.display())) {
                Ok(()) => {
                    self.watched.insert(folder);
                }
                Err(error) if own.contains(&folder) => missed = missed.and(Err(error)),
                // What is replaced further up is not noticed then, which is rare.
                Err(error) => tracing::debug!(error = %format_args!("{error:#}"), "a folder above those of plugins is not watched"),
            }
        }
        missed
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Adds what may be replaced on the way to a file: itself, its folder, links, and the same of where these lead.
fn follow(file: &Path, names: &mut BTreeSet<PathBuf>) {
    let mut path = absolute(file);
    for _ in 0..MOST_LINKS {
        names.extend(path.parent().map(Path::to_owned));
        let mut parts: Vec<&Path> = path.ancestors().collect();
        parts.reverse();
        let link = parts.into_iter().find_map(|part| Some((part.to_owned(), part.read_link().ok()?)));
        let next = link.as_ref().and_then(|(link, target)| {
            let target = link.parent()?.join(target);
            let rest = path.strip_prefix(link).ok()?;
            Some(if rest.as_os_str().is_empty() { target } else { target.join(rest) })
        });
        names.insert(std::mem::take(&mut path));
        names.extend(link.map(|(link, _)| link));
        match next {
            Some(next) => path = next,
            None => return,
        }
    }
}

/// These names, and each with what its folder is really called: some systems report that.
fn with_real_folders(mut names: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let real: Vec<PathBuf> = names
        .iter()
        .filter_map(|name| Some(name.parent()?.canonicalize().ok()?.join(name.file_name()?)))
        .collect();
    names.extend(real);
    names
}

/// Whether one of these may have become something else. Other files of the same folders, such as a log that is written all the time, say nothing.
fn concerns(event: &notify::Result<notify::Event>, names: &BTreeSet<PathBuf>) -> bool {
    match event {
        // Reading a file is an access too, and our own reading must not set off the next one.
        Ok(event) if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) => false,
        Ok(event) => event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| names.contains(path)),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn whatever_may_be_replaced_on_the_way_to_a_file_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(at("releases/1")).unwrap();
        std::fs::write(at("releases/1/a.wasm"), "").unwrap();
        std::os::unix::fs::symlink("releases/1", at("current")).unwrap();
        std::os::unix::fs::symlink(at("current/a.wasm"), at("a.wasm")).unwrap();
        let mut names = BTreeSet::new();
        follow(&at("a.wasm"), &mut names);
        for name in ["", "a.wasm", "current", "current/a.wasm", "releases/1", "releases/1/a.wasm"] {
            assert!(
                names.contains(&at(name)) || names.contains(&at(name).components().collect::<PathBuf>()),
                "{name}: {names:?}"
            );
        }
        // A ring ends.
        std::os::unix::fs::symlink("ring", at("ring")).unwrap();
        follow(&at("ring"), &mut names);
    }
}
