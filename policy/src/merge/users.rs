//! Each user in each zone, walked by time: which of the bands held by right is active, which primary.

use std::collections::BTreeMap;

use super::bands::Rights;
use super::said::{Made, Said, Wish};
use super::{Stamp, State};
use crate::model::{AssociationId, BandSerial, UserId, Zone};

type Place<'a> = (&'a UserId, Zone);

/// The bands a user works with in a zone at one point of the walk. Bands, not associations: renewing an
/// association on the same band changes neither.
#[derive(Default)]
struct Pointers {
    active: Option<BandSerial>,
    primary: Option<BandSerial>,
}

/// One step of a user: an association by right (`None`), or what an administrator said of one.
type Step<'a> = (Stamp, Made<'a>, Option<Wish>);

struct Walk<'s, 'a> {
    rights: &'s Rights,
    /// What each user was ever given by right.
    holds: BTreeMap<(Place<'a>, BandSerial), Vec<Made<'a>>>,
    users: BTreeMap<Place<'a>, Pointers>,
}

/// Walks every user in every zone and marks what is active and what is primary.
pub(super) fn walk(said: &Said<'_>, rights: &Rights, state: &mut State) {
    let steps = steps(said, rights);
    let mut walk = Walk {
        rights,
        holds: BTreeMap::new(),
        users: BTreeMap::new(),
    };
    for (_, made, _) in steps.iter().filter(|(_, _, wish)| wish.is_none()) {
        walk.holds
            .entry((place(made), made.what.band))
            .or_default()
            .push(*made);
    }
    for step in &steps {
        walk.step(step);
    }
    walk.mark(state);
}

fn place<'a>(made: &Made<'a>) -> Place<'a> {
    (&made.what.user, made.what.zone)
}

/// By time. What administrators say of associations without a right changes nothing.
fn steps<'a>(said: &Said<'a>, rights: &Rights) -> Vec<Step<'a>> {
    let made = said.made.values().map(|made| (made.stamp, *made, None));
    let wish = |(stamp, id, wish): &(Stamp, AssociationId, Wish)| {
        said.made.get(id).map(|made| (*stamp, *made, Some(*wish)))
    };
    let all = made.chain(said.wishes.iter().filter_map(wish));
    let mut steps: Vec<_> = all
        .filter(|(_, made, _)| rights.began.contains(&made.what.association))
        .collect();
    steps.sort_by_key(|(stamp, made, _)| (*stamp, made.what.association));
    steps
}

impl<'a> Walk<'_, 'a> {
    fn step(&mut self, (stamp, made, wish): &Step<'a>) {
        let (place, band) = (place(made), Some(made.what.band));
        let primary = self.users.get(&place).and_then(|pointers| pointers.primary);
        let keeps_primary = primary.is_some_and(|old| self.holds_at(place, old, stamp));
        let pointers = self.users.entry(place).or_default();
        match wish {
            Some(Wish::Active) => pointers.active = band,
            Some(Wish::Inactive) if pointers.active == band => pointers.active = None,
            Some(Wish::Inactive) => {}
            Some(Wish::Primary) => pointers.primary = band,
            None => {
                pointers.active = band;
                pointers.primary = if keeps_primary { primary } else { band };
            }
        }
    }

    /// The user held this band by right at this moment.
    fn holds_at(&self, place: Place<'a>, band: BandSerial, at: &Stamp) -> bool {
        let over = |made: &Made<'_>| {
            self.rights
                .ended
                .get(&made.what.association)
                .is_some_and(|end| end <= at)
        };
        let held = self.holds.get(&(place, band)).into_iter().flatten();
        held.into_iter().any(|made| made.stamp <= *at && !over(made))
    }

    fn mark(&self, state: &mut State) {
        let by_right = |id: &AssociationId| self.rights.began.contains(id);
        for association in state
            .associations
            .values_mut()
            .filter(|a| a.is_open() && by_right(&a.id))
        {
            if let Some(pointers) = self.users.get(&(&association.user, association.zone)) {
                association.active = pointers.active == Some(association.band);
                association.primary = pointers.primary == Some(association.band);
            }
        }
    }
}
