//! What a band keeps over a power cut: one record, replaced as a whole.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};

use crate::cbor::{from_cbor, to_cbor};
use crate::certificate::{PublicKey, Signed};
use crate::id::{AssociationId, OrganizationId, UserHandle, Zone};
use crate::message::{Held, Mode, Staged};
use crate::time::UnixSeconds;

/// Stored bytes that are no record of this crate. The band must not start with an empty one instead: its
/// epoch would go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFault;

/// A key that never leaves the band and prints as dots.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct CredentialSecret(#[cbor(n(0), with = "minicbor::bytes")] pub(crate) [u8; 32]);

impl CredentialSecret {
    pub(crate) fn public(&self) -> PublicKey {
        SigningKey::from_bytes(&self.0).verifying_key().to_bytes()
    }
}

impl fmt::Debug for CredentialSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialSecret(..)")
    }
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Record {
    /// Commits so far. Never goes back.
    #[n(0)]
    pub(crate) epoch: u32,
    /// The organization served, while user data is held.
    #[n(1)]
    pub(crate) organization: Option<OrganizationId>,
    #[n(2)]
    pub(crate) associations: Vec<Association>,
    #[n(3)]
    pub(crate) staged: Option<StagedAssociation>,
    /// The latest time an own station committed at; certificates that ended before it are refused.
    #[n(4)]
    pub(crate) time_floor: UnixSeconds,
    /// Failed touches in a row, so that a restart does not clear a lockout.
    #[n(5)]
    pub(crate) failures: u8,
    /// The template slot in use.
    #[n(6)]
    pub(crate) slot: u8,
    /// What the idle screen shows.
    #[n(7)]
    pub(crate) label: String,
}

/// A committed association with its secret and its receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Association {
    #[n(0)]
    pub(crate) zone: Zone,
    #[n(1)]
    pub(crate) user: UserHandle,
    #[n(2)]
    pub(crate) association: AssociationId,
    #[n(3)]
    pub(crate) epoch: u32,
    #[n(4)]
    pub(crate) credential: CredentialSecret,
    #[n(5)]
    pub(crate) receipt: Signed,
    #[n(6)]
    pub(crate) finished: bool,
}

impl Association {
    pub(crate) fn held(&self) -> Held {
        let Self {
            zone,
            user,
            association,
            epoch,
            finished,
            ..
        } = self;
        Held {
            zone: *zone,
            user: *user,
            association: *association,
            epoch: *epoch,
            finished: *finished,
        }
    }
}

/// An association that waits for its commit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StagedAssociation {
    #[n(0)]
    pub(crate) staged: Staged,
    #[n(1)]
    pub(crate) credential: CredentialSecret,
    #[n(2)]
    pub(crate) mode: Mode,
    #[n(3)]
    pub(crate) label: String,
    /// The template slot that holds its finger.
    #[n(4)]
    pub(crate) slot: u8,
}

impl Record {
    /// Reads stored bytes; none at all are a band fresh from the factory.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordFault> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let record: Self = from_cbor(bytes).ok_or(RecordFault)?;
        if record.is_sound() {
            Ok(record)
        } else {
            Err(RecordFault)
        }
    }

    /// What every record of this crate keeps to, whatever its memory gives back: two template slots, one
    /// holder, one association in a zone, none of them newer than the count of commits, what is staged one
    /// ahead of it, and an organization exactly while there are any associations.
    fn is_sound(&self) -> bool {
        let slots = self.slot <= 1 && self.staged.as_ref().is_none_or(|waiting| waiting.slot <= 1);
        let held = &self.associations;
        let one_holder = held.iter().all(|association| association.user == held[0].user);
        let one_each = held.len() <= 1 || (held.len() == 2 && held[0].zone != held[1].zone);
        let counted = held.iter().all(|association| association.epoch <= self.epoch);
        let next = self
            .staged
            .as_ref()
            .is_none_or(|waiting| self.epoch.checked_add(1) == Some(waiting.staged.epoch));
        slots && one_holder && one_each && counted && next && self.organization.is_some() != held.is_empty()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// The association in a zone.
    pub(crate) fn in_zone(&self, zone: Zone) -> Option<&Association> {
        self.associations
            .iter()
            .find(|association| association.zone == zone)
    }

    /// The association with this name.
    pub(crate) fn held(&self, association: AssociationId) -> Option<&Association> {
        self.associations
            .iter()
            .find(|held| held.association == association)
    }

    /// Nothing of a person is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.associations.is_empty() && self.staged.is_none()
    }

    /// The band is somebody else's than `user`'s.
    pub(crate) fn held_by_another(&self, user: UserHandle) -> bool {
        self.associations
            .iter()
            .any(|association| association.user != user)
    }

    /// What remains when user data is deleted: the count of commits, nothing of a person.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            epoch: self.epoch,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
