//! The wish to stop, shared by whoever may utter it and whoever must heed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};

use anyhow::anyhow;

use super::STOP_CHECK;
use crate::fault::Fault;

/// A request to finish what is open and leave. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks. May be called from a signal's task.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The flag itself, for rooms that know only a flag.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether somebody asked.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// What `work` yields, or `None` as soon as somebody asks: an answer that does not come holds nobody up. The work then goes on by itself
    /// until its own limits end it, so it must not have begun anything that would have to be finished.
    pub(super) fn unless_asked<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let (done, outcome) = mpsc::channel();
        std::thread::Builder::new()
            .name("opening".to_owned())
            .spawn(move || {
                // Nobody takes it where the stop came first.
                let _ = done.send(work());
            })
            .map_err(|error| Fault::stop(anyhow::Error::new(error).context("starting a thread")))?;
        loop {
            match outcome.recv_timeout(STOP_CHECK) {
                Ok(outcome) => return outcome.map(Some),
                Err(RecvTimeoutError::Timeout) if self.requested() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::stop(anyhow!("the thread that connects to the server broke"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;
    use crate::fault::Fault;

    #[test]
    fn work_that_waits_for_ever_holds_no_stop_up_and_other_work_is_awaited() {
        let stop = Stop::new();
        assert!(matches!(stop.unless_asked(|| Ok(5)), Ok(Some(5))));
        assert!(matches!(
            stop.unless_asked(|| Err::<u8, _>(Fault::stop(anyhow::anyhow!("no")))),
            Err(Fault::Stop(_))
        ));
        stop.request();
        let for_ever = || loop {
            std::thread::park();
        };
        assert!(matches!(stop.unless_asked::<u8>(for_ever), Ok(None)));
    }
}
