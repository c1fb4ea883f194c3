//! New versions in the places of old ones, and the way back.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;

use super::{Chain, Deliver, Former};
use crate::batch::Records;
use crate::fault::Fault;
use crate::plugin::instance::Saved;
use crate::plugin::line::Pass;
use crate::plugin::link::Link;
use crate::plugin::offers::{Offer, SetbackKind, Version};
use crate::plugin::probation::{Probation, Rate, Verdict};
use crate::plugin::schemas::Item;
use crate::plugin::sift::Rejected;
use crate::plugin::wire::FlushReason;
use crate::plugin::workshop::Workshop;

impl Chain {
    /// Puts the version back that was replaced last, of one plugin or of all; what replaced it is not taken again by itself. Together with
    /// those that were replaced with it, where that was a moment ago.
    ///
    /// # Errors
    /// As `flush`.
    pub fn roll_back_to_former(&mut self, plugin: Option<&str>, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let mut offer = Offer::new();
        for (at, link) in self.line.links.iter().enumerate() {
            if plugin.is_some_and(|plugin| plugin != link.name()) {
                continue;
            }
            let former = match self.formers.get(at) {
                Some(Some(Former::Ready(version))) => Ok(version.clone()),
                Some(Some(Former::Kept(digest))) => recall(link, self.workshops.get(at), digest),
                _ if plugin.is_none() => continue,
                _ => Err(anyhow::anyhow!("no version of it was replaced since the connector has kept count")),
            };
            match former {
                Ok(version) => {
                    offer.insert(at, version);
                }
                Err(error) => {
                    tracing::warn!(plugin = link.name(), error = %format_args!("{error:#}"), "there is no version to go back to");
                }
            }
        }
        if offer.is_empty() {
            return Ok(());
        }
        for at in offer.keys() {
            if let Some(link) = self.line.links.get(*at) {
                tracing::warn!(
                    plugin = link.name(),
                    taken_back = link.short_digest(),
                    "the former version of a plugin comes back, since somebody asked for it"
                );
                self.offers.ban(*at, link.version().name());
            }
        }
        self.offers.put(offer);
        self.take_offer(records)
    }

    /// Where no batch comes: puts in place what has passed its trial all the same, and says whether there is something new to tell of plugins.
    ///
    /// # Errors
    /// As `flush`.
    pub fn catch_up(&mut self, records: &mut Deliver<'_>) -> Result<bool, Fault> {
        self.take_offer(records)?;
        let swaps = self.swaps();
        Ok(std::mem::replace(&mut self.told, swaps) != swaps)
    }

    /// The batch through the line; through what was replaced a moment ago where that does better. Its records are held back until that is known,
    /// as long as there is room for them.
    pub(super) fn on_probation(&mut self, pass: &Pass<'_>, item: &Item, records: &mut Deliver<'_>) -> Result<Vec<Rejected>, Fault> {
        // What was kept before this batch, for whoever may have to take it again.
        let before = (self.breaks(), self.kept());
        let mut held = Held::new(self.most.one);
        let made = self.attempt(pass, item, &mut |some| held.take(some, records));
        let breaks = self.breaks().saturating_sub(before.0);
        let rows = item.rows.num_rows();
        let verdict = match (&mut self.probation, &made) {
            (Some(probation), Ok(rejected)) => probation.judge(rows, rejected.len(), breaks),
            (_, Ok(_)) => Verdict::Over,
            (_, Err(fault)) => Verdict::Worse(fault.to_string()),
        };
        let reason = match verdict {
            Verdict::Worse(reason) => reason,
            verdict => {
                if verdict == Verdict::Over {
                    self.probation = None;
                    tracing::info!("new versions of plugins have proved themselves");
                }
                held.release(records)?;
                return made;
            }
        };
        if held.has_delivered {
            // A part of it is out already: it is all read again, for the former version.
            self.exchange();
            self.roll_back(&reason);
            return Err(Fault::retry(
                anyhow::anyhow!(reason).context("a new version of a plugin was taken back"),
            ));
        }
        let after = self.kept();
        self.exchange();
        let mut with_former = Held::new(usize::MAX);
        let former = match self.go_on_from(&before.1) {
            Ok(()) => self.attempt(pass, item, &mut |some| with_former.take(some, records)),
            Err(fault) => Err(fault),
        };
        let is_better = match (&made, &former) {
            (_, Err(_)) => false,
            (Err(_), Ok(_)) => true,
            // Where it takes no more of these rows it is them.
            (Ok(made), Ok(former)) => made.is_empty() || former.len() < made.len(),
        };
        if is_better {
            self.roll_back(&reason);
            with_former.release(records)?;
            return former;
        }
        self.exchange();
        if made.is_ok() {
            self.go_on_from(&after)?;
            held.release(records)?;
        }
        made
    }

    /// What each plugin keeps.
    fn kept(&self) -> Vec<Option<Saved>> {
        self.line.links.iter().map(|link| link.saved().cloned()).collect()
    }

    fn go_on_from(&mut self, kept: &[Option<Saved>]) -> Result<(), Fault> {
        for (link, saved) in self.line.links.iter_mut().zip(kept) {
            link.go_on_from(saved.as_ref()).map_err(Fault::stop)?;
        }
        Ok(())
    }

    /// Calls so far in which a plugin broke.
    fn breaks(&self) -> u64 {
        self.line.links.iter().map(Link::breaks).sum()
    }

