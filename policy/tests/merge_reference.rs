//! The fold a second time, without regard for time and space: every question is answered by a search through
//! the plain list of entries. It must agree with `merge()` on who holds which band, on what waits for an
//! administrator and why, and on who works with which band.

#[path = "merge_worlds/mod.rs"]
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::{Associated, Entry, Event, QuarantineCause, Stamp, Verdict, merge};
use policy::model::{AssociationId, BandSerial, StockState, UserId, UserStatus, Zone};
use proptest::prelude::*;

/// One association with the stamp of the entry that made it.
type Made = (Stamp, Associated);

struct Reference {
    entries: Vec<Entry>,
    made: Vec<Made>,
}

impl Reference {
    fn new(entries: &[Entry]) -> Self {
        let mut entries = entries.to_vec();
        entries.sort();
        let mut made: Vec<Made> = vec![];
        for entry in &entries {
            if let Event::Associated(what) = &entry.event {
                made.push((entry.stamp, what.clone()));
            }
        }
        made.sort_by_key(|(stamp, what)| (what.band_epoch, *stamp));
        let mut seen = BTreeSet::new();
        made.retain(|(_, what)| seen.insert(what.association));
        Self { entries, made }
    }

    /// The last of these events before a moment.
    fn last<T>(&self, before: Option<Stamp>, pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let past = self
            .entries
            .iter()
            .filter(|entry| before.is_none_or(|moment| entry.stamp < moment));
        past.filter_map(|entry| pick(&entry.event)).last()
    }

    fn status(&self, who: &UserId, at: Stamp) -> UserStatus {
        let said = self.last(Some(at), |event| match event {
            Event::UserStands { user, status } if user == who => Some(*status),
            _ => None,
        });
        said.unwrap_or(UserStatus::Active)
    }

    fn is_user_suspended(&self, who: &UserId, at: Stamp) -> bool {
        let said = self.last(Some(at), |event| match event {
            Event::UserSuspended { user, .. } if user == who => Some(true),
            Event::UserResumed { user } if user == who => Some(false),
            _ => None,
        });
        said == Some(true)
    }

    fn is_suspended(&self, which: AssociationId, at: Stamp) -> bool {
        let said = self.last(Some(at), |event| match event {
            Event::AssociationSuspended { association, .. } if *association == which => Some(true),
            Event::AssociationResumed { association } if *association == which => Some(false),
            _ => None,
        });
        said == Some(true)
    }

    fn stock(&self, serial: BandSerial, at: Stamp) -> StockState {
        let said = self.last(Some(at), |event| match event {
            Event::BandStands { band } if band.serial == serial => Some(band.stock),
            _ => None,
        });
        said.unwrap_or(StockState::InStock)
    }

    fn verdict(&self, which: AssociationId) -> Option<Verdict> {
        self.last(None, |event| match event {
            Event::Settled { association, verdict } if *association == which => Some(*verdict),
            _ => None,
        })
    }

    fn disconnected(&self, which: AssociationId) -> Option<Stamp> {
        let found = self.entries.iter().find(
            |entry| matches!(&entry.event, Event::Disconnected { association } if *association == which),
        );
        found.map(|entry| entry.stamp)
    }

    fn is_seos(&self, serial: BandSerial) -> bool {
        self.entries.iter().any(|entry| match &entry.event {
            Event::Associated(what) => what.band == serial && what.seos,
            Event::BandStands { band } => band.serial == serial && band.seos,
            _ => false,
        })
    }

    fn is_id_used_twice(&self, which: &Associated) -> bool {
        let differs = |what: &Associated| what.association == which.association && what != which;
        self.entries
            .iter()
            .any(|entry| matches!(&entry.event, Event::Associated(what) if differs(what)))
    }

    fn is_epoch_used_twice(&self, (stamp, what): &Made) -> bool {
        self.made.iter().any(|(other_stamp, other)| {
            (other.band, other.band_epoch) == (what.band, what.band_epoch)
                && (other_stamp, other.association) < (stamp, what.association)
        })
    }

