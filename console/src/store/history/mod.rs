//! History: the one way in which users, bands and associations change.
//!
//! An entry that is new is stored; then the part of history that it can influence is read and folded by
//! [`policy::merge`], and the rows of that part are replaced where they differ. The part is small however
//! long history grows:
//!
//! - what an entry says of a band (or of one of its associations) can change that band's associations;
//! - what it says of a user can change the associations of all bands the user ever had;
//! - a changed association can change which of its user's other bands is active or primary.
//!
//! So the *changed bands* and every user who ever had one of them are *replaced*, and to fold those rightly
//! all bands of these users are read, with what was said of all of their users (`reach`). A test compares
//! the rows with a fold of the whole history.

mod ahead;
mod reach;
mod rows;
mod said;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::{Associated, Entry, Event, HybridTime, Oddity, Stamp, State};
use policy::model::{AssociationId, BandSerial, StationId, UnixMillis, UserId};
use ring::digest::{SHA256, digest};

use self::said::Said;
use super::{feed, settings};
use crate::args;
use crate::db::{DbError, Row, Tx, Val};

pub(crate) use ahead::{About, Ahead, Told};
pub use rows::Folded;
pub(crate) use rows::{After, Marked, code};

/// Stores the entries that are not there yet and brings every row that follows from them up to date. The
/// same entries again change nothing. `now` is when the console got them.
pub fn append(tx: &Tx<'_>, entries: &[Entry], now: UnixMillis) -> Result<Folded, DbError> {
    append_marking(tx, entries, now, Ahead::default(), |_| Ok(Vec::new()))
}

/// The same, knowing what was read ahead in this transaction, and marks in the feed what `more` finds when the rows
/// are there.
pub(crate) fn append_marking(
    tx: &Tx<'_>,
    entries: &[Entry],
    now: UnixMillis,
    ahead: Ahead,
    more: impl FnOnce(&After<'_>) -> Result<Vec<Marked>, DbError>,
) -> Result<Folded, DbError> {
    let new = store(tx, entries, &ahead, now)?;
    if new.is_empty() {
        feed::mark_all(tx, &more(&After::NOTHING)?)?;
        return Ok(Folded::default());
    }
    let Ahead { mut said, stored, .. } = ahead;
    said.add(new.iter().copied().cloned());
    let part = reach::read(tx, &new, &mut said)?;
    rows::replace(tx, &part, stored, now, new.len(), more)
}

/// Stores entries; returns those that were not there.
fn store<'e>(
    tx: &Tx<'_>,
    entries: &'e [Entry],
    ahead: &Ahead,
    now: UnixMillis,
) -> Result<Vec<&'e Entry>, DbError> {
    let forms: Vec<Form<'e>> = entries.iter().map(Form::of).collect();
    let known = match ahead.knows_numbers(entries) {
        true => &ahead.known,
        false => &known(tx, &forms)?,
    };
    let mut seen = BTreeSet::new();
    let new: Vec<&Form<'_>> = forms
        .iter()
        .filter(|form| !known.contains(&form.id()) && seen.insert(form.id()))
        .collect();
    note_numbers_used_twice(tx, known, &new, now)?;
    let values: Vec<Val<'_>> = new.iter().flat_map(|form| form.values(now)).collect();
    tx.insert_later(
        "insert into entries (writer, sequence, digest, time_ms, counter, association, usr, band, event, received_ms)",
        10,
        &values,
        "on conflict do nothing",
    )?;
    Ok(new.into_iter().map(|form| form.entry).collect())
}

type EntryId = ([u8; 16], u64, [u8; 16]);

