//! `decide()`: the one function that says who may hold which band.
//!
//! A refusal outweighs a permission. The checks stand in their order of precedence, which is the order of
//! [`Reason::ALL`]: each either finds its own reason or passes the case on, and what passes all of them is
//! allowed.

use crate::decision::{DecidedBy, Decision, Fix, Reason, Rule};
use crate::effective::EffectivePolicy;
use crate::effects::{Effect, Effects};
use crate::facts::{Facts, Holds};
use crate::model::{StockState, User, UserStatus, Zone};
use crate::settings::Attribute;
use crate::situation::Situation;

/// May the user of these facts have the band of these facts, under this policy?
///
/// Pure: the same arguments give the same answer on every machine at every time. Never allocates (ids are
/// shared, lists are kept in place) and looks at each known association once.
pub fn decide(facts: &Facts<'_>, policy: &EffectivePolicy) -> Decision {
    let case = Case {
        facts,
        policy,
        situation: Situation::of(facts),
    };
    match CHECKS.iter().find_map(|check| check(&case)) {
        Some(Refusal {
            reason,
            decided_by,
            fix,
        }) => Decision::Refuse {
            reason,
            decided_by,
            fix,
        },
        None => Decision::Allow {
            effects: case.effects(),
            decided_by: case.allowed_by(),
        },
    }
}

/// What refuses this user whatever the band: what [`decide`] checks before all else, for whoever has shown no band
/// yet. With any band, `decide` gives the same answer.
///
/// `None` is no permission: it depends on the band.
pub fn refuse_user(user: &User) -> Option<Decision> {
    let refusal = inactive(user).or_else(|| suspended(user))?;
    let Refusal {
        reason,
        decided_by,
        fix,
    } = refusal;
    Some(Decision::Refuse {
        reason,
        decided_by,
        fix,
    })
}

struct Case<'a> {
    facts: &'a Facts<'a>,
    policy: &'a EffectivePolicy,
    situation: Situation<'a>,
}

struct Refusal {
    reason: Reason,
    decided_by: DecidedBy,
    fix: Fix,
}

