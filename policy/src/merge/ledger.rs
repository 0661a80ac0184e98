//! A history that keeps its state: a new entry folds again only what it can change.
//!
//! What a band's walk says depends on what was said of that band, of its associations and of their users.
//! What a user's walk says depends on the walks of all bands the user ever had. Nothing flows back from users
//! to bands. So an entry about a band changes that band and the users who ever had it, and to know these
//! the bands that they ever had are walked once more: two steps, however long the chain of bands and users
//! is that hang together.

use std::collections::{BTreeMap, BTreeSet};

use super::said::speaks_of;
use super::{Entry, Event, Oddity, State, merge};
use crate::model::{AssociationId, BandSerial, StationId, UserId};

/// What is different after new entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Users whose state differs.
    pub users: BTreeSet<UserId>,
    /// Bands whose state differs.
    pub bands: BTreeSet<BandSerial>,
    /// Associations that are new or differ, or went into or out of quarantine.
    pub associations: BTreeSet<AssociationId>,
}

impl Changed {
    /// Nothing is different.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.bands.is_empty() && self.associations.is_empty()
    }
}

/// A set of entries with the state that follows from them.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: BTreeSet<Entry>,
    state: State,
    of_band: Index<BandSerial>,
    of_user: Index<UserId>,
    of_association: Index<AssociationId>,
    bands_of_user: BTreeMap<UserId, BTreeSet<BandSerial>>,
    users_of_band: BTreeMap<BandSerial, BTreeSet<UserId>>,
    bands_of_association: BTreeMap<AssociationId, BTreeSet<BandSerial>>,
    associations_of_band: BTreeMap<BandSerial, BTreeSet<AssociationId>>,
    numbers: BTreeMap<(StationId, u64), usize>,
}

type Index<K> = BTreeMap<K, BTreeSet<Entry>>;

/// What has to be concluded again.
#[derive(Default)]
struct Scope {
    bands: BTreeSet<BandSerial>,
    users: BTreeSet<UserId>,
    associations: BTreeSet<AssociationId>,
}

fn all<K: Ord, V: Ord + Clone>(index: &BTreeMap<K, BTreeSet<V>>, key: &K) -> impl Iterator<Item = V> {
    index.get(key).cloned().unwrap_or_default().into_iter()
}

impl Ledger {
    /// The state after all entries: [`merge`] of them.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The entries, ordered by stamp.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many different entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds entries, in any order; those it has already change nothing. Gives what is different now.
    pub fn absorb(&mut self, entries: impl IntoIterator<Item = Entry>) -> Changed {
        let mut touched = Scope::default();
        for entry in entries {
            if self.entries.insert(entry.clone()) {
                self.index(&entry);
                touched.add(&entry);
            }
        }
        self.fold_again(touched)
    }

    fn index(&mut self, entry: &Entry) {
        let number = (entry.stamp.station, entry.stamp.sequence);
        let count = self.numbers.entry(number).or_default();
        *count += 1;
        if *count > 1 {
            let (station, sequence) = number;
            self.state
                .oddities
                .insert(Oddity::SequenceUsedTwice { station, sequence });
        }
        match &entry.event {
            Event::Associated(what) => {
                let (user, band, id) = (what.user.clone(), what.band, what.association);
                self.bands_of_user.entry(user.clone()).or_default().insert(band);
                self.users_of_band.entry(band).or_default().insert(user);
                self.bands_of_association.entry(id).or_default().insert(band);
                self.associations_of_band.entry(band).or_default().insert(id);
                self.of_band.entry(band).or_default().insert(entry.clone());
                self.of_association.entry(id).or_default().insert(entry.clone());
            }
            Event::UserStands { user, .. }
            | Event::UserSuspended { user, .. }
            | Event::UserResumed { user } => {
                self.of_user
                    .entry(user.clone())
                    .or_default()
                    .insert(entry.clone());
            }
            Event::BandStands { band } => {
                self.of_band.entry(band.serial).or_default().insert(entry.clone());
            }
            other => {
                let id = speaks_of(other).expect("every other event speaks of an association");
                self.of_association.entry(id).or_default().insert(entry.clone());
            }
        }
    }

    fn fold_again(&mut self, touched: Scope) -> Changed {
        let scope = self.widen(touched);
        let relevant = self.relevant(&scope);
        let part = merge(&relevant);
        self.replace(&scope, part)
    }

