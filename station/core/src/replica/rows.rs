//! The rows a station stores, beside those that the policy crate defines.

use std::collections::BTreeSet;
use std::fmt;

use firmware_protocol::certificate::PublicKey;
use firmware_protocol::id::{OrganizationId, UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;
use policy::model::{Association, Ending, PolicyId, User};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::journal::Intent;
use crate::ticket::{AttemptState, AttemptSubject, CodeHash, TicketId};

/// A person, as a station knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// What bands know of this person. Unique.
    pub handle: UserHandle,
    /// What the policy knows of this person. The id is unique.
    pub user: User,
    /// The individual policy this person has, if any.
    pub policy: Option<PolicyId>,
    /// What a band writes on its screen, at most 12 characters; empty for none.
    pub label: String,
}

/// The handle of a user for whom nobody chose one: the first 16 bytes of SHA-256 over a context, the
/// organization and the user's id. Every station of an organization computes the same.
pub fn derived_handle(organization: OrganizationId, user: &str) -> UserHandle {
    let mut sha = Sha256::new();
    sha.update(b"bandstand user handle 1\0");
    sha.update(organization.0);
    sha.update(user.as_bytes());
    let hash = sha.finalize();
    UserHandle(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// An association and, if a band committed it, what the band said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociationRow {
    /// What the policy knows of it.
    pub association: Association,
    /// The key that the band made for it; absent for associations that were provisioned without one.
    pub credential_key: Option<PublicKey>,
}

/// A ticket, as a station knows it.
///
/// A signed ticket needs no row until it is spent; a typed code needs one, because nothing else says
/// whose code it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRow {
    /// Which ticket.
    pub id: TicketId,
    /// Keyed hash of the code that can be typed instead, if there is one.
    pub code_hash: Option<CodeHash>,
    /// Whom it identifies.
    pub user: UserHandle,
    /// The site at which it may be used.
    pub site: String,
    /// The zone in which it may be used.
    pub zone: Zone,
    /// First second in which it may be used.
    pub not_before: UnixSeconds,
    /// Last second in which it may be used.
    pub expires: UnixSeconds,
}

/// What became of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TicketState {
    /// Nobody has used it here.
    #[default]
    Unspent,
    /// It was used for an association.
    Spent {
        /// Which one.
        association: firmware_protocol::id::AssociationId,
    },
    /// An administrator took it back.
    Revoked,
}

/// Somebody who may do things at the station that a user may not.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Who, by a short id.
    pub id: String,
    /// The PIN as an argon2 PHC string.
    pub pin: String,
    /// What this operator may do.
    pub rights: BTreeSet<Right>,
    /// The user this operator is, if any: nobody vouches for oneself.
    pub user: Option<UserHandle>,
}

impl fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorRow")
            .field("id", &self.id)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Say who somebody is.
    Vouch,
    /// Say that the station's clock is right.
    ConfirmClock,
    /// Give up an enrollment whose band does not come back.
    CloseIntents,
    /// See how the station is: radio, bands in range, journal, sync; and write that down for support.
    Diagnose,
    /// Ask whose a band is.
    CheckBands,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Vouch,
        Self::ConfirmClock,
        Self::CloseIntents,
        Self::Diagnose,
        Self::CheckBands,
    ];
}

/// A change of the stored rows, applied in the same transaction as the journal entries it comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Insert the association, or replace the one with its id.
    PutAssociation(AssociationRow),
    /// The association ended: set its `ended` and clear `active`.
    EndAssociation {
        /// Which.
        id: policy::model::AssociationId,
        /// Why and when.
        ending: Ending,
    },
    /// The association is no longer the active one of its user: clear `active`, leave `primary`.
    DeactivateAssociation {
        /// Which.
        id: policy::model::AssociationId,
    },
    /// Insert the band, or replace the one with its serial: what was learned of it.
    PutBand(policy::model::Band),
    /// The band, reported lost, is in its user's hands: it is in stock again.
    BandFound {
        /// Which band.
        serial: policy::model::BandSerial,
    },
    /// The ticket was used. There may be no row for it yet.
    SpendTicket {
        /// Which.
        ticket: TicketId,
        /// For what.
        association: firmware_protocol::id::AssociationId,
    },
    /// What the ticket was used for was not made: it is unspent again, if it was spent for this association.
    ReleaseTicket {
        /// Which.
        ticket: TicketId,
        /// For what it had been spent.
        association: firmware_protocol::id::AssociationId,
    },
    /// An intent is open: insert it under its association's id.
    OpenIntent(Intent),
    /// The intent with this association is settled: remove it.
    CloseIntent {
        /// Which.
        association: firmware_protocol::id::AssociationId,
    },
    /// Failed attempts of somebody to guess something: insert or replace; a state without failures may
    /// be removed.
    SetAttempts {
        /// What was guessed.
        subject: AttemptSubject,
        /// The count and the wait.
        state: AttemptState,
    },
    /// Somebody confirmed a date before one that had been believed: remember that one, see
    /// [`TrustedClock::with_passed`](crate::clock::TrustedClock::with_passed).
    DatePassed {
        /// Milliseconds since 1970.
        ms: u64,
    },
    /// The band is not to be believed: insert or replace what is known of that.
    Quarantine(Quarantine),
    /// The band is believed again, if it was not.
    EndQuarantine {
        /// Which band.
        serial: firmware_protocol::id::Serial,
    },
}

/// A band that proves an association which was not intended here and which the policy would not have allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Which band.
    pub serial: firmware_protocol::id::Serial,
    /// What it proves.
    pub association: firmware_protocol::id::AssociationId,
    /// The stable code of why not.
    pub code: String,
}
