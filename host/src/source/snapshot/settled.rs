//! Which transactions of the log every reader sees. A transaction is logged before it is committed, so that a reading right after its
//! event may still lack it.
//!
//! MySQL counts a GTID as executed after the commit (from 5.7), MariaDB tells the place of the log that belongs to a reading. Other
//! servers tell neither: there a reading waits for longer than a commit takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::{Begun, Copier, Layout, no_log, spot_of};
use crate::config::{Config, Start};
use crate::fault::Fault;
use crate::position::{GtidSet, Position};
use crate::source::connection::TextRow;
use crate::source::file::flavor_of;
use crate::source::schema::Flavor;
use crate::source::spot::Spot;
use crate::source::start::resolve_start;
use crate::source::wire::Wire;

/// From a transaction's place in the log to its commit, where the server does not tell.
const COMMIT_TIME: Duration = Duration::from_secs(1);
/// How often the server is asked whether it has come so far.
const LOOK: Duration = Duration::from_millis(2);
/// A server that does not come so far is another one, or was set back.
const LONGEST: Duration = Duration::from_secs(60);

/// A place of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub(super) at: Spot,
}

impl Mark {
    /// Of a position.
    pub fn of(position: &Position) -> Self {
        Self {
            at: spot_of(&position.file, position.pos),
        }
    }

    /// Whether a stream that has read up to `pos` of `file` has passed it.
    pub fn is_passed(&self, file: &str, pos: u64) -> bool {
        self.at.is_up_to(&spot_of(file, pos))
    }
}

/// Up to where the stream has to go for one consistent reading, and which transactions up to there that reading has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    mark: Mark,
    seen: Seen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// All.
    All,
    /// These, and perhaps others.
    These(GtidSet),
    /// Nobody knows.
    Unknown,
}

impl Goal {
    /// Whether a stream that has read up to `pos` of `file` is there.
    pub fn is_reached(&self, file: &str, pos: u64) -> bool {
        self.mark.is_passed(file, pos)
    }

    /// Whether the reading has the transaction with this GTID for certain.
    pub fn has(&self, gtid: &str) -> bool {
        match &self.seen {
            Seen::All => true,
            Seen::These(set) => gtid.parse::<GtidSet>().is_ok_and(|one| !one.is_empty() && one.is_subset(set)),
            Seen::Unknown => false,
        }
    }
}

/// How a server tells what is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `gtid_executed`.
    Executed,
    /// The place of a reading.
    Reading,
    /// Not at all.
    Silent,
}

/// What the server is.
#[derive(Debug, Clone)]
pub(super) struct About {
    way: Way,
    flavor: Flavor,
    /// What shows the end of the log.
    status: &'static str,
}

impl About {
    pub(super) fn ask(wire: &mut Wire) -> Result<Self, Fault> {
        let version = wire.value("SELECT @@version")?.unwrap_or_default();
        let flavor = flavor_of(&version);
        let way = match flavor {
            Flavor::Mariadb => Way::Reading,
            Flavor::Mysql if wire.global("gtid_mode")?.as_deref() == Some("ON") && !version.starts_with("5.6.") => Way::Executed,
            Flavor::Mysql => Way::Silent,
        };
        // The first is MySQL 8.2 and later, the second what came before; each knows only its own.
        let status = match wire.query("SHOW BINARY LOG STATUS") {
            Err(Fault::Stop(_)) => "SHOW MASTER STATUS",
            Err(fault) => return Err(fault),
            Ok(_) => "SHOW BINARY LOG STATUS",
        };
        Ok(Self { way, flavor, status })
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.flavor == Flavor::Mariadb
    }

    /// The end of the log.
    pub(super) fn end(&self, wire: &mut Wire) -> Result<Mark, Fault> {
        let row = wire.query(self.status)?.into_iter().next().ok_or_else(no_log)?;
        Ok(Mark { at: spot(&row, 0, 1)? })
    }

    /// Opens a reading, and says what it has: a place where the server tells it.
    fn reading(wire: &mut Wire) -> Result<Spot, Fault> {
        wire.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
        let rows = wire.query("SHOW STATUS WHERE variable_name IN ('binlog_snapshot_file', 'binlog_snapshot_position')")?;
        let value = |name: &str| {
            let row = rows
                .iter()
                .find(|row| row.first().cloned().flatten().is_some_and(|text| text.eq_ignore_ascii_case(name)))?;
            row.get(1).cloned().flatten()
        };
        let row = vec![value("binlog_snapshot_file"), value("binlog_snapshot_position")];
        spot(&row, 0, 1)
    }