    /// What forbids this association after `holder`; the first that does.
    fn objection(&self, made: &Made, holder: Option<&Made>) -> Option<QuarantineCause> {
        use QuarantineCause as Cause;
        let (at, what) = made;
        let stock = self.stock(what.band, *at);
        if self.is_id_used_twice(what) {
            return Some(Cause::IdUsedTwice);
        }
        if self.is_epoch_used_twice(made) {
            return Some(Cause::EpochUsedTwice);
        }
        if self.status(&what.user, *at) != UserStatus::Active {
            return Some(Cause::UserNotActive);
        }
        if self.is_user_suspended(&what.user, *at) {
            return Some(Cause::UserSuspended);
        }
        if stock == StockState::Damaged || stock == StockState::Retired {
            return Some(Cause::BandWithdrawn);
        }
        let (_, before) = holder.filter(|(_, before)| before.user != what.user)?;
        if self
            .disconnected(before.association)
            .is_some_and(|released| released < *at)
        {
            return None;
        }
        if self.is_seos(what.band) {
            return Some(Cause::SeosTakenOver);
        }
        let withheld =
            self.is_user_suspended(&before.user, *at) || self.is_suspended(before.association, *at);
        if withheld || stock == StockState::Lost {
            return Some(Cause::BandWithheld);
        }
        if what.may_take_over {
            None
        } else {
            Some(Cause::HeldByAnother)
        }
    }

    /// Those who held this band in this zone by right, in order, and what waits.
    fn chain(&self, band: BandSerial, zone: Zone) -> (Vec<&Made>, BTreeMap<AssociationId, QuarantineCause>) {
        let (mut holders, mut waiting) = (Vec::<&Made>::new(), BTreeMap::new());
        for made in self
            .made
            .iter()
            .filter(|(_, what)| what.band == band && what.zone == zone)
        {
            let id = made.1.association;
            match (self.verdict(id), self.objection(made, holders.last().copied())) {
                (Some(Verdict::Reject), _) => {}
                (None, Some(cause)) => {
                    waiting.insert(id, cause);
                }
                (Some(Verdict::Keep), _) | (None, None) => holders.push(made),
            }
        }
        waiting.retain(|id, _| self.disconnected(*id).is_none());
        (holders, waiting)
    }
}

fn places(reference: &Reference) -> BTreeSet<(BandSerial, Zone)> {
    reference
        .made
        .iter()
        .map(|(_, what)| (what.band, what.zone))
        .collect()
}

/// The band that the last word on a user in a zone names: made by right, or said by an administrator.
fn last_band(
    reference: &Reference,
    rights: &BTreeSet<AssociationId>,
    user: &UserId,
    zone: Zone,
) -> Option<BandSerial> {
    let of = |id: &AssociationId| {
        let made = reference.made.iter().find(|(_, what)| what.association == *id)?;
        let theirs = made.1.user == *user && made.1.zone == zone && rights.contains(id);
        theirs.then_some(made)
    };
    let mut steps: Vec<(Stamp, AssociationId, u8)> = vec![];
    for (stamp, what) in &reference.made {
        steps.push((*stamp, what.association, 0));
    }
    for entry in &reference.entries {
        match entry.event {
            Event::MadeActive { association } => steps.push((entry.stamp, association, 1)),
            Event::MadeInactive { association } => steps.push((entry.stamp, association, 2)),
            _ => {}
        }
    }
    steps.sort_by_key(|(stamp, id, _)| (*stamp, *id));
    let mut band = None;
    for (_, id, kind) in steps {
        let Some((_, what)) = of(&id) else { continue };
        match kind {
            2 if band == Some(what.band) => band = None,
            2 => {}
            _ => band = Some(what.band),
        }
    }
    band
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_folds_agree(entries in worlds::entries()) {
        // Entries that share a stamp have no order among themselves; they are tested elsewhere.
        let mut stamps = BTreeSet::new();
        let entries: Vec<_> = entries.into_iter().filter(|entry| stamps.insert(entry.stamp)).collect();
        let state = merge(&entries);
        let reference = Reference::new(&entries);
        let mut waiting = BTreeMap::new();
        let mut rights = BTreeSet::new();
        for (band, zone) in places(&reference) {
            let (holders, waits) = reference.chain(band, zone);
            rights.extend(holders.iter().map(|(_, what)| what.association));
            waiting.extend(waits);
            let last = holders.last().map(|(_, what)| what.association);
            let holder = last.filter(|id| reference.disconnected(*id).is_none());
            prop_assert_eq!(state.holder(band, zone).map(|a| a.id), holder, "{} {:?}", band, zone);
        }
        let causes: BTreeMap<_, _> = state.quarantine.iter().map(|(id, waits)| (*id, waits.cause)).collect();
        prop_assert_eq!(causes, waiting);
        for association in state.in_force() {
            let band = last_band(&reference, &rights, &association.user, association.zone);
            prop_assert_eq!(association.active, band == Some(association.band), "{:?}", association);
        }
    }
}
