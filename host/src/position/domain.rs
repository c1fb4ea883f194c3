//! MariaDB's GTIDs: replication domain, server, number.

use std::fmt;
use std::str::FromStr;

use super::gtid::ParseError;

/// One transaction's id in MariaDB's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainGtid {
    /// Replication domain: transactions of one domain have one order.
    pub domain: u32,
    /// `server_id` where it originated.
    pub server: u32,
    /// The transaction's number within the domain.
    pub number: u64,
}

impl fmt::Display for DomainGtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.number)
    }
}

impl FromStr for DomainGtid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut numbers = text.split('-').map(digits);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Some(domain)), Some(Some(server)), Some(Some(number)), None) => Ok((domain, server, number)),
            _ => Err(()),
        }
        .and_then(|(domain, server, number)| {
            Ok(Self {
                domain: u32::try_from(domain).map_err(drop)?,
                server: u32::try_from(server).map_err(drop)?,
                number,
            })
        })
        .map_err(|()| ParseError { text: text.to_owned() })
    }
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
