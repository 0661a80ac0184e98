//! What a station keeps about the feed.

use minicbor::{Decode, Encode};

use super::keys::SignedKeyList;
use super::page::Cursor;
use crate::cbor;
use crate::id::{Lineage, Revision};

/// Lineages a station remembers to have left; the oldest are forgotten.
pub(super) const LEFT_MAX: usize = 64;

/// What a station keeps about the feed: stored in the same transaction as the rows it speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InboxState {
    /// Up to where the feed is applied.
    #[n(0)]
    pub cursor: Option<Cursor>,
    /// The highest revision the console was seen to have in the cursor's lineage. It never goes back.
    #[n(1)]
    pub floor: Revision,
    /// Lineages that were left behind, the latest last. The console does not come back to one.
    #[n(2)]
    pub left: Vec<Lineage>,
    /// The site whose rows came.
    #[n(3)]
    pub site: String,
    /// The last moment at which what the station has was true as a whole.
    #[n(4)]
    pub complete: Option<Complete>,
    /// Who may sign pages.
    #[n(5)]
    pub keys: Option<SignedKeyList>,
}

/// A moment at which a replica was true as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Complete {
    /// In which life of the console.
    #[n(0)]
    pub lineage: Lineage,
    /// At which revision.
    #[n(1)]
    pub revision: Revision,
    /// When, milliseconds since 1970 by the console's clock: the age of the replica counts from here.
    #[n(2)]
    pub made_at_ms: u64,
    /// The station's own journal is contained in it up to this sequence; what follows is applied once more.
    #[n(3)]
    pub acked_through: u64,
    /// How the hash of that entry begins.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub acked_mark: [u8; 8],
}

impl InboxState {
    /// The state of a station that has joined and has no rows yet.
    pub fn joined(keys: SignedKeyList) -> Self {
        Self {
            keys: Some(keys),
            ..Self::default()
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote in this or an earlier release.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        cbor::from_bytes(bytes)
    }

    /// Leaves a lineage for another.
    pub(super) fn enter(&mut self, lineage: Lineage) {
        let old = self.cursor.map(|cursor| cursor.lineage);
        if let Some(old) = old.filter(|old| *old != lineage) {
            self.left.push(old);
            self.floor = Revision::ZERO;
            if self.left.len() > LEFT_MAX {
                self.left.remove(0);
            }
        }
    }
}
