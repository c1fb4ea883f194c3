//! Whether a server's log is the one that a position is a place in, and has all that was delivered: another server behind the same
//! address, or a log that was reset, would otherwise be read from a place that means nothing there.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::config::Config;
use crate::fault::Fault;
use crate::position::{GtidSet, Log, Position};
use crate::source::schema::Flavor;
use crate::source::spot::Spot;
use crate::source::start::head;
use crate::source::wire::Wire;

/// A transaction is in the log, from which it is delivered, a moment before the server counts it as executed.
const COUNTED: Duration = Duration::from_secs(5);
/// Between two looks at what is executed.
const LOOK: Duration = Duration::from_millis(100);
/// Characters of a set in an error.
const SHOWN: usize = 300;
/// Column of a replica's status that says whether it applies what it has got.
const APPLIES: usize = 11;

/// The server's name for itself.
pub(in crate::source) fn server_of(wire: &mut Wire, flavor: Flavor) -> Result<String, Fault> {
    let uuid = match flavor {
        Flavor::Mysql => wire.global("server_uuid")?,
        Flavor::Mariadb => wire.global("server_uid")?,
    };
    if let Some(uuid) = uuid.filter(|uuid| !uuid.is_empty()) {
        return Ok(uuid);
    }
    Ok(wire
        .value("SELECT CONCAT(@@GLOBAL.server_id, '@', @@hostname)")?
        .unwrap_or_default())
}

/// What a position is compared with.
pub(super) struct Server<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) config: &'a Config,
    pub(super) flavor: Flavor,
    pub(super) name: &'a str,
}

