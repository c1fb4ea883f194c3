//! The server's public key, with which a password is sealed where there is no TLS.
//!
//! The library computes, but panics on a key that is none: so everything that it relies on is checked here first.
//! Format: `SubjectPublicKeyInfo` of RFC 5280, `RSAPublicKey` of RFC 8017.

use mysql_common::crypto::der::{PubKeyFileType, parse_pub_key};
use mysql_common::crypto::rsa::{GetRandom, Pkcs1OaepPadding, PublicKey as Rsa};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use crate::source::reader::{Malformed, Parsed, Reader};

/// Tags of DER.
const INTEGER: u8 = 2;
const BITS: u8 = 3;
const SEQUENCE: u8 = 0x30;
/// Bytes of a modulus: servers make 256 themselves; 16 times that takes no noticeable time yet.
const MODULUS: std::ops::RangeInclusive<usize> = 128..=1024;
/// Bytes of an exponent, which is 65537 nearly everywhere.
const EXPONENT: std::ops::RangeInclusive<usize> = 1..=4;
/// Bytes that the padding takes: two digests of SHA-1 and two.
const PADDING: usize = 42;

/// A checked key.
#[derive(Debug)]
pub(super) struct PublicKey(Rsa);

impl PublicKey {
    /// From the PEM text that the server sends.
    pub(super) fn parse(pem: &[u8]) -> Parsed<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| Malformed("it is no public key in PEM"))?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Parsed<Self> {
        check(der)?;
        let (modulus, exponent) = parse_pub_key(der, PubKeyFileType::Pkcs8);
        Ok(Self(Rsa::new(modulus, exponent)))
    }

    /// Seals `secret`.
    pub(super) fn seal(&self, secret: &[u8]) -> Parsed<Vec<u8>> {
        if secret.len() + PADDING > self.0.num_octets() {
            return Err(Malformed("the password is too long for it"));
        }
        Ok(self.0.encrypt_block(secret, Pkcs1OaepPadding::new(GetRandom)))
    }
}

/// That it is an RSA key of a usual size, in the form that the library takes apart.
fn check(der: &[u8]) -> Parsed<()> {
    let mut outer = Reader::new(value(&mut Reader::new(der), SEQUENCE)?);
    let _algorithm = value(&mut outer, SEQUENCE)?;
    let mut bits = Reader::new(value(&mut outer, BITS)?);
    if bits.u8()? != 0 {
        return Err(ODD);
    }
    let mut key = Reader::new(value(&mut bits, SEQUENCE)?);
    let modulus = value(&mut key, INTEGER)?;
    let exponent = value(&mut key, INTEGER)?;
    let size = |number: &[u8]| number.iter().skip_while(|byte| **byte == 0).count();
    // The library counts the bytes of a modulus right only where all bits of the first one are used.
    let is_whole = modulus.iter().find(|byte| **byte != 0).is_some_and(|byte| byte & 0x80 != 0);
    if !is_whole || !MODULUS.contains(&size(modulus)) || !EXPONENT.contains(&size(exponent)) {
        return Err(Malformed("it is no RSA key of a usual size"));
    }
    Ok(())
}

/// The bytes of the next value, which must have this tag.
fn value<'a>(reader: &mut Reader<'a>, tag: u8) -> Parsed<&'a [u8]> {
    if reader.u8()? != tag {
        return Err(ODD);
    }
    let mut length = usize::from(reader.u8()?);
    if length & 0x80 != 0 {
        let bytes = reader.take(length & 0x7f)?;
        if !(1..=4).contains(&bytes.len()) {
            return Err(ODD);
        }
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    }
    reader.take(length)
}

const ODD: Malformed = Malformed("it is no public key");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// Made by `openssl genrsa 2048 | openssl rsa -pubout`, and its other half thrown away.
    const PEM: &[u8] = b"\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlfCA7hHYmVixH2EA10Qy
JwjOmuBKJ04LZtFw57IgbuxjqH4Fp2jZZNrnJ2xuXcyguvMD9fpNuzxlikHOU/BU
bd/HRACwTUh6TXrhLxex9ejc5MJONkY5f5JCBkuZLtpXwWenb0LLQ7hIpXk/P0DL
P6DsRj7D8mXtrjL/TMAm+Un61OqILQcBDJo0p7HgvrKI/jtVc0VjfGi/va+y7Hll
X603Y4GOsPI3+02UtOgPdX8Al9+AuS6w9u2ex1xGorfgYEbU8nqEceaiqZgb5Ry8
uzCJwz1mkNzUv2ecgHIiMBEqRWb+i1n1qFhZuGckIgbx/7q4tqCnodmssZbqIOgm
awIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn a_password_is_sealed_differently_each_time_and_only_while_it_fits() {
        let key = PublicKey::parse(PEM).unwrap();
        let sealed = key.seal(&[7; 214]).unwrap();
        assert!(sealed.len() == 256 && sealed != key.seal(&[7; 214]).unwrap());
        assert!(key.seal(&[7; 215]).is_err());
        assert!(PublicKey::parse(b"-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n").is_err());
        assert!(PublicKey::parse(b"").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_damaged_key_never_panics(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>(), whole in any::<bool>()) {
            let mut der = SubjectPublicKeyInfoDer::from_pem_slice(PEM).unwrap().to_vec();
            // The first bytes are lengths and tags, which matter most.
            let at = if whole { at.index(der.len()) } else { at.index(40) };
            der[at] = value;
            if whole {
                der.truncate(cut.index(der.len()) + 1);
            }
            let _ = PublicKey::from_der(&der).and_then(|key| key.seal(b"secret"));
        }
    }
}
