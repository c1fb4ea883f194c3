//! From a fresh connection to a session: greeting, TLS, account and password.
//!
//! Format: "Connection Phase" of MySQL's protocol documentation.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::anyhow;
use mysql_common::constants::CapabilityFlags;
use mysql_common::packets::{AuthPlugin, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;
use mysql_common::scramble::{scramble_native, scramble_sha256};
use rustls::pki_types::ServerName;

use super::answer::{END, MORE, OK};
use super::greeting::{Greeting, until_zero};
use super::key::PublicKey;
use super::link::{Link, senseless};
use super::tls;
use crate::config::{Source, TlsMode};
use crate::fault::Fault;
use crate::source::connection::{MAX_PACKET, NO_TLS, TLS_FAILED, UNKNOWN_PLUGIN};

/// utf8mb4_general_ci: accounts and statements are sent in UTF-8.
const COLLATION: u8 = 45;
/// A server asks once for another way to authenticate; one that goes on asking would keep us for ever.
const SWITCHES: usize = 2;
/// Second byte of more data for caching_sha2_password: the password's proof was enough.
const FAST_DONE: u8 = 3;
/// The server has to see the password itself.
const FULL_WANTED: u8 = 4;
/// What asks the server for its public key.
const KEY_PLEASE: u8 = 2;

/// Logs in over a connection that nothing was read from yet.
///
/// # Errors
/// `Stop` where TLS or the account are refused, `Retry` where the connection is lost.
pub(super) fn log_in(link: &mut Link, source: &Source, deadline: Instant) -> Result<(), Fault> {
    let packet = link.packet(deadline)?;
    let greeting = Greeting::parse(&packet).map_err(|_| senseless())?;
    let mut capabilities = CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_LONG_FLAG
        | CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
        | CapabilityFlags::CLIENT_CONNECT_ATTRS;
    let has_tls = greeting.capabilities.contains(CapabilityFlags::CLIENT_SSL);
    match source.tls {
        TlsMode::Disabled => {}
        TlsMode::Preferred if !has_tls => {}
        _ if !has_tls => return Err(Fault::stop(anyhow!(NO_TLS))),
        _ => capabilities |= CapabilityFlags::CLIENT_SSL,
    }
    capabilities &= greeting.capabilities;
    if capabilities.contains(CapabilityFlags::CLIENT_SSL) {
        secure(link, source, capabilities, deadline)?;
    }
    let plugin = Plugin::of(&greeting.plugin).unwrap_or(Plugin::Native);
    let mut session = Session {
        link,
        password: source.password.reveal().as_bytes(),
        plugin,
        nonce: greeting.nonce,
        deadline,
    };
    let proof = session.proof();
    let attributes = [("program_name", "rowmill"), ("_client_version", env!("CARGO_PKG_VERSION"))];
    let attributes: HashMap<String, String> = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let with_attributes = capabilities.contains(CapabilityFlags::CLIENT_CONNECT_ATTRS);
    let response = HandshakeResponse::new(
        Some(proof),
        // From 5.5.3 on the character set is utf8mb4.
        (5, 5, 3),
        Some(source.user.as_bytes()),
        None::<&[u8]>,
        capabilities
            .contains(CapabilityFlags::CLIENT_PLUGIN_AUTH)
            .then(|| AuthPlugin::from_bytes(plugin.name())),
        capabilities,
        with_attributes.then_some(attributes),
        MAX_PACKET,
    );
    let mut payload = Vec::new();
    response.serialize(&mut payload);
    session.link.send(&payload)?;
    session.prove().map_err(|fault| match fault {
        // A server that takes no certificate of ours says so only after it has finished its side of TLS.
        Fault::Retry(error) if is_tls(&error) => Fault::Stop(error.context(TLS_FAILED)),
        fault => fault,
    })
}

fn is_tls(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

fn secure(link: &mut Link, source: &Source, capabilities: CapabilityFlags, deadline: Instant) -> Result<(), Fault> {
    // Bytes that somebody on the way put behind the greeting would be taken for the server's own later.
    if !link.input.bytes().is_empty() {
        return Err(senseless());
    }
    let config = tls::client(source).map_err(|error| Fault::stop(error.context(TLS_FAILED)))?;
    let name = ServerName::try_from(source.host.clone())
        .map_err(|error| Fault::stop(anyhow::Error::new(error).context("source.host is neither a host name nor an address")))?;
    let mut payload = Vec::new();
    SslRequest::new(capabilities, MAX_PACKET, COLLATION).serialize(&mut payload);
    link.send(&payload)?;
    link.channel.secure(config, name, deadline).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Fault::stop(anyhow::Error::new(error).context(TLS_FAILED)),
        _ => Fault::retry(error),
    })
}

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    Native,
    CachingSha2,
}