    /// The GTIDs whose transactions a reading from now on sees; MySQL's.
    fn executed(wire: &mut Wire) -> Result<GtidSet, Fault> {
        let text = wire.value("SELECT @@GLOBAL.gtid_executed")?.unwrap_or_default();
        text.parse().map_err(Fault::stop)
    }

    /// The last transactions before a place; MariaDB's.
    fn before(wire: &mut Wire, at: &Spot) -> Result<GtidSet, Fault> {
        let text = wire.value(&format!("SELECT BINLOG_GTID_POS('{}', {})", at.file, at.pos))?;
        text.unwrap_or_default().parse().map_err(Fault::stop)
    }
}

fn spot(row: &TextRow, file: usize, pos: usize) -> Result<Spot, Fault> {
    let field = |at: usize| row.get(at).cloned().flatten().filter(|text| !text.is_empty());
    match (field(file), field(pos).and_then(|pos| pos.parse().ok())) {
        (Some(file), Some(pos)) => Ok(spot_of(&file, pos)),
        _ => Err(no_log()),
    }
}

impl Copier {
    /// Waits until everything before `position` is seen by every reading that begins after this.
    ///
    /// # Errors
    /// `Retry` where the server does not come so far, or can't be reached.
    pub fn settle(&mut self, position: &Position) -> Result<(), Fault> {
        let deadline = Instant::now() + LONGEST;
        while !self.is_settled(position)? {
            pause(&self.stop, LOOK)?;
            if Instant::now() > deadline {
                return Err(Fault::retry(anyhow!(
                    "the server does not show the transactions up to {position} as committed"
                )));
            }
        }
        Ok(())
    }

    /// Opens one consistent reading of a table: all of it, without an order. Then `lot` gives the rows, and `end_whole` ends it.
    ///
    /// # Errors
    /// As `begin`.
    pub fn begin_whole(&mut self, layout: &Layout) -> Result<(Begun, Goal), Fault> {
        self.drain()?;
        let goal = match self.about.way {
            Way::Reading => Goal {
                mark: Mark {
                    at: About::reading(&mut self.rows)?,
                },
                seen: Seen::All,
            },
            way => {
                let seen = match way {
                    Way::Executed => Seen::These(About::executed(&mut self.side)?),
                    _ => Seen::Unknown,
                };
                self.rows.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
                Goal {
                    mark: self.about.end(&mut self.side)?,
                    seen,
                }
            }
        };
        Ok((self.begin(layout, None, usize::MAX)?, goal))
    }

    /// Ends the reading, whatever is left of it.
    ///
    /// # Errors
    /// As `open`.
    pub fn end_whole(&mut self) -> Result<(), Fault> {
        self.drain()?;
        self.rows.query("COMMIT")?;
        Ok(())
    }

    fn is_settled(&mut self, position: &Position) -> Result<bool, Fault> {
        match (self.about.way, &position.gtid) {
            (Way::Executed, Some(gtid)) => Ok(gtid.is_subset(&About::executed(&mut self.side)?)),
            (Way::Reading, Some(gtid)) => {
                let at = About::reading(&mut self.side)?;
                self.side.query("COMMIT")?;
                Ok(gtid.is_subset(&About::before(&mut self.side, &at)?))
            }
            _ => {
                pause(&self.stop, COMMIT_TIME)?;
                Ok(true)
            }
        }
    }
}

fn pause(stop: &AtomicBool, time: Duration) -> Result<(), Fault> {
    let until = Instant::now() + time;
    loop {
        if stop.load(Ordering::Acquire) {
            return Err(Fault::retry(anyhow!("asked to stop")));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Where the stream begins of a connector that copies tables first: a place that readings can be settled on at once, where the server tells
/// one.
///
/// # Errors
/// As `resolve_start`.
pub fn settled_start(config: &Config) -> Result<Position, Fault> {
    if config.source.start != Start::Latest {
        return resolve_start(config);
    }
    let mut wire = Wire::open(&config.source)?;
    let about = About::ask(&mut wire)?;
    if about.way == Way::Reading {
        let at = About::reading(&mut wire)?;
        let gtid = Some(About::before(&mut wire, &at)?);
        return Ok(Position {
            gtid,
            file: at.file,
            pos: at.pos,
        });
    }
    // Executed GTIDs come with it where there are some.
    resolve_start(config)
}
