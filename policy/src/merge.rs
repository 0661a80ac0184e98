//! Histories to state: the pure fold that makes offline work converge.
//!
//! Stations write history while they cannot hear each other. A [`History`] is a set of entries: entries may
//! arrive in any order, twice, or in any number of pieces, and [`History::state`] is the same. Nothing is
//! dropped silently: every association that was ever made is in the state, and what could not be applied is
//! listed among the [`Oddity`]s.
//!
//! # The order of things
//!
//! What happened to one band is ordered by (band epoch, hybrid time, station, sequence): the band counts its
//! own commits, so it is the witness of its own order whatever the clocks say. What happened to one user
//! spans bands whose epochs cannot be compared, and is ordered by (hybrid time, station, sequence).
//!
//! - **Same band twice** (in a zone): the higher epoch holds. The earlier association ends: renewed if the
//!   user is the same, disconnected if an administrator had done so before, else taken over.
//! - **Same user twice** (in a zone): the later holds, the earlier becomes inactive and stays primary. When
//!   the later one ends, the earlier does not become active by itself: somebody has to say so.
//! - **What policy forbade and a station could not know** is quarantined: suspended at once, never active,
//!   and it takes nothing from anybody until an administrator settles it. Kept, it counts from the moment
//!   when it was made; rejected, it ends.
//!
//! The state knows no "now": what expired is for [`Association::is_active`] to say.

mod bands;
mod fold;
mod ledger;
mod said;
#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use ledger::{Changed, Ledger};

use crate::codes::codes;
use crate::model::{
    Association, AssociationId, Band, BandSerial, StationId, Suspension, UnixMillis, UserId, UserStatus, Zone,
};

/// A hybrid logical time: wall time, pushed forward past everything the writer has heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HybridTime {
    /// The wall time, never less than that of any entry the writer knew.
    pub millis: UnixMillis,
    /// Counts what happened in the same millisecond, or while the clock stood behind.
    pub counter: u32,
}

/// Which entry, in the order of users: by time, then by writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub time: HybridTime,
    /// Who wrote it: a station, or a console.
    pub station: StationId,
    /// The writer's own count; it uses each number once.
    pub sequence: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When, and who wrote it.
    pub stamp: Stamp,
    /// What.
    pub event: Event,
}

/// A band committed an association. The writer has checked the band's receipt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Associated {
    /// Which association.
    pub association: AssociationId,
    /// Who holds the band.
    pub user: UserId,
    /// The band.
    pub band: BandSerial,
    /// Where.
    pub zone: Zone,
    /// The band's count of commits, this one included.
    pub band_epoch: u32,
    /// The band is SEOS-enabled.
    pub seos: bool,
    /// Temporary, until this moment.
    pub expires_at: Option<UnixMillis>,
    /// The user's policy, as the writer knew it, had take-overs: `reenroll_own` and `reenroll_any`.
    pub may_take_over: bool,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A band committed an association.
    Associated(Associated),
    /// An administrator ended an association.
    Disconnected {
        /// Which.
        association: AssociationId,
    },
    /// An administrator took away the use of a band.
    AssociationSuspended {
        /// Which.
        association: AssociationId,
        /// Why.
        note: String,
    },
    /// An administrator gave back the use of a band.
    AssociationResumed {
        /// Which.
        association: AssociationId,
    },
    /// An administrator made this the user's active band.
    MadeActive {
        /// Which.
        association: AssociationId,
    },
    /// An administrator made this band inactive: lost, forgotten, broken.
    MadeInactive {
        /// Which.
        association: AssociationId,
    },
    /// An administrator made this the user's primary band.
    MadePrimary {
        /// Which.
        association: AssociationId,
    },
    /// The directory said how a person stands with the plant.
    UserStands {
        /// Who.
        user: UserId,
        /// How.
        status: UserStatus,
    },
    /// An administrator suspended a user.
    UserSuspended {
        /// Who.
        user: UserId,
        /// Why.
        note: String,
    },
    /// An administrator resumed a user.
    UserResumed {
        /// Who.
        user: UserId,
    },
    /// The plant said something about a band as a thing. SEOS, once said, stays.
    BandStands {
        /// What.
        band: Band,
    },
    /// An administrator settled what was quarantined. The last word counts.
    Settled {
        /// Which.
        association: AssociationId,
        /// How.
        verdict: Verdict,
    },
}

/// One button each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The association stands, from the moment when it was made.
    Keep,
    /// The association ends.
    Reject,
}

