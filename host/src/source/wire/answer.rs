//! What the server answers to commands, taken apart.
//!
//! Format: "ERR_Packet", "EOF_Packet" and "Text Resultset" of MySQL's protocol documentation.

use mysql_async::ServerError;

use crate::source::connection::TextRow;
use crate::source::reader::{Malformed, Parsed, Reader};

/// First byte of an answer that is all well.
pub(in crate::source) const OK: u8 = 0;
/// First byte of more data while logging in.
pub(super) const MORE: u8 = 1;
/// First byte of a request for a file of ours, which nobody gets.
const LOCAL_FILE: u8 = 0xfb;
/// First byte of the end of a list, and of a request to authenticate in another way.
pub(in crate::source) const END: u8 = 0xfe;
/// First byte of an error.
pub(in crate::source) const ERROR: u8 = 0xff;
/// First byte of a value in a row that is NULL.
const NULL: u8 = 0xfb;
/// The end of a list is shorter than this; a longer packet with its first byte is a row.
pub(in crate::source) const END_LEN: usize = 9;

/// The error in an error packet.
pub(in crate::source) fn error(packet: &[u8]) -> Parsed<ServerError> {
    let mut reader = Reader::new(packet);
    reader.u8()?;
    let code = reader.u16()?;
    // Before the login the state is left out.
    let (state, message) = match reader.rest().split_first() {
        Some((b'#', rest)) => rest.split_at_checked(5).ok_or(Malformed("it ends within the state of an error"))?,
        _ => (&b"HY000"[..], reader.rest()),
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(ServerError {
        code,
        state: text(state),
        message: text(message),
    })
}

/// What the first packet of an answer to a statement is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Done, without rows.
    Done,
    /// Rows of so many columns come.
    Columns(u64),
}

/// The first packet of an answer to a statement, when it is no error.
pub(super) fn first(packet: &[u8]) -> Parsed<First> {
    match packet.first() {
        Some(&OK) => Ok(First::Done),
        Some(&LOCAL_FILE) => Err(Malformed("it asks for a file")),
        _ => Ok(First::Columns(Reader::new(packet).lenenc()?)),
    }
}

/// Whether the packet ends a list.
pub(super) fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&END) && packet.len() < END_LEN
}

/// A row of text values.
pub(super) fn row(packet: &[u8]) -> Parsed<TextRow> {
    let mut reader = Reader::new(packet);
    let mut row = Vec::new();
    while !reader.is_empty() {
        row.push(if reader.rest().first() == Some(&NULL) {
            reader.u8()?;
            None
        } else {
            Some(String::from_utf8_lossy(reader.counted()?).into_owned())
        });
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn errors_are_read_with_and_without_a_state() {
        let with = error(b"\xff\xd4\x04#HY000no such file").unwrap();
        assert_eq!(
            (with.code, with.state.as_str(), with.message.as_str()),
            (1236, "HY000", "no such file")
        );
        let without = error(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!((without.code, without.message.as_str()), (1040, "Too many connections"));
        assert!(error(b"\xff\x10").is_err() && error(b"\xff\x10\x04#HY").is_err());
    }

    #[test]
    fn rows_keep_null_and_empty_text_apart() {
        assert_eq!(row(b"\x02ab\xfb\x00").unwrap(), [Some("ab".to_owned()), None, Some(String::new())]);
        assert!(row(b"\x05ab").is_err());
        assert_eq!(first(b"\x02").unwrap(), First::Columns(2));
        assert!(first(b"\xfbfile").is_err() && is_end(b"\xfe\0\0\x02\0") && !is_end(b"\xfe\0\0\0\0\0\0\0\0x"));
    }
}
