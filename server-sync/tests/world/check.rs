//! What must hold after every step, and in the end. The reference is much simpler than what it checks: lists
//! that are compared as a whole.

use std::collections::{BTreeMap, BTreeSet};

use policy::merge::{self, Event as What, State, Verdict};
use policy::model::{Association, EndCause};
use server_sync::feed::{Row, RowKey};
use server_sync::journal::{OutboxFault, PushAnswer, Standing};
use server_sync::{Entry, StationKey, verify};

use crate::console::{Db, event_of};
use crate::station::Station;
use crate::world::World;

/// After every change of the console's state.
pub(crate) fn console(db: &Db) {
    let state = db.ledger.state();
    one_of_each(state.in_force());
    for id in state.quarantine.keys() {
        let association = &state.associations[id];
        assert!(
            association.is_suspended() && !association.active,
            "I6: {association:?}"
        );
    }
    no_seos_band_changed_hands(db, state);
}

/// I2: one active association per user and zone, one holder per band and zone.
fn one_of_each<'a>(in_force: impl Iterator<Item = &'a Association>) {
    let (mut holders, mut active) = (BTreeSet::new(), BTreeSet::new());
    for it in in_force {
        assert!(
            holders.insert((it.band, it.zone)),
            "I2: two holders of {} in {:?}",
            it.band,
            it.zone
        );
        let first = !it.active || active.insert((&it.user, it.zone));
        assert!(first, "I2: two active bands of {} in {:?}", it.user, it.zone);
    }
}

/// A SEOS-enabled band passes from one user to another by an administrator alone.
fn no_seos_band_changed_hands(db: &Db, state: &State) {
    let kept: BTreeSet<_> = db
        .ledger
        .iter()
        .filter_map(|entry| match &entry.event {
            What::Settled {
                association,
                verdict: Verdict::Keep,
            } => Some(*association),
            _ => None,
        })
        .collect();
    let by_right = |it: &&Association| {
        let rejected = it.ended.is_some_and(|end| end.cause == EndCause::Rejected);
        !state.quarantine.contains_key(&it.id) && !rejected
    };
    for band in state.bands.values().filter(|band| band.seos) {
        let of_band = state
            .associations
            .values()
            .filter(|it| it.band == band.serial)
            .filter(by_right);
        for it in of_band {
            let taken = it.ended.is_some_and(|end| end.cause == EndCause::TakenOver);
            let next = state.associations.values().filter(|other| {
                other.band == it.band && other.zone == it.zone && other.band_epoch > it.band_epoch
            });
            let by_person = next.clone().any(|other| kept.contains(&other.id)) || kept.contains(&it.id);
            assert!(!taken || by_person || was_quarantined(it), "SEOS: {it:?}");
        }
    }
}

/// What sat in quarantine until the band moved on ends as taken over, and was never anybody's by right.
fn was_quarantined(association: &Association) -> bool {
    association.suspension.is_some() && !association.active
}

/// I1: what is acknowledged is in the console's journal, which is that of one station that is or was.
pub(crate) fn acknowledged(world: &World, station: StationKey, answer: &PushAnswer) {
    let known = &world.db.stations[&station];
    if let PushAnswer::Ack(ack) = answer {
        assert_eq!(ack.lineage, world.db.lineage);
        assert_eq!(
            known.journal.len() as u64,
            ack.through,
            "I1: acknowledged and not stored"
        );
        assert_eq!(known.line.head, ack.head());
        let last = known.journal.last();
        assert_eq!(
            last.map(|entry| entry.hash),
            (ack.through > 0).then_some(ack.hash)
        );
        let written = |journal: &[Entry]| journal.get(known.journal.len().wrapping_sub(1)) == last;
        let written = lives_of(world, station).any(|journal| last.is_none() || written(journal));
        assert!(written, "I1: the console has what no station wrote");
    }
}

fn lives_of(world: &World, station: StationKey) -> impl Iterator<Item = &[Entry]> {
    let alive = world.stations.iter().map(|it| &it.disk.journal);
    let all = alive.chain(&world.ghosts).map(Vec::as_slice);
    all.filter(move |journal| journal.first().is_none_or(|entry| entry.station == station))
}

/// I4: after every page, whatever the cursor has passed is applied.
pub(crate) fn station(world: &World, i: usize) {
    let (db, station) = (&world.db, &world.stations[i]);
    let cursor = station.disk.inbox.cursor.expect("a page was applied");
    own_work_is_there(station);
    if cursor.lineage != db.lineage {
        return;
    }
    let site = db.stations[&station.disk.station].site;
    if site != station.disk.inbox.site {
        return;
    }
    for (at, key, is_there) in db.visible(site, cursor.revision.number()) {
        // What went away before a snapshot began is not told, and goes with the snapshot's end.
        let untold = cursor.filling.is_some_and(|began| at <= began.number()) && !is_there;
        let here = station.disk.rows.get(key).map(|(row, _)| row);
        let expected = if is_there { db.row(key) } else { None };
        assert!(
            untold || here == expected.as_ref(),
            "I4: {key:?} at {at}: {here:?}, not {expected:?}"
        );
    }
    if cursor.revision.number() == db.head && cursor.filling.is_none() {
        as_at_the_console(db, station);
    }
}

