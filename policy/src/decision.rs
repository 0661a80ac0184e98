//! The answer: what is allowed with which effects, or refused for which reason, by whom, and the way out.
//!
//! All lists are closed, all codes are stable: they are keys of translations and part of the API. The
//! English sentences are what is shown where no translation exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::codes;
use crate::effective::Source;
use crate::effects::Effects;
use crate::settings::Attribute;

codes! {
    /// Why a band is refused. When several apply, the first in this list is given.
    Reason {
        /// The person does not work here: not yet, no longer, or nobody knows them.
        UserNotActive = "user_not_active",
            "This person is not an active user of this plant.";
        /// The user is suspended, or the user's own association with the band is, or the user has no active
        /// band because it is suspended.
        UserSuspended = "user_suspended",
            "An administrator has suspended this person's use of bands.";
        /// The band is damaged or retired.
        BandWithdrawn = "band_withdrawn",
            "This band is damaged or retired and must not be used.";
        /// The stock list is enforced and does not hold the band.
        BandNotInStock = "band_not_in_stock",
            "This band is not on the stock list.";
        /// The station's knowledge is older than `offline_max_age_s`.
        ReplicaTooOld = "replica_too_old",
            "This station was cut off from the console for too long to decide.";
        /// The band is SEOS-enabled and another user's.
        SeosHeldByAnother = "seos_held_by_another",
            "This band opens doors for another person. Only an administrator can release it.";
        /// A take-over would be allowed, but the holder is suspended or the band is reported lost; or nobody
        /// holds it and it is reported lost.
        BandWithheld = "band_withheld",
            "This band is reported lost or belongs to a suspended person. It must be handed in.";
        /// The band is another user's and the policy has no take-over.
        HeldByAnother = "held_by_another",
            "This band belongs to another person.";
        /// A take-over would be allowed, but only to replace an active band, and the user has none.
        FirstBandMustBeFree = "first_band_must_be_free",
            "This band belongs to another person, and a first band must be a free one.";
        /// The user's active band is SEOS-enabled and would be left behind.
        SeosUserOwnBandOnly = "seos_user_own_band_only",
            "This person's band opens doors, so no other band can replace it without an administrator.";
        /// The user has a band, or this one is the user's, and the policy has no self-service.
        ReleaseNeeded = "release_needed",
            "This person already has a band. An administrator must release it first.";
        /// Registration, and the user does not hold the band in the enrollment zone.
        EnrollmentMissing = "enrollment_missing",
            "This band is not enrolled for this person, so it cannot be registered.";
        /// A take-over, or a band whose own record names another holder, and the station's knowledge is older
        /// than `takeover_max_age_s` or of unknown age.
        ReplicaTooOldForTakeover = "replica_too_old_for_takeover",
            "This station must reach the console before a band can pass from one person to another.";
    }
}

codes! {
    /// The shortest way out of a refusal.
    Fix {
        /// An administrator, or the directory, makes the user active.
        ActivateUser = "activate_user",
            "Ask the administrator to check this person's account.";
        /// An administrator resumes the user, or the suspended association.
        ResumeUser = "resume_user",
            "Ask the administrator to resume this person.";
        /// Any other band will do.
        TakeAnotherBand = "take_another_band",
            "Hand this band in and take another one.";
        /// An administrator adds the band to the stock list; any listed band will do as well.
        AddBandToStock = "add_band_to_stock",
            "Take a band from the stock, or ask the administrator to add this one to the stock list.";
        /// The station gets its knowledge from the console again.
        ConnectStation = "connect_station",
            "Connect this station to the network, or use another station.";
        /// The station's clock is set right.
        SetClock = "set_clock",
            "This station's clock ran backward: set it, or connect the station to the network.";
        /// A band that nobody holds will do.
        TakeFreeBand = "take_free_band",
            "Take a band that belongs to nobody.";
        /// The user's own band will do.
        PresentOwnBand = "present_own_band",
            "Use your own band.";
        /// An administrator disconnects the holder's association.
        DisconnectHolder = "disconnect_holder",
            "Ask the administrator to disconnect this band from its holder.";
        /// An administrator disconnects the user's own association.
        DisconnectOwnBand = "disconnect_own_band",
            "Ask the administrator to disconnect this person's present band.";
        /// The band is handed in and an administrator marks it as found.
        HandInBand = "hand_in_band",
            "Hand this band in: an administrator marks it as found.";
        /// The band is enrolled for the user first.
        EnrollFirst = "enroll_first",
            "Enroll this band at an enrollment station first.";
    }
}

