//! What a connector does whose server has purged changes that it has not read.

use anyhow::anyhow;
use tracing::warn;

use super::decode::now_ms;
use crate::checkpoint::{Checkpoint, Checkpoints, Left};
use crate::config::{Config, OnPurged, SourceKind, Start};
use crate::fault::Fault;
use crate::source::{self, TableRef};

/// The checkpoint, unless the server has purged what comes after it: then one at the log's end, with all tables to be copied, where that
/// is wanted. Numbers go on rising.
pub(super) fn pass(config: &Config, found: Checkpoint, tables: &[TableRef], store: &mut dyn Checkpoints) -> Result<Checkpoint, Fault> {
    if config.source.kind != SourceKind::Mysql {
        return Ok(found);
    }
    let Some(lost) = source::purged(config, &found.position)? else {
        return Ok(found);
    };
    if config.source.on_purged == OnPurged::Stop {
        return Err(Fault::stop(anyhow!(
            "the server has purged changes that were not read: {lost} (the position is {}); set source.on_purged = \"snapshot\" to copy all \
             tables anew, or pass the gap with `rowmill position set`, or read the files from a backup with source.kind = \"file\"; and have the \
             server keep its log for longer (binlog_expire_logs_seconds, expire_logs_days)",
            found.position
        )));
    }
    let mut latest = config.clone();
    latest.source.start = Start::Latest;
    let position = source::settled_start(&latest)?;
    let next = Checkpoint {
        next_sequence: found.next_sequence,
        saved_at_ms: now_ms(),
        skip_before_ms: None,
        prepared: Vec::new(),
        inside: None,
        log: None,
        plugins: found.plugins.clone(),
        copying: tables
            .iter()
            .map(|table| Left {
                since: Some(position.clone()),
                ..Left::again(&table.database, &table.name)
            })
            .collect(),
        position,
    };
    store.save(&next)?;
    warn!(
        connector = %config.name,
        lost,
        was = %found.position,
        now = %next.position,
        tables = next.copying.len(),
        "the server has purged changes that were not read: all tables are copied anew; rows that were deleted meanwhile are told to nobody"
    );
    Ok(next)
}