/// Everything the console shows to this station, and nothing else.
fn as_at_the_console(db: &Db, station: &Station) {
    let site = db.stations[&station.disk.station].site;
    let seen = db.visible(site, db.head).filter(|(_, _, is_there)| *is_there);
    let expected: BTreeMap<&RowKey, Row> = seen.filter_map(|(_, key, _)| Some((key, db.row(key)?))).collect();
    let here: BTreeMap<&RowKey, Row> = station
        .disk
        .rows
        .iter()
        .map(|(key, (row, _))| (key, row.clone()))
        .collect();
    assert_eq!(here, expected, "I4: a replica that has caught up");
}

/// A page never takes back what the station did and the console has not read yet.
fn own_work_is_there(station: &Station) {
    let contained = station.disk.inbox.complete.map_or(0, |it| it.acked_through) as usize;
    let known = station.associations();
    for entry in station.disk.journal.iter().skip(contained) {
        let Some(What::Associated(what)) = event_of(entry).map(|it| it.event) else {
            continue;
        };
        let outdone = known
            .values()
            .any(|it| it.band == what.band && it.zone == what.zone && it.band_epoch >= what.band_epoch);
        assert!(outdone, "own association {} is gone", what.association);
    }
}

/// I5: some waits after the last fault everybody agrees.
pub(crate) fn converged(world: &World) {
    console(&world.db);
    for station in &world.stations {
        let key = station.disk.station;
        let known = &world.db.stations[&key];
        if known.line.standing == Standing::Revoked {
            continue;
        }
        let complete = station.disk.inbox.complete.expect("I5: a whole replica");
        assert_eq!(
            complete.lineage, world.db.lineage,
            "I5: the feed of {key}: {:?}",
            station.inbox
        );
        assert_eq!(
            complete.revision.number(),
            world.db.head,
            "I5: the feed of {key}: {:?}",
            station.inbox
        );
        as_at_the_console(&world.db, station);
        if !station.is_suspect {
            assert_eq!(
                station.outbox.stopped(),
                None,
                "a station that did nothing wrong is refused"
            );
            assert_eq!(station.outbox.backlog(), 0, "I5: the journal of {key}");
            assert_eq!(known.journal, station.disk.journal, "I1: the journal of {key}");
            let of_console: Vec<_> = db_associations(&world.db);
            let here: Vec<_> = station.associations().into_values().collect();
            assert_eq!(here, of_console, "I5: what {key} decides by");
        }
    }
}

/// All associations, as stations see them.
fn db_associations(db: &Db) -> Vec<Association> {
    let all = db
        .ledger
        .state()
        .associations
        .keys()
        .map(|id| RowKey::Association(*id));
    let of_row = |row| match row {
        Some(Row::Association(row)) => row.association(),
        other => panic!("{other:?} for an association"),
    };
    all.map(|key| of_row(db.row(&key))).collect()
}

/// In the end every entry of every disk is at the console, for everybody or for a person to look at; what is not
/// is still on its disk, and its station says by name why.
pub(crate) fn nothing_is_lost(world: &World) {
    for station in &world.stations {
        let known = &world.db.stations[&station.disk.station];
        let missing = |entry: &&Entry| !known.journal.contains(entry) && !known.review.contains(entry);
        let missing = station.disk.journal.iter().filter(missing).count();
        let standing = known.line.standing;
        if standing == Standing::Revoked {
            let is_told = matches!(station.outbox.stopped(), Some(OutboxFault::Revoked));
            assert!(is_told || station.outbox.backlog() == 0, "{:?}", station.outbox);
            continue;
        }
        assert_eq!(missing, 0, "I1: {standing:?} {:?}", station.outbox);
        if let Some(fault) = station.outbox.stopped() {
            assert!(station.is_suspect, "{fault}");
        } else {
            // Where two were at work, the one that was first has nothing to say and is not told yet.
            let is_first = known.journal.starts_with(&station.disk.journal);
            assert!(is_first, "{standing:?} {:?}", station.outbox);
            let is_whole = known.journal == station.disk.journal;
            assert!(standing != Standing::Good || is_whole || station.is_suspect);
        }
    }
    the_history_is_what_came(&world.db);
}

/// I1: the history is what stations sent and administrators did, each once, and its state is the fold of it.
fn the_history_is_what_came(db: &Db) {
    let mut expected: BTreeSet<merge::Entry> = db.acts.iter().cloned().collect();
    for (station, known) in &db.stations {
        verify(*station, &known.journal).expect("I8: a journal that holds");
        expected.extend(known.journal.iter().filter_map(event_of));
    }
    let came: BTreeSet<merge::Entry> = db.ledger.iter().cloned().collect();
    assert_eq!(came, expected);
    assert_eq!(*db.ledger.state(), merge::merge(&expected));
}
