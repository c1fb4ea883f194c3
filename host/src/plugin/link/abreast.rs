//! Several instances of a plugin at one batch: each is given rows of its own, at the same time, and what they make is taken in the rows' order.
//!
//! What an instance does not take here is not judged: those rows are given to the plugin once more, alone, as if nothing had been.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Link, taken};
use crate::batch::{Records, Transactions};
use crate::plugin::error::Breakage;
use crate::plugin::instance::{CallError, Instance};
use crate::plugin::message::Message;
use crate::plugin::output::Call;
use crate::plugin::route::Routed;
use crate::plugin::schemas::{Announced, Item, Schemas};
use crate::plugin::state::Moment;

/// With fewer rows each, handing them over takes more than the others save.
const FEWEST_ROWS: usize = 512;

/// What one instance is given.
struct Share {
    announced: Arc<Announced>,
    message: Arc<Message>,
    call: Call,
}

/// What became of it.
struct Done<R> {
    made: Option<(R, Vec<Records>)>,
    counters: BTreeMap<String, f64>,
    broke: bool,
    took: Duration,
}

impl Link {
    /// How many instances there are.
    #[cfg(test)]
    pub(in crate::plugin) fn instances(&self) -> usize {
        self.instance.iter().len() + self.fellows.len()
    }

    /// A batch in as many parts as instances are to work at it at the same time: mostly one. One that comes in parts stays so.
    pub(in crate::plugin) fn split(&self, mut parts: Vec<Item>) -> Vec<Item> {
        let [item] = parts.as_slice() else { return parts };
        let rows = item.rows.num_rows();
        let count = self.width().min(rows / FEWEST_ROWS);
        if count > 1 {
            let each = rows.div_ceil(count);
            let starts = (0..rows).step_by(each);
            parts = starts.map(|start| item.slice(start, (start + each).min(rows))).collect();
        }
        parts
    }

    /// How many of its instances may work at the same time.
    pub(in crate::plugin) fn width(&self) -> usize {
        match self.description.parallel && !self.is_stateful() {
            true => usize::try_from(self.settings.instances).unwrap_or(1),
            false => 1,
        }
    }

    /// Runs an encoder over all parts, each with what it may hand over; none for those that have to be done again.
    pub(in crate::plugin) fn encode_abreast(
        &mut self,
        moment: Moment,
        parts: Vec<(&Item, Call)>,
        schemas: &mut Schemas,
        transactions: &Transactions,
    ) -> Vec<Option<Vec<Records>>> {
        let made = self.abreast(moment, parts, schemas, &|instance, share| {
            instance.encode(share.announced.id, &share.message, transactions.into())
        });
        made.into_iter().map(|made| made.map(|((), records)| records)).collect()
    }

    /// Runs a transform over all parts, each of which may become `most` bytes; as `encode_abreast`.
    pub(in crate::plugin) fn process_abreast(
        &mut self,
        moment: Moment,
        (parts, most): (&[Item], usize),
        (schemas, routed): (&mut Schemas, &mut Routed),
        transactions: &Transactions,
    ) -> Vec<Option<Option<Item>>> {
        let shares = parts.iter().map(|part| (part, Call::closed())).collect();
        let made = self.abreast(moment, shares, schemas, &|instance, share| {
            let made = instance.process(share.announced.id, &share.message, transactions.into())?;
            Ok((made, Arc::clone(&share.message)))
        });
        let made = made.into_iter().zip(parts);
        made.map(|(made, part)| {
            let ((made, message), _) = made?;
            taken((part, &message), made, most, (schemas, routed)).ok()
        })
        .collect()
    }

