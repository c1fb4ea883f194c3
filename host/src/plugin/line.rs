//! The plugins in order and what flows between them: one batch through all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;

use super::chain::Deliver;
use super::contents::Kind;
use super::link::{ATTEMPTS, Link, Most, Work};
use super::output::Call;
use super::route::{Routed, Routes};
use super::schemas::{Item, Schemas};
use super::sift::{Rejected, Sifting};
use super::state::Moment;
use super::wire::FlushReason;
use crate::batch::{Batch, Records, Transactions};
use crate::fault::Fault;

/// What all plugins see of one batch's way.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    /// Database and table.
    pub table: (&'a str, &'a str),
    /// The transactions of its rows.
    pub transactions: &'a Transactions,
    /// The table's own topic.
    pub topic: &'a Arc<str>,
    /// Topics that encoders may name.
    pub known: &'a Arc<BTreeSet<Arc<str>>>,
    /// Bytes that one call may hand over.
    pub most: Most,
    /// Time and chance.
    pub moment: Moment,
}

impl<'a> Pass<'a> {
    /// Of a batch as it comes: its clock stands still at now, when it is handled; chance follows from its first row.
    pub(super) fn of(batch: &'a Batch, topic: &'a Arc<str>, known: &'a Arc<BTreeSet<Arc<str>>>, most: Most) -> Self {
        Self {
            table: (&batch.table.database, &batch.table.name),
            transactions: &batch.transactions,
            topic,
            known,
            most,
            moment: moment(batch),
        }
    }

    fn work<'w>(&self, what: &'w dyn Fn() -> String, call: &'w dyn Fn() -> Call) -> Work<'w> {
        Work {
            what,
            moment: self.moment,
            call,
            attempts: ATTEMPTS,
            most: self.most,
        }
    }
}

fn moment(batch: &Batch) -> Moment {
    let seq = batch.rows.column_by_name("seq");
    let seq = seq.and_then(|seq| seq.as_primitive_opt::<UInt64Type>()?.values().first().copied());
    Moment {
        now_ms: wall_clock_ms(),
        seed: seq.unwrap_or_default(),
    }
}

fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Transforms, then exactly one encoder.
pub(super) struct Line {
    /// In order; the encoder is the last one. Never empty.
    pub links: Vec<Link>,
    /// Every schema that the links know.
    pub schemas: Schemas,
    /// Topics that transforms sent rows to.
    pub routed: Routed,
}

impl Line {
    /// A line of these links.
    ///
    /// # Errors
    /// Where they are not transforms and one encoder.
    pub(super) fn new(links: Vec<Link>, routed: Routed) -> anyhow::Result<Self> {
        let (encoder, transforms) = links
            .split_last()
            .context("the chain of plugins is empty: at least an encoder is needed")?;
        let is_encoder = |link: &Link| link.description.kind == Kind::Encoder.name();
        if !is_encoder(encoder) {
            bail!(
                "the last [[plugin]] is a {}: add an encoder after it, such as builtin = \"envelope\"",
                encoder.description.kind
            );
        }
        if transforms.iter().any(is_encoder) {
            bail!("an encoder stands before the last [[plugin]]: the chain is transforms, then one encoder");
        }
        Ok(Self {
            links,
            schemas: Schemas::default(),
            routed,
        })
    }

    /// One batch through the links from `first` on; the rows that a plugin did not take come back, and nothing of them is in the records. A batch
    /// that is too much for a plugin goes in parts, each of which goes all the way before the next one.
    ///
    /// # Errors
    /// `Stop` where a plugin whose `on_error` is so refuses or breaks; `Retry` where a plugin says so. Records of parts before may have been
    /// delivered. What `records` refuses is passed on.
    pub(super) fn run(
        &mut self,
        pass: &Pass<'_>,
        (item, first): (Item, usize),
        seen: &mut Seen<'_>,
        records: &mut Deliver<'_>,
    ) -> Result<Vec<Rejected>, Fault> {
        let (database, table) = pass.table;
        let (_, place) = pass.transactions.names(0);
        let rows = item.rows.num_rows();
        let what = || format!("{rows} rows of {database}.{table}, from the transaction at {place} on");
        let Self { links, schemas, routed } = self;
        routed.beside(pass.known);
        let mut through = Through {
            pass,
            what: &what,
            schemas,
            routed,
            rejected: Vec::new(),
            seen,
            records,
        };
        through.run(links.get_mut(first..).unwrap_or_default(), (vec![item], first))?;
        Ok(through.rejected)
    }

    /// A control event through the encoder; nothing where it did not ask for its kind. `topics` are those that the event goes to.
    ///
    /// # Errors
    /// As `run`.
    pub(super) fn control(
        &mut self,
        event: &serde_json::Value,
        topics: &[Arc<str>],
        known: &Arc<BTreeSet<Arc<str>>>,
        most: Most,
    ) -> Result<Vec<Records>, Fault> {
        let kind = event.get("event").and_then(serde_json::Value::as_str).unwrap_or_default();
        let Some(encoder) = self.links.last_mut() else {
            return Ok(Vec::new());
        };
        if !encoder.description.controls.iter().any(|wanted| wanted == kind) {
            return Ok(Vec::new());
        }
        let now_ms = wall_clock_ms();
        let ms = event.get("ts").and_then(serde_json::Value::as_i64);
        let ms = ms.or_else(|| i64::try_from(now_ms).ok()).unwrap_or_default();
        let own = match topics {
            [only] => Some(Arc::clone(only)),
            _ => None,
        };
        let work = Work {
            what: &|| format!("control event {kind}"),
            moment: Moment {
                now_ms,
                seed: event.get("seq").and_then(serde_json::Value::as_u64).unwrap_or(now_ms),
            },
            call: &|| Call::for_event(ms, own.clone(), known, most.one),
            attempts: ATTEMPTS,
            most,
        };
        encoder.control(&work, &event.to_string())
    }

