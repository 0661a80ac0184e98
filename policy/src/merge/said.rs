//! Everything that was said, sorted by what it is about. Holds no result.

use std::collections::{BTreeMap, BTreeSet};

use super::{Associated, Entry, Event, Oddity, Stamp, State, Verdict};
use crate::model::{AssociationId, Band, BandSerial, StockState, Suspension, UserId, UserStatus, Zone};

/// What was said about one thing, by time; the word that counts at a moment is the last before it.
pub(super) struct Words<K, V>(pub(super) BTreeMap<K, BTreeMap<Stamp, V>>);

impl<K, V> Default for Words<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V> Words<K, V> {
    pub(super) fn say(&mut self, about: K, stamp: Stamp, word: V) {
        self.0.entry(about).or_default().insert(stamp, word);
    }

    pub(super) fn last(&self, about: &K) -> Option<(&Stamp, &V)> {
        self.0.get(about)?.last_key_value()
    }

    pub(super) fn before(&self, about: &K, stamp: &Stamp) -> Option<&V> {
        self.0
            .get(about)?
            .range(..stamp)
            .next_back()
            .map(|(_, word)| word)
    }
}

/// An association that was made, and the first entry that says so.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) stamp: Stamp,
    pub(super) what: &'a Associated,
}

impl Made<'_> {
    /// The order of one band.
    pub(super) fn key(&self) -> (u32, Stamp) {
        (self.what.band_epoch, self.stamp)
    }
}

/// What an administrator says of a user's bands.
#[derive(Clone, Copy)]
pub(super) enum Wish {
    Active,
    Inactive,
    Primary,
}

/// Everything that was said, sorted by what it is about. Holds no result.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) made: BTreeMap<AssociationId, Made<'a>>,
    pub(super) ids_used_twice: BTreeSet<AssociationId>,
    pub(super) disconnected: BTreeMap<AssociationId, Stamp>,
    pub(super) verdicts: Words<AssociationId, Verdict>,
    pub(super) suspensions: Words<AssociationId, Option<&'a str>>,
    pub(super) wishes: Vec<(Stamp, AssociationId, Wish)>,
    pub(super) statuses: Words<&'a UserId, UserStatus>,
    pub(super) user_suspensions: Words<&'a UserId, Option<&'a str>>,
    pub(super) stock: Words<BandSerial, StockState>,
    pub(super) seos: BTreeSet<BandSerial>,
    pub(super) epochs: BTreeMap<(BandSerial, u32), (Stamp, AssociationId)>,
}

impl<'a> Said<'a> {
    pub(super) fn gather(entries: &BTreeSet<&'a Entry>, state: &mut State) -> Self {
        let mut said = Self::default();
        for entry in entries {
            said.hear(entry.stamp, &entry.event);
        }
        said.find_odd_entries(entries, state);
        said.find_epochs();
        said
    }

    fn hear(&mut self, stamp: Stamp, event: &'a Event) {
        match event {
            Event::Associated(what) => self.hear_associated(Made { stamp, what }),
            Event::Disconnected { association } => {
                self.disconnected.entry(*association).or_insert(stamp);
            }
            Event::AssociationSuspended { association, note } => {
                self.suspensions.say(*association, stamp, Some(note));
            }
            Event::AssociationResumed { association } => self.suspensions.say(*association, stamp, None),
            Event::MadeActive { association } => self.wishes.push((stamp, *association, Wish::Active)),
            Event::MadeInactive { association } => self.wishes.push((stamp, *association, Wish::Inactive)),
            Event::MadePrimary { association } => self.wishes.push((stamp, *association, Wish::Primary)),
            Event::UserStands { user, status } => self.statuses.say(user, stamp, *status),
            Event::UserSuspended { user, note } => self.user_suspensions.say(user, stamp, Some(note)),
            Event::UserResumed { user } => self.user_suspensions.say(user, stamp, None),
            Event::BandStands { band } => self.hear_band(stamp, band),
            Event::Settled { association, verdict } => self.verdicts.say(*association, stamp, *verdict),
        }
    }

