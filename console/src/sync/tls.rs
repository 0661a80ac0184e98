//! The stations' listener as TLS sees it: version 1.3 alone, no tickets, and certificates of our own
//! authority or none.
//!
//! No session is ever resumed: a resumed one would not show its certificate again, and a station that was
//! revoked must not come back by a door that was opened before.

use std::fmt;
use std::sync::{Arc, RwLock};

use firmware_protocol::time::UnixSeconds;
use minicbor::{Decode, Encode};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use zeroize::{Zeroize, Zeroizing};

use crate::ca::{Authority, CaFault, KeyedCertificate, Validity};

/// The one protocol that is spoken inside.
pub(super) const ALPN: &[u8] = b"http/1.1";
/// How long the listener's own certificate holds; it is made anew long before.
pub(super) const LISTENER_SECONDS: u64 = 90 * 86_400;

/// The listener's certificate, exchanged while it serves.
pub(super) struct Listening {
    names: Vec<String>,
    /// With its last second.
    current: RwLock<(Arc<CertifiedKey>, u64)>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Listening {
    /// Goes on with what an earlier run kept, or makes the first certificate, for these names and addresses.
    /// What is made is given back, to be kept.
    pub(super) fn new(
        authority: &Authority,
        names: Vec<String>,
        kept: Option<Kept>,
        now: UnixSeconds,
    ) -> Result<(Arc<Self>, Option<Kept>), CaFault> {
        let usable = kept.filter(|kept| kept.is_fresh(now)).and_then(|kept| {
            let certified = certified(&kept.leaf(), authority.certificate()).ok()?;
            Some((Arc::new(certified), kept.not_after))
        });
        let (current, made) = match usable {
            Some(current) => (current, None),
            None => {
                let (current, made) = make(authority, &names, now)?;
                (current, Some(made))
            }
        };
        let current = RwLock::new(current);
        Ok((Arc::new(Self { names, current }), made))
    }

    /// Makes a new certificate once a third of the present one's time is gone, and gives it back, to be kept.
    pub(super) fn keep_fresh(
        &self,
        authority: &Authority,
        now: UnixSeconds,
    ) -> Result<Option<Kept>, CaFault> {
        let (_, not_after) = *self.current.read().expect("no panic while it was held");
        if is_fresh(not_after, now) {
            return Ok(None);
        }
        let (current, made) = make(authority, &self.names, now)?;
        *self.current.write().expect("no panic while it was held") = current;
        Ok(Some(made))
    }
}

/// What outlives a run: sealed in the vault.
#[derive(Clone, Encode, Decode)]
pub(super) struct Kept {
    #[cbor(n(0), with = "minicbor::bytes")]
    certificate: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[n(2)]
    not_after: u64,
}

impl Kept {
    fn is_fresh(&self, now: UnixSeconds) -> bool {
        // A clock that was ahead when it was made does not keep it for ever.
        is_fresh(self.not_after, now) && self.not_after <= now.0 + LISTENER_SECONDS
    }

    fn leaf(&self) -> KeyedCertificate {
        KeyedCertificate {
            certificate: CertificateDer::from(self.certificate.clone()),
            key: Zeroizing::new(self.key.clone()),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// More than two thirds of its time are left.
fn is_fresh(not_after: u64, now: UnixSeconds) -> bool {
    now.0 + LISTENER_SECONDS * 2 / 3 < not_after
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
) -> Result<((Arc<CertifiedKey>, u64), Kept), CaFault> {
    let validity = Validity::starting(now, LISTENER_SECONDS);
    let leaf = authority.server(names, validity)?;
    let kept = Kept {
        certificate: leaf.certificate.to_vec(),
        key: leaf.key.to_vec(),
        not_after: validity.not_after.0,
    };
    let current = Arc::new(certified(&leaf, authority.certificate())?);
    Ok(((current, kept.not_after), kept))
}

fn certified(leaf: &KeyedCertificate, root: &CertificateDer<'static>) -> Result<CertifiedKey, CaFault> {
    let key = ring::sign::any_supported_type(&leaf.rustls_key())
        .map_err(|error| CaFault::Failed(error.to_string()))?;
    Ok(CertifiedKey::new(
        vec![leaf.certificate.clone(), root.clone()],
        key,
    ))
}

/// What every connection is accepted with. Stations' certificates are of one of these authorities. A client may come without a certificate, because whoever wants to
/// join has none; what it may then ask for is for the routes to say.
pub(super) fn server_config(
    authorities: &[CertificateDer<'static>],
    listening: Arc<Listening>,
) -> Result<Arc<ServerConfig>, CaFault> {
    let failed = |error: &dyn fmt::Display| CaFault::Root(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| failed(&error))?;
    }
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
        let names = vec!["localhost".to_owned()];
        let (listening, made) = Listening::new(&authority, names.clone(), None, now).unwrap();
        let fresh = |days: u64| {
            let at = UnixSeconds(now.0 + days * 86_400);
            listening.keep_fresh(&authority, at).unwrap().is_some()
        };
        let made = made.expect("the first one is made");
        let shown = |listening: &Listening| listening.current.read().unwrap().0.cert[0].clone();
        let first = shown(&listening);
        // A later run goes on with it, as long as it is fresh and not of a time to come.
        for (days, is_kept) in [(0, true), (29, true), (31, false), (-1, false)] {
            let at = UnixSeconds(now.0.wrapping_add_signed(days * 86_400));
            let (again, new) = Listening::new(&authority, names.clone(), Some(made.clone()), at).unwrap();
            assert_eq!(
                (shown(&again) == first, new.is_none()),
                (is_kept, is_kept),
                "{days}"
            );
        }
        let mut damaged = made.clone();
        damaged.key.clear();
        let (_, new) = Listening::new(&authority, names.clone(), Some(damaged), now).unwrap();
        assert!(new.is_some());
        assert!(!fresh(1) && !fresh(29));
        assert!(fresh(31));
        assert!(!fresh(32));
        assert!(fresh(31 + 89));
        server_config(&[authority.certificate().clone()], listening).unwrap();
    }
}
