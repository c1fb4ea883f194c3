//! New versions do, in throw-away instances, what they will have to do at once: describe themselves, take their configuration, open every live
//! schema, and process a batch that came lately, all those behind them too.

use anyhow::Context;

use super::ipc::Schemas;
use super::line::{Line, Pass};
use super::link::Link;
use super::offers::{Last, Offer, Offers};
use super::route::Routed;

/// Tries these versions out together with those that are at work.
///
/// # Errors
/// What fails, and where.
pub(super) fn rehearse(offers: &Offers, offer: &Offer) -> anyhow::Result<()> {
    let mut versions = offers.coming();
    for (at, version) in offer {
        if let Some(slot) = versions.get_mut(*at) {
            slot.clone_from(version);
        }
    }
    let links: Vec<Link> = versions.iter().map(Link::of).collect::<anyhow::Result<_>>()?;
    // As many topics as it likes: what they may be is settled when it is at work.
    let mut line = Line::new(links, Routed::new(usize::MAX))?;
    for at in offer.keys() {
        if let Some(link) = line.links.get_mut(*at) {
            let sample = offers.sample(*at);
            link.go_on_from(sample.saved.as_ref()).context("on trial")?;
            link.open(sample.schemas.values()).context("on trial")?;
        }
    }
    let first = offer.keys().next().copied().unwrap_or_default();
    let Some(last) = offers.sample(first).last else { return Ok(()) };
    line.schemas = Schemas::on_trial();
    line.schemas.adopt(&last.item.announced)?;
    let Last {
        item,
        table: (database, table),
        transactions,
        topic,
        known,
        most,
        moment,
    } = &last;
    let pass = Pass {
        table: (database, table),
        transactions,
        topic,
        known,
        most: *most,
        moment: *moment,
    };
    line.run(&pass, (item.clone(), first), &mut |_, _, _| {}, &mut |_| Ok(()))
        .map(drop)
        .context("process a batch that came lately, on trial")
}
