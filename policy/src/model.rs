//! Users, bands and the associations between them, as facts: what is known, not what follows from it.

use serde::{Deserialize, Serialize};

pub use crate::id::{AssociationId, BandSerial, IdFault, PolicyId, StationId, UnixMillis, UserId};
pub use crate::settings::{Attribute, GroupPolicy, IndividualPolicy, PolicyFault};

/// Where an association holds. The same rules hold in each zone, independently of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// The IT side, where a fingerprint is captured and a band is enrolled.
    #[default]
    Enrollment,
    /// The OT side, where an enrolled band is registered without a new capture.
    Registration,
}

/// How a person stands with the plant, as the directory says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Works here.
    #[default]
    Active,
    /// Will work here from a later date.
    NotYet,
    /// Worked here once.
    Departed,
    /// Nobody here has heard of this person.
    Unknown,
}

/// An administrator took away the use of bands for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Suspension {
    /// Since when.
    pub since: UnixMillis,
    /// Why, in the administrator's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The name to show; may be empty, and may be the same for two people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The site the person belongs to; empty if there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// How the person stands with the plant.
    #[serde(default)]
    pub status: UserStatus,
    /// Suspended by an administrator, in every zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
}

impl User {
    /// An active user of this id about whom nothing else is known.
    pub fn new(id: UserId) -> Self {
        Self {
            id,
            name: String::new(),
            site: String::new(),
            status: UserStatus::Active,
            suspension: None,
        }
    }

    /// Suspended by an administrator.
    pub fn is_suspended(&self) -> bool {
        self.suspension.is_some()
    }
}

/// What the plant says about a band as a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockState {
    /// On the stock list and fit for use, whether somebody holds it or not.
    #[default]
    InStock,
    /// Not on the stock list.
    Unknown,
    /// Broken.
    Damaged,
    /// Taken out of use for good.
    Retired,
    /// Reported lost and not yet found.
    Lost,
}

/// A band.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Band {
    /// The number printed on its back.
    pub serial: BandSerial,
    /// SEOS-enabled: it also carries a door credential.
    #[serde(default)]
    pub seos: bool,
    /// What the plant says about it as a thing.
    #[serde(default)]
    pub stock: StockState,
}

impl Band {
    /// A band in stock without a door credential.
    pub fn new(serial: BandSerial) -> Self {
        Self {
            serial,
            seos: false,
            stock: StockState::InStock,
        }
    }
}

/// Why an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// An administrator disconnected it.
    Disconnected,
    /// The same user enrolled or registered the same band again.
    Renewed,
    /// Another user took the band over, as policy allows.
    TakenOver,
    /// It was quarantined and an administrator rejected it.
    Rejected,
}

/// The end of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Ending {
    /// Why.
    pub cause: EndCause,
    /// When.
    pub at: UnixMillis,
}

/// A user holds a band in a zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Association {
    /// Which association.
    pub id: AssociationId,
    /// Who holds the band.
    pub user: UserId,
    /// The band.
    pub band: BandSerial,
    /// Where.
    #[serde(default)]
    pub zone: Zone,
    /// The one band the user works with in this zone. A user has at most one.
    pub active: bool,
    /// The user's real band, as opposed to one that stands in for it.
    pub primary: bool,
    /// Temporary: from this moment on it no longer counts as active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// An administrator, or quarantine, took away its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Over. Kept for history; an ended association gives no right and stands in nobody's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
    /// The band's count of commits under which it was made.
    #[serde(default)]
    pub band_epoch: u32,
    /// Free words of an administrator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Association {
    /// Not ended: the band is this user's, whether active or not.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Temporary and over at this moment.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Suspended by an administrator or by quarantine.
    pub fn is_suspended(&self) -> bool {
        self.suspension.is_some()
    }

    /// The user works with this band at this moment: open, marked active, neither suspended nor expired.
    pub fn is_active(&self, now: UnixMillis) -> bool {
        self.is_open() && self.active && !self.is_suspended() && !self.is_expired(now)
    }
}
