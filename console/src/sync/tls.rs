//! The stations' listener as TLS sees it: version 1.3 alone, no tickets, and certificates of our own
//! authority or none.
//!
//! No session is ever resumed: a resumed one would not show its certificate again, and a station that was
//! revoked must not come back by a door that was opened before.

use std::fmt;
use std::sync::{Arc, RwLock};

use firmware_protocol::time::UnixSeconds;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::ca::{Authority, CaFault, KeyedCertificate, Validity};

/// The one protocol that is spoken inside.
pub(super) const ALPN: &[u8] = b"http/1.1";
/// How long the listener's own certificate holds; it is made anew long before.
pub(super) const LISTENER_SECONDS: u64 = 90 * 86_400;

/// The listener's certificate, exchanged while it serves.
pub(super) struct Listening {
    names: Vec<String>,
    current: RwLock<(Arc<CertifiedKey>, Validity)>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Listening {
    /// Makes the first certificate, for these names and addresses.
    pub(super) fn new(
        authority: &Authority,
        names: Vec<String>,
        now: UnixSeconds,
    ) -> Result<Arc<Self>, CaFault> {
        let current = make(authority, &names, now)?;
        Ok(Arc::new(Self {
            names,
            current: RwLock::new(current),
        }))
    }

    /// Makes a new certificate once a third of the present one's time is gone. To be called once a day.
    pub(super) fn keep_fresh(&self, authority: &Authority, now: UnixSeconds) -> Result<bool, CaFault> {
        let (_, validity) = *self.current.read().expect("no panic while it was held");
        if now.0 + LISTENER_SECONDS * 2 / 3 < validity.not_after.0 {
            return Ok(false);
        }
        let made = make(authority, &self.names, now)?;
        *self.current.write().expect("no panic while it was held") = made;
        Ok(true)
    }
}

impl ResolvesServerCert for Listening {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (key, _) = &*self.current.read().ok()?;
        Some(key.clone())
    }
}

/// The leaf and, behind it, the root: a station that joins recognizes the root by its fingerprint.
fn make(
    authority: &Authority,
    names: &[String],
    now: UnixSeconds,
) -> Result<(Arc<CertifiedKey>, Validity), CaFault> {
    let validity = Validity::starting(now, LISTENER_SECONDS);
    let leaf = authority.server(names, validity)?;
    Ok((Arc::new(certified(&leaf, authority.certificate())?), validity))
}

fn certified(leaf: &KeyedCertificate, root: &CertificateDer<'static>) -> Result<CertifiedKey, CaFault> {
    let key = ring::sign::any_supported_type(&leaf.rustls_key())
        .map_err(|error| CaFault::Failed(error.to_string()))?;
    Ok(CertifiedKey::new(
        vec![leaf.certificate.clone(), root.clone()],
        key,
    ))
}

/// What every connection is accepted with. A client may come without a certificate, because whoever wants to
/// join has none; what it may then ask for is for the routes to say.
pub(super) fn server_config(
    authority: &Authority,
    listening: Arc<Listening>,
) -> Result<Arc<ServerConfig>, CaFault> {
    let failed = |error: &dyn fmt::Display| CaFault::Root(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.certificate().clone())
        .map_err(|error| failed(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| failed(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(listening);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_renews_its_own_certificate_long_before_it_ends() {
        let now = UnixSeconds(1_800_000_000);
        let stored = Authority::create("Acme", now).unwrap();
        let authority = Authority::load(&stored).unwrap();
        let listening = Listening::new(&authority, vec!["localhost".into()], now).unwrap();
        let fresh = |days: u64| {
            listening
                .keep_fresh(&authority, UnixSeconds(now.0 + days * 86_400))
                .unwrap()
        };
        assert!(!fresh(1) && !fresh(29));
        assert!(fresh(31));
        assert!(!fresh(32));
        assert!(fresh(31 + 89));
        server_config(&authority, listening).unwrap();
    }
}
