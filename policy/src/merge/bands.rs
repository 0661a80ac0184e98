//! Each band in each zone, walked by epoch: who holds it by right, and what waits for an administrator.

use std::collections::{BTreeMap, BTreeSet};

use super::said::{Made, Said};
use super::{Oddity, QuarantineCause, Quarantined, Stamp, State, Verdict};
use crate::model::{Association, AssociationId, EndCause, Ending, StockState, Suspension, UserStatus};

/// Which associations were ever held by right, and the entry that ended them.
#[derive(Default)]
pub(super) struct Rights {
    pub(super) began: BTreeSet<AssociationId>,
    pub(super) ended: BTreeMap<AssociationId, Stamp>,
}

/// Walks every band in every zone.
pub(super) fn walk(said: &Said<'_>, state: &mut State) -> Rights {
    let mut rights = Rights::default();
    for chain in said.chains() {
        Chain {
            said,
            state,
            rights: &mut rights,
            holder: None,
        }
        .walk(&chain);
    }
    rights
}

/// One band in one zone, walked by epoch.
struct Chain<'s, 'a> {
    said: &'s Said<'a>,
    state: &'s mut State,
    rights: &'s mut Rights,
    /// Who holds the band by right at this point of the walk.
    holder: Option<Made<'a>>,
}

impl<'a> Chain<'_, 'a> {
    fn walk(mut self, chain: &[Made<'a>]) {
        for made in chain {
            self.step(made);
        }
        self.end_disconnected(chain);
    }

    fn step(&mut self, made: &Made<'a>) {
        let id = made.what.association;
        let mut association = self.begin(made);
        match (self.said.verdict(&id), self.objection(made)) {
            (Some((stamp, Verdict::Reject)), _) => {
                association.ended = Some(Ending {
                    cause: EndCause::Rejected,
                    at: stamp.time.millis,
                });
            }
            (None, Some(cause)) => self.quarantine(&mut association, made, cause),
            (Some((_, Verdict::Keep)), _) | (None, None) => self.pass_to(made),
        }
        self.state.associations.insert(id, association);
    }

    fn begin(&self, made: &Made<'_>) -> Association {
        let what = made.what;
        Association {
            id: what.association,
            user: what.user.clone(),
            band: what.band,
            zone: what.zone,
            active: false,
            primary: false,
            expires_at: what.expires_at,
            suspension: self.said.suspension(&what.association),
            ended: None,
            band_epoch: what.band_epoch,
            note: String::new(),
        }
    }

    fn quarantine(&mut self, association: &mut Association, made: &Made<'_>, cause: QuarantineCause) {
        let suspension = Suspension {
            since: made.stamp.time.millis,
            note: cause.code().to_owned(),
        };
        association.suspension.get_or_insert(suspension);
        let rival = self.holder.map(|holder| holder.what.association);
        self.state
            .quarantine
            .insert(association.id, Quarantined { cause, rival });
    }

    /// What forbade this association at the moment when it was made.
    fn objection(&self, made: &Made<'a>) -> Option<QuarantineCause> {
        let (said, what, at) = (self.said, made.what, &made.stamp);
        let status = said.statuses.before(&&what.user, at).copied().unwrap_or_default();
        let stock = said.stock.before(&what.band, at).copied().unwrap_or_default();
        let objections = [
            (
                said.ids_used_twice.contains(&what.association),
                QuarantineCause::IdUsedTwice,
            ),
            (said.is_epoch_used_twice(made), QuarantineCause::EpochUsedTwice),
            (status != UserStatus::Active, QuarantineCause::UserNotActive),
            (
                said.is_user_suspended(&what.user, at),
                QuarantineCause::UserSuspended,
            ),
            (
                matches!(stock, StockState::Damaged | StockState::Retired),
                QuarantineCause::BandWithdrawn,
            ),
        ];
        let first = objections
            .iter()
            .find(|(applies, _)| *applies)
            .map(|(_, cause)| *cause);
        first.or_else(|| self.objection_of_holder(made, stock))
    }

    /// What forbade that the band changed hands, if it did.
    fn objection_of_holder(&self, made: &Made<'a>, stock: StockState) -> Option<QuarantineCause> {
        let holder = self.holder.filter(|holder| holder.what.user != made.what.user)?;
        if self.is_released_before(&holder, &made.stamp) {
            return None;
        }
        let id = &holder.what.association;
        let suspended = self.said.is_user_suspended(&holder.what.user, &made.stamp)
            || self
                .said
                .suspensions
                .before(id, &made.stamp)
                .is_some_and(Option::is_some);
        if self.said.seos.contains(&made.what.band) {
            return Some(QuarantineCause::SeosTakenOver);
        }
        if suspended || stock == StockState::Lost {
            return Some(QuarantineCause::BandWithheld);
        }
        (!made.what.may_take_over).then_some(QuarantineCause::HeldByAnother)
    }

    fn is_released_before(&self, holder: &Made<'_>, stamp: &Stamp) -> bool {
        self.said
            .disconnected
            .get(&holder.what.association)
            .is_some_and(|released| released < stamp)
    }

    /// The band passes to this association by right.
    fn pass_to(&mut self, made: &Made<'a>) {
        self.rights.began.insert(made.what.association);
        if let Some(holder) = self.holder.replace(*made) {
            self.end(&holder, made);
        }
    }

    fn end(&mut self, holder: &Made<'_>, by: &Made<'_>) {
        let id = holder.what.association;
        match self.said.disconnected.get(&id) {
            Some(stamp) if *stamp < by.stamp => return self.close(&id, EndCause::Disconnected, stamp),
            Some(stamp) => {
                let late = Oddity::DisconnectedTooLate {
                    stamp: *stamp,
                    association: id,
                };
                self.state.oddities.insert(late);
            }
            None => {}
        }
        self.close(&id, end_cause(holder, by), &by.stamp);
    }

    fn close(&mut self, id: &AssociationId, cause: EndCause, by: &Stamp) {
        let association = self
            .state
            .associations
            .get_mut(id)
            .expect("every association of the chain was begun");
        association.ended = Some(Ending {
            cause,
            at: by.time.millis,
        });
        self.rights.ended.insert(*id, *by);
    }

    /// What is left after the walk: disconnected holders, and what is in quarantine but disconnected since or
    /// overwritten on the band by somebody who holds it by right.
    fn end_disconnected(&mut self, chain: &[Made<'a>]) {
        for made in chain {
            let id = made.what.association;
            if self.state.associations[&id].ended.is_some() {
                continue;
            }
            if let Some(stamp) = self.said.disconnected.get(&id) {
                self.close(&id, EndCause::Disconnected, stamp);
                self.state.quarantine.remove(&id);
            } else if let Some(holder) = self.holder.filter(|holder| holder.key() > made.key()) {
                self.close(&id, end_cause(made, &holder), &holder.stamp);
            }
        }
    }
}

fn end_cause(holder: &Made<'_>, by: &Made<'_>) -> EndCause {
    if holder.what.user == by.what.user {
        EndCause::Renewed
    } else {
        EndCause::TakenOver
    }
}
