//! Keeps the claim on a connector alive beside the pipeline, and ends the pipeline when the claim is lost.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Stop;
use crate::config::Config;
use crate::fault::Fault;
use crate::sink::Ownership;

/// What the pipeline sees of the claim. While it waits for the connector nothing is read or written.
pub(super) struct Claim {
    answers: Mutex<Receiver<Result<(), Fault>>>,
    /// Ends an attempt: on the user's wish, or because the connector is another process's now.
    pub(super) halt: Stop,
}

impl Claim {
    /// Claims the connector on a thread of `scope`, until `stop` is requested or `over`.
    pub(super) fn new<'scope>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        config: &'scope Config,
        stop: &'scope Stop,
        over: &'scope Stop,
    ) -> Result<Self, Fault> {
        let (sender, answers) = channel();
        let halt = Stop::new();
        let signal = halt.clone();
        std::thread::Builder::new()
            .name("owner".into())
            .spawn_scoped(scope, move || {
                serve(config, stop, over, &signal, &sender);
            })
            .map_err(|error| Fault::retry(anyhow::Error::from(error).context("starting the thread that claims the connector")))?;
        Ok(Self {
            answers: Mutex::new(answers),
            halt,
        })
    }

    /// Waits until this process owns the connector; `false` when it is to stop before that.
    ///
    /// # Errors
    /// What the claim met.
    pub(super) fn wait(&self) -> Result<bool, Fault> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // The other end is gone when there is nothing to wait for any more.
        answers.recv().map_or(Ok(false), |answer| answer.map(|()| true))
    }

    /// Why the claim ended, where it does within `wait`.
    pub(super) fn lost(&self, wait: Duration) -> Option<Fault> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + wait;
        loop {
            match answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => return Some(fault),
                Err(_) => return None,
            }
        }
    }
}

fn serve(config: &Config, stop: &Stop, over: &Stop, halt: &Stop, answers: &Sender<Result<(), Fault>>) {
    let ended = || stop.requested() || over.requested();
    let outcome = Ownership::claim(config).and_then(|claim| {
        let (mut has, mut told) = (false, false);
        while !over.requested() {
            if stop.requested() {
                // The open transaction is finished first; until then the connector is still this process's.
                halt.request();
            }
            let owned = claim.owned()?;
            if owned && !has {
                has = true;
                info!(connector = %config.name, "this process runs the connector");
                let _ = answers.send(Ok(()));
            } else if !owned && !told {
                told = true;
                info!(connector = %config.name, "waiting for the connector: another process runs it, or the group is just forming");
            }
            if stop.requested() && !has {
                return Ok(());
            }
        }
        Ok(())
    });
    if let Err(fault) = outcome {
        if !ended() {
            warn!(connector = %config.name, reason = %fault, "the claim on the connector ended");
        }
        let _ = answers.send(Err(fault));
    }
    halt.request();
}