impl Server<'_> {
    /// That the position has GTIDs of this server's family, if any.
    ///
    /// # Errors
    /// `Stop` where they are of the other one.
    pub(super) fn demand_family(&self, from: &Position) -> Result<(), Fault> {
        let other = match (&from.gtid, self.flavor) {
            (Some(set), Flavor::Mysql) if set.has_domains() => "one of MariaDB",
            (Some(set), Flavor::Mariadb) if set.has_servers() => "one of MySQL",
            _ => return Ok(()),
        };
        let own = if self.flavor == Flavor::Mysql { "MySQL" } else { "MariaDB" };
        Err(Fault::stop(anyhow!(
            "the position {from} is {other}, and {} is {own}; move the position",
            self.wire.address()
        )))
    }

    /// That the server's log is that of the position; nothing is known of one that was set by hand.
    ///
    /// # Errors
    /// `Stop` where the position's file means nothing on this server, or its log was begun anew since.
    pub(super) fn demand_same(&mut self, from: &Position, log: Option<&Log>, by_gtid: bool) -> Result<(), Fault> {
        let Some(log) = log.filter(|log| !log.server.is_empty()) else {
            return Ok(());
        };
        let address = self.wire.address().to_owned();
        if log.server != self.name {
            if by_gtid {
                tracing::warn!(
                    address,
                    server = self.name,
                    before = log.server,
                    "it is another server than before: going on by GTID"
                );
                return Ok(());
            }
            return Err(Fault::stop(anyhow!(
                "the position {from} is a place in the log of the server {}, and {address} is another server, {}, on which it means nothing; take a \
                 new snapshot, or move the position to the same change in this server's log (rowmill position set). With gtid_mode=ON a \
                 position holds on each server of a replication",
                log.server,
                self.name
            )));
        }
        if self.was_begun_anew(from, log)? {
            return Err(Fault::stop(anyhow!(
                "the log of {address} was reset (RESET BINARY LOGS AND GTIDS, RESET MASTER) since the position {from} was noted: what was written \
                 between that place and the reset is not in it; take a new snapshot, or move the position to where this log is to be read from \
                 (rowmill position set)"
            )));
        }
        Ok(())
    }

    /// Whether the position's file is gone, or another one of the same name, without having been purged.
    fn was_begun_anew(&mut self, from: &Position, log: &Log) -> Result<bool, Fault> {
        if from.file.is_empty() || log.began == 0 {
            return Ok(false);
        }
        let rows = self.wire.query("SHOW BINARY LOGS")?;
        let files: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        let noted = Spot::new(&from.file, 0);
        let is_other = if files.contains(&from.file) {
            head(self.config, &from.file)?.0 != i64::from(log.began) * 1000
        } else {
            files
                .iter()
                .any(|file| Spot::new(file, 0).order(&noted) == Some(std::cmp::Ordering::Less))
        };
        let Some(first) = files.first().filter(|_| is_other) else {
            return Ok(false);
        };
        // A server that was set up again from a copy has a new log, too: it begins after all that was delivered.
        let before = head(self.config, first)?.1;
        let holds = |set: &GtidSet| before.as_ref().is_some_and(|before| !set.is_empty() && set.is_subset(before));
        Ok(!from.gtid.as_ref().is_some_and(holds))
    }

    /// That the server has all transactions of the set.
    ///
    /// # Errors
    /// `Retry` where it is a replica that still applies what it has got, else `Stop`.
    pub(super) fn demand_all(&mut self, set: &GtidSet) -> Result<(), Fault> {
        let started = Instant::now();
        loop {
            let lacking = self.lacking(set)?;
            if lacking.is_empty() {
                return Ok(());
            }
            let applies = self.applies()?;
            if applies || started.elapsed() >= COUNTED {
                return Err(self.refused(&lacking, applies));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What of the set it has not.
    fn lacking(&mut self, set: &GtidSet) -> Result<String, Fault> {
        if self.flavor == Flavor::Mysql {
            let sql = format!("SELECT GTID_SUBTRACT('{}', @@GLOBAL.gtid_executed)", set.one_line());
            return Ok(self.wire.value(&sql)?.unwrap_or_default());
        }
        let mut has = GtidSet::new();
        // What a server has from its own source, and never logged, counts as well.
        for variable in ["gtid_binlog_pos", "gtid_slave_pos"] {
            let text = self.wire.value(&format!("SELECT @@GLOBAL.{variable}"))?.unwrap_or_default();
            for gtid in text.parse::<GtidSet>().map_err(Fault::stop)?.last_of_domains() {
                let gtid = crate::position::Gtid::Domain(gtid);
                if !has.contains(&gtid) {
                    has.add(&gtid);
                }
            }
        }
        let lacking = set
            .last_of_domains()
            .filter(|gtid| !has.contains(&crate::position::Gtid::Domain(*gtid)));
        Ok(lacking.map(|gtid| gtid.to_string()).collect::<Vec<_>>().join(","))
    }

    /// Whether it is a replica that applies what it gets.
    fn applies(&mut self) -> Result<bool, Fault> {
        let status = match self.wire.query("SHOW REPLICA STATUS") {
            // Servers before MySQL 8.0.22 and MariaDB 10.5 know only the other word.
            Err(Fault::Stop(_)) => self.wire.query("SHOW SLAVE STATUS")?,
            other => other?,
        };
        let runs = |row: &Vec<Option<String>>| row.get(APPLIES).and_then(Option::as_deref) == Some("Yes");
        Ok(status.iter().any(runs))
    }

    fn refused(&self, lacking: &str, applies: bool) -> Fault {
        let address = self.wire.address();
        let lacking = shown(lacking);
        if applies {
            return Fault::retry(anyhow!(
                "{address} lacks transactions that were delivered, {lacking}: it is a replica that still applies what it gets"
            ));
        }
        Fault::stop(anyhow!(
            "{address} lacks transactions that were delivered, {lacking}: the position was set to what it does not have, or it took over without them, or lost the end of its log, and goes on \
             with another history. Bring them to the server; or take a new snapshot; or mend the topics by hand and move the position to what \
             the server has (rowmill position set --gtid with its {})",
            if self.flavor == Flavor::Mysql {
                "gtid_executed"
            } else {
                "gtid_binlog_pos"
            }
        ))
    }
}

/// A set on one line, cut where it is long.
fn shown(set: &str) -> String {
    let line: String = set.split_whitespace().collect();
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, shown};

    #[test]
    fn a_set_is_shown_on_one_line_and_cut_where_it_is_long() {
        assert_eq!(shown("a:1-5,\nb:7"), "a:1-5,b:7");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), SHOWN + 1);
    }
}
