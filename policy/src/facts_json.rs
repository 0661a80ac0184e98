//! The decision function for scripts: one JSON object in, one out. `docs/decide.md` is its manual.
//!
//! What is left out is the ordinary case; a name that is not known is an error; facts that contradict each
//! other are an error, because an answer to them would mean nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decide::decide;
use crate::decision::Decision;
use crate::effective::{EffectivePolicy, effective};
use crate::facts::{BandReport, Clock, Facts, Known};
use crate::mismatch::{self, Mismatch, Repair};
use crate::model::{
    Association, AssociationId, Band, BandSerial, Suspension, UnixMillis, User, UserId, Zone,
};
use crate::settings::{GroupPolicy, IndividualPolicy, PolicyFault};

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideInput {
    /// Any text; comes back with the answer, so that answers can be matched to questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the association is wanted.
    #[serde(default)]
    pub zone: Zone,
    /// The moment asked about. Needed only where something expires.
    #[serde(default)]
    pub now: UnixMillis,
    /// How long ago the station last heard from the console, in seconds.
    #[serde(default)]
    pub replica_age_s: u32,
    /// Whether the station's clock can be believed.
    #[serde(default)]
    pub clock: Clock,
    /// Who asks.
    pub user: GivenUser,
    /// The presented band, as known.
    pub band: Band,
    /// The presented band, as it reports itself; left out: a dry run without a band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<BandReport>,
    /// What is known of the user's bands and of the presented band's holders.
    #[serde(default)]
    pub associations: Vec<GivenAssociation>,
    /// The policies; left out: the built-in defaults.
    #[serde(default)]
    pub policy: GivenPolicy,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUser {
    /// Who.
    pub id: UserId,
    /// How the person stands with the plant.
    #[serde(default)]
    pub status: crate::model::UserStatus,
    /// Suspended by an administrator.
    #[serde(default)]
    pub suspended: bool,
}

/// A known association, with what must be known of its two ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAssociation {
    /// Which association; left out: numbered by its place in the list, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AssociationId>,
    /// Who holds the band.
    pub user: UserId,
    /// The band.
    pub band: BandSerial,
    /// Where.
    #[serde(default)]
    pub zone: Zone,
    /// The user works with this band.
    #[serde(default = "yes")]
    pub active: bool,
    /// It is the user's real band.
    #[serde(default = "yes")]
    pub primary: bool,
    /// Temporary, until this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// This association is suspended.
    #[serde(default)]
    pub suspended: bool,
    /// Its user is suspended.
    #[serde(default)]
    pub user_suspended: bool,
    /// Its band is SEOS-enabled. For the presented band, `band.seos` says so.
    #[serde(default)]
    pub seos: bool,
}

fn yes() -> bool {
    true
}

/// The policies of the case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPolicy {
    /// The active group policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupPolicy>,
    /// The user's individual policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub individual: Option<IndividualPolicy>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactsFault {
    /// A policy that could not be saved.
    Policy(PolicyFault),
    /// `expires_at` without `now`.
    ExpiryWithoutNow,
    /// Two active bands of one user in one zone.
    TwoActiveBands(UserId),
    /// Two holders of one band in one zone, neither of them suspended.
    TwoHolders(BandSerial),
    /// `seos` of an association with the presented band, where `band.seos` says otherwise.
    SeosContradicts(BandSerial),
}

impl fmt::Display for FactsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(fault) => write!(f, "policy: {fault}"),
            Self::ExpiryWithoutNow => f.write_str("an association has expires_at, but now is left out"),
            Self::TwoActiveBands(user) => {
                write!(f, "user {:?} has two active bands in one zone", user.as_str())
            }
            Self::TwoHolders(band) => write!(f, "band {band} has two holders in one zone, none suspended"),
            Self::SeosContradicts(band) => {
                write!(
                    f,
                    "an association says that {band} is SEOS-enabled, but band.seos does not"
                )
            }
        }
    }
}

impl std::error::Error for FactsFault {}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideOutput {
    /// The question's `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Allowed with which effects, or refused for which reason.
    #[serde(flatten)]
    pub decision: Decision,
    /// How the band's own record differs from what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Mismatch>,
    /// What to do about the band itself; absent without a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// All of it in plain English.
    pub explanation: String,
}