    /// Everything that the touched things can change.
    fn widen(&self, mut scope: Scope) -> Scope {
        let of_users: Vec<_> = scope
            .users
            .iter()
            .flat_map(|user| all(&self.bands_of_user, user))
            .collect();
        let of_ids: Vec<_> = scope
            .associations
            .iter()
            .flat_map(|id| all(&self.bands_of_association, id))
            .collect();
        scope.bands.extend(of_users.into_iter().chain(of_ids));
        for band in &scope.bands {
            scope.users.extend(all(&self.users_of_band, band));
        }
        scope
    }

    /// The entries that say what becomes of the scope.
    fn relevant(&self, scope: &Scope) -> BTreeSet<Entry> {
        let of_users = scope.users.iter().flat_map(|user| all(&self.bands_of_user, user));
        let walked: BTreeSet<BandSerial> = scope.bands.iter().copied().chain(of_users).collect();
        let mut users = scope.users.clone();
        let mut associations = scope.associations.clone();
        for band in &walked {
            users.extend(all(&self.users_of_band, band));
            associations.extend(all(&self.associations_of_band, band));
        }
        let of_bands = walked.iter().flat_map(|band| all(&self.of_band, band));
        let of_users = users.iter().flat_map(|user| all(&self.of_user, user));
        let of_ids = associations.iter().flat_map(|id| all(&self.of_association, id));
        of_bands.chain(of_users).chain(of_ids).collect()
    }

    /// Takes over the scope's part of a state.
    fn replace(&mut self, scope: &Scope, mut part: State) -> Changed {
        let mut changed = Changed::default();
        for user in &scope.users {
            if put(&mut self.state.users, user, part.users.remove(user)) {
                changed.users.insert(user.clone());
            }
        }
        for band in &scope.bands {
            if put(&mut self.state.bands, band, part.bands.remove(band)) {
                changed.bands.insert(*band);
            }
        }
        let mut ids = scope.associations.clone();
        for user in &scope.users {
            for band in all(&self.bands_of_user, user) {
                ids.extend(all(&self.associations_of_band, &band));
            }
        }
        for band in &scope.bands {
            ids.extend(all(&self.associations_of_band, band));
        }
        let in_scope = |id: &AssociationId, state: &State| {
            let made = state.associations.get(id);
            made.is_none_or(|it| scope.users.contains(&it.user) || scope.bands.contains(&it.band))
        };
        ids.retain(|id| in_scope(id, &part) && in_scope(id, &self.state));
        for id in &ids {
            let differs = put(&mut self.state.associations, id, part.associations.remove(id));
            if put(&mut self.state.quarantine, id, part.quarantine.remove(id)) || differs {
                changed.associations.insert(*id);
            }
        }
        self.replace_oddities(&ids, part);
        changed
    }

    fn replace_oddities(&mut self, ids: &BTreeSet<AssociationId>, part: State) {
        let concerns = |oddity: &Oddity| oddity.association().is_some_and(|id| ids.contains(&id));
        self.state.oddities.retain(|oddity| !concerns(oddity));
        self.state
            .oddities
            .extend(part.oddities.into_iter().filter(concerns));
    }
}

impl Oddity {
    /// The association it is about.
    fn association(&self) -> Option<AssociationId> {
        match *self {
            Self::SequenceUsedTwice { .. } => None,
            Self::AssociationUnknown { association, .. }
            | Self::IdUsedTwice { association, .. }
            | Self::DisconnectedTooLate { association, .. } => Some(association),
        }
    }
}

/// Puts a value in place of the old one, or removes it. Gives whether that made a difference.
fn put<K: Ord + Clone, V: PartialEq>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) -> bool {
    if map.get(key) == value.as_ref() {
        return false;
    }
    match value {
        Some(value) => drop(map.insert(key.clone(), value)),
        None => drop(map.remove(key)),
    }
    true
}

impl Scope {
    fn add(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Associated(what) => {
                self.bands.insert(what.band);
                self.users.insert(what.user.clone());
                self.associations.insert(what.association);
            }
            Event::UserStands { user, .. }
            | Event::UserSuspended { user, .. }
            | Event::UserResumed { user } => drop(self.users.insert(user.clone())),
            Event::BandStands { band } => drop(self.bands.insert(band.serial)),
            other => self.associations.extend(speaks_of(other)),
        }
    }
}
