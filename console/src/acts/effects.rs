//! What becomes true by an act, shown before it is confirmed. Codes are stable and keys of translations.

use policy::merge::State;
use policy::model::{Association, EndCause, StockState, UserStatus, Zone};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One consequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// The user stands otherwise with the plant.
    UserStands {
        /// Who.
        user: String,
        /// How until now.
        #[schema(value_type = String)]
        from: UserStatus,
        /// How from now on.
        #[schema(value_type = String)]
        to: UserStatus,
    },
    /// The user may use no band any more.
    UserSuspended {
        /// Who.
        user: String,
    },
    /// The user may use bands again.
    UserResumed {
        /// Who.
        user: String,
    },
    /// The band stands otherwise in the stock.
    BandStands {
        /// Which.
        band: String,
        /// How until now.
        #[schema(value_type = String)]
        from: StockState,
        /// How from now on.
        #[schema(value_type = String)]
        to: StockState,
    },
    /// The user works with this band.
    BecomesActive(Which),
    /// The user works with this band no more; it stays the user's.
    BecomesInactive(Which),
    /// It is the user's real band.
    BecomesPrimary(Which),
    /// It is the user's real band no more.
    LosesPrimary(Which),
    /// The band is the user's no more.
    Ends {
        /// Whose, and which.
        #[serde(flatten)]
        which: Which,
        /// Why.
        #[schema(value_type = String)]
        cause: EndCause,
    },
    /// The band is the user's again.
    HoldsAgain(Which),
    /// Its use is taken away.
    IsSuspended(Which),
    /// Its use is given back.
    IsResumed(Which),
    /// It waits in quarantine.
    IsQuarantined(Which),
    /// It waits in quarantine no more.
    LeavesQuarantine(Which),
    /// Tickets of the user are taken back.
    TicketsRevoked {
        /// Whose.
        user: String,
        /// How many.
        count: u64,
    },
    /// A band that the user enrolls before this moment expires then.
    NextBandIsTemporary {
        /// Who.
        user: String,
        /// Until when, in milliseconds since 1970.
        until_ms: i64,
    },
    /// The band is still in the hands of the user.
    BandStillOut {
        /// Who.
        user: String,
        /// Which.
        band: String,
    },
}

/// An association, as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Which {
    /// Whose.
    pub user: String,
    /// Which band.
    pub band: String,
    /// `enrollment` or `registration`.
    #[schema(value_type = String)]
    pub zone: Zone,
    /// Which association.
    pub association: String,
}

impl From<&Association> for Which {
    fn from(association: &Association) -> Self {
        Self {
            user: association.user.to_string(),
            band: association.band.to_string(),
            zone: association.zone,
            association: association.id.to_string(),
        }
    }
}

/// What is different after.
pub(crate) fn between(before: &State, after: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (user, now) in &after.users {
        let was = before.users.get(user).cloned().unwrap_or_default();
        let user = user.to_string();
        if was.status != now.status {
            let (from, to) = (was.status, now.status);
            effects.push(Effect::UserStands {
                user: user.clone(),
                from,
                to,
            });
        }
        match (was.suspension.is_some(), now.suspension.is_some()) {
            (false, true) => effects.push(Effect::UserSuspended { user }),
            (true, false) => effects.push(Effect::UserResumed { user }),
            _ => {}
        }
    }
    for (serial, now) in &after.bands {
        let from = before
            .bands
            .get(serial)
            .map_or(StockState::Unknown, |band| band.stock);
        if from != now.stock {
            let (band, to) = (serial.to_string(), now.stock);
            effects.push(Effect::BandStands { band, from, to });
        }
    }
    for (id, now) in &after.associations {
        if let Some(was) = before.associations.get(id) {
            let quarantined = |state: &State| state.quarantine.contains_key(id);
            of_association(was, now, (quarantined(before), quarantined(after)), &mut effects);
        }
    }
    effects
}

fn of_association(
    was: &Association,
    now: &Association,
    quarantined: (bool, bool),
    effects: &mut Vec<Effect>,
) {
    let which = || Which::from(now);
    match quarantined {
        (false, true) => effects.push(Effect::IsQuarantined(which())),
        (true, false) => effects.push(Effect::LeavesQuarantine(which())),
        _ => {}
    }
    match (was.ended, now.ended) {
        (None, Some(ended)) => {
            let cause = ended.cause;
            effects.push(Effect::Ends {
                which: which(),
                cause,
            });
            return;
        }
        (Some(_), None) => effects.push(Effect::HoldsAgain(which())),
        _ => {}
    }
    // What quarantine suspends is said by its entering and leaving.
    if quarantined == (false, false) {
        match (was.is_suspended(), now.is_suspended()) {
            (false, true) => effects.push(Effect::IsSuspended(which())),
            (true, false) => effects.push(Effect::IsResumed(which())),
            _ => {}
        }
    }
    match (was.active, now.active) {
        (false, true) => effects.push(Effect::BecomesActive(which())),
        (true, false) => effects.push(Effect::BecomesInactive(which())),
        _ => {}
    }
    match (was.primary, now.primary) {
        (false, true) => effects.push(Effect::BecomesPrimary(which())),
        (true, false) => effects.push(Effect::LosesPrimary(which())),
        _ => {}
    }
}

/// A text that changes when the effects do: whoever confirms sends the one that was shown.
pub(crate) fn seal(effects: &[Effect]) -> String {
    let text = serde_json::to_vec(effects).expect("effects have a form in JSON");
    data_encoding::HEXLOWER.encode(&digest(&SHA256, &text).as_ref()[..16])
}
