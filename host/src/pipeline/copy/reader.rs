//! Reads tables, a statement at a time, as the desk says.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tracing::info;

use super::Crew;
use super::task::{Chunk, Ended, Next, Task, Until};
use crate::batch::Keys;
use crate::fault::Fault;
use crate::pipeline::decode::now_ms;
use crate::position::Position;
use crate::source::{Begun, Copier, Layout, Lot};

/// How often a table that can't be read as its own definition says is looked at again, and after which wait.
const MOST_CHANGES: usize = 100;
const CHANGE_WAIT: Duration = Duration::from_millis(50);

/// See above.
pub(super) struct Reader<'a> {
    pub(super) crew: &'a Crew,
    /// While there is something to read.
    copier: Option<Copier>,
    /// What is before the stream's beginning is.
    is_settled: bool,
    open: Option<(Task, Arc<Layout>)>,
}

impl<'a> Reader<'a> {
    /// Without a connection.
    pub(super) fn new(crew: &'a Crew) -> Self {
        Self {
            crew,
            copier: None,
            is_settled: false,
            open: None,
        }
    }

    /// Works until nobody wants rows any more.
    pub(super) fn serve(&mut self) -> Result<(), Fault> {
        loop {
            match self.crew.desk.next(self.open.as_ref().map(|(task, _)| task), self.copier.is_some()) {
                Next::Over => return Ok(()),
                Next::Rest => self.copier = None,
                Next::Leave => self.open = None,
                Next::Urgent(task, position) => {
                    self.settle(Some(&position))?;
                    self.urgent(task)?;
                }
                Next::Begin(task, barrier) => {
                    self.settle(barrier.as_ref())?;
                    self.begin(task)?;
                }
                Next::Go(barrier) => {
                    self.settle(barrier.as_ref())?;
                    self.go()?;
                }
            }
        }
    }

    /// Connects where that is not done. A transaction before the stream's beginning was told earlier, or never will be, so that every
    /// reading has to see it.
    pub(super) fn copier(&mut self) -> Result<&mut Copier, Fault> {
        let copier = match self.copier.take() {
            Some(copier) => copier,
            None => Copier::open(&self.crew.config, self.crew.desk.over())?,
        };
        let copier = self.copier.insert(copier);
        if !self.is_settled {
            copier.settle(&self.crew.from)?;
            self.is_settled = true;
        }
        Ok(copier)
    }

    /// Waits until what is before a place is seen by every reading.
    fn settle(&mut self, barrier: Option<&Position>) -> Result<(), Fault> {
        barrier.map_or(Ok(()), |position| self.copier()?.settle(position))
    }

    fn begin(&mut self, mut task: Task) -> Result<(), Fault> {
        let Some(name) = self.crew.desk.name(task.table) else {
            return Ok(());
        };
        let (database, table) = &*name;
        let Some(layout) = self.layout(&mut task)? else {
            self.push_gone(&task);
            return Ok(());
        };
        let rows_about = self.copier()?.estimate(database, table);
        self.crew.progress.begin(database, table, rows_about);
        if task.after.is_none() {
            info!(
                table = format!("{database}.{table}"),
                rows_about = rows_about.unwrap_or(0),
                "copying a table"
            );
        } else {
            info!(table = format!("{database}.{table}"), "going on with the copy of a table");
        }
        if task.whole {
            return self.whole(task, layout);
        }
        self.open = Some((task, layout));
        Ok(())
    }

    /// What the table of a task is now. Where its key has another order than before, it is read from the start. `None`: it is gone,
    /// which the stage is told.
    pub(super) fn layout(&mut self, task: &mut Task) -> Result<Option<Arc<Layout>>, Fault> {
        let Some(name) = self.crew.desk.name(task.table) else {
            return Ok(None);
        };
        let (database, table) = &*name;
        let Some(layout) = self.copier()?.layout(database, table)? else {
            return Ok(None);
        };
        task.whole |= layout.order.is_none() || Keys::of(&layout.table).is_none();
        if task.whole || task.order != layout.order {
            task.after = None;
        }
        task.order.clone_from(&layout.order);
        Ok(Some(Arc::new(layout)))
    }