    fn abreast<R: Send>(
        &mut self,
        moment: Moment,
        parts: Vec<(&Item, Call)>,
        schemas: &mut Schemas,
        run: &(dyn Fn(&mut Instance, &Share) -> Result<R, CallError> + Sync),
    ) -> Vec<Option<(R, Vec<Records>)>> {
        let count = parts.len();
        let mut shares = Vec::with_capacity(count);
        for (part, call) in parts {
            // What can't be given here is judged where it is given alone.
            let Ok(message) = schemas.write(part) else {
                break;
            };
            shares.push(Share {
                announced: Arc::clone(&part.announced),
                message,
                call,
            });
        }
        let mut all = Vec::with_capacity(count);
        let mut shares = shares.into_iter();
        while shares.len() > 0 {
            let some: Vec<Share> = shares.by_ref().take(self.width()).collect();
            let mut crew = self.crew(moment, some.len());
            let done = all_at_once(&mut crew, some, moment, run);
            let mut crew = crew.into_iter();
            self.instance = crew.next().flatten();
            self.fellows = crew.flatten().collect();
            for done in done {
                self.ledger.measures.call(done.took);
                self.ledger.count(done.counters);
                if done.broke {
                    self.note_break();
                }
                all.push(done.made);
            }
        }
        all.resize_with(count, || None);
        all
    }

    /// So many instances, configured, or those that can be had.
    fn crew(&mut self, moment: Moment, count: usize) -> Vec<Option<Instance>> {
        let ready = self.instance.take().into_iter().chain(self.fellows.drain(..));
        let mut crew: Vec<Option<Instance>> = ready.map(Some).collect();
        // Of one that can't be started its share is done again, by whoever is at work then.
        while crew.len() < count {
            match self.new_instance(moment) {
                Ok(instance) => crew.push(Some(instance)),
                Err(_) => break,
            }
        }
        crew.resize_with(count.max(crew.len()), || None);
        crew
    }
}

/// Each instance with its share on a thread of its own, the first one on this.
fn all_at_once<R: Send>(
    crew: &mut [Option<Instance>],
    shares: Vec<Share>,
    moment: Moment,
    run: &(dyn Fn(&mut Instance, &Share) -> Result<R, CallError> + Sync),
) -> Vec<Done<R>> {
    std::thread::scope(|scope| {
        let mut work = crew.iter_mut().zip(shares);
        let own = work.next();
        let others: Vec<_> = work
            .map(|(slot, share)| {
                let thread = std::thread::Builder::new().name("plugin".into());
                thread.spawn_scoped(scope, move || one(slot, share, moment, run))
            })
            .collect();
        let mut done: Vec<Done<R>> = own.map(|(slot, share)| one(slot, share, moment, run)).into_iter().collect();
        let others = others.into_iter().map(|thread| thread.ok().and_then(|thread| thread.join().ok()));
        done.extend(others.map(|other| other.unwrap_or_else(Done::nothing)));
        done
    })
}

fn one<R>(
    slot: &mut Option<Instance>,
    mut share: Share,
    moment: Moment,
    run: &(dyn Fn(&mut Instance, &Share) -> Result<R, CallError> + Sync),
) -> Done<R> {
    let Some(instance) = slot else { return Done::nothing() };
    let started = Instant::now();
    instance.begin(moment, std::mem::replace(&mut share.call, Call::closed()));
    let outcome = instance.open(&share.announced).and_then(|()| run(instance, &share));
    let records = instance.finish();
    let took = started.elapsed();
    match outcome {
        Ok(made) => Done {
            made: Some((made, records)),
            counters: instance.counters(),
            broke: false,
            took,
        },
        Err(error) => {
            // What it counted on the way is counted when the rows are done again.
            drop(instance.counters());
            let broke = match error {
                CallError::Refused(_) => false,
                CallError::Broken(cause) => {
                    *slot = None;
                    !matches!(cause, Breakage::TooMuch { .. })
                }
            };
            Done {
                broke,
                took,
                ..Done::nothing()
            }
        }
    }
}

impl<R> Done<R> {
    fn nothing() -> Self {
        Self {
            made: None,
            counters: BTreeMap::new(),
            broke: false,
            took: Duration::ZERO,
        }
    }
}