codes! {
    /// Why an association is in quarantine. When several apply, the first in this list is given.
    QuarantineCause {
        /// Two different associations under one id.
        IdUsedTwice = "id_used_twice",
            "Two different enrollments carry the same id.";
        /// The band committed twice under one epoch, which no honest band does: a clone, or a rolled-back one.
        EpochUsedTwice = "epoch_used_twice",
            "This band has counted two enrollments under the same number, as a copied band would.";
        /// The user did not work here at that moment.
        UserNotActive = "user_not_active",
            "The person was not an active user when this happened.";
        /// The user was suspended at that moment.
        UserSuspended = "user_suspended",
            "The person was suspended when this happened.";
        /// The band was damaged or retired at that moment.
        BandWithdrawn = "band_withdrawn",
            "The band was out of use when this happened.";
        /// A SEOS-enabled band changed hands and no administrator had disconnected it.
        SeosTakenOver = "seos_taken_over",
            "A band that opens doors passed to another person without an administrator.";
        /// The band changed hands while its holder was suspended, or while it was reported lost.
        BandWithheld = "band_withheld",
            "The band belonged to a suspended person or was reported lost when it passed to another.";
        /// The band changed hands under a policy without take-overs: the station took it for a free one.
        HeldByAnother = "held_by_another",
            "The band belonged to another person, and the policy does not let bands change hands.";
    }
}

/// Something an administrator has to settle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quarantined {
    /// Why.
    pub cause: QuarantineCause,
    /// The association that held the band until then: the other side.
    pub rival: Option<AssociationId>,
}

/// Something in a history that could not be applied as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "oddity")]
pub enum Oddity {
    /// A writer used one number for two different entries: it was copied or rolled back. Both are applied.
    SequenceUsedTwice {
        /// The writer.
        station: StationId,
        /// The number.
        sequence: u64,
    },
    /// The entry speaks of an association that no entry has made so far. It applies once that one arrives.
    AssociationUnknown {
        /// The entry.
        stamp: Stamp,
        /// The association it speaks of.
        association: AssociationId,
    },
    /// The entry makes an association whose id an earlier entry gave to a different one. It is not applied;
    /// the other is in quarantine until an administrator settles it.
    IdUsedTwice {
        /// The entry.
        stamp: Stamp,
        /// The id.
        association: AssociationId,
    },
    /// An administrator disconnected what had been renewed or taken over already: the present holder may not
    /// be the one that was meant.
    DisconnectedTooLate {
        /// The entry.
        stamp: Stamp,
        /// The association that was meant.
        association: AssociationId,
    },
}

/// How a user stands after everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserState {
    /// With the plant; active as long as nobody says otherwise.
    pub status: UserStatus,
    /// Suspended by an administrator.
    pub suspension: Option<Suspension>,
}

/// Users, bands and associations after everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Every user that history names.
    pub users: BTreeMap<UserId, UserState>,
    /// Every band that history names.
    pub bands: BTreeMap<BandSerial, Band>,
    /// Every association that was ever made, ended ones too.
    pub associations: BTreeMap<AssociationId, Association>,
    /// What waits for an administrator. Those associations are suspended and not active.
    pub quarantine: BTreeMap<AssociationId, Quarantined>,
    /// What could not be applied as it stands.
    pub oddities: BTreeSet<Oddity>,
}

impl State {
    /// Who holds the band in this zone by right: the one open association that is not in quarantine.
    pub fn holder(&self, band: BandSerial, zone: Zone) -> Option<&Association> {
        let of_band = |a: &&Association| a.band == band && a.zone == zone;
        self.in_force().find(of_band)
    }

    /// Open associations that are not in quarantine.
    pub fn in_force(&self) -> impl Iterator<Item = &Association> {
        let settled = |a: &&Association| !self.quarantine.contains_key(&a.id);
        self.associations.values().filter(|a| a.is_open()).filter(settled)
    }
}

/// A set of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    entries: BTreeSet<Entry>,
}

impl History {
    /// Adds entries; those it has already change nothing.
    pub fn absorb(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    /// How many different entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, ordered by stamp.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The state of every user and band these entries name.
    ///
    /// Takes time in proportion to the entries (times a logarithm). Users and bands that no entry connects do
    /// not influence each other; a caller with a long history keeps a [`Ledger`], which folds only what a new
    /// entry touches.
    pub fn state(&self) -> State {
        merge(self.entries.iter())
    }
}

impl FromIterator<Entry> for History {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

/// The state after these entries, whatever their order and however often each is given.
pub fn merge<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> State {
    fold::fold(&entries.into_iter().collect())
}
