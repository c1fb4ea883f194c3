//! Looks for requests beside the stages, for the one that decides when to take them up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::{STOP_CHECK, Stop, sleep_unless_stopped};
use crate::checkpoint::{Request, Requests};
use crate::config::Config;
use crate::fault::Fault;

/// After trouble the reading begins anew so much later.
const TROUBLED: Duration = Duration::from_secs(10);
/// How long reading what there is may take at a start that depends on it.
const FIRST: Duration = Duration::from_secs(60);

/// Requests that were found and are not taken up.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox(Arc<Found>);

#[derive(Debug, Default)]
struct Found {
    requests: Mutex<(Vec<Request>, BTreeSet<String>)>,
    has_some: AtomicBool,
}

impl Inbox {
    /// Whether `take` has something: cheap.
    pub(super) fn has_some(&self) -> bool {
        self.0.has_some.load(Ordering::Acquire)
    }

    /// All of them.
    pub(super) fn take(&self) -> Vec<Request> {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.has_some.store(false, Ordering::Release);
        std::mem::take(&mut requests.0)
    }

    /// Each one once: a reading that begins anew finds those again whose taking up is not committed yet.
    fn put(&self, found: Vec<Request>) {
        if found.is_empty() {
            return;
        }
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let (waiting, known) = &mut *requests;
        waiting.extend(found.into_iter().filter(|request| known.insert(request.id.clone())));
        self.0.has_some.store(!waiting.is_empty(), Ordering::Release);
    }
}

/// The requests of a connector, and where those go that are found.
pub(super) struct Watch {
    config: Config,
    requests: Option<Requests>,
    inbox: Inbox,
}

impl Watch {
    /// Of a connector whose checkpoint has been loaded.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            requests: None,
            inbox: Inbox::default(),
        }
    }

    pub(super) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Looks once, for all that is there now.
    pub(super) fn look(&mut self, stop: &Stop) -> Result<(), Fault> {
        let until = Instant::now() + FIRST;
        while !stop.requested() && Instant::now() < until {
            if self.read()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks until told to stop. Trouble here does not end the connector: what it needs of the broker itself it notices itself.
    pub(super) fn run(mut self, over: &Stop) {
        while !over.requested() {
            if let Err(fault) = self.read() {
                warn!(connector = %self.config.name, reason = %fault, "requests can't be read now");
                self.requests = None;
                sleep_unless_stopped(TROUBLED, over);
            }
        }
    }

    /// Whether all that is there has been read.
    fn read(&mut self) -> Result<bool, Fault> {
        let requests = match self.requests.take() {
            Some(requests) => requests,
            None => Requests::open(&self.config)?,
        };
        let found = self.requests.insert(requests).read(STOP_CHECK)?;
        let is_all = found.is_some();
        self.inbox.put(found.unwrap_or_default());
        Ok(is_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_found_again_is_not_taken_up_again() {
        let inbox = Inbox::default();
        let request = |id: &str| Request {
            id: id.to_owned(),
            tables: Vec::new(),
            plugin: None,
        };
        inbox.put(vec![request("1"), request("2")]);
        assert!(inbox.has_some());
        assert_eq!(inbox.take().len(), 2);
        inbox.put(vec![request("2")]);
        assert!(!inbox.has_some());
        inbox.put(vec![request("2"), request("3")]);
        assert_eq!(inbox.take(), [request("3")]);
    }
}
