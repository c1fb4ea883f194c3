//! `rowmill position`: what a connector has stored, and another place to go on at.

use std::time::{SystemTime, UNIX_EPOCH};

use rowmill::checkpoint::{Checkpoint, Left};
use rowmill::config::Config;
use rowmill::position::{GtidSet, Position as Place};

use super::arguments::{Position, SetPosition};
use super::failure::Failure;
use super::{output, wiring};

/// Shows or sets.
pub(super) fn position(action: &Position) -> Result<(), Failure> {
    match action {
        Position::Show { config } => {
            let config = rowmill::config::load(config)?;
            let found = wiring::checkpoints(&config).load()?;
            output::print_json(&json(found.as_ref())?)
        }
        Position::Set(request) => set(request),
    }
}

/// The sequence goes on where it was: ids stay strictly increasing, and what is sent again gets new ones.
fn set(request: &SetPosition) -> Result<(), Failure> {
    let config = rowmill::config::load(&request.config)?;
    let place = place(request, &config)?;
    let _still = wiring::standstill(&config)?;
    let mut checkpoints = wiring::checkpoints(&config);
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let found = checkpoints.load()?;
    let (next_sequence, copying) = found.map_or_else(
        || (Checkpoint::first_sequence(now_ms), Vec::new()),
        |found| {
            // What lies between the two places is told by nobody: the copies have to have it.
            let since = Some(&place).filter(|_| request.time.is_none());
            let copying = found.copying.into_iter().map(|left| Left {
                since: since.cloned(),
                ..left
            });
            (found.next_sequence, copying.collect())
        },
    );
    let checkpoint = Checkpoint {
        position: place,
        next_sequence,
        saved_at_ms: now_ms,
        skip_before_ms: request.time,
        // What was prepared before the new place is looked for in the log when it is committed.
        prepared: Vec::new(),
        inside: None,
        log: None,
        copying,
        // What they kept belongs to the place where they were.
        plugins: Vec::new(),
    };
    checkpoints.save(&checkpoint)?;
    output::print_json(&json(Some(&checkpoint))?)
}

fn place(request: &SetPosition, config: &Config) -> Result<Place, Failure> {
    if let Some(text) = &request.gtid {
        let gtid = GtidSet::try_from(text.clone()).map_err(|error| Failure::usage(format!("--gtid: {error}")))?;
        return Ok(Place {
            gtid: Some(gtid),
            ..Place::default()
        });
    }
    if let (Some(file), Some(pos)) = (&request.file, request.pos) {
        if file.is_empty() || file.contains('/') {
            return Err(Failure::usage(
                "--file: expected the name of a binlog file without its folder, as SHOW BINARY LOGS lists it",
            ));
        }
        return Ok(Place {
            gtid: None,
            file: file.clone(),
            pos,
        });
    }
    Ok(wiring::place_at_time(config, request.time.unwrap_or_default())?)
}

fn json(checkpoint: Option<&Checkpoint>) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(checkpoint).map_err(|error| Failure::Failed(format!("showing the position: {error}")))
}