codes! {
    /// A rule that holds whatever the policies say.
    Rule {
        /// Bands are for active users.
        UserMustBeActive = "user_must_be_active",
            "Bands are for active users.";
        /// Self-service never undoes a suspension.
        SuspensionStands = "suspension_stands",
            "Self-service never undoes a suspension.";
        /// Damaged and retired bands stay out of use.
        WithdrawnBandStaysOut = "withdrawn_band_stays_out",
            "Damaged and retired bands stay out of use.";
        /// A SEOS-enabled band changes hands only after an administrator disconnected it.
        SeosBandStaysWithUser = "seos_band_stays_with_user",
            "A SEOS-enabled band changes hands only after an administrator disconnected it.";
        /// The band of a suspended user is not taken over.
        SuspendedUserKeepsBand = "suspended_user_keeps_band",
            "The band of a suspended person is not taken over.";
        /// A band that is reported lost goes to nobody but its own user until it is marked as found.
        LostBandStaysOut = "lost_band_stays_out",
            "A band reported lost goes to nobody but its own user.";
        /// Facts that contradict each other give nobody a right.
        DoubtStays = "doubt_stays",
            "Two people appear to hold this band, so nobody else gets it.";
        /// Taking over replaces an active band; a first band is a free one.
        FirstBandIsFree = "first_band_is_free",
            "A first band is a free one.";
        /// Whoever has an active SEOS-enabled band keeps to the own bands.
        SeosUserKeepsOwnBand = "seos_user_keeps_own_band",
            "Whoever has a SEOS-enabled band keeps to the own bands.";
        /// A band is enrolled before it is registered.
        EnrolledBeforeRegistered = "enrolled_before_registered",
            "A band is enrolled before it is registered.";
        /// A clock that ran backward makes all knowledge too old for a take-over.
        ClockMustBeTrusted = "clock_must_be_trusted",
            "A clock that ran backward makes all knowledge too old for a take-over.";
        /// Whoever has no active band may have a free one.
        FreeBandForUserWithoutOne = "free_band_for_user_without_one",
            "Whoever has no active band may have a free one.";
    }
}

/// What settled the matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DecidedBy {
    /// An attribute of a policy, or its built-in default.
    Setting {
        /// Which attribute.
        attribute: Attribute,
        /// Which policy set it.
        #[serde(flatten)]
        source: Source,
    },
    /// A built-in rule.
    Rule {
        /// Which rule.
        rule: Rule,
    },
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule } => write!(f, "rule {}", rule.code()),
            Self::Setting { attribute, source } => {
                let name = attribute.name();
                match source {
                    Source::BuiltIn => write!(f, "built-in default of {name}"),
                    Source::Group(id) => write!(f, "{name} of group policy {:?}", id.as_str()),
                    Source::Individual(id) => write!(f, "{name} of individual policy {:?}", id.as_str()),
                }
            }
        }
    }
}

/// May the user have the band?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Yes.
    Allow {
        /// What becomes true when it is done, in the order in which people are told.
        effects: Effects,
        /// What allowed it.
        decided_by: DecidedBy,
    },
    /// No, and nothing on the band may be touched.
    Refuse {
        /// Why.
        reason: Reason,
        /// What refused it.
        decided_by: DecidedBy,
        /// The shortest way out.
        fix: Fix,
    },
}

impl Decision {
    /// Yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Why not; `None` if allowed.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Allow { .. } => None,
            Self::Refuse { reason, .. } => Some(*reason),
        }
    }

    /// What settled it.
    pub fn decided_by(&self) -> &DecidedBy {
        match self {
            Self::Allow { decided_by, .. } | Self::Refuse { decided_by, .. } => decided_by,
        }
    }
}

/// The fallback where no translation exists: one paragraph in plain English, without names of others.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse {
                reason,
                decided_by,
                fix,
            } => write!(f, "{reason} {fix} (Decided by {decided_by}.)"),
            Self::Allow { effects, decided_by } => {
                f.write_str("Allowed.")?;
                effects.iter().try_for_each(|effect| write!(f, " {effect}"))?;
                write!(f, " (Decided by {decided_by}.)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes are part of the API: this list changes only together with a major version.
    #[test]
    fn codes_are_stable_and_listed_by_precedence() {
        let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(
            codes,
            [
                "user_not_active",
                "user_suspended",
                "band_withdrawn",
                "band_not_in_stock",
                "replica_too_old",
                "seos_held_by_another",
                "band_withheld",
                "held_by_another",
                "first_band_must_be_free",
                "seos_user_own_band_only",
                "release_needed",
                "enrollment_missing",
                "replica_too_old_for_takeover",
            ]
        );
        assert!(Reason::ALL.is_sorted());
    }

    #[test]
    fn a_code_is_its_json() {
        for reason in Reason::ALL {
            assert_eq!(
                serde_json::to_string(reason).unwrap(),
                format!("{:?}", reason.code())
            );
        }
    }

    #[test]
    fn whoever_decided_reads_the_same_in_json_and_back() {
        let by = DecidedBy::Setting {
            attribute: Attribute::ReenrollOwn,
            source: Source::Group("plant".parse().unwrap()),
        };
        let json = serde_json::to_string(&by).unwrap();
        assert_eq!(
            json,
            r#"{"attribute":"reenroll_own","source":"group","policy":"plant"}"#
        );
        assert_eq!(serde_json::from_str::<DecidedBy>(&json).unwrap(), by);
        let rule = DecidedBy::Rule {
            rule: Rule::DoubtStays,
        };
        assert_eq!(
            serde_json::from_str::<DecidedBy>(r#"{"rule":"doubt_stays"}"#).unwrap(),
            rule
        );
    }
}
