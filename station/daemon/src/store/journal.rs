//! The journal: appended durably, read in pages, verified link by link.

use station_core::journal::{ChainFault, ChainVerifier, Entry, Head, JournalRecord, StationKey, chain};
use station_core::replica::Change;

use super::sealing::{Access, is_unreadable};
use super::{Store, StoreError, changes};

/// Entries checked at each start: enough to find a torn end, few enough for a journal of any length.
const TAIL_LEN: u64 = 64;

/// What a check of the journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The end of the part that holds.
    pub head: Head,
    /// What is wrong behind it, if anything.
    pub fault: Option<ChainFault>,
}

impl Store {
    /// Appends `records` at the wall time `time_ms` and applies `changes`, in one transaction. All of it is
    /// on the disk when this returns; after an error none of it counts.
    pub fn append(
        &mut self,
        time_ms: u64,
        records: &[JournalRecord],
        changes: &[Change],
    ) -> Result<Head, StoreError> {
        let station = self.station_key()?;
        let mut new_head = Head::EMPTY;
        self.durably(|access| {
            let (entries, head) = chain(station, head(access, station)?, time_ms, records);
            entries.iter().try_for_each(|entry| insert(access, entry))?;
            changes::apply(access, changes)?;
            new_head = head;
            Ok(())
        })?;
        self.appended = Some(new_head);
        Ok(new_head)
    }

    /// The journal's end.
    pub fn head(&self) -> Result<Head, StoreError> {
        head(self.access(), self.station_key()?)
    }

    /// The last entry, if there is one.
    pub fn last_entry(&self) -> Result<Option<Entry>, StoreError> {
        last_entry(self.access(), self.station_key()?)
    }

    /// At most `count` entries from sequence `from` on.
    pub fn entries(&self, from: u64, count: u32) -> Result<Vec<Entry>, StoreError> {
        read(self.access(), self.station_key()?, from, count)
    }

    /// Reads the whole journal and checks every link. Damage to the file is an error, damage to an entry a
    /// finding.
    pub fn verify_journal(&self) -> Result<Verification, StoreError> {
        self.verify_from(Head::EMPTY)
    }

    /// Checks the last entries.
    pub(super) fn verify_tail(&self) -> Result<Verification, StoreError> {
        let last = self.head()?.sequence;
        let start = last.saturating_sub(TAIL_LEN);
        let before = self.entries(start, 1)?;
        match before.first() {
            Some(entry) if entry.sequence == start => self.verify_from(Head {
                sequence: start,
                hash: entry.hash,
            }),
            _ => self.verify_from(Head::EMPTY),
        }
    }

    fn verify_from(&self, start: Head) -> Result<Verification, StoreError> {
        let station = self.station_key()?;
        let mut verifier = ChainVerifier::new(station, start);
        let columns = self.sealing.journal_columns();
        let mut statement = self.connection.prepare(&format!(
            "select sequence, time_ms, {columns} from journal where sequence > ?1 order by sequence"
        ))?;
        let mut rows = statement.query([start.sequence as i64])?;
        while let Some(row) = rows.next()? {
            if let Err(fault) = verifier.push(&self.sealing.open_entry(station, row)?) {
                return Ok(Verification {
                    head: verifier.head(),
                    fault: Some(fault),
                });
            }
        }
        Ok(Verification {
            head: verifier.head(),
            fault: None,
        })
    }
}

/// At most `count` entries from sequence `from` on.
pub(super) fn read(
    access: Access<'_>,
    station: StationKey,
    from: u64,
    count: u32,
) -> Result<Vec<Entry>, StoreError> {
    let columns = access.sealing.journal_columns();
    let mut statement = access.prepare_cached(&format!(
        "select sequence, time_ms, {columns} from journal where sequence >= ?1 order by sequence limit ?2"
    ))?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let entries = statement.query_map((from, count), |row| access.sealing.open_entry(station, row))?;
    entries.map(|entry| entry.map_err(StoreError::from)).collect()
}

/// Stores an entry that was chained already.
pub(super) fn insert(access: Access<'_>, entry: &Entry) -> Result<(), StoreError> {
    let mut statement =
        access.prepare_cached("insert into journal (sequence, time_ms, entry) values (?1, ?2, ?3)")?;
    let (sequence, time_ms) = (entry.sequence as i64, entry.time_ms as i64);
    statement.execute((sequence, time_ms, access.sealing.seal_entry(entry)))?;
    Ok(())
}

/// The end of the journal as it stands in this transaction.
pub(super) fn head(access: Access<'_>, station: StationKey) -> Result<Head, StoreError> {
    let last = last_entry(access, station)?;
    Ok(last.map_or(Head::EMPTY, |entry| Head {
        sequence: entry.sequence,
        hash: entry.hash,
    }))
}

fn last_entry(access: Access<'_>, station: StationKey) -> Result<Option<Entry>, StoreError> {
    let columns = access.sealing.journal_columns();
    let mut statement = access.prepare_cached(&format!(
        "select sequence, time_ms, {columns} from journal order by sequence desc limit 1"
    ))?;
    let mut rows = statement.query(())?;
    let row = rows.next()?;
    let last = row
        .map(|row| access.sealing.open_entry(station, row))
        .transpose()?;
    match last {
        // Nothing may be linked to it.
        Some(entry) if is_unreadable(&entry) => Err(StoreError::Corrupted(format!(
            "entry {} of the journal is not what was sealed",
            entry.sequence
        ))),
        last => Ok(last),
    }
}
