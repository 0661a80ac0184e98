//! TLS to the console: version 1.3 alone, and one authority, which is the console's own.
//!
//! Dates in certificates are judged by the time the station believes and not by a wall clock that may have
//! lost its battery; see decision 0024.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use station_core::sync::JoinToken;

/// The one protocol that is spoken inside.
const ALPN: &[u8] = b"http/1.1";

/// The date by which certificates are judged, in milliseconds since 1970. Written by whoever keeps the clock.
#[derive(Clone, Debug, Default)]
pub struct Believed(Arc<AtomicU64>);

impl Believed {
    /// Begins with this date.
    pub fn new(ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(ms)))
    }

    /// From now on it is this date.
    pub fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    /// The date.
    pub fn ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl TimeProvider for Believed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.ms())))
    }
}

/// For a station that has a certificate: it takes the console of one of these authorities and no other.
pub fn client_config(
    authorities: &[CertificateDer<'static>],
    certificate: CertificateDer<'static>,
    key_pkcs8: &[u8],
    believed: Believed,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(provider::default_provider());
    let verifier = verifier_for(authorities, &provider)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pkcs8.to_vec()));
    let config = ClientConfig::builder_with_details(provider, Arc::new(believed))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(vec![certificate], key)?;
    Ok(finished(config))
}

/// For a station that wants to join: it takes the console whose authority the token or a fingerprint names.
pub fn join_config(pin: Pin, believed: Believed) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(provider::default_provider());
    let verifier = Pinned {
        pin,
        provider: provider.clone(),
    };
    let config = ClientConfig::builder_with_details(provider, Arc::new(believed))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finished(config))
}

fn finished(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Arc::new(config)
}

fn verifier_for(
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

/// By what a station that joins knows the console's authority.
#[derive(Clone, Debug)]
pub enum Pin {
    /// The token names it.
    Token(JoinToken),
    /// Somebody gave the whole fingerprint, and a token that must agree.
    Fingerprint([u8; 32], JoinToken),
}

impl Pin {
    /// Whether this certificate is the authority.
    pub fn takes(&self, certificate: &CertificateDer<'_>) -> bool {
        let found: [u8; 32] = digest(&SHA256, certificate)
            .as_ref()
            .try_into()
            .expect("32 bytes");
        match self {
            Self::Token(token) => token.names(&found),
            Self::Fingerprint(fingerprint, token) => found == *fingerprint && token.names(&found),
        }
    }

    /// The authority among the certificates a console showed.
    pub fn authority_in<'a>(
        &self,
        chain: &'a [CertificateDer<'static>],
    ) -> Option<&'a CertificateDer<'static>> {
        chain.iter().find(|certificate| self.takes(certificate))
    }
}

/// Checks a console as always, by an authority that is recognized when it is seen.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| self.pin.takes(certificate));
        let authority = authority.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let verifier = verifier_for(&[authority.clone().into_owned()], &self.provider)?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