    /// The same association may be reported twice, by a station that lost power and asked the band again.
    fn hear_associated(&mut self, made: Made<'a>) {
        if made.what.seos {
            self.seos.insert(made.what.band);
        }
        let id = made.what.association;
        let Some(first) = self.made.get(&id).copied() else {
            self.made.insert(id, made);
            return;
        };
        if first.what != made.what {
            self.ids_used_twice.insert(id);
        }
        if made.key() < first.key() {
            self.made.insert(id, made);
        }
    }

    fn hear_band(&mut self, stamp: Stamp, band: &Band) {
        self.stock.say(band.serial, stamp, band.stock);
        if band.seos {
            self.seos.insert(band.serial);
        }
    }

    fn find_odd_entries(&self, entries: &BTreeSet<&Entry>, state: &mut State) {
        let mut numbers = BTreeSet::new();
        for entry in entries {
            let Stamp {
                station, sequence, ..
            } = entry.stamp;
            if !numbers.insert((station, sequence)) {
                state
                    .oddities
                    .insert(Oddity::SequenceUsedTwice { station, sequence });
            }
            state.oddities.extend(self.oddity(entry));
        }
    }

    fn oddity(&self, entry: &Entry) -> Option<Oddity> {
        let stamp = entry.stamp;
        if let Event::Associated(what) = &entry.event {
            let association = what.association;
            let applied = self.made[&association].what == what;
            return (!applied).then_some(Oddity::IdUsedTwice { stamp, association });
        }
        let association = speaks_of(&entry.event).filter(|id| !self.made.contains_key(id))?;
        Some(Oddity::AssociationUnknown { stamp, association })
    }

    /// Who used each epoch of each band first.
    fn find_epochs(&mut self) {
        for made in self.made.values() {
            let this = (made.stamp, made.what.association);
            let first = self
                .epochs
                .entry((made.what.band, made.what.band_epoch))
                .or_insert(this);
            *first = this.min(*first);
        }
    }

    /// What was made of each band in each zone, by epoch.
    pub(super) fn chains(&self) -> Vec<Vec<Made<'a>>> {
        let mut chains: BTreeMap<(BandSerial, Zone), Vec<Made<'a>>> = BTreeMap::new();
        for made in self.made.values() {
            chains
                .entry((made.what.band, made.what.zone))
                .or_default()
                .push(*made);
        }
        chains.values_mut().for_each(|chain| chain.sort_by_key(Made::key));
        chains.into_values().collect()
    }

    /// Another association of the same band, made earlier by the clock, has this very epoch.
    pub(super) fn is_epoch_used_twice(&self, made: &Made<'_>) -> bool {
        let first = self.epochs.get(&(made.what.band, made.what.band_epoch));
        first.is_some_and(|(_, association)| *association != made.what.association)
    }

    pub(super) fn is_user_suspended(&self, user: &'a UserId, at: &Stamp) -> bool {
        self.user_suspensions
            .before(&user, at)
            .is_some_and(Option::is_some)
    }

    pub(super) fn verdict(&self, id: &AssociationId) -> Option<(&Stamp, Verdict)> {
        self.verdicts.last(id).map(|(stamp, verdict)| (stamp, *verdict))
    }

    pub(super) fn suspension(&self, id: &AssociationId) -> Option<Suspension> {
        let (stamp, note) = self.suspensions.last(id)?;
        Some(Suspension {
            since: stamp.time.millis,
            note: (*note)?.to_owned(),
        })
    }
}

/// The association an entry speaks of without making it.
pub(super) fn speaks_of(event: &Event) -> Option<AssociationId> {
    match event {
        Event::Disconnected { association }
        | Event::AssociationSuspended { association, .. }
        | Event::AssociationResumed { association }
        | Event::MadeActive { association }
        | Event::MadeInactive { association }
        | Event::MadePrimary { association }
        | Event::Settled { association, .. } => Some(*association),
        Event::Associated(_)
        | Event::UserStands { .. }
        | Event::UserSuspended { .. }
        | Event::UserResumed { .. }
        | Event::BandStands { .. } => None,
    }
}
