//! How MariaDB's transactions begin, and which of them the position has.

use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::position::Gtid;
use crate::source::transaction_id::DomainHeader;

impl Interpreter {
    /// MariaDB's GTID event stands in place of BEGIN, or before the only event of its transaction.
    pub(super) fn announce_domain(&mut self, event: &Event) -> Result<Change<'_>, Fault> {
        self.unbroken(event)?;
        let header = DomainHeader::parse(&event.body, event.server_id).map_err(|m| self.malformed(event, m))?;
        self.begin(event, Some(Gtid::Domain(header.gtid)), None);
        self.announced = true;
        self.open = !header.single;
        self.mixed = true;
        if let Some(xid) = header.prepares {
            self.undecided.begin(Some(xid));
        } else if self.open {
            self.hold_mixed();
        }
        Ok(if self.skipping || header.single {
            Change::Nothing
        } else {
            Change::Begin(&self.transaction)
        })
    }

    /// Whether the position already has a transaction.
    pub(super) fn is_handled(&mut self, gtid: &Gtid) -> bool {
        let contained = self.committed.gtid.as_ref().is_some_and(|set| set.contains(gtid));
        match (gtid, &mut self.passed) {
            (Gtid::Server(_), _) => contained,
            // Only its domain's numbers up to the start were handled; what comes after them is new, whatever its number.
            (Gtid::Domain(_), None) => false,
            (Gtid::Domain(domain), Some(passed)) => {
                if !contained {
                    passed.insert(domain.domain);
                }
                contained && !passed.contains(&domain.domain)
            }
        }
    }
}
