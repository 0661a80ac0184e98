//! What acts return: the same for pages and API.

use policy::model::{Association, EndCause, StockState, Suspension, UnixMillis, UserStatus, Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::bands::BandRow;
use crate::store::users::UserRow;

/// An administrator took away the use of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuspensionView {
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Why.
    pub note: String,
}

impl From<Suspension> for SuspensionView {
    fn from(suspension: Suspension) -> Self {
        Self {
            since_ms: suspension.since.0,
            note: suspension.note,
        }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Who, as the plant's directory writes it.
    pub id: String,
    /// The name to show; may be empty.
    pub name: String,
    /// The site the person belongs to; empty for none.
    pub site: String,
    /// What a band writes on its screen; empty for none.
    pub label: String,
    /// Address of mail; may be empty.
    pub mail: String,
    /// Free words of an administrator.
    pub note: String,
    /// The individual policy, if any.
    pub policy: Option<String>,
    /// How the person stands with the plant: `active`, `not_yet`, `departed` or `unknown`.
    #[schema(value_type = String)]
    pub status: UserStatus,
    /// Suspended by an administrator.
    pub suspension: Option<SuspensionView>,
    /// Bands that are enrolled before this moment stand in for a forgotten one and expire then.
    pub temporary_until_ms: Option<i64>,
    /// Since when the console knows the person, in milliseconds since 1970.
    pub created_ms: i64,
    /// The last change.
    pub changed_ms: i64,
    /// Counts the changes; the ETag.
    pub version: i64,
}

impl From<UserRow> for UserView {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            site: row.site,
            label: row.label,
            mail: row.mail,
            note: row.note,
            policy: row.policy,
            status: row.status,
            suspension: row.suspension.map(Into::into),
            temporary_until_ms: row.temporary_until.map(|at| at.0),
            created_ms: row.created.0,
            changed_ms: row.changed.0,
            version: row.version,
        }
    }
}

/// A band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BandView {
    /// The number printed on its back.
    pub serial: String,
    /// It also carries a door credential.
    pub seos: bool,
    /// `in_stock`, `unknown`, `damaged`, `retired` or `lost`.
    #[schema(value_type = String)]
    pub stock: StockState,
    /// Where it is kept; empty for no place in particular.
    pub site: String,
    /// The delivery it came with.
    pub delivery: String,
    /// Free words of an administrator.
    pub note: String,
    /// Since when the console knows it, in milliseconds since 1970.
    pub created_ms: i64,
    /// The last change.
    pub changed_ms: i64,
    /// Counts the changes; the ETag.
    pub version: i64,
}

impl From<BandRow> for BandView {
    fn from(row: BandRow) -> Self {
        Self {
            serial: row.band.serial.to_string(),
            seos: row.band.seos,
            stock: row.band.stock,
            site: row.site,
            delivery: row.delivery,
            note: row.note,
            created_ms: row.created.0,
            changed_ms: row.changed.0,
            version: row.version,
        }
    }
}

/// How an association stands at this moment, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The user works with this band.
    Active,
    /// The band is the user's, who works with another or with none.
    Inactive,
    /// It waits in quarantine.
    Quarantined,
    /// Its use was taken away.
    Suspended,
    /// It was temporary and is over.
    Expired,
    /// It ended.
    Ended,
}

/// A user holds a band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssociationView {
    /// Which association: 32 hexadecimal digits.
    pub id: String,
    /// Who.
    pub user: String,
    /// The user's name, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Which band.
    pub band: String,
    /// The band also carries a door credential, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band_seos: Option<bool>,
    /// `enrollment` or `registration`.
    #[schema(value_type = String)]
    pub zone: Zone,
    /// In one word.
    pub standing: Standing,
    /// The user's real band, as opposed to one that stands in for it.
    pub primary: bool,
    /// Temporary, until this moment.
    pub expires_ms: Option<i64>,
    /// Its use was taken away.
    pub suspension: Option<SuspensionView>,
    /// Why it ended: `disconnected`, `renewed`, `taken_over` or `rejected`.
    #[schema(value_type = Option<String>)]
    pub ended_cause: Option<EndCause>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// The band's count of commits under which it was made.
    pub band_epoch: u32,
    /// When it was made.
    pub made_ms: i64,
    /// The name of the station at which it was made, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
}

impl AssociationView {
    pub(crate) fn new(association: Association, made_ms: i64, quarantined: bool, now: UnixMillis) -> Self {
        let standing = standing(&association, quarantined, now);
        Self {
            id: association.id.to_string(),
            user: association.user.to_string(),
            user_name: None,
            band: association.band.to_string(),
            band_seos: None,
            zone: association.zone,
            standing,
            primary: association.primary,
            expires_ms: association.expires_at.map(|at| at.0),
            suspension: association.suspension.map(Into::into),
            ended_cause: association.ended.map(|it| it.cause),
            ended_ms: association.ended.map(|it| it.at.0),
            band_epoch: association.band_epoch,
            made_ms,
            station: None,
        }
    }
}

fn standing(association: &Association, quarantined: bool, now: UnixMillis) -> Standing {
    if !association.is_open() {
        Standing::Ended
    } else if quarantined {
        Standing::Quarantined
    } else if association.is_suspended() {
        Standing::Suspended
    } else if association.is_expired(now) {
        Standing::Expired
    } else if association.active {
        Standing::Active
    } else {
        Standing::Inactive
    }
}
