//! Table maps and the row events after them.

use super::held::hold;
use super::{Change, Event, Interpreter, Malformed, Rows};
use crate::fault::Fault;
use crate::source::event::EventKind;
use crate::source::refusal::MIDDLE;
use crate::source::rows::Head;
use crate::source::table_map::Name;
use crate::source::unpack::unpack;
use crate::source::xa::Held;

impl Interpreter {
    pub(super) fn table_map(&mut self, event: &Event) -> Result<(), Fault> {
        let mut name = Name::parse(&event.body, self.id_bytes).map_err(|m| self.malformed(event, m))?;
        name.mariadb = self.dialect.mariadb;
        if self.skipping {
            self.tables.forget(name.table_id);
            return Ok(());
        }
        let result = self.tables.map(&name, &self.place);
        result.map_err(|fault| fault.context(self.place.describe(event)))
    }

    pub(super) fn rows<'a>(&'a mut self, event: &'a Event) -> Result<Change<'a>, Fault> {
        let place = &self.place;
        let malformed = |m| Fault::stop(anyhow::Error::new(m).context(format!("reading the {}", place.describe(event))));
        if self.skipping {
            return Ok(Change::Nothing);
        }
        if Head::ends_statement(&event.body, self.id_bytes) {
            // Counts for table maps to come.
            self.tables.end_statement();
        }
        let Some((table_id, rest)) = Head::table_id(&event.body, self.id_bytes).map_err(malformed)? else {
            return Ok(Change::Nothing);
        };
        let table = match self.tables.get(table_id) {
            Some(Some(table)) => table,
            Some(None) => return Ok(Change::Nothing),
            None => return Err(self.stop(event, MIDDLE)),
        };
        if !self.open {
            return Err(self.stop(event, MIDDLE));
        }
        self.whole(event)?;
        let head = Head::parse(rest, event.kind()).map_err(malformed)?;
        if head.width != table.columns.len() + table.hidden {
            return Err(malformed(Malformed("it has other columns than the table map before it")));
        }
        let (first, second) = (head.first(), head.second());
        let data = if head.compressed {
            self.unpacked = unpack(head.data, self.largest).map_err(malformed)?;
            &self.unpacked
        } else {
            head.data
        };
        let rows = Rows {
            table,
            op: head.op,
            first,
            second,
            data,
            is_partial: event.kind() == EventKind::PartialUpdateRows,
            timestamp: event.timestamp,
        };
        if self.undecided.is_open() {
            // Whether they count is decided later.
            return Ok(hold(&mut self.undecided, &mut self.due, Held::of(rows)));
        }
        self.delivered = true;
        Ok(Change::Rows(rows))
    }
}
