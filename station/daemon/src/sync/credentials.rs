//! What the station needs to speak to its console: one small file beside the station's key, for the daemon
//! alone.

use std::fmt;
use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use station_core::provision::{Base16, HexBytes};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::address::Address;
use crate::config::read_secret;
use crate::problem::{Code, Problem};
use crate::seal::{self, SealKey};

const FORMAT: u32 = 1;
/// What the files are sealed for.
const PURPOSE: &str = "station.sync";
const PURPOSE_PENDING: &str = "station.join";

/// A key for a certificate that does not exist yet, with the request for it.
pub struct Request {
    /// PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
    /// PKCS #10 in DER.
    pub csr_der: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

impl Default for Request {
    fn default() -> Self {
        Self::new()
    }
}

impl Request {
    /// A new key.
    pub fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("the system gives randomness");
        Self::of(&key)
    }

    /// A request for a key that was made before.
    pub fn again(pkcs8: &[u8]) -> Option<Self> {
        KeyPair::try_from(pkcs8).ok().map(|key| Self::of(&key))
    }

    fn of(key: &KeyPair) -> Self {
        let mut parameters = CertificateParams::default();
        let mut name = DistinguishedName::new();
        // The console gives the name; what stands here is looked at by nobody.
        name.push(DnType::CommonName, "bandstand station");
        parameters.distinguished_name = name;
        let request = parameters
            .serialize_request(key)
            .expect("a request for a key of ours");
        Self {
            key: Zeroizing::new(key.serialize_der()),
            csr_der: request.der().to_vec(),
        }
    }
}

/// Everything to speak to the console with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Where the console is.
    pub console: Address,
    /// What people call this station.
    pub name: String,
    /// The authorities that the console may answer under, the newest last: at least one, and two while the console
    /// goes over from one to the other.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The station's certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key as PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
    /// First second of the certificate.
    pub not_before_s: u64,
    /// Last second of the certificate.
    pub not_after_s: u64,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("console", &self.console)
            .field("not_after_s", &self.not_after_s)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    format: u32,
    console: String,
    name: String,
    authority: Base16,
    /// Those beside it, older ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_authorities: Vec<Base16>,
    certificate: Base16,
    key: Base16,
}

impl Credentials {
    /// Out of what the console gave. Nothing if the certificate does not read.
    pub fn new(
        console: Address,
        name: String,
        authorities: Vec<CertificateDer<'static>>,
        certificate: Vec<u8>,
        key: Zeroizing<Vec<u8>>,
    ) -> Option<Self> {
        authorities.last()?;
        let (_, read) = X509Certificate::from_der(&certificate).ok()?;
        let second = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).ok();
        let not_before_s = second(read.validity().not_before)?;
        let not_after_s = second(read.validity().not_after)?;
        Some(Self {
            console,
            name,
            authorities,
            certificate: certificate.into(),
            key,
            not_before_s,
            not_after_s,
        })
    }

    /// SHA-256 of the console's authority: the newest that this station trusts.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.authorities.last().map(fingerprint).expect("at least one")
    }

    /// Whether these are the authorities that the station trusts.
    pub fn trusts_exactly(&self, fingerprints: &[HexBytes<32>]) -> bool {
        let own = self.authorities.iter().map(|it| HexBytes(fingerprint(it)));
        own.eq(fingerprints.iter().cloned())
    }

    /// The authorities of a console's answer that were told to this station, in the order in which they were told.
    /// Nothing unless all of them are there.
    pub fn told(
        answer: Vec<CertificateDer<'static>>,
        fingerprints: &[HexBytes<32>],
    ) -> Option<Vec<CertificateDer<'static>>> {
        let find = |told: &HexBytes<32>| answer.iter().find(|it| fingerprint(it) == told.0).cloned();
        let found: Option<Vec<_>> = fingerprints.iter().map(find).collect();
        found.filter(|found| !found.is_empty())
    }

    /// When a new certificate is asked for: after a third of its time, so that a station that is away for as
    /// long as another third can still ask.
    pub fn renew_from_s(&self) -> u64 {
        self.not_before_s + self.not_after_s.saturating_sub(self.not_before_s) / 3
    }

    /// Reads the file.
    pub fn load(path: &Path, key: &SealKey) -> Result<Self, Problem> {
        let bytes = read_secret(path, "file of the console's credentials")?;
        let read = || {
            let on_disk: OnDisk = serde_json::from_slice(&key.open_file(PURPOSE, bytes)?).ok()?;
            if on_disk.format != FORMAT {
                return None;
            }
            let key = Zeroizing::new(on_disk.key.0);
            let address = on_disk.console.parse().ok()?;
            let authorities = on_disk.other_authorities.into_iter().chain([on_disk.authority]);
            Self::new(
                address,
                on_disk.name,
                authorities.map(|it| it.0.into()).collect(),
                on_disk.certificate.0,
                key,
            )
        };
        read().ok_or_else(|| {
            Problem::new(
                Code::SecretUnusable,
                format!("the console's credentials {} cannot be used", path.display()),
                "the file is not what `join` wrote, or it was sealed with another key",
                "put the right file back, or run `bandstand-station join` with a new token for this station",
            )
        })
    }

    /// Writes the file sealed and as a whole: whoever looks sees the old one or the new one.
    pub fn store(&self, path: &Path, key: &SealKey) -> std::io::Result<()> {
        let (authority, others) = self.authorities.split_last().expect("at least one");
        let on_disk = OnDisk {
            format: FORMAT,
            console: format!("https://{}", self.console),
            name: self.name.clone(),
            authority: Base16(authority.to_vec()),
            other_authorities: others.iter().map(|it| Base16(it.to_vec())).collect(),
            certificate: Base16(self.certificate.to_vec()),
            key: Base16(self.key.to_vec()),
        };
        let text = Zeroizing::new(serde_json::to_vec(&on_disk).expect("plain data"));
        seal::write_sealed(path, key, PURPOSE, &text)
    }

    /// Seals a file that was written before files were sealed.
    pub fn seal_existing(path: &Path, key: &SealKey) -> Result<(), Problem> {
        if seal::is_sealed(&read_secret(path, "file of the console's credentials")?) {
            return Ok(());
        }
        let credentials = Self::load(path, key)?;
        seal::replace_clear(path, || credentials.store(path, key))
    }
}