impl Plugin {
    fn of(name: &[u8]) -> Option<Self> {
        [Self::Native, Self::CachingSha2].into_iter().find(|plugin| plugin.name() == name)
    }

    fn name(self) -> &'static [u8] {
        match self {
            Self::Native => b"mysql_native_password",
            Self::CachingSha2 => b"caching_sha2_password",
        }
    }
}

/// A login that is under way.
struct Session<'a> {
    link: &'a mut Link,
    password: &'a [u8],
    plugin: Plugin,
    nonce: Vec<u8>,
    deadline: Instant,
}

impl Session<'_> {
    /// What shows that we know the password; empty for an empty one.
    fn proof(&self) -> Vec<u8> {
        match self.plugin {
            Plugin::Native => scramble_native(&self.nonce, self.password).map(Vec::from),
            Plugin::CachingSha2 => scramble_sha256(&self.nonce, self.password).map(Vec::from),
        }
        .unwrap_or_default()
    }

    /// Answers what the server asks, until it lets us in.
    fn prove(&mut self) -> Result<(), Fault> {
        let mut switches = 0;
        loop {
            let packet = self.link.packet(self.deadline)?;
            match packet.split_first() {
                Some((&OK, _)) => return Ok(()),
                Some((&END, request)) if switches < SWITCHES => {
                    switches += 1;
                    self.switch(request)?;
                }
                Some((&MORE, [FAST_DONE])) if self.plugin == Plugin::CachingSha2 => {}
                Some((&MORE, [FULL_WANTED])) if self.plugin == Plugin::CachingSha2 => self.show_password()?,
                _ => return Err(senseless()),
            }
        }
    }

    /// The account authenticates in another way than the server likes best.
    fn switch(&mut self, request: &[u8]) -> Result<(), Fault> {
        // Servers of the last century ask by a packet without a name.
        let (name, nonce) = until_zero(request).unwrap_or((b"mysql_old_password", &[]));
        let Some(plugin) = Plugin::of(name) else {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Fault::stop(anyhow!("it is {name}").context(UNKNOWN_PLUGIN)));
        };
        self.plugin = plugin;
        self.nonce = nonce.strip_suffix(&[0]).unwrap_or(nonce).to_vec();
        let proof = self.proof();
        self.link.send(&proof)
    }

    /// The password itself, which only the server may read.
    fn show_password(&mut self) -> Result<(), Fault> {
        let mut password = self.password.to_vec();
        password.push(0);
        if self.link.channel.is_secure() {
            return self.link.send(&password);
        }
        self.link.send(&[KEY_PLEASE])?;
        let packet = self.link.packet(self.deadline)?;
        let Some((&MORE, pem)) = packet.split_first() else {
            return Err(senseless());
        };
        for (byte, mask) in password.iter_mut().zip(self.nonce.iter().cycle()) {
            *byte ^= mask;
        }
        let sealed = PublicKey::parse(pem)
            .and_then(|key| key.seal(&password))
            .map_err(|problem| Fault::stop(anyhow::Error::new(problem).context(KEY_FAILED)))?;
        self.link.send(&sealed)
    }
}

const KEY_FAILED: &str = "the password can't be sealed with the server's public key; use TLS (source.tls = \"required\")";

#[cfg(test)]
mod tests;