/// A writer that uses one number for two entries was copied or rolled back. The two entries may belong to
/// parts of history that are never folded together, so it is noticed here.
fn note_numbers_used_twice(
    tx: &Tx<'_>,
    known: &BTreeSet<EntryId>,
    new: &[&Form<'_>],
    now: UnixMillis,
) -> Result<(), DbError> {
    let mut used: BTreeSet<(StationId, u64)> = known.iter().map(|id| (StationId(id.0), id.1)).collect();
    let stamps = new
        .iter()
        .map(|form| (form.entry.stamp.station, form.entry.stamp.sequence));
    let twice: Vec<_> = stamps.filter(|number| !used.insert(*number)).collect();
    for (station, sequence) in twice {
        rows::note_oddity(tx, &Oddity::SequenceUsedTwice { station, sequence }, now)?;
    }
    Ok(())
}

/// Which of these entries are stored. Looked up by writer and sequence, of which a batch has few ranges.
fn known(tx: &Tx<'_>, forms: &[Form<'_>]) -> Result<BTreeSet<EntryId>, DbError> {
    let mut ranges: BTreeMap<[u8; 16], (u64, u64)> = BTreeMap::new();
    for form in forms {
        let Stamp {
            station, sequence, ..
        } = form.entry.stamp;
        let range = ranges.entry(station.0).or_insert((sequence, sequence));
        *range = (range.0.min(sequence), range.1.max(sequence));
    }
    let mut known = BTreeSet::new();
    for (writer, (low, high)) in &ranges {
        tx.each(
            "select sequence, digest from entries where writer = $1 and sequence >= $2 and sequence <= $3",
            args![writer, *low, *high],
            |row| {
                known.insert((*writer, row.count(0)?, row.array(1)?));
                Ok(())
            },
        )?;
    }
    Ok(known)
}

/// An entry as it is stored.
struct Form<'e> {
    entry: &'e Entry,
    event: String,
    digest: [u8; 16],
}

impl<'e> Form<'e> {
    fn of(entry: &'e Entry) -> Self {
        let event = serde_json::to_string(&entry.event).expect("an event has a form in JSON");
        let HybridTime { millis, counter } = entry.stamp.time;
        let text = format!("{}.{counter} {event}", millis.0);
        let hash = digest(&SHA256, text.as_bytes());
        let digest = *hash.as_ref().first_chunk().expect("a hash has 32 bytes");
        Self { entry, event, digest }
    }

    fn id(&self) -> EntryId {
        let Stamp {
            station, sequence, ..
        } = self.entry.stamp;
        (station.0, sequence, self.digest)
    }

    fn values(&self, now: UnixMillis) -> [Val<'_>; 10] {
        let Stamp {
            time,
            station,
            sequence,
        } = &self.entry.stamp;
        let Subjects {
            association,
            user,
            band,
        } = Subjects::of(&self.entry.event);
        [
            station.into(),
            (*sequence).into(),
            (&self.digest).into(),
            time.millis.into(),
            time.counter.into(),
            association.into(),
            user.into(),
            band.into(),
            (&self.event).into(),
            now.into(),
        ]
    }
}

/// What an event is about, as it names it.
struct Subjects<'e> {
    association: Option<&'e AssociationId>,
    user: Option<&'e UserId>,
    band: Option<&'e BandSerial>,
}

impl<'e> Subjects<'e> {
    fn of(event: &'e Event) -> Self {
        let (association, user, band) = match event {
            Event::Associated(what) => (Some(&what.association), Some(&what.user), Some(&what.band)),
            Event::Disconnected { association }
            | Event::AssociationSuspended { association, .. }
            | Event::AssociationResumed { association }
            | Event::MadeActive { association }
            | Event::MadeInactive { association }
            | Event::MadePrimary { association }
            | Event::Settled { association, .. } => (Some(association), None, None),
            Event::UserStands { user, .. }
            | Event::UserSuspended { user, .. }
            | Event::UserResumed { user } => (None, Some(user), None),
            Event::BandStands { band } => (None, None, Some(&band.serial)),
        };
        Self {
            association,
            user,
            band,
        }
    }
}

/// Reads `writer, sequence, time_ms, counter, event`.
fn read_entry(row: &Row<'_>) -> Result<Entry, DbError> {
    let time = HybridTime {
        millis: row.moment(2)?,
        counter: u32::try_from(row.int(3)?).unwrap_or(u32::MAX),
    };
    let stamp = Stamp {
        time,
        station: StationId(row.array(0)?),
        sequence: row.count(1)?,
    };
    Ok(Entry {
        stamp,
        event: row.json(4)?,
    })
}

/// What these events would do: the state of what they reach, before and after. Changes nothing.
pub fn foresee(tx: &Tx<'_>, events: &[Event], now: UnixMillis) -> Result<(State, State), DbError> {
    let first = after_everything(tx, events, now)?;
    let new = stamped(events.to_vec(), first, StationId([0xff; 16]), 0);
    let mut part = reach::read(tx, &new.iter().collect::<Vec<_>>(), &mut Said::default())?;
    let before = rows::fold(&part);
    part.entries.extend(new);
    Ok((before, rows::fold(&part)))
}