    /// Asks a link for what it holds back.
    ///
    /// # Errors
    /// `Stop` where it breaks over it, since what it held is lost.
    pub(super) fn flush(
        &mut self,
        at: usize,
        reason: FlushReason,
        moment: Moment,
        (known, most): (&Arc<BTreeSet<Arc<str>>>, Most),
    ) -> Result<Vec<Records>, Fault> {
        let Some(link) = self.links.get_mut(at) else {
            return Ok(Vec::new());
        };
        let moment = Moment {
            now_ms: wall_clock_ms(),
            ..moment
        };
        let ms = i64::try_from(moment.now_ms).unwrap_or_default();
        let work = Work {
            what: &|| format!("flush ({reason:?})"),
            moment,
            call: &|| Call::for_event(ms, None, known, most.one),
            attempts: 1,
            most,
        };
        link.flush(&work, reason)
    }
}

/// Is shown what a link at this place is about to be given.
pub(super) type Seen<'a> = dyn FnMut(usize, &Link, &Item) + 'a;

/// A batch on its way.
struct Through<'a, 'r> {
    pass: &'a Pass<'a>,
    what: &'a dyn Fn() -> String,
    schemas: &'a mut Schemas,
    routed: &'a mut Routed,
    rejected: Vec<Rejected>,
    seen: &'a mut Seen<'r>,
    records: &'a mut Deliver<'r>,
}

impl Through<'_, '_> {
    /// Through these links, the first of which is at this place; what a transform makes of a part goes on before the next part is begun, and what
    /// it made of several at the same time goes on together.
    fn run(&mut self, links: &mut [Link], (parts, at): (Vec<Item>, usize)) -> Result<(), Fault> {
        let Some((link, rest)) = links.split_first_mut() else {
            return Ok(());
        };
        let (database, table) = self.pass.table;
        if !link.takes(database, table) {
            return self.run(rest, (parts, at + 1));
        }
        if rest.is_empty() {
            return self.encode(link, (parts, at));
        }
        let parts = link.split(parts);
        let made = self.process_abreast(link, &parts, at);
        let mut sifting = Sifting::of(parts, made);
        let mut together = Vec::new();
        loop {
            let is_ready = sifting.is_ready();
            if !is_ready && !together.is_empty() {
                self.run(rest, (std::mem::take(&mut together), at + 1))?;
            }
            let Self {
                pass,
                what,
                schemas,
                routed,
                rejected,
                seen,
                ..
            } = self;
            let work = pass.work(*what, &Call::closed);
            let processed = sifting.next(link, &work, rejected, |link, work, part| {
                seen(at, link, part);
                link.process(work, part, (schemas, routed), pass.transactions)
            })?;
            match processed {
                Some((_, Some(item))) if is_ready => together.push(item),
                Some((_, Some(item))) => self.run(rest, (vec![item], at + 1))?,
                Some((_, None)) => {}
                None => return Ok(()),
            }
        }
    }

    /// What became of parts that several instances are given at the same time; nothing where there is one of either. All of them together
    /// may make as much as one call.
    fn process_abreast(&mut self, link: &mut Link, parts: &[Item], at: usize) -> Vec<Option<Option<Item>>> {
        let Some(most) = self.most_abreast(link, parts, at) else {
            return Vec::new();
        };
        link.process_abreast(self.pass.moment, (parts, most), (self.schemas, self.routed), self.pass.transactions)
    }

    /// The same of an encoder.
    fn encode_abreast(&mut self, encoder: &mut Link, parts: &[Item], at: usize) -> Vec<Option<Vec<Records>>> {
        let Some(most) = self.most_abreast(encoder, parts, at) else {
            return Vec::new();
        };
        let Pass { topic, known, .. } = *self.pass;
        let call = |part: &Item| Call::for_batch(&part.rows, topic, known, most);
        let parts = parts.iter().map(|part| (part, call(part))).collect();
        encoder.encode_abreast(self.pass.moment, parts, self.schemas, self.pass.transactions)
    }

    /// Bytes that each of these parts may become where several instances are given them.
    fn most_abreast(&mut self, link: &Link, parts: &[Item], at: usize) -> Option<usize> {
        let [first, _, ..] = parts else { return None };
        if link.width() < 2 {
            return None;
        }
        (self.seen)(at, link, first);
        self.pass.most.several.checked_div(parts.len())
    }

    fn encode(&mut self, encoder: &mut Link, (parts, at): (Vec<Item>, usize)) -> Result<(), Fault> {
        let parts = encoder.split(parts);
        let made = self.encode_abreast(encoder, &parts, at);
        let mut sifting = Sifting::of(parts, made);
        let Self {
            pass,
            what,
            schemas,
            routed,
            rejected,
            seen,
            records,
        } = self;
        let work = pass.work(*what, &Call::closed);
        let mut encode = |link: &mut Link, work: &Work<'_>, part: &Item| {
            seen(at, link, part);
            let most = pass.most.of(part.rows.num_rows());
            let call = || Call::for_batch(&part.rows, pass.topic, pass.known, most);
            let work = Work { call: &call, ..*work };
            link.encode(&work, part, schemas, pass.transactions)
        };
        while let Some((part, mut made)) = sifting.next(encoder, &work, rejected, &mut encode)? {
            if let Some(routes) = Routes::of(&part.rows) {
                made = made.into_iter().map(|some| routes.apply(some, routed)).collect();
            }
            made.into_iter().try_for_each(&mut **records)?;
        }
        Ok(())
    }
}
