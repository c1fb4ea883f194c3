//! Notices new versions of plugin files and of their configuration on a thread of its own; what is done with them, `desk` knows.

mod desk;
mod folders;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::Context;

use desk::Desk;
use folders::Folders;

use super::engine::Pool;
use super::offers::Offers;
use super::workshop::Workshop;

/// Quiet time after a change before a file is read: editors and deployments write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// Files that never fall quiet are looked at this often all the same.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);

/// What is watched.
pub(super) struct Plan {
    /// Where new versions are made ready, one for each place in the chain.
    pub workshops: Vec<Arc<Workshop>>,
    /// The connector's own file, where it has one.
    pub file: Option<PathBuf>,
    /// What there is room for.
    pub most: Pool,
    /// What is at work, and where new versions are offered.
    pub offers: Arc<Offers>,
}

/// Watches until it is dropped.
pub(super) struct Watch {
    wake: Sender<()>,
    _folders: Arc<Mutex<Folders>>,
}

impl Watch {
    /// Watches the folders of these files: deployments rename a new file into place, which a watch on the file misses. Nothing where there
    /// is no file.
    ///
    /// # Errors
    /// Where a folder can't be watched or the thread can't be started.
    pub(super) fn start(plan: Plan) -> anyhow::Result<Option<Self>> {
        let desk = Desk::new(plan);
        let files = desk.files();
        if files.is_empty() {
            return Ok(None);
        }
        let (changed, changes) = channel();
        let waker = changed.clone();
        let mut folders = Folders::new(move || wake(&changed))?;
        folders.watch(&files)?;
        let folders = Arc::new(Mutex::new(folders));
        let held = Arc::downgrade(&folders);
        std::thread::Builder::new()
            .name("plugin-watch".into())
            .spawn(move || watch(desk, &changes, &held))
            .context("start the thread that watches plugin files")?;
        Ok(Some(Self {
            wake: waker,
            _folders: folders,
        }))
    }

    /// Has the files looked at now.
    pub(super) fn look_again(&self) {
        wake(&self.wake);
    }
}

/// Wakes the thread; where it is gone, nobody needs to know.
fn wake(changed: &Sender<()>) {
    let _ = changed.send(());
}

fn watch(mut desk: Desk, changes: &Receiver<()>, folders: &Weak<Mutex<Folders>>) {
    loop {
        // Links may lead elsewhere now. Before the look, so that what changes after it is heard of.
        let Some(folders) = folders.upgrade() else { return };
        let watched = folders.lock().unwrap_or_else(PoisonError::into_inner).watch(&desk.files());
        drop(folders);
        if let Err(error) = watched {
            tracing::warn!(error = %format_args!("{error:#}"), "a folder of plugins can't be watched: new versions there are not noticed");
        }
        // The first look comes at once: a file may have changed between its loading and the start of the watch.
        desk.look();
        if changes.recv().is_err() {
            return;
        }
        let latest = Instant::now() + MAX_DEBOUNCE;
        loop {
            match changes.recv_timeout(DEBOUNCE) {
                Ok(()) if Instant::now() < latest => {}
                Ok(()) | Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
