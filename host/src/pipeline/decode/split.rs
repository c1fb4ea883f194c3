//! Source transactions that are committed in parts, because Kafka can't hold one open for as long or as large as they are: the
//! checkpoint then says how many of their rows are delivered, and a restart passes these over.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::{End, Stage};
use crate::batch::Batcher;
use crate::checkpoint::{Inside, TableRows};
use crate::failpoint::{Point, reach};
use crate::fault::Fault;
use crate::source::Transaction;

/// The largest part of a source transaction that is committed at once.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Part {
    /// Bytes of row images.
    pub(in crate::pipeline) bytes: usize,
    /// Since its first event arrived.
    pub(in crate::pipeline) time: Duration,
}

/// The open transaction's part, and what is to be passed over of one to come.
#[derive(Debug)]
pub(super) struct Split {
    most: Part,
    bytes: usize,
    since: Instant,
    /// What has been delivered of the open transaction, or of one to come.
    delivered: Option<Inside>,
    /// It is the open one.
    is_open: bool,
}

impl Split {
    pub(super) fn new(most: Part, delivered: Option<Inside>) -> Self {
        Self {
            most,
            bytes: 0,
            since: Instant::now(),
            delivered,
            is_open: false,
        }
    }

    /// A new part begins.
    fn begin(&mut self) {
        self.bytes = 0;
        self.since = Instant::now();
    }

    fn is_due(&self) -> bool {
        self.bytes > self.most.bytes || self.since.elapsed() > self.most.time
    }

    /// The open transaction is over.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.delivered = None;
        }
    }

    /// What a checkpoint has to say beside the place after the last whole transaction.
    pub(super) fn delivered(&self) -> Option<Inside> {
        self.delivered.clone()
    }
}

impl Stage<'_> {
    /// A transaction begins: rows of it that are delivered already are passed over.
    pub(super) fn begin_part(&mut self) {
        self.split.begin();
        if let Some(delivered) = self.split.delivered.clone().filter(|delivered| is_of(delivered, &self.transaction)) {
            self.split.is_open = true;
            tracing::info!(
                gtid = delivered.gtid,
                file = delivered.file,
                pos = delivered.pos,
                "going on inside a transaction that is delivered in part"
            );
            self.marked.resume(delivered.begin, &delivered.topics);
            let rows = delivered.rows.into_iter();
            let passed = rows.map(|counted| ((counted.database, counted.table), counted.rows)).collect();
            self.parts.batcher.pass(&self.transaction, passed);
        }
    }

    /// Rows with images of so many bytes were added: what is too large or has taken too long is committed so far.
    pub(super) fn end_part(&mut self, bytes: usize) -> Result<(), End> {
        self.split.bytes = self.split.bytes.saturating_add(bytes);
        if !self.in_transaction || !self.split.is_due() || self.parts.batcher.is_passing() {
            return Ok(());
        }
        self.close_batches()?;
        self.split.delivered = Some(self.inside());
        self.split.is_open = true;
        let checkpoint = self.checkpoint(self.parts.interpreter.position().clone());
        reach(Point::PartDecided);
        self.send_commit(checkpoint)?;
        self.split.begin();
        self.committed();
        Ok(())
    }

    fn inside(&self) -> Inside {
        let (begin, topics) = self.marked.state();
        Inside {
            gtid: self.transaction.gtid.clone(),
            file: self.transaction.file.clone(),
            pos: self.transaction.pos,
            rows: counted(&self.parts.batcher),
            begin,
            topics,
        }
    }

    /// The open transaction has ended: all that was to be passed over must have come.
    pub(super) fn nothing_left_to_pass(&self) -> Result<(), Fault> {
        if !self.parts.batcher.is_passing() {
            return Ok(());
        }
        let Transaction { gtid, file, pos, .. } = &self.transaction;
        Err(Fault::stop(anyhow!(
            "the transaction {gtid} at {file}:{pos} was delivered in part before, and now has fewer rows than were delivered; \
             if source.tables has been changed meanwhile, change it back until this transaction is over, or set another position"
        )))
    }
}

fn counted(batcher: &Batcher) -> Vec<TableRows> {
    let rows = |(database, table, rows): (&str, &str, u64)| TableRows {
        database: database.to_owned(),
        table: table.to_owned(),
        rows,
    };
    batcher.transaction_rows().map(rows).collect()
}

/// A GTID names a transaction on every server, a place only on one.
fn is_of(delivered: &Inside, transaction: &Transaction) -> bool {
    if delivered.gtid.is_empty() {
        (&delivered.file, delivered.pos) == (&transaction.file, transaction.pos)
    } else {
        delivered.gtid == transaction.gtid
    }
}
