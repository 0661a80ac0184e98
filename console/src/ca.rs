//! The console's own authority: who may speak on the stations' listener, and how stations know the console.
//!
//! One root, kept in the vault, signs two kinds of leaves and nothing else: the listener's own certificate
//! (server use only) and one certificate per station (client use only, the station's id in a URI). A leaf
//! of one kind is refused in the place of the other. What is not in the list of issued serials is refused
//! too, so that revoking is deleting a permission and not spreading a prohibition.

mod leaf;
#[cfg(test)]
mod tests;

use std::fmt;

use firmware_protocol::id::StationId;
use firmware_protocol::time::UnixSeconds;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
    SerialNumber,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub use leaf::{Peer, STATION_URI};

/// How long the root holds, in seconds: the plant's life, since every station pins it.
pub const ROOT_SECONDS: u64 = 20 * 365 * DAY_S;
/// Leaves begin this long before they are made: a clock a day behind takes them all the same.
pub const BACKDATED_SECONDS: u64 = 2 * DAY_S;
/// Largest signing request that is looked at, in bytes.
pub const REQUEST_LEN_MAX: usize = 4096;

const DAY_S: u64 = 86_400;

/// Why a certificate was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaFault {
    /// The stored root is not one.
    #[error("the stored authority does not read: {0}")]
    Root(String),
    /// The signing request does not read, is not signed by its own key, or uses another kind of key.
    #[error("the signing request does not hold: {0}")]
    Request(String),
    /// A name that the listener is to have is none.
    #[error("the listener cannot be called {0:?}")]
    Name(String),
    /// The library failed.
    #[error("no certificate could be made: {0}")]
    Failed(String),
}

/// First and last second of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: UnixSeconds,
    /// Last second.
    pub not_after: UnixSeconds,
}

impl Validity {
    /// From now, a little backdated, for so many seconds.
    pub fn starting(now: UnixSeconds, seconds: u64) -> Self {
        Self {
            not_before: UnixSeconds(now.0.saturating_sub(BACKDATED_SECONDS)),
            not_after: UnixSeconds(now.0.saturating_add(seconds)),
        }
    }
}

/// A certificate and the key it names.
pub struct KeyedCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key as PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
}

impl KeyedCertificate {
    /// The key as rustls takes it.
    pub fn rustls_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()))
    }
}

impl fmt::Debug for KeyedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedCertificate(..)")
    }
}

/// The root with its key.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority(..)")
    }
}

impl Authority {
    /// A new root under a name for people. What is returned is what the vault keeps.
    pub fn create(name: &str, now: UnixSeconds) -> Result<KeyedCertificate, CaFault> {
        let key = new_key()?;
        let mut parameters = named(&format!("{name} stations"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        date(&mut parameters, Validity::starting(now, ROOT_SECONDS));
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        Ok(KeyedCertificate {
            certificate: certificate.der().clone(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    /// The root as the vault kept it.
    pub fn load(stored: &KeyedCertificate) -> Result<Self, CaFault> {
        let root = |error: rcgen::Error| CaFault::Root(error.to_string());
        let key = KeyPair::try_from(stored.key.as_slice()).map_err(root)?;
        let issuer = Issuer::from_ca_cert_der(&stored.certificate, key).map_err(root)?;
        Ok(Self {
            certificate: stored.certificate.clone(),
            issuer,
        })
    }

    /// The root's certificate, which every station pins.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the root's certificate: what a person compares, and what a join token begins with.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// A certificate for the listener under these names and addresses, with a key of its own.
    pub fn server(&self, names: &[String], validity: Validity) -> Result<KeyedCertificate, CaFault> {
        let key = new_key()?;
        let mut parameters = named("bandstand console");
        parameters.subject_alt_names = names.iter().map(|name| subject(name)).collect::<Result<_, _>>()?;
        leaf_of(&mut parameters, ExtendedKeyUsagePurpose::ServerAuth, validity);
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(KeyedCertificate {
            certificate: certificate.der().clone(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    /// A certificate for a station, over the key in its request. Nothing else that the request asks for is
    /// granted. `serial` is used once; see [`serial`].
    pub fn station(
        &self,
        request: &[u8],
        station: StationId,
        serial: [u8; 16],
        validity: Validity,
    ) -> Result<CertificateDer<'static>, CaFault> {
        let mut request = read_request(request)?;
        let mut parameters = named(&format!("station {station}"));
        parameters.serial_number = Some(SerialNumber::from_slice(&serial));
        let uri = format!("{STATION_URI}{station}");
        let uri = uri.try_into().map_err(failed)?;
        parameters.subject_alt_names = vec![SanType::URI(uri)];
        leaf_of(&mut parameters, ExtendedKeyUsagePurpose::ClientAuth, validity);
        request.params = parameters;
        let certificate = request.signed_by(&self.issuer).map_err(failed)?;
        Ok(certificate.der().clone())
    }
}

/// SHA-256 of a certificate.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    digest(&SHA256, certificate)
        .as_ref()
        .try_into()
        .expect("32 bytes")
}

/// SHA-256 of the public key in a signing request whose signature holds.
pub fn request_key_digest(request: &[u8]) -> Result<[u8; 32], CaFault> {
    use rcgen::PublicKeyData;
    let request = read_request(request)?;
    let key = digest(&SHA256, request.public_key.der_bytes());
    Ok(key.as_ref().try_into().expect("32 bytes"))
}

/// A serial out of random bytes: positive and of full length, so that its bytes are the same everywhere.
pub fn serial(mut random: [u8; 16]) -> [u8; 16] {
    random[0] = (random[0] & 0x3f) | 0x40;
    random
}

fn read_request(request: &[u8]) -> Result<CertificateSigningRequestParams, CaFault> {
    if request.len() > REQUEST_LEN_MAX {
        return Err(CaFault::Request("it is too long".into()));
    }
    let request = CertificateSigningRequestDer::from(request);
    let request = CertificateSigningRequestParams::from_der(&request)
        .map_err(|error| CaFault::Request(error.to_string()))?;
    if request.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
        return Err(CaFault::Request("its key is not one of P-256".into()));
    }
    Ok(request)
}

fn new_key() -> Result<KeyPair, CaFault> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    parameters.distinguished_name = distinguished;
    parameters
}

fn leaf_of(parameters: &mut CertificateParams, usage: ExtendedKeyUsagePurpose, validity: Validity) {
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![usage];
    parameters.use_authority_key_identifier_extension = true;
    date(parameters, validity);
}

fn date(parameters: &mut CertificateParams, validity: Validity) {
    parameters.not_before = moment(validity.not_before);
    parameters.not_after = moment(validity.not_after);
}

/// Far futures are cut to the last second that X.509 can name.
fn moment(seconds: UnixSeconds) -> OffsetDateTime {
    const LAST: i64 = 253_402_300_799; // 9999-12-31
    let seconds = i64::try_from(seconds.0).unwrap_or(LAST).min(LAST);
    OffsetDateTime::from_unix_timestamp(seconds).expect("a date before the year 10000")
}

fn subject(name: &str) -> Result<SanType, CaFault> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let valid = rustls::pki_types::DnsName::try_from(name).is_ok();
    match name.try_into() {
        Ok(text) if valid => Ok(SanType::DnsName(text)),
        _ => Err(CaFault::Name(name.into())),
    }
}

fn failed(error: rcgen::Error) -> CaFault {
    CaFault::Failed(error.to_string())
}
