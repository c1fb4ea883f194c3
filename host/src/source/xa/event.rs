//! The XA_PREPARE event. Format: `XA_prepare_event` in MySQL's `control_events.h`; MariaDB's is the same.

use crate::position::Xid;
use crate::source::reader::{Malformed, Parsed, Reader};

/// What an XA_PREPARE event says: the transaction before it is whole.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Prepare {
    /// It is committed as well: `XA COMMIT … ONE PHASE`.
    pub(in crate::source) one_phase: bool,
    pub(in crate::source) xid: Xid,
}

impl Prepare {
    pub(in crate::source) fn parse(body: &[u8]) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        let one_phase = reader.u8()? != 0;
        let format = u32::from_le_bytes(reader.array()?);
        let mut length = || -> Parsed<usize> {
            let length = u32::from_le_bytes(reader.array()?);
            usize::try_from(length).map_err(|_| TOO_LONG)
        };
        let (global, branch) = (length()?, length()?);
        let (global, branch) = (reader.take(global)?, reader.take(branch)?);
        let xid = Xid::new(global, branch, format).ok_or(TOO_LONG)?;
        Ok(Self { one_phase, xid })
    }
}

const TOO_LONG: Malformed = Malformed("the id of its XA transaction is longer than one can be");

#[cfg(test)]
mod tests {
    use super::Prepare;

    #[test]
    fn a_prepare_event_tells_its_transaction_and_what_is_cut_or_too_long_is_refused() {
        let body = [
            &[1][..],
            &5_u32.to_le_bytes(),
            &2_u32.to_le_bytes(),
            &1_u32.to_le_bytes(),
            &[0, 255, 39],
        ]
        .concat();
        let parsed = Prepare::parse(&body).map(|prepare| (prepare.one_phase, prepare.xid.to_string()));
        assert_eq!(parsed, Ok((true, "X'00ff',X'27',5".to_owned())));
        for length in 0..body.len() {
            assert!(Prepare::parse(body.get(..length).unwrap_or_default()).is_err());
        }
        let long = [&[0][..], &[1, 0, 0, 0, 65, 0, 0, 0, 0, 0, 0, 0], &[7; 65]].concat();
        assert!(Prepare::parse(&long).is_err());
    }
}
