//! The fold: gather what was said, walk each band by epoch, walk each user by time, conclude.

use std::collections::{BTreeMap, BTreeSet};

use super::bands::Rights;
use super::said::Said;
use super::{Entry, Stamp, State, UserState, bands, users};
use crate::model::{Band, BandSerial, StockState, Suspension};

pub(super) fn fold(entries: &BTreeSet<&Entry>) -> State {
    let mut state = State::default();
    let said = Said::gather(entries, &mut state);
    let rights = bands::walk(&said, &mut state);
    users::walk(&said, &rights, &mut state);
    said.conclude_users(&mut state);
    said.conclude_bands(&rights, &mut state);
    state
}

impl Said<'_> {
    fn conclude_users(&self, state: &mut State) {
        let made = self.made.values().map(|made| &made.what.user);
        let said = self
            .statuses
            .0
            .keys()
            .chain(self.user_suspensions.0.keys())
            .copied();
        for user in made.chain(said) {
            let status = self
                .statuses
                .last(&user)
                .map(|(_, status)| *status)
                .unwrap_or_default();
            let suspension = self.user_suspensions.last(&user).and_then(|(stamp, note)| {
                Some(Suspension {
                    since: stamp.time.millis,
                    note: (*note)?.to_owned(),
                })
            });
            state.users.insert(user.clone(), UserState { status, suspension });
        }
    }

    fn conclude_bands(&self, rights: &Rights, state: &mut State) {
        let enrolled = self.last_enrolled(rights);
        let serials = self
            .made
            .values()
            .map(|made| made.what.band)
            .chain(self.stock.0.keys().copied());
        for serial in serials.collect::<BTreeSet<_>>() {
            let stock = self.final_stock(serial, enrolled.get(&serial));
            let seos = self.seos.contains(&serial);
            state.bands.insert(serial, Band { serial, seos, stock });
        }
    }

    /// When each band was last enrolled or registered by right.
    fn last_enrolled(&self, rights: &Rights) -> BTreeMap<BandSerial, Stamp> {
        let mut enrolled = BTreeMap::new();
        let by_right = self
            .made
            .values()
            .filter(|made| rights.began.contains(&made.what.association));
        for made in by_right {
            let last = enrolled.entry(made.what.band).or_insert(made.stamp);
            *last = made.stamp.max(*last);
        }
        enrolled
    }

    /// A lost band that somebody enrolled by right afterwards has been found.
    fn final_stock(&self, serial: BandSerial, enrolled: Option<&Stamp>) -> StockState {
        match self.stock.last(&serial) {
            Some((said_at, StockState::Lost)) if enrolled > Some(said_at) => StockState::InStock,
            Some((_, stock)) => *stock,
            None => StockState::default(),
        }
    }
}
