//! G4b: recorded decisions come out the same when they are made again, also after a restart.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use firmware_protocol::id::Zone;
use station_core::enrollment::replay;
use station_core::journal::JournalRecord;
use station_daemon::store::Store;

use super::facts::{provisioned, seal_key};
use super::{Effort, Figure, Goal, note};
use crate::cast::Cast;
use crate::world::{Chaos, DATE, Sessions};

/// Decisions recorded and made again.
const DECISIONS: usize = 100_000;
/// Worlds that record at the same time.
const WORLDS: usize = 2;
/// People in a world, and sessions until a new one begins: histories stay as short as in a plant.
const PEOPLE: usize = 30;
const SESSIONS: usize = 300;
/// Records in one transaction, and entries read at a time.
const PAGE_LEN: usize = 1000;

/// What replaying a journal found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    same: usize,
    other: usize,
}

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    note("recording 100,000 decisions of simulated people");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("station.db");
    let mut store = provisioned(&Cast::new(7, Zone::Enrollment, DATE), &file)?;
    for page in record().chunks(PAGE_LEN) {
        store.append(DATE.0 * 1000, page, &[])?;
    }
    note("making them again, before and after a restart");
    let before = replayed(&store)?;
    store.close();
    let after = replayed(&reopened(&file)?)?;
    let name = |count: usize, when| format!("of {count} decisions, made otherwise again {when}");
    let figure = |found: Found, when| {
        let count = found.same + found.other;
        let missing = DECISIONS.saturating_sub(count);
        let wrong = (found.other + missing) as f64;
        Figure::plain("G4b", name(count, when), wrong, "others", Goal::AtMost(0.0))
    };
    Ok(vec![figure(before, "at once"), figure(after, "after a restart")])
}

fn reopened(file: &Path) -> Result<Store> {
    Store::open(file, &seal_key()).context("the database opens again")
}

fn record() -> Vec<JournalRecord> {
    let share = DECISIONS.div_ceil(WORLDS);
    let world = |number: usize| thread::spawn(move || decisions(number as u64 * 1_000_000, share));
    let worlds: Vec<_> = (0..WORLDS).map(world).collect();
    worlds
        .into_iter()
        .flat_map(|world| world.join().expect("a world does not panic"))
        .collect()
}

/// Decisions of one world after the other, in which everything goes wrong that can.
fn decisions(first_seed: u64, count: usize) -> Vec<JournalRecord> {
    let mut found = Vec::with_capacity(count);
    for seed in first_seed.. {
        let mut sessions = Sessions::new(seed, PEOPLE, Chaos::All);
        (0..SESSIONS).for_each(|_| drop(sessions.visit()));
        let entries = sessions.world.station.memory.entries().iter();
        let records = entries.filter_map(|entry| JournalRecord::decode(&entry.record).ok());
        found.extend(records.filter(|record| matches!(record, JournalRecord::Decided(_))));
        if found.len() >= count {
            break;
        }
    }
    found.truncate(count);
    found
}

fn replayed(store: &Store) -> Result<Found> {
    let (mut found, mut next) = (Found { same: 0, other: 0 }, 1);
    loop {
        let entries = store.entries(next, PAGE_LEN as u32)?;
        let Some(last) = entries.last() else {
            return Ok(found);
        };
        next = last.sequence + 1;
        for entry in &entries {
            if let JournalRecord::Decided(decided) = JournalRecord::decode(&entry.record)? {
                let same = replay(&decided) == Some(true);
                found.same += usize::from(same);
                found.other += usize::from(!same);
            }
        }
    }
}
