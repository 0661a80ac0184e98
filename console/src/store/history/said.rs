//! What was read of history, and of what all of it was read.

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::{Entry, Event};
use policy::model::{AssociationId, BandSerial, UserId};

use super::{Subjects, read_entry};
use crate::db::{DbError, Row, Tx, Val};

macro_rules! entries_where {
    ($condition:literal) => {
        concat!(
            "select writer, sequence, time_ms, counter, event from entries where ",
            $condition
        )
    };
}

/// Entries of these bands.
pub(super) const OF_BANDS: &str = entries_where!("band in ({})");
/// Entries of these associations.
pub(super) const OF_ASSOCIATIONS: &str = entries_where!("association in ({})");
/// Entries of these users.
const OF_USERS: &str = entries_where!("usr in ({})");
/// Entries of the users with these handles.
pub(super) const OF_HANDLES: &str = entries_where!("usr in (select id from users where handle in ({}))");

/// Entries that were read, who had which band under which association by them, and the bands, associations and
/// users of which no entry is missing.
#[derive(Debug, Default)]
pub(super) struct Said {
    entries: BTreeSet<Entry>,
    of_band: BTreeMap<BandSerial, BTreeSet<(AssociationId, UserId)>>,
    of_association: BTreeMap<AssociationId, BTreeSet<BandSerial>>,
    of_user: BTreeMap<UserId, BTreeSet<BandSerial>>,
    whole: Whole,
}

/// Bands, associations and users.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) bands: BTreeSet<BandSerial>,
    pub(super) associations: BTreeSet<AssociationId>,
    pub(super) users: BTreeSet<UserId>,
}

impl Said {
    /// Adds entries.
    pub(super) fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            if let Event::Associated(what) = &entry.event {
                let (association, band) = (what.association, what.band);
                let users = self.of_band.entry(band).or_default();
                users.insert((association, what.user.clone()));
                self.of_association.entry(association).or_default().insert(band);
                match self.of_user.get_mut(&what.user) {
                    Some(bands) => drop(bands.insert(band)),
                    None => drop(self.of_user.insert(what.user.clone(), [band].into())),
                }
            }
            self.entries.insert(entry);
        }
    }

    /// Adds a row of an answer.
    pub(super) fn take(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        self.add([read_entry(row)?]);
        Ok(())
    }

    /// Notes of what every entry is here.
    pub(super) fn is_whole(&mut self, of: Whole) {
        self.whole.bands.extend(of.bands);
        self.whole.associations.extend(of.associations);
        self.whole.users.extend(of.users);
    }

    /// Reads every entry of these, as far as they are not here.
    pub(super) fn read(
        &mut self,
        tx: &Tx<'_>,
        bands: &BTreeSet<BandSerial>,
        associations: &BTreeSet<AssociationId>,
        users: &BTreeSet<UserId>,
    ) -> Result<(), DbError> {
        let whole = &self.whole;
        let missing = Whole {
            bands: bands.difference(&whole.bands).copied().collect(),
            associations: associations.difference(&whole.associations).copied().collect(),
            users: users.difference(&whole.users).cloned().collect(),
        };
        let questions: [(&str, &[Val<'_>]); 3] = [
            (OF_BANDS, &keys(&missing.bands)),
            (OF_ASSOCIATIONS, &keys(&missing.associations)),
            (OF_USERS, &keys(&missing.users)),
        ];
        tx.each_at_once(&questions, |_, row| self.take(row))?;
        self.is_whole(missing);
        Ok(())
    }

    /// The associations of these bands, and their users.
    pub(super) fn holders(
        &self,
        bands: &BTreeSet<BandSerial>,
    ) -> impl Iterator<Item = &(AssociationId, UserId)> {
        bands.iter().filter_map(|band| self.of_band.get(band)).flatten()
    }

    /// The bands of these associations: an id may have been used for two.
    pub(super) fn bands_of(
        &self,
        associations: &BTreeSet<AssociationId>,
    ) -> impl Iterator<Item = BandSerial> {
        let bands = associations.iter().filter_map(|id| self.of_association.get(id));
        bands.flatten().copied()
    }

    /// The bands that these users ever had.
    pub(super) fn bands_had_by(&self, users: &BTreeSet<UserId>) -> impl Iterator<Item = BandSerial> {
        let bands = users.iter().filter_map(|user| self.of_user.get(user));
        bands.flatten().copied()
    }

    /// The entries of these bands; of these associations and users as far as they name no band.
    pub(super) fn of(
        &self,
        bands: &BTreeSet<BandSerial>,
        associations: &BTreeSet<AssociationId>,
        users: &BTreeSet<UserId>,
    ) -> BTreeSet<Entry> {
        let is_of = |entry: &&Entry| match Subjects::of(&entry.event) {
            Subjects { band: Some(band), .. } => bands.contains(band),
            Subjects {
                association: Some(id),
                ..
            } => associations.contains(id),
            Subjects { user, .. } => user.is_some_and(|user| users.contains(user)),
        };
        self.entries.iter().filter(is_of).cloned().collect()
    }
}

pub(super) fn keys<'k, T: 'k>(of: impl IntoIterator<Item = &'k T>) -> Vec<Val<'k>>
where
    &'k T: Into<Val<'k>>,
{
    of.into_iter().map(Into::into).collect()
}
