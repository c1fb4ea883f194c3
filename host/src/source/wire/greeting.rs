//! The server's first packet.
//!
//! Format: "Protocol::HandshakeV10" of MySQL's protocol documentation.

use mysql_common::constants::CapabilityFlags;

use crate::source::reader::{Malformed, Parsed, Reader};

/// The only version of the protocol since 1998.
const PROTOCOL: u8 = 10;
/// Bytes of the random text that a password's proof is made with.
pub(super) const NONCE: usize = 20;
/// The way to authenticate of servers that name none.
const OLD_PLUGIN: &[u8] = b"mysql_native_password";

/// What a server says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) capabilities: CapabilityFlags,
    pub(super) nonce: Vec<u8>,
    /// Name of the way to authenticate that the server likes best.
    pub(super) plugin: Vec<u8>,
}

impl Greeting {
    pub(super) fn parse(packet: &[u8]) -> Parsed<Self> {
        let mut reader = Reader::new(packet);
        if reader.u8()? != PROTOCOL {
            return Err(Malformed("it speaks another version of the protocol"));
        }
        reader = Reader::new(until_zero(reader.rest()).ok_or(Malformed("its version has no end"))?.1);
        let _connection_id = reader.take(4)?;
        let mut nonce = reader.take(8)?.to_vec();
        reader.take(1)?;
        let low = reader.u16()?;
        let _collation_and_status = reader.take(1 + 2)?;
        let high = reader.u16()?;
        let nonce_len = usize::from(reader.u8()?);
        let _reserved = reader.take(10)?;
        let capabilities = CapabilityFlags::from_bits_truncate(u32::from(high) << 16 | u32::from(low));
        if capabilities.contains(CapabilityFlags::CLIENT_SECURE_CONNECTION) {
            nonce.extend_from_slice(reader.take(nonce_len.saturating_sub(8).max(13))?);
        }
        // It ends with a zero, which is not part of it.
        nonce.truncate(NONCE);
        let plugin = if capabilities.contains(CapabilityFlags::CLIENT_PLUGIN_AUTH) {
            // Some servers leave the zero out.
            until_zero(reader.rest()).map_or(reader.rest(), |(name, _)| name)
        } else {
            OLD_PLUGIN
        };
        Ok(Self {
            capabilities,
            nonce,
            plugin: plugin.to_vec(),
        })
    }
}

/// The bytes before the first zero, and those behind it.
pub(super) fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (before, rest) = bytes.split_at_checked(end)?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// As MySQL sends it; `plugin` with its zero.
    fn packet(auth_len: u8, nonce: &[u8], plugin: &[u8]) -> Vec<u8> {
        let flags = (CapabilityFlags::CLIENT_SECURE_CONNECTION | CapabilityFlags::CLIENT_PLUGIN_AUTH)
            .bits()
            .to_le_bytes();
        let mut packet = b"\x0a9.7.0\0\x01\0\0\0".to_vec();
        packet.extend(&nonce[..8]);
        packet.push(0);
        packet.extend(&flags[..2]);
        packet.extend([255, 2, 0]);
        packet.extend(&flags[2..]);
        packet.push(auth_len);
        packet.extend([0; 10]);
        packet.extend(&nonce[8..]);
        packet.extend(plugin);
        packet
    }

    #[test]
    fn nonce_and_plugin_are_read_whatever_length_is_announced() {
        let nonce = b"12345678abcdefghijkl\0";
        for auth_len in [0, 8, 21] {
            for plugin in [&b"caching_sha2_password\0"[..], b"caching_sha2_password"] {
                let greeting = Greeting::parse(&packet(auth_len, nonce, plugin)).unwrap();
                assert_eq!(greeting.nonce, b"12345678abcdefghijkl");
                assert_eq!(greeting.plugin, b"caching_sha2_password");
            }
        }
        assert!(Greeting::parse(&packet(128, nonce, b"x\0")).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_greetings_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), cut in 0..80_usize) {
            let _ = Greeting::parse(&bytes);
            let whole = packet(21, b"12345678abcdefghijkl\0", b"caching_sha2_password\0");
            let _ = Greeting::parse(&whole[..cut.min(whole.len())]);
        }
    }
}
