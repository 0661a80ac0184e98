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
struct Links {
    all: BTreeSet<(AssociationId, UserId, BandSerial)>,
    /// Bands all of whose links are here.
    whole: BTreeSet<BandSerial>,
}

/// The links of bands with their associations' links to others, for an id that was used for two bands.
const OF_BANDS: &str = "select association, usr, band from entries where association in \
     (select association from entries where band in ({}) and association is not null) \
     and usr is not null and band is not null";

impl Links {
    fn bands(&self) -> impl Iterator<Item = BandSerial> {
        self.all.iter().map(|(_, _, band)| *band)
    }

    fn users(&self) -> impl Iterator<Item = UserId> {
        self.all.iter().map(|(_, user, _)| user.clone())
    }

    fn associations(&self) -> BTreeSet<AssociationId> {
        self.all.iter().map(|(id, ..)| *id).collect()
    }

    /// Reads the links with one of the keys in the column named beside them.
    fn read(&mut self, tx: &Tx<'_>, of: &[(&str, &[Val<'_>])], bands: &[Val<'_>]) -> Result<(), DbError> {
        let sql = |column: &str| {
            format!(
                "select association, usr, band from entries where {column} in ({{}}) \
                 and association is not null and usr is not null and band is not null"
            )
        };
        let sql: Vec<String> = of.iter().map(|(column, _)| sql(column)).collect();
        let others = sql.iter().zip(of).map(|(sql, (_, keys))| (sql.as_str(), *keys));
        let questions: Vec<_> = others.chain([(OF_BANDS, bands)]).collect();
        tx.each_at_once(&questions, |_, row| {
            let id = AssociationId(row.array(0)?);
            self.all.insert((id, row.parse(1)?, row.parse(2)?));
            Ok(())
        })
    }

    /// Reads every link of these bands, and the links with one of the keys in the column named beside them, whose bands
    /// join the others. An association's id that was used for two bands ties them together, so the other one
    /// joins them too.
    fn all_of_bands(
        &mut self,
        tx: &Tx<'_>,
        bands: &mut BTreeSet<BandSerial>,
        also: &[(&str, &[Val<'_>])],
    ) -> Result<(), DbError> {
        let mut also = also;
        loop {
            let open: BTreeSet<BandSerial> = bands.difference(&self.whole).copied().collect();
            if open.is_empty() && also.iter().all(|(_, keys)| keys.is_empty()) {
                return Ok(());
            }
            self.read(tx, also, &keys(&open))?;
            self.whole.extend(open);
            bands.extend(self.bands());
            also = &[];
        }
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
    let (named, standing) = (keys(&part.associations), keys(&stand));
    let also = [("association", named.as_slice()), ("usr", standing.as_slice())];
    links.all_of_bands(tx, &mut part.bands, &also)?;
    part.users.extend(links.users());
    part.users.extend(stand.iter().cloned());
    // To know which band of a user is active, all bands of the user must be known.
    let mut around = part.bands.clone();
    links.all_of_bands(tx, &mut around, &[("usr", &keys(&part.users))])?;
    part.entries = entries(tx, &part, &around, &links)?;
    Ok(part)
}

macro_rules! entries_where {
    ($condition:literal) => {
        concat!(
            "select writer, sequence, time_ms, counter, event from entries where ",
            $condition
        )
    };
}

fn entries(
    tx: &Tx<'_>,
    part: &Part,
    bands: &BTreeSet<BandSerial>,
    links: &Links,
) -> Result<BTreeSet<Entry>, DbError> {
    let users: BTreeSet<UserId> = links.users().chain(part.users.iter().cloned()).collect();
    let ids: BTreeSet<AssociationId> = &links.associations() | &part.associations;
    let mut all = BTreeSet::new();
    let questions = [
        (entries_where!("band in ({})"), &*keys(bands)),
        (
            entries_where!("association in ({}) and band is null"),
            &*keys(&ids),
        ),
        (entries_where!("usr in ({}) and band is null"), &*keys(&users)),
    ];
    tx.each_at_once(&questions, |_, row| {
        all.insert(read_entry(row)?);
        Ok(())
    })?;
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
    links.read(tx, &[("association", &keys(&part.associations))], &[])?;
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