    /// Puts in place what has passed its trial, all at once, after the old versions handed over what they held.
    pub(super) fn take_offer(&mut self, records: &mut Deliver<'_>) -> Result<(), Fault> {
        let Some(offer) = self.offers.take() else { return Ok(()) };
        let started = Instant::now();
        let Some(mut successors) = self.successors(&offer) else {
            return Ok(());
        };
        for (at, _) in &successors {
            self.line
                .flush(*at, FlushReason::Swap, self.moment, (&self.known, self.most))?
                .into_iter()
                .try_for_each(&mut *records)?;
        }
        let pause_us = started.elapsed().as_micros();
        for (at, successor) in &mut successors {
            if let Some(link) = self.line.links.get_mut(*at) {
                link.trade_places(successor);
                link.note_swapped();
                if let Some(slot) = self.formers.get_mut(*at) {
                    *slot = Some(Former::Ready(successor.version()));
                }
                let (old, new) = (successor.short_digest(), link.short_digest());
                let what = successor.version().changes(&link.version()).unwrap_or("nothing");
                tracing::info!(plugin = link.name(), what, old, new, version = %link.description.version, from_seq = self.moment.seed, pause_us, "plugin swapped");
            }
        }
        // What former transforms made of tables comes no more.
        let closed = self.line.schemas.forget_reshaped();
        self.close(&closed);
        self.offers.set_at_work(self.line.links.iter().map(Link::version).collect());
        self.probation = Some(Probation::new(successors, std::mem::take(&mut self.rate)));
        Ok(())
    }

    /// New links for an offer, started and configured; none where one of them does not start: then all stays as it is.
    fn successors(&self, offer: &Offer) -> Option<Vec<(usize, Link)>> {
        let mut successors = Vec::with_capacity(offer.len());
        for (at, version) in offer {
            let link = self.line.links.get(*at)?;
            let started = Link::of(version).and_then(|mut successor| {
                successor.go_on_from(link.saved())?;
                Ok(successor)
            });
            match started {
                Ok(successor) => successors.push((*at, successor)),
                Err(error) => {
                    self.offers.refuse(*at, Some(&version.loaded.digest), &error);
                    tracing::warn!(plugin = link.name(), kept = link.short_digest(), refused = version.loaded.short_digest(), error = %format_args!("{error:#}"), "new version of a plugin does not start: the old one goes on");
                    return None;
                }
            }
        }
        Some(successors)
    }

    /// Puts what was replaced in the place of what replaced it, and the other way round.
    pub(super) fn exchange(&mut self) {
        let formers = self.probation.iter_mut().flat_map(|probation| &mut probation.formers);
        for (at, former) in formers {
            if let Some(link) = self.line.links.get_mut(*at) {
                link.trade_places(former);
            }
        }
    }

    /// Ends a probation for good, after the exchange: the new versions are not taken again.
    pub(super) fn roll_back(&mut self, reason: &str) {
        let Some(probation) = self.probation.take() else { return };
        for (at, new) in &probation.formers {
            let Some(link) = self.line.links.get_mut(*at) else { continue };
            tracing::error!(
                plugin = link.name(),
                back_to = link.short_digest(),
                taken_back = new.short_digest(),
                reason,
                "new version of a plugin is taken back, and will not be taken again"
            );
            link.note_rolled_back();
            if let Some(slot) = self.formers.get_mut(*at) {
                *slot = None;
            }
            self.offers
                .note(*at, SetbackKind::RolledBack, (Some(new.digest()), reason.to_owned()));
            self.offers.ban(*at, new.version().name());
        }
        self.offers.set_at_work(self.line.links.iter().map(Link::version).collect());
        self.rate = Rate::default();
    }
}

/// Records that are held back until it is known whether they are to go out.
struct Held {
    records: Vec<Records>,
    bytes: usize,
    room: usize,
    has_delivered: bool,
}

impl Held {
    fn new(room: usize) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            room,
            has_delivered: false,
        }
    }

    /// Holds them, and delivers all so far where there is no room for more.
    fn take(&mut self, records: Records, deliver: &mut Deliver<'_>) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(records.bytes());
        self.records.push(records);
        if self.bytes <= self.room {
            return Ok(());
        }
        self.has_delivered = true;
        self.release(deliver)
    }

    fn release(&mut self, deliver: &mut Deliver<'_>) -> Result<(), Fault> {
        self.bytes = 0;
        self.records.drain(..).try_for_each(deliver)
    }
}

/// A version of this plugin whose file was kept, with the settings of now.
fn recall(link: &Link, workshop: Option<&Arc<Workshop>>, digest: &str) -> anyhow::Result<Version> {
    let workshop = workshop.context("find where it is made ready")?;
    Ok(Version {
        loaded: workshop.recall(digest)?,
        ..link.version()
    })
}

/// In the place of a version that was taken back: the one that was at work at the last commit.
pub(super) fn former_link(link: &Link, workshop: Option<&Arc<Workshop>>, digest: &str) -> anyhow::Result<Link> {
    let help = "put another file in its place";
    let version = recall(link, workshop, digest).with_context(|| {
        format!(
            "plugin {}: its file holds a version that was taken back, and the one before is gone: {help}",
            link.name()
        )
    })?;
    tracing::warn!(
        plugin = link.name(),
        taken_back = link.short_digest(),
        at_work = version.loaded.short_digest(),
        "a plugin's file holds a version that was taken back: the one before goes on"
    );
    Link::of(&version)
}