fn fingerprint(certificate: &CertificateDer<'static>) -> [u8; 32] {
    digest(&SHA256, certificate)
        .as_ref()
        .try_into()
        .expect("32 bytes")
}

/// What a station that joins has made before it asks: an answer that was lost is asked for again with the
/// same keys, and the console knows it for the same request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    pub(super) token: HexBytes<32>,
    pub(super) key: Base16,
    pub(super) dh_secret: HexBytes<32>,
}

impl Pending {
    /// What an earlier attempt with this token has left.
    pub(super) fn load(path: &Path, token: &[u8; 32], key: &SealKey) -> Option<Self> {
        let bytes = read_secret(path, "file of a join under way").ok()?;
        let pending: Self = serde_json::from_slice(&key.open_file(PURPOSE_PENDING, bytes)?).ok()?;
        (pending.token.0 == *token).then_some(pending)
    }

    pub(super) fn store(&self, path: &Path, key: &SealKey) -> std::io::Result<()> {
        let text = Zeroizing::new(serde_json::to_vec(self).expect("plain data"));
        seal::write_sealed(path, key, PURPOSE_PENDING, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_be_made_again_with_the_same_key() {
        let request = Request::new();
        let again = Request::again(&request.key).unwrap();
        assert_eq!(request.key, again.key);
        assert!(Request::again(b"no key").is_none());
    }

    #[test]
    fn credentials_survive_a_restart_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.sync");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::default()
            .self_signed(&key)
            .unwrap()
            .der()
            .to_vec();
        let key = Zeroizing::new(key.serialize_der());
        let address: Address = "https://console:1".parse().unwrap();
        let authorities = vec![vec![1, 2, 3].into(), certificate.clone().into()];
        let made = Credentials::new(address, "gate".into(), authorities, certificate, key).unwrap();
        let seal_key = SealKey::new([1; 32]);
        made.store(&path, &seal_key).unwrap();
        assert_eq!(Credentials::load(&path, &seal_key).unwrap(), made);
        let third = (made.not_after_s - made.not_before_s) / 3;
        assert_eq!(made.renew_from_s(), made.not_before_s + third);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(
                Credentials::load(&path, &seal_key).unwrap_err().code,
                Code::SecretUnusable
            );
        }
    }

    /// What the console answers counts only as far as a row of the feed named it.
    #[test]
    fn only_authorities_that_were_told_are_taken() {
        let certificate = |byte: u8| CertificateDer::from(vec![byte; 4]);
        let named = |byte: u8| HexBytes(fingerprint(&certificate(byte)));
        let taken = |answer: &[u8], told: &[u8]| {
            let answer = answer.iter().copied().map(certificate).collect();
            let told: Vec<_> = told.iter().copied().map(named).collect();
            Credentials::told(answer, &told).map(|found| found.iter().map(|it| it[0]).collect::<Vec<_>>())
        };
        assert_eq!(taken(&[1, 2], &[1, 2]), Some(vec![1, 2]));
        assert_eq!(
            taken(&[9, 2, 1], &[1, 2]),
            Some(vec![1, 2]),
            "another one is left out"
        );
        assert_eq!(taken(&[1, 2], &[2]), Some(vec![2]));
        assert_eq!(taken(&[1, 9], &[1, 2]), None, "one that was told is missing");
        assert_eq!(taken(&[9], &[]), None, "nothing was told");
    }
}
