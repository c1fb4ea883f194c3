//! XA transactions that were prepared before a place and are decided after it: what a position cannot say by itself.

use std::fmt;
use std::str::FromStr;

/// An XA transaction's id. Its text is that of the log: `X'6162',X'',1`, both parts in hexadecimal digits, then the format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Xid {
    /// The global part, up to 64 bytes.
    pub global: Vec<u8>,
    /// The branch qualifier, up to 64 bytes.
    pub branch: Vec<u8>,
    /// The format's number. Servers log it in 32 bits here and in more there: the lower 32 tell.
    pub format: u32,
}

/// The most bytes that either part may have, by the XA standard.
const MOST_BYTES: usize = 64;

impl Xid {
    /// An id of these parts; `None` where one is longer than a server allows.
    pub fn new(global: &[u8], branch: &[u8], format: u32) -> Option<Self> {
        let fits = global.len() <= MOST_BYTES && branch.len() <= MOST_BYTES;
        fits.then(|| Self {
            global: global.to_vec(),
            branch: branch.to_vec(),
            format,
        })
    }
}

impl fmt::Display for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.global, &self.branch] {
            f.write_str("X'")?;
            for byte in part {
                write!(f, "{byte:02x}")?;
            }
            f.write_str("',")?;
        }
        write!(f, "{}", self.format)
    }
}

impl FromStr for Xid {
    type Err = NoXid;

    fn from_str(text: &str) -> Result<Self, NoXid> {
        let read = || {
            let (global, rest) = part(text.trim())?;
            let (branch, rest) = part(rest.strip_prefix(',')?.trim_start())?;
            let format = rest.strip_prefix(',')?.trim().parse::<i64>().ok()?;
            // Only the lower half is the same everywhere.
            let [a, b, c, d, ..] = format.to_le_bytes();
            Self::new(&global, &branch, u32::from_le_bytes([a, b, c, d]))
        };
        read().ok_or_else(|| NoXid { text: text.to_owned() })
    }
}

/// `X'…'` at the start of a text, and what follows it.
fn part(text: &str) -> Option<(Vec<u8>, &str)> {
    let digits = text.strip_prefix("X'").or_else(|| text.strip_prefix("x'"))?;
    let (digits, rest) = digits.split_once('\'')?;
    let digits: Vec<char> = digits.chars().collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[char; 2]| u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok();
    let bytes = pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?;
    odd.is_empty().then_some((bytes, rest))
}

impl TryFrom<String> for Xid {
    type Error = NoXid;

    fn try_from(text: String) -> Result<Self, NoXid> {
        text.parse()
    }
}

impl From<Xid> for String {
    fn from(xid: Xid) -> Self {
        xid.to_string()
    }
}

/// Text that is no XA transaction's id.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no id of an XA transaction: expected X'global',X'branch',format")]
pub struct NoXid {
    /// What was given.
    pub text: String,
}

/// An XA transaction that was prepared and not decided yet: where its rows can be read again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Prepared {
    /// Its id.
    pub xid: Xid,
    /// GTID of its prepare as text; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gtid: String,
    /// File of its first event.
    pub file: String,
    /// Offset of its first event.
    pub pos: u64,
    /// Whether it changed rows of chosen tables, or may have.
    pub rows: bool,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{Prepared, Xid};

    #[test]
    fn an_id_of_any_bytes_reads_back_from_the_text_of_the_log() {
        for text in ["X'',X'',0", "X'61',X'',1", "X'00ff27',X'5c27',4294967295"] {
            assert_eq!(text.parse::<Xid>().unwrap().to_string(), text);
        }
        let longest = format!("X'{0}',X'{0}',2147483647", "ab".repeat(64));
        assert_eq!(longest.parse::<Xid>().unwrap().global.len(), 64);
        assert_eq!("X'AB', x'', -1".parse::<Xid>().unwrap().to_string(), "X'ab',X'',4294967295");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let long = format!("X'{}',X'',1", "ab".repeat(65));
        for text in [
            "",
            "X'1',X'',1",
            "X'zz',X'',1",
            "X'61'",
            "X'61',X''",
            "'a','b',1",
            "X'é',X'',1",
            &long,
        ] {
            assert!(text.parse::<Xid>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prepared_transaction_is_stored_readably() {
        let prepared = Prepared {
            xid: "X'61',X'',1".parse().unwrap(),
            gtid: String::new(),
            file: "binlog.000002".to_owned(),
            pos: 1 << 40,
            rows: true,
        };
        let stored = serde_json::to_string(&prepared).unwrap();
        assert_eq!(
            stored,
            r#"{"xid":"X'61',X'',1","file":"binlog.000002","pos":1099511627776,"rows":true}"#
        );
        assert_eq!(serde_json::from_str::<Prepared>(&stored).unwrap(), prepared);
    }
}
