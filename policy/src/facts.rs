//! What is known when somebody asks for a band.

use serde::{Deserialize, Serialize};

use crate::model::{Association, Band, UnixMillis, User, Zone};

/// Whether the station's wall time can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// It never ran backward since it was last confirmed.
    #[default]
    Trusted,
    /// It ran backward. Pass the latest moment ever seen as `now`, so that what expired stays expired.
    RanBackward,
}

/// What a band's own record says of a zone, seen from the requesting user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// No user data.
    #[default]
    Nobody,
    /// The requesting user.
    ThisUser,
    /// Somebody else, whether this station knows whom or not.
    AnotherUser,
}

/// What the band reports of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct BandReport {
    /// Its record of the enrollment zone.
    #[serde(default)]
    pub enrollment: Holds,
    /// Its record of the registration zone.
    #[serde(default)]
    pub registration: Holds,
    /// It says that it is SEOS-enabled.
    #[serde(default)]
    pub seos: bool,
}

impl BandReport {
    /// What its record says of one zone.
    pub fn holds(self, zone: Zone) -> Holds {
        match zone {
            Zone::Enrollment => self.enrollment,
            Zone::Registration => self.registration,
        }
    }

    /// What stands on the band in the way of a new association in this zone: another holder in either zone,
    /// because a band keeps the data of one person alone; else its record of this zone.
    pub fn says(self, zone: Zone) -> Holds {
        match (self.enrollment, self.registration) {
            (Holds::AnotherUser, _) | (_, Holds::AnotherUser) => Holds::AnotherUser,
            _ => self.holds(zone),
        }
    }
}

/// One association, with what must be known of its two ends.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The association.
    pub association: &'a Association,
    /// Its band is SEOS-enabled.
    pub band_seos: bool,
    /// Its user is suspended.
    pub user_suspended: bool,
}

/// Everything [`decide`](crate::decide::decide) looks at beside the policy.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where the association is wanted.
    pub zone: Zone,
    /// The moment asked about.
    pub now: UnixMillis,
    /// Whether that moment can be believed.
    pub clock: Clock,
    /// Up to when the knowledge below is complete: the station's last contact with the console. A moment
    /// after `now` shows that the clock was set back, and counts like [`Clock::RanBackward`].
    pub replica_as_of: UnixMillis,
    /// Who asks.
    pub user: &'a User,
    /// The presented band, as known.
    pub band: &'a Band,
    /// The presented band, as it reports itself; `None` for a dry run without a band.
    pub report: Option<BandReport>,
    /// Every association of the user and every association of the band, in both zones, in any order. Ended
    /// ones and those of others with other bands may be among them and are ignored.
    pub known: &'a [Known<'a>],
}

impl Facts<'_> {
    /// SEOS-enabled by anybody's word: the stricter rule is the safe one when the two differ.
    pub fn is_seos(&self) -> bool {
        self.band.seos || self.report.is_some_and(|report| report.seos)
    }

    /// The clock can be believed, and the replica is not from the future.
    pub fn is_clock_trusted(&self) -> bool {
        self.clock == Clock::Trusted && self.replica_as_of <= self.now
    }

    /// The replica is older than this many seconds, by the clock as it is.
    pub fn is_replica_older_than(&self, age_max_s: u32) -> bool {
        self.now.since(self.replica_as_of) > i64::from(age_max_s) * 1000
    }
}
