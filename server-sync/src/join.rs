//! How a station becomes one of the console's.

use minicbor::{Decode, Encode};
use policy::model::Zone;

use crate::cbor;
use crate::chain::Head;
use crate::feed::SignedKeyList;
use crate::id::{Lineage, Organization};
use crate::record::{Hash, StationKey};
use crate::version::Versions;

/// Most bytes of any message of this module.
pub const JOIN_LEN_MAX: usize = 64 * 1024;

/// A journal's end on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct JournalEnd {
    /// Sequence of the last entry; 0 for an empty journal.
    #[n(0)]
    pub sequence: u64,
    /// Its hash.
    #[n(1)]
    pub hash: Hash,
}

impl From<Head> for JournalEnd {
    fn from(head: Head) -> Self {
        let Head { sequence, hash } = head;
        Self { sequence, hash }
    }
}

impl From<JournalEnd> for Head {
    fn from(end: JournalEnd) -> Self {
        let JournalEnd { sequence, hash } = end;
        Self { sequence, hash }
    }
}

/// A station asks to be taken in.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinRequest {
    /// Versions of the wire it speaks.
    #[n(0)]
    pub versions: Versions,
    /// The secret of the join token, used once.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub token: Vec<u8>,
    /// A PKCS #10 request in DER for the certificate with which it will speak to the console.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub csr_der: Vec<u8>,
    /// The X25519 public key with which it speaks to bands; the secret never leaves the station.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub dh_key: [u8; 32],
    /// Version of its software.
    #[n(4)]
    pub software: String,
    /// Who it is already, if it was set up from a file.
    #[n(5)]
    pub station: Option<StationKey>,
    /// The organization it belongs to already.
    #[n(6)]
    pub organization: Option<Organization>,
    /// The end of its journal, if it has one.
    #[n(7)]
    pub journal: Option<JournalEnd>,
}

impl std::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("versions", &self.versions)
            .field("software", &self.software)
            .field("station", &self.station)
            .field("organization", &self.organization)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

/// A station asks for new certificates before the old ones end.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RenewRequest {
    /// Versions of the wire it speaks.
    #[n(0)]
    pub versions: Versions,
    /// A PKCS #10 request in DER.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub csr_der: Vec<u8>,
    /// The X25519 public key with which it will speak to bands.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub dh_key: [u8; 32],
}

/// What a station needs to work with the console and with bands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Joined {
    /// Who the station is.
    #[n(0)]
    pub station: StationKey,
    /// What people call it.
    #[n(1)]
    pub name: String,
    /// The site it stands at; empty if there is only one.
    #[n(2)]
    pub site: String,
    /// The zone it writes.
    #[cbor(n(3), with = "crate::cbor::zone")]
    pub zone: Zone,
    /// Its certificate for the console and what stands between it and the authority, in DER, its own first.
    #[n(4)]
    pub certificates_der: Vec<Der>,
    /// The console's authority, in DER.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub authority_der: Vec<u8>,
    /// When its certificate for the console ends, seconds since 1970.
    #[n(6)]
    pub not_after_s: u64,
    /// Its certificate for the air, the CBOR of body and signature.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub air_certificate: Vec<u8>,
    /// When that one ends, seconds since 1970.
    #[n(8)]
    pub air_not_after_s: u64,
    /// The organization's Ed25519 public key.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub organization_key: [u8; 32],
    /// Who may sign pages of the feed.
    #[n(10)]
    pub feed_keys: SignedKeyList,
    /// The console's present life.
    #[n(11)]
    pub lineage: Lineage,
    /// The console's wall time, milliseconds since 1970.
    #[n(12)]
    pub time_ms: u64,
    /// Versions of the wire the console speaks.
    #[n(13)]
    pub versions: Versions,
    /// Every authority under which the console may answer, in DER, the newest last; absent if there was never but one.
    /// A station takes those alone that its own row of the feed names.
    #[n(14)]
    pub authorities_der: Option<Vec<Der>>,
}

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Fingerprint(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// A certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Der(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

/// The answer to [`JoinRequest`] and to [`RenewRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum JoinAnswer {
    /// The station is one of the console's.
    #[n(0)]
    Joined(#[n(0)] Box<Joined>),
    /// It is not.
    #[n(1)]
    Refused(#[n(0)] JoinFault),
}

/// Why a station was not taken in, or got no new certificates.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum JoinFault {
    /// Not a request.
    #[n(0)]
    #[error("this is not a request to join")]
    Malformed,
    /// No such token, or it was taken back.
    #[n(1)]
    #[error("the console does not know this join token; make a new one")]
    UnknownToken,
    /// The token is too old.
    #[n(2)]
    #[error("this join token has expired; make a new one")]
    TokenExpired,
    /// Another station used it.
    #[n(3)]
    #[error("this join token was used before; make a new one")]
    TokenSpent,
    /// The certificate request is not one, or does not prove its key.
    #[n(4)]
    #[error("the certificate request is not valid")]
    BadRequest,
    /// The station belongs to another organization.
    #[n(5)]
    #[error("this station belongs to organization {found}")]
    OtherOrganization {
        /// The one it says.
        #[n(0)]
        found: Organization,
    },
    /// Another station has this identity, or the token is for another one.
    #[n(6)]
    #[error("station {station} is known to the console and this token is not for it")]
    StationTaken {
        /// The identity.
        #[n(0)]
        station: StationKey,
    },
    /// The station's journal is not the one the console knows: it was copied or rolled back.
    #[n(7)]
    #[error("the console has another journal of this station from entry {sequence} on")]
    Fork {
        /// The first sequence at which the two differ.
        #[n(0)]
        sequence: u64,
    },
    /// An administrator revoked this station.
    #[n(8)]
    #[error("an administrator revoked this station")]
    Revoked,
    /// No version of the wire in common.
    #[n(9)]
    #[error("the console speaks versions {console} of the wire")]
    Version {
        /// What the console speaks.
        #[n(0)]
        console: Versions,
    },
    /// The console cannot store anything now.
    #[n(10)]
    #[error("the console is busy; try again")]
    Busy,
}

impl JoinFault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "join_malformed",
            Self::UnknownToken => "token_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenSpent => "token_spent",
            Self::BadRequest => "certificate_request_invalid",
            Self::OtherOrganization { .. } => "other_organization",
            Self::StationTaken { .. } => "station_taken",
            Self::Fork { .. } => "journal_fork",
            Self::Revoked => "station_revoked",
            Self::Version { .. } => "no_common_version",
            Self::Busy => "console_busy",
        }
    }
}

macro_rules! messages {
    ($($name:ident)*) => { $(
        impl $name {
            /// Its bytes.
            pub fn to_bytes(&self) -> Vec<u8> {
                cbor::to_bytes(self)
            }

            /// Reads what `to_bytes` wrote; `None` if these bytes are something else.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                if bytes.len() > JOIN_LEN_MAX {
                    return None;
                }
                cbor::from_bytes(bytes)
            }
        }
    )* };
}

messages! { JoinRequest RenewRequest JoinAnswer }