impl DecideInput {
    /// Decides.
    pub fn answer(&self) -> Result<DecideOutput, FactsFault> {
        self.check()?;
        let policy = self.policy.effective()?;
        let (user, associations) = (self.user.build(), self.build_associations());
        let known = self.build_known(&associations);
        let facts = self.facts(&user, &known);
        Ok(self.output(&facts, decide(&facts, &policy)))
    }

    fn facts<'a>(&'a self, user: &'a User, known: &'a [Known<'a>]) -> Facts<'a> {
        Facts {
            zone: self.zone,
            now: self.now,
            clock: self.clock,
            replica_as_of: UnixMillis(self.now.0.saturating_sub(i64::from(self.replica_age_s) * 1000)),
            user,
            band: &self.band,
            report: self.report,
            known,
        }
    }

    fn output(&self, facts: &Facts<'_>, decision: Decision) -> DecideOutput {
        let mismatch = mismatch::find(facts);
        let allowed = decision.is_allowed();
        let repair = self
            .report
            .map(|report| mismatch::repair(report.says(self.zone), allowed));
        let to_do = repair.filter(|repair| *repair == Repair::DeleteUserData);
        let mut explanation = decision.to_string();
        for text in [mismatch.map(Mismatch::text), to_do.map(Repair::text)]
            .into_iter()
            .flatten()
        {
            explanation.extend([" ", text]);
        }
        DecideOutput {
            id: self.id.clone(),
            decision,
            mismatch,
            repair,
            explanation,
        }
    }

    fn build_associations(&self) -> Vec<Association> {
        self.associations
            .iter()
            .enumerate()
            .map(|(place, given)| given.build(place))
            .collect()
    }

    fn build_known<'a>(&self, associations: &'a [Association]) -> Vec<Known<'a>> {
        let known = |(association, given): (&'a Association, &GivenAssociation)| Known {
            association,
            band_seos: given.seos || (given.band == self.band.serial && self.band.seos),
            user_suspended: given.user_suspended || (given.user == self.user.id && self.user.suspended),
        };
        associations.iter().zip(&self.associations).map(known).collect()
    }

    /// Contradictions that no honest source of facts can hold.
    fn check(&self) -> Result<(), FactsFault> {
        for (place, given) in self.associations.iter().enumerate() {
            if given.expires_at.is_some() && self.now == UnixMillis(0) {
                return Err(FactsFault::ExpiryWithoutNow);
            }
            if given.seos && given.band == self.band.serial && !self.band.seos {
                return Err(FactsFault::SeosContradicts(given.band));
            }
            for other in &self.associations[..place] {
                given.check_against(other, self.now)?;
            }
        }
        Ok(())
    }
}

impl GivenUser {
    fn build(&self) -> User {
        let suspension = self.suspended.then(Suspension::default);
        User {
            status: self.status,
            suspension,
            ..User::new(self.id.clone())
        }
    }
}

impl GivenAssociation {
    fn build(&self, place: usize) -> Association {
        Association {
            id: self.id.unwrap_or(AssociationId((place as u128).to_be_bytes())),
            user: self.user.clone(),
            band: self.band,
            zone: self.zone,
            active: self.active,
            primary: self.primary,
            expires_at: self.expires_at,
            suspension: self.suspended.then(Suspension::default),
            ended: None,
            band_epoch: 0,
            note: String::new(),
        }
    }

    fn counts_as_active(&self, now: UnixMillis) -> bool {
        self.active && !self.suspended && self.expires_at.is_none_or(|end| now < end)
    }

    fn check_against(&self, other: &Self, now: UnixMillis) -> Result<(), FactsFault> {
        if self.zone != other.zone {
            return Ok(());
        }
        if self.user == other.user && self.counts_as_active(now) && other.counts_as_active(now) {
            return Err(FactsFault::TwoActiveBands(self.user.clone()));
        }
        if self.band == other.band && !self.suspended && !other.suspended {
            return Err(FactsFault::TwoHolders(self.band));
        }
        Ok(())
    }
}

impl GivenPolicy {
    /// The policy that holds, or why one of the two could not have been saved.
    pub fn effective(&self) -> Result<EffectivePolicy, FactsFault> {
        let group = match &self.group {
            Some(group) => group.to_save(None).map_err(FactsFault::Policy)?,
            None => GroupPolicy::new("built-in".parse().expect("a short name")),
        };
        let individual = match &self.individual {
            Some(individual) => Some(individual.to_save(None).map_err(FactsFault::Policy)?),
            None => None,
        };
        Ok(effective(&group, individual.as_ref()))
    }
}
