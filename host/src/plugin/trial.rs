//! New versions do, in throw-away instances, what they will have to do at once: describe themselves, take their configuration, open every live
//! schema, and process a batch that came lately, all those behind them too; and a batch that has something of everything, which may come next.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::line::{Line, Pass};
use super::link::{Link, Most};
use super::offers::{Last, Offer, Offers, Version};
use super::route::Routed;
use super::sample::Sample;
use super::schemas::{Item, Schemas};
use crate::batch::Records;
use crate::config::OnError;
use crate::fault::Fault;

/// Bytes that may be made of the batch that has something of everything, which is a few kilobytes large.
const MOST: Most = Most {
    one: 16 << 20,
    several: 16 << 20,
};

/// Tries these versions out together with those that are at work.
///
/// # Errors
/// What fails, and where.
pub(super) fn rehearse(offers: &Offers, offer: &Offer) -> anyhow::Result<()> {
    lately(offers, offer)?;
    of_everything(offers, offer)
}

/// What is at work, but for these.
fn replaced(offers: &Offers, offer: &Offer) -> Vec<Version> {
    let mut versions = offers.coming();
    for (at, version) in offer {
        if let Some(slot) = versions.get_mut(*at) {
            slot.clone_from(version);
        }
    }
    // What several instances would make one makes, and the rooms of the others are for those at work.
    for version in &mut versions {
        version.settings.instances = 1;
    }
    versions
}

fn line(versions: &[Version]) -> anyhow::Result<Line> {
    let links: Vec<Link> = versions.iter().map(Link::of).collect::<anyhow::Result<_>>()?;
    // As many topics as it likes: what they may be is settled when it is at work.
    Line::new(links, Routed::new(usize::MAX))
}

/// A batch that came lately, with the state and the schemas that the versions would take over with.
fn lately(offers: &Offers, offer: &Offer) -> anyhow::Result<()> {
    let mut line = line(&replaced(offers, offer))?;
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
    line.schemas.adopt(&last.item.announced);
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
    let once = made(&mut line, &pass, (item, first))
        .map_err(Fault::into_error)
        .context("process a batch that came lately, on trial")?;
    // What keeps state answers by it, as it says.
    if line.links.iter().skip(first).any(Link::is_stateful) {
        return Ok(());
    }
    let again = made(&mut line, &pass, (item, first))
        .map_err(Fault::into_error)
        .context("process a batch that came lately once more, on trial")?;
    if once != again {
        let plugins: Vec<&str> = offer.values().map(|version| version.settings.name.as_str()).collect();
        tracing::warn!(
            plugin = plugins.join(", "),
            "new version of a plugin answers differently when it is given the same batch again: what it makes of a row depends on what came before, \
             which it forgets at a restart unless it exports the interface state"
        );
    }
    Ok(())
}

fn made(line: &mut Line, pass: &Pass<'_>, (item, first): (&Item, usize)) -> Result<Vec<Records>, Fault> {
    let mut all = Vec::new();
    line.run(pass, (item.clone(), first), &mut |_, _, _| {}, &mut |records| {
        all.push(records);
        Ok(())
    })?;
    Ok(all)
}

/// A batch that has something of everything. A plugin may refuse it, since it was not made for its table; where it breaks over it, it must not be
/// worse than what it replaces.
fn of_everything(offers: &Offers, offer: &Offer) -> anyhow::Result<()> {
    let Some((at, plugin, reason)) = broken(&replaced(offers, offer), offer)? else {
        return Ok(());
    };
    let former = broken(&offers.coming(), offer)?;
    if former.is_some_and(|(former, _, _)| former <= at) {
        return Ok(());
    }
    bail!("plugin {plugin} breaks over a batch that has something of everything, on trial, and the one at work does not: {reason}")
}

/// The first of the offer's places whose plugin breaks over it, its name, and how; what is refused goes no further.
fn broken(versions: &[Version], offer: &Offer) -> anyhow::Result<Option<(usize, String, String)>> {
    let mut versions = versions.to_vec();
    for version in &mut versions {
        version.settings.on_error = OnError::Stop;
    }
    let mut line = line(&versions)?;
    let first = offer.keys().next().copied().unwrap_or_default();
    let sample = Sample::of_everything()?;
    line.schemas = Schemas::on_trial();
    let (item, _) = line.schemas.admit(&sample.batch)?;
    let known = Arc::new(BTreeSet::from([Arc::clone(&sample.topic)]));
    let pass = Pass::of(&sample.batch, &sample.topic, &known, MOST);
    let Err(fault) = made(&mut line, &pass, (&item, first)) else {
        return Ok(None);
    };
    let mut places = line.links.iter().enumerate().skip(first);
    let found = places.find(|(_, link)| link.breaks() > 0);
    Ok(found.map(|(at, link)| (at, link.name().to_owned(), fault.to_string())))
}
