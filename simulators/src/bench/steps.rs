//! The appends of real enrollments, to be made again in a real database.

use anyhow::{Context, Result};
use firmware_protocol::receipt::Receipt;
use station_core::journal::JournalRecord;
use station_core::replica::{Change, changes_on_commit, changes_on_intent};
use station_daemon::store::{Store, StoreError};

use crate::world::{Chaos, DATE, Sessions, World};

/// Appends of one enrollment: identity and decision; decision and intent; receipt.
pub(super) const STEPS_PER_ENROLLMENT: usize = 3;

/// One append.
pub(super) struct Step {
    pub(super) records: Vec<JournalRecord>,
    changes: Vec<Change>,
}

impl Step {
    /// Bytes of its records.
    pub(super) fn len(&self) -> usize {
        self.records.iter().map(|record| record.encode().len()).sum()
    }

    /// Makes it durable.
    pub(super) fn append(&self, store: &mut Store) -> Result<(), StoreError> {
        store
            .append(DATE.0 * 1000, &self.records, &self.changes)
            .map(drop)
    }
}

/// All appends of so many first enrollments, in order.
pub(super) fn enrollments(count: usize) -> Result<Vec<Step>> {
    let mut sessions = Sessions::new(5, count, Chaos::None);
    for number in 0..count {
        let told = sessions.enroll_own(number);
        anyhow::ensure!(
            told.code == "done",
            "a simulated enrollment failed: {}",
            told.code
        );
    }
    let mut steps = Vec::new();
    let mut records = Vec::new();
    for entry in sessions.world.station.memory.entries() {
        let record = JournalRecord::decode(&entry.record)?;
        let first = records
            .first()
            .is_some_and(|first| matches!(first, JournalRecord::Identification(_)));
        let last = match &record {
            JournalRecord::Decided(_) => first,
            other => matches!(other, JournalRecord::Intent(_) | JournalRecord::Committed(_)),
        };
        let changes = changes(&sessions.world, &record)?;
        records.push(record);
        if last {
            steps.push(Step {
                records: std::mem::take(&mut records),
                changes,
            });
        }
    }
    anyhow::ensure!(
        steps.len() == count * STEPS_PER_ENROLLMENT,
        "not the appends of an enrollment"
    );
    Ok(steps)
}

fn changes(world: &World, record: &JournalRecord) -> Result<Vec<Change>> {
    match record {
        JournalRecord::Intent(intent) => Ok(changes_on_intent(intent)),
        JournalRecord::Committed(committed) => {
            let receipt = Receipt::verify(&committed.receipt, &committed.band_key)
                .ok()
                .context("a receipt")?;
            let row = world
                .station
                .directory()
                .users
                .get(&receipt.user)
                .context("a known user")?;
            let serial = station_core::convert::serial(&receipt.serial);
            let band = world.station.directory().bands.get(&serial);
            Ok(changes_on_commit(
                &receipt,
                &row.user.id,
                committed.seos,
                band,
                &[],
            ))
        }
        _ => Ok(Vec::new()),
    }
}