type Check = fn(&Case<'_>) -> Option<Refusal>;

/// In order of precedence, which is the order of [`Reason::ALL`].
const CHECKS: [Check; 13] = [
    user_not_active,
    user_suspended,
    band_withdrawn,
    band_not_in_stock,
    replica_too_old,
    seos_held_by_another,
    band_withheld,
    held_by_another,
    first_band_must_be_free,
    seos_user_own_band_only,
    release_needed,
    enrollment_missing,
    replica_too_old_for_takeover,
];

fn by_rule(reason: Reason, rule: Rule, fix: Fix) -> Option<Refusal> {
    Some(Refusal {
        reason,
        decided_by: DecidedBy::Rule { rule },
        fix,
    })
}

fn inactive(user: &User) -> Option<Refusal> {
    if user.status == UserStatus::Active {
        return None;
    }
    by_rule(Reason::UserNotActive, Rule::UserMustBeActive, Fix::ActivateUser)
}

fn suspended(user: &User) -> Option<Refusal> {
    if !user.is_suspended() {
        return None;
    }
    by_rule(Reason::UserSuspended, Rule::SuspensionStands, Fix::ResumeUser)
}

fn user_not_active(case: &Case<'_>) -> Option<Refusal> {
    inactive(case.facts.user)
}

/// Beside the user and the presented band, a suspended band elsewhere counts when it is the reason why the
/// user has no active one: a free band would undo the suspension.
fn user_suspended(case: &Case<'_>) -> Option<Refusal> {
    let situation = &case.situation;
    let bandless = situation.suspended_elsewhere && situation.active.is_none() && !situation.is_own_active;
    if situation.own_suspended || bandless {
        return by_rule(Reason::UserSuspended, Rule::SuspensionStands, Fix::ResumeUser);
    }
    suspended(case.facts.user)
}

fn band_withdrawn(case: &Case<'_>) -> Option<Refusal> {
    match case.facts.band.stock {
        StockState::Damaged | StockState::Retired => by_rule(
            Reason::BandWithdrawn,
            Rule::WithdrawnBandStaysOut,
            Fix::TakeAnotherBand,
        ),
        StockState::InStock | StockState::Unknown | StockState::Lost => None,
    }
}

fn band_not_in_stock(case: &Case<'_>) -> Option<Refusal> {
    let listed = case.facts.band.stock != StockState::Unknown;
    if listed || !case.policy.stock_enforced.value {
        return None;
    }
    let decided_by = case.setting(Attribute::StockEnforced);
    Some(Refusal {
        reason: Reason::BandNotInStock,
        decided_by,
        fix: Fix::AddBandToStock,
    })
}

fn replica_too_old(case: &Case<'_>) -> Option<Refusal> {
    if !case
        .facts
        .is_replica_older_than(case.policy.offline_max_age_s.value)
    {
        return None;
    }
    let decided_by = case.setting(Attribute::OfflineMaxAgeS);
    Some(Refusal {
        reason: Reason::ReplicaTooOld,
        decided_by,
        fix: Fix::ConnectStation,
    })
}

fn seos_held_by_another(case: &Case<'_>) -> Option<Refusal> {
    if case.situation.other.is_none() || !case.facts.is_seos() {
        return None;
    }
    by_rule(
        Reason::SeosHeldByAnother,
        Rule::SeosBandStaysWithUser,
        Fix::DisconnectHolder,
    )
}

/// What keeps a band back although the policy has take-overs, or although nobody holds it.
fn band_withheld(case: &Case<'_>) -> Option<Refusal> {
    let situation = &case.situation;
    let lost = case.facts.band.stock == StockState::Lost;
    if situation.other.is_none() {
        let stray = lost && situation.own.is_none();
        return if stray {
            by_rule(Reason::BandWithheld, Rule::LostBandStaysOut, Fix::HandInBand)
        } else {
            None
        };
    }
    if !case.may_take_over() {
        return None;
    }
    let rule = match (situation.other_suspended, lost, situation.in_doubt) {
        (true, _, _) => Rule::SuspendedUserKeepsBand,
        (_, true, _) => Rule::LostBandStaysOut,
        (_, _, true) => Rule::DoubtStays,
        (false, false, false) => return None,
    };
    by_rule(
        Reason::BandWithheld,
        rule,
        if lost {
            Fix::HandInBand
        } else {
            case.another_band()
        },
    )
}

fn held_by_another(case: &Case<'_>) -> Option<Refusal> {
    if case.situation.other.is_none() || case.may_take_over() {
        return None;
    }
    let own = case.policy.reenroll_own.value;
    let decided_by = case.setting(if own {
        Attribute::ReenrollAny
    } else {
        Attribute::ReenrollOwn
    });
    Some(Refusal {
        reason: Reason::HeldByAnother,
        decided_by,
        fix: case.another_band(),
    })
}

fn first_band_must_be_free(case: &Case<'_>) -> Option<Refusal> {
    if case.situation.other.is_none() || case.situation.active.is_some() {
        return None;
    }
    by_rule(
        Reason::FirstBandMustBeFree,
        Rule::FirstBandIsFree,
        Fix::TakeFreeBand,
    )
}

/// Only where the policy would otherwise let the user move: without it, a release is what is missing.
fn seos_user_own_band_only(case: &Case<'_>) -> Option<Refusal> {
    if !case.situation.active_seos || case.situation.own.is_some() || !case.policy.reenroll_own.value {
        return None;
    }
    by_rule(
        Reason::SeosUserOwnBandOnly,
        Rule::SeosUserKeepsOwnBand,
        Fix::PresentOwnBand,
    )
}

fn release_needed(case: &Case<'_>) -> Option<Refusal> {
    let has_band = case.situation.own.is_some() || case.situation.active.is_some();
    if !has_band || case.policy.reenroll_own.value {
        return None;
    }
    let decided_by = case.setting(Attribute::ReenrollOwn);
    Some(Refusal {
        reason: Reason::ReleaseNeeded,
        decided_by,
        fix: Fix::DisconnectOwnBand,
    })
}

/// The band itself is the witness: the two zones may be two networks that know nothing of each other. What
/// is known of the enrollment zone can only take the right away, unless there is no band to ask.
fn enrollment_missing(case: &Case<'_>) -> Option<Refusal> {
    if case.facts.zone == Zone::Enrollment {
        return None;
    }
    let band_says_so = match case.facts.report {
        Some(report) => report.enrollment == Holds::ThisUser,
        None => case.situation.enrolled,
    };
    if band_says_so && !case.situation.enrollment_denied {
        return None;
    }
    by_rule(
        Reason::EnrollmentMissing,
        Rule::EnrolledBeforeRegistered,
        Fix::EnrollFirst,
    )
}

/// A band that names another holder may have been enrolled where this station has not heard of: only fresh
/// knowledge can tell that from what a former holder left behind.
fn replica_too_old_for_takeover(case: &Case<'_>) -> Option<Refusal> {
    let says = case.facts.report.map(|report| report.says(case.facts.zone));
    if case.situation.other.is_none() && says != Some(Holds::AnotherUser) {
        return None;
    }
    let reason = Reason::ReplicaTooOldForTakeover;
    if !case.facts.is_clock_trusted() {
        return by_rule(reason, Rule::ClockMustBeTrusted, Fix::SetClock);
    }
    if !case
        .facts
        .is_replica_older_than(case.policy.takeover_max_age_s.value)
    {
        return None;
    }
    let decided_by = case.setting(Attribute::TakeoverMaxAgeS);
    Some(Refusal {
        reason,
        decided_by,
        fix: Fix::ConnectStation,
    })
}

impl Case<'_> {
    fn may_take_over(&self) -> bool {
        self.policy.reenroll_own.value && self.policy.reenroll_any.value
    }

    fn setting(&self, attribute: Attribute) -> DecidedBy {
        DecidedBy::Setting {
            attribute,
            source: self.policy.source(attribute).clone(),
        }
    }

    /// The shortest way to a band for somebody who is not given this one.
    fn another_band(&self) -> Fix {
        let has_band = self.situation.active.is_some() || self.situation.own.is_some();
        match (
            has_band,
            self.policy.reenroll_own.value,
            self.situation.active_seos,
        ) {
            (false, _, _) | (true, true, false) => Fix::TakeFreeBand,
            (true, true, true) => Fix::PresentOwnBand,
            (true, false, _) => Fix::DisconnectHolder,
        }
    }

    fn allowed_by(&self) -> DecidedBy {
        match (self.situation.other, self.situation.own, self.situation.active) {
            (Some(_), _, _) => self.setting(Attribute::ReenrollAny),
            (None, None, None) => DecidedBy::Rule {
                rule: Rule::FreeBandForUserWithoutOne,
            },
            _ => self.setting(Attribute::ReenrollOwn),
        }
    }

    fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        effects.push(self.new_association());
        self.effects_on_own(&mut effects);
        if let Some(active) = self.situation.active {
            let (band, association, primary) = (active.band, active.id, active.primary);
            effects.push(Effect::OldBandInactive {
                band,
                association,
                primary,
            });
        }
        if let Some(other) = self.situation.other {
            effects.push(Effect::PreviousOwnerEnds {
                user: other.user.clone(),
                association: other.id,
            });
            effects.push(Effect::PreviousOwnerTold {
                user: other.user.clone(),
            });
        }
        effects
    }

    /// A renewed temporary association keeps its end: asking again does not make it last longer.
    fn new_association(&self) -> Effect {
        let renewed = self.situation.own.filter(|_| self.situation.is_own_active);
        let expires_at = renewed.and_then(|association| association.expires_at);
        Effect::NewAssociation {
            primary: !self.situation.primary_elsewhere,
            expires_at,
        }
    }

    fn effects_on_own(&self, effects: &mut Effects) {
        let Some(own) = self.situation.own else { return };
        effects.push(Effect::EarlierAssociationRenewed { association: own.id });
        if !self.situation.is_own_active {
            effects.push(Effect::BandActiveAgain);
        }
        if self.facts.band.stock == StockState::Lost {
            effects.push(Effect::BandFound);
        }
    }
}
