//! How two strangers become a band and a station that know each other.
//!
//! The handshake is `Noise_IX_25519_ChaChaPoly_SHA256` (Noise Protocol Framework, revision 34), the
//! station being the initiator. Its two messages take one round trip. The payload of the first is the
//! station's hello in clear; the payload of the second is the band's hello, which only the holder of the
//! certified station key can read: who has no certificate learns nothing of a band, not even its serial.
//!
//! ```text
//!   station                                                     band
//!   01 min max || e, s, StationHello                              ->   checks certificate, organization
//!   <-                      02 || e, ee, se, s, es, BandHello          checks make, decides
//!   03 || encrypted(station nonce || first message)               ->   checks commitment, shows the code
//!   <-  03 || encrypted(message)  ->
//!   <-  0f reason min max                                              instead of 02, in clear
//! ```
//!
//! The first three bytes are the prologue behind [`PROLOGUE`], so that nobody can lower the versions
//! unnoticed.
//!
//! **The screen code.** The station commits to a nonce before it sees the band's, and reveals it
//! afterwards; the code is a hash of the handshake and both nonces. A man in the middle runs two
//! handshakes with two hashes, and has to fix his part of each before he knows the other's: the two
//! screens agree once in a million tries, and he has one.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::certificate::{PublicKey, Signed};
use crate::crypto::{Cipher, Handshake, Secret, sha256};
use crate::id::ScreenCode;
use crate::message::Report;
use crate::time::UnixSeconds;
use crate::{VERSION_CURRENT, VERSION_MIN, Version};

/// What the handshake's prologue begins with; the first packet's three clear bytes follow.
pub const PROLOGUE: &[u8] = b"bandstand";
/// Hashed before the station's nonce to make the commitment.
pub const COMMITMENT_CONTEXT: &[u8] = b"bandstand commitment 1\0";
/// Hashed before handshake hash, station's nonce and band's nonce to make the screen code.
pub const CODE_CONTEXT: &[u8] = b"bandstand screen code 1\0";

/// A nonce that makes the screen code unpredictable, 16 bytes.
pub type Nonce = [u8; 16];

pub(crate) const HANDSHAKE_1: u8 = 0x01;
pub(crate) const HANDSHAKE_2: u8 = 0x02;
pub(crate) const MESSAGE: u8 = 0x03;
pub(crate) const REFUSAL: u8 = 0x0f;

/// What the station says of itself, in clear.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StationHello {
    /// A signed [`StationCertificate`](crate::certificate::StationCertificate).
    #[n(0)]
    pub certificate: Signed,
    /// SHA-256 over [`COMMITMENT_CONTEXT`] and the station's nonce.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub commitment: [u8; 32],
    /// The station's wall clock.
    #[n(2)]
    pub time: UnixSeconds,
}

/// What the band says of itself, readable by this station alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BandHello {
    /// A signed [`BandCertificate`](crate::certificate::BandCertificate).
    #[n(0)]
    pub certificate: Signed,
    /// The band's nonce.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: Nonce,
    /// The version that both will speak: the newest in common.
    #[n(2)]
    pub version: Version,
    /// How the band is, and what it holds.
    #[n(3)]
    pub report: Report,
}

/// Why a band refuses the handshake. Said in clear and by nobody proven: good for a hint, not for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeRefusal {
    /// No version in common; these are the band's.
    VersionUnsupported {
        /// Oldest.
        min: Version,
        /// Newest.
        max: Version,
    },
    /// The band serves another organization until its user data is deleted by hand.
    WrongOrganization,
    /// The station's certificate is not one, or not its own.
    CertificateInvalid,
    /// The station's certificate has expired.
    CertificateExpired,
    /// The station's certificate is not yet valid.
    CertificateNotYetValid,
    /// The handshake itself was malformed.
    HandshakeMalformed,
    /// Too many handshakes were broken off; the band pauses for some seconds.
    TryLater,
    /// A reason this version does not know.
    Other(u8),
}

impl HandshakeRefusal {
    /// The packet `0f reason min max`.
    pub(crate) fn encode(self) -> Vec<u8> {
        let code = match self {
            Self::VersionUnsupported { .. } => 1,
            Self::WrongOrganization => 2,
            Self::CertificateInvalid => 3,
            Self::CertificateExpired => 4,
            Self::CertificateNotYetValid => 5,
            Self::HandshakeMalformed => 6,
            Self::TryLater => 7,
            Self::Other(code) => code,
        };
        Vec::from([REFUSAL, code, VERSION_MIN, VERSION_CURRENT])
    }

    /// Reads what follows the kind byte.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let &[code, min, max, ..] = body else { return None };
        Some(match code {
            1 => Self::VersionUnsupported { min, max },
            2 => Self::WrongOrganization,
            3 => Self::CertificateInvalid,
            4 => Self::CertificateExpired,
            5 => Self::CertificateNotYetValid,
            6 => Self::HandshakeMalformed,
            7 => Self::TryLater,
            other => Self::Other(other),
        })
    }
}

/// The three clear bytes that open a session and the prologue they make.
pub(crate) fn opening((min, max): (Version, Version)) -> [u8; 3] {
    [HANDSHAKE_1, min, max]
}

pub(crate) fn prologue(opening: &[u8]) -> Vec<u8> {
    [PROLOGUE, opening].concat()
}

pub(crate) fn commitment(nonce: &Nonce) -> [u8; 32] {
    sha256(&[COMMITMENT_CONTEXT, nonce])
}

/// The newest version in common with a peer that speaks `min..=max`.
pub(crate) fn common_version(min: Version, max: Version) -> Option<Version> {
    let newest = max.min(VERSION_CURRENT);
    (newest >= min.max(VERSION_MIN)).then_some(newest)
}

/// An encrypted session: what both ends have after the handshake.
pub(crate) struct Transport {
    sender: Cipher,
    receiver: Cipher,
    hash: [u8; 32],
    pub(crate) peer_dh_key: PublicKey,
}

impl Transport {
    /// The transport of a completed handshake.
    pub(crate) fn new(handshake: &Handshake) -> Self {
        let (initiator, responder) = handshake.get_ciphers();
        let (sender, receiver) = if handshake.get_is_initiator() {
            (initiator, responder)
        } else {
            (responder, initiator)
        };
        let hash: Secret = handshake.get_hash().try_into().expect("SHA-256 has 32 bytes");
        let peer_dh_key = handshake.get_rs().expect("IX gives each the other's static key");
        Self {
            sender,
            receiver,
            hash,
            peer_dh_key,
        }
    }

    pub(crate) fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        [&[MESSAGE], &self.sender.encrypt_vec(plaintext)[..]].concat()
    }

    pub(crate) fn open(&mut self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        self.receiver.decrypt_vec(ciphertext).ok()
    }

    /// Six digits out of the first eight bytes of the hash, as a big-endian number modulo a million.
    pub(crate) fn code(&self, station_nonce: &Nonce, band_nonce: &Nonce) -> ScreenCode {
        let hash = sha256(&[CODE_CONTEXT, &self.hash, station_nonce, band_nonce]);
        let number = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"));
        ScreenCode((number % 1_000_000) as u32)
    }
}
