//! Who signs whom: a manufacturer signs bands, an organization signs stations.
//!
//! A certificate is `[body, signature]`, both byte strings. The body is the CBOR map of the fields, the
//! signature Ed25519 (RFC 8032) over a context string followed by the body's bytes, so that a signature
//! made for one purpose fits no other.

use alloc::string::String;
use alloc::vec::Vec;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::cbor::{from_cbor, to_cbor};
use crate::id::{OrganizationId, Serial, StationId, Zone};
use crate::time::UnixSeconds;

/// An Ed25519 or X25519 public key, 32 bytes.
pub type PublicKey = [u8; 32];

/// Bytes and the signature over them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    /// The signed bytes: CBOR of what is signed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// Ed25519 over context and body.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// Why a signed thing was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Not the CBOR that was expected.
    Malformed,
    /// Signed by nobody we trust, or changed on the way.
    BadSignature,
    /// Its first valid second is still to come.
    NotYetValid,
    /// Its last valid second has passed.
    Expired,
}

impl Signed {
    /// Signs `body` for the purpose named by `context`.
    pub fn sign(body: Vec<u8>, context: &[u8], key: &SigningKey) -> Self {
        let signature = key.sign(&[context, &body].concat()).to_bytes();
        Self { body, signature }
    }

    /// Checks that `key` signed these bytes for this purpose. Small-order keys and malleable
    /// signatures are refused (`verify_strict`).
    pub fn verify(&self, context: &[u8], key: &PublicKey) -> Result<(), CertificateError> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| CertificateError::BadSignature)?;
        key.verify_strict(
            &[context, &self.body].concat(),
            &Signature::from_bytes(&self.signature),
        )
        .map_err(|_| CertificateError::BadSignature)
    }
}

/// What a manufacturer vouches for: this serial belongs to whoever has these keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BandCertificate {
    /// The serial printed on the band.
    #[n(0)]
    pub serial: Serial,
    /// The model's name: at most 16 signs of printable ASCII.
    #[cbor(n(1), with = "crate::id::short_text")]
    pub model: String,
    /// X25519 key of the band in every handshake.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub dh_key: PublicKey,
    /// Ed25519 key with which the band signs receipts.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub signing_key: PublicKey,
    /// The band also carries a door credential (HID SEOS).
    #[n(4)]
    pub seos: bool,
}

impl BandCertificate {
    /// Context of the manufacturer's signature.
    pub const CONTEXT: &'static [u8] = b"bandstand band certificate 1\0";

    /// Signs this certificate with the manufacturer's key.
    pub fn sign(&self, manufacturer: &SigningKey) -> Signed {
        Signed::sign(to_cbor(self), Self::CONTEXT, manufacturer)
    }

    /// Accepts a certificate signed by one of `manufacturers`.
    pub fn verify(signed: &Signed, manufacturers: &[PublicKey]) -> Result<Self, CertificateError> {
        let trusted = manufacturers
            .iter()
            .any(|key| signed.verify(Self::CONTEXT, key).is_ok());
        if !trusted {
            return Err(CertificateError::BadSignature);
        }
        from_cbor(&signed.body).ok_or(CertificateError::Malformed)
    }
}

/// What an organization vouches for: whoever has this key is this station of ours.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StationCertificate {
    /// Ed25519 key of the organization; its hash is the [`OrganizationId`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub organization_key: PublicKey,
    /// Which station.
    #[n(1)]
    pub station: StationId,
    /// X25519 key of the station in every handshake.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub dh_key: PublicKey,
    /// The zone the station may write.
    #[n(3)]
    pub zone: Zone,
    /// First second in which the certificate holds.
    #[n(4)]
    pub not_before: UnixSeconds,
    /// Last second in which the certificate holds.
    #[n(5)]
    pub not_after: UnixSeconds,
}

impl StationCertificate {
    /// Context of the organization's signature.
    pub const CONTEXT: &'static [u8] = b"bandstand station certificate 1\0";

    /// Signs this certificate with the organization's key.
    pub fn sign(&self, organization: &SigningKey) -> Signed {
        Signed::sign(to_cbor(self), Self::CONTEXT, organization)
    }

    /// Accepts a certificate that the organization it names has signed and that holds at `now`.
    /// Whether that organization is welcome is the caller's question.
    pub fn verify(signed: &Signed, now: UnixSeconds) -> Result<Self, CertificateError> {
        let certificate: Self = from_cbor(&signed.body).ok_or(CertificateError::Malformed)?;
        signed.verify(Self::CONTEXT, &certificate.organization_key)?;
        if now < certificate.not_before {
            return Err(CertificateError::NotYetValid);
        }
        if now > certificate.not_after {
            return Err(CertificateError::Expired);
        }
        Ok(certificate)
    }

    /// The organization that signed.
    pub fn organization(&self) -> OrganizationId {
        organization_id(&self.organization_key)
    }
}

/// The identifier of the organization with this Ed25519 key.
pub fn organization_id(organization_key: &PublicKey) -> OrganizationId {
    let hash = Sha256::digest(organization_key);
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    OrganizationId(id)
}
