//! What `source.tls` asks of a certificate.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::{Source, TlsMode};

/// What a client that connects as `source` says takes and shows.
///
/// # Errors
/// A file that can't be read, or holds nothing of what it should.
pub(super) fn client(source: &Source) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match source.tls {
        TlsMode::VerifyIdentity => builder.with_root_certificates(authorities(source)?),
        mode => {
            let authorities = match mode {
                TlsMode::VerifyCa => Some(authorities(source)?),
                _ => None,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyName { authorities, provider }))
        }
    };
    let config = match (&source.tls_cert, &source.tls_key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "source.tls_cert")?;
            let key = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("reading a private key from {} (source.tls_key)", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .context("source.tls_cert and source.tls_key don't go together")?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Whoever names an authority trusts that one only.
fn authorities(source: &Source) -> anyhow::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match &source.tls_ca {
        Some(path) => {
            for certificate in certificates(path, "source.tls_ca")? {
                store
                    .add(certificate)
                    .with_context(|| format!("taking {} (source.tls_ca) as an authority", path.display()))?;
            }
        }
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(store)
}

fn certificates(path: &Path, key: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let tried = || format!("reading certificates from {} ({key})", path.display());
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(tried)?;
    if found.is_empty() {
        return Err(anyhow!("it holds none").context(tried()));
    }
    Ok(found)
}

/// Takes a certificate of these authorities whatever name is in it, or, without authorities, any certificate.
#[derive(Debug)]
struct AnyName {
    authorities: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, authorities, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    // That the other side has the certificate's key is always checked.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
