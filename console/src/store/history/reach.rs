//! Which part of history an entry can influence.

use std::collections::BTreeSet;

use policy::merge::{Entry, Event, HybridTime};
use policy::model::{AssociationId, BandSerial, UserId};

use super::{Subjects, read_entry};
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

/// Who had which band under which association, by any entry.
#[derive(Debug, Default)]
struct Links(BTreeSet<(AssociationId, UserId, BandSerial)>);

impl Links {
    fn bands(&self) -> impl Iterator<Item = BandSerial> {
        self.0.iter().map(|(_, _, band)| *band)
    }

    fn users(&self) -> impl Iterator<Item = UserId> {
        self.0.iter().map(|(_, user, _)| user.clone())
    }

    fn associations(&self) -> BTreeSet<AssociationId> {
        self.0.iter().map(|(id, ..)| *id).collect()
    }

    /// Reads the links with one of `keys` in `column`.
    fn read(&mut self, tx: &Tx<'_>, column: &str, keys: &[Val<'_>]) -> Result<(), DbError> {
        let sql = format!(
            "select association, usr, band from entries where {column} in ({{}}) \
             and association is not null and usr is not null and band is not null"
        );
        tx.each_of(&sql, keys, |row| {
            let id = AssociationId(row.array(0)?);
            self.0.insert((id, row.parse(1)?, row.parse(2)?));
            Ok(())
        })
    }
}

fn keys<'k, T: 'k>(of: impl IntoIterator<Item = &'k T>) -> Vec<Val<'k>>
where
    &'k T: Into<Val<'k>>,
{
    of.into_iter().map(Into::into).collect()
}

/// Reads the part that these entries, which are stored already, can influence.
pub(super) fn read(tx: &Tx<'_>, new: &[&Entry]) -> Result<Part, DbError> {
    let mut part = Part::default();
    let mut stand = BTreeSet::new();
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
                stand.insert(user.clone());
            }
            Subjects { band, .. } => part.bands.extend(band),
        }
    }
    // Bands that change: those named, those of the associations named, those of users who stand otherwise now.
    let mut links = Links::default();
    links.read(tx, "association", &keys(&part.associations))?;
    links.read(tx, "usr", &keys(&stand))?;
    part.bands.extend(links.bands());
    part.users.extend(stand);
    let links = all_of_bands(tx, &mut part.bands)?;
    part.users.extend(links.users());
    // To know which band of a user is active, all bands of the user must be known.
    let mut links = links;
    links.read(tx, "usr", &keys(&part.users))?;
    let mut around: BTreeSet<BandSerial> = links.bands().chain(part.bands.iter().copied()).collect();
    let links = all_of_bands(tx, &mut around)?;
    part.entries = entries(tx, &part, &around, &links)?;
    Ok(part)
}

/// Every link of these bands. An association's id that was used for two bands ties them together, so the
/// other one joins them.
fn all_of_bands(tx: &Tx<'_>, bands: &mut BTreeSet<BandSerial>) -> Result<Links, DbError> {
    let mut links = Links::default();
    let mut open: BTreeSet<BandSerial> = bands.clone();
    while !open.is_empty() {
        let known = links.associations();
        links.read(tx, "band", &keys(&open))?;
        let new: BTreeSet<_> = links.associations().difference(&known).copied().collect();
        links.read(tx, "association", &keys(&new))?;
        open = links.bands().filter(|band| !bands.contains(band)).collect();
        bands.extend(&open);
    }
    Ok(links)
}

fn entries(
    tx: &Tx<'_>,
    part: &Part,
    bands: &BTreeSet<BandSerial>,
    links: &Links,
) -> Result<BTreeSet<Entry>, DbError> {
    let columns = "select writer, sequence, time_ms, counter, event from entries";
    let users: BTreeSet<UserId> = links.users().chain(part.users.iter().cloned()).collect();
    let ids: BTreeSet<AssociationId> = &links.associations() | &part.associations;
    let mut all = BTreeSet::new();
    let mut read = |condition: &str, keys: &[Val<'_>]| {
        let sql = format!("{columns} where {condition}");
        tx.each_of(&sql, keys, |row| {
            all.insert(read_entry(row)?);
            Ok(())
        })
    };
    read("band in ({})", &keys(bands))?;
    read("association in ({}) and band is null", &keys(&ids))?;
    read("usr in ({}) and band is null", &keys(&users))?;
    Ok(all)
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
    let mut links = Links::default();
    links.read(tx, "association", &keys(&part.associations))?;
    part.users.extend(links.users());
    part.bands.extend(links.bands());
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
