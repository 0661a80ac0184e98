//! Which part of history an entry can influence.

use std::collections::BTreeSet;

use policy::merge::{Entry, Event, HybridTime};
use policy::model::{AssociationId, BandSerial, UserId};

use super::Subjects;
use super::said::{Said, keys};
use crate::db::{DbError, Tx, Val};

/// A part of history that can be folded by itself.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Every entry that the rows to replace follow from, and more.
    pub(super) entries: BTreeSet<Entry>,
    /// The users whose rows, and whose associations' rows, are to be replaced.
    pub(super) users: BTreeSet<UserId>,
    /// The bands whose rows are to be replaced.
    pub(super) bands: BTreeSet<BandSerial>,
    /// Associations that are spoken of without having been made.
    pub(super) associations: BTreeSet<AssociationId>,
}

/// Reads the part that these entries can influence, as far as it was not read before.
pub(super) fn read(tx: &Tx<'_>, new: &[&Entry], said: &mut Said) -> Result<Part, DbError> {
    let (mut part, standing) = named(new);
    let everybody = &part.users | &standing;
    said.read(tx, &part.bands, &part.associations, &everybody)?;
    // Bands that change: those named, those of the associations named, those of users who stand otherwise now.
    part.bands.extend(said.bands_of(&part.associations));
    part.bands.extend(said.bands_had_by(&standing));
    tied(tx, said, &mut part.bands)?;
    part.users = everybody;
    let holders = said.holders(&part.bands).map(|(_, user)| user.clone());
    part.users.extend(holders);
    // To know which band of a user is active, all bands of the user must be known.
    said.read(tx, &part.bands, &part.associations, &part.users)?;
    let mut around = part.bands.clone();
    around.extend(said.bands_had_by(&part.users));
    let (mut ids, mut users) = tied(tx, said, &mut around)?;
    ids.extend(&part.associations);
    users.extend(part.users.iter().cloned());
    said.read(tx, &around, &ids, &users)?;
    part.entries = said.of(&around, &ids, &users);
    Ok(part)
}

/// What entries name, and the users whose bands they do not name.
fn named(new: &[&Entry]) -> (Part, BTreeSet<UserId>) {
    let (mut part, mut standing) = (Part::default(), BTreeSet::new());
    for entry in new {
        match Subjects::of(&entry.event) {
            Subjects {
                association: Some(id),
                user,
                band,
            } => {
                part.associations.insert(*id);
                part.users.extend(user.cloned());
                part.bands.extend(band);
            }
            Subjects { user: Some(user), .. } => {
                standing.insert(user.clone());
            }
            Subjects { band, .. } => part.bands.extend(band),
        }
    }
    (part, standing)
}

/// Adds the bands that an association's id ties to these, because it was used for both. Reads everything that was
/// said of them; returns all their associations and users.
fn tied(
    tx: &Tx<'_>,
    said: &mut Said,
    bands: &mut BTreeSet<BandSerial>,
) -> Result<(BTreeSet<AssociationId>, BTreeSet<UserId>), DbError> {
    loop {
        let (ids, users) = holders(said, bands);
        said.read(tx, bands, &ids, &BTreeSet::new())?;
        let (all, _) = holders(said, bands);
        let before = bands.len();
        bands.extend(said.bands_of(&all));
        if all == ids && bands.len() == before {
            return Ok((ids, users));
        }
    }
}

fn holders(said: &Said, bands: &BTreeSet<BandSerial>) -> (BTreeSet<AssociationId>, BTreeSet<UserId>) {
    said.holders(bands).cloned().unzip()
}

/// The latest time at which anything was said of what these events are about.
pub(super) fn latest(tx: &Tx<'_>, events: &[Event]) -> Result<Option<HybridTime>, DbError> {
    let mut part = Part::default();
    for event in events {
        let subjects = Subjects::of(event);
        part.associations.extend(subjects.association);
        part.users.extend(subjects.user.cloned());
        part.bands.extend(subjects.band);
    }
    let made =
        "select usr, band from entries where association in ({}) and usr is not null and band is not null";
    tx.each_of(made, &keys(&part.associations), |row| {
        part.users.insert(row.parse(0)?);
        part.bands.insert(row.parse(1)?);
        Ok(())
    })?;
    let mut latest = None;
    let mut read = |column: &str, keys: &[Val<'_>]| {
        let sql = format!(
            "select time_ms, counter from entries where {column} in ({{}}) order by time_ms desc, counter desc limit 1"
        );
        tx.each_of(&sql, keys, |row| {
            let counter = u32::try_from(row.int(1)?).unwrap_or(u32::MAX);
            let millis = row.moment(0)?;
            latest = latest.max(Some(HybridTime { millis, counter }));
            Ok(())
        })
    };
    read("association", &keys(&part.associations))?;
    read("usr", &keys(&part.users))?;
    read("band", &keys(&part.bands))?;
    Ok(latest)
}