    /// One statement: its rows in one lot or several.
    fn go(&mut self) -> Result<(), Fault> {
        let Some((mut task, mut layout)) = self.open.take() else {
            return Ok(());
        };
        let limit = self.crew.config.source.snapshot_chunk_rows;
        for _ in 0..MOST_CHANGES {
            match self.copier()?.begin(&layout, task.after.as_ref(), limit)? {
                Begun::Changed => {
                    self.wait_for_change()?;
                    match self.layout(&mut task)? {
                        None => {
                            self.push_gone(&task);
                            return Ok(());
                        }
                        Some(_) if task.whole => {
                            self.crew.desk.put_back(task);
                            return Ok(());
                        }
                        Some(now) => layout = now,
                    }
                }
                Begun::Rows => return self.lots(task, layout, limit),
            }
        }
        Err(self.changes_too_fast(&task))
    }

    /// The rows of a statement that has begun.
    fn lots(&mut self, mut task: Task, layout: Arc<Layout>, limit: usize) -> Result<(), Fault> {
        let bytes = self.crew.desk.lot_bytes();
        let (mut rows, mut mark) = (0, None);
        loop {
            let lot = self.copier()?.lot(&layout, limit, bytes)?;
            // Read after the first row: before that the server may not have begun to look.
            let until = match &mark {
                Some(mark) => Clone::clone(mark),
                None => self.copier()?.mark()?,
            };
            mark = Some(until.clone());
            rows += lot.rows;
            let is_last = lot.is_last;
            if lot.rows > 0 {
                task.after = Some(lot.last.clone());
            }
            let end = (is_last && rows < limit).then_some(Ended::Done);
            if lot.rows > 0 || end.is_some() {
                self.push(&task, Some(&layout), (lot, Until::Passed(until)), end);
            }
            if end.is_some() {
                return Ok(());
            }
            if is_last {
                self.open = Some((task, layout));
                return Ok(());
            }
        }
    }

    /// One lot for which the stream waits, and which it takes whatever it holds.
    fn urgent(&mut self, mut task: Task) -> Result<(), Fault> {
        for _ in 0..MOST_CHANGES {
            let Some(layout) = self.layout(&mut task)? else {
                self.push_gone(&task);
                return Ok(());
            };
            let limit = self.crew.config.source.snapshot_chunk_rows;
            if let Begun::Changed = self.copier()?.begin(&layout, task.after.as_ref(), limit)? {
                self.wait_for_change()?;
                continue;
            }
            let bytes = self.crew.desk.lot_bytes();
            let lot = self.copier()?.lot(&layout, limit, bytes)?;
            let end = (lot.is_last && lot.rows < limit).then_some(Ended::Done);
            self.push(&task, Some(&layout), (lot, Until::Now), end);
            return Ok(());
        }
        Err(self.changes_too_fast(&task))
    }

    /// Tells the stage that there is no such table any more.
    pub(super) fn push_gone(&self, task: &Task) {
        self.push(task, None, (Lot::default(), Until::Now), Some(Ended::Gone));
    }

    pub(super) fn push(&self, task: &Task, layout: Option<&Arc<Layout>>, (lot, until): (Lot, Until), end: Option<Ended>) {
        self.crew.desk.push(Chunk {
            table: task.table,
            epoch: task.epoch,
            layout: layout.cloned(),
            lot,
            until,
            end,
            read_at_ms: now_ms(),
        });
    }

    /// A table is another one than a moment ago: the statement that made it so takes effect in a moment.
    pub(super) fn wait_for_change(&self) -> Result<(), Fault> {
        if self.crew.desk.is_closed() {
            return Err(Fault::retry(anyhow!("asked to stop")));
        }
        std::thread::sleep(CHANGE_WAIT);
        Ok(())
    }

    pub(super) fn changes_too_fast(&self, task: &Task) -> Fault {
        let name = self.crew.desk.name(task.table).map(|name| format!("{}.{}", name.0, name.1));
        Fault::retry(anyhow!(
            "copying table {}: it changes faster than it can be read as a whole; give it a primary key, or copy it while it is quiet",
            name.unwrap_or_default()
        ))
    }
}
