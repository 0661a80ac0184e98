//! The people and the bands. Bands are witnesses: each counts its commits and knows whom it holds.

use std::collections::BTreeMap;

use policy::merge::Associated;
use policy::model::{AssociationId, BandSerial, UserId, Zone};

use crate::console::Site;
use crate::dice::Dice;

/// The sites of the plant.
pub(crate) const SITES: [Site; 2] = ["north", "south"];

/// A band on a wrist.
#[derive(Clone, Debug)]
pub(crate) struct SimBand {
    pub(crate) serial: BandSerial,
    pub(crate) seos: bool,
    pub(crate) epoch: u32,
    pub(crate) holders: BTreeMap<Zone, (UserId, AssociationId)>,
    /// Everything it ever committed, in its own order.
    pub(crate) commits: Vec<Associated>,
}

impl SimBand {
    /// The band commits. It never does so while it holds somebody else.
    pub(crate) fn commit(&mut self, what: &Associated) {
        assert!(self.holders.values().all(|(user, _)| *user == what.user));
        self.epoch += 1;
        assert_eq!(self.epoch, what.band_epoch);
        self.holders
            .insert(what.zone, (what.user.clone(), what.association));
        self.commits.push(what.clone());
    }

    /// The wearer empties it by hand.
    pub(crate) fn delete_user_data(&mut self) {
        self.holders.clear();
    }
}

pub(crate) fn bands(count: u64) -> Vec<SimBand> {
    let band = |number: u64| SimBand {
        serial: format!("B-{number}").parse().expect("a serial"),
        seos: number.is_multiple_of(3),
        epoch: 0,
        holders: BTreeMap::new(),
        commits: vec![],
    };
    (0..count).map(band).collect()
}

pub(crate) fn people(count: u64, dice: &mut Dice) -> BTreeMap<UserId, Site> {
    let person = |number: u64| {
        let id = format!("person-{number}").parse().expect("an id");
        (id, *dice.one_of(&SITES).expect("there are sites"))
    };
    (0..count).map(person).collect()
}