/// What the console itself says: appends `events`, stamped after everything that is known of their
/// subjects, so that the console's word is the later one whatever the clocks of stations say.
pub fn say(tx: &Tx<'_>, events: Vec<Event>, now: UnixMillis) -> Result<Folded, DbError> {
    if events.is_empty() {
        return Ok(Folded::default());
    }
    let first = after_everything(tx, &events, now)?;
    stamp_and_append(tx, events, first, now)
}

/// The first time that is later than everything known of what these events are about.
fn after_everything(tx: &Tx<'_>, events: &[Event], now: UnixMillis) -> Result<HybridTime, DbError> {
    let next = |time: HybridTime| HybridTime {
        counter: time.counter + 1,
        ..time
    };
    let now = HybridTime {
        millis: now,
        counter: 0,
    };
    Ok(reach::latest(tx, events)?.map_or(now, |latest| now.max(next(latest))))
}

fn stamp_and_append(
    tx: &Tx<'_>,
    events: Vec<Event>,
    first: HybridTime,
    now: UnixMillis,
) -> Result<Folded, DbError> {
    let station = settings::writer(tx)?;
    let count = events.len() as i64;
    let last = tx.number(
        "insert into writers (station, sequence) values ($1, $2) \
         on conflict (station) do update set sequence = writers.sequence + $2 returning sequence",
        args![&station, count],
    )?;
    let sequence = (last - count + 1) as u64;
    append(tx, &stamped(events, first, station, sequence), now)
}

fn stamped(events: Vec<Event>, first: HybridTime, station: StationId, sequence: u64) -> Vec<Entry> {
    let stamp = |index: usize| Stamp {
        time: HybridTime {
            millis: first.millis,
            counter: first.counter.saturating_add(index as u32),
        },
        station,
        sequence: sequence + index as u64,
    };
    let numbered = events.into_iter().enumerate();
    numbered
        .map(|(index, event)| Entry {
            stamp: stamp(index),
            event,
        })
        .collect()
}

/// What the first entry that made this association says.
pub fn made(tx: &Tx<'_>, id: &AssociationId) -> Result<Option<Associated>, DbError> {
    let events = tx.all(
        "select event from entries where association = $1 and band is not null order by time_ms, counter",
        args![id],
        |row| row.json(0),
    )?;
    Ok(events.into_iter().find_map(|event| match event {
        Event::Associated(made) => Some(made),
        _ => None,
    }))
}

/// What the console writes down of a time before it existed: stamped with `at`, so that what stations wrote
/// later counts as later.
pub fn adopt(tx: &Tx<'_>, events: Vec<Event>, at: UnixMillis, now: UnixMillis) -> Result<Folded, DbError> {
    let time = HybridTime {
        millis: at,
        counter: 0,
    };
    stamp_and_append(tx, events, time, now)
}

/// Everything that was ever said, ordered by stamp: for checks and for moving to another console.
pub fn everything(tx: &Tx<'_>) -> Result<Vec<Entry>, DbError> {
    let mut all = tx.all(
        "select writer, sequence, time_ms, counter, event from entries",
        &[],
        read_entry,
    )?;
    all.sort();
    Ok(all)
}

/// What was said of a user, of the user's associations, or of their bands; the latest first.
pub fn of_user(tx: &Tx<'_>, user: &UserId, limit: usize) -> Result<Vec<Entry>, DbError> {
    tx.all(
        "select writer, sequence, time_ms, counter, event from entries where usr = $1 \
         or association in (select association from entries where usr = $1 and association is not null) \
         order by time_ms desc, counter desc limit $2",
        args![user, limit],
        read_entry,
    )
}

/// What was said of an association; the latest first.
pub fn of_association(tx: &Tx<'_>, id: &AssociationId, limit: usize) -> Result<Vec<Entry>, DbError> {
    tx.all(
        "select writer, sequence, time_ms, counter, event from entries where association = $1 \
         order by time_ms desc, counter desc limit $2",
        args![id, limit],
        read_entry,
    )
}

/// What was said of a band and of its associations; the latest first.
pub fn of_band(tx: &Tx<'_>, band: &BandSerial, limit: usize) -> Result<Vec<Entry>, DbError> {
    tx.all(
        "select writer, sequence, time_ms, counter, event from entries where band = $1 \
         or association in (select association from entries where band = $1 and association is not null) \
         order by time_ms desc, counter desc limit $2",
        args![band, limit],
        read_entry,
    )
}
