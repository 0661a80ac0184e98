//! The facts of one case, sorted once: whose band this is, and what else the user has.

use crate::facts::{Facts, Known};
use crate::model::{Association, Zone};

/// How user and band stand to each other in the zone asked about.
#[derive(Clone, Copy, Default)]
pub(crate) struct Situation<'a> {
    /// The user's open association with the presented band; the active one if there are several.
    pub(crate) own: Option<&'a Association>,
    /// `own` is active at this moment.
    pub(crate) is_own_active: bool,
    /// An open association of the user with the presented band is suspended.
    pub(crate) own_suspended: bool,
    /// An open association of somebody else with the presented band.
    pub(crate) other: Option<&'a Association>,
    /// A holder of the presented band is suspended, or the holder's association is.
    pub(crate) other_suspended: bool,
    /// More than one open association of others, or one beside the user's: history has to settle first.
    pub(crate) in_doubt: bool,
    /// The user's active association with another band.
    pub(crate) active: Option<&'a Association>,
    /// An active band of the user other than the presented one is SEOS-enabled.
    pub(crate) active_seos: bool,
    /// The user's association with another band is suspended.
    pub(crate) suspended_elsewhere: bool,
    /// The user's association with another band is primary.
    pub(crate) primary_elsewhere: bool,
    /// In the enrollment zone, the user's association with the presented band is known and can be relied on.
    pub(crate) enrolled: bool,
    /// In the enrollment zone, an association of the presented band is known that speaks against it.
    pub(crate) enrollment_denied: bool,
}

impl<'a> Situation<'a> {
    pub(crate) fn of(facts: &Facts<'a>) -> Self {
        let mut situation = Self::default();
        for known in facts.known.iter().filter(|known| known.association.is_open()) {
            let association = known.association;
            let is_users = association.user == facts.user.id;
            let is_bands = association.band == facts.band.serial;
            if association.zone == facts.zone {
                match (is_users, is_bands) {
                    (true, true) => situation.add_own(association, facts),
                    (true, false) => situation.add_elsewhere(known, facts),
                    (false, true) => situation.add_other(known),
                    (false, false) => {}
                }
            } else if association.zone == Zone::Enrollment && is_bands {
                situation.add_enrollment(association, is_users, facts);
            }
        }
        situation.in_doubt |= situation.own.is_some() && situation.other.is_some();
        situation
    }

    fn add_own(&mut self, association: &'a Association, facts: &Facts<'_>) {
        self.own_suspended |= association.is_suspended();
        let is_active = association.is_active(facts.now);
        if self.own.is_none() || is_active {
            self.own = Some(association);
            self.is_own_active = is_active;
        }
    }

    fn add_elsewhere(&mut self, known: &Known<'a>, facts: &Facts<'_>) {
        self.suspended_elsewhere |= known.association.is_suspended();
        self.primary_elsewhere |= known.association.primary;
        if known.association.is_active(facts.now) {
            self.active = Some(known.association);
            self.active_seos |= known.band_seos;
        }
    }

    fn add_other(&mut self, known: &Known<'a>) {
        self.in_doubt |= self.other.is_some();
        self.other_suspended |= known.user_suspended || known.association.is_suspended();
        self.other = Some(known.association);
    }

    /// A temporary association gives no right while the clock is in doubt: it may be over.
    fn add_enrollment(&mut self, association: &Association, is_users: bool, facts: &Facts<'_>) {
        let outlives_doubt = association.expires_at.is_none() || facts.is_clock_trusted();
        let counts = is_users && association.is_active(facts.now) && outlives_doubt;
        self.enrolled |= counts;
        self.enrollment_denied |= !counts;
    }
}
