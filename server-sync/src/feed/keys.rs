//! Who may sign pages: the list of feed keys, signed by the organization.
//!
//! Pages are signed by a feed key, so that the organization's own key is used rarely. A station that was
//! away while the feed key changed, however often, asks for the list; the organization's key, which it has
//! known since it joined, vouches for it.

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::id::Organization;
use crate::signature;

/// One key that signs pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FeedKey {
    /// Which: 1 for the first, then counting.
    #[n(0)]
    pub id: u32,
    /// The Ed25519 public key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// It signs from this moment on, milliseconds since 1970. Published before, so that no station has to
    /// ask on the day.
    #[n(2)]
    pub not_before_ms: u64,
    /// No page signed with it counts from this moment on.
    #[n(3)]
    pub retired_at_ms: Option<u64>,
}

/// All feed keys of an organization, retired ones too.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyList {
    /// The organization.
    #[n(0)]
    pub organization: Organization,
    /// Grows with every change of the list: [`KeyList::next_serial`]. A station takes no older list than the one
    /// it has.
    #[n(1)]
    pub serial: u64,
    /// When the list was made, milliseconds since 1970.
    #[n(2)]
    pub made_at_ms: u64,
    /// The keys.
    #[n(3)]
    pub keys: Vec<FeedKey>,
}

/// A list as it travels and is stored: its bytes and the organization's signature over them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedKeyList {
    /// CBOR of the [`KeyList`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// Ed25519 by the organization's key over [`KeyList::CONTEXT`] and the body.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// Why a list of keys is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyListFault {
    /// Not a list of keys.
    #[error("not a list of feed keys")]
    Malformed,
    /// Not signed by the organization.
    #[error("the list of feed keys was not signed by the organization")]
    BadSignature,
    /// The list of another organization.
    #[error("the list of feed keys is of another organization")]
    OtherOrganization,
    /// Older than the one that is known.
    #[error("the list of feed keys {found} is older than {known}")]
    Older {
        /// Serial of the list that is known.
        known: u64,
        /// Serial of the list that came.
        found: u64,
    },
}

impl KeyListFault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "key_list_malformed",
            Self::BadSignature => "key_list_bad_signature",
            Self::OtherOrganization => "key_list_other_organization",
            Self::Older { .. } => "key_list_older",
        }
    }
}

impl KeyList {
    /// What the organization's signature begins with.
    pub const CONTEXT: &'static [u8] = b"bandstand feed keys 1\0";

    /// Signs the list: `sign` gets the bytes to sign and gives Ed25519 by the organization's key.
    pub fn sign(&self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> SignedKeyList {
        let body = cbor::to_bytes(self);
        let signature = sign(&[Self::CONTEXT, &body].concat());
        SignedKeyList { body, signature }
    }

    /// The serial of the list that follows the one with `last`, at `now_ms` milliseconds since 1970.
    ///
    /// It follows the clock, so that a console that was restored from a backup and makes a new list, as it has
    /// to, is believed by stations that have seen lists made after the backup.
    pub fn next_serial(last: u64, now_ms: u64) -> u64 {
        now_ms.max(last + 1)
    }

    /// The key with this id.
    pub fn key(&self, id: u32) -> Option<&FeedKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl SignedKeyList {
    /// The list, if the organization with this Ed25519 public key signed it.
    pub fn verify(&self, organization_key: &[u8; 32]) -> Result<KeyList, KeyListFault> {
        let signed = [KeyList::CONTEXT, &self.body].concat();
        if !signature::is_by(organization_key, &signed, &self.signature) {
            return Err(KeyListFault::BadSignature);
        }
        let list: KeyList = cbor::from_bytes(&self.body).ok_or(KeyListFault::Malformed)?;
        if list.organization != Organization::of_key(organization_key) {
            return Err(KeyListFault::OtherOrganization);
        }
        Ok(list)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; verified it is not.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyListFault> {
        cbor::from_bytes(bytes).ok_or(KeyListFault::Malformed)
    }
}
